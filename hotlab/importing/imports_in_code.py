"""The import statements in a compiled module, read off its code objects: no source is parsed.

What runs while a module is imported is seen by the bound import and needs no reading. What stands inside functions
runs later, perhaps in an old task, and must be known before: those are the *lazy* imports.
"""

from __future__ import annotations

import dis
import inspect
import re
from bisect import bisect
from collections.abc import Iterator
from types import CodeType

import attrs

_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_IMPORT_FROM = dis.opmap["IMPORT_FROM"]
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
_STORE_NAME = dis.opmap["STORE_NAME"]
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_LOAD_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT", -1)  # 3.14 and later
_EXTENDED_ARG = dis.EXTENDED_ARG
_BY_NAME = frozenset({"import_module", "__import__"})
_BY_OTHER_WAYS = frozenset({"globals", "locals", "vars", "exec", "setattr", "__dict__"})
_LISTING = frozenset({"iter_modules", "walk_packages", "listdir", "scandir", "iterdir", "glob", "rglob"})
_MODULE_NAME = re.compile(r"\.*[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@attrs.frozen
class ImportStatement:
    """One import: ``level`` dots, a dotted ``name`` and, for from-imports, the names taken (``("*",)`` for all)."""

    name: str
    level: int
    taken: tuple[str, ...] | None


@attrs.frozen
class CodeFacts:
    """What a module's code says of its imports without being run.

    Attributes:
        lazy: the imports that stand inside functions, at any depth.
        names: every global and attribute name that the code mentions.
        classes: the classes that it defines at its top level, and in those, each as the names that lead to it.
        named: strings that may name modules, in code that imports by name (``importlib.import_module("lab.oven")``).
        exports: strings that its ``__all__`` may hold.
        lists: whether it may list the modules of a package (``pkgutil.iter_modules``).
    """

    lazy: tuple[ImportStatement, ...]
    names: frozenset[str]
    classes: tuple[tuple[str, ...], ...]
    named: frozenset[str]
    exports: frozenset[str]
    lists: bool


def facts_of(code: CodeType) -> CodeFacts:
    """Read a module's code object and those nested in it, once."""
    lazy: list[ImportStatement] = []
    names: set[str] = set()
    named: set[str] = set()
    open_ends = [(code, False)]
    while open_ends:
        each, in_function = open_ends.pop()
        names.update(each.co_names)
        if not _BY_NAME.isdisjoint(each.co_names):
            named.update(text for text in each.co_consts if type(text) is str and _MODULE_NAME.fullmatch(text))
        # A class body runs with the module: its own imports are not lazy, those of its methods are.
        in_function = in_function or bool(each.co_flags & inspect.CO_OPTIMIZED)
        if in_function:
            lazy.extend(_imports_of(each))
        open_ends.extend([(inner, in_function) for inner in _nested(each)])
    return CodeFacts(
        tuple(lazy), frozenset(names), tuple(_classes_in(code, ())), frozenset(named), _exports_of(code),
        not _LISTING.isdisjoint(names),
    )  # fmt: skip


def _exports_of(code: CodeType) -> frozenset[str]:
    if "__all__" not in code.co_names:
        return frozenset()
    constants = [each for one in code.co_consts for each in (one if type(one) is tuple else (one,))]
    return frozenset(each for each in constants if type(each) is str)


def names_set_by(code: CodeType, lab: str) -> tuple[str, ...] | None:
    """The names that a module sets, but by from-imports of its lab; None where that can't be read off its code."""
    if ("*",) in code.co_consts or any(_sets_by_other_ways(inner) for inner in (code, *_nested(code))):
        return None
    found: dict[str, None] = {}
    raw = code.co_code
    of_lab = {place: _is_of(lab, statement) for place, statement in _placed_imports(code)}
    imports = sorted(of_lab)
    for place in _places_of(_STORE_NAME, raw):
        argument, before = _argument(raw, place)
        if raw[2 * before] != _IMPORT_FROM or not of_lab.get(imports[bisect(imports, place) - 1]):
            found[code.co_names[argument]] = None
    return tuple(found)


def _is_of(lab: str, statement: ImportStatement) -> bool:
    return statement.level > 0 or statement.name.partition(".")[0] == lab


def _sets_by_other_ways(code: CodeType) -> bool:
    if not _BY_OTHER_WAYS.isdisjoint(code.co_names) or _STORE_GLOBAL in code.co_code[::2]:
        return True
    return any(_sets_by_other_ways(inner) for inner in _nested(code))


def _classes_in(code: CodeType, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for inner in _nested(code):
        if not inner.co_flags & inspect.CO_OPTIMIZED:
            yield (*above, inner.co_name)
            yield from _classes_in(inner, (*above, inner.co_name))


def all_imports(code: CodeType) -> Iterator[ImportStatement]:
    """Every import statement of a module, wherever it stands."""
    yield from _imports_of(code)
    for inner in _nested(code):
        yield from all_imports(inner)


def _nested(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if type(constant) is CodeType]


def _imports_of(code: CodeType) -> Iterator[ImportStatement]:
    if code.co_names:
        for _place, statement in _placed_imports(code):
            yield statement


def _placed_imports(code: CodeType) -> Iterator[tuple[int, ImportStatement]]:
    raw = code.co_code
    for place in _places_of(_IMPORT_NAME, raw):
        # Right before it, the level and the names taken are loaded.
        name, before = _argument(raw, place)
        taken, before = _loaded(code, raw, before)
        level, _before = _loaded(code, raw, before)
        if isinstance(level, int):
            yield place, ImportStatement(code.co_names[name], level, taken if isinstance(taken, tuple) else None)


def _places_of(operation: int, raw: bytes) -> Iterator[int]:
    operations = raw[::2]
    place = operations.find(operation)
    while place >= 0:
        yield place
        place = operations.find(operation, place + 1)


def _argument(raw: bytes, place: int) -> tuple[int, int]:
    """The argument of an instruction, and the place of the one before it."""
    argument, before, shift = raw[2 * place + 1], place - 1, 8
    while raw[2 * before] == _EXTENDED_ARG:
        argument |= raw[2 * before + 1] << shift
        before, shift = before - 1, shift + 8
    return argument, before


def _loaded(code: CodeType, raw: bytes, place: int) -> tuple[object, int]:
    """The constant that an instruction loads, and the place of the one before it; None where it loads none."""
    argument, before = _argument(raw, place)
    if raw[2 * place] == _LOAD_CONST:
        return code.co_consts[argument], before
    return argument if raw[2 * place] == _LOAD_SMALL_INT else None, before
