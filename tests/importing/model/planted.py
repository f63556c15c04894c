"""Bugs planted into the engine, each of which the model test must find.

The only file of the model test that knows the engine's inside. Each entry replaces one function, by its place, with
one made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs

from hotlab.importing import generations, reloading
from hotlab.importing.generations import Generation
from hotlab.importing.records import ModuleRecord


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


def _no_lazy_edges(right: Callable[[ModuleRecord], set[str]]) -> Callable[[ModuleRecord], set[str]]:
    def eager_needs_only(record: ModuleRecord) -> set[str]:
        return set(record.needs)

    return eager_needs_only


def _dependants_first(right: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def in_order(names: Sequence[str], edges: Mapping[str, Collection[str]]) -> list[str]:
        return list(reversed(right(names, edges)))

    return in_order


def _facades_stay(right: Callable[[Generation], None]) -> Callable[[Generation], None]:
    def discard(staged: Generation) -> None:
        return None

    return discard


def _submodules_not_bound(right: Callable[..., None]) -> Callable[..., None]:
    def bind_on_parent(generation: Generation, record: ModuleRecord, module: Any) -> None:
        if not generation.staged:
            right(generation, record, module)

    return bind_on_parent


PLANTED = {
    # The graph: an import in a function leads nowhere.
    "graph": Planted(ModuleRecord, "all_needs", _no_lazy_edges),
    # The order: dependants are begun before what they need.
    "order": Planted(reloading, "in_order", _dependants_first),
    # The roll-back: what a failed stage put into sys.modules stays there.
    "roll-back": Planted(reloading, "discard", _facades_stay),
    # The binding: a module executed for a reload does not become an attribute of its package.
    "binding": Planted(generations.Generation, "_bind_on_parent", _submodules_not_bound),
}
