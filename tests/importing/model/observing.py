"""What both interpreters need, the one with hotlab and the fresh one: how executions are counted, values described.

Imports nothing but the standard library and is loaded by its path in the fresh interpreter, which must not know hotlab.
"""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType

COUNTS_NAME = "lab_counts"


class Counts(ModuleType):
    """The execution counters: a module outside of the lab that each lab module's body calls first and last."""

    def __init__(self) -> None:
        super().__init__(COUNTS_NAME)
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []

    def begin(self, name: str) -> None:
        """A module's body starts."""
        self.begun[name] += 1
        self.log.append(("begin", name))

    def end(self, name: str) -> None:
        """A module's body has come to its end."""
        self.ended[name] += 1
        self.log.append(("end", name))


def install_counts() -> Counts:
    """Make the counters importable for lab code."""
    counts = Counts()
    sys.modules[COUNTS_NAME] = counts
    return counts


def described(namespace: dict[str, object]) -> dict[str, object]:
    """A module's values by name, as JSON can hold them; what Python itself puts there is left out."""
    return {name: _as_text(value) for name, value in namespace.items() if not name.startswith("__")}


def _as_text(value: object) -> object:
    if isinstance(value, (int, str, list)):
        return value
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__qualname__} of {getattr(value, 'value', None)}"
    qualname = getattr(value, "__qualname__", None)
    return f"{type(value).__name__} {getattr(value, '__module__', None)}.{qualname}" if qualname else str(type(value))


def answer_of(namespace: dict[str, object], late: str) -> object:
    """What a late function of a module answers; an exception is an answer too, by its type."""
    function = namespace.get(late)
    if function is None:
        return "no such function"
    try:
        return function()  # type: ignore[operator]
    except BaseException as error:
        return f"error {type(error).__name__}"
