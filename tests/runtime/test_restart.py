"""kill -9 and start again: nothing is lost, nothing runs twice, nothing is left paused, the lock is free.

Each test runs a lab in a process of its own, kills it where it hurts, and starts it again in this one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hotlab
from hotlab.runtime.errors import LabAlreadyRunning
from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import Store, states

from .conftest import LabFolder, end_of, until

RunLab = Callable[..., RunningLab]

TASKS = """
import pathlib

LOG = pathlib.Path(__file__).parent.parent / "log"

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

@add_task
class Stuck(BaseTask):
    def run(self):
        with self.lab_view.request_resources({Arm: {}, "furnace_1": {"inside": 2}}):
            note(f"stuck {self.task_id}")
            time.sleep(3600)

@add_task
class Wants(BaseTask):
    def run(self):
        with self.lab_view.request_resources({Arm: {}}):
            note(f"wants {self.task_id}")

@add_task
class Note(BaseTask):
    def run(self):
        note(f"note {self.task_id}")
"""

CHILD = """
import sys
from pathlib import Path

from tests.runtime.conftest import LabFolder, config_of, location_of
from hotlab.runtime.running_lab import RunningLab

folder = LabFolder.__new__(LabFolder)
folder.root, folder.name = Path(sys.argv[1]), Path(sys.argv[1]).name
running = RunningLab(location_of(folder), config_of(folder, {"HOTLAB_BROKER_THREADS": "3"}))
running.start()
print("started", flush=True)
running.wait()
"""


class LabProcess:
    """A lab in a process of its own."""

    def __init__(self, folder: LabFolder, code: str = CHILD) -> None:
        root = Path(hotlab.__file__).parents[1]
        # The installed hotlab comes first; the last entry is for the tests' own modules.
        path = [root, folder.root.parent, Path(__file__).parents[2]]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder.root)],
            cwd=root,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "started\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start_process(lab_folder: LabFolder) -> Iterator[Callable[..., LabProcess]]:
    """Starts a lab of `TASKS` in a process, which is gone afterwards."""
    from .conftest import DEVICES

    made: list[LabProcess] = []

    def start(extra: str = "") -> LabProcess:
        lab_folder.write(DEVICES + TASKS + textwrap.dedent(extra))
        made.append(LabProcess(lab_folder))
        return made[-1]

    yield start
    for process in made:
        if process.process.poll() is None:
            process.kill()


def open_store(folder: LabFolder) -> Store:
    return Store(f"sqlite:///{folder.root.parent / 'state' / 'hotlab.db'}")


def submit(store: Store, kind: str) -> str:
    outcome = store.wait_command(store.send_command("submit", {"kind": kind}, "test", 20), 20)
    assert outcome is not None
    assert outcome["ok"], outcome
    return str(outcome["task_id"])


def state_of(store: Store, task_id: str) -> str:
    task = store.tasks.get(task_id)
    assert task is not None
    return task.state


def test_after_a_kill_everything_is_put_right(
    start_process: Callable[..., LabProcess], run_lab: RunLab, lab_folder: LabFolder
) -> None:
    """What ran is an ERROR that says where it was, and is not run again; what was queued runs once."""
    lab = start_process()
    with open_store(lab_folder) as store:
        stuck = submit(store, "Stuck")
        until(lambda: store.devices.holder("arm") == stuck)
        wants = submit(store, "Wants")
        until(lambda: state_of(store, wants) == states.REQUESTING_RESOURCES)
        notes = [submit(store, "Note") for _ in range(3)]
        until(lambda: all(state_of(store, note) == states.COMPLETED for note in notes))
        store.devices.pause(["furnace_1"], states.OPERATOR, "dirty")
        lab.kill()
        queued = [store.tasks.add("Note", {}) for _ in range(10)]
    running = run_lab()
    for task_id in queued:
        assert end_of(running, task_id).state == states.COMPLETED
    caught = [running.store.tasks.get(task_id) for task_id in (stuck, wants)]
    assert [(t.state, t.error) for t in caught if t is not None] == [
        (states.ERROR, "interrupted at RUNNING"),
        (states.ERROR, "interrupted at REQUESTING_RESOURCES"),
    ]
    assert running.store.resources.holdings() == {}
    assert [(p.device, p.owner) for p in running.store.devices.pauses()] == [("furnace_1", states.OPERATOR)]
    log = (lab_folder.root.parent / "log").read_text().split("\n")
    assert sorted(log) == sorted(["", f"stuck {stuck}", *(f"note {task_id}" for task_id in (*notes, *queued))])
    said = "\n".join(running.found)
    assert stuck in said
    assert "interrupted at RUNNING" in said
    assert str(lab.process.pid) in said
    assert end_of(running, running.tasks.submit("Wants", {})).state == states.COMPLETED


def test_a_kill_in_the_middle_of_a_refresh_leaves_nothing_paused(
    start_process: Callable[..., LabProcess], run_lab: RunLab, lab_folder: LabFolder
) -> None:
    """A lab killed while it drains starts with nothing paused by that refresh, on the new code, and says so."""
    lab = start_process()
    with open_store(lab_folder) as store:
        stuck = submit(store, "Stuck")
        until(lambda: store.devices.holder("arm") == stuck)
        text = (lab_folder.root / "__init__.py").read_text()
        lab_folder.write(text.replace("speed = 1", "speed = 7"))
        refresh = store.send_command("refresh", {}, "test", 20)
        until(lambda: len(store.devices.pauses()) == 2)
        owner = store.devices.pauses()[0].owner
        assert owner.startswith(states.REFRESH_OWNER_PREFIX)
        lab.kill()
        assert len(store.devices.pauses()) == 2
    running = run_lab()
    assert running.store.devices.pauses() == []
    refresh_id = owner.removeprefix(states.REFRESH_OWNER_PREFIX)
    assert any(refresh_id in line and "arm" in line for line in running.found)
    outcome = running.store.wait_command(refresh, 1)
    assert outcome is not None
    assert not outcome["ok"]
    assert end_of(running, running.tasks.submit("Move", {})).result == [7, 1]


def test_the_lock_keeps_a_second_process_out_until_a_kill(
    start_process: Callable[..., LabProcess], run_lab: RunLab, lab_folder: LabFolder
) -> None:
    """A lab in another process is refused while the first one lives, and may start right after it was killed."""
    lab = start_process()
    refused = run_lab(start=False)
    with pytest.raises(LabAlreadyRunning, match=f"process {lab.process.pid}"):
        refused.start()
    lab.kill()
    running = run_lab()
    assert end_of(running, running.tasks.submit("Move", {})).state == states.COMPLETED


def test_a_new_lab_with_fewer_devices_starts_clean(
    start_process: Callable[..., LabProcess], run_lab: RunLab, lab_folder: LabFolder
) -> None:
    """Devices that the lab lost while it was down are gone from the store, and it says so."""
    lab = start_process('add_device(Arm("old_arm"))')
    lab.kill()
    text = (lab_folder.root / "__init__.py").read_text()
    lab_folder.write(text.replace('add_device(Arm("old_arm"))', ""))
    running = run_lab()
    assert [d.name for d in running.store.devices.all()] == ["arm", "furnace_1"]
    assert any("old_arm" in line for line in running.found)
