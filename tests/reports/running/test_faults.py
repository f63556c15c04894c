"""Faulty edits in a lab that runs: they are told, they disturb nobody, and a mended file is taken (K03, K04)."""

from __future__ import annotations

import time

import pytest

from tests.cli.conftest import Lab, Start, hotlab, json_of
from tests.cli.test_running import AUTO, eventually, submit_nap, task_rows
from tests.reports.running.test_saves import end_naps_by_a_file, generations, last_edit

pytestmark = pytest.mark.slow


def test_r17_a_new_file_that_was_never_imported_is_watched(lab: Lab, start: Start) -> None:
    """[R17] A new module with a syntax error, imported by the package: refused. Only that file is mended: taken."""
    running = start(environ=AUTO)
    lab.write("dev2.py", "VERSION = (\n")
    lab.edit("tasks.py", "from .devices import VERSION, Oven", "from .devices import Oven\nfrom .dev2 import VERSION")
    running.wait_for("refused, generation 0")
    running.wait_for("dev2.py")
    lab.write("dev2.py", "VERSION = 7\n")
    running.wait_for("done, generation 1 ")
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 7


def test_r22_a_fault_is_told_with_its_place_once_per_content(lab: Lab, start: Start) -> None:
    """[R22] `import not_there`: terminal and status name file and line; touching the file does not say it again."""
    running = start(environ=AUTO)
    lab.edit("tasks.py", "import time", "import time\nimport not_there")
    running.wait_for("refused, generation 0")
    assert "not_there" in running.wait_for("ModuleNotFoundError")
    assert f"{lab.folder / 'tasks.py'}:2" in "\n".join(running.lines)
    status = json_of("status", lab.folder)["last_refresh"]
    assert status["outcome"] == "refused"
    assert f"{lab.folder / 'tasks.py'}:2" in status["error"]
    (lab.folder / "tasks.py").touch()
    time.sleep(1.0)  # what must not be said again would be said well within this
    lab.edit("tasks.py", "import not_there\n", "")
    last_edit(lab, running, 1)
    assert len([line for line in running.lines if "refused, generation 0" in line]) == 1
    assert generations(running) == [1]


def test_r20_an_edit_with_an_error_while_tasks_run(lab: Lab, start: Start) -> None:
    """[R20] The failure is in the exit code and in status, the task goes on, nothing is paused; mended, it is taken."""
    gate = end_naps_by_a_file(lab)
    start()
    task = submit_nap(lab, 0)
    lab.edit("devices.py", "VERSION = 1", "VERSION = 1 +")
    done = hotlab("refresh", lab.folder)
    assert done.returncode == 1
    assert "devices.py:" in done.stdout
    status = json_of("status", lab.folder)
    assert status["last_refresh"]["outcome"] == "refused"
    assert (status["generation"], status["device_generation"]) == (0, 0)
    assert [device["paused_by"] for device in status["devices"]] == [[]]
    assert task_rows(lab)[task][0] == "RUNNING"
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 1
    lab.edit("devices.py", "VERSION = 1 +", "VERSION = 2")
    gate.touch()
    assert hotlab("refresh", lab.folder).returncode == 0
    assert task_rows(lab)[task][0] == "COMPLETED"
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2


def test_r57_a_refresh_asked_for_while_the_lab_starts(lab: Lab, start: Start) -> None:
    """[R57] While a driver is still connecting, `hotlab refresh` waits or says that no lab runs yet; both at once,
    and once the lab has started the edit is taken."""
    gate = lab.folder.parent / "go"
    waits = f"while not pathlib.Path({str(gate)!r}).exists():\n            time.sleep(0.01)"
    lab.edit("devices.py", 'self.note("connect")', f'self.note("connect")\n        {waits}')
    running = start(ready=False)
    eventually(lambda: lab.oven_log == ["connect 1"])
    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    early = hotlab("refresh", lab.folder, "--timeout", "1")
    assert early.returncode != 0
    assert "Traceback" not in early.stderr + early.stdout
    gate.touch()
    running.wait_for("Ctrl-C stops the lab")
    assert hotlab("refresh", lab.folder).returncode == 0
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2
