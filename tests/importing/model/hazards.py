"""Which edits would show a fault that is known already; see KNOWN_FAULTS."""

from __future__ import annotations

from collections.abc import Callable

from tests.importing.model.faults import KNOWN_FAULTS
from tests.importing.model.rules import affected, closure
from tests.importing.model.trees import Tree, ancestors, joined, leaf, parent


def shows_known_fault(old: Tree, new: Tree, held: set[str]) -> bool:
    """Whether an edit is to be left out."""
    if "grandparent_late" in KNOWN_FAULTS and _grandparent_late(old, new, held):
        return True
    if "hidden_name" in KNOWN_FAULTS and _hidden_name(old, new):
        return True
    return any(fault in KNOWN_FAULTS and shown(new) for fault, shown in _IN_TREE.items())


def _grandparent_late(old: Tree, new: Tree, held: set[str]) -> bool:
    may = affected(old, new, held)[1]
    return any(parent(name) not in may and any(above in may for above in ancestors(name)) for name in may if name)


def _hidden_name(old: Tree, new: Tree) -> bool:
    for name, module in old.modules.items():
        for each in module.imports:
            target = old.modules.get(each.target)
            if each.form == "star" and target is not None and target.is_package and target.exports:
                children = {joined(name, leaf(child)) for child in old.children(each.target)}
                if module.is_package and any(child in old.modules and child not in new.modules for child in children):
                    return True
    return False


def _gone_child(tree: Tree) -> bool:
    forms = ("child", "object_child", "lazy_child")
    return any(
        each.form in forms and each.target not in tree.modules
        for module in tree.modules.values()
        for each in module.imports
    )


def _half_made_child(tree: Tree) -> bool:
    for name, module in tree.modules.items():
        for each in module.imports:
            target = tree.modules.get(each.target)
            if each.form == "star" and target is not None and target.is_package and target.exports:
                if any(name in closure(tree, child) for child in tree.children(each.target)):
                    return True
            elif each.form in ("dotted", "as", "child", "called") and _through_unfinished(tree, name, each.target):
                return True
    return False


def _facade_in_cycle(tree: Tree) -> bool:
    return any(
        each.form in ("as", "object_as") and _through_unfinished(tree, name, each.target)
        for name, module in tree.modules.items()
        for each in module.imports
    )


def _through_unfinished(tree: Tree, name: str, target: str) -> bool:
    """Whether a module imports something under a package that may be half-made then."""
    packages = [each for each in ancestors(target) if each and each in tree.modules]
    return any(name in closure(tree, package) for package in packages)


_IN_TREE: dict[str, Callable[[Tree], bool]] = {
    "gone_child": _gone_child,
    "half_made_child": _half_made_child,
    "facade_in_cycle": _facade_in_cycle,
}
