"""What a module depends on, beyond the imports that were seen to run: read off its code and its namespace."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from hotlab.importing.binding import absolute_name
from hotlab.importing.executing import listing_digest
from hotlab.importing.imports_in_code import ImportStatement, all_imports
from hotlab.importing.records import GenerationPackage, ModuleRecord, is_submodule
from hotlab.importing.sources import LazyNeeds, Snapshot, Source

_OF_NOTE = (BaseException, GenerationPackage)


def values_of_note(record: ModuleRecord) -> list[Any]:
    """The exceptions that a module holds, and the packages of its lab but for those right below it."""
    name, namespace, lab = record.name, record.namespace, record.lab
    sets = record.source.sets()
    if sets is not None and not record.held and record.needs.isdisjoint(lab.of_note):
        # What it has from other modules was looked at there. Packages re-export thousands of names.
        values = list(map(namespace.get, sets))
    else:
        values = list(namespace.values())
    # By type: isinstance would ask a value for its class, which may be code of the lab's; so would a set of the types.
    if not any(map(issubclass, map(type, values), repeat(_OF_NOTE))):
        return []
    noted = [item for item in list(namespace.items()) if issubclass(type(item[1]), _OF_NOTE)]
    found = [value for key, value in noted if not is_submodule(value, name, key)]
    if found and name not in lab.of_note:
        lab.note_holder(name)
        # Those in a cycle with it were looked at before it.
        users = [record.home.records.get(other) for other in lab.dependants.get(name, frozenset()).copy()]
        lab.unread.extend(user for user in users if user is not None and user.state == "ready")
    return found


def note_as_before(record: ModuleRecord, snapshot: Snapshot) -> bool:
    """Note what a record's code may import later where that is known from an earlier execution of the same source.

    Returns:
        Whether that is all there is to know of it.
    """
    last = record.source.lazy_needs
    if last is None or last.layout is not snapshot.layout or last.held or last.held_after:
        return False
    if record.held or record.source.is_package:
        return False
    if values_of_note(record):
        return False
    record.lazy = last.needs
    return True


def note_lazy(record: ModuleRecord, snapshot: Snapshot) -> None:
    """Note what a record's code may import later, and what it reaches through packages that it holds.

    Raises:
        SyntaxError, ValueError: the source of an adopted module is faulty by now.
    """
    source, held = record.source, record.held
    last = source.lazy_needs
    if last is None or last.layout is not snapshot.layout or last.held != held:
        facts = source.facts()
        needs, held_after = _named(source, facts.lazy, snapshot)
        needs |= _named_by_strings(source, facts.named)
        needs |= _reached_through_packages(source, held | held_after, snapshot)
        last = source.lazy_needs = LazyNeeds(snapshot.layout, held, frozenset(needs), frozenset(held_after))
        for name in needs:
            record.lab.note_dependant(name, record.name)
    record.lazy = last.needs
    record.note_held(*last.held_after)


def note_all(record: ModuleRecord, snapshot: Snapshot) -> None:
    """Note every import that stands in a record's code, as if it had been seen to run: that of an adopted module.

    Raises:
        SyntaxError, ValueError: its source is faulty by now.
    """
    source, facts = record.source, record.source.facts()
    needs, held = _named(source, all_imports(source.code()), snapshot)
    needs |= _named_by_strings(source, facts.named)
    if facts.lists and source.is_package:
        # Which of its modules it imported that way can't be seen any more: any of them.
        needs.update(f"{source.name}.{last}" for last in snapshot.layout.children(source.name))
        record.listings = {source.folder: listing_digest(source.folder)}
        record.lab.reading.add(record.name)
    record.note_held(*held)
    for name in needs:
        record.note_need(name)


def needs_unexecuted(source: Source, snapshot: Snapshot) -> frozenset[str]:
    """What a module that was not executed yet would need: empty where its source is faulty."""
    last = source.lazy_needs
    if last is None or last.held is not _UNEXECUTED or not last.is_of(snapshot):
        starred: list[Source] = []
        try:
            facts = source.facts()
            statements = tuple(all_imports(source.code()))
            needs, held = _named(source, statements, snapshot)
            needs |= _exported(source, statements, snapshot, starred)
        except (SyntaxError, ValueError):
            needs, held = set(), set()
        else:
            needs |= _named_by_strings(source, facts.named)
            needs |= _reached_through_packages(source, held, snapshot)
            if facts.lists and source.is_package:
                needs.update(f"{source.name}.{last}" for last in snapshot.layout.children(source.name))
        last = source.lazy_needs = LazyNeeds(
            snapshot.layout, _UNEXECUTED, frozenset(needs), frozenset(held), tuple(starred)
        )
    return last.needs


_UNEXECUTED: frozenset[str] = frozenset({"(not executed)"})


def _named(source: Source, statements: Iterable[ImportStatement], snapshot: Snapshot) -> tuple[set[str], set[str]]:
    """The modules of the lab that import statements name, there or not; and the packages that they give as objects."""
    lab = source.name.partition(".")[0]
    needs: set[str] = set()
    held: set[str] = set()
    for statement in statements:
        try:
            full = absolute_name(statement.name, {"__package__": source.package}, statement.level)
        except ImportError:
            continue
        if full.partition(".")[0] != lab:
            continue
        needs.add(full)
        if statement.taken is None:
            held.add(lab)
            continue
        above = snapshot.get(full)
        for name in statement.taken:
            child = f"{full}.{name}"
            found = snapshot.get(child)
            if found is not None or (above is not None and above.is_package and name != "*"):
                needs.add(child)
            if found is not None and found.is_package:
                held.add(child)
    return needs, held


def _exported(
    source: Source, statements: Iterable[ImportStatement], snapshot: Snapshot, starred: list[Source]
) -> set[str]:
    """The submodules that ``from package import *`` imports, for they stand in the package's ``__all__``."""
    found: set[str] = set()
    for statement in statements:
        if statement.taken != ("*",):
            continue
        try:
            above = snapshot.get(absolute_name(statement.name, {"__package__": source.package}, statement.level))
            if above is not None and above.is_package:
                starred.append(above)
                exports = above.facts().exports & snapshot.layout.children(above.name)
                found.update(f"{above.name}.{child}" for child in exports)
        except (ImportError, SyntaxError, ValueError):
            continue
    return found


def _named_by_strings(source: Source, named: Iterable[str]) -> set[str]:
    """The modules of the lab that strings in code which imports by name may stand for."""
    lab = source.name.partition(".")[0]
    found = set()
    for text in named:
        level = len(text) - len(text.lstrip("."))
        try:
            full = absolute_name(text[level:], {"__package__": source.package}, level) if level else text
        except ImportError:
            continue
        if full == lab or full.startswith(lab + "."):
            found.add(full)
    return found


def _reached_through_packages(source: Source, held: Iterable[str], snapshot: Snapshot) -> set[str]:
    """Modules that code may reach as attributes of packages it holds (``import a.b`` and then ``a.c.x``)."""
    found: set[str] = set()
    known = {*held, *([source.name] if source.is_package else [])}
    open_ends = list(known)
    names = source.facts().names if known else frozenset()
    while open_ends:
        package = open_ends.pop()
        for name in names & snapshot.layout.children(package):
            child = f"{package}.{name}"
            if child not in found:
                found.add(child)
                if child not in known:
                    open_ends.append(child)
    return found
