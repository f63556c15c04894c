"""The import statements in a compiled module, read off its code objects: no source is parsed.

What runs while a module is imported is seen by the bound import and needs no reading. What stands inside functions
runs later, perhaps in an old task, and must be known before: those are the *lazy* imports.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from types import CodeType

import attrs

_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_LOAD_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT", -1)  # 3.14 and later
_EXTENDED_ARG = dis.EXTENDED_ARG


@attrs.frozen
class ImportStatement:
    """One import: ``level`` dots, a dotted ``name`` and, for from-imports, the names taken (``("*",)`` for all)."""

    name: str
    level: int
    taken: tuple[str, ...] | None


def lazy_imports(code: CodeType) -> Iterator[ImportStatement]:
    """The imports that stand inside functions of a module (at any depth)."""
    for inner in _nested(code):
        if inner.co_flags & inspect.CO_OPTIMIZED:
            for each in _with_nested(inner):
                yield from _imports_of(each)
        else:  # a class body: its own imports run with the module
            yield from lazy_imports(inner)


def all_imports(code: CodeType) -> Iterator[ImportStatement]:
    """Every import statement of a module, wherever it stands."""
    for each in _with_nested(code):
        yield from _imports_of(each)


def names_used(code: CodeType) -> frozenset[str]:
    """Every global and attribute name that a module's code mentions."""
    names: set[str] = set()
    for each in _with_nested(code):
        names.update(each.co_names)
    return frozenset(names)


def _nested(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in _nested(code):
        yield from _with_nested(inner)


def _imports_of(code: CodeType) -> Iterator[ImportStatement]:
    if not code.co_names:
        return
    raw = code.co_code
    if _IMPORT_NAME not in raw[::2]:
        return
    loaded: list[object] = [None, None]
    extended = 0
    for place in range(0, len(raw), 2):
        operation, argument = raw[place], raw[place + 1] | extended
        extended = argument << 8 if operation == _EXTENDED_ARG else 0
        if operation == _LOAD_CONST:
            loaded = [loaded[1], code.co_consts[argument]]
        elif operation == _LOAD_SMALL_INT:
            loaded = [loaded[1], argument]
        elif operation == _IMPORT_NAME:
            level, taken = loaded
            if isinstance(level, int):
                yield ImportStatement(code.co_names[argument], level, taken if isinstance(taken, tuple) else None)
