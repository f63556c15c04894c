"""The demo's plot: which tasks are submitted, which edits are saved, and what is watched meanwhile.

It acts on a lab through `LabAccess` only, and gathers evidence; what the evidence is worth is for
`demo_judge` to say. Runs on the calling thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs

from hotlab.cli.demo_judge import Edit, Evidence, Mark, TaskRow
from hotlab.importing import HotlabError

POLL_SECONDS = 0.05
UNDER_WAY = frozenset({"RUNNING", "REQUESTING_RESOURCES", "FINISHING"})
"""A task that has devices asks for more while a subtask of it waits for the arm."""
FINAL_STATES = frozenset({"COMPLETED", "ERROR", "CANCELLED"})

ANNEAL = {"temperature": 900.0, "minutes": 120.0}
"""Two hours at 900 °C."""
BARIUM_TITANATE = {"BaCO3": 1.97, "TiO2": 0.8}
HAND_IN = {"source": "bench", "destination": "rack"}


class DemoFailed(HotlabError):
    """The demo could not be told to its end; the message says where it stopped and why."""


class LabAccess(Protocol):
    """What the demo needs of a running lab."""

    def submit(self, kind: str, parameters: Mapping[str, Any]) -> str:
        """Submit a task and return its id."""

    def tasks(self) -> list[TaskRow]:
        """All tasks that were submitted, oldest first; subtasks are not listed."""

    def reports(self) -> list[Mapping[str, Any]]:
        """The refresh reports so far, oldest first, as JSON."""

    def paused_devices(self) -> tuple[str, ...]:
        """The names of the devices that are paused now."""

    def check_alive(self) -> None:
        """Raise `DemoFailed` if the lab is gone."""


class Narrator(Protocol):
    """Who tells the story."""

    def say(self, text: str) -> None:
        """One line of the story."""

    def show_edit(self, title: str, file: str, line: int, old: str, new: str) -> None:
        """An edit that is saved now."""

    def show_report(self, report: Mapping[str, Any], seconds: float) -> None:
        """A refresh report, and how many seconds after the save it came."""


@attrs.frozen
class TextEdit:
    """A replacement of one piece of text in one file of the lab."""

    title: str
    file: str
    old: str
    new: str
    mark: Mark | None = None
    broken: bool = False

    def save(self, package: Path) -> int:
        """Write it, as an editor does: to a temporary file that is then renamed.

        Returns:
            The number of the first line that it changed.
        """
        path = package / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise DemoFailed(
                f"{path} holds {self.old!r} {text.count(self.old)} times, not once: "
                "the demo no longer fits the fake lab"
            )
        temporary = path.with_name(f".{path.name}.saving")
        temporary.write_text(text.replace(self.old, self.new), encoding="utf-8")
        os.replace(temporary, path)
        return text[: text.index(self.old)].count("\n") + 1


ARM_EDIT = TextEdit(
    title="a driver: the robot arm gets twice as fast",
    file="devices/robot_arm.py",
    old="SPEED = 0.25\n",
    new="SPEED = 0.5\n",
    mark=Mark("Moving", "seconds", where=HAND_IN),
)
HEATING_EDIT = TextEdit(
    title="a task: Heating returns its ramp too",
    file="tasks/heating.py",
    old='"unloaded_at": unloaded_at,\n',
    new='"unloaded_at": unloaded_at, "ramp": self.ramp,\n',
    mark=Mark("Heating", "ramp"),
)
BREAKING_EDIT = TextEdit(
    title="a mistake: a bracket is never closed",
    file="tasks/measuring.py",
    old="PEAK_THRESHOLD = 100.0\n",
    new="PEAK_THRESHOLD = (50.0\n",
    broken=True,
)
MENDING_EDIT = TextEdit(
    title="the mistake mended",
    file="tasks/measuring.py",
    old="PEAK_THRESHOLD = (50.0\n",
    new="PEAK_THRESHOLD = 50.0\n",
    mark=Mark("Measuring", "threshold"),
)


class Story:
    """Tells the demo once. `deadline` is a moment of `time.monotonic()`."""

    def __init__(self, lab: LabAccess, package: Path, narrator: Narrator, *, deadline: float) -> None:
        self._lab = lab
        self._package = package
        self._narrator = narrator
        self._deadline = deadline
        self._samples = 0

    def tell(self) -> Evidence:
        """Play every chapter and return what was seen. Raises `DemoFailed` if one gets stuck."""
        self._wait_for_hand_ins(self._submit(heat=2, weigh=3, mix=2, measure=2, hand_in=2))
        arm = self._edit_while_heating(ARM_EDIT)
        arm = attrs.evolve(arm, later=self._submit(heat=1, weigh=2, hand_in=2))
        heating = self._edit_while_heating(HEATING_EDIT)
        heating = attrs.evolve(heating, later=self._submit(weigh=1, measure=1))
        broken = self._go_on_while_broken(self._edit_while_heating(BREAKING_EDIT))
        mended = self._edit_while_heating(MENDING_EDIT)
        mended = attrs.evolve(mended, later=self._submit(heat=1, weigh=1, mix=1, measure=2))
        self._narrator.say("waiting for the last tasks")
        self._wait_for(
            lambda: all(task.state in FINAL_STATES for task in self._lab.tasks()),
            "the last tasks to end",
        )
        return Evidence(tasks=tuple(self._lab.tasks()), edits=(arm, heating, broken, mended))

    def _submit(
        self, *, heat: int = 0, weigh: int = 0, mix: int = 0, measure: int = 0, hand_in: int = 0
    ) -> tuple[str, ...]:
        orders: list[tuple[str, dict[str, Any]]] = [
            *[("Moving", HAND_IN)] * hand_in,
            *[("Heating", ANNEAL)] * heat,
            *[("Weighing", {"expected": 2.77})] * weigh,
            *[("Mixing", {"powders": BARIUM_TITANATE})] * mix,
            *[("Measuring", {})] * measure,
        ]
        ids = []
        for kind, parameters in orders:
            self._samples += 1
            sample = f"sample_{self._samples:02}"
            ids.append(self._lab.submit(kind, {"sample": sample, **parameters}))
        kinds = ", ".join(
            f"{count} {kind}"
            for kind, count in (
                ("Heating", heat),
                ("Weighing", weigh),
                ("Mixing", mix),
                ("Measuring", measure),
                ("Moving", hand_in),
            )
            if count
        )
        self._narrator.say(f"submitted {_count(ids)}: {kinds}")
        return tuple(ids)

    def _wait_for_hand_ins(self, ids: Sequence[str]) -> None:
        """Wait until the first arm has done its share.

        A task of the old generation that still waits for the arm would get the new one after the
        refresh, and its time would be the new arm's: right, but no sight of the old driver.
        """
        self._wait_for(
            lambda: all(
                task.state in FINAL_STATES for task in self._lab.tasks() if task.id in ids and task.kind == "Moving"
            ),
            "the arm to carry the first samples",
        )

    def _edit_while_heating(self, edit: TextEdit) -> Edit:
        """Save an edit while a furnace heats, and wait for the report of its refresh."""
        seen = len(self._lab.reports())
        before = self._start_heating()
        saved = time.time()
        line = edit.save(self._package)
        running = tuple(task.id for task in self._at_work() if task.id in before)
        self._narrator.show_edit(edit.title, edit.file, line, edit.old, edit.new)
        self._narrator.say(f"still running after it was saved: {_count(running)}")
        paused: set[str] = set()
        looks = 0

        def report_is_there() -> bool:
            nonlocal looks
            if edit.broken:
                paused.update(self._lab.paused_devices())
                looks += 1
            return len(self._lab.reports()) > seen

        self._wait_for(report_is_there, f"the refresh report of {edit.file}")
        # Whatever the first one after the save says counts: to wait for a better one hides faults.
        report = self._lab.reports()[seen]
        self._narrator.show_report(report, time.time() - saved)
        return Edit(
            title=edit.title,
            file=edit.file,
            line=line,
            saved=saved,
            report=report,
            running=running,
            later=(),
            mark=edit.mark,
            broken=edit.broken,
            paused=tuple(sorted(paused)),
            looks=looks,
        )

    def _go_on_while_broken(self, broken: Edit) -> Edit:
        """Run short tasks to their end on the broken lab."""
        tasks = self._submit(weigh=1, hand_in=1, mix=1)
        paused = set(broken.paused)
        looks = broken.looks

        def all_ended() -> bool:
            nonlocal looks
            paused.update(self._lab.paused_devices())
            looks += 1
            return all(task.state in FINAL_STATES for task in self._lab.tasks() if task.id in tasks)

        self._wait_for(all_ended, "tasks to run while the file is broken")
        self._narrator.say(f"ran to their end while the file was broken: {_count(tasks)}")
        return attrs.evolve(broken, later=tasks, paused=tuple(sorted(paused)), looks=looks)

    def _start_heating(self) -> set[str]:
        """Submit a Heating and wait until its furnace has just begun; return all tasks at work then."""
        (heating,) = self._submit(heat=1)
        at_work: set[str] = set()

        def has_begun() -> bool:
            nonlocal heating
            rows = self._at_work()
            at_work.clear()
            at_work.update(task.id for task in rows)
            if heating not in at_work and self._has_ended(heating):
                # So slow a machine that it ended between two looks.
                (heating,) = self._submit(heat=1)
            return any(task.id == heating and task.state == "RUNNING" for task in rows)

        self._wait_for(has_begun, "a furnace to heat")
        return at_work

    def _at_work(self) -> Sequence[TaskRow]:
        """The tasks under way that have devices: those that a refresh must wait for."""
        return [task for task in self._lab.tasks() if task.state in UNDER_WAY and task.devices]

    def _has_ended(self, task_id: str) -> bool:
        return any(task.id == task_id and task.state in FINAL_STATES for task in self._lab.tasks())

    def _wait_for(self, happened: Callable[[], bool], what: str) -> None:
        while not happened():
            self._lab.check_alive()
            if time.monotonic() > self._deadline:
                raise DemoFailed(f"the time was up while waiting for {what}")
            time.sleep(POLL_SECONDS)


def _count(tasks: Sequence[str]) -> str:
    return f"{len(tasks)} task" if len(tasks) == 1 else f"{len(tasks)} tasks"
