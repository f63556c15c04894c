"""Modules that Python had imported, or was importing, before the lab was enabled; and the way back to plain ones.

An adopted module object becomes the façade in place, so that whoever holds it sees the current generation from then
on, while its namespace goes on as that of generation 0. Its code keeps Python's own import until its first reload:
that gives façades, hence the current generation.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from hotlab.importing.dependencies import note_all
from hotlab.importing.facades import Facade, loader_of
from hotlab.importing.loaders import LabLoader, make_spec
from hotlab.importing.records import GenerationPackage, ModuleRecord, children_of, next_place, own_namespace

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation


def adopt_loaded(generation: Generation) -> None:
    """Take the modules of the lab that ``sys.modules`` holds into the generation, parents first."""
    prefix = generation.lab.name + "."
    names = [name for name in list(sys.modules) if name == generation.lab.name or name.startswith(prefix)]
    for name in sorted(names, key=lambda name: name.count(".")):
        module = sys.modules.get(name)
        if type(module) is ModuleType and name in generation.snapshot.sources:
            _adopt(generation, name, module)
    for record in generation.records.values():
        _adopt_children(generation, record)


def _adopt(generation: Generation, name: str, module: ModuleType) -> None:
    source = generation.snapshot.sources[name]
    namespace = vars(module)
    loader = LabLoader(generation.lab, name, source.path)
    spec: Any = module.__spec__
    if spec is None:
        spec = namespace["__spec__"] = make_spec(loader, source)
    spec.loader = loader
    namespace["__loader__"] = loader
    # Functions made from here on get the bound import; the frame that is running keeps Python's own.
    namespace["__builtins__"] = generation.lab.builtins
    record = ModuleRecord(
        name, source, generation.lab, spec, module, namespace, generation.number, None,
        True, get_ident(), next_place(), state="ready", facade=module, adopted=True,
    )  # fmt: skip
    loader.record = record
    module.__class__ = Facade
    _note_needs(record, generation)
    generation.hold(record)
    generation.ready[name] = generation.object_of(record)
    generation.executed.append(name)
    generation.lab.unread.append(record)
    generation.lab.adopted.append(name)


def _note_needs(record: ModuleRecord, generation: Generation) -> None:
    """What an adopted module needs can't be seen any more: it is read off its code and its values."""
    try:
        note_all(record, generation.snapshot)
    except (SyntaxError, ValueError):
        return  # the file was edited since: its next plan says so
    for name, value in list(record.namespace.items()):
        module = _module_of(value)
        if type(module) is not str:
            continue
        if module == f"{record.name}.{name}" and issubclass(type(value), ModuleType):
            continue  # bound by the import of the submodule; if the package asks for it, its code says so
        if module in generation.snapshot.sources and module != record.name:
            record.note_need(module)


def _module_of(value: Any) -> object:
    """The module that a value is, or that made it. By its type: asking other values may run code of the lab's."""
    kind = type(value)
    if issubclass(kind, ModuleType):
        return own_namespace(value).get("__name__")
    if issubclass(kind, FunctionType):
        return value.__module__
    return type.__dict__["__dict__"].__get__(value if issubclass(kind, type) else kind).get("__module__")


def _adopt_children(generation: Generation, record: ModuleRecord) -> None:
    if not record.source.is_package:
        return
    children = children_of(generation.packages[record.name])
    for name, value in list(record.namespace.items()):
        child = generation.records.get(f"{record.name}.{name}")
        if child is not None and child.facade is value:
            children[name] = generation.object_of(child)


def settle(generation: Generation) -> None:
    """Give adopted modules the real modules of their generation where Python's own import gave them façades.

    Called before another generation is made current, which a façade would show them from then on.
    """
    for name in generation.lab.adopted:
        record = generation.records.get(name)
        if record is None or not record.adopted or getattr(record.spec, "_initializing", False):
            continue
        namespace = record.namespace
        for key, value in list(namespace.items()):
            if type(value) is Facade:
                loader = loader_of(value)
                target = generation.records.get(loader.name)
                if loader.lab is generation.lab and target is not None:
                    namespace[key] = generation.object_of(target)


def leave_plain(generation: Generation) -> None:
    """Put plain modules into ``sys.modules`` for all that the generation holds."""
    import builtins

    for name, record in generation.records.items():
        if record.adopted:
            record.body.__class__ = ModuleType
        namespace = record.namespace
        namespace["__builtins__"] = builtins
        for key, value in list(namespace.items()):
            if type(value) is GenerationPackage:
                namespace[key] = generation.records[value.__name__].body
        package = generation.packages.get(name)
        if package is not None:
            for key, value in list(children_of(package).items()):
                child = generation.records.get(f"{name}.{key}")
                if child is not None and isinstance(value, ModuleType):
                    namespace[key] = child.body
        if record.source.kind != "extension":
            sys.modules[name] = record.body if record.replacement is None else record.replacement
