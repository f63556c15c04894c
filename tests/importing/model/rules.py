"""What a reload owes, computed from the tree alone: which modules an edit changes and affects, which trees are cyclic.

Two bounds stand where the rule leaves room. *Must*: the imports that run, lazy ones, and failed ones that were caught.
*May*: besides, whatever an attribute chain can reach through packages that a module holds. Which module
``mlab.p.x.V`` goes through is known only when it runs, so an engine may take each submodule whose name the code
mentions for a need; it may not take more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from tests.importing.model.faults import KNOWN_FAULTS
from tests.importing.model.rendering import text_of
from tests.importing.model.trees import (
    CAUGHT_FORMS,
    LAZY_FORMS,
    OBJECT_FORMS,
    VALUE_FORMS,
    Import,
    Tree,
    ancestors,
    joined,
    parent,
    runs,
)

_CHILD_FORMS = ("child", "object_child", "lazy_child")
_DOTTED_FORMS = ("dotted", "object_dotted", "lazy_dotted", "chain")


def changed(old: Tree, new: Tree, held: Iterable[str]) -> set[str]:
    """The modules that were added, removed or edited, and held packages that listed their folder as it is no more."""
    found = set()
    for name in {*old.modules, *new.modules}:
        before, after = old.modules.get(name), new.modules.get(name)
        if (
            before is None
            or after is None
            or before.is_package != after.is_package
            or text_of(old, name) != text_of(new, name)
        ):
            found.add(name)
    for name in held:
        if old.modules[name].loop and _listing(old, name) != _listing(new, name):
            found.add(name)
    return found


def perhaps_changed(old: Tree, new: Tree, held: Iterable[str]) -> set[str]:
    """The packages that looked into a package under them: pkgutil lists each folder to see whether it is a package."""
    found = set()
    for name in held:
        packages = [child for child in old.children(name) if old.modules[child].is_package]
        if old.modules[name].loop and any(_listing(old, each) != _listing(new, each) for each in packages):
            found.add(name)
    return found


def _listing(tree: Tree, name: str) -> list[tuple[str, bool]]:
    return [(child, tree.modules[child].is_package) for child in tree.children(name)]


def affected(old: Tree, new: Tree, held: set[str]) -> tuple[set[str], set[str]]:
    """The held modules that an edit must, and that it may, execute again."""
    targets = changed(old, new, held)
    # A lazy import of a module that nobody has imported yet leads on to what that module will import.
    through = held if "unexecuted" in KNOWN_FAULTS else set(old.modules)
    # To import it executes the packages above it that nobody has imported either: in its case they are edges. That
    # holds of what is not there, too: it is found missing after they were executed.
    missing = {target for name in through for target in needs(old, name)} - set(old.modules)
    above = {name: set(ancestors(name)) - held if name not in held else set() for name in {*old.modules, *missing}}
    must = _reaching({**above, **{name: needs(old, name) | above[name] for name in through}}, targets)
    everything = {name: needs(old, name) | above[name] | may_need(old, name) for name in old.modules}
    return must & held, _reaching(everything, targets | perhaps_changed(old, new, held)) & held


def _reaching(edges: dict[str, set[str]], targets: set[str]) -> set[str]:
    found = set(targets)
    while True:
        more = {name for name, to in edges.items() if name not in found and to & found}
        if not more:
            return found
        found |= more


def needs(tree: Tree, name: str) -> set[str]:
    """Over eager and lazy edges: what a module needs, whether it is there or not."""
    module = tree.modules[name]
    found: set[str] = set()
    for each in module.imports:
        if runs(module, each) or each.form in LAZY_FORMS:
            found.add(each.target)
            if each.form in _CHILD_FORMS and each.target:
                found.add(parent(each.target))
            found.update(_starred(tree, each))
        if each.form == "chain":
            found.add("")  # it says `import mlab`
    if module.loop and module.is_package:
        found.update(tree.children(name))
    return found - {name}


def _starred(tree: Tree, each: Import) -> list[str]:
    target = tree.modules.get(each.target)
    if each.form == "star" and target is not None and target.is_package and target.exports:
        return tree.children(each.target)
    return []


def may_need(tree: Tree, name: str) -> set[str]:
    """What a module may reach besides: by attribute chains, and above what an import failed to find."""
    module = tree.modules[name]
    held, mentioned = set(), set()
    if module.is_package:
        # The packages under it are its attributes once somebody has imported them.
        held.update(tree.under(name))
    found: set[str] = set()
    for each in module.imports:
        mentioned.update(each.target.split("."))
        held.update([each.target, *ancestors(each.target)])
        held.update(_starred(tree, each))
        if each.form in CAUGHT_FORMS:
            found.update(ancestors(each.target))
    if not name:
        # A root that was adopted half-run: what it needs is read off its code, with imports that never ran.
        found.update(each.target for each in module.imports)
    # A star import may bring packages that the module it takes from holds.
    if any(each.form == "star" for each in module.imports):
        held.update(other for other in tree.modules if tree.modules[other].is_package)
    # A package that is reached by a name leads on to what is in it.
    while True:
        packages = {each for each in held if each in tree.modules and tree.modules[each].is_package}
        more = {joined(package, mention) for package in packages for mention in mentioned} & set(tree.modules)
        if more <= held:
            break
        held |= more
    found.update(joined(package, mention) for package in packages for mention in mentioned)
    found.update(each.target for each in module.imports if each.form == "chain")
    return found - {name, ""}


def eager_edges(tree: Tree, name: str) -> tuple[set[str], set[str]]:
    """What a module imports while it runs: for the values of it, and only to have it (implicit parents included)."""
    module = tree.modules[name]
    values: set[str] = set()
    objects: set[str] = set()
    missed: set[str] = set()
    for each in module.imports:
        if not runs(module, each):
            continue
        (values if each.form in VALUE_FORMS else objects).add(each.target)
        # Whether what is not there can't be imported is told by the packages above it, which are.
        (objects if each.target in tree.modules else missed).update(ancestors(each.target))
        # `from package import *` takes the submodules that it exports, and fails where one is half-made and not bound.
        values.update(child for child in _starred(tree, each) if child != name)
        if each.form == "dotted":
            # `mlab.p.x.V` finds the package `p` only once that is whole.
            values.update(package for package in ancestors(each.target) if package and package != name)
    if module.loop and module.is_package:
        values.update(tree.children(name))
    if any(each.form == "chain" for each in module.imports):
        objects.add("")
    above = {name, *ancestors(name)}
    return (values | (missed - above)) & set(tree.modules), (objects - above) & set(tree.modules)


def cyclic(tree: Tree) -> set[str]:
    """The modules whose result depends on where a cycle is entered, as far as imports tell; empty for most trees.

    A cycle in which nobody takes values while being imported gives the same result wherever it is entered.
    """
    edges = {name: eager_edges(tree, name) for name in tree.modules}
    reach = {name: _closure([name], lambda other: edges[other][0] | edges[other][1]) for name in tree.modules}
    found = set()
    for name in tree.modules:
        for target in edges[name][0]:
            if name in reach[target]:
                found |= {other for other in reach[target] if name in reach[other]}
    return found


def _closure(start: Iterable[str], edges: Callable[[str], Iterable[str]]) -> set[str]:
    found, open_ends = set(start), list(start)
    while open_ends:
        for target in edges(open_ends.pop()):
            if target not in found:
                found.add(target)
                open_ends.append(target)
    return found


def closure(tree: Tree, name: str) -> set[str]:
    """All that the import of a module, or a late function of it, may execute; implicit parents included."""
    start = {name, *ancestors(name)} & set(tree.modules)
    return _closure(start, lambda each: {x for t in needs(tree, each) for x in (t, *ancestors(t))} & set(tree.modules))


def depends_on(tree: Tree, some: set[str]) -> set[str]:
    """The modules whose values are made of those of some modules, those included."""
    return _reaching({name: needs(tree, name) | may_need(tree, name) for name in tree.modules}, some)


def tamed(tree: Tree) -> Tree:
    """The tree with imports that close an order-dependent cycle moved into functions."""
    while True:
        bad = cyclic(tree)
        if not bad:
            return tree
        for name in sorted(bad):
            module = tree.modules[name]
            imports = tuple(
                _late(each) if runs(module, each) and bad & _leads_to(tree, each) else each for each in module.imports
            )
            if imports != module.imports:
                tree = tree.replace(name, attrs.evolve(module, imports=imports))
                break
            if module.loop:
                tree = tree.replace(name, attrs.evolve(module, loop=False))
                break
        else:
            return tree


def _leads_to(tree: Tree, each: Import) -> set[str]:
    return {each.target, *_starred(tree, each), *(package for package in ancestors(each.target) if package)}


def _late(each: Import) -> Import:
    return attrs.evolve(each, form="lazy_from") if each.form in VALUE_FORMS or each.form in OBJECT_FORMS else each
