"""A lab that runs, and the commands that talk to it from a second terminal: real processes."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE, Lab, Running, Start, hotlab, json_of

pytestmark = pytest.mark.slow

AUTO = {"HOTLAB_GENERAL_AUTO_REFRESH": "true"}


def eventually(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def task_rows(lab: Lab) -> dict[str, tuple[str, str | None]]:
    """State and error of each task, read from the store's file."""
    with contextlib.closing(sqlite3.connect(lab.folder / ".hotlab" / "hotlab.db")) as store:
        return {row[0]: (row[1], row[2]) for row in store.execute("select id, state, error from tasks")}


def submit_nap(lab: Lab, seconds: float) -> str:
    """A task that holds the oven and sleeps; running when this returns."""
    done = hotlab("submit", "--lab", lab.folder, "Nap", f"seconds={seconds}")
    assert done.returncode == 0, done.stderr
    task = done.stdout.strip()
    eventually(lambda: task_rows(lab)[task][0] == "RUNNING")
    return task


def refreshed(running: Running) -> list[str]:
    """The lines of one refresh that `hotlab run` shows, up to its outcome."""
    running.wait_for("refresh (")
    first = len(running.lines) - 1
    running.wait_for(", generation ")
    return running.lines[first:]


def test_submit_status_and_edit_from_a_second_terminal(lab: Lab, start: Start) -> None:
    """Tasks run, an edit is taken by hotlab refresh, and status shows each of it."""
    running = start()
    done = hotlab("submit", "--lab", lab.folder, "Bake", "temperature=900", "--wait")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1]) == 900

    before = json_of("status", lab.folder)
    assert before["lab"] == "small_lab"
    assert before["pid"] == running.process.pid
    assert before["generation"] == 0
    assert before["tasks"] == {"COMPLETED": 1}
    assert [(device["name"], device["state"]) for device in before["devices"]] == [("oven", "CONNECTED")]
    assert before["last_refresh"] is None

    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 1
    refresh = hotlab("refresh", lab.folder)
    assert refresh.returncode == 0
    steps = [line.split()[0] for line in refresh.stdout.splitlines() if line.startswith("   ")]
    assert steps[:9] == ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2
    after = json_of("status", lab.folder)
    assert after["generation"] == 1
    assert after["last_refresh"]["outcome"] == "done"
    assert after["last_refresh"]["changed"] == ["small_lab.devices"]
    assert lab.oven_log == ["connect 1", "heat 1", "disconnect 1", "connect 2"]
    assert "done, generation 1" in hotlab("status", lab.folder).stdout
    assert "1 stop launching" in "\n".join(refreshed(running))


def test_bad_input_to_a_running_lab_is_refused_with_nothing_half_done(lab: Lab, start: Start) -> None:
    """Unknown kinds, wrong parameters and unknown tasks: a reason, exit code 2, no task in the store."""
    start()
    for arguments, says in (
        (("submit", "--lab", lab.folder, "Bakke"), "no task 'Bakke'"),
        (("submit", "--lab", lab.folder, "Bake", "temperatur=1"), "did you mean temperature?"),
        (("submit", "--lab", lab.folder, "Bake", "temperature=hot"), "temperature"),
        (("submit", "--lab", lab.folder, "Version", "--priority", str(10**20)), "--priority"),
        (("cancel", "--lab", lab.folder, "nothing"), "there is no task nothing"),
    ):
        done = hotlab(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    assert json_of("status", lab.folder)["tasks"] == {}


def test_a_request_that_can_never_be_met_is_bad_input(lab: Lab, start: Start) -> None:
    """The task ends with what was asked for, why the lab can't give it, and where it stands; exit code 2."""
    lab.edit("tasks.py", "request_resources({Oven: {}}):", 'request_resources({Oven: {"inside": 99}}):')
    start()
    done = hotlab("submit", "--lab", lab.folder, "Nap", "seconds=1", "--wait")
    assert done.returncode == 2
    assert "ResourceRequestError" in done.stdout
    assert "inside" in done.stdout
    assert "tasks.py:" in done.stdout
    assert "Traceback" not in done.stdout


def test_an_edit_is_seen_within_a_second_of_the_save(lab: Lab, start: Start) -> None:
    """With auto_refresh the first terminal shows the refresh by itself, and a refused one too."""
    running = start(environ=AUTO)
    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    saved = time.time()
    running.wait_for("refresh (watcher), changed: small_lab.devices")
    assert time.time() - saved < 1.0
    assert "done, generation 1" in running.wait_for(", generation ")

    lab.edit("tasks.py", "return VERSION", "return VERSION +")
    assert "refused, generation 1" in running.wait_for(", generation ")
    assert "tasks.py" in running.wait_for("tasks.py")
    assert hotlab("refresh", lab.folder).returncode == 1
    status = json_of("status", lab.folder)
    assert status["generation"] == 1
    assert status["last_refresh"]["outcome"] == "refused"
    assert "tasks.py:" in hotlab("status", lab.folder).stdout
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2

    lab.edit("tasks.py", "return VERSION +", "return VERSION + 1")
    running.wait_for("done, generation 2")
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 3


def test_without_auto_refresh_nothing_is_watched(lab: Lab, start: Start) -> None:
    """auto_refresh false: an edit changes nothing until somebody asks."""
    running = start()
    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    time.sleep(1.0)  # what must not happen would be seen well within this
    assert json_of("status", lab.folder)["generation"] == 0
    assert json_of("status", lab.folder)["last_refresh"] is None
    assert hotlab("refresh", lab.folder).returncode == 0
    assert "refresh (command)" in running.wait_for("refresh (")


def test_a_refresh_that_can_not_drain_is_deferred(lab: Lab, start: Start) -> None:
    """Exit code 3 while a task is at work on what has to change; it is taken once that has ended."""
    start(environ={"HOTLAB_REFRESH_DRAIN_TIMEOUT": "0.3"})
    task = submit_nap(lab, 4)
    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    done = hotlab("refresh", lab.folder)
    assert done.returncode == 3
    assert f"waited for task {task}" in done.stdout
    assert "oven" in done.stdout
    status = json_of("status", lab.folder)
    assert (status["generation"], status["device_generation"]) == (1, 0)
    eventually(lambda: lab.oven_log == ["connect 1", "disconnect 1", "connect 2"])
    assert task_rows(lab)[task][0] == "COMPLETED"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_a_signal_stops_the_lab_in_order(lab: Lab, start: Start, number: signal.Signals, code: int) -> None:
    """A task that does not end is marked interrupted, the device is disconnected, the code tells why."""
    running = start()
    task = submit_nap(lab, 3600)
    sent = time.monotonic()
    running.process.send_signal(number)
    assert running.ends() == code
    assert time.monotonic() - sent < 12
    state, error = task_rows(lab)[task]
    assert state == "ERROR"
    assert "interrupted at RUNNING" in str(error)
    assert lab.oven_log == ["connect 1", "disconnect 1"]
    assert hotlab("status", lab.folder).returncode == 2
    assert "Traceback" not in "\n".join(running.lines)


def test_ctrl_c_ends_a_lab_whose_driver_hangs_while_connecting(lab: Lab, start: Start) -> None:
    """A lab that is still starting can be ended, too."""
    lab.edit("devices.py", 'self.note("connect")', 'self.note("connect"); time.sleep(3600)')
    running = start(ready=False)
    eventually(lambda: lab.oven_log == ["connect 1"])
    running.process.send_signal(signal.SIGINT)
    assert running.ends() == 130


def test_after_kill_9_nothing_is_lost_and_nothing_runs_twice(lab: Lab, start: Start) -> None:
    """A task that had begun is an ERROR, one that had not is run, and nothing stays paused or held."""
    first = start(environ={"HOTLAB_BROKER_THREADS": "1"})
    begun = submit_nap(lab, 3600)
    waiting = json_of("submit", "--lab", lab.folder, "Bake", "temperature=1")["task"]
    first.process.kill()
    first.ends()
    assert hotlab("status", lab.folder).returncode == 2
    again = start()
    assert begun in "\n".join(again.lines)
    eventually(lambda: task_rows(lab)[waiting][0] == "COMPLETED")
    state, error = task_rows(lab)[begun]
    assert state == "ERROR"
    assert "interrupted at RUNNING" in str(error)
    (oven,) = json_of("status", lab.folder)["devices"]
    assert (oven["held_by"], oven["paused_by"]) == (None, [])
    assert lab.oven_log.count("heat 1") == 1


def test_a_second_run_on_one_store_is_refused(lab: Lab, start: Start) -> None:
    """One line, exit code 2, and the first lab goes on."""
    first = start()
    done = hotlab("run", lab.folder)
    assert done.returncode == 2
    assert str(first.process.pid) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert hotlab("status", lab.folder).returncode == 0


def test_cancel_tells_what_it_did(lab: Lab, start: Start) -> None:
    """A task that waits is cancelled at once; one that had ended is exit code 1."""
    start(environ={"HOTLAB_BROKER_THREADS": "1"})
    submit_nap(lab, 3600)
    waiting = json_of("submit", "--lab", lab.folder, "Bake", "temperature=1")["task"]
    done = hotlab("cancel", "--lab", lab.folder, waiting)
    assert (done.returncode, done.stdout) == (0, f"{waiting} is cancelled\n")
    again = hotlab("cancel", "--lab", lab.folder, waiting, "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout) == {"task": waiting, "outcome": "over", "state": "CANCELLED"}


def test_a_lab_runs_from_inside_its_folder(lab: Lab, start: Start, tmp_path: Path) -> None:
    """LAB left out is the lab whose configuration file is in the folder above."""
    (lab.folder / "hotlab.yaml").rename(lab.folder.parent / "hotlab.yaml")
    start()
    done = hotlab("status", cwd=lab.folder)
    assert done.returncode == 0
    assert "lab small_lab" in done.stdout
    assert hotlab("status", cwd=tmp_path).returncode == 2
