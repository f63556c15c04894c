"""Enabled lab packages: ``enable``, ``disable``, ``current``, and :class:`Lab`, which holds the current generation."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import threading
import weakref
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from hotlab.importing import adopting, executing, reloading
from hotlab.importing.binding import lab_builtins
from hotlab.importing.errors import (
    HotlabError,
    LabNotEnabled,
    LabNotFoundOnPath,
    NotInLabCode,
    ReloadInProgress,
)
from hotlab.importing.facades import Facade
from hotlab.importing.generations import Generation, Registry
from hotlab.importing.loaders import LabFinder, LabLoader
from hotlab.importing.records import ModuleRecord, own_namespace, record_of_namespace
from hotlab.importing.reloading import Plan
from hotlab.importing.sources import DiskTree, SourceTree

_labs: dict[str, Lab] = {}
_labs_lock = threading.Lock()
_finder = LabFinder(_labs)


class Lab:
    """A lab package in this process.

    `current` is the generation that new work takes; it moves by one attribute store. Its methods may be called from
    any thread. Reloads never interleave.

    Attributes:
        name: the import name of the package.
        root: the package's folder.
        current: the current generation.
    """

    def __init__(self, name: str, root: Path, tree: SourceTree) -> None:
        self.name = name
        self.root = root
        self.tree = tree
        self.enabled = True
        self.mutex = threading.RLock()
        self.builtins = lab_builtins(self)
        self._reload_lock = threading.Lock()
        self._reloader: int | None = None
        self._alive: weakref.WeakSet[Generation] = weakref.WeakSet()
        self.current = Generation(self, 0, tree.snapshot())
        self._alive.add(self.current)
        self._last_number = 0

    def __repr__(self) -> str:
        return f"<Lab {self.name}, generation {self.current.number}>"

    def generation_here(self) -> Generation:
        """The generation this thread is making, if it executes a module of the lab, else the current one."""
        return executing.innermost_of(self) or self.current

    def generations_alive(self) -> list[Generation]:
        """The generations that something still uses, oldest first."""
        return sorted(self._alive, key=lambda generation: generation.number)

    def is_facade_of_record(self, facade: Facade) -> bool:
        """Whether a façade stands for a module that the current generation has executed."""
        loader = own_namespace(facade)["__spec__"].loader
        record = self.current.records.get(loader.name)
        return record is not None and record.facade is facade

    def start_afresh(self) -> None:
        """The root is being imported for the first time (again): take the sources as they are now."""
        with self.mutex:
            if not self.current.staged:
                self.current = Generation(self, self.current.number, self.tree.snapshot())
                self._alive.add(self.current)

    def pending(self) -> tuple[str, ...]:
        """Names of the modules whose source on disk differs from the current generation's."""
        with self._reloading():
            plan = self._make_plan()
        return () if plan is None else plan.changed

    def plan(self) -> Plan | None:
        """Look at the sources and say what an edit affects; None where nothing changed.

        Raises:
            ReloadRefused: a changed file can't be read or compiled.
            ReloadInProgress: asked for by code that a reload is executing.
        """
        with self._reloading():
            plan = self._make_plan()
            if plan is not None:
                reloading.compile_changed(plan)
            return plan

    def _make_plan(self) -> Plan | None:
        adopting.settle(self.current)
        return reloading.make_plan(self.current, self.tree)

    def stage(self, plan: Plan) -> Generation:
        """Execute the affected modules aside. Nobody sees them before :meth:`commit`.

        Raises:
            ReloadRefused: an affected module raised; everything is as it was before.
        """
        with self._reloading():
            if plan.base is not self.current:
                raise HotlabError("the plan was made for a generation that is no longer current: plan again")
            return reloading.stage(plan, self._last_number + 1)

    def commit(self, staged: Generation) -> Generation:
        """Make a staged generation the current one."""
        with self._reloading(), self.mutex:
            before = self.current
            reloading.carry_late_loads(before, staged)
            staged.staged = False
            self._last_number = max(self._last_number, staged.number)
            self._alive.add(staged)
            self.current = staged
            reloading.publish(staged, before)
            return staged

    def discard(self, staged: Generation) -> None:
        """Drop a staged generation: nothing of it remains."""
        reloading.discard(staged)

    def revert(self, generation: Generation) -> None:
        """Make an older generation, which the caller kept, the current one again."""
        with self._reloading(), self.mutex:
            before = self.current
            self.current = generation
            reloading.publish(generation, before)

    def refuse_from_within(self) -> None:
        """Raise ReloadInProgress where the calling thread is executing a module of the lab for a reload."""
        top = executing.top()
        if self._reloader == threading.get_ident() or (top is not None and top[0].lab is self):
            where = f" (by {top[1].name})" if top is not None else ""
            raise ReloadInProgress(
                f"lab {self.name} was asked to reload by code that is being imported{where}: "
                "ask from outside, or call hotlab.refresh(wait=False) once the import is over"
            )

    def _reloading(self) -> _Turn:
        return _Turn(self)


class _Turn:
    """One thread's turn at reloading a lab. A module that a reload executes gets none: it would wait for itself."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __enter__(self) -> None:
        lab = self._lab
        lab.refuse_from_within()
        lab._reload_lock.acquire()
        lab._reloader = threading.get_ident()

    def __exit__(self, *exc: object) -> None:
        self._lab._reloader = None
        self._lab._reload_lock.release()


def enable(package: str | None = None) -> Lab:
    """Let hotlab track a lab package: from here on an edit can be taken in while the lab runs.

    In the package's ``__init__.py``, first line: ``hotlab.enable()``. From outside, before or after the package is
    imported: ``hotlab.enable("fake_lab")``. Calling it again is harmless.

    Args:
        package: import name of a top-level package; left out, the package whose ``__init__`` is calling.

    Returns:
        The lab.

    Raises:
        LabNotFoundOnPath: no such package can be found.
        NotInLabCode: called without a name by code that is no package's.
    """
    if package is None:
        caller = sys._getframe(1).f_globals
        package = str(caller.get("__package__") or caller.get("__name__") or "").partition(".")[0]
        if package in ("", "__main__"):
            raise NotInLabCode(
                "hotlab.enable() without a name belongs into the first line of a lab package's __init__.py; "
                'from elsewhere name the package: hotlab.enable("my_lab")'
            )
    if "." in package:
        raise LabNotFoundOnPath(f"{package!r} is no top-level package: enable {package.partition('.')[0]!r} instead")
    with _labs_lock:
        lab = _labs.get(package)
        if lab is not None:
            return lab
        root = _find_root(package)
        lab = Lab(package, root, DiskTree(package, root))
        adopting.adopt_loaded(lab.current)
        _labs[package] = lab
        executing.watch_reads()
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        return lab


def _find_root(package: str) -> Path:
    loaded = sys.modules.get(package)
    spec: Any = getattr(loaded, "__spec__", None)
    if spec is None:
        try:
            spec = importlib.machinery.PathFinder.find_spec(package)
        except (ImportError, ValueError):
            spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(os.path.abspath(next(iter(spec.submodule_search_locations))))
    if spec is not None and spec.origin and spec.origin.endswith(".py"):
        return Path(os.path.abspath(spec.origin))
    raise LabNotFoundOnPath(
        f"no package named {package!r} on sys.path: install it, run from the folder that holds it, or set PYTHONPATH"
    )


def disable(package: str) -> None:
    """Stop tracking a lab package: the finder lets its names go and ``sys.modules`` holds plain modules again."""
    with _labs_lock:
        lab = _labs.pop(package, None)
        if lab is None:
            raise LabNotEnabled(f"lab {package!r} is not enabled")
        lab.enabled = False
        if not _labs and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
    adopting.settle(lab.current)
    adopting.leave_plain(lab.current)


def enabled_labs() -> dict[str, Lab]:
    """The enabled labs by name."""
    return dict(_labs)


def get_lab(name: str | None = None) -> Lab:
    """An enabled lab: by name, else the one whose code is calling, else the only one.

    Raises:
        LabNotEnabled: there is none, or several and no name was given.
    """
    if name is not None:
        lab = _labs.get(name)
        if lab is None:
            known = f"; enabled: {', '.join(sorted(_labs))}" if _labs else ""
            raise LabNotEnabled(f'lab {name!r} is not enabled: call hotlab.enable("{name}") first{known}')
        return lab
    record = _calling_record()
    if record is not None and record.home.lab.enabled:
        return record.home.lab
    if len(_labs) == 1:
        return next(iter(_labs.values()))
    if not _labs:
        raise LabNotEnabled("no lab is enabled: call hotlab.enable() in the lab's __init__.py")
    raise LabNotEnabled(f"several labs are enabled ({', '.join(sorted(_labs))}): name the one you mean")


def current(name: str | None = None) -> Generation:
    """The current generation of a lab: the one that new work takes. Without a name as :func:`get_lab`."""
    return get_lab(name).current


def registering() -> Registry:
    """The registry to which definitions made now belong: of the generation that this thread is making.

    Raises:
        NotInLabCode: the call comes from no lab module.
    """
    top = executing.top()
    if top is not None:
        return _RegistryFor(top[0], top[1])
    record = _calling_record()
    if record is None:
        raise NotInLabCode(
            "definitions (add_device, add_task, …) belong into modules of a lab package that called hotlab.enable()"
        )
    return _RegistryFor(record.home, record)


class _RegistryFor(Registry):
    """A generation's registry that knows the module it is being asked for."""

    def __init__(self, generation: Generation, record: ModuleRecord) -> None:
        super().__init__(generation)
        self._record = record

    def register(self, key: Any, value: object, module: str | None = None) -> None:
        super().register(key, value, module or self._record.name)


def generation_of(what: object) -> Generation | None:
    """The newest generation that holds the module of some lab code: of a function, a class, a module or globals."""
    if isinstance(what, Facade):
        return own_loader(what).lab.current
    if isinstance(what, ModuleType):
        what = own_namespace(what)
    namespace = getattr(what, "__globals__", what)
    record = record_of_namespace(namespace)
    return record.home if record is not None else None


def own_loader(facade: Facade) -> LabLoader:
    """The loader of a façade."""
    loader: LabLoader = own_namespace(facade)["__spec__"].loader
    return loader


def _calling_record() -> ModuleRecord | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        record = record_of_namespace(frame.f_globals)
        if record is not None:
            return record
        frame = frame.f_back
    return None
