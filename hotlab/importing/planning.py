"""What an edit comes to: which modules changed, and which are affected.

Nothing here touches what other threads see, and the work grows with the edit, not with the lab: who depends on whom
is an index that grows as imports run, and is checked where it is followed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import attrs

from hotlab.importing import executing, releasing
from hotlab.importing.dependencies import needs_unexecuted, note_lazy, values_of_note
from hotlab.importing.errors import HotlabError, ReloadRefused
from hotlab.importing.generations import Generation
from hotlab.importing.graph import in_order, reaching
from hotlab.importing.records import GenerationPackage, ModuleRecord
from hotlab.importing.sources import Snapshot, Source, SourceTree
from hotlab.importing.tracebacks import describe_fault


@attrs.frozen(eq=False)
class Plan:
    """What an edit comes to.

    Attributes:
        base: the generation it was made for.
        snapshot: the sources of the generation to be.
        changed: names of modules that were added, removed or edited, or that depend on data that was.
        affected: names of executed modules that must be executed again, by the order of their first import: their
            own imports put dependencies before dependants, as they do in a fresh interpreter.
        not_reloadable: what the edit touches and can't be reloaded, with what to do.
        executed: the modules that it knows of; what is imported later may be affected, too.
    """

    base: Generation
    snapshot: Snapshot
    changed: tuple[str, ...]
    affected: tuple[str, ...]
    not_reloadable: tuple[str, ...] = ()
    executed: frozenset[str] = frozenset()

    def in_order(self) -> list[str]:
        """The affected modules with dependencies before dependants: what would run, before anything does."""
        records = self.base.records
        return in_order(self.affected, {name: records[name].needs.copy() for name in self.affected})


def make_plan(base: Generation, tree: SourceTree) -> Plan | None:
    """Compare the tree with a generation; None where their contents are the same."""
    if base.lab.unchanged:
        return None
    snapshot = _look(base, tree)
    base.lab.watch_reads(snapshot, since=base.snapshot)
    if base.lab.name not in snapshot.sources:
        raise ReloadRefused(f"lab {base.lab.name} is gone from {base.lab.root}: put it back; its code goes on as it is")
    executed = frozenset(base.ready)
    read_code(base)
    stale = _stale_data(base)
    stale |= {name for name in base.lab.overwritten if name in base.ready}
    edited = different(base.snapshot, snapshot)
    if not edited and not stale:
        base.lab.looked_at = base
        return None
    old, new = base.snapshot.sources, snapshot.sources
    extensions = {name for name in edited if (new.get(name) or old[name]).kind == "extension" and name in base.ready}
    changed = edited | stale
    added = {name for name in edited if name not in old}
    targets = (changed - extensions) | _reaching_added(base, added) | _uncovered(base, edited - new.keys())
    affected = affected_by(base, targets)
    records = base.records
    places = sorted(affected, key=lambda name: records[name].place)
    notes = [f"{name} is an extension module: restart the lab to take it in" for name in sorted(extensions)]
    program = getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", None)
    if program in edited:
        notes.append(f"{program} runs as this process's program (__main__): start it anew to take the edit in")
    return Plan(base, snapshot, tuple(sorted(changed)), tuple(places), tuple(notes), executed)


def _look(base: Generation, tree: SourceTree) -> Snapshot:
    try:
        return tree.snapshot(base.snapshot)
    except OSError as error:
        raise ReloadRefused(f"a file of lab {base.lab.name} can't be read: {error}", cause=error) from error


def different(old: Snapshot, new: Snapshot) -> set[str]:
    """Names of the modules whose contents, or whose very presence, two snapshots disagree on."""
    if old is new or old.sources is new.sources:
        return set()
    before, after = old.sources, new.sources
    found = {name for name in new.may_differ_from(old) if not same_content(before.get(name), after[name])}
    if old.layout is not new.layout:
        found.update(name for name in before if name not in after)
    return found


def same_content(old: Source | None, new: Source | None) -> bool:
    """Whether two sources of a name are the same in all that a module can tell."""
    if old is new:
        return True
    if old is None or new is None:
        return False
    return old.is_like(new.digest, new.kind, new.path)


def read_code(generation: Generation) -> None:
    """Read the lazy imports off the modules of a lab that were executed since it was done last."""
    lab, ready = generation.lab, generation.ready
    looked_at, needed = generation.as_before, generation.needed
    generation.as_before, generation.needed = [], set()
    if lab.kept_frames:
        releasing.clear_finished(lab.kept_frames)
    while lab.unread:
        record = lab.unread.popleft()
        snapshot = record.home.snapshot
        found = values_of_note(record)
        record.source.holds_nothing = not found
        for value in found:
            if isinstance(value, GenerationPackage):
                record.note_held(value.__name__)
            else:
                lab.kept_frames.extend(releasing.engine_frames_behind(value))
        if record.source.kind != "extension":
            try:
                note_lazy(record, snapshot)
            except (SyntaxError, ValueError):
                continue  # of an adopted module, edited since: its next plan says so
        if record.held or record.source.is_package:
            lab.holding.add(record.name)
        needed.update(record.needs, record.lazy)
        looked_at.append(record)
    # What they need and do not have: they ask for it later, or asked in vain, for that failed and was caught.
    needed.difference_update(ready, lab.unexecuted)
    if needed:
        for record in looked_at:
            missing = needed.intersection(record.needs | record.lazy)
            _follow_unexecuted(generation, _leading_on(missing, record.needs_it, generation.snapshot))
    for name in lab.unexecuted.copy():
        source = generation.snapshot.get(name)
        if name in generation.ready:
            if not generation.staged:  # else it may be given up, and the current one is as it was
                lab.unexecuted.discard(name)
        elif source is not None and (source.lazy_needs is None or not source.lazy_needs.is_of(generation.snapshot)):
            _follow_unexecuted(generation, {name}, again=True)


def _follow_unexecuted(generation: Generation, names: Iterable[str], *, again: bool = False) -> None:
    """Find out what modules would need that are needed but were not executed yet: a closure leads through them."""
    lab, open_ends = generation.lab, list(names)
    while open_ends:
        name = open_ends.pop()
        source = generation.snapshot.get(name)
        if (source is not None and source.kind == "extension") or name in generation.ready:
            continue
        if name in lab.unexecuted and not again:
            continue
        again = False
        lab.unexecuted.add(name)
        # One that is not there leads on, too: the packages above it are executed before it is found missing.
        needs = needs_unexecuted(source, generation.snapshot) if source is not None else frozenset()
        for need in needs:
            lab.note_dependant(need, name)
        open_ends += _leading_on(needs, needs.__contains__, generation.snapshot)
        parent = name.rpartition(".")[0]
        while parent:
            lab.note_dependant(parent, name)  # also where it was executed: it may go, and come back as another
            if parent not in generation.ready:
                open_ends.append(parent)
            parent = parent.rpartition(".")[0]


def _leading_on(names: Iterable[str], needed: Callable[[str], bool], snapshot: Snapshot) -> list[str]:
    """Of the needs of a module those to be followed: all but what is no module, in a package that is a need itself."""
    sources = snapshot.sources
    return [name for name in names if name in sources or not needed(name.rpartition(".")[0])]


def _stale_data(base: Generation) -> set[str]:
    """The modules that read data files or list folders which differ now."""
    stale: set[str] = set()
    files: dict[str, str | None] = {}
    folders: dict[str, str | None] = {}
    for name in base.lab.reading.copy():
        record = base.records.get(name)
        if record is None or record.state != "ready":
            continue
        for path, digest in (record.reads or {}).copy().items():
            if digest == executing.WRITTEN:
                continue
            if path not in files:
                files[path] = executing.file_digest(path)
            if files[path] != digest:
                stale.add(name)
        for path, digest in (record.listings or {}).copy().items():
            if path not in folders:
                folders[path] = executing.listing_digest(path)
            if folders[path] != digest:
                stale.add(name)
    return stale


def dependants_of(base: Generation, name: str) -> list[str]:
    """The modules of a generation that need a module, eagerly or lazily: executed, or needed by some that are."""
    found = []
    lab = base.lab
    for dependant in lab.dependants.get(name, frozenset()).copy():
        record = base.records.get(dependant)
        # The index keeps what was true of an earlier execution: the record, or the source, says what is.
        if record is not None and record.state == "ready":
            if record.needs_it(name):
                found.append(dependant)
        elif dependant in lab.unexecuted:
            source = base.snapshot.get(dependant)
            # To import it executes the packages above it that were not executed yet: in its case they are edges.
            above = dependant.startswith(name + ".") and name not in base.ready
            if above or (source is not None and name in needs_unexecuted(source, base.snapshot)):
                found.append(dependant)
    return found


def affected_by(base: Generation, targets: Iterable[str]) -> set[str]:
    """The executed modules from which a target can be reached over their needs, targets included."""
    found = reaching(targets, lambda name: dependants_of(base, name))
    return {name for name in found if name in base.ready and base.records[name].source.kind != "extension"}


def _reaching_added(base: Generation, added: set[str]) -> set[str]:
    """Modules whose code mentions a new module as an attribute of a package that they hold."""
    found = set()
    for child in added:
        package, _, name = child.rpartition(".")
        for holder in base.lab.holding:
            record = base.records.get(holder)
            if record is not None and (package in record.held or record.name == package) and _mentions(record, name):
                found.add(holder)
    return found


def _uncovered(base: Generation, gone: set[str]) -> set[str]:
    """Packages in which a value comes back that a submodule has hidden."""
    found = set()
    for child in gone:
        package, _, last = child.rpartition(".")
        record = base.records.get(package)
        if record is not None and last in record.hidden:
            found.add(package)
    return found


def _mentions(record: ModuleRecord, name: str) -> bool:
    try:
        return name in record.source.facts().names
    except (SyntaxError, ValueError):
        return False


def compile_changed(plan: Plan) -> None:
    """Compile every changed module that some module of the lab needs; a faulty file that nobody needs is no fault."""
    affected, base = set(plan.affected), plan.base
    for name in plan.changed:
        source = plan.snapshot.get(name)
        if source is None or source.kind == "extension":
            continue
        if name in affected or affected_by(base, [name]):
            try:
                source.code(cached=False)
            except Exception as error:
                raise refusal(plan, name, error) from error


def refusal(plan: Plan, name: str, error: BaseException) -> ReloadRefused:
    """What is told where an edit can't become a generation."""
    text = str(error) if isinstance(error, HotlabError) else describe_fault(error, plan.base.lab.root)
    return ReloadRefused(text, module=name or None, changed=plan.changed, cause=error, digest=plan.snapshot.digest())
