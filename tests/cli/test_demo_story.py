"""The demo's plot, told on a make-believe lab that does right, or one thing wrong."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from hotlab.cli import demo_story
from hotlab.cli.demo_judge import TaskRow, judge
from hotlab.cli.demo_story import DemoFailed, Story
from hotlab.refreshing import STEPS

FAKE_LAB = Path(__file__).parents[2] / "fake_lab"
LOOKS_PER_TASK = {"Heating": 12}
DEVICES = {
    "Heating": ("furnace_1", "furnace_2"),
    "Weighing": ("balance",),
    "Mixing": ("powder_dispenser",),
    "Measuring": ("diffractometer",),
    "Moving": ("robot_arm",),
}


class MakeBelieveLab:
    """Follows the files of a package; time passes by one each time that it is looked at."""

    def __init__(self, package: Path, *, fault: str = "") -> None:
        self.package = package
        self.fault = fault
        self.rows: dict[str, TaskRow] = {}
        self.looks: dict[str, int] = {}
        self.history: list[Mapping[str, Any]] = []
        self.sources = self.seen = self.read()

    def read(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.package)): path.read_text(encoding="utf-8")
            for path in sorted(self.package.rglob("*.py"))
        }

    def digest(self) -> str:
        return hashlib.sha1(repr(self.sources).encode()).hexdigest()

    def result(self, kind: str) -> dict[str, Any]:
        sources = self.read() if self.fault == "tears" else self.sources
        speed = re.search(r"SPEED = (\S+)", sources["devices/robot_arm.py"])
        threshold = re.search(r"PEAK_THRESHOLD = (\S+)", sources["tasks/measuring.py"])
        assert speed is not None
        assert threshold is not None
        result: dict[str, Any] = {"seconds": speed[1], "threshold": threshold[1]}
        if "self.ramp}" in sources["tasks/heating.py"].replace(",\n", "}"):
            result["ramp"] = 10.0 if kind == "Heating" else None
        return result

    def submit(self, kind: str, parameters: Mapping[str, Any]) -> str:
        task = f"task{len(self.rows)}"
        now = time.time()
        self.rows[task] = TaskRow(
            id=task,
            kind=kind,
            state="RUNNING",
            digest=self.digest(),
            devices=DEVICES[kind],
            submitted=now,
            started=now,
            parameters=parameters,
            result=self.result(kind),
        )
        self.looks[task] = LOOKS_PER_TASK.get(kind, 2)
        return task

    def tasks(self) -> list[TaskRow]:
        for task, row in self.rows.items():
            self.looks[task] -= 1
            if row.state == "RUNNING" and self.looks[task] <= 0:
                digest = self.digest() if self.fault == "tears" else row.digest
                self.rows[task] = attrs.evolve(row, state="COMPLETED", finished=time.time(), digest=digest)
        self.refresh()
        return list(self.rows.values())

    def refresh(self) -> None:
        new = self.read()
        running = any(row.state == "RUNNING" for row in self.rows.values())
        if new == self.seen or self.fault == "deaf":
            return
        changed = [name for name in new if new[name] != self.seen.get(name)]
        report: dict[str, Any] = {"changed": [f"fake_lab.{n[:-3].replace('/', '.')}" for n in changed], "steps": []}
        old_digest = self.digest()
        try:
            for name in changed:
                compile(new[name], name, "exec")
        except SyntaxError as error:
            place = f"{error.filename}:{error.lineno if self.fault != 'vague' else '?'}"
            report |= {"ok": False, "outcome": "refused", "error": f"SyntaxError at {place}"}
        else:
            if running and self.fault != "tears":
                return
            self.sources = new
            steps = [
                {"number": number, "name": name, "seconds": 0.0, "ok": True}
                for number, name in enumerate(STEPS, start=1)
            ]
            report |= {"ok": True, "outcome": "done", "error": None, "steps": steps}
        self.seen = new
        report |= {"started": time.time(), "seconds": 0.0}
        self.history.append({**report, "old_digest": old_digest, "digest": self.digest()})

    def reports(self) -> list[Mapping[str, Any]]:
        self.tasks()
        return self.history

    def paused_devices(self) -> tuple[str, ...]:
        return ("robot_arm",) if self.fault == "pauses" else ()

    def check_alive(self) -> None:
        if self.fault == "dies" and len(self.history) > 1:
            raise DemoFailed("the lab is gone")


class Silence:
    """A narrator that says nothing."""

    def say(self, text: str) -> None: ...
    def show_edit(self, title: str, file: str, line: int, old: str, new: str) -> None: ...
    def show_report(self, report: Mapping[str, Any], seconds: float) -> None: ...


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo_story, "POLL_SECONDS", 0.0)
    return Path(shutil.copytree(FAKE_LAB, tmp_path / "fake_lab"))


def false_claims(package: Path, *, fault: str = "", limit: float = 20.0) -> list[str]:
    lab = MakeBelieveLab(package, fault=fault)
    story = Story(lab, package, Silence(), deadline=time.monotonic() + limit)
    return [finding.claim for finding in judge(story.tell()) if not finding.holds]


def test_a_lab_that_does_right_bears_every_claim_out(package: Path) -> None:
    """On a lab that keeps its promises, the plot gathers evidence for every claim."""
    assert false_claims(package) == []


@pytest.mark.parametrize(
    ("fault", "claim"),
    [
        ("tears", "devices/robot_arm.py: what was running finished on the old generation"),
        ("pauses", "tasks/measuring.py: nothing was paused for it"),
        ("vague", "tasks/measuring.py: the lab says where the error is"),
    ],
)
def test_a_lab_that_does_wrong_is_found_out(package: Path, fault: str, claim: str) -> None:
    """A lab that breaks one promise is found out by the claim that states it."""
    assert claim in false_claims(package, fault=fault)


def test_a_lab_that_takes_no_edit_fails_the_demo_in_time(package: Path) -> None:
    """An edit that is never taken ends the demo at its deadline, saying what it waited for."""
    with pytest.raises(DemoFailed, match=r"refresh report of devices/robot_arm\.py"):
        false_claims(package, fault="deaf", limit=0.3)


def test_a_lab_that_dies_fails_the_demo(package: Path) -> None:
    """When the lab is gone the demo ends at once."""
    with pytest.raises(DemoFailed, match="the lab is gone"):
        false_claims(package, fault="dies")
