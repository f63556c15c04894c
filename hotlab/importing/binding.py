"""The bound import: code sees the generation it was born in.

CPython looks ``__import__`` up in the builtins of the running frame, and a function takes its builtins from its
globals when it is made. Each lab module's globals name one ``__builtins__`` dict per lab, whose ``__import__`` finds
the importing code's module record through those globals and resolves lab names in the record's generation. There is
no thread-local, no context variable and no patch of anything global: threads, timers, callbacks and suspended
generators of old code import old code, and imports of anything else are Python's own.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hotlab.importing import executing
from hotlab.importing.records import (
    GenerationPackage,
    ModuleRecord,
    children_of,
    record_of_namespace,
)

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.labs import Lab


def lab_builtins(lab: Lab) -> dict[str, Any]:
    """The ``__builtins__`` of a lab's modules: a copy of the real ones with the import bound."""
    table = dict(vars(builtins))
    table["__import__"] = _bound_import(lab)
    return table


def _bound_import(lab: Lab) -> Callable[..., Any]:
    own_name = lab.name

    def __import__(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level == 0:
            top = name.partition(".")[0]
            if top != own_name and top != "importlib":
                return builtins.__import__(name, globals, locals, fromlist or (), level)
        record = record_of_namespace(globals)
        if record is None and level == 0:
            record = record_of_namespace(sys._getframe(1).f_globals)
        if record is None or not lab.enabled:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if level == 0 and name.partition(".")[0] == "importlib":
            real = builtins.__import__(name, globals, locals, fromlist or (), level)
            return real if fromlist and name != "importlib" else _importlib_for(record)
        full = absolute_name(name, globals, level) if level else name
        if full.partition(".")[0] != own_name:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        return import_for(record, full, fromlist)

    return __import__


def absolute_name(name: str, namespace: Mapping[str, Any] | None, level: int) -> str:
    """Resolve a relative import as Python does. Raises ImportError where it reaches beyond the top-level package."""
    namespace = namespace or {}
    package = namespace.get("__package__")
    if package is None:
        package = namespace.get("__name__", "")
        if "__path__" not in namespace:
            package = package.rpartition(".")[0]
    return importlib.util.resolve_name("." * level + name, package)


def generation_for(record: ModuleRecord) -> Generation:
    """The generation in which a record's code imports: the one this thread makes, if it holds it, else its home."""
    making = executing.innermost_of(record.home.lab)
    if making is not None and making.records.get(record.name) is record:
        return making
    return record.home


def import_for(record: ModuleRecord, full: str, fromlist: Sequence[str] | None) -> Any:
    """What ``__import__`` answers to the code of a record; records what the code needs."""
    generation = generation_for(record)
    record.needs.add(full)
    module = generation.ready.get(full)
    if module is None:
        module = generation.load(full)
    if not fromlist:
        root = full.partition(".")[0]
        if record.state != "ready":
            record.held.add(root)
        if full != root and full not in generation.ready:
            _bind_unfinished(generation, full, module)
        return generation.load(root)
    if isinstance(module, GenerationPackage) or hasattr(module, "__path__"):
        _take(record, generation, module, full, fromlist)
    return module


def _bind_unfinished(generation: Generation, full: str, module: Any) -> None:
    """Let `import a.b as c` find a module that is half-way through a cycle.

    It takes `b` from `a`, where plain Python falls back to ``sys.modules``; that is a façade, which lab code must not
    get.
    """
    parent, _, child = full.rpartition(".")
    package = generation.packages.get(parent)
    if package is not None:
        children_of(package).setdefault(child, module)


def _take(record: ModuleRecord, generation: Generation, package: Any, full: str, names: Sequence[str]) -> None:
    """``from package import names``: submodules that are no attributes yet are imported, as importlib does."""
    for name in names:
        if name == "*":
            exported = getattr(package, "__all__", ())
            if not exported and isinstance(package, GenerationPackage):
                record.needs.update(f"{full}.{child}" for child in children_of(package) if child[0] != "_")
            if "*" not in exported:
                _take(record, generation, package, full, list(exported))
            continue
        if not isinstance(name, str):
            raise TypeError(f"Item in ``from list'' must be str, not {type(name).__name__}")
        child = f"{full}.{name}"
        known = child in generation.snapshot.sources
        if known:
            record.needs.add(child)
            if record.state != "ready" and generation.snapshot.sources[child].is_package:
                record.held.add(child)
        if not hasattr(package, name):
            record.needs.add(child)
            if known:
                module = generation.load(child)
                if not hasattr(package, name):
                    _bind_unfinished(generation, child, module)


def _importlib_for(record: ModuleRecord) -> ModuleType:
    """``importlib`` as a lab module sees it: its ``import_module`` keeps the promise of the import statement."""
    if record.importlib_shim is None:
        shim = ModuleType("importlib", importlib.__doc__)
        own = vars(shim)
        own.update(__spec__=importlib.__spec__, __path__=importlib.__path__, __file__=importlib.__file__)
        own["__getattr__"] = lambda name: getattr(importlib, name)
        own["import_module"] = _bound_import_module(record)
        record.importlib_shim = shim
    return record.importlib_shim


def _bound_import_module(record: ModuleRecord) -> Callable[..., Any]:
    def import_module(name: str, package: str | None = None) -> Any:
        full = importlib.util.resolve_name(name, package) if name.startswith(".") else name
        lab = record.home.lab
        if full.partition(".")[0] != lab.name or not lab.enabled:
            return importlib.import_module(name, package)
        record.needs.add(full)
        module = generation_for(record).load(full)
        if isinstance(module, GenerationPackage) and record.state != "ready":
            record.held.add(full)
        return module

    import_module.__doc__ = importlib.import_module.__doc__
    return import_module
