"""What a module depends on, beyond the imports that were seen to run: read off its code and its namespace."""

from __future__ import annotations

from collections.abc import Iterable

from hotlab.importing.binding import absolute_name
from hotlab.importing.imports_in_code import ImportStatement, all_imports
from hotlab.importing.records import GenerationPackage, ModuleRecord, is_submodule
from hotlab.importing.sources import LazyNeeds, Snapshot


def note_lazy(record: ModuleRecord, snapshot: Snapshot) -> None:
    """Note what a record's code may import later, and what it reaches through packages that it holds.

    Raises:
        SyntaxError, ValueError: the source of an adopted module is faulty by now.
    """
    packages = [item for item in list(record.namespace.items()) if type(item[1]) is GenerationPackage]
    record.held.update(value.__name__ for key, value in packages if not is_submodule(value, record.name, key))
    source, held = record.source, frozenset(record.held)
    last = source.lazy_needs
    if last is None or last.layout is not snapshot.layout or last.held != held:
        found = set(_named(record, source.facts().lazy, snapshot))
        found |= _reached_through_packages(record, snapshot)
        last = source.lazy_needs = LazyNeeds(snapshot.layout, held, frozenset(found), frozenset(record.held))
        for name in found:
            record.lab.note_dependant(name, record.name)
    record.lazy = last.needs
    record.held |= last.held_after


def note_all(record: ModuleRecord, snapshot: Snapshot) -> None:
    """Note every import that stands in a record's code, as if it had been seen to run: that of an adopted module."""
    for name in _named(record, all_imports(record.source.code()), snapshot):
        record.note_need(name)


def _named(record: ModuleRecord, statements: Iterable[ImportStatement], snapshot: Snapshot) -> Iterable[str]:
    """The modules of the lab that import statements name, there or not."""
    package = record.name if record.source.is_package else record.name.rpartition(".")[0]
    lab = record.lab.name
    for statement in statements:
        try:
            full = absolute_name(statement.name, {"__package__": package}, statement.level)
        except ImportError:
            continue
        root = full.partition(".")[0]
        if root != lab:
            continue
        yield full
        if statement.taken is None:
            record.held.add(root)
            continue
        above = snapshot.get(full)
        for name in statement.taken:
            child = f"{full}.{name}"
            source = snapshot.get(child)
            if source is not None or (above is not None and above.is_package and name != "*"):
                yield child
            if source is not None and source.is_package:
                record.held.add(child)


def _reached_through_packages(record: ModuleRecord, snapshot: Snapshot) -> set[str]:
    """Modules that a record may reach as attributes of packages it holds (``import a.b`` and then ``a.c.x``)."""
    found: set[str] = set()
    held = {*record.held, *([record.name] if record.source.is_package else [])}
    if not held:
        return found
    names = record.source.facts().names
    open_ends = list(held)
    while open_ends:
        package = open_ends.pop()
        for name in names & snapshot.layout.children(package):
            child = f"{package}.{name}"
            if child not in found:
                found.add(child)
                if child not in held:
                    open_ends.append(child)
    return found
