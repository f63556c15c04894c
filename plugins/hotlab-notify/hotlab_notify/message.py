"""What a notification says: a pure function of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hotlab.refreshing import RefreshReport

Kind = Literal["success", "warning", "failure"]
"""apprise's words for how bad it is: services show them as a colour or an icon."""

MOST_NAMES = 20
MOST_TEXT = 3000

_MEANS = {
    "done": "The edit is live: new tasks run on it.",
    "refused": "The edit was refused. The lab goes on with the generation it had.",
    "deferred": "New tasks run on the edit; the devices follow when the tasks below have ended.",
}


@dataclass(frozen=True)
class Message:
    """What is sent."""

    title: str
    body: str
    kind: Kind


def is_worth_telling(report: RefreshReport) -> bool:
    """Whether anything came of the refresh: one that found no edit and did well is not news."""
    return not report.ok or bool(report.changed) or bool(report.resumed_with_errors)


def compose(report: RefreshReport) -> Message:
    """The message for a report."""
    title = f"[{report.lab}] refresh {report.outcome}"
    lines = [f"Lab: {report.lab}", f"Outcome: {report.outcome}"]
    if report.outcome in _MEANS:
        lines.append(_MEANS[report.outcome])
    if report.failed_step is not None:
        lines.append(f"Failed step: {_step(report)}")
        title += f" at {report.failed_step}"
    if report.error:
        lines.append(f"Cause: {_shortened(report.error)}")
    lines.append(f"Changed modules: {_names(report.changed)}")
    lines.append(f"Generation: {report.generation} ({report.digest})")
    if report.old_digest != report.digest:
        lines.append(f"Before: {report.old_digest}")
    if report.blockers:
        waits = [_blocker(blocker.what, blocker.holds) for blocker in report.blockers]
        lines.append(f"Waiting for: {_names(waits)}")
    if report.resumed_with_errors:
        lines.append(f"Not resumed, see to it: {_shortened('; '.join(report.resumed_with_errors))}")
    if report.not_reloadable:
        lines.append(f"Can't be reloaded: {_shortened('; '.join(report.not_reloadable))}")
    lines.append(f"Took: {report.seconds:.2f} s, asked for by: {report.trigger}, id: {report.id}")
    return Message(title=title, body="\n".join(lines), kind=_kind(report))


def _kind(report: RefreshReport) -> Kind:
    if report.outcome == "refused":
        return "failure"
    if report.outcome == "deferred" or not report.ok or report.resumed_with_errors:
        return "warning"
    return "success"


def _step(report: RefreshReport) -> str:
    numbers = [step.number for step in report.steps if step.name == report.failed_step]
    return f"{numbers[0]} {report.failed_step}" if numbers else str(report.failed_step)


def _blocker(what: str, holds: Sequence[str]) -> str:
    return f"{what} (holds {', '.join(holds)})" if holds else what


def _names(names: Sequence[str]) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def _shortened(text: str) -> str:
    """Of a long text the end is kept too: a traceback says there what went wrong."""
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[: MOST_TEXT // 3]}\n[...]\n{text[-(MOST_TEXT * 2 // 3) :]}"
