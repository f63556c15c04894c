"""A whole lab in this process: it starts or refuses with one line, runs, takes edits, obeys commands, stops."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import hotlab
from hotlab.importing import enabled_labs
from hotlab.runtime.errors import LabAlreadyRunning, LabImportError, LabNotStarted
from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import states

from .conftest import DEVICES, LabFolder, Running, edit, end_of, until

RunLab = Callable[..., RunningLab]


def test_a_task_talks_to_a_real_device(run_lab: RunLab) -> None:
    """Devices are connected when the lab has started, and a task's call reaches the device."""
    running = run_lab()
    assert {d.name: d.state for d in running.store.devices.all()} == {
        "arm": states.CONNECTED,
        "furnace_1": states.CONNECTED,
    }
    task = end_of(running, running.tasks.submit("Move", {}))
    assert (task.state, task.result) == (states.COMPLETED, [1, 1])
    assert running.store.resources.devices_used(task.id) == ("arm",)


def test_a_refresh_gives_new_code_to_devices_and_tasks(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """An edit is taken through the ten steps; an untouched device keeps its instance; the report is in the store."""
    lab_folder.write(
        """
        from hotlab import BaseDevice
        class Furnace(BaseDevice):
            def connect(self): pass
            def disconnect(self): pass
        """,
        "furnaces.py",
    )
    head, _, tail = DEVICES.partition("class Furnace(BaseDevice):")
    tail = tail[tail.index("add_device(Arm") :]
    lab_folder.write(f"{head}from .furnaces import Furnace\n\n\n{tail}")
    running = run_lab()
    furnace, arm = running.devices.instance("furnace_1"), running.devices.instance("arm")
    edit(lab_folder, "speed = 1", "speed = 2")
    report = running.refresher.refresh()
    assert report is not None
    assert (report.ok, report.outcome, len(report.steps)) == (True, "done", 10), report.error
    assert running.devices.instance("furnace_1") is furnace
    assert running.devices.instance("arm") is not arm
    task = end_of(running, running.tasks.submit("Move", {}))
    assert task.result == [2, 1]
    assert task.generation_digest == report.digest
    row = until(lambda: running.store.refreshes.all(newest=1))[0]
    assert (row.id, row.outcome, row.new_digest) == (report.id, "done", report.digest)
    run = running.store.runs.latest()
    assert run is not None
    assert (run.generation_number, run.device_generation) == (1, 1)
    assert running.store.devices.pauses() == []


def test_hotlab_refresh_goes_through_the_running_lab(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """`hotlab.refresh()` in the lab's process is the whole sequence while the lab runs."""
    running = run_lab()
    edit(lab_folder, "speed = 1", "speed = 3")
    report = hotlab.refresh(lab_folder.name)
    assert report is not None
    assert len(report.steps) == 10
    running.stop()
    edit(lab_folder, "speed = 3", "speed = 4")
    after = hotlab.refresh(lab_folder.name)
    assert after is not None
    assert after.steps == ()


def test_a_running_task_ends_on_its_devices_before_they_change(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A refresh waits for a task that holds a device, also while it asks for another one, and for its subtasks."""
    running = run_lab(
        """
        go = threading.Event()

        @add_task
        class Outer(BaseTask):
            def run(self):
                with self.lab_view.request_resources({Furnace: {"inside": 1}}):
                    go.wait(30)
                    return [self.run_subtask(Move), Arm.speed]
        """
    )
    task_id = running.tasks.submit("Outer", {})
    until(lambda: running.store.devices.holder("furnace_1"))
    module = running.lab.current.modules[lab_folder.name]
    edit(lab_folder, "speed = 1", "speed = 2")
    refresh = Running(running.refresher.refresh)
    until(lambda: len(running.store.devices.pauses()) == 2)
    later = running.tasks.submit("Move", {})
    module.go.set()
    report = refresh.result()
    assert report.outcome == "done", report.error
    assert end_of(running, task_id).result == [[1, 1], 1]
    assert end_of(running, later).result == [2, 1]


def test_a_broken_edit_disturbs_nobody(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """An edit that does not import is refused with its place, nothing is paused for it, and tasks go on."""
    running = run_lab()
    paused: list[str] = []
    running.store.changes.subscribe(lambda topics: paused.extend(p.device for p in running.store.devices.pauses()))
    edit(lab_folder, "speed = 1", "speed = (1")
    report = running.refresher.refresh()
    assert report is not None
    assert report.outcome == "refused"
    assert "__init__.py" in (report.error or "")
    assert end_of(running, running.tasks.submit("Move", {})).result == [1, 1]
    assert paused == []


def test_a_driver_that_cannot_connect_is_rolled_back(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """When the new driver fails to connect, the old one is connected again and the lab goes on with it."""
    running = run_lab()
    edit(lab_folder, "self.moves = 0", "raise OSError('no answer')")
    report = running.refresher.refresh()
    assert report is not None
    assert (report.outcome, report.failed_step) == ("refused", "connect")
    assert "no answer" in (report.error or "")
    assert running.store.devices.get("arm").state == states.CONNECTED  # type: ignore[union-attr]
    assert running.store.devices.pauses() == []
    assert end_of(running, running.tasks.submit("Move", {})).result == [1, 1]


def test_new_and_removed_definitions_come_with_the_edit(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A device, a task and positions added by an edit can be used at once; removed ones are gone."""
    running = run_lab()
    edit(
        lab_folder,
        'add_device(Furnace("furnace_1"))',
        """add_device(Furnace("furnace_2"))
hotlab.add_standalone_sample_position(SamplePosition("shelf", number=2))

@add_task
class Bake(BaseTask):
    def run(self):
        wants = {"furnace_2": {"inside": 2}, None: {"shelf": 1}}
        with self.lab_view.request_resources(wants) as (devices, positions):
            return [positions["furnace_2"], positions[None], devices["furnace_2"].name]
""",
    )
    report = running.refresher.refresh()
    assert report is not None
    assert report.outcome == "done", report.error
    assert [d.name for d in running.store.devices.all()] == ["arm", "furnace_2"]
    assert end_of(running, running.tasks.submit("Bake", {})).result == [
        {"inside": ["furnace_2/inside/1", "furnace_2/inside/2"]},
        {"shelf": ["shelf/1"]},
        "furnace_2",
    ]


def test_with_auto_refresh_a_save_is_enough(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A saved edit is taken within a second, without being asked for."""
    running = run_lab(environ={"HOTLAB_GENERAL_AUTO_REFRESH": "true"})
    saved = time.time()
    edit(lab_folder, "speed = 1", "speed = 5")
    until(lambda: running.lab.current.number == 1)
    assert time.time() - saved < 5
    until(lambda: not running.refresher.deferred and not running.store.devices.pauses())
    assert end_of(running, running.tasks.submit("Move", {})).result == [5, 1]


def test_without_auto_refresh_nothing_is_watched(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """By default no watcher runs and an edit waits to be asked for."""
    running = run_lab()
    assert running._started.watcher is None
    assert not [t for t in threading.enumerate() if "watcher" in t.name]
    edit(lab_folder, "speed = 1", "speed = 6")
    assert running.lab.pending() == (lab_folder.name,)
    assert end_of(running, running.tasks.submit("Move", {})).result == [1, 1]


def test_as_many_tasks_as_threads_can_all_call_a_device(run_lab: RunLab) -> None:
    """Device calls don't use the task threads: with every thread in a task, the calls still go through."""
    running = run_lab(
        """
        together = threading.Barrier(8)

        for n in range(8):
            add_device(Arm(f"arm_{n}"))

        @add_task
        class Meet(BaseTask):
            def run(self):
                with self.lab_view.request_resources({Arm: {}}) as (devices, _):
                    together.wait(20)
                    return devices[Arm].move()
        """
    )
    for task_id in [running.tasks.submit("Meet", {}) for _ in range(8)]:
        assert end_of(running, task_id).result == [1, 1]


def test_a_device_is_a_tasks_only_inside_its_block(run_lab: RunLab) -> None:
    """A proxy kept beyond the with block is refused."""
    running = run_lab(
        """
        @add_task
        class Keep(BaseTask):
            def run(self):
                with self.lab_view.request_resources({Arm: {}}) as (devices, _):
                    arm = devices[Arm]
                arm.move()
        """
    )
    task = end_of(running, running.tasks.submit("Keep", {}))
    assert (task.state, task.error_type) == (states.ERROR, "DeviceNotHeld")


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("import hotlab\nhotlab.enable()\nx = (\n", 3, "SyntaxError"),
        ("import hotlab\nhotlab.enable()\n1 / 0\n", 3, "ZeroDivisionError: division by zero"),
        ("import hotlab\nhotlab.enable()\nimport nosuchmodule\n", 3, "nosuchmodule"),
        ("import hotlab\nhotlab.enable()\nraise SystemExit(3)\n", 3, "SystemExit: 3"),
        ("from . import part\n", 2, "NameError: name 'nope' is not defined"),
    ],
)
def test_a_lab_that_does_not_import_is_one_line(
    run_lab: RunLab, lab_folder: LabFolder, source: str, line: int, says: str
) -> None:
    """The line names the lab, the fault and its place; no store is made, nothing stays enabled or imported."""
    lab_folder.write(source)
    lab_folder.write("\nnope\n", "part.py")
    running = run_lab(start=False)
    with pytest.raises(LabImportError) as caught:
        running.start()
    message = str(caught.value)
    assert "\n" not in message
    assert says in message
    file = "part.py" if "part" in source else "__init__.py"
    assert f"{file}:{line}" in message
    assert lab_folder.name in message
    assert lab_folder.name not in sys.modules
    assert lab_folder.name not in enabled_labs()
    assert not (lab_folder.root.parent / "state" / "hotlab.db").exists()


def test_a_second_lab_on_one_store_is_refused(run_lab: RunLab) -> None:
    """While a lab runs, another one on its store is refused with one line, and the first goes on."""
    running = run_lab()
    second = run_lab(start=False)
    with pytest.raises(LabAlreadyRunning, match=f"process {os.getpid()}"):
        second.start()
    assert end_of(running, running.tasks.submit("Move", {})).state == states.COMPLETED
    running.stop()
    third = run_lab()
    assert end_of(third, third.tasks.submit("Move", {})).state == states.COMPLETED


def test_before_the_start_it_says_so(run_lab: RunLab) -> None:
    """A lab that was not started is an error that says what to do."""
    running = run_lab(start=False)
    with pytest.raises(LabNotStarted, match="start"):
        _ = running.store


def test_a_device_that_cannot_connect_does_not_stop_the_others(run_lab: RunLab) -> None:
    """At the start a device that fails is FAULTED and named; the lab runs with the rest."""
    running = run_lab(
        """
        class Dead(Arm):
            def connect(self):
                raise OSError("no answer")

        add_device(Dead("dead"))
        """
    )
    dead = running.store.devices.get("dead")
    assert dead is not None
    assert dead.state == states.FAULTED
    assert any("dead" in line and "no answer" in line for line in running.found)
    assert end_of(running, running.tasks.submit("Move", {})).state == states.COMPLETED


def test_runtime_is_light_for_lab_code() -> None:
    """What lab code imports through hotlab loads neither SQLAlchemy nor dramatiq."""
    import subprocess

    code = (
        "import sys, hotlab\n"
        "hotlab.BaseDevice, hotlab.BaseTask, hotlab.SamplePosition, hotlab.add_device\n"
        "from hotlab.runtime import TaskCancelled, ResourceTimeout\n"
        "heavy = {'sqlalchemy', 'dramatiq', 'watchfiles', 'click', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = str(Path(hotlab.__file__).parents[1])
    environ = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environ)
