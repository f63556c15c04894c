"""What the demo claims, and whether the evidence bears it out.

Everything here is a pure function of what was read from the lab's store and its refresh reports:
no lab, no files, no clock. So each claim can be tested with evidence that contradicts it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import zip_longest
from typing import Any

import attrs

from hotlab.refreshing import STEPS

FEWEST_TASKS = 24
FEWEST_KINDS = 4
FEWEST_DEVICES = 6
CLOCK_SLACK = 0.05
"""Seconds. A report's times come from two clocks, one of which can be set."""


@attrs.frozen
class TaskRow:
    """One task, as the store has it."""

    id: str
    kind: str
    state: str
    digest: str | None
    """The digest of the generation that the task ran on."""
    devices: tuple[str, ...] = ()
    """The devices that the task, and the subtasks it called, were given."""
    submitted: float = 0.0
    started: float | None = None
    finished: float | None = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    result: Any = None
    error: str | None = None


@attrs.frozen
class Mark:
    """What in a task's result tells the old code from the new."""

    kind: str
    """The kind of task that shows it."""
    key: str
    """The key of its result; a result without it counts as None."""
    where: Mapping[str, Any] = attrs.field(factory=dict)
    """Only tasks with these parameters are compared."""

    def readings(self, tasks: Iterable[TaskRow], digest: str | None) -> set[str]:
        """The different values that the tasks on one generation show, as JSON."""
        return {
            json.dumps(task.result.get(self.key))
            for task in tasks
            if task.kind == self.kind
            and task.digest == digest
            and isinstance(task.result, dict)
            and all(task.parameters.get(name) == value for name, value in self.where.items())
        }


@attrs.frozen
class Edit:
    """One edit of a file of the lab, and what came of it."""

    title: str
    file: str
    """The path inside the lab package, such as `devices/robot_arm.py`."""
    line: int
    """The first line that the edit touched."""
    saved: float
    """When the file was saved, in seconds since the epoch."""
    report: Mapping[str, Any]
    """The report of the refresh, as JSON; empty if none came."""
    running: tuple[str, ...]
    """The tasks that were under way and had devices right before the save, and still right after."""
    later: tuple[str, ...]
    """The tasks submitted after the report had come."""
    mark: Mark | None = None
    broken: bool = False
    """Whether the edit is one that must be refused."""
    paused: tuple[str, ...] = ()
    """For a broken edit: the devices that were seen paused between the save and the mending."""
    looks: int = 0
    """For a broken edit: how often the store was asked for paused devices in that time."""


@attrs.frozen
class Evidence:
    """All that the demo has seen."""

    tasks: tuple[TaskRow, ...]
    edits: tuple[Edit, ...]


@attrs.frozen
class Finding:
    """One claim, and what the evidence says."""

    claim: str
    holds: bool
    detail: str


def judge(evidence: Evidence) -> list[Finding]:
    """Whether each claim of the demo holds, in the order in which it is told."""
    findings = [*_judge_work(evidence.tasks)]
    if not any(edit.broken for edit in evidence.edits):
        findings.append(Finding("a file was broken", False, "no edit was meant to be refused"))
    if sum(not edit.broken for edit in evidence.edits) < 2:
        findings.append(Finding("a driver and a task were edited", False, "fewer than two edits"))
    by_id = {task.id: task for task in evidence.tasks}
    older: set[str] = set()
    mended = [edit.saved for edit in evidence.edits[1:]]
    for edit, until in zip_longest(evidence.edits, mended):
        findings.append(_judge_running(edit, by_id, older))
        findings.extend(_judge_broken(edit, by_id, until) if edit.broken else _judge_good(edit, by_id))
        older.add(_old_digest(edit))
    return findings


def _judge_work(tasks: Sequence[TaskRow]) -> Iterator[Finding]:
    failed = [f"{task.kind} {task.id} {task.state}" for task in tasks if task.state != "COMPLETED"]
    yield Finding(
        "every task was completed",
        not failed and bool(tasks),
        ", ".join(failed) or f"{len(tasks)} of {len(tasks)}",
    )
    kinds = sorted({task.kind for task in tasks})
    devices = sorted({device for task in tasks for device in task.devices})
    for what, found, fewest in (
        ("tasks", [task.id for task in tasks], FEWEST_TASKS),
        ("kinds of task", kinds, FEWEST_KINDS),
        ("devices used", devices, FEWEST_DEVICES),
    ):
        names = "" if what == "tasks" else f": {', '.join(found)}"
        yield Finding(f"at least {fewest} {what}", len(found) >= fewest, f"{len(found)}{names}")


def _judge_running(edit: Edit, tasks: Mapping[str, TaskRow], older: set[str]) -> Finding:
    """One that waited long for its turn may be of an even older generation: that is right too."""
    old = _old_digest(edit)
    seen = [tasks.get(task) for task in edit.running]
    # They were looked up just before the save: one that ended in between was not running at the time.
    running = [task for task in seen if task is None or task.finished is None or task.finished > edit.saved]
    finding = _all_on(
        f"{edit.file}: what was running finished on the old generation",
        running,
        {old, *older},
        lambda task: task.finished is not None,
    )
    if finding.holds and all(task is None or task.digest != old for task in running):
        return attrs.evolve(finding, holds=False, detail=f"none of them was on {old[:12]}")
    return finding


def _judge_good(edit: Edit, tasks: Mapping[str, TaskRow]) -> Iterator[Finding]:
    report = edit.report
    old, new = report.get("old_digest"), report.get("digest")
    error = report.get("error") or ""
    taken = report.get("outcome") == "done" and bool(new) and old != new
    yield Finding(
        f"{edit.file}: the edit was taken",
        taken and _names_module(report, edit.file),
        f"outcome {report.get('outcome', 'none')}, changed "
        f"{', '.join(report.get('changed', ())) or 'nothing'} {error}".rstrip(),
    )
    steps = [(step.get("number"), step.get("name")) for step in report.get("steps", ())]
    untimed = [step for step in report.get("steps", ()) if not _is_time(step.get("seconds"))]
    failed = [step.get("name") for step in report.get("steps", ()) if not step.get("ok")]
    yield Finding(
        f"{edit.file}: the ten steps ran in order",
        steps == list(enumerate(STEPS, start=1)) and not untimed and not failed,
        f"{len(steps)} steps" + (f", failed: {failed}" if failed else ""),
    )
    yield _judge_drain(edit, tasks)
    yield _all_on(
        f"{edit.file}: what came later ran on the new generation",
        [tasks.get(task) for task in edit.later],
        {str(new)},
        lambda task: task.submitted > edit.saved,
    )
    if edit.mark is not None:
        before, after = (edit.mark.readings(tasks.values(), digest) for digest in (old, new))
        yield Finding(
            f"{edit.file}: the results show it",
            len(before) == len(after) == 1 and before != after,
            f"{edit.mark.kind}.{edit.mark.key} was {_values(before)}, is {_values(after)}",
        )


def _judge_drain(edit: Edit, tasks: Mapping[str, TaskRow]) -> Finding:
    """Whether the devices were left alone until what was running had ended."""
    steps = edit.report.get("steps", ())
    drain = STEPS.index("drain") + 1
    afterwards = sum(step["seconds"] for step in steps if step["number"] > drain)
    # At the latest: whatever the refresh did between two steps is taken to lie before this moment.
    drained = edit.report.get("started", 0.0) + edit.report.get("seconds", 0.0) - afterwards
    late = [
        f"{tasks[task].kind} {task}"
        for task in edit.running
        if task in tasks and (tasks[task].finished or float("inf")) > drained + CLOCK_SLACK
    ]
    return Finding(
        f"{edit.file}: the drain waited for what was running",
        bool(steps) and bool(edit.running) and not late,
        f"not for {', '.join(late)}" if late else f"for {len(edit.running)} tasks",
    )


def _judge_broken(edit: Edit, tasks: Mapping[str, TaskRow], until: float | None) -> Iterator[Finding]:
    report = edit.report
    error = str(report.get("error") or "")
    yield Finding(
        f"{edit.file}: the broken edit was refused",
        report.get("outcome") == "refused" and report.get("ok") is False,
        f"outcome {report.get('outcome', 'none')}",
    )
    place = re.compile(rf"{re.escape(edit.file)}:{edit.line}\b")
    said = next((line.strip() for line in error.splitlines() if place.search(line)), None)
    yield Finding(
        f"{edit.file}: the lab says where the error is",
        said is not None,
        said or f"no {edit.file}:{edit.line} in {error!r}",
    )
    ran = [str(step.get("name")) for step in report.get("steps", ())]
    yield Finding(
        f"{edit.file}: nothing was paused for it",
        not ran and not edit.paused and edit.looks > 0,
        f"steps run: {', '.join(ran) or 'none'}; devices seen paused in {edit.looks} looks: "
        f"{', '.join(edit.paused) or 'none'}",
    )
    yield _all_on(
        f"{edit.file}: the lab went on with the generation it had",
        [tasks.get(task) for task in edit.later],
        {_old_digest(edit)},
        lambda task: task.submitted > edit.saved,
    )
    later = [tasks[task] for task in edit.later if task in tasks]
    ended = [task for task in later if until and task.finished and task.finished < until]
    yield Finding(
        f"{edit.file}: tasks came to their end while it was broken",
        bool(ended),
        f"{len(ended)} of the {len(later)} submitted after the save",
    )


def _all_on(
    claim: str,
    tasks: Sequence[TaskRow | None],
    digests: Set[str],
    in_time: Callable[[TaskRow], bool],
) -> Finding:
    """Whether there are such tasks, and all were completed on one of the generations named."""
    if not tasks:
        return Finding(claim, False, "there was no such task, so nothing is shown")
    known = [task for task in tasks if task is not None]
    wrong = [
        f"{task.kind} {task.id} {task.state} on {str(task.digest)[:12]}"
        for task in known
        if task.state != "COMPLETED" or task.digest not in digests or not in_time(task)
    ]
    if len(known) < len(tasks):
        wrong.append("a task that the store does not have")
    if wrong:
        expected = " or ".join(sorted(digest[:12] for digest in digests))
        return Finding(claim, False, f"not in time on {expected}: {', '.join(wrong)}")
    found = " and ".join(sorted({str(task.digest)[:12] for task in known}))
    kinds = ", ".join(sorted({task.kind for task in known}))
    return Finding(claim, True, f"{len(known)} on {found}: {kinds}")


def _old_digest(edit: Edit) -> str:
    return str(edit.report.get("old_digest"))


def _names_module(report: Mapping[str, Any], file: str) -> bool:
    module = file.removesuffix(".py").replace("/", ".")
    return any(str(name).endswith(f".{module}") for name in report.get("changed", ()))


def _is_time(seconds: object) -> bool:
    return isinstance(seconds, (int, float)) and seconds >= 0


def _values(readings: set[str]) -> str:
    return " and ".join(sorted(readings)) or "never seen"
