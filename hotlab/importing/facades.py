"""Façades: what code outside the lab finds in ``sys.modules``.

A façade forwards to the module of the current generation; on a thread that is executing a lab module, to that of the
generation being made; and where lab code of an older generation is asking, itself or through a library, to that
code's own. So a commit is one attribute store, nobody ever sees a half-made module, and outside code that did
``import fake_lab`` long ago always sees the current generation whole. Lab code never meets a façade: its imports give
the real modules.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from hotlab.importing import executing
from hotlab.importing.asking import generation_asked_for
from hotlab.importing.loaders import LabLoader, make_spec
from hotlab.importing.records import GenerationPackage, ModuleRecord, children_of, own_namespace
from hotlab.importing.views import NamespaceView

if TYPE_CHECKING:
    from hotlab.importing.labs import Lab
    from hotlab.importing.sources import Source

_PLACE = frozenset({"__file__", "__path__", "__spec__", "__loader__"})
_OWN = frozenset({"__class__", "__loader__", "__getattribute__"})


class Facade(ModuleType):
    """One lab module as the outside sees it. Lives as long as its module is current, or somebody keeps it."""

    def __getattribute__(self, name: str) -> Any:
        making = executing.under_way()
        if making and name == "__dict__":
            # dataclasses ask for the namespace of the module that is being executed twenty times a class.
            record = making[-1][1]
            if record.facade is self and not record.has_view:
                return record.namespace
        if making and name in _PLACE:
            executing.is_found()
        if name in _OWN:
            return super().__getattribute__(name)
        if name == "__spec__":
            return _spec_of(self)
        if making:
            record = making[-1][1]
            loader = own_namespace(self)["__loader__"]
            if record.lab is loader.lab and record.name != loader.name:
                if name == "__dict__" or not name.startswith("__"):
                    record.note_need(loader.name)  # looked up by name, by itself or a library
            elif record.lab is loader.lab and not record.has_view:
                return outside(getattr(record.body, name))
        found, module = _target(self, load=not name.startswith("__"))
        if found is None:
            if name == "__dict__":
                return own_namespace(self)
            return super().__getattribute__(name)
        if name == "__dict__":
            # doctest tells a module's own functions by the identity of their globals.
            if isinstance(module, GenerationPackage) and sys._getframe(1).f_globals.get("__name__") != "doctest":
                return _PackageView.of(module)
            return module.__dict__
        if name == "__file__" and found.source.retired and sys._getframe(1).f_globals.get("__name__") == "inspect":
            return found.source.shown_path  # it looks for the text of old code
        return outside(getattr(module, name))

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("__spec__", "__loader__"):
            loader = value if name == "__loader__" else getattr(value, "loader", None)
            if type(loader) is LabLoader:  # others load by other ways what the lab has loaded
                own_namespace(self)[name] = value
            return
        if isinstance(value, Facade) and loader_of(value).name == f"{loader_of(self).name}.{name}":
            _bind_again(self, name)
            return
        below = loader_of(self).lab.current.records.get(f"{loader_of(self).name}.{name}")
        if below is not None and below.replacement is not None and below.replacement is value:
            return  # likewise, of one that has put that in its own place
        record, module = _target(self)
        if record is None:
            own_namespace(self)[name] = value
        else:
            setattr(module, name, value)

    def __delattr__(self, name: str) -> None:
        record, module = _target(self)
        if record is None:
            super().__delattr__(name)
        else:
            delattr(module, name)

    def __dir__(self) -> Iterable[str]:
        record, module = _target(self)
        return sorted(own_namespace(self)) if record is None else dir(module)

    def __repr__(self) -> str:
        loader = loader_of(self)
        return f"<module {loader.name!r} of lab {loader.lab.name!r}>"


def _bind_again(package: Facade, name: str) -> None:
    """importlib binds a submodule, which the generation has done already; or somebody takes a stub of it away."""
    record, module = _target(package)
    if record is None or not isinstance(module, GenerationPackage):
        return
    child = children_of(module).get(name)
    if child is not None and record.namespace.get(name, child) is not child:
        record.bind(name, child)


class _PackageView(NamespaceView):
    """The namespace of a package as the outside sees it, submodules as façades."""

    def __init__(self, package: GenerationPackage, values: dict[str, Any]) -> None:
        super().__init__({name: outside(value) for name, value in values.copy().items()})
        self._package = package

    @classmethod
    def of(cls, package: GenerationPackage) -> dict[str, Any]:
        """The package's own namespace where it binds no module of a lab, else a view."""
        values = package.__dict__
        plain = not any(outside(value) is not value for value in values.copy().values())
        return values if plain else cls(package, values)

    def store(self, name: str, value: Any) -> None:
        """See :class:`NamespaceView`."""
        setattr(self._package, name, value)

    def drop(self, name: str) -> None:
        """See :class:`NamespaceView`."""
        delattr(self._package, name)


def is_facade_for(present: object, lab: Lab, source: Source) -> TypeGuard[Facade]:
    """Whether what ``sys.modules`` has can stand for this source."""
    if type(present) is not Facade:
        return False
    own = own_namespace(present)
    return _is_loader_for(own["__loader__"], lab, source) and ("__path__" in own) == source.is_package


def _is_loader_for(loader: LabLoader, lab: Lab, source: Source) -> bool:
    same = loader.lab is lab and loader.record is None
    return same and (loader.name, loader.path) == (source.name, source.path)


def make_facade(lab: Lab, source: Source, last: object = None) -> Facade:
    """A new façade for a module; `last` is what stands in ``sys.modules``, whose loader can go on."""
    facade = Facade(source.name)
    own = own_namespace(facade)
    loader = loader_of(last) if type(last) is Facade else None
    if loader is None or not _is_loader_for(loader, lab, source):
        loader = LabLoader(lab, source.name, source.path)
    own["__loader__"] = loader
    own["__package__"] = source.package
    if source.is_package:
        own["__path__"] = [source.folder]
    if source.kind != "namespace":
        own["__file__"] = source.path
    return facade


def loader_of(facade: Facade) -> LabLoader:
    """The loader of a façade."""
    loader: LabLoader = own_namespace(facade)["__loader__"]
    return loader


def _spec_of(facade: Facade) -> importlib.machinery.ModuleSpec | None:
    own = own_namespace(facade)
    spec: importlib.machinery.ModuleSpec | None = own.get("__spec__")
    if spec is None:
        loader = loader_of(facade)
        source = loader.source()
        if source is not None:
            spec = own["__spec__"] = make_spec(loader, source)
    return spec


def _target(facade: Facade, *, load: bool = False) -> tuple[ModuleRecord | None, Any]:
    """The record and the real module that a façade stands for, for who asks now; (None, None) if none does.

    With `load`, a module that the generation has but did not execute yet (an old task imported it first, and then
    came an edit) is executed.
    """
    loader = loader_of(facade)
    name = loader.name
    generation = generation_asked_for(loader.lab)
    record = generation.records.get(name)
    if load and (record is None or record.state != "ready") and name in generation.snapshot.sources:
        # Another thread's first import is waited for, as plain Python does; this thread's own is seen half-made.
        generation.load(name)
        record = generation.records.get(name)
    return (None, None) if record is None else (record, generation.object_of(record))


def outside(value: Any) -> Any:
    """A value as the outside may see it: a real lab module becomes its façade."""
    # By type: isinstance would ask the value for its class, which may be code of the lab's.
    if issubclass(type(value), ModuleType) and type(value) is not Facade:
        record = getattr(own_namespace(value).get("__loader__"), "record", None)
        if isinstance(record, ModuleRecord) and record.facade is not None:
            return record.facade
    return value
