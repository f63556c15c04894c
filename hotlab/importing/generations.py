"""Generations: immutable versions of a lab package, and how a module of one is executed.

Any thread may import from any generation at any time. A module is executed once per generation that doesn't share
it, under a lock of its own that takes part in importlib's deadlock detection; the lab's mutex guards only dict
entries, never user code.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from hotlab.importing import executing
from hotlab.importing.binding import absolute_name
from hotlab.importing.facades import Facade, make_facade
from hotlab.importing.imports_in_code import lazy_imports, names_used
from hotlab.importing.loaders import LabLoader, facade_spec, make_spec
from hotlab.importing.locks import DeadlockError
from hotlab.importing.records import Entry, GenerationPackage, ModuleRecord, children_of, is_submodule

if TYPE_CHECKING:
    from hotlab.importing.labs import Lab
    from hotlab.importing.sources import Snapshot, Source


class Registry:
    """What the modules of a generation registered: opaque keys and values, with the module that did it.

    An entry goes away with its module and comes back with it on a roll-back; it is shared with the module.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def register(self, key: Hashable, value: object, module: str | None = None) -> None:
        """Register a value under a key, for `module` or for the lab module that this thread is executing.

        Raises:
            KeyError: the module is not part of the generation.
        """
        if module is None:
            top = executing.top()
            if top is None:
                raise KeyError("no lab module is being executed on this thread: name the module")
            record = top[1]
        else:
            record = self._generation.records[module]
        record.entries.append(Entry(key, value, record.name))

    def entries(self) -> tuple[Entry, ...]:
        """All entries, by the order in which their modules were first executed."""
        records = sorted(self._generation.records.copy().values(), key=lambda record: record.place)
        return tuple(entry for record in records for entry in record.entries)

    def get(self, key: Hashable) -> object | None:
        """The value registered last under a key, or None."""
        found = None
        for entry in self.entries():
            if entry.key == key:
                found = entry.value
        return found


class Generation:
    """One immutable, content-addressed version of a lab package, numbered and named by the digest of its sources."""

    def __init__(self, lab: Lab, number: int, snapshot: Snapshot) -> None:
        self.lab = lab
        self.number = number
        self.snapshot = snapshot
        self.digest = snapshot.digest()
        self.registry = Registry(self)
        self.records: dict[str, ModuleRecord] = {}
        self.ready: dict[str, Any] = {}
        self.packages: dict[str, GenerationPackage] = {}
        self.executed: list[str] = []
        roots = (os.path.abspath(lab.root), os.path.realpath(lab.root))
        self.root_prefixes = tuple(root + os.sep for root in roots)
        self.staged = False
        self.added_facades: dict[str, tuple[Facade, Any]] = {}

    def __repr__(self) -> str:
        return f"<Generation {self.number} of {self.lab.name}, {self.digest[:12]}>"

    @property
    def lab_name(self) -> str:
        """The name of the lab package."""
        return self.lab.name

    @property
    def modules(self) -> Mapping[str, ModuleType]:
        """The modules executed so far, by name."""
        return MappingProxyType(self.ready)

    def import_module(self, name: str) -> ModuleType:
        """Import a module of the lab as code of this generation would.

        Raises:
            ModuleNotFoundError: this generation has no such module. Any exception of the module's own code.
        """
        return cast("ModuleType", self.load(name))

    def object_of(self, record: ModuleRecord) -> Any:
        """The module object by which this generation knows a record."""
        if record.replacement is not None and record.state == "ready":
            return record.replacement
        return self.packages[record.name] if record.has_view else record.body

    def load(self, name: str) -> Any:
        """The module of that name in this generation, executed if it was not yet; half-made only within a cycle."""
        module = self.ready.get(name)
        if module is not None:
            return module
        parent = name.rpartition(".")[0]
        if parent:
            self.load(parent)
            module = self.ready.get(name)
            if module is not None:
                return module
        source = self.snapshot.get(name)
        if source is None:
            above = self.snapshot.get(parent)
            hint = f"; {parent!r} is not a package" if above is not None and not above.is_package else ""
            raise ModuleNotFoundError(f"No module named {name!r}{hint}", name=name)
        record = self._claim(source)
        try:
            record.lock.acquire()
        except DeadlockError:
            return self.object_of(record)
        try:
            if record.state == "new":
                if self.records.get(name) is not record:  # another thread's attempt failed meanwhile
                    return self.load(name)
                self._execute(record)
            return self.object_of(record)
        finally:
            record.lock.release()

    def _claim(self, source: Source) -> ModuleRecord:
        with self.lab.mutex:
            record = self.records.get(source.name)
            if record is None:
                record = new_record(self, source)
                self.add(record)
            return record

    def add(self, record: ModuleRecord) -> None:
        """Hold a record. A package gets this generation's object for it."""
        self.records[record.name] = record
        if record.has_view:
            self.packages[record.name] = GenerationPackage(record)
        if record.state == "ready":
            self.ready[record.name] = self.object_of(record)

    def _execute(self, record: ModuleRecord) -> None:
        record.state = "executing"
        namespace = record.namespace
        if record.source.is_package:
            for child, module in self._children(record.name):
                if is_submodule(module, record.name, child):
                    namespace.setdefault(child, module)
                children_of(self.packages[record.name])[child] = module
        try:
            if record.source.kind == "extension":
                self._load_extension(record)
                return
            code = record.source.code()
            with self._in_sys_modules(record), executing.executing(self, record):
                exec(code, namespace)
        except BaseException:
            record.state = "new"
            parent, _, child = record.name.rpartition(".")
            with self.lab.mutex:
                if parent in self.packages:
                    children_of(self.packages[parent]).pop(child, None)
                self.records.pop(record.name, None)
                self.packages.pop(record.name, None)
            raise
        self._finish(record)

    def _finish(self, record: ModuleRecord) -> None:
        code = record.source.code()
        record.names = names_used(code)
        package = record.name if record.source.is_package else record.name.rpartition(".")[0]
        note_statements(record, lazy_imports(code), package, record.lazy, self.snapshot)
        record.held.update(
            value.__name__ for value in list(record.namespace.values()) if isinstance(value, GenerationPackage)
        )
        record.lazy.update(reached_through_packages(record, self.snapshot.sources))
        self._is_ready(record)

    def _is_ready(self, record: ModuleRecord) -> None:
        record.state = "ready"
        module = self.object_of(record)
        self._bind_on_parent(record, module)
        self.ready[record.name] = module
        self.executed.append(record.name)

    def _children(self, name: str) -> list[tuple[str, Any]]:
        depth = len(name) + 1
        return [
            (child[depth:], module)
            for child, module in self.ready.copy().items()
            if child.startswith(name) and child[depth - 1 : depth] == "." and "." not in child[depth:]
        ]

    def _bind_on_parent(self, record: ModuleRecord, module: Any) -> None:
        parent, _, child = record.name.rpartition(".")
        above = self.records.get(parent)
        if above is None:
            return
        if parent in self.packages:
            children_of(self.packages[parent])[child] = module
        if above.replacement is not None:
            setattr(above.replacement, child, module)
        # A staged generation must leave no trace in a namespace that it shares with the current one.
        own = not self.staged or above.state == "executing" or parent in self.executed
        if own and is_submodule(module, parent, child):
            above.namespace[child] = module

    def _load_extension(self, record: ModuleRecord) -> None:
        """An extension module can't be made twice in a process: all generations share Python's own."""
        record.replacement = importlib.import_module(record.name)
        self._is_ready(record)

    @contextmanager
    def _in_sys_modules(self, record: ModuleRecord) -> Iterator[None]:
        """While a module runs, libraries that look it up by name (dataclasses, typing) find its façade.

        A module that replaces itself in ``sys.modules`` is found out here, and the old entry put back: the
        replacement is taken with the rest of the generation.
        """
        name = record.name
        original = sys.modules.get(name)
        facade = original if isinstance(original, Facade) else cast("Facade", record.facade)
        if facade is not original:
            sys.modules[name] = facade
            self.added_facades[name] = (facade, original)
        try:
            yield
        except BaseException:
            if sys.modules.get(name) is not facade:
                sys.modules[name] = facade
            self.drop_added(name)
            raise
        now = sys.modules.get(name)
        if now is not None and now is not facade:
            record.replacement = now
            if self.lab.current is not self:
                sys.modules[name] = facade
        if self.lab.current is not self and not self.staged:
            self.drop_added(name)  # an old generation's own module, gone from the current one

    def drop_added(self, name: str) -> None:
        """Put back what ``sys.modules`` held before this generation put a façade there."""
        facade, original = self.added_facades.pop(name, (None, None))
        if facade is None or sys.modules.get(name) is not facade:
            return
        if original is None:
            del sys.modules[name]
        else:
            sys.modules[name] = original


def new_record(generation: Generation, source: Source) -> ModuleRecord:
    """A record for a module that is about to be executed, with the globals its code will have."""
    lab = generation.lab
    loader = LabLoader(lab, source.name, source.path)
    spec = make_spec(loader, source)
    body = ModuleType(source.name)
    record = ModuleRecord(source.name, source, generation, spec, body)
    loader.record = record
    namespace = record.namespace
    namespace["__spec__"] = spec
    namespace["__loader__"] = loader
    namespace["__builtins__"] = lab.builtins
    namespace["__package__"] = source.name if source.is_package else source.name.rpartition(".")[0]
    if source.is_package:
        namespace["__path__"] = [source.folder]
    if source.kind != "namespace":
        namespace["__file__"] = source.path
        namespace["__cached__"] = spec.cached
    present = sys.modules.get(source.name)
    if isinstance(present, Facade) and not lab.is_facade_of_record(present):
        record.facade = present
    elif source.kind != "extension":
        spec_outside = facade_spec(lab, source)
        record.facade = make_facade(cast("LabLoader", spec_outside.loader), spec_outside)
    return record


def note_statements(
    record: ModuleRecord,
    statements: Iterator[Any],
    package: str,
    into: set[str],
    snapshot: Snapshot,
) -> None:
    """Add what import statements name, of this lab, to the needs in `into`."""
    for statement in statements:
        try:
            full = absolute_name(statement.name, {"__package__": package}, statement.level)
        except ImportError:
            continue
        root = full.partition(".")[0]
        if root != record.home.lab.name:
            continue
        into.add(full)
        if statement.taken is None:
            record.held.add(root)
            continue
        for name in statement.taken:
            child = f"{full}.{name}"
            source = snapshot.get(child)
            above = snapshot.get(full)
            if source is not None or (above is not None and above.is_package and name != "*"):
                into.add(child)
            if source is not None and source.is_package:
                record.held.add(child)


def reached_through_packages(record: ModuleRecord, names: Mapping[str, Any]) -> set[str]:
    """Modules that a record may reach as attributes of packages it holds (``import a.b`` and then ``a.c.x``)."""
    found: set[str] = set()
    held = {*record.held, *([record.name] if record.source.is_package else [])}
    open_ends = list(held)
    while open_ends:
        package = open_ends.pop()
        for name in record.names:
            child = f"{package}.{name}"
            if child in names and child not in found:
                found.add(child)
                if child not in held:
                    open_ends.append(child)
    return found
