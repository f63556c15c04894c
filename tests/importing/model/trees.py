"""What a package tree is. Trees are immutable values; an edit makes a new one.

Module names are relative to the root, whose own name is ``""``. A module's body is a pure function of its imports.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

ROOT = "mlab"
MOST_MODULES = 12
MOST_IMPORTS = 4

# The target's value goes into this module's value while it is imported.
VALUE_FORMS = (
    "from",
    "relative",
    "child",
    "dotted",
    "as",
    "import_module",
    "star",
    "conditional",
    "fallback",
    "called",
)
# Imported at the top, looked into only when a late function is called: the form that cycles get along with.
OBJECT_FORMS = ("object_as", "object_child", "object_dotted")
# Imported when a late function is called.
LAZY_FORMS = ("lazy_from", "lazy_relative", "lazy_child", "lazy_dotted", "lazy_fallback", "lazy_import_module")
# An attribute chain to a module that somebody else imported, and an import that never runs.
OTHER_FORMS = ("chain", "type_checking")
FORMS = (*VALUE_FORMS, *OBJECT_FORMS, *LAZY_FORMS, *OTHER_FORMS)
CAUGHT_FORMS = ("fallback", "lazy_fallback", "chain", "type_checking")
HOLDERS = ("function", "method", "generator", "thread")
FAULTS = ("syntax", "raise", "exit", "name", "import")


@attrs.frozen
class Import:
    """One import of a module.

    Attributes:
        number: tells the imports of a module apart, and names what they bind.
        form: one of FORMS.
        target: the module imported; it need not exist.
        symbol: the name taken from it.
        holder: where a lazy import stands: one of HOLDERS.
    """

    number: int
    form: str
    target: str
    symbol: str = "V"
    holder: str = "function"


@attrs.frozen
class Module:
    """One module.

    Attributes:
        constant: what its value begins with; its parity decides conditional imports.
        exports: whether it has an ``__all__``; a package always does, and names its submodules there if this is set.
        loop: whether the package imports whatever it finds in its folder.
        fault: what is broken about it, one of FAULTS.
    """

    constant: int = 10
    imports: tuple[Import, ...] = ()
    symbols: Mapping[str, int] = attrs.field(factory=dict)
    is_package: bool = False
    exports: bool = False
    loop: bool = False
    fault: str | None = None

    def with_import(self, form: str, target: str, symbol: str, holder: str) -> Module:
        """This module with one import more, unless it has enough."""
        if len(self.imports) >= MOST_IMPORTS:
            return self
        number = max((each.number for each in self.imports), default=0) + 1
        return attrs.evolve(self, imports=(*self.imports, Import(number, form, target, symbol, holder)))


@attrs.frozen
class Tree:
    """The modules of a package by name."""

    modules: Mapping[str, Module]

    @property
    def names(self) -> list[str]:
        """All module names, the root first."""
        return sorted(self.modules)

    def pick(self, index: int) -> str:
        """The module that a random number stands for."""
        names = self.names
        return names[index % len(names)]

    def children(self, name: str) -> list[str]:
        """The modules directly under a package."""
        return [other for other in self.names if other and parent(other) == name]

    def under(self, name: str) -> list[str]:
        """A module and all that lives under it."""
        return [other for other in self.names if other == name or name in ancestors(other)]

    def replace(self, name: str, module: Module) -> Tree:
        """The tree with one module put in."""
        return Tree({**self.modules, name: module})

    def without(self, names: list[str]) -> Tree:
        """The tree without some modules."""
        return Tree({name: module for name, module in self.modules.items() if name not in names})


def full(name: str) -> str:
    """The absolute name of a module."""
    return f"{ROOT}.{name}" if name else ROOT


def relative_name(absolute: str) -> str:
    """The name in the tree of an absolute module name."""
    return absolute[len(ROOT) + 1 :]


def parent(name: str) -> str:
    """The package that a module lives in; the root's is the root."""
    return name.rpartition(".")[0]


def leaf(name: str) -> str:
    """The last part of a module's name."""
    return name.rpartition(".")[2]


def ancestors(name: str) -> list[str]:
    """All packages above a module, the nearest first."""
    found = []
    while name:
        name = parent(name)
        found.append(name)
    return found


def runs(module: Module, each: Import) -> bool:
    """Whether an import statement at the top of a module is reached."""
    if each.form == "conditional":
        return module.constant % 2 == 1
    return each.form in VALUE_FORMS or each.form in OBJECT_FORMS


def can_take(tree: Tree, each: Import) -> bool:
    """Whether the import finds its module and the name in it."""
    target = tree.modules.get(each.target)
    return target is not None and (each.symbol == "V" or each.symbol in target.symbols)


def joined(package: str, name: str) -> str:
    """The name of a module in a package."""
    return f"{package}.{name}" if package else name
