"""Kinds K14 and K18: an old generation that still acts, and what leaves one as a value."""

from __future__ import annotations

import threading
from collections.abc import Callable

import hotlab
from hotlab.runtime.running_lab import RunningLab
from tests.runtime.conftest import PROLOGUE, LabFolder, Running, end_of, until

RunLab = Callable[..., RunningLab]

INIT = (
    PROLOGUE
    + """
from hotlab import add_device
from .arm import Arm

add_device(Arm("arm"))
"""
)

ARM = """
import threading
from hotlab import BaseDevice
from . import hub

class Arm(BaseDevice):
    version = {version}

    def connect(self):
        hub.subscribers.append(self.on_event)
        self.stop = threading.Event()
        self.polling = threading.Thread(target=self.stop.wait, name="polls the arm")
        self.polling.start()

    def disconnect(self):
        hub.subscribers.remove(self.on_event)
        self.stop.set()
        self.polling.join()

    def on_event(self):
        return self.version
"""


def polling() -> list[threading.Thread]:
    """The threads that drivers have started and not stopped."""
    return [thread for thread in threading.enumerate() if thread.name == "polls the arm"]


def refreshed(running: RunningLab) -> None:
    """Take an edit in, to the end."""
    report = running.refresher.refresh()
    assert report is not None
    assert (report.ok, report.outcome) == (True, "done"), report.error


def test_r62_one_event_is_one_call_after_many_refreshes(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """[R62] A driver that unsubscribes when it is disconnected is called once, whatever number of refreshes were."""
    lab_folder.write("subscribers = []\ndef emit(): return [called() for called in subscribers]", "hub.py")
    lab_folder.write(ARM.format(version=0), "arm.py")
    lab_folder.write(INIT)
    running = run_lab()
    hub = running.lab.current.import_module(f"{lab_folder.name}.hub")
    assert hub.emit() == [0]
    for version in range(1, 51):
        lab_folder.write(ARM.format(version=version), "arm.py")
        refreshed(running)
    assert running.lab.current.import_module(f"{lab_folder.name}.hub") is hub
    assert hub.emit() == [50]


def test_r63_no_thread_of_an_old_generation_is_left(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """[R63] Threads that `disconnect` stops end with their generation, and refreshes leave none of hotlab's own."""
    lab_folder.write("subscribers = []", "hub.py")
    lab_folder.write(ARM.format(version=0), "arm.py")
    lab_folder.write(INIT)
    running = run_lab()
    (first,) = polling()
    count = threading.active_count()
    for version in range(1, 4):
        lab_folder.write(ARM.format(version=version), "arm.py")
        refreshed(running)
        assert len(polling()) == 1
    assert not first.is_alive()
    until(lambda: threading.active_count() <= count)
    running.stop()
    assert polling() == []


TASKS = (
    PROLOGUE
    + """
go = threading.Event()

class Sample:
    N = {n}

@add_task
class Weigh(BaseTask):
    plain: bool

    def run(self):
        go.wait(30)
        return {{"mass": Sample.N}} if self.plain else [Sample()]
"""
)


def test_r08_a_result_of_an_old_class_is_refused_and_json_is_not(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """[R08] Two tasks end after a refresh: the one that returns JSON succeeds on its generation, the one that returns
    an object of the old class fails with an error that names what is wrong with which value."""
    lab_folder.write(TASKS.format(n=1))
    running = run_lab()
    ids = [running.tasks.submit("Weigh", {"plain": plain}) for plain in (True, False)]
    until(lambda: len(running.tasks.running_here()) == 2)
    go = hotlab.current(lab_folder.name).modules[lab_folder.name].go
    lab_folder.write(TASKS.format(n=2))
    refreshing = Running(running.refresher.refresh)
    go.set()
    assert refreshing.result().ok
    plain, refused = (end_of(running, task) for task in ids)
    assert (plain.state, plain.result, plain.generation_number) == ("COMPLETED", {"mass": 1}, 0)
    assert (refused.state, refused.generation_number) == ("ERROR", 0)
    assert "the result of Weigh[0] is a Sample; only JSON can be carried" in str(refused.error)


def test_r52_a_task_that_an_edit_removes_is_not_offered(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """[R52] Its file and its import are deleted: it can't be submitted any more, and the reason says so."""
    lab_folder.write(TASKS.format(n=1).replace("class Weigh", "class Wash"), "wash.py")
    lab_folder.write(TASKS.format(n=1) + "from . import wash\n")
    running = run_lab()
    running.lab.current.modules[f"{lab_folder.name}.wash"].go.set()
    assert end_of(running, running.tasks.submit("Wash", {"plain": True})).result == {"mass": 1}
    (lab_folder.root / "wash.py").unlink()
    lab_folder.write(TASKS.format(n=2))
    refreshed(running)
    refused = Running(lambda: running.tasks.submit("Wash", {"plain": True}))
    refused.thread.join(15.0)
    assert isinstance(refused.error, hotlab.HotlabError)
    assert "Wash" in str(refused.error)
