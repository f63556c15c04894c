"""The pure functions over import edges, against brute force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotlab.importing.graph import in_order, reaching
from hotlab.importing.imports_in_code import ImportStatement, all_imports, facts_of

NAMES = [f"m{number}" for number in range(7)]
EDGES = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from([*NAMES, "missing"])))


def closure(edges: dict[str, set[str]], start: str) -> set[str]:
    found, open_ends = {start}, [start]
    while open_ends:
        for need in edges.get(open_ends.pop(), ()):
            if need not in found:
                found.add(need)
                open_ends.append(need)
    return found


@given(EDGES, st.sets(st.sampled_from([*NAMES, "missing"]), min_size=1))
def test_reaching_is_the_transitive_closure(edges: dict[str, set[str]], targets: set[str]) -> None:
    """A name is affected exactly if some target lies in its closure."""
    want = {name for name in {*NAMES, *targets} if closure(edges, name) & targets}
    assert reaching(targets, lambda name: [each for each, needs in edges.items() if name in needs]) == want


@given(EDGES, st.permutations(NAMES))
def test_dependencies_come_before_dependants(edges: dict[str, set[str]], names: list[str]) -> None:
    """Unless they need each other; a cycle stands together in its original order; all are there once."""
    ordered = in_order(names, edges)
    assert sorted(ordered) == sorted(names)
    place = {name: index for index, name in enumerate(ordered)}
    reach = {name: closure(edges, name) for name in names}
    for name in names:
        cycle = [other for other in names if other in reach[name] and name in reach[other]]
        assert [ordered[index] for index in sorted(place[other] for other in cycle)] == cycle
        assert max(place[o] for o in cycle) - min(place[o] for o in cycle) == len(cycle) - 1
        for need in reach[name]:
            if need in place and need not in cycle:
                assert place[need] < place[name]


def test_imports_are_read_off_code() -> None:
    """Lazy are those inside functions at any depth; class bodies run with the module."""
    text = (
        "import a.b\nfrom . import c\nclass K:\n    from .d import e\n    def m(self):\n        from ..f import g, h\n"
        "        return [lambda: __import__('z')]\n"
        "def f():\n    class L:\n        import i.j as k\n    def n():\n        from l import m\n"
    )
    code = compile(text, "x", "exec")
    lazy = {(each.name, each.level, each.taken) for each in facts_of(code).lazy}
    assert lazy == {("f", 2, ("g", "h")), ("i.j", 0, None), ("l", 0, ("m",))}
    assert ImportStatement("d", 1, ("e",)) in set(all_imports(code))
    assert {"a.b", "c", "e", "g"} <= facts_of(code).names


def test_an_import_behind_many_constants_is_found() -> None:
    """Arguments beyond one byte (EXTENDED_ARG) are decoded."""
    body = "\n".join(f"    x{number} = {number}.5" for number in range(600))
    code = compile(f"def f():\n{body}\n    from .late import thing\n", "x", "exec")
    assert [each.name for each in facts_of(code).lazy] == ["late"]
