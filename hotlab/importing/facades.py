"""Façades: what code outside the lab finds in ``sys.modules``.

A façade forwards to the module of the current generation or, on a thread that is executing a lab module, to that of
the generation being made. So a commit is one attribute store, nobody ever sees a half-made module, and outside code
that did ``import fake_lab`` long ago always sees the current generation whole. Lab code never meets a façade: its
imports give the real modules.
"""

from __future__ import annotations

import importlib.machinery
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from hotlab.importing.records import GenerationPackage, ModuleRecord, own_namespace

if TYPE_CHECKING:
    from hotlab.importing.loaders import LabLoader

_OWN = frozenset({"__class__", "__spec__", "__loader__", "__getattribute__"})


class Facade(ModuleType):
    """One lab module as the outside sees it. Made by the loader; lives as long as its module is current."""

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return super().__getattribute__(name)
        record, module = target_of(self, load=not name.startswith("__"))
        if record is None:
            if name == "__dict__":
                return own_namespace(self)
            return super().__getattribute__(name)
        if name == "__dict__":
            if isinstance(module, GenerationPackage):
                return _PackageView(record, module)
            return module.__dict__
        return outside(getattr(module, name))

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("__spec__", "__loader__"):
            own_namespace(self)[name] = value
            return
        if isinstance(value, Facade):
            loader = _loader_of(value)
            if loader.name == f"{_loader_of(self).name}.{name}":
                return  # importlib binding a submodule: the generation has bound it already
        record, module = target_of(self)
        if record is None:
            own_namespace(self)[name] = value
        else:
            setattr(module, name, value)

    def __delattr__(self, name: str) -> None:
        record, module = target_of(self)
        if record is None:
            super().__delattr__(name)
        else:
            delattr(module, name)

    def __dir__(self) -> Iterable[str]:
        record, module = target_of(self)
        return sorted(own_namespace(self)) if record is None else dir(module)

    def __repr__(self) -> str:
        loader = _loader_of(self)
        return f"<module {loader.name!r} of lab {loader.lab.name!r}>"


class _PackageView(dict[str, Any]):
    """The namespace of a package as the outside sees it, submodules as façades; writes go to the package."""

    def __init__(self, record: ModuleRecord, package: GenerationPackage) -> None:
        super().__init__({name: outside(value) for name, value in package.__dict__.items()})
        self._package = package

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._package, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        delattr(self._package, name)
        super().__delitem__(name)


def make_facade(loader: LabLoader, spec: importlib.machinery.ModuleSpec) -> Facade:
    """A new façade for the module that the loader names."""
    facade = Facade(loader.name)
    own = own_namespace(facade)
    own["__spec__"] = spec
    own["__loader__"] = loader
    own["__package__"] = loader.name if spec.submodule_search_locations is not None else loader.name.rpartition(".")[0]
    if spec.submodule_search_locations is not None:
        own["__path__"] = list(spec.submodule_search_locations)
    if spec.has_location:
        own["__file__"] = spec.origin
        own["__cached__"] = spec.cached
    return facade


def _loader_of(facade: Facade) -> LabLoader:
    return cast("LabLoader", own_namespace(facade)["__spec__"].loader)


def target_of(facade: Facade, *, load: bool = False) -> tuple[ModuleRecord | None, Any]:
    """The record and the real module that a façade stands for, on this thread and now; (None, None) if none does.

    With `load`, a module that the generation has but did not execute yet (an old task imported it first, and then
    came an edit) is executed.
    """
    loader = _loader_of(facade)
    lab = loader.lab
    generation = lab.generation_here()
    record = generation.records.get(loader.name)
    if load and loader.name in generation.snapshot.sources and (record is None or record.state != "ready"):
        # Another thread's first import is waited for, as plain Python does; this thread's own is seen half-made.
        generation.load(loader.name)
        record = generation.records.get(loader.name)
    return (None, None) if record is None else (record, generation.object_of(record))


def outside(value: Any) -> Any:
    """A value as the outside may see it: a real lab module becomes its façade."""
    if isinstance(value, ModuleType) and not isinstance(value, Facade):
        spec = own_namespace(value).get("__spec__")
        record = getattr(getattr(spec, "loader", None), "record", None)
        if isinstance(record, ModuleRecord) and record.facade is not None:
            return record.facade
    return value
