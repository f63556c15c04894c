"""Single values of a configuration: taken as they are or refused, never turned into another type.

Pure functions; any thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import cattrs

from hotlab.runtime.configuration_problems import shown


def strict_converter() -> cattrs.Converter:
    """Structures single values; a TypeError or ValueError says what is wrong with one."""
    converter = cattrs.Converter()

    def take(expected: str, *types: type[Any]) -> Any:
        def structure(value: object, _kind_wanted: object) -> Any:
            fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
            if not fits:
                raise TypeError(f"must be {expected}, not {kind_of(value)}")
            return value

        return structure

    def structure_literal(value: object, wanted: Any) -> Any:
        if not isinstance(value, str) or value not in get_args(wanted):
            choices = " or ".join(get_args(wanted))
            raise TypeError(f"must be {choices}, not {kind_of(value)}")
        return value

    converter.register_structure_hook(bool, take("true or false", bool))
    converter.register_structure_hook(int, take("a whole number", int))
    number = take("a number", int, float)
    converter.register_structure_hook(float, lambda value, kind: _as_float(number(value, kind)))
    converter.register_structure_hook(str, take("text", str))
    text = take("a path", str)
    converter.register_structure_hook(Path, lambda value, kind: Path(text(value, kind)))
    converter.register_structure_hook_func(_is_literal, structure_literal)
    return converter


def _is_literal(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is Literal


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large a number") from None


def kind_of(value: object) -> str:
    """A value as an error names it: with its type where the value alone would not tell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return shown(value)


def parse_variable(text: str, kind: Any) -> object:
    """A variable's text as the type that its key has; the text itself where it can't be that."""
    word = text.strip()
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "on": True}.get(
            word.lower(), False if word.lower() in ("false", "0", "no", "off") else text
        )
    if kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            return text
    return text
