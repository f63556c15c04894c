"""How the demo looks. It writes what it is given to an `Output`, and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotlab.cli.demo_judge import Evidence, Finding, TaskRow
from hotlab.cli.output import Output
from hotlab.cli.reports import DIGEST_LENGTH, show_report


class Show:
    """Tells the demo as it happens."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def heading(self, text: str) -> None:
        """The start of a chapter."""
        self._output.line()
        self._output.line(f"== {text}", "bold")

    def say(self, text: str, style: str = "") -> None:
        """One line of the story."""
        self._output.line(text, style)

    def show_edit(self, title: str, file: str, line: int, old: str, new: str) -> None:
        """An edit that is saved now, as a diff of one line."""
        self.heading(title)
        self.say(f"saved {file}:{line}")
        self.say(f"  - {old.strip()}", "red")
        self.say(f"  + {new.strip()}", "green")

    def show_report(self, report: Mapping[str, Any], seconds: float) -> None:
        """A refresh report, and how long after the save it came."""
        show_report(self._output, report)
        if not report["steps"]:
            self.say("  none of the ten steps was taken")
        self.say(f"  seen {seconds:.2f} s after the save")

    def show_tasks(self, evidence: Evidence) -> None:
        """The table of what each task ran on."""
        self.heading("what each task ran on")
        self._output.table(
            ("task", "kind", "state", "generation", "seconds", "devices"),
            [_cells(task) for task in evidence.tasks],
        )

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Each claim, and whether the evidence bears it out."""
        self.heading("what was claimed")
        for finding in findings:
            word, style = ("yes", "green") if finding.holds else ("NO ", "bold red")
            self.say(f"{word} {finding.claim} ({finding.detail})", style)


def _cells(task: TaskRow) -> tuple[str, ...]:
    ran = task.started is not None and task.finished is not None
    return (
        task.id,
        task.kind,
        task.state,
        str(task.digest or "none")[:DIGEST_LENGTH],
        f"{(task.finished or 0) - (task.started or 0):.2f}" if ran else "",
        ", ".join(task.devices),
    )
