"""Random edits. Each is a value that shrinks and prints well, and turns a tree into another; numbers pick modules."""

from __future__ import annotations

from typing import Protocol

import attrs

from tests.importing.model.faults import KNOWN_FAULTS
from tests.importing.model.trees import (
    CAUGHT_FORMS,
    FAULTS,
    FORMS,
    HOLDERS,
    MOST_MODULES,
    OBJECT_FORMS,
    Import,
    Module,
    Tree,
    can_take,
    joined,
    parent,
)

LEAVES = "abcdefgh"
SYMBOLS = ("S0", "S1", "S2", "S3")


class Edit(Protocol):
    """What happens to a tree."""

    def apply(self, tree: Tree) -> Tree:
        """The tree after the edit; the same one where there is nothing to do."""


@attrs.frozen
class ChangeValue:
    """Another constant, of the same length; every second one switches the conditional imports."""

    module: int
    constant: int

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        return tree.replace(name, attrs.evolve(tree.modules[name], constant=self.constant))


@attrs.frozen
class AddImport:
    """A module imports another one; forms that catch the failure may name one that is not there yet."""

    module: int
    form: int
    target: int
    symbol: int
    holder: int
    missing: bool = False

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name, target = tree.pick(self.module), tree.pick(self.target)
        forms = [form for form in FORMS if form not in KNOWN_FAULTS]
        form = forms[self.form % len(forms)]
        if self.missing:
            form = CAUGHT_FORMS[self.form % len(CAUGHT_FORMS)]
            package = target if tree.modules[target].is_package else parent(target)
            target = joined(package, LEAVES[self.symbol % len(LEAVES)])
        if target == name:
            return tree
        known = ["V", *sorted(tree.modules[target].symbols)] if target in tree.modules else ["V"]
        symbol = known[self.symbol % len(known)]
        holder = HOLDERS[self.holder % len(HOLDERS)]
        return tree.replace(name, tree.modules[name].with_import(form, target, symbol, holder))


@attrs.frozen
class CloseCycle:
    """A module that is imported imports its importer back."""

    module: int
    place: int
    form: int

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        targets = [each.target for each in tree.modules[name].imports if each.target in tree.modules]
        if not targets:
            return tree
        target = targets[self.place % len(targets)]
        forms = (
            *OBJECT_FORMS,
            "fallback",
            "fallback",
            "fallback",
            "from",
            "child",
            "as",
            "called",
            "star",
            "import_module",
        )
        form = forms[self.form % len(forms)]
        if form == "fallback":
            # Where both catch the failure, who is imported first decides what each of them gets.
            both = tuple(_falling_back(each) if each.target == target else each for each in tree.modules[name].imports)
            tree = tree.replace(name, attrs.evolve(tree.modules[name], imports=both))
        return tree.replace(target, tree.modules[target].with_import(form, name, "V", "function"))


def _falling_back(each: Import) -> Import:
    return attrs.evolve(each, form="fallback")


@attrs.frozen
class DropImport:
    """A module imports one thing less."""

    module: int
    place: int

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        module = tree.modules[name]
        if not module.imports:
            return tree
        place = self.place % len(module.imports)
        imports = (*module.imports[:place], *module.imports[place + 1 :])
        return tree.replace(name, attrs.evolve(module, imports=imports))


@attrs.frozen
class MoveSymbol:
    """A name moves from its module into another, with those who use it or without; it is made if nobody has it."""

    symbol: int
    target: int
    value: int
    with_users: bool

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        symbol, target = SYMBOLS[self.symbol % len(SYMBOLS)], tree.pick(self.target)
        owner = next((name for name in tree.names if symbol in tree.modules[name].symbols), None)
        if owner == target:
            return tree
        value = self.value
        if owner is not None:
            left = dict(tree.modules[owner].symbols)
            value = left.pop(symbol)
            tree = tree.replace(owner, attrs.evolve(tree.modules[owner], symbols=left))
        gained = {**tree.modules[target].symbols, symbol: value}
        tree = tree.replace(target, attrs.evolve(tree.modules[target], symbols=gained))
        if owner is None or not self.with_users:
            return tree
        return _retargeted(tree, owner, target, symbol)


def _retargeted(tree: Tree, old: str, new: str, symbol: str | None) -> Tree:
    """Imports of a module (of one symbol of it) now name another one."""
    modules = {}
    for name, module in tree.modules.items():
        imports = []
        for each in module.imports:
            if each.target == old and symbol in (None, each.symbol):
                each = attrs.evolve(each, target=new)
            if each.target != name:
                imports.append(each)
        modules[name] = attrs.evolve(module, imports=tuple(imports))
    return Tree(modules)


@attrs.frozen
class AddModule:
    """A new module in a package (in a module's package, if the number picks a module); perhaps one imports it."""

    package: int
    leaf: int
    constant: int
    is_package: bool = False
    user: int | None = None

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        above = tree.pick(self.package)
        if not tree.modules[above].is_package:
            above = parent(above)
        name = joined(above, LEAVES[self.leaf % len(LEAVES)])
        if name in tree.modules or len(tree.modules) >= MOST_MODULES or name.count(".") > 2:
            return tree
        tree = tree.replace(name, Module(self.constant, is_package=self.is_package))
        if self.user is None:
            return tree
        user = tree.pick(self.user)
        return (
            tree.replace(user, tree.modules[user].with_import("from", name, "V", "function")) if user != name else tree
        )


@attrs.frozen
class DeleteModule:
    """A module goes, with all under it, and with those imports of it that would fail, or without."""

    module: int
    with_users: bool

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        if not name:
            return tree
        tree = tree.without(tree.under(name))
        return without_dangling(tree) if self.with_users else tree


@attrs.frozen
class RenameModule:
    """A module moves to another name in its package, and its users follow, or do not."""

    module: int
    leaf: int
    with_users: bool

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        old = tree.pick(self.module)
        new = joined(parent(old), LEAVES[self.leaf % len(LEAVES)])
        if not old or new in tree.modules:
            return tree
        moved = {name: new + name[len(old) :] for name in tree.under(old)}
        tree = Tree({moved.get(name, name): module for name, module in tree.modules.items()})
        if self.with_users:
            for before, after in moved.items():
                tree = _retargeted(tree, before, after, None)
        return tree


@attrs.frozen
class SwapKind:
    """A module becomes a package; a package becomes a module, and what was under it goes."""

    module: int
    loop: bool

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        module = tree.modules[name]
        if not name:
            return tree.replace(name, attrs.evolve(module, loop=self.loop))
        if module.is_package:
            tree = without_dangling(tree.without(tree.under(name)[1:]))
            module = tree.modules[name]
        return tree.replace(name, attrs.evolve(module, is_package=not module.is_package, loop=self.loop))


@attrs.frozen
class SwapExports:
    """A module gets or loses its ``__all__``, a package the submodules in it."""

    module: int

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        module = tree.modules[name]
        return tree.replace(name, attrs.evolve(module, exports=not module.exports))


@attrs.frozen
class Break:
    """A module is broken: it does not compile, raises, or asks for a name that is not there."""

    module: int
    fault: int

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        name = tree.pick(self.module)
        return tree.replace(name, attrs.evolve(tree.modules[name], fault=FAULTS[self.fault % len(FAULTS)]))


@attrs.frozen
class Mend:
    """All that is broken is mended, and imports of what is not there are dropped."""

    def apply(self, tree: Tree) -> Tree:
        """See :class:`Edit`."""
        return mended(tree)


def mended(tree: Tree) -> Tree:
    """The tree without faults and without imports that can't work."""
    return without_dangling(Tree({name: attrs.evolve(module, fault=None) for name, module in tree.modules.items()}))


def without_dangling(tree: Tree) -> Tree:
    """The tree without imports that would fail uncaught."""

    def stays(each: Import) -> bool:
        return each.form in CAUGHT_FORMS or can_take(tree, each)

    return Tree(
        {
            name: attrs.evolve(module, imports=tuple(each for each in module.imports if stays(each)))
            for name, module in tree.modules.items()
        }
    )
