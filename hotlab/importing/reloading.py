"""Plan, stage, commit or roll back: how one generation becomes the next.

Everything here runs on the thread that reloads, under the lab's reload lock; only :func:`publish` touches what other
threads see. Any exception of lab code counts as a refusal, ``SystemExit``, ``RecursionError`` and
``KeyboardInterrupt`` included: the disk may hold anything, and a lab must outlive it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import attrs

from hotlab.importing import executing
from hotlab.importing.errors import HotlabError, ReloadRefused
from hotlab.importing.generations import Generation
from hotlab.importing.graph import in_order, reaching
from hotlab.importing.records import GenerationPackage, ModuleRecord, children_of, is_submodule
from hotlab.importing.sources import Snapshot, SourceTree
from hotlab.importing.tracebacks import describe_fault


@attrs.frozen(eq=False)
class Plan:
    """What an edit comes to.

    Attributes:
        base: the generation it was made for.
        snapshot: the sources of the generation to be.
        changed: names of modules that were added, removed or edited, or that depend on data that was.
        affected: names of executed modules that must be executed again, dependencies first.
        not_reloadable: what the edit touches and can't be reloaded, with what to do.
    """

    base: Generation
    snapshot: Snapshot
    changed: tuple[str, ...]
    affected: tuple[str, ...]
    not_reloadable: tuple[str, ...] = ()


def make_plan(base: Generation, tree: SourceTree) -> Plan | None:
    """Compare the tree with a generation; None where their contents are the same."""
    try:
        snapshot = tree.snapshot()
    except OSError as error:
        raise ReloadRefused(f"a file of lab {base.lab.name} can't be read: {error}", cause=error) from error
    old, new = base.snapshot.sources, snapshot.sources
    edited = {name for name, source in new.items() if old.get(name) is not source}
    edited.update(name for name in old if name not in new)
    extensions = {name for name in edited if _kind(old, new, name) == "extension" and name in base.ready}
    edited -= {name for name in edited if same_content(old.get(name), new.get(name))}
    records = {name: record for name, record in base.records.copy().items() if record.state == "ready"}
    stale, data = _stale_data(records)
    changed = edited | stale
    if not changed:
        return None
    targets = (changed - extensions) | _reaching_added(records, {name for name in new if name not in old})
    affected = _affected(records, targets)
    places = sorted(affected, key=lambda name: records[name].place)
    ordered = in_order(places, {name: record.needs.copy() for name, record in records.items()})
    notes = tuple(f"{name} is an extension module: restart the lab to take it in" for name in sorted(extensions))
    return Plan(
        base,
        snapshot.with_data({**base.snapshot.data, **_relative(data, base)}),
        tuple(sorted(changed)),
        tuple(ordered),
        notes,
    )


def _relative(data: dict[str, str | None], base: Generation) -> dict[str, str | None]:
    """Data files by their path in the package: a digest must not depend on where the lab lies."""
    return {os.path.relpath(path, base.lab.root).replace(os.sep, "/"): digest for path, digest in data.items()}


def same_content(old: Any, new: Any) -> bool:
    """Whether two sources of a name are the same in all that a module can tell."""
    if old is None or new is None:
        return old is new
    return (old.digest, old.kind, old.path) == (new.digest, new.kind, new.path)


def _kind(old: Any, new: Any, name: str) -> str:
    source = new.get(name) or old[name]
    return str(source.kind)


def _stale_data(records: dict[str, ModuleRecord]) -> tuple[set[str], dict[str, str | None]]:
    """The modules that read data files or list folders which differ now, and the digests of all such data."""
    stale: set[str] = set()
    files: dict[str, str | None] = {}
    folders: dict[str, str | None] = {}
    for name, record in records.items():
        for path, digest in record.reads.copy().items():
            if path not in files:
                files[path] = executing.file_digest(path)
            if files[path] != digest:
                stale.add(name)
        for path, digest in record.listings.copy().items():
            if path not in folders:
                folders[path] = executing.listing_digest(path)
            if folders[path] != digest:
                stale.add(name)
    return stale, files


def _affected(records: dict[str, ModuleRecord], targets: set[str]) -> set[str]:
    edges = {name: record.all_needs() for name, record in records.items()}
    return {name for name in reaching(targets, edges) if name in records and records[name].source.kind != "extension"}


def _reaching_added(records: dict[str, ModuleRecord], added: set[str]) -> set[str]:
    """Modules whose code mentions a new module as an attribute of a package that they hold."""
    found = set()
    for child in added:
        package, _, name = child.rpartition(".")
        for record in records.values():
            if name in record.names and (package in record.held or record.name == package):
                found.add(record.name)
    return found


def compile_changed(plan: Plan) -> None:
    """Compile every changed module that some module of the lab needs; a faulty file that nobody needs is no fault."""
    needed = set(plan.affected)
    for record in plan.base.records.copy().values():
        needed |= record.all_needs()
    for name in plan.changed:
        source = plan.snapshot.get(name)
        if source is not None and name in needed and source.kind != "extension":
            try:
                source.code()
            except Exception as error:
                raise _refusal(plan, name, error) from error


def stage(plan: Plan, number: int) -> Generation:
    """Execute the affected modules in a new generation that nobody sees."""
    staged = Generation(plan.base.lab, number, plan.snapshot)
    staged.staged = True
    affected = set(plan.affected)
    unaffected = [
        record
        for name, record in plan.base.records.copy().items()
        if record.state == "ready" and name not in affected and name in plan.snapshot.sources
    ]
    share(unaffected, staged, plan.base)
    name = ""
    try:
        for name in plan.affected:
            if name in plan.snapshot.sources:
                staged.load(name)
        _compile_lazily_needed(staged, plan)
    except BaseException as error:
        discard(staged)
        raise _refusal(plan, name, error) from error
    return staged


def share(records: list[ModuleRecord], into: Generation, base: Generation) -> None:
    """Let a generation hold records of its predecessor; a package gets its own object over the same namespace."""
    for record in records:
        into.add(record)
    for record in records:
        parent, _, child = record.name.rpartition(".")
        package, above = into.packages.get(parent), base.packages.get(parent)
        if package is not None and above is not None and child in children_of(above):
            children_of(package)[child] = into.object_of(record)


def _compile_lazily_needed(staged: Generation, plan: Plan) -> None:
    for name in staged.executed:
        for need in staged.records[name].lazy:
            source = plan.snapshot.get(need)
            if source is not None and need not in staged.ready and source.kind != "extension":
                source.code()


def discard(staged: Generation) -> None:
    """Drop what a staged generation left in ``sys.modules``: façades of modules that are new in it."""
    for name in list(staged.added_facades):
        staged.drop_added(name)


def carry_late_loads(base: Generation, staged: Generation) -> None:
    """Share what tasks imported for the first time while the new generation was being staged."""
    records = {name: record for name, record in base.records.copy().items() if record.state == "ready"}
    late = [name for name in records if name not in staged.records and name in staged.snapshot.sources]
    if not late:
        return
    changed = {
        name
        for name in {*base.snapshot.sources, *staged.snapshot.sources}
        if not same_content(base.snapshot.get(name), staged.snapshot.get(name))
    }
    replaced = {name for name, record in staged.records.items() if base.records.get(name) not in (record, None)}
    affected = _affected(records, changed | replaced)
    share([records[name] for name in late if name not in affected], staged, base)


def publish(now: Generation, before: Generation) -> None:
    """Bring ``sys.modules`` and the homes of shared records in line with the generation that is current now."""
    names: dict[str, Any] = {}
    for name, record in now.records.copy().items():
        if before.records.get(name) is record:
            record.home = now
            _swap_packages(record, now)
            _rebind_submodules(record, now)
        elif record.source.kind != "extension":
            names[name] = record.replacement if record.replacement is not None else record.facade
            record.home = now
            _swap_packages(record, now)  # what it took from a shared module
    now.added_facades.clear()
    sys.modules.update(names)
    for name in list(before.records):
        if name not in now.snapshot.sources:
            sys.modules.pop(name, None)


def _swap_packages(record: ModuleRecord, now: Generation) -> None:
    """A shared module holds the package objects of the generation it was born in: give it the current ones.

    What it reaches through them is the same in both (else it would be affected), and the old ones would keep the
    rest of their generation alive.
    """
    if not record.held or record.adopted:
        return
    namespace = record.namespace
    for name, value in list(namespace.items()):
        if isinstance(value, GenerationPackage):
            package = now.packages.get(value.__name__)
            if package is not None and package is not value:
                namespace[name] = package


def _rebind_submodules(record: ModuleRecord, now: Generation) -> None:
    """Plain Python binds a submodule in its package's namespace; where ours has one, it is the current one or none."""
    if not record.has_view:
        return
    children = children_of(now.packages[record.name])
    for name, value in list(record.namespace.items()):
        if is_submodule(value, record.name, name):
            if name in children:
                record.namespace[name] = children[name]
            else:
                record.namespace.pop(name, None)


def _refusal(plan: Plan, name: str, error: BaseException) -> ReloadRefused:
    text = str(error) if isinstance(error, HotlabError) else describe_fault(error, plan.base.lab.root)
    return ReloadRefused(text, module=name or None, changed=plan.changed, cause=error)
