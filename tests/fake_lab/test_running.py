"""The fake lab, running in this process, takes an edit of one of its drivers."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotlab.runtime import RunningLab, find_lab, load_config
from tests.fake_lab.conftest import forget_lab


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the lab, which nothing of the installed one gets mixed up with."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("FAKE_LAB_TIME_SCALE", "36000")
    spec = importlib.util.find_spec("fake_lab")
    assert spec is not None
    assert spec.origin is not None
    skip = shutil.ignore_patterns("__pycache__", ".*")
    forget_lab()
    yield Path(shutil.copytree(Path(spec.origin).parent, tmp_path / "fake_lab", ignore=skip))
    forget_lab()


@pytest.fixture
def lab(package: Path) -> Iterator[RunningLab]:
    """The copy, running, with refreshes only when they are asked for."""
    environ = {"HOTLAB_GENERAL_AUTO_REFRESH": "false"}
    config = load_config(package, environ=environ).config
    running = RunningLab(find_lab(str(package), package.parent), config)
    running.start()
    try:
        yield running
    finally:
        running.stop(grace=1.0)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_edit_of_the_arm_leaves_the_furnaces_alone(lab: RunningLab, package: Path) -> None:
    """The lab's __init__ is run again; a furnace's connected instance is the same object, hot as it was."""
    names = [device.name for device in lab.store.devices.all()]
    before: dict[str, Any] = {name: lab.devices.instance(name) for name in names}
    before["furnace_2"].start_program(temperature=900, minutes=6000)

    edit(package / "devices" / "robot_arm.py", "SPEED = 0.25\n", "SPEED = 0.5\n")
    report = lab.refresher.refresh()

    assert report is not None
    assert report.outcome == "done", report.error
    assert "fake_lab" in report.reloaded
    assert "fake_lab.devices.furnace" not in report.reloaded
    after: dict[str, Any] = {name: lab.devices.instance(name) for name in names}
    assert [name for name in names if before[name] is not after[name]] == ["robot_arm"]
    assert before["furnace_2"].is_running()
    assert {device.state for device in lab.store.devices.all()} == {"CONNECTED"}
    assert not lab.store.devices.pauses()


def test_a_furnace_is_exchanged_when_its_own_driver_changes(lab: RunningLab, package: Path) -> None:
    """An edit of the furnace's driver makes new furnaces, on ports that the old ones have let go."""
    names = ["furnace_1", "furnace_2", "furnace_3"]
    before: dict[str, Any] = {name: lab.devices.instance(name) for name in names}
    arm = lab.devices.instance("robot_arm")

    edit(package / "devices" / "furnace.py", "COOLING_RATE = 20.0\n", "COOLING_RATE = 25.0\n")
    report = lab.refresher.refresh()

    assert report is not None
    assert report.outcome == "done", report.error
    for name in names:
        furnace: Any = lab.devices.instance(name)
        assert furnace is not before[name]
        assert furnace.get_temperature() == 25.0
    assert lab.devices.instance("robot_arm") is arm


def test_a_task_fails_with_the_drivers_own_words(lab: RunningLab) -> None:
    """What a driver refuses ends the task as ERROR, with the driver's message, and frees what it held."""
    task = lab.tasks.submit("Heating", {"sample": "a", "temperature": 5000.0, "minutes": 1.0})
    ended = lab.store.changes.wait_until(lambda: getattr(lab.store.tasks.get(task), "finished", None) is not None, 20.0)
    assert ended
    record = lab.store.tasks.get(task)
    assert record is not None
    assert record.state == "ERROR"
    assert record.error_type == "OrderRefused"
    assert "goes from 25 to" in str(record.error)
    assert not lab.store.resources.holdings()
