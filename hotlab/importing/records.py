"""Module records: one execution of one lab module, shared by every generation in which its whole closure is the same.

The binding of a submodule on its package belongs to the generation, not to the package's namespace: an edited
``lab.dev.oven`` must show through ``lab.dev`` in new code, and its predecessor in old code, while ``lab/dev/__init__``
is not executed again and keeps its state. So lab code sees one :class:`GenerationPackage` object per package and
generation, over one namespace.
"""

from __future__ import annotations

import dis
import importlib.machinery
import itertools
import sys
import warnings
from collections.abc import Callable, Hashable, Mapping, Set
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import attrs

from hotlab.importing.locks import ModuleLock, lock_held_by
from hotlab.importing.views import NamespaceView

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.labs import Lab
    from hotlab.importing.sources import Source

_module_members: Any = vars(ModuleType)
own_namespace: Callable[[ModuleType], dict[str, Any]] = _module_members["__dict__"].__get__
next_place = itertools.count().__next__
_CHILDREN = "__hotlab_children__"
_NONE: frozenset[str] = frozenset()
_LOOKUP = "__hotlab_lookup__"
_IMPORT_FROM = dis.opmap["IMPORT_FROM"]


@attrs.frozen
class Entry:
    """What a lab module registered while it was executed: opaque to the engine."""

    key: Hashable
    value: object
    module: str


@attrs.define(eq=False)
class ModuleRecord:
    """One execution of one module.

    Attributes:
        born: number of the generation that executed it.
        pinned: the generation in which its code imports where that is not the current one: the newest that holds this
            very record once another has taken its place, a staged one, an old one that executed it late.
        needs: names of the lab modules that its code has imported, whether they exist or not.
        noted: those of which the lab knew before that a module of this name needs them.
        lazy: those that it may import later, read off its code; filled in by ``dependencies.note_lazy``.
        hidden: names of submodules whose binding has taken the place of another value of the package's.
        held: packages that it has as objects, through which it may reach their submodules.
        attachments: what the companions of libraries keep with it.
        making: the generation for which it is being executed.
        owner: the thread that executes it, or did.
        place: in the order of the first imports.
        lock: held by the owner while it is executed and others wait for it.
    """

    name: str
    source: Source
    lab: Lab
    spec: importlib.machinery.ModuleSpec
    body: ModuleType
    namespace: dict[str, Any] = attrs.field(repr=False)
    born: int
    pinned: Generation | None
    has_view: bool
    owner: int
    place: int
    state: Literal["executing", "ready"] = "executing"
    making: Generation | None = None
    lock: ModuleLock | None = None
    needs: set[str] = attrs.field(factory=set)
    noted: Set[str] = _NONE
    lazy: frozenset[str] = _NONE
    hidden: frozenset[str] = _NONE
    held: frozenset[str] = _NONE
    reads: dict[str, str | None] | None = None
    listings: dict[str, str | None] | None = None
    entries: list[Entry] | None = None
    facade: ModuleType | None = None
    replacement: Any = None
    importlib_shim: ModuleType | None = None
    attachments: list[Any] | None = None
    adopted: bool = False
    guarded: bool = False

    @property
    def home(self) -> Generation:
        """The newest generation that holds this very record: the one in which imports of its code resolve."""
        current = self.lab.current  # read first: a commit pins before it moves the current one
        return self.pinned or current

    def lock_for_others(self) -> ModuleLock:
        """What threads wait for while another executes it. Called under the lab's mutex."""
        if self.lock is None:
            self.lock = lock_held_by(self.owner, f"hotlab:{self.name}")
        return self.lock

    def is_made(self) -> None:
        """Its execution came to its end. Called under the lab's mutex."""
        self.state = "ready"
        self.making = None
        self.noted = _NONE

    def bind(self, last: str, module: Any) -> None:
        """Bind a submodule in the namespace of a package, as plain Python does."""
        if last in self.namespace and not is_submodule(self.namespace[last], self.name, last):
            self.hidden |= {last}
        self.namespace[last] = module

    def needs_it(self, name: str) -> bool:
        """Whether it needs a module, eagerly or lazily."""
        return name in self.needs or name in self.lazy

    def note_held(self, *packages: str) -> None:
        """It has packages as objects."""
        if not self.held.issuperset(packages):
            with self.lab.mutex:
                self.held = self.held.union(packages)

    def note_need(self, name: str) -> None:
        """Its code imports a lab module."""
        if name not in self.needs:
            self.needs.add(name)
            if name not in self.noted:
                self.lab.note_dependant(name, self.name)


class GenerationPackage(ModuleType):
    """A package as code of one generation sees it: its submodules, over the namespace its executions share.

    As in plain Python the last assignment wins: a value in the namespace that is not the submodule of that name (a
    function that ``from .oven import oven`` put there) hides the submodule.
    """

    def __init__(self, record: ModuleRecord, children: dict[str, Any]) -> None:
        super().__init__(record.name)
        own = own_namespace(self)
        namespace = record.namespace
        for name in _SHOWN:
            if name in namespace:
                own[name] = namespace[name]
        own[_CHILDREN] = children
        own[_LOOKUP] = lookup = _Lookup(record.name, namespace, children)
        # Module objects call an own `__getattr__` for what they don't hold: faster than a method of the class.
        own["__getattr__"] = lookup.find

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        name, children = own_namespace(self)["__name__"], children_of(self)
        namespace = record_of(self).namespace
        bound = {key: value for key, value in namespace.copy().items() if is_submodule(value, name, key)}
        if all(children.get(key) is value for key, value in bound.items()) and all(
            key in namespace for key in children.copy()
        ):
            return namespace
        values = {key: value for key, value in namespace.copy().items() if key not in bound}
        return _GenerationView(self, {**children, **values})

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
        own: Callable[[], list[str]] | None = record_of(self).namespace.get("__dir__")
        return list(own()) if own is not None else sorted(self.__dict__)


class _GenerationView(NamespaceView):
    """The namespace of a package with the submodules of a generation that is not the current one."""

    def __init__(self, package: GenerationPackage, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._package = package

    def store(self, name: str, value: Any) -> None:
        """See :class:`NamespaceView`."""
        setattr(self._package, name, value)

    def drop(self, name: str) -> None:
        """See :class:`NamespaceView`."""
        delattr(self._package, name)


# Not the path: code of the package may set it.
_SHOWN = ("__spec__", "__loader__", "__package__", "__file__")


def children_of(package: ModuleType) -> dict[str, Any]:
    """The submodules that a package object of a generation has bound."""
    children: dict[str, Any] = own_namespace(package)[_CHILDREN]
    return children


def show_unfinished(package: ModuleType, last: str, module: Any) -> None:
    """Let import statements, and nothing else, find a submodule that is being executed, as cycles need it.

    Called under the lab's mutex.
    """
    lookup: _Lookup = own_namespace(package)[_LOOKUP]
    lookup.unfinished = {**lookup.unfinished, last: module}


def no_longer_unfinished(package: ModuleType, last: str) -> None:
    """A submodule was executed, or failed. Called under the lab's mutex."""
    lookup: _Lookup = own_namespace(package)[_LOOKUP]
    if last in lookup.unfinished:
        lookup.unfinished = {name: module for name, module in lookup.unfinished.items() if name != last}


def is_submodule(value: Any, package: str, name: str) -> bool:
    """Whether a value is the submodule of that name, of whichever generation."""
    # By type: isinstance would ask the value for its class, which may be code of the lab's.
    if not issubclass(type(value), ModuleType):
        return False
    namespace = own_namespace(value)
    is_ours = getattr(type(namespace.get("__loader__")), "loads_lab_modules", False)  # else it is somebody's stub
    return is_ours and namespace.get("__name__") == f"{package}.{name}"


_NOTHING: Mapping[str, Any] = {}


class _Lookup:
    """What a package object holds: the values of the shared namespace, over the submodules of one generation."""

    __slots__ = ("children", "namespace", "package", "unfinished")

    def __init__(self, package: str, namespace: dict[str, Any], children: dict[str, Any]) -> None:
        self.package = package
        self.namespace = namespace
        self.children = children
        self.unfinished = _NOTHING

    def find(self, name: str) -> Any:
        try:
            value = self.namespace[name]
        except KeyError:
            if name in self.children:
                return self.children[name]
        else:
            if not issubclass(type(value), ModuleType):
                return value
            child = self.children.get(name)
            if child is value or not is_submodule(value, self.package, name):
                return value
            if child is not None:
                return child
        if name in self.unfinished:
            # Plain Python gives a half-made submodule to `from . import c` and `import a.c as m`, not to `a.c`.
            frame = sys._getframe(1)
            if frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM:
                return self.unfinished[name]
        fallback = self.namespace.get("__getattr__")
        if fallback is not None:
            return fallback(name)
        raise AttributeError(f"module {self.package!r} has no attribute {name!r}")


def bind_on(package: Any, last: str, module: Any) -> None:
    """Set a submodule on an object in its package's place; one that takes no attributes is warned of, as in Python."""
    try:
        setattr(package, last, module)
    except AttributeError:
        warnings.warn(f"Cannot set an attribute on {package!r} for child module {last!r}", ImportWarning, stacklevel=2)


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
    return record if type(record) is ModuleRecord else None
