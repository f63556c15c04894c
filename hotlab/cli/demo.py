"""`hotlab demo`: a lab takes edits while it works; what it recorded of that is held to account."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import click

from hotlab.cli import exits
from hotlab.cli.demo_judge import Evidence, Finding, judge
from hotlab.cli.demo_lab import DemoLab, copy_fake_lab
from hotlab.cli.demo_show import Show
from hotlab.cli.demo_story import Story
from hotlab.cli.labs import json_option
from hotlab.cli.output import Output
from hotlab.importing import HotlabError

SECONDS_TO_STOP = 5.0


@click.command()
@json_option
@click.option("--keep", is_flag=True, help="Keep the temporary folder, and say where it is.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=SECONDS_TO_STOP, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up, and fail, after so long.",
)
def demo(as_json: bool, keep: bool, time_limit: float) -> int:
    """Edit a simulated lab while it works, and show what each task ran on.

    Copies the fake lab to a temporary folder and runs it there. While its furnaces heat, a driver
    and a task are edited, a file is broken and mended. Ends with what each task ran on, and with
    each claim held against the lab's store and refresh reports.

    Exit code 0 when every claim holds, 1 when one does not or the demo got stuck.

    \b
    Example:
      hotlab demo --json > demo.json
    """
    began = time.monotonic()
    output = Output(as_json=as_json)
    show = Show(output)
    folder = Path(tempfile.mkdtemp(prefix="hotlab-demo-"))
    failure: str | None = None
    evidence = Evidence(tasks=(), edits=())
    findings: list[Finding] = []
    try:
        with _signals_that_clean_up():
            evidence = _tell(folder, show, deadline=began + time_limit - SECONDS_TO_STOP)
        findings = judge(evidence)
        show.show_tasks(evidence)
        show.show_findings(findings)
        failure = _first_false(findings)
    except HotlabError as error:
        failure = str(error)
    finally:
        # Kept for whoever wants to know why: any failure, an interruption included.
        finished = sys.exc_info()[0] is None
        seconds = time.monotonic() - began
        if finished and failure is None and seconds > time_limit:
            failure = f"the demo took {seconds:.0f} s, more than {time_limit:g} s"
        kept = keep or failure is not None or not finished
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            click.echo(f"the lab and its log are kept in {folder}", err=True)
    output.data(_as_json(evidence, findings, failure, seconds, folder if kept else None))
    if failure is not None:
        click.echo(f"hotlab demo failed: {failure}", err=True)
        return exits.FAILED
    show.say(f"every claim holds; {len(evidence.tasks)} tasks in {seconds:.1f} s", "bold green")
    return exits.DONE


def _tell(folder: Path, show: Show, *, deadline: float) -> Evidence:
    show.heading("a lab of simulated instruments")
    package = copy_fake_lab(folder)
    show.say(f"copied the fake lab to {package}")
    lab = DemoLab(package, deadline=deadline)
    try:
        devices = lab.devices()
        show.say(f"hotlab run is process {lab.pid}; {len(devices)} devices are connected:")
        show.say(f"  {', '.join(devices)}")
        show.say("hotlab plugins says:")
        for line in lab.plugins():
            show.say(f"  {line}")
        return Story(lab, package, show, deadline=deadline).tell()
    finally:
        lab.stop()


@contextmanager
def _signals_that_clean_up() -> Iterator[None]:
    """Let what would end this process end it in order: its lab must not outlive it."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_false(findings: list[Finding]) -> str | None:
    false = [f"{finding.claim}: {finding.detail}" for finding in findings if not finding.holds]
    if not false:
        return None
    more = f" (and {len(false) - 1} more)" if len(false) > 1 else ""
    return f"this did not happen: {false[0]}{more}"


def _as_json(
    evidence: Evidence,
    findings: list[Finding],
    failure: str | None,
    seconds: float,
    folder: Path | None,
) -> dict[str, Any]:
    return {
        "ok": failure is None,
        "failure": failure,
        "seconds": round(seconds, 3),
        "folder": None if folder is None else str(folder),
        "tasks": [attrs.asdict(task) for task in evidence.tasks],
        "edits": [attrs.asdict(edit) for edit in evidence.edits],
        "findings": [attrs.asdict(finding) for finding in findings],
    }
