"""`hotlab status` says which generations something in the running lab still uses: real processes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cli.conftest import PATIENCE, Lab, Start, hotlab, json_of

pytestmark = pytest.mark.slow

TASKS = """

class Hold(BaseTask):
    def run(self):
        with self.lab_view.request_resources({Oven: {}}):
            while not LOG.with_name("let go").exists():
                time.sleep(0.01)


class Collect(BaseTask):
    def run(self):
        import gc

        gc.collect()
"""

AT_ONCE = 2.0
"""About a second after a collection the figure is true; as much again for the command that asks for it."""


@pytest.fixture
def holding(lab: Lab) -> Lab:
    """The lab, with a task that holds the oven until it is told to let go, and one that collects garbage."""
    lab.edit("tasks.py", "import VERSION, Oven", "import LOG, VERSION, Oven")
    lab.write("tasks.py", (lab.folder / "tasks.py").read_text() + TASKS)
    lab.write("__init__.py", (lab.folder / "__init__.py").read_text().replace("Nap,", "Collect, Hold, Nap,"))
    return lab


def alive(lab: Lab) -> list[dict[str, Any]]:
    """What status says in JSON."""
    found: list[dict[str, Any]] = json_of("status", lab.folder)["generations_alive"]
    return found


def collect_until(lab: Lab, numbers: list[int]) -> list[dict[str, Any]]:
    """What status says, once garbage was collected and the numbers are these; asks again for AT_ONCE at most.

    The task that collects has threads beside it that may hold a thing a moment longer, so it is asked again too.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        done = hotlab("submit", "--lab", lab.folder, "Collect", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        collected = time.monotonic()
        while time.monotonic() - collected < AT_ONCE:
            told = alive(lab)
            if [generation["number"] for generation in told] == numbers:
                return told
        assert time.monotonic() < deadline, told


def test_a_new_lab_has_one_generation(holding: Lab, start: Start) -> None:
    """It is current, and the devices are on it; people see its number and short digest, programs all of it."""
    start()
    (only,) = alive(holding)
    state = json_of("status", holding.folder)
    assert only == {"number": 0, "digest": state["digest"], "current": True, "devices": True}
    assert "generations_alive" not in state["notes"]
    lines = hotlab("status", holding.folder).stdout.splitlines()
    assert f"generations alive: 1: 0 ({only['digest'][:12]}, current, devices)" in lines


def test_an_old_generation_is_told_for_as_long_as_a_task_uses_it(holding: Lab, start: Start) -> None:
    """A deferred edit leaves the devices on the old one; a second edit adds a third, and the middle one is collected.

    When the task has ended and garbage was collected, what is left is the newest, and status says so in a second.
    """
    start(environ={"HOTLAB_REFRESH_DRAIN_TIMEOUT": "0.2"})
    done = hotlab("submit", "--lab", holding.folder, "Hold")
    task = done.stdout.strip()
    deadline = time.monotonic() + PATIENCE
    while not json_of("status", holding.folder)["tasks"].get("RUNNING"):
        assert time.monotonic() < deadline
    for number in (1, 2):
        holding.edit("devices.py", f"VERSION = {number}", f"VERSION = {number + 1}")
        assert hotlab("refresh", holding.folder).returncode == 3
    told = collect_until(holding, [0, 2])
    assert [(one["current"], one["devices"]) for one in told] == [(False, True), (True, False)]
    assert len({one["digest"] for one in told}) == 2
    shown = hotlab("status", holding.folder).stdout
    old, new = (one["digest"][:12] for one in told)
    assert f"generations alive: 2: 0 ({old}, devices), 2 ({new}, current)" in shown

    (holding.folder / "let go").touch()
    while json_of("status", holding.folder)["device_generation"] != 2:
        assert time.monotonic() < deadline
    assert task not in [at_work["id"] for at_work in json_of("status", holding.folder)["at_work"]]
    (only,) = collect_until(holding, [2])
    assert (only["current"], only["devices"]) == (True, True)
