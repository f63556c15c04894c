"""A refresh report as lines: what changed, the ten steps with their times, what went wrong.

Takes the report as JSON values, the form in which it comes from a store, and writes to the `Output`
it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotlab.cli.output import Output, clock, duration

STYLES = {"done": "bold green", "refused": "bold red", "deferred": "bold yellow"}
DIGEST_LENGTH = 12


def show_report(output: Output, report: Mapping[str, Any]) -> None:
    """Write a whole report."""
    if report["steps"]:
        show_start(output, report["trigger"], report["changed"])
    for step in report["steps"]:
        show_step(output, step)
    show_outcome(output, report)


def show_start(output: Output, trigger: str, changed: Sequence[str]) -> None:
    """Write that a refresh begins: an edit is staged, and now the lab pauses for it."""
    what = f"changed: {_names(changed)}" if changed else "devices follow the current generation"
    output.line(f"refresh ({trigger}), {what}")


def show_step(output: Output, step: Mapping[str, Any]) -> None:
    """Write one of the ten steps."""
    name = str(step["name"]).replace("_", " ")
    fault = f"  FAILED: {step['error']}" if not step["ok"] else ""
    text = f"  {step['number']:>2} {name:<18} {step['seconds']:8.3f} s{fault}"
    output.line(text, "red" if fault else "")


def show_outcome(output: Output, report: Mapping[str, Any]) -> None:
    """Write what came of a refresh, and what went wrong."""
    output.line(headline(report), STYLES.get(str(report["outcome"]), ""))
    if report["changed"] and not report["steps"]:
        output.line(f"  changed: {_names(report['changed'])}")
    if report["reloaded"]:
        output.line(f"  reloaded: {_names(report['reloaded'])}")
    _show_faults(output, report)


def headline(report: Mapping[str, Any]) -> str:
    """One line: when, what came of it, which generation is current, how long it took."""
    digest = str(report["digest"])[:DIGEST_LENGTH]
    what = str(report["outcome"])
    if what == "done" and not report["changed"]:
        what = "nothing changed"
    return (
        f"{clock(report['started'])} refresh ({report['trigger']}): {what}, generation "
        f"{report['generation']} ({digest}), {duration(report['seconds'])}"
    )


def _show_faults(output: Output, report: Mapping[str, Any]) -> None:
    error = report.get("error")
    if error:
        failed = report.get("failed_step")
        output.line(f"  failed at: {failed}" if failed else "  why:", "red")
        for line in str(error).rstrip().splitlines():
            output.line(f"    {line}")
    for blocker in report.get("blockers", ()):
        holds = f", which holds {', '.join(blocker['holds'])}" if blocker["holds"] else ""
        output.line(f"  waited for task {blocker['what']}{holds}, since {clock(blocker['since'])}")
    for name in report.get("resumed_with_errors", ()):
        output.line(f"  resume failed: {name}", "red")
    for text in report.get("not_reloadable", ()):
        output.line(f"  not reloadable: {text}", "yellow")


def _names(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
