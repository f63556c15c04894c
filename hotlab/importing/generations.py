"""Generations: immutable versions of a lab package, and how a module of one is executed.

Any thread may import from any generation at any time. A module is executed once per generation that doesn't share
it, under a lock of its own that takes part in importlib's deadlock detection; the lab's mutex guards only dict
entries, never user code.
"""

from __future__ import annotations

import importlib
import operator
import os
import sys
from _thread import get_ident
from collections.abc import Collection, Mapping
from itertools import repeat
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from hotlab.importing import executing
from hotlab.importing.dependencies import note_as_before
from hotlab.importing.facades import Facade, loader_of
from hotlab.importing.locks import DeadlockError
from hotlab.importing.making_records import new_record
from hotlab.importing.records import (
    GenerationPackage,
    ModuleRecord,
    bind_on,
    children_of,
    is_submodule,
    no_longer_unfinished,
)
from hotlab.importing.registry import Registry

if TYPE_CHECKING:
    from hotlab.importing.labs import Lab
    from hotlab.importing.sources import Snapshot


_REAL = (ModuleType, GenerationPackage)


class Generation:
    """One immutable, content-addressed version of a lab package, numbered and named by the digest of its sources."""

    def __init__(self, lab: Lab, number: int, snapshot: Snapshot) -> None:
        self.lab = lab
        self.number = number
        self.snapshot = snapshot
        self.registry = Registry(self)
        self.records: dict[str, ModuleRecord] = {}
        self.ready: dict[str, Any] = {}
        self.packages: dict[str, GenerationPackage] = {}
        self.executed: list[str] = []
        # Ready modules that from-imports need not look into: plain ones that are a package in no generation.
        self.plain: dict[str, Any] = {}
        # What import statements in functions were answered: (place of the record, name, names taken) → module.
        self.answers: dict[tuple[int, str, tuple[str, ...]], Any] = {}
        self.staged = False
        # Sets to which the names of modules are added that are begun to be imported: one for each successor that is
        # being staged.
        self.claim_logs: list[set[str]] = []
        # Of a staged one: for which generation it is staged; what that one, and itself, began to import since.
        self.base: Generation | None = None
        self.late: set[str] = set()
        self.claimed: set[str] = set()
        # Of a staged one: what differs from its predecessor, and what of that it does not share.
        self.changed: tuple[str, ...] = ()
        self.left_out: set[str] = set()
        # The packages among those that it has not begun to execute: modules below, which it shares, are ready before.
        self.gaps: set[str] = set()
        self.without_gaps: set[str] = set()
        # Of a staged one: the modules whose code need not be read again, and what they need, eagerly or lazily.
        self.as_before: list[ModuleRecord] = []
        self.needed: set[str] = set()
        # Of a staged one: submodules to be bound, when it is committed, on objects that it shares.
        self.to_bind: list[tuple[Any, str, Any]] = []
        # What the companions of libraries keep with it.
        self.attachments: dict[Any, Any] = {}
        self.added_facades: dict[str, tuple[Facade, Any]] = {}
        self._digest: str | None = None

    def __repr__(self) -> str:
        return f"<Generation {self.number} of {self.lab.name}, {self.digest[:12]}>"

    @property
    def lab_name(self) -> str:
        """The name of the lab package."""
        return self.lab.name

    @property
    def digest(self) -> str:
        """The digest of the sources, and of the data files that its modules had read when it was first asked for."""
        if self._digest is not None:
            return self._digest
        data = {
            os.path.relpath(path, self.lab.root).replace(os.sep, "/"): digest
            for name in sorted(self.lab.reading.copy())
            if (record := self.records.get(name)) is not None and record.reads
            for path, digest in record.reads.copy().items()
            if digest != executing.WRITTEN
        }
        digest = self.snapshot.digest(data)
        if self.ready:  # before its first module there is more to come
            self._digest = digest
        return digest

    @property
    def modules(self) -> Mapping[str, ModuleType]:
        """The modules executed so far, by name."""
        return MappingProxyType(self.ready)

    @property
    def alive(self) -> tuple[int, ...]:
        """The numbers of the lab's generations that something still uses, this one included, oldest first."""
        return tuple(generation.number for generation in self.lab.generations_alive())

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
        if module is not None and self.has_no_gap_above(name):
            return module
        parent = name.rpartition(".")[0]
        if parent:
            self._load_packages_above(parent)
            module = self.ready.get(name)
            if module is not None:
                return module
        source = self.snapshot.get(name)
        if source is None:
            package = self.snapshot.get(parent)
            hint = f"; {parent!r} is not a package" if package is not None and not package.is_package else ""
            raise ModuleNotFoundError(f"No module named {name!r}{hint}", name=name)
        with self.lab.mutex:
            record = self.records.get(name)
            lock = None
            if record is None:
                record = new_record(self, source)
                for claims in self.claim_logs:
                    claims.add(name)
                self.gaps.discard(name)
                self.hold(record)
                begun = True
            else:
                begun = False
                if record.state == "executing" and record.owner != get_ident():
                    lock = record.lock_for_others()
        if begun:
            self._execute(record)
        if lock is None:
            return self.object_of(record)
        try:
            lock.acquire()
        except DeadlockError:
            return self.object_of(record)
        lock.release()
        return self.load(name)  # where the other thread failed, it is this one's turn

    def has_no_gap_above(self, name: str) -> bool:
        """Whether all packages above a module were executed, or begun."""
        if not self.gaps:
            return True
        parent = above = name.rpartition(".")[0]
        if parent not in self.without_gaps:
            while above:
                if above in self.gaps:
                    return False
                above = above.rpartition(".")[0]
            self.without_gaps.add(parent)
        return True

    def _load_packages_above(self, parent: str) -> None:
        """All of them, the root first: in a new generation an outer one may not be executed where an inner one is."""
        nearest = self.records.get(parent)
        if nearest is not None and (nearest.making is self or (parent in self.ready and self.has_no_gap_above(parent))):
            return
        end = parent.find(".")
        while True:
            name = parent if end < 0 else parent[:end]
            if name not in self.ready:
                above = self.records.get(name)
                # As in plain Python a half-made one is not waited for: who makes it may be waiting for this thread.
                if above is None or above.state != "executing":
                    self.load(name)
            if end < 0:
                return
            end = parent.find(".", end + 1)

    def hold(self, record: ModuleRecord) -> None:
        """Hold a record. A package gets this generation's object for it."""
        self.records[record.name] = record
        if record.has_view:
            self.packages[record.name] = GenerationPackage(record, {})
            self.lab.note_package(record.name)

    def _execute(self, record: ModuleRecord) -> None:
        """Execute a module that this thread has claimed.

        Meanwhile libraries that look it up by name (dataclasses, typing) find its façade in ``sys.modules``. A module
        that replaces itself there is found out, and the old entry put back: the replacement is taken with the rest of
        the generation.
        """
        name = record.name
        bound = self._bind_children(record) if record.source.is_package else {}
        facade: Facade | None = None
        try:
            if record.source.kind == "extension":
                # An extension module can't be made twice in a process: all generations share Python's own.
                record.replacement = importlib.import_module(name)
                self.lab.has_replacements = True
            else:
                code = record.source.code(cached=not self.staged)
                facade = self._show_facade(record)
                executing.execute(code, self, record)
                if sys.modules.get(name) is not facade:
                    self._take_replacement(record, facade)
                if not self.staged and self.lab.current is not self:
                    self.drop_added(name)  # an old generation's own module, gone from the current one
            if bound:
                self._bind_hidden(record, bound)
            if self.lab.has_replacements:
                self._bind_on_replacement(record)
        except BaseException:
            if facade is not None:
                if type(sys.modules.get(name)) is not Facade:
                    sys.modules[name] = facade
                self.drop_added(name)
            self._forget(record)
            raise
        self._is_ready(record)

    def _forget(self, record: ModuleRecord) -> None:
        """An execution that failed leaves nothing; others that waited for it may try."""
        parent, _, last = record.name.rpartition(".")
        with self.lab.mutex:
            if parent in self.packages:
                children_of(self.packages[parent]).pop(last, None)
                no_longer_unfinished(self.packages[parent], last)
            self.records.pop(record.name, None)
            self.packages.pop(record.name, None)
            record.making = None
            if self.staged and record.source.is_package and record.name in self.left_out:
                self.gaps.add(record.name)
                self.without_gaps.clear()
            self._let_others_go_on(record)

    @staticmethod
    def _let_others_go_on(record: ModuleRecord) -> None:
        lock, record.lock = record.lock, None
        if lock is not None:
            lock.release()

    def drop_unfinished(self, but: Collection[ModuleRecord]) -> None:
        """Forget what is being executed, but for some records; nobody waits for it any more."""
        for record in list(self.records.values()):
            if record.state == "executing" or record.name not in self.ready:
                record.lock = None
                if not any(record is one for one in but):
                    self._forget(record)
                    self.drop_added(record.name)

    def _show_facade(self, record: ModuleRecord) -> Facade:
        original = sys.modules.get(record.name)
        if type(original) is Facade:
            return original
        facade: Facade = record.facade  # type: ignore[assignment]
        sys.modules[record.name] = facade
        self.added_facades[record.name] = (facade, original)
        return facade

    def _take_replacement(self, record: ModuleRecord, facade: Facade) -> None:
        name = record.name
        now = sys.modules.get(name)
        if type(now) is Facade:
            if loader_of(now).lab is self.lab and loader_of(now).name == name:
                record.facade = now  # of another thread, which imports it from outside at this moment
        elif now is not None:
            record.replacement = now
            self.lab.has_replacements = True
            if self.lab.current is not self:
                sys.modules[name] = facade

    def _module_of(self, record: ModuleRecord) -> Any:
        if record.replacement is not None:
            return record.replacement
        return self.object_of(record)

    def _bind_on_replacement(self, record: ModuleRecord) -> None:
        """Bind a submodule on what its package has put in its place: if staged, at the commit; an old one never."""
        parent, _, last = record.name.rpartition(".")
        above = self.records.get(parent)
        if above is None or above.replacement is None:
            return
        if self.lab.current is self or above.pinned is self:
            bind_on(above.replacement, last, self._module_of(record))
        elif self.staged:
            self.to_bind.append((above.replacement, last, self._module_of(record)))

    def _is_ready(self, record: ModuleRecord) -> None:
        name = record.name
        module = self._module_of(record)
        parent, _, last = name.rpartition(".")
        above = self.records.get(parent)
        as_before = self.staged and note_as_before(record, self.snapshot)
        with self.lab.mutex:
            current = self.lab.current is self
            if above is not None:
                if parent in self.packages:
                    package = self.packages[parent]
                    children_of(package)[last] = module
                    no_longer_unfinished(package, last)
                # A namespace that is the current generation's too is not for a staged or an old one to write into.
                if (above.pinned is self or current) and (
                    record.replacement is None or is_submodule(module, parent, last)
                ):
                    above.bind(last, module)
            if as_before:
                self.as_before.append(record)
                self.needed.update(record.needs, record.lazy)
            elif self.staged or current:  # an old one's own modules matter to no plan
                self.lab.unread.append(record)
            record.is_made()
            self.ready[name] = module
            self.executed.append(name)
            self._let_others_go_on(record)

    def _bind_children(self, record: ModuleRecord) -> dict[str, Any]:
        """A package that is executed again has the submodules that are not. Gives them."""
        names, below = self.snapshot.layout.below(record.name)
        found: dict[str, Any] = dict(zip(names, map(self.ready.get, below), strict=True))
        # By identity and type throughout: what has put itself in a module's place may compare as it likes.
        if any(map(operator.is_, found.values(), repeat(None))):
            found = {last: module for last, module in found.items() if module is not None}
        if found:
            children_of(self.packages[record.name]).update(found)
            real = found
            if not all(map(operator.is_, map(type, found.values()), repeat(ModuleType))):
                real = {last: module for last, module in found.items() if type(module) in _REAL}
            record.namespace.update(real)
        return found

    def _bind_hidden(self, record: ModuleRecord, bound: dict[str, Any]) -> None:
        """A value of the package's own hides a submodule of its name only where that was imported before it was set.

        In a fresh import a submodule that the package does not lead to comes after it, and is bound then.
        """
        namespace = record.namespace
        if all(map(operator.is_, map(namespace.get, bound), bound.values())):
            return
        for last, module in bound.items():
            if namespace.get(last) is module or last not in namespace:
                continue
            if is_submodule(module, record.name, last) and not self._leads_to(record, f"{record.name}.{last}"):
                record.bind(last, module)

    def _leads_to(self, record: ModuleRecord, name: str) -> bool:
        found, open_ends = {record.name}, [record]
        while open_ends:
            needs = open_ends.pop().needs.copy()
            if name in needs or any(need.startswith(name + ".") for need in needs):
                return True
            open_ends += [self.records[need] for need in needs - found if need in self.records]
            found |= needs
        return False

    def drop_added(self, name: str) -> None:
        """Put back what ``sys.modules`` held before this generation's façade, unless others use that by now."""
        facade, original = self.added_facades.pop(name, (None, None))
        if facade is None or sys.modules.get(name) is not facade:
            return
        if any(generation.uses_facade(name, facade) for generation in self.lab.others_at_work(self)):
            return
        if original is None:
            del sys.modules[name]
        else:
            sys.modules[name] = original

    def uses_facade(self, name: str, facade: Facade) -> bool:
        """Whether a module of this generation is to be found through a façade; of an old one, while it is executed."""
        record = self.records.get(name)
        if record is None or record.facade is not facade:
            return False
        return self.staged or self.lab.current is self or record.making is self
