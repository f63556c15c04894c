"""Stage, commit or roll back: how one generation becomes the next.

Everything here runs on the thread that reloads, under the lab's reload lock; only :func:`commit` touches what other
threads see. Any exception of lab code counts as a refusal, ``SystemExit``, ``RecursionError`` and
``KeyboardInterrupt`` included: the disk may hold anything, and a lab must outlive it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from hotlab.importing.adopting import settle
from hotlab.importing.generations import Generation
from hotlab.importing.planning import Plan, affected_by, dependants_of, different, read_code, refusal
from hotlab.importing.records import GenerationPackage, ModuleRecord, children_of, is_submodule
from hotlab.importing.retiring import Replaced, Swap


def stage(plan: Plan, number: int) -> Generation:
    """Execute the affected modules in a new generation that nobody sees."""
    base = plan.base
    staged = Generation(base.lab, number, plan.snapshot)
    staged.staged = True
    staged.base = base
    staged.claim_logs.append(staged.claimed)
    staged.changed = plan.changed
    base.lab.keep_track_of(staged)
    share_all(plan, staged)
    name = ""
    try:
        for name in plan.affected:
            if name not in staged.ready and name in plan.snapshot.sources:
                staged.load(name)
        _compile_lazily_needed(staged)
    except BaseException as error:
        with base.lab.mutex:
            discard(staged)
        raise refusal(plan, name, error) from error
    return staged


def share_all(plan: Plan, into: Generation) -> None:
    """Let a generation hold what its predecessor had executed when the plan was made, and what is not affected of it.

    What was imported since is judged when the generation is committed.
    """
    base, lab, sources = plan.base, plan.base.lab, into.snapshot.sources
    leave_out = set(plan.affected)
    if base.snapshot.layout is not into.snapshot.layout:
        lab.comings = lab.comings.with_more(base.snapshot.sources.keys() ^ sources.keys())
    with lab.mutex:
        base.claim_logs.append(into.late)
        records, ready, packages = base.records.copy(), base.ready.copy(), base.packages.copy()
        plain = base.plain.copy()
        if base.snapshot.layout is not into.snapshot.layout:
            leave_out.update(name for name in records if name not in sources)
        if len(records) != len(plan.executed):
            leave_out.update(name for name in records if name not in plan.executed)
        into.gaps = {name for name in leave_out if name in packages and name in sources}
        into.gaps.update(_failed_above(into, ready))
        for name in leave_out:
            records.pop(name, None)
            ready.pop(name, None)
            packages.pop(name, None)
            plain.pop(name, None)
        into.records, into.ready, into.plain, into.left_out = records, ready, plain, leave_out
        _share_packages(into, packages)
    for name in leave_out:
        parent, _, last = name.rpartition(".")
        above = into.packages.get(parent)
        if above is not None:
            children_of(above).pop(last, None)


def _failed_above(into: Generation, ready: Mapping[str, Any]) -> list[str]:
    """Packages that somebody needs, and that have failed, but left modules below them behind."""
    layout, sources = into.snapshot.layout, into.snapshot.sources
    wanted = [name for name in into.lab.unexecuted if name in sources and sources[name].is_package]
    return [name for name in wanted if any(f"{name}.{last}" in ready for last in layout.children(name))]


def _share_packages(into: Generation, packages: dict[str, GenerationPackage]) -> None:
    """Give a generation its own objects for packages that it shares: same namespaces, its own submodules."""
    records, ready = into.records, into.ready
    made = {name: GenerationPackage(records[name], children_of(old).copy()) for name, old in packages.items()}
    into.packages.update(made)
    for name, package in made.items():
        if records[name].replacement is None:
            ready[name] = package
        parent, _, last = name.rpartition(".")
        above = into.packages.get(parent)
        if above is not None and last in children_of(above):
            children_of(above)[last] = ready[name]


def _compile_lazily_needed(staged: Generation) -> None:
    """An edit that a task would meet later, in an import inside a function, must at least compile."""
    read_code(staged)
    lazy = frozenset[str]().union(*[staged.records[name].lazy for name in staged.executed])
    for need in sorted(lazy.difference(staged.ready)):
        source = staged.snapshot.get(need)
        if source is not None and source.kind != "extension":
            source.code()


def discard(staged: Generation) -> None:
    """Drop what a staged generation left in ``sys.modules``: façades of modules that are new in it.

    Called under the lab's mutex.
    """
    _end_logs(staged)
    for name in list(staged.added_facades):
        staged.drop_added(name)
    unread = staged.lab.unread
    for record in [record for record in unread.copy() if record.pinned is staged]:
        with contextlib.suppress(ValueError):  # read meanwhile
            unread.remove(record)
    staged.staged = False
    staged.lab.forget(staged)


def commit(staged: Generation, before: Generation) -> Swap:
    """Make a staged generation the current one. Called under the lab's mutex; the answer is for after it."""
    lab = staged.lab
    late, executed = staged.late, staged.claimed
    settle(before)
    _carry_late_loads(before, staged, late | staged.left_out, executed)
    replaced = _replaced(before, staged, executed | staged.left_out | late)
    for _name, old, _new in replaced:
        if old is not None:
            old.pinned = before
    _end_logs(staged)
    if before.snapshot.layout is not staged.snapshot.layout:
        _prune(lab.dependants, staged)
    staged.staged = False
    staged.gaps = set()
    lab.looked_at = None
    lab.overwritten.difference_update(executed)
    lab.current = staged
    for _name, _old, new in replaced:
        if new is not None:
            new.pinned = None
    publish(staged, replaced)
    return Swap(before, staged, replaced, staged.changed)


def _end_logs(staged: Generation) -> None:
    """It is no longer of interest what is begun to be imported. Called under the lab's mutex."""
    base, staged.base = staged.base, None
    if base is not None:
        base.claim_logs[:] = [log for log in base.claim_logs if log is not staged.late]
    staged.claim_logs.clear()


def _replaced(before: Generation, now: Generation, names: Iterable[str]) -> list[Replaced]:
    """What two generations do not share: names with the record of the one and that of the other."""
    old, new = before.records, now.records
    pairs = [(name, old.get(name), new.get(name)) for name in names]
    return [pair for pair in pairs if pair[1] is not pair[2]]


def _prune(dependants: dict[str, set[str]], now: Generation) -> None:
    """Forget who needed what of modules that are gone; a need of a module that is not there yet is kept."""
    unfinished, sources = now.records.keys() - now.ready.keys(), now.snapshot.sources
    missing = {name for name in now.lab.unexecuted.difference(sources) if dependants_of(now, name)}
    now.lab.unexecuted -= now.lab.unexecuted.difference(sources) - missing
    for need, names in list(dependants.items()):
        # An intersection would go through all of the lab each time.
        names.difference_update(names.difference(sources).difference(missing))
        if need not in sources:
            names.intersection_update([*dependants_of(now, need), *unfinished])
        if not names:
            dependants.pop(need, None)


def revert(now: Generation, before: Generation) -> Swap:
    """Make an older generation the current one again. Called under the lab's mutex; the answer is for after it."""
    replaced = _replaced(before, now, {*before.records, *now.records})
    for _name, old, _new in replaced:
        if old is not None:
            old.pinned = before
    now.lab.looked_at = None
    now.lab.current = now
    for _name, _old, new in replaced:
        if new is not None:
            new.pinned = None
            now.lab.unread.append(new)
            for need in new.needs | new.lazy:  # forgotten, perhaps, with a module that was gone meanwhile
                now.lab.note_dependant(need, new.name)
    publish(now, replaced)
    return Swap(before, now, replaced, different(before.snapshot, now.snapshot))


def _carry_late_loads(base: Generation, staged: Generation, late: set[str], executed: set[str]) -> None:
    """Share what tasks imported for the first time while the new generation was being staged."""
    sources = staged.snapshot.sources
    new = [name for name in late if name in base.ready and name not in staged.records and name in sources]
    if not new:
        return
    read_code(base)
    replaced = {name for name in executed if name in base.records}
    affected = affected_by(base, {*staged.changed, *different(base.snapshot, staged.snapshot), *replaced})
    carried = sorted(set(new) - affected)
    for name in carried:
        staged.records[name], staged.ready[name] = base.records[name], base.ready[name]
    _share_packages(staged, {name: base.packages[name] for name in carried if name in base.packages})
    for name in carried:
        parent, _, last = name.rpartition(".")
        if parent in staged.packages:
            children_of(staged.packages[parent])[last] = staged.ready[name]


def publish(now: Generation, replaced: list[Replaced]) -> None:
    """Bring ``sys.modules``, and the namespaces of shared packages, in line with the generation that is current now."""
    names: dict[str, Any] = {}
    anew: set[str] = set()
    for name, _old, new in replaced:
        if new is None:
            if name not in now.snapshot.sources:
                sys.modules.pop(name, None)
        else:
            anew.add(name)
            if new.source.kind != "extension":
                names[name] = new.replacement if new.replacement is not None else new.facade
    for name in now.packages.keys() | {name for name, _old, _new in replaced}:
        # A package that was executed again has bound what is below it.
        if name.rpartition(".")[0] not in anew:
            _rebind_on_parent(name, now)
    now.added_facades.clear()
    sys.modules.update(names)
    for name in now.lab.holding.copy():
        record = now.records.get(name)
        if record is not None and record.held:
            _swap_packages(record, now)


def _rebind_on_parent(name: str, now: Generation) -> None:
    """Plain Python binds a submodule in its package's namespace; where ours has one, it is the current one or none."""
    parent, _, last = name.rpartition(".")
    above = now.packages.get(parent)
    if above is None:
        return
    namespace = now.records[parent].namespace
    if not is_submodule(namespace.get(last), parent, last):
        return
    children = children_of(above)
    if last in children:
        namespace[last] = children[last]
    else:
        namespace.pop(last, None)


def _swap_packages(record: ModuleRecord, now: Generation) -> None:
    """A shared module holds the package objects of the generation it was born in: give it the current ones.

    What it reaches through them is the same in both (else it would be affected), and the old ones would keep the
    rest of their generation alive.
    """
    if record.adopted:
        return
    namespace = record.namespace
    for name, value in list(namespace.items()):
        if type(value) is GenerationPackage:
            package = now.packages.get(value.__name__)
            if package is not None and package is not value:
                namespace[name] = package
