"""Code that a refresh would wait for asks for one: a clear error at once, never a deadlock, in a real running lab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import hotlab
from hotlab.refreshing import Refresh
from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import states

from .conftest import WAIT, LabFolder, Running, edit, end_of, until

RunLab = Callable[..., RunningLab]

ASKING = """
def ask(**how):
    try:
        report = hotlab.refresh(**how)
    except hotlab.ReloadInProgress as error:
        return f"refused: {error}"
    return None if report is None else report.outcome
"""


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """The error comes at once: a test that took as long as a time limit of the refresh has waited for itself."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < WAIT


def check_goes_on(running: RunningLab, lab_folder: LabFolder, old: int) -> None:
    """The lab is as able to take an edit as before."""
    edit(lab_folder, f"speed = {old}", "speed = 77")
    report = Running(running.refresher.refresh).result()
    assert report.outcome == "done", report.error
    assert end_of(running, running.tasks.submit("Move", {})).result == [77, 1]
    assert running.store.devices.pauses() == []


def test_a_running_task_is_told(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """The drain would wait for it. The error names the task and what to call; so it is in a subtask of it."""
    running = run_lab(
        ASKING
        + """
@add_task
class Ask(BaseTask):
    def run(self):
        return ask()

@add_task
class AskInside(BaseTask):
    def run(self):
        with self.lab_view.request_resources({Arm: {}}):
            return self.run_subtask(Ask)
"""
    )
    for kind in ("Ask", "AskInside"):
        edit(lab_folder, "class Furnace(BaseDevice):", "class Furnace(BaseDevice):\n    edited = True")
        task = end_of(running, running.tasks.submit(kind, {}))
        assert task.state == states.COMPLETED, task.error
        assert task.result.startswith(f"refused: task {task.id} ({kind}) asked for a refresh")
        assert "hotlab.refresh(wait=False)" in task.result
        edit(lab_folder, "class Furnace(BaseDevice):\n    edited = True", "class Furnace(BaseDevice):")
    check_goes_on(running, lab_folder, 1)


def test_a_task_may_ask_without_waiting(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """`wait=False` returns at once, and the edit is taken when the task has ended."""
    running = run_lab(
        ASKING
        + """
asked = threading.Event()
go = threading.Event()

@add_task
class Ask(BaseTask):
    def run(self):
        said = ask(wait=False)
        asked.set()
        go.wait(30)
        return [said, Arm.speed]
"""
    )
    module = running.lab.current.modules[lab_folder.name]
    edit(lab_folder, "speed = 1", "speed = 2")
    task_id = running.tasks.submit("Ask", {})
    assert module.asked.wait(WAIT)
    until(lambda: len(running.store.devices.pauses()) == 2)
    module.go.set()
    assert end_of(running, task_id).result == [None, 1]
    until(lambda: running.lab.current.number == 1 and not running.refresher.deferred)
    until(lambda: not running.store.devices.pauses())
    check_goes_on(running, lab_folder, 2)


def test_what_a_thread_did_before_does_not_stick_to_it(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A thread is marked for the time of the task alone: the constructor of the next one is waited for by nobody."""
    running = run_lab(
        ASKING
        + """
said = []

@add_task
class Ask(BaseTask):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        said.append(ask())

    def run(self):
        said.append(ask())
        raise ValueError("so that it ends badly")
""",
        environ={"HOTLAB_BROKER_THREADS": "1"},
    )
    said = running.lab.current.modules[lab_folder.name].said
    for _ in range(2):
        assert end_of(running, running.tasks.submit("Ask", {})).error_type == "ValueError"
    tried_out, made, ran = said[0::3], said[1::3], said[2::3]
    assert (tried_out, made) == (["done", "done"], ["done", "done"])
    assert all(text.startswith("refused") for text in ran)


def test_a_device_method_that_a_task_calls_is_told(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """The task waits for the method, and the refresh for the task."""
    running = run_lab(
        ASKING
        + """
class Asking(Arm):
    def question(self):
        return [ask(), ask(wait=False)]

add_device(Asking("asking"))

@add_task
class Ask(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"asking": {}}) as (devices, _):
            return devices["asking"].question()
"""
    )
    task = end_of(running, running.tasks.submit("Ask", {}))
    assert task.state == states.COMPLETED, task.error
    refused, without_waiting = task.result
    assert refused.startswith("refused: device asking asked for a refresh")
    assert without_waiting is None
    check_goes_on(running, lab_folder, 1)


@pytest.mark.parametrize("method", ["connect", "disconnect"])
def test_a_device_that_connects_or_disconnects_is_told(run_lab: RunLab, lab_folder: LabFolder, method: str) -> None:
    """The refresh would wait for its own step 5 or 7."""
    running = run_lab(
        ASKING
        + f"""
said = []

class Asking(Arm):
    def {method}(self):
        self.moves = 0
        said.append(ask())

add_device(Asking("asking"))
"""
    )
    old = running.lab.current.modules[lab_folder.name]
    old.said.clear()  # while the lab starts there are no ten steps yet that could wait for a connect
    edit(lab_folder, "speed = 1", "speed = 2")
    report = Running(running.refresher.refresh).result()
    assert report.outcome == "done", report.error
    all_said = [*old.said, *running.lab.current.modules[lab_folder.name].said]
    assert len(all_said) == 1
    assert all_said[0].startswith("refused: device asking asked for a refresh")
    check_goes_on(running, lab_folder, 2)


@pytest.mark.parametrize("step", ["stop_launching", "disconnect", "reimport", "connect", "resume_launching"])
def test_a_participant_is_told(run_lab: RunLab, lab_folder: LabFolder, step: str) -> None:
    """Each hook is waited for, also by those that only observe; asking without waiting is allowed."""
    running = run_lab()
    said: list[Any] = []

    def ask(_self: Any, refresh: Refresh) -> None:
        for how in ({}, {"wait": False}):
            try:
                said.append(hotlab.refresh(lab_folder.name, **how))
            except hotlab.ReloadInProgress as error:
                said.append(str(error))

    running.refresher.register(type("Asking", (hotlab.Participant,), {"name": "asking", step: ask})())
    edit(lab_folder, "speed = 1", "speed = 2")
    report = Running(running.refresher.refresh).result()
    assert report.outcome == "done", report.error
    assert len(said) == 2
    assert f"hook {step}-asking" in said[0]
    assert said[1] is None
    check_goes_on(running, lab_folder, 2)


def test_a_module_that_is_being_reloaded_is_told(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """It gets its error as it would without a running lab, and the edit goes through."""
    running = run_lab()
    edit(lab_folder, "add_device(Arm(", f"{ASKING}\nsaid = ask()\nlater = ask(wait=False)\nadd_device(Arm(")
    report = Running(running.refresher.refresh).result()
    assert report.outcome == "done", report.error
    module = running.lab.current.modules[lab_folder.name]
    assert module.said.startswith("refused: ")
    assert "wait=False" in module.said
    assert module.later is None
    check_goes_on(running, lab_folder, 1)


def test_a_thread_that_a_module_starts_and_joins_is_told(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """The reload waits for the module, and the module for the thread."""
    running = run_lab()
    started = f"""{ASKING}
said = []
asking = threading.Thread(target=lambda: said.append(ask()), daemon=True)
asking.start()
asking.join(5)
said.append(asking.is_alive())
add_device(Arm("""
    edit(lab_folder, "add_device(Arm(", started)
    report = Running(running.refresher.refresh).result()
    assert report.outcome == "done", report.error
    module = running.lab.current.modules[lab_folder.name]
    assert module.said[0].startswith("refused: ")
    assert module.said[1:] == [False]
    check_goes_on(running, lab_folder, 1)


def test_a_refresh_that_nothing_waits_for_is_not_refused(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A thread of the lab that outlives its import, as a poller does, may ask and wait."""
    running = run_lab(
        ASKING
        + """
import queue

answers = queue.SimpleQueue()
go = threading.Event()

def poll():
    go.wait(30)
    answers.put(ask())

if Arm.speed == 1:  # one poller: those of later generations would ask when the lab is gone
    threading.Thread(target=poll, daemon=True).start()
"""
    )
    module = running.lab.current.modules[lab_folder.name]
    edit(lab_folder, "speed = 1", "speed = 2")
    module.go.set()
    assert module.answers.get(timeout=WAIT) == "done"
    assert running.lab.current.number == 1
    check_goes_on(running, lab_folder, 2)
