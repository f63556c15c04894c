"""Bugs planted into the engine, each of which the model test must find.

The only file of the model test that knows the engine's inside. Each entry replaces one function, by its place, with
one made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from hotlab.importing import planning
from hotlab.importing.generations import Generation
from hotlab.importing.planning import Plan
from hotlab.importing.records import ModuleRecord, children_of
from hotlab.importing.sources import SourceTree


@attrs.frozen
class Planted:
    """One bug.

    Attributes:
        owner: the module or class that holds the function.
        name: the function.
        broken: makes the faulty function of the right one.
    """

    owner: Any
    name: str
    broken: Callable[[Any], Any]


def _no_lazy_edges(right: Callable[[Generation, str], list[str]]) -> Callable[[Generation, str], list[str]]:
    def eager_dependants_of(base: Generation, name: str) -> list[str]:
        records = base.records
        return [each for each in right(base, name) if each not in records or name in records[each].needs]

    return eager_dependants_of


def _dependants_first(right: Callable[..., Plan | None]) -> Callable[..., Plan | None]:
    def make_plan(base: Generation, tree: SourceTree) -> Plan | None:
        plan = right(base, tree)
        return None if plan is None else attrs.evolve(plan, affected=plan.affected[::-1])

    return make_plan


def _nothing_dropped(right: Callable[[Generation, str], None]) -> Callable[[Generation, str], None]:
    def drop_added(generation: Generation, name: str) -> None:
        if not generation.staged:
            right(generation, name)

    return drop_added


def _submodules_not_bound(right: Callable[[Generation, ModuleRecord], None]) -> Callable[..., None]:
    def is_ready(generation: Generation, record: ModuleRecord) -> None:
        right(generation, record)
        parent, _, last = record.name.rpartition(".")
        if generation.staged and parent in generation.packages:
            children_of(generation.packages[parent]).pop(last, None)

    return is_ready


PLANTED = {
    # The graph: an import in a function leads nowhere.
    "graph": Planted(planning, "dependants_of", _no_lazy_edges),
    # The order: dependants are begun before what they need.
    "order": Planted(planning, "make_plan", _dependants_first),
    # The roll-back: what a failed stage put into sys.modules stays there.
    "roll-back": Planted(Generation, "drop_added", _nothing_dropped),
    # The binding: a module executed for a reload does not become an attribute of its package.
    "binding": Planted(Generation, "_is_ready", _submodules_not_bound),
}
