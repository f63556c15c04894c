"""What must hold after each refresh. Each check gives a list of sentences: what is wrong, empty where nothing is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import attrs

from tests.importing.model.observing import described
from tests.importing.model.oracle import Answer
from tests.importing.model.rules import affected, changed, closure, cyclic, depends_on, eager_edges, perhaps_changed
from tests.importing.model.states import State, differences, not_shared, without_orphans
from tests.importing.model.trees import VALUE_FORMS, Module, Tree, full, relative_name, runs


@attrs.frozen(eq=False)
class Reload:
    """One refresh as it was seen from outside.

    Attributes:
        old: the tree of the generation before.
        new: the tree on disk.
        before: the state before.
        after: the state after.
        report: what ``hotlab.refresh()`` gave.
        expected: what a fresh interpreter makes of the new tree.
        ended_before: executions by module, before.
        ended_after: executions by module, after.
        log: what began and ended meanwhile.
        uncertain: the held modules of which it is not known when they were first imported.
    """

    old: Tree
    new: Tree
    before: State
    after: State
    report: Any
    expected: Answer
    ended_before: Counter[str]
    ended_after: Counter[str]
    log: list[tuple[str, str]]
    uncertain: set[str]

    @property
    def held(self) -> set[str]:
        """The modules held before, by their names in the tree."""
        return {relative_name(name) for name in self.before.modules}

    @property
    def changed(self) -> set[str]:
        """What the edit changed."""
        return changed(self.old, self.new, self.held)


def right(seen: Reload) -> list[str]:
    """All that is wrong with a refresh."""
    problems = right_outcome(seen)
    if problems:
        return problems
    if not seen.report.ok:
        return failed_refresh(seen)
    problems = right_report(seen) + right_counts(seen) + right_order(seen) + right_sharing(seen)
    if seen.expected.order_dependent:
        problems += made_of_what_is_there(seen.new, seen.after)
    return problems + (same_values(seen.expected, seen.new, seen.after) if seen.expected.ok else [])


def right_outcome(seen: Reload) -> list[str]:
    """A refresh works if and only if a fresh import of what is held does."""
    results = {seen.expected.ok, *(other.ok for other in seen.expected.others)}
    if seen.report.ok in results:
        return []
    if not seen.report.ok and seen.before.held() != without_orphans(seen.before.held()):
        return []  # their package may fail again, and nobody but a task that failed has asked for it
    if not seen.report.ok and _uncompiled(seen):
        return []
    if seen.report.ok:
        if fails_elsewhere(seen):
            return []
        return [f"the refresh is ok, a fresh import fails: {seen.expected.error}"]
    return [f"the refresh is refused, a fresh import works: {seen.report.error}"]


def fails_elsewhere(seen: Reload) -> bool:
    """Whether a fresh import fails because it enters a cycle where the reload did not have to.

    It fails in a module of the cycle while another one of it is half-made that the reload has left as it was, whole,
    for the edit does not affect it: a package that leads into the cycle does not affect what is below it. So the
    refresh is right, and it is the next start of the lab that fails.
    """
    among = [name for name in seen.expected.within if relative_name(name) in cyclic(seen.new)]
    left = [name for name in among if name in seen.before.modules and name not in seen.report.reloaded]
    return bool(left) and among[-1] == seen.expected.within[-1]


def _uncompiled(seen: Reload) -> bool:
    """Whether a module that does not compile waits to be imported late.

    The plan compiles what changed, so the refusal is right where a late import would fail; where nobody needs the
    module there is no fault. A fresh interpreter meets it in neither case.
    """
    return any(module.fault == "syntax" for module in seen.new.modules.values())


def failed_refresh(seen: Reload) -> list[str]:
    """After a refused edit all is as it was, to the object."""
    problems = differences(seen.before, seen.after)
    problems += [f"{name} lost an execution" for name, n in seen.ended_before.items() if seen.ended_after[name] < n]
    if not seen.report.error:
        problems.append("the refusal gives no reason")
    return problems


def right_report(seen: Reload) -> list[str]:
    """The report names what changed, and what was executed in the order of its execution."""
    problems = []
    want = {full(name) for name in seen.changed}
    room = {full(name) for name in perhaps_changed(seen.old, seen.new, seen.held)}
    if not want <= set(seen.report.changed) <= want | room:
        problems.append(f"changed: {sorted(seen.report.changed)}, the edit changed {sorted(want)}")
    ended = [name for event, name in seen.log if event == "end"]
    if list(seen.report.reloaded) != ended:
        problems.append(f"reloaded: {list(seen.report.reloaded)}, but executed were {ended}")
    if not want and seen.after.generation is not seen.before.generation:
        problems.append("nothing changed, yet there is a new generation")
    return problems


def right_counts(seen: Reload) -> list[str]:
    """Each affected module was executed once, all others were not."""
    must, may = affected(seen.old, seen.new, seen.held)
    problems = []
    for name in sorted(seen.held):
        module = full(name)
        times = seen.ended_after[module] - seen.ended_before[module]
        if name not in seen.new.modules:
            if module in seen.after.modules or module in seen.after.in_sys_modules:
                problems.append(f"{module} is gone from disk but still there")
        elif name in must and times != 1:
            problems.append(f"{module} is affected and was executed {times} times")
        elif name not in may and times != 0:
            problems.append(f"{module} is not affected and was executed {times} times")
        elif times > 1:
            problems.append(f"{module} was executed {times} times")
    begun = Counter(name for event, name in seen.log if event == "begin")
    if not (seen.expected.order_dependent or seen.expected.retried):
        problems += [f"{name} was begun {n} times" for name, n in begun.items() if n > 1 and _held_after(seen, name)]
    return problems


def _held_after(seen: Reload, name: str) -> bool:
    return name in seen.after.modules


def right_order(seen: Reload) -> list[str]:
    """Affected modules run in the order in which a fresh import runs them, each after what it imports at its top level.

    Promised is: the fresh interpreter imports the root, and then what is held by the order of its first import; of all
    that it begins to execute, take the affected modules. Two things end the comparison. Where it begins an affected
    module from within one that is not, nobody does so in a reload (no edge leads there: it is the implicit import of a
    package). And where tasks of several generations have imported a module, it is not known when the current one did.
    """
    if seen.expected.order_dependent or seen.expected.retried:
        return []
    begun = [name for event, name in seen.log if event == "begin"]
    problems = _before_what_it_imports(seen)
    fresh = _begun_fresh(seen.expected.log, set(begun))
    if fresh is None or seen.uncertain & set(begun):
        return problems
    live = [name for name in begun if name in fresh]
    return problems if live == fresh else [*problems, f"begun were {live}, by a fresh interpreter {fresh}"]


def _begun_fresh(log: Sequence[tuple[str, str]], some: set[str]) -> list[str] | None:
    """Some modules as a fresh interpreter begins them; None where others begin them."""
    found: list[str] = []
    above: list[str] = []
    for event, name in log:
        if event == "end":
            above.pop()
            continue
        if name in some:
            if not some.issuperset(above):
                return None
            found.append(name)
        above.append(name)
    return found


def _before_what_it_imports(seen: Reload) -> list[str]:
    ended = [name for event, name in seen.log if event == "end"]
    places = {relative_name(name): place for place, name in enumerate(ended)}
    return [
        f"{full(name)} was executed before {full(target)}, which it imports"
        for name in places.keys() & seen.new.modules.keys()
        for target in eager_edges(seen.new, name)[0]
        if places.get(target, -1) > places[name] and name not in closure(seen.new, target)
    ]


def right_sharing(seen: Reload) -> list[str]:
    """What was not executed again is shared, by identity."""
    problems = []
    for module in sorted(seen.before.modules):
        if module in seen.report.reloaded or relative_name(module) not in seen.new.modules:
            continue
        if module not in seen.after.modules:
            problems.append(f"{module} was dropped")
        else:
            problems += not_shared(seen.before, seen.after, module)
    return problems


def same_values(expected: Answer, tree: Tree, state: State) -> list[str]:
    """All values equal those of a fresh interpreter, seen from inside and from outside of the lab."""
    free = set()
    if expected.order_dependent:
        free = {full(name) for name in depends_on(tree, cyclic(tree))} or set(state.modules)
    problems = []
    held = without_orphans(state.modules)
    if not free and held != set(expected.held):
        return [f"held are {sorted(held)}, a fresh interpreter holds {sorted(expected.held)}"]
    for name in sorted((held & set(expected.held)) - expected.excused):
        accepted = [expected, *(other for other in expected.others if other.ok)] if name in free else [expected]
        inside = described(dict(vars(state.modules[name])))
        outside = described(dict(vars(state.in_sys_modules[name])))
        if name in expected.retried:
            # What a package had imported when it failed is in plain Python no attribute of it after the next try.
            for last in inside.keys() - expected.values[name].keys():
                if inside[last] == outside.get(last) == f"module {name}.{last}":
                    del inside[last], outside[last]
        problems += _same(name, "inside", inside, accepted)
        problems += _same(name, "outside", outside, accepted)
    return problems


def entered_elsewhere(tree: Tree, expected: Answer, reloaded: Collection[str], state: State) -> frozenset[str]:
    """What depends on a cycle that a fresh import enters at another place than the lab has, whichever its order.

    An edit can lead into a cycle that it does not affect, say by an import that it adds to the root. The modules of the
    cycle keep what they are, and no order of fresh imports gives that any more: the root always comes first. Or the
    cycle is affected, and the fresh interpreter enters it from within a module that is not, over the implicit import of
    a package: no edge leads there, so that the reload enters it where it was entered first.
    """
    whole = {name for name in cyclic(tree) if full(name) in state.modules}
    here = {name for name in whole if full(name) not in reloaded}
    for led in whole & _led_into(expected.log, reloaded):
        here |= {name for name in whole & closure(tree, led) if led in closure(tree, name)}
    differ = {
        name for name in here if described(dict(vars(state.modules[full(name)]))) != expected.values.get(full(name))
    }
    return frozenset(full(name) for name in depends_on(tree, differ)) if differ else frozenset()


def _led_into(log: Sequence[tuple[str, str]], reloaded: Collection[str]) -> set[str]:
    """The reloaded modules that a fresh interpreter begins from within one that is not reloaded, by names in the tree.

    An execution that failed has no end: its successors then seem to be within it, and count as led into by it.
    """
    found: set[str] = set()
    above: list[str] = []
    for event, name in log:
        if event == "end":
            del above[above.index(name) :]
            continue
        if name in reloaded and above and above[-1] not in reloaded:
            found.add(relative_name(name))
        above.append(name)
    return found


def made_of_what_is_there(tree: Tree, state: State) -> list[str]:
    """Each value was made of the values that the modules it imports have now.

    It is what is left to be said of a cycle that no fresh import enters where the lab has.
    """
    problems = []
    for module in sorted(without_orphans(state.modules)):
        name, values = relative_name(module), vars(state.modules[module])
        for each in tree.modules[name].imports:
            target = state.modules.get(full(each.target))
            if each.form not in VALUE_FORMS or not runs(tree.modules[name], each):
                continue
            if any(one.form == "star" for one in tree.modules.get(each.target, Module()).imports):
                continue  # it has the value of another one for a while, which who imports it back may take
            taken, there = values[f"_t{each.number}"], target and vars(target).get(each.symbol)
            if taken != there and not (each.form == "fallback" and taken == -each.number):
                problems.append(f"{module} took {each.symbol} of {full(each.target)} as {taken}, it is {there}")
    return problems


def _same(name: str, where: str, live: dict[str, object], accepted: list[Answer]) -> list[str]:
    wants = [answer.values[name] for answer in accepted if name in answer.values]
    if live in wants:
        return []
    keys = sorted({*live, *wants[0]})
    return [
        f"{name}.{key} ({where}) is {live.get(key, 'not there')!r}, fresh {wants[0].get(key, 'not there')!r}"
        for key in keys
        if live.get(key) != wants[0].get(key)
    ]
