"""What an edit affects, and in which order it runs. Pure functions over plain mappings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


def reaching(targets: Iterable[str], dependants_of: Callable[[str], Iterable[str]]) -> set[str]:
    """All names from which a target can be reached, targets included.

    Args:
        targets: where to begin.
        dependants_of: the names that need a name.
    """
    found = set(targets)
    open_ends = list(found)
    while open_ends:
        for dependant in dependants_of(open_ends.pop()):
            if dependant not in found:
                found.add(dependant)
                open_ends.append(dependant)
    return found


def in_order(names: Sequence[str], edges: Mapping[str, Collection[str]]) -> list[str]:
    """The names with dependencies before dependants; stable; a cycle stays together in its original order.

    Args:
        names: in the order of their first import.
        edges: dependant → what it needs; names outside of `names` are passed over.
    """
    rank = {name: place for place, name in enumerate(names)}
    ordered: list[str] = []
    for component in _components(names, edges, rank):
        ordered.extend(sorted(component, key=rank.__getitem__))
    return ordered


def _components(names: Sequence[str], edges: Mapping[str, Collection[str]], rank: Mapping[str, int]) -> list[list[str]]:
    """Strongly connected components, dependencies first (Tarjan 1972, without recursion)."""
    found: list[list[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()

    among = rank.keys()

    def needs_of(name: str) -> list[str]:
        return sorted(among & edges.get(name, ()), key=rank.__getitem__)

    for start in names:
        if start in index:
            continue
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        path = [(start, iter(needs_of(start)))]
        while path:
            name, rest = path[-1]
            need = next(rest, None)
            if need is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    low[above] = min(low[above], low[name])
                if low[name] == index[name]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == name:
                            break
                    found.append(component)
            elif need not in index:
                index[need] = low[need] = len(index)
                stack.append(need)
                on_stack.add(need)
                path.append((need, iter(needs_of(need))))
            elif need in on_stack:
                low[name] = min(low[name], index[need])
    return found
