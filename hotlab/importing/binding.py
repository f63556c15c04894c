"""The bound import: code sees the generation it was born in.

CPython looks ``__import__`` up in the builtins of the running frame, and a function takes its builtins from its
globals when it is made. Each lab module's globals name one ``__builtins__`` dict per lab, whose ``__import__`` finds
the importing code's module record through those globals and resolves lab names in the record's generation. There is
no thread-local, no context variable and no patch of import itself: threads, timers, callbacks and suspended
generators of old code import old code, and imports of anything else are Python's own.
"""

from __future__ import annotations

import dis
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from hotlab.importing import executing
from hotlab.importing.asking import calling_record, generation_asked_for
from hotlab.importing.companions import library_imported
from hotlab.importing.facades import Facade, loader_of
from hotlab.importing.live_builtins import real_builtins
from hotlab.importing.records import (
    GenerationPackage,
    ModuleRecord,
    children_of,
    record_of,
    record_of_namespace,
    show_unfinished,
)

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.labs import Lab

_IMPORT_NAME = dis.opmap["IMPORT_NAME"]


def bound_import(lab: Lab) -> Callable[..., Any]:
    """The ``__import__`` of a lab's modules."""
    own_name, below = lab.name, lab.name + "."
    real = real_builtins  # looked up in there each time: `builtins.__import__` may be replaced by others
    # Names that are neither the lab's nor importlib's. Bounded: code names a finite number of modules.
    foreign: set[str] = set()
    # What relative imports name, each as one string for good: found by identity where it is looked up.
    # Whether they are the lab's; whether they are right beside, or above, the module that asks.
    absolute: dict[tuple[Any, str, int], tuple[str, bool, bool]] = {}

    def __import__(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level == 0:
            if name in foreign:
                return real["__import__"](name, globals, locals, fromlist or (), 0)
            own = name == own_name or name.startswith(below)
            if not own and name.partition(".")[0] != "importlib":
                found = real["__import__"](name, globals, locals, fromlist or (), 0)
                library_imported(lab, name)
                executing.imports(name)
                foreign.add(name)
                return found
        try:
            record = globals["__loader__"].record  # type: ignore[index]
        except (KeyError, TypeError, AttributeError):
            record = None
        if type(record) is not ModuleRecord or not lab.enabled:
            record = calling_record(lab) if level == 0 and lab.enabled else None
            if record is None:
                return real["__import__"](name, globals, locals, fromlist or (), level)
        beside = False
        if level:
            asked = (globals.get("__package__"), name, level)  # type: ignore[union-attr]
            if asked in absolute:
                name, own, beside = absolute[asked]
            else:
                name = absolute_name(name, globals, level)
                own = name == own_name or name.startswith(below)
                if asked[0]:
                    absolute[asked] = name, own, "." not in asked[1]
        if own:
            generation = record.making
            if generation is None:
                return _import_for(record, name, fromlist or ())
            module = generation.plain.get(name)
            # What is above a module beside the one that asks is above that, too: it was begun before.
            if module is None or not fromlist or not (beside or generation.has_no_gap_above(name)):
                return _find_for(record, generation, name, fromlist or ())
            record.note_need(name)
            return module
        found = real["__import__"](name, globals, locals, fromlist or (), 0)
        executing.imports(name, fromlist)
        return found if fromlist and name != "importlib" else _importlib_for(record)

    return __import__


def absolute_name(name: str, namespace: Mapping[str, Any] | None, level: int) -> str:
    """Resolve a relative import as Python does. Raises ImportError where it reaches beyond the top-level package."""
    if not level:
        return name
    namespace = namespace or {}
    package = namespace.get("__package__")
    if package is None:
        package = namespace.get("__name__", "")
        if "__path__" not in namespace:
            package = package.rpartition(".")[0]
    if not package:
        raise ImportError("attempted relative import with no known parent package")
    if level > 1:
        parts = package.rsplit(".", level - 1)
        if len(parts) < level:
            raise ImportError("attempted relative import beyond top-level package")
        package = parts[0]
    return f"{package}.{name}" if name else package


def generation_for(record: ModuleRecord) -> Generation:
    """The generation in which a record's code imports: the one this thread makes, if it holds it, else its home."""
    making = executing.innermost_of(record.lab)
    if making is not None and making.records.get(record.name) is record:
        return making
    return record.home


def _import_for(record: ModuleRecord, full: str, fromlist: Sequence[str]) -> Any:
    """What ``__import__`` answers to functions of a record, whose module is ready.

    Each statement has one answer for a generation: it is kept there.
    """
    current = record.lab.current  # read first: a commit pins before it moves the current one
    generation = record.pinned or current
    if record.pinned is None and executing.under_way():
        generation = generation_for(record)
    if type(fromlist) is not tuple:
        return _find_for(record, generation, full, fromlist)
    key = (record.place, full, fromlist)
    answer = generation.answers.get(key)
    if answer is None:
        answer = _find_for(record, generation, full, fromlist)
        if full in generation.ready and full not in record.lab.of_note and _has_all(answer, fromlist):
            generation.answers[key] = answer
    return answer


def _has_all(module: Any, names: Sequence[str]) -> bool:
    """Whether a module holds these names, without asking its own ``__getattr__``, which may count its calls."""
    if type(module) is GenerationPackage:
        namespace, children = record_of(module).namespace, children_of(module)
        return all(name in namespace or name in children for name in names)
    return type(module) is ModuleType and all(name in vars(module) for name in names)


def _find_for(record: ModuleRecord, generation: Generation, full: str, fromlist: Sequence[str]) -> Any:
    """What an import statement in the code of a record gets from a generation; notes what the code needs."""
    record.note_need(full)
    module = generation.ready.get(full)
    if module is None or not generation.has_no_gap_above(full):
        module = _load_for(record, generation, full)
    if not fromlist:
        root, dot, _rest = full.partition(".")
        if record.state != "ready":
            record.note_held(root)
        if not dot:
            return module
        _bind_unfinished(generation, full)
        # A half-made one is not waited for, as packages above a module never are.
        made = generation.ready.get(root)
        if made is None:
            made = generation.packages.get(root)
        return generation.load(root) if made is None else made
    holds_packages = full in record.lab.of_note
    if full in generation.packages or (type(module) is not ModuleType and hasattr(module, "__path__")):
        module = _take(record, generation, module, full, fromlist)
    elif full in record.lab.were_packages:
        for name in fromlist:
            if not hasattr(module, name):
                _refuse_from_elsewhere(module, full, name)
    elif "__getattr__" in vars(module):
        record.source.holds_nothing = False  # what that makes was looked at by nobody
    elif not holds_packages and generation.ready.get(full) is module:
        generation.plain[full] = module
    if holds_packages and _by_statement():
        return _with_its_packages(generation, module, whole="*" in fromlist)
    return module


def _by_statement() -> bool:
    """Whether an import statement asks, which takes names from the answer and forgets it; not a call."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == _IMPORT_NAME


class _StandIn(ModuleType):
    """What an import statement takes names from in place of a module that holds the packages of another generation."""


def _with_its_packages(generation: Generation, module: Any, *, whole: bool) -> Any:
    """What to take names from, where a module that generations share holds packages: those of the generation.

    Its namespace has those of the current one, for attribute chains to lead on.
    """
    if type(module) is not ModuleType and type(module) is not GenerationPackage:
        return module
    values = vars(module).copy()
    others = {
        name: own
        for name, value in values.items()
        if type(value) is GenerationPackage
        and (own := generation.packages.get(record_of(value).name)) is not None
        and own is not value
    }
    if not others:
        return module
    stand_in = _StandIn(module.__name__)
    namespace = vars(stand_in)
    namespace.clear()
    namespace.update({**values, **others} if whole else others)
    namespace.setdefault("__getattr__", partial(getattr, module))
    return stand_in


def _load_for(record: ModuleRecord, generation: Generation, full: str) -> Any:
    """Load a module that a record's code asks for. Where that fails, packages above it are needs that are not there.

    Or that have failed, and may have left behind the very module that is asked for.
    """
    try:
        return generation.load(full)
    except BaseException:
        above = full.rpartition(".")[0]
        while above and above not in generation.records:
            record.note_need(above)
            above = above.rpartition(".")[0]
        raise


def _refuse_from_elsewhere(package: Any, full: str, name: str) -> None:
    """Raise ImportError where Python would take a name that is not there from ``sys.modules``.

    That has the module of whichever generation holds one.
    """
    if f"{full}.{name}" in sys.modules:
        where = getattr(package, "__file__", None) or "unknown location"
        raise ImportError(f"cannot import name {name!r} from {full!r} ({where})", name=full, path=where)


def _bind_unfinished(generation: Generation, full: str) -> None:
    """Let an import statement find what is half-way through a cycle, in the packages above it.

    `import a.b as c` takes `b` from `a`, and `from a import b` too, where plain Python falls back to ``sys.modules``;
    that has a façade, which lab code must not get.
    """
    while full not in generation.ready:
        parent, _, last = full.rpartition(".")
        package, record = generation.packages.get(parent), generation.records.get(full)
        if package is not None and record is not None:
            with generation.lab.mutex:
                show_unfinished(package, last, generation.object_of(record))
        if not parent:
            return
        full = parent


def _take(
    record: ModuleRecord, generation: Generation, package: Any, full: str, names: Sequence[str], *, star: bool = False
) -> Any:
    """``from package import names``: submodules that are no attributes yet are imported, as importlib does.

    Returns:
        The object to take the names from.
    """
    layout, sources = generation.snapshot.layout, generation.snapshot.sources
    below = layout.children(full)
    if type(package) is GenerationPackage:
        # Most of what a package re-exports is neither a submodule nor missing. That is found out without a step for
        # each name, and taken from the plain module, which is as fast as in plain Python.
        real = record_of(package)
        values = record.lab.comings.only_values(layout, full, names)
        if values is not None and not real.adopted:
            missing = values.difference(real.namespace)
            if not missing:
                return real.body
            names = list(missing)
    for name in names:
        if name == "*":
            exported = getattr(package, "__all__", ())
            if not exported and isinstance(package, GenerationPackage):
                for child in list(children_of(package)):
                    if child[0] != "_":
                        record.note_need(f"{full}.{child}")
            if "*" not in exported:
                _take(record, generation, package, full, list(exported), star=True)
            continue
        if not isinstance(name, str):
            raise TypeError(f"Item in ``from list'' must be str, not {type(name).__name__}")
        if name in below:
            child = f"{full}.{name}"
            record.note_need(child)
            if record.state != "ready" and sources[child].is_package:
                record.note_held(child)
            if not hasattr(package, name):
                generation.load(child)
                _bind_unfinished(generation, child)
        elif not hasattr(package, name):
            record.note_need(f"{full}.{name}")
            if not star:
                _refuse_from_elsewhere(package, full, name)
    return package


def _importlib_for(record: ModuleRecord) -> ModuleType:
    """``importlib`` as a lab module sees it: what it imports and reloads keeps the promise of the import statement."""
    if record.importlib_shim is None:
        shim = ModuleType("importlib", importlib.__doc__)
        own = vars(shim)
        own.update(__spec__=importlib.__spec__, __path__=importlib.__path__, __file__=importlib.__file__)
        own["__getattr__"] = _of_importlib
        own["import_module"] = _bound_import_module(record)
        own["reload"] = _bound_reload(record.lab)
        record.importlib_shim = shim
    return record.importlib_shim


def _of_importlib(name: str) -> Any:
    executing.imports("importlib", [name])
    return getattr(importlib, name)


def _bound_import_module(record: ModuleRecord) -> Callable[..., Any]:
    lab = record.lab

    def import_module(name: str, package: str | None = None) -> Any:
        full = name
        if name.startswith("."):
            level = len(name) - len(name.lstrip("."))
            if not package:
                raise TypeError(f"the 'package' argument is required to perform a relative import for {name!r}")
            full = absolute_name(name[level:], {"__package__": package}, level)
        if full.partition(".")[0] != lab.name or not lab.enabled:
            return importlib.import_module(name, package)
        record.note_need(full)
        generation = generation_for(record)
        if not executing.under_way() and record.pinned is None:
            # The name is computed: code that old and new callers share asks on behalf of its caller.
            generation = generation_asked_for(lab)
        module = _load_for(record, generation, full)
        if isinstance(module, GenerationPackage) and record.state != "ready":
            record.note_held(full)
        return module

    import_module.__doc__ = importlib.import_module.__doc__
    return import_module


def _bound_reload(lab: Lab) -> Callable[[ModuleType], ModuleType]:
    def reload(module: ModuleType) -> ModuleType:
        if isinstance(module, Facade) and loader_of(module).lab is lab:
            return importlib.reload(module)
        record = record_of_namespace(vars(module)) if isinstance(module, ModuleType) else None
        if record is None or record.lab is not lab:
            return importlib.reload(module)
        lab.execute_again(record)
        return module

    reload.__doc__ = importlib.reload.__doc__
    return reload
