"""JSON values: what device calls, task parameters and results are made of, checked with the place
of the fault.

May be called from any thread.
"""

from __future__ import annotations

import math
from typing import Any

from hotlab.importing import HotlabError

DEEPEST = 200
"""Values nested deeper than this are refused: JSON readers give up at depths not far beyond."""


class NotJson(HotlabError):
    """A value can't be carried as JSON. `path` leads to the part that can't."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


def to_json(value: object, where: str, *, path: str = "", rule: str = "only JSON can be carried") -> Any:
    """A copy of `value` as after a trip through JSON: tuples are lists, subclasses plain types.

    Args:
        value: what to carry.
        where: what it is, for the message: ``"the result of Heating"``. ``{path}`` in it is
            replaced by the path, which else follows: ``"argument '{path}' of Furnace.heat"``.
        path: where the path begins, such as the argument's name.
        rule: the rule that a value breaks which is no JSON.

    Raises:
        NotJson: some part is no JSON: ``argument 'setpoints[2].t' of Furnace.heat is a set; …``.
    """
    return _Carrier(where, rule).carry(value, path)


class _Carrier:
    def __init__(self, where: str, rule: str) -> None:
        self._where = where
        self._rule = rule
        self._above: list[int] = []

    def carry(self, value: Any, path: str) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, int):
            return int.__int__(value)
        if isinstance(value, float):
            number = float.__float__(value)
            if not math.isfinite(number):
                raise self._fault(path, f"is {number}", "JSON has no such number")
            return number
        if not isinstance(value, (list, tuple, dict)):
            kind = type(value).__qualname__
            article = "an" if kind[0] in "aeiouAEIOU" else "a"
            raise self._fault(path, f"is {article} {kind}", self._rule)
        return self._container(value, path)

    def _container(self, value: Any, path: str) -> Any:
        above = self._above
        if id(value) in above:
            raise self._fault(path, "contains itself", self._rule)
        if len(above) >= DEEPEST:
            raise self._fault(f"{path[:40]}…", f"is nested deeper than {DEEPEST}", "flatten it")
        above.append(id(value))
        try:
            if not isinstance(value, dict):
                return [self.carry(item, f"{path}[{i}]") for i, item in enumerate(value)]
            made = {}
            for key, item in value.items():
                text = self._key(key, path)
                made[text] = self.carry(item, f"{path}.{text}" if path else text)
            return made
        finally:
            above.pop()

    def _text(self, value: str, path: str) -> str:
        text = str.__str__(value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise self._fault(path, "is a text that UTF-8 can't hold", "decode it first") from None
        return text

    def _key(self, key: object, path: str) -> str:
        if not isinstance(key, str):
            what = f"has the key {key!r}, a {type(key).__qualname__}"
            raise self._fault(path, what, "keys of JSON objects are texts")
        return self._text(key, path)

    def _fault(self, path: str, what: str, remedy: str) -> NotJson:
        where = self._where
        if "{path}" in where:
            place = where.replace("{path}", path)
        elif not path:
            place = where
        else:
            place = f"{where}{path}" if path.startswith("[") else f"{where}, at {path},"
        return NotJson(f"{place} {what}; {remedy}", path)
