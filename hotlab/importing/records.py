"""Module records: one execution of one lab module, shared by every generation in which its whole closure is the same.

The binding of a submodule on its package belongs to the generation, not to the package's namespace: an edited
``lab.dev.oven`` must show through ``lab.dev`` in new code, and its predecessor in old code, while ``lab/dev/__init__``
is not executed again and keeps its state. So lab code sees one :class:`GenerationPackage` object per package and
generation, over one namespace.
"""

from __future__ import annotations

import importlib.machinery
import itertools
from collections.abc import Callable, Hashable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import attrs

from hotlab.importing.locks import ModuleLock, module_lock

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.sources import Source

_module_members: Any = vars(ModuleType)
own_namespace: Callable[[ModuleType], dict[str, Any]] = _module_members["__dict__"].__get__
_counter = itertools.count()
_CHILDREN = "__hotlab_children__"


@attrs.frozen
class Entry:
    """What a lab module registered while it was executed: opaque to the engine."""

    key: Hashable
    value: object
    module: str


@attrs.define(eq=False)
class ModuleRecord:
    """One execution of one module.

    `home` is the newest generation that holds this very record: the one in which imports of its code resolve.
    `needs` are the names of lab modules it imports, eagerly as seen or lazily as read off its code, whether they
    exist or not. `held` are packages it has as objects, through which it may reach their submodules.
    """

    name: str
    source: Source
    home: Generation
    spec: importlib.machinery.ModuleSpec
    body: ModuleType
    state: Literal["new", "executing", "ready"] = "new"
    lock: ModuleLock = attrs.field(init=False)
    needs: set[str] = attrs.field(factory=set)
    lazy: set[str] = attrs.field(factory=set)
    held: set[str] = attrs.field(factory=set)
    names: frozenset[str] = frozenset()
    reads: dict[str, str | None] = attrs.field(factory=dict)
    listings: dict[str, str | None] = attrs.field(factory=dict)
    entries: list[Entry] = attrs.field(factory=list)
    facade: ModuleType | None = None
    replacement: Any = None
    importlib_shim: ModuleType | None = None
    adopted: bool = False
    place: int = attrs.field(factory=lambda: next(_counter))

    def __attrs_post_init__(self) -> None:
        self.lock = module_lock(f"hotlab:{self.name}")

    @property
    def namespace(self) -> dict[str, Any]:
        """The globals of the module's code."""
        return own_namespace(self.body)

    @property
    def has_view(self) -> bool:
        """Whether code sees it through an object per generation: a package, or a module whose object is a façade."""
        return self.source.is_package or self.adopted

    def all_needs(self) -> set[str]:
        """Eager and lazy needs together."""
        return self.needs | self.lazy


class GenerationPackage(ModuleType):
    """A package as code of one generation sees it: its submodules, over the namespace its executions share.

    As in plain Python the last assignment wins: a value in the namespace that is not the submodule of that name (a
    function that ``from .oven import oven`` put there) hides the submodule.
    """

    def __init__(self, record: ModuleRecord) -> None:
        super().__init__(record.name)
        own = own_namespace(self)
        for name in ("__spec__", "__loader__", "__package__", "__path__", "__file__"):
            if name in record.namespace:
                own[name] = record.namespace[name]
        children: dict[str, Any] = {}
        own[_CHILDREN] = children
        # Module objects call an own `__getattr__` for what they don't hold: faster than a method of the class.
        own["__getattr__"] = _lookup_in(record, children)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        record, children = record_of(self), children_of(self)
        values = record.namespace.copy()
        gone = [name for name, value in values.items() if is_submodule(value, record.name, name)]
        for name in gone:
            del values[name]
        return {**children, **values}

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        doc: str | None = record_of(self).namespace.get("__doc__")
        return doc

    @property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]
        annotations: dict[str, Any] = record_of(self).namespace.setdefault("__annotations__", {})
        return annotations

    def __setattr__(self, name: str, value: object) -> None:
        record_of(self).namespace[name] = value

    def __delattr__(self, name: str) -> None:
        missing = object()
        bound = children_of(self).pop(name, missing)
        if record_of(self).namespace.pop(name, bound) is missing:
            raise AttributeError(f"module {record_of(self).name!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__)


def children_of(package: ModuleType) -> dict[str, Any]:
    """The submodules that a package object of a generation has bound."""
    children: dict[str, Any] = own_namespace(package)[_CHILDREN]
    return children


def is_submodule(value: Any, package: str, name: str) -> bool:
    """Whether a value is the submodule of that name, of whichever generation."""
    return isinstance(value, ModuleType) and own_namespace(value).get("__name__") == f"{package}.{name}"


def _lookup_in(record: ModuleRecord, children: dict[str, Any]) -> Callable[[str], Any]:
    namespace = record.namespace

    def lookup(name: str) -> Any:
        try:
            value = namespace[name]
        except KeyError:
            if name in children:
                return children[name]
        else:
            if not is_submodule(value, record.name, name):
                return value
            if name in children:
                return children[name]
        fallback = namespace.get("__getattr__")
        if fallback is not None:
            return fallback(name)
        raise AttributeError(f"module {record.name!r} has no attribute {name!r}")

    return lookup


def record_of(module: ModuleType) -> ModuleRecord:
    """The record of a real lab module object (not of a façade)."""
    record: ModuleRecord = own_namespace(module)["__spec__"].loader.record
    return record


def record_of_namespace(namespace: Any) -> ModuleRecord | None:
    """The record whose code has these globals, or None where they are no lab module's."""
    try:
        record = namespace["__loader__"].record
    except (KeyError, TypeError, AttributeError):
        return None
    return record if isinstance(record, ModuleRecord) else None
