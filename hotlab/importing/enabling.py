"""Which labs are enabled: ``enable``, ``disable``, ``current``, and what belongs to the lab whose code is calling."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from hotlab.importing import adopting, companions, executing, live_builtins
from hotlab.importing.disk import DiskTree
from hotlab.importing.errors import LabNotEnabled, LabNotFoundOnPath, NotInLabCode
from hotlab.importing.facades import Facade, loader_of
from hotlab.importing.generations import Generation
from hotlab.importing.labs import Lab
from hotlab.importing.loaders import LabFinder
from hotlab.importing.records import ModuleRecord, own_namespace, record_of_namespace
from hotlab.importing.registry import Registry

_labs: dict[str, Lab] = {}
_labs_lock = threading.Lock()
_finder = LabFinder(_labs)
_prepared = False


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
        live_builtins.keep_in_line(lab.builtins)
        _prepare_process()
        companions.begin(lab)
        if _finder not in sys.meta_path:
            sys.meta_path.insert(_place_of_finder(), _finder)
        return lab


def _find_root(package: str) -> Path:
    loaded = sys.modules.get(package)
    spec: Any = getattr(loaded, "__spec__", None)
    for finder in sys.meta_path:  # not importlib.util.find_spec: it believes what sys.modules holds
        if spec is None and finder is not _finder and hasattr(finder, "find_spec"):
            spec = finder.find_spec(package, None)
    if spec is not None and spec.submodule_search_locations:
        return Path(os.path.abspath(next(iter(spec.submodule_search_locations))))
    if spec is not None and spec.origin and spec.origin.endswith(".py"):
        return Path(os.path.abspath(spec.origin))
    raise LabNotFoundOnPath(
        f"no package named {package!r} on sys.path: install it, run from the folder that holds it, or set PYTHONPATH"
    )


def _prepare_process() -> None:
    """What can be done once only, as Python has no way to take it back."""
    global _prepared
    if not _prepared:
        _prepared = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_reset_in_child)


def _place_of_finder() -> int:
    """Right before Python's own: a finder that stands before it has a claim on some names of every package.

    pytest's, for one, which rewrites the assertions of test modules, a lab's own tests included.
    """
    for place, finder in enumerate(sys.meta_path):
        if finder is importlib.machinery.PathFinder:
            return place
    return len(sys.meta_path)


def disable(package: str) -> None:
    """Stop tracking a lab package: the finder lets its names go and ``sys.modules`` holds plain modules again."""
    with _labs_lock:
        lab = _labs.pop(package, None)
        if lab is None:
            raise LabNotEnabled(f"lab {package!r} is not enabled")
        lab.enabled = False
        live_builtins.let_go(lab.builtins)
        companions.end(lab)
        if not _labs and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
    adopting.settle(lab.current)
    adopting.leave_plain(lab.current)


def _reset_in_child() -> None:
    """A forked child has only the thread that forked: what the others held or were doing there is undone."""
    global _labs_lock
    _labs_lock = threading.Lock()
    live_builtins.reset_in_child()
    for lab in _labs.values():
        lab.reset_in_child()


def enabled_labs() -> dict[str, Lab]:
    """The enabled labs by name."""
    return dict(_labs)


def get_lab(name: str | None = None) -> Lab:
    """An enabled lab: by name, else the only one, else the one whose code is calling.

    Raises:
        LabNotEnabled: there is none, or several and no name was given.
    """
    if name is not None:
        lab = _labs.get(name)
        if lab is None:
            known = f"; enabled: {', '.join(sorted(_labs))}" if _labs else ""
            raise LabNotEnabled(f'lab {name!r} is not enabled: call hotlab.enable("{name}") first{known}')
        return lab
    if len(_labs) == 1:
        return next(iter(_labs.values()))
    record = _calling_record()
    if record is not None and record.lab.enabled:
        return record.lab
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
        return loader_of(what).lab.current
    if isinstance(what, ModuleType):
        what = own_namespace(what)
    namespace = getattr(what, "__globals__", what)
    record = record_of_namespace(namespace)
    return record.home if record is not None else None


def _calling_record() -> ModuleRecord | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        record = record_of_namespace(frame.f_globals)
        if record is not None:
            return record
        frame = frame.f_back
    return None
