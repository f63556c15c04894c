"""Figures: what was measured, against what goal, and how far its values are spread."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

NOT_AVAILABLE = "not available yet"
RATIO = "\N{MULTIPLICATION SIGN}"
NONE = "\N{EN DASH}"
TO = f" {NONE} "


@dataclasses.dataclass
class Figure:
    """One figure on one size of lab.

    Attributes:
        key: its name in the JSON file.
        title: what it is, for people.
        size: how many modules the lab has; None where that does not matter.
        unit: of its values; RATIO for a ratio.
        goal: the most that the median may be; None for a value that is only told.
        values: one a round.
        cpu: the same taken from CPU time, where it was measured.
        by_cpu: the machine was disturbed: what has a value from CPU time is judged by that.
        note: what else must be known.
        failed: why the goal is missed whatever the median is.
    """

    key: str
    title: str
    size: int | None
    unit: str
    goal: float | None
    values: list[float]
    cpu: list[float] = dataclasses.field(default_factory=list)
    by_cpu: bool = False
    note: str = ""
    failed: str = ""

    @property
    def median(self) -> float | None:
        """The middle value."""
        return statistics.median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is no goal or no value."""
        if self.goal is None or self.median is None:
            return None
        judged = statistics.median(self.cpu) if self.by_cpu and self.cpu else self.median
        return not self.failed and judged <= self.goal

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it."""
        low, high = quartiles(self.values)
        return {
            **dataclasses.asdict(self),
            "median": self.median,
            "quartiles": [low, high],
            "cpu_median": statistics.median(self.cpu) if self.cpu else None,
            "met": self.met,
        }


def quartiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The values below and above which a quarter of them lie."""
    if not values:
        return None, None
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(above: Sequence[dict[str, Any]], below: Sequence[dict[str, Any]], key: str = "wall") -> list[float]:
    """The ratios of two series that were measured in turns, pair by pair."""
    return [one[key] / other[key] for one, other in zip(above, below, strict=True) if other[key]]


def ratio_of_round(above: Sequence[dict[str, Any]], below: Sequence[dict[str, Any]], key: str = "wall") -> float:
    """The ratio within one round: the median of those of its pairs."""
    return statistics.median(ratios(above, below, key))


def number(value: float | None, unit: str = "") -> str:
    """A value with about three digits."""
    if value is None:
        return NONE
    if value == int(value) and abs(value) < 1000 and unit != RATIO:
        text = f"{int(value)}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    else:
        text = f"{value:.2f}" if abs(value) >= 0.1 or unit == RATIO else f"{value:.3f}"
    return text if unit in ("", RATIO) else f"{text} {unit}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def figure_table(figures: Sequence[Figure]) -> str:
    """The table of the figures that have a goal."""
    rows = []
    for figure in figures:
        low, high = quartiles(figure.values)
        spread = number(low, figure.unit) + TO + number(high, figure.unit) if len(figure.values) > 1 else NONE
        cpu = statistics.median(figure.cpu) if figure.cpu else None
        met = {True: "yes", False: "**no**", None: NONE}[figure.met]
        remark = "; ".join(text for text in (figure.failed, figure.note) if text)
        rows.append(
            [
                figure.title,
                f"{figure.size:,}" if figure.size else "",
                "" if figure.goal is None else f"≤ {number(figure.goal, figure.unit)}",
                NOT_AVAILABLE if figure.median is None else number(figure.median, figure.unit),
                spread,
                number(cpu, figure.unit),
                met + (f" ({remark})" if remark else ""),
            ]
        )
    return table(["figure", "modules", "goal", "median", "quartiles", "by CPU time", "met"], rows)
