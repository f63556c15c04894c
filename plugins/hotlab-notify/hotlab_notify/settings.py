"""What is to be told, and to whom: read from the environment, once, at the first refresh.

A pure function of the environment and of the file it names; callable from any thread. URLs hold
passwords and tokens, so no text made here repeats one: a target is named by where it was given.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

URLS = "HOTLAB_NOTIFY_URLS"
FILE = "HOTLAB_NOTIFY_FILE"
ON = "HOTLAB_NOTIFY_ON"
TIMEOUT = "HOTLAB_NOTIFY_TIMEOUT"

OUTCOMES = ("refused", "deferred", "done")
DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True)
class Address:
    """One place to send to."""

    url: str = field(repr=False)
    origin: str
    """Where it was given: safe to log."""


@dataclass(frozen=True)
class Settings:
    """What is to be told, to whom, and what was wrong with what was set."""

    addresses: tuple[Address, ...] = ()
    outcomes: frozenset[str] = frozenset(OUTCOMES)
    timeout: float = DEFAULT_TIMEOUT
    problems: tuple[str, ...] = ()
    """One sentence each, with the remedy. What could be read holds all the same."""


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings, as far as they can be read; never raises for what is set wrongly."""
    problems: list[str] = []
    addresses = [
        Address(url, f"URL {number} of {URLS}") for number, url in enumerate(environ.get(URLS, "").split(), start=1)
    ]
    if file := environ.get(FILE, "").strip():
        addresses += _read_file(Path(file), problems)
    unique: dict[str, Address] = {}
    for address in addresses:
        unique.setdefault(address.url, address)
    return Settings(
        addresses=tuple(unique.values()),
        outcomes=_read_outcomes(environ, problems),
        timeout=_read_timeout(environ, problems),
        problems=tuple(problems),
    )


def _read_file(path: Path, problems: list[str]) -> Iterator[Address]:
    """One URL a line; empty lines and lines that begin with # are skipped."""
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        problems.append(
            f"{FILE}: can't read {str(path)!r} ({type(error).__name__}); nobody in it is notified:"
            " make it a UTF-8 file with one URL a line that the lab's user may read"
        )
        return
    for number, line in enumerate(lines, start=1):
        url = line.strip()
        if url and not url.startswith("#"):
            yield Address(url, f"line {number} of {path}")


def _read_outcomes(environ: Mapping[str, str], problems: list[str]) -> frozenset[str]:
    text = environ.get(ON)
    if text is None:
        return frozenset(OUTCOMES)
    words = {word.strip().lower() for word in text.split(",")} - {""}
    if unknown := sorted(words.difference(OUTCOMES)):
        problems.append(
            f"{ON}: {', '.join(map(repr, unknown))} is no outcome of a refresh and is left out;"
            f" give some of {', '.join(OUTCOMES)}, separated by commas"
        )
    return frozenset(words.intersection(OUTCOMES))


def _read_timeout(environ: Mapping[str, str], problems: list[str]) -> float:
    text = environ.get(TIMEOUT, "").strip()
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and seconds > 0:
        return seconds
    problems.append(f"{TIMEOUT}: {text!r} is no number of seconds above 0; {DEFAULT_TIMEOUT} is used instead")
    return DEFAULT_TIMEOUT
