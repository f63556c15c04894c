"""The demo's judgement: true evidence passes, and each doctored row is found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from hotlab.cli.demo_judge import Edit, Evidence, Mark, TaskRow, judge
from hotlab.refreshing import STEPS

OLD, NEW = "a" * 40, "b" * 40
KINDS = ("Heating", "Weighing", "Mixing", "Moving")
DEVICES = ("furnace_1", "furnace_2", "robot_arm", "balance", "powder_dispenser", "shaker")


def make_report(old: str, new: str, changed: str, started: float = 0.0) -> dict[str, Any]:
    """A refresh report, as JSON, of an edit that was taken."""
    steps = [
        {"number": number, "name": name, "seconds": 0.1, "ok": True, "error": None}
        for number, name in enumerate(STEPS, start=1)
    ]
    return {
        "ok": True,
        "outcome": "done",
        "started": started,
        "seconds": 15.0,
        "old_digest": old,
        "digest": new,
        "changed": [changed],
        "steps": steps,
        "error": None,
    }


def make_tasks(prefix: str, digest: str, *, submitted: float, speed: int) -> list[TaskRow]:
    """Twelve tasks of four kinds over six devices, all on one generation."""
    return [
        TaskRow(
            id=f"{prefix}{number}",
            kind=KINDS[number % 4],
            state="COMPLETED",
            digest=digest,
            devices=(DEVICES[number % 6],),
            submitted=submitted,
            started=submitted + 1,
            finished=submitted + 20,
            parameters={"route": "long" if number < 8 else "short"},
            result={"speed": speed if number < 8 else number},
        )
        for number in range(12)
    ]


def make_evidence() -> Evidence:
    """Two edits taken, one refused: what an honest run shows."""
    third = "c" * 40
    tasks = [
        *make_tasks("old", OLD, submitted=0, speed=1),
        *make_tasks("new", NEW, submitted=30, speed=2),
        *make_tasks("last", third, submitted=60, speed=2),
    ]
    mark = Mark("Moving", "speed", where={"route": "long"})
    arm = Edit(
        title="faster",
        file="devices/robot_arm.py",
        line=3,
        saved=10,
        report=make_report(OLD, NEW, "lab.devices.robot_arm", started=10.0),
        running=("old0", "old1"),
        later=("new0", "new3"),
        mark=mark,
    )
    broken = Edit(
        title="typo",
        file="tasks/measuring.py",
        line=7,
        saved=40,
        report={
            "ok": False,
            "outcome": "refused",
            "old_digest": NEW,
            "digest": NEW,
            "changed": ["lab.tasks.measuring"],
            "steps": [],
            "error": "SyntaxError: '(' was never closed\n  at /lab/tasks/measuring.py:7",
        },
        running=("new1",),
        later=("late",),
        broken=True,
        looks=5,
    )
    late = attrs.evolve(tasks[12], id="late", submitted=41.0, finished=44.0)
    mended = Edit(
        title="mended",
        file="tasks/measuring.py",
        line=7,
        saved=45,
        report=make_report(NEW, third, "lab.tasks.measuring", started=45.0),
        running=("new2",),
        later=("last0",),
    )
    return Evidence(tasks=(*tasks, late), edits=(arm, broken, mended))


def false_claims(evidence: Evidence) -> list[str]:
    return [finding.claim for finding in judge(evidence) if not finding.holds]


def with_task(evidence: Evidence, task_id: str, **changes: Any) -> Evidence:
    tasks = tuple(attrs.evolve(task, **changes) if task.id == task_id else task for task in evidence.tasks)
    return attrs.evolve(evidence, tasks=tasks)


def with_edit(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    edits = list(evidence.edits)
    edits[number] = attrs.evolve(edits[number], **changes)
    return attrs.evolve(evidence, edits=tuple(edits))


def with_report(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    return with_edit(evidence, number, report={**evidence.edits[number].report, **changes})


def test_honest_evidence_passes() -> None:
    """Evidence that bears every claim out has no finding against it."""
    assert false_claims(make_evidence()) == []


def steps_without(number: int) -> list[dict[str, Any]]:
    steps = make_report(OLD, NEW, "x")["steps"]
    assert isinstance(steps, list)
    return [step for step in steps if step["number"] != number]


def failed_step(number: int) -> list[dict[str, Any]]:
    return [{**step, "ok": step["number"] != number} for step in make_report(OLD, NEW, "x")["steps"]]


ARM, TYPO = "devices/robot_arm.py", "tasks/measuring.py"


@pytest.mark.parametrize(
    ("doctor", "claim"),
    [
        (lambda e: with_task(e, "old9", state="ERROR"), "every task was completed"),
        (lambda e: attrs.evolve(e, tasks=e.tasks[-23:]), "at least 24 tasks"),
        (
            lambda e: attrs.evolve(e, tasks=tuple(attrs.evolve(t, kind=t.kind[0]) for t in e.tasks)),
            "at least 4 kinds of task",
        ),
        (
            lambda e: attrs.evolve(e, tasks=tuple(attrs.evolve(t, devices=("arm",)) for t in e.tasks)),
            "at least 6 devices used",
        ),
        (lambda e: with_report(e, 0, outcome="deferred"), f"{ARM}: the edit was taken"),
        (lambda e: with_report(e, 0, changed=["lab.x"]), f"{ARM}: the edit was taken"),
        (lambda e: with_report(e, 0, digest=OLD), f"{ARM}: the edit was taken"),
        (lambda e: with_edit(e, 0, report={}), f"{ARM}: the edit was taken"),
        (
            lambda e: with_report(e, 0, steps=steps_without(4)),
            f"{ARM}: the ten steps ran in order",
        ),
        (
            lambda e: with_report(e, 0, steps=failed_step(7)),
            f"{ARM}: the ten steps ran in order",
        ),
        (
            lambda e: with_task(e, "old1", digest=NEW),
            f"{ARM}: what was running finished on the old generation",
        ),
        (
            lambda e: with_task(e, "old1", finished=24.6),
            f"{ARM}: the drain waited for what was running",
        ),
        (
            lambda e: with_task(with_edit(e, 0, running=("old1",)), "old1", finished=9.0),
            f"{ARM}: what was running finished on the old generation",
        ),
        (
            lambda e: with_edit(e, 0, running=()),
            f"{ARM}: what was running finished on the old generation",
        ),
        (
            lambda e: with_edit(e, 2, running=("old0",)),
            f"{TYPO}: what was running finished on the old generation",
        ),
        (
            lambda e: with_edit(e, 1, running=("new1", "last3")),
            f"{TYPO}: what was running finished on the old generation",
        ),
        (
            lambda e: with_edit(e, 0, running=("unheard of",)),
            f"{ARM}: what was running finished on the old generation",
        ),
        (
            lambda e: with_task(e, "new3", digest=OLD),
            f"{ARM}: what came later ran on the new generation",
        ),
        (
            lambda e: with_edit(e, 0, later=()),
            f"{ARM}: what came later ran on the new generation",
        ),
        (lambda e: with_task(e, "new3", result={"speed": 1}), f"{ARM}: the results show it"),
        (lambda e: with_report(e, 1, outcome="done"), f"{TYPO}: the broken edit was refused"),
        (
            lambda e: with_report(e, 1, error="SyntaxError"),
            f"{TYPO}: the lab says where the error is",
        ),
        (
            lambda e: with_edit(e, 1, line=8),
            f"{TYPO}: the lab says where the error is",
        ),
        (
            lambda e: with_edit(e, 1, paused=("robot_arm",)),
            f"{TYPO}: nothing was paused for it",
        ),
        (
            lambda e: with_report(e, 1, steps=steps_without(9)),
            f"{TYPO}: nothing was paused for it",
        ),
        (lambda e: with_edit(e, 1, looks=0), f"{TYPO}: nothing was paused for it"),
        (
            lambda e: with_task(e, "late", digest=OLD),
            f"{TYPO}: the lab went on with the generation it had",
        ),
        (
            lambda e: with_edit(e, 1, later=()),
            f"{TYPO}: the lab went on with the generation it had",
        ),
        (
            lambda e: with_task(e, "late", finished=46.0),
            f"{TYPO}: tasks came to their end while it was broken",
        ),
        (lambda e: with_report(e, 2, outcome="refused"), f"{TYPO}: the edit was taken"),
        (lambda e: attrs.evolve(e, edits=e.edits[:1]), "a file was broken"),
        (lambda e: attrs.evolve(e, edits=e.edits[:2]), "a driver and a task were edited"),
    ],
)
def test_doctored_evidence_is_found_out(doctor: Callable[[Evidence], Evidence], claim: str) -> None:
    """Evidence with one false row makes the very claim fail that it contradicts."""
    assert claim in false_claims(doctor(make_evidence()))


def test_no_evidence_proves_nothing() -> None:
    """A demo in which nothing happened claims nothing."""
    assert all(not finding.holds for finding in judge(Evidence(tasks=(), edits=())))
