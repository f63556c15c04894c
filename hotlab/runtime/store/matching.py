"""Which devices and positions would meet a request: pure functions, no store, no clock.

A want asks for one device, by class or by name, with positions of it; or, by nothing, for positions that belong to
no device. The wants of one request are met together by different devices, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

BY_CLASS: Final = "class"
BY_NAME: Final = "name"
BY_NOTHING: Final = "nothing"


@attrs.frozen
class Want:
    """One line of a request: `by` is one of the constants above, `key` the class or device name."""

    by: str
    key: str
    positions: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it is kept in the store."""
        return {"by": self.by, "key": self.key, "positions": dict(self.positions)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Want:
        """Back from what is kept in the store."""
        return cls(value["by"], value["key"], value["positions"])

    def __str__(self) -> str:
        return {
            BY_CLASS: f"a device of class {self.key}",
            BY_NAME: f"the device {self.key}",
            BY_NOTHING: "positions that belong to no device",
        }[self.by]


@attrs.frozen
class Candidate:
    """A device that may be given, with the names of its positions that may be, by kind.

    The device None stands for the positions that belong to no device.
    """

    name: str | None
    classes: frozenset[str]
    positions: Mapping[str, Sequence[str]]


@attrs.frozen
class Assignment:
    """What one want gets."""

    device: str | None
    positions: Mapping[str, Sequence[str]]

    def to_json(self) -> dict[str, Any]:
        """As it is kept in the store."""
        return {
            "device": self.device,
            "positions": {kind: list(names) for kind, names in self.positions.items()},
        }


def match(wants: Sequence[Want], candidates: Sequence[Candidate]) -> list[Assignment] | None:
    """An assignment for each want, in their order; None if they can't all be met at once.

    Of several devices that would do, the first in the order of `candidates` is taken.
    """
    fitting = [[c for c in candidates if _fits(want, c)] for want in wants]
    # The pickiest first, so that a want by class leaves the device that another names.
    order = sorted(range(len(wants)), key=lambda index: len(fitting[index]))
    chosen = _choose(order, fitting, {})
    if chosen is None:
        return None
    return [
        Assignment(
            chosen[index].name,
            {kind: chosen[index].positions.get(kind, ())[:n] for kind, n in want.positions.items()},
        )
        for index, want in enumerate(wants)
    ]


def why_never(wants: Sequence[Want], defined: Sequence[Candidate]) -> str | None:
    """Why a request can't be met even by a lab in which everything is free; None if it can."""
    for want in wants:
        reason = _why_never_one(want, defined)
        if reason is not None:
            return reason
    if match(wants, defined) is None:
        asked = ", ".join(str(want) for want in wants)
        return f"the lab does not have that many devices to give {asked} at once"
    return None


def _fits(want: Want, candidate: Candidate) -> bool:
    return _is_meant(want, candidate) and all(
        len(candidate.positions.get(kind, ())) >= number for kind, number in want.positions.items()
    )


def _is_meant(want: Want, candidate: Candidate) -> bool:
    if want.by == BY_NOTHING:
        return candidate.name is None
    if candidate.name is None:
        return False
    return want.key == candidate.name if want.by == BY_NAME else want.key in candidate.classes


def _choose(
    order: Sequence[int], fitting: Sequence[Sequence[Candidate]], chosen: dict[int, Candidate]
) -> dict[int, Candidate] | None:
    if len(chosen) == len(order):
        return chosen
    index = order[len(chosen)]
    used = {candidate.name for candidate in chosen.values()}
    for candidate in fitting[index]:
        if candidate.name not in used:
            found = _choose(order, fitting, {**chosen, index: candidate})
            if found is not None:
                return found
    return None


def _why_never_one(want: Want, defined: Sequence[Candidate]) -> str | None:
    meant = [candidate for candidate in defined if _is_meant(want, candidate)]
    if not meant:
        if want.by == BY_CLASS:
            classes = _listed({c for candidate in defined for c in candidate.classes})
            return f"the lab has no device of class {want.key} (it has {classes})"
        names = _listed(candidate.name for candidate in defined if candidate.name is not None)
        if want.by == BY_NAME:
            return f"the lab has no device named {want.key!r} (it has {names})"
        return "the lab has no positions that belong to no device"
    for kind, number in want.positions.items():
        most = max(len(candidate.positions.get(kind, ())) for candidate in meant)
        if most == 0:
            kinds = _listed({k for candidate in meant for k in candidate.positions})
            return f"{want} has no position {kind!r} (it has {kinds})"
        if most < number:
            return f"{number} positions {kind!r} were asked of {want}: there are {most}"
    if not any(_fits(want, candidate) for candidate in meant):
        asked = ", ".join(f"{number} {kind!r}" for kind, number in want.positions.items())
        return f"no single device has all of {asked}, asked of {want}"
    return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
