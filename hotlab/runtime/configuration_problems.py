"""What is wrong with a configuration, one line each, and the passwords that must not be seen in it.

Pure functions and values; any thread.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import attrs

from hotlab.importing.errors import HotlabError

HIDDEN = "***"

_USER_INFO = re.compile(r"(?P<head>://[^:/@\s]*:).*(?=@)", re.DOTALL)
# In a query too: postgresql://host/name?user=ada&password=secret
_SECRET_IN_QUERY = re.compile(r"(?i)(?P<head>[?&][^=&]*(?:passw|secret|token|key)[^=&]*=)[^&]*")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60


class ConfigurationError(HotlabError):
    """A configuration that can't be used. `problems` has one line for each fault, all of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@attrs.frozen
class Origin:
    """Where a value comes from.

    Attributes:
        kind: a default, a line of a file, or an environment variable.
        name: the file's path or the variable's name; empty for a default.
        line: in the file, from 1, where the reader tells it (YAML does, TOML does not).
    """

    kind: Literal["default", "file", "variable"]
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.kind == "default":
            return "default"
        return self.name if self.line is None else f"{self.name}:{self.line}"


DEFAULT = Origin("default")


@attrs.frozen
class Given:
    """A value as somebody gave it, and where."""

    value: object
    origin: Origin


def from_file(file: Path, line: int | None = None) -> Origin:
    """The origin of what stands in a file."""
    return Origin("file", str(file), line)


def problem(origin: Origin, text: str, *, key: str | None = None) -> str:
    """One line: place, key, fault."""
    named = [str(origin)] if key is None or origin.kind == "variable" else [str(origin), key]
    return ": ".join([*named, " ".join(text.split())])


def shown(value: object) -> str:
    """A value as an error may quote it: short, on one line, without its password."""
    if isinstance(value, str):
        return _short.repr(hide_password(value))
    return _short.repr(value)


def hide_password(text: str) -> str:
    """A URL without its password. Hides rather too much than too little."""
    text = _USER_INFO.sub(rf"\g<head>{HIDDEN}", text)
    return _SECRET_IN_QUERY.sub(rf"\g<head>{HIDDEN}", text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known: the nearest one that is, else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(known)}"
