"""A lab that stops: tasks are asked and then given up by name, devices disconnected, no thread left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import Store, states

from .conftest import LabFolder, Running, edit, end_of, until

RunLab = Callable[..., RunningLab]


@pytest.mark.parametrize("statement", ["time.sleep(3600)", "go.wait(3600)"])
def test_stopping_gives_up_what_does_not_end(run_lab: RunLab, lab_folder: LabFolder, statement: str) -> None:
    """A task stuck in a call is marked as interrupted after the grace; one that listens ends by itself."""
    running = run_lab(
        f"""
        go = threading.Event()
        inside = threading.Event()
        disconnected = []

        class Watched(Arm):
            def disconnect(self):
                disconnected.append(self.name)

        add_device(Watched("watched"))

        @add_task
        class Stuck(BaseTask):
            def run(self):
                with self.lab_view.request_resources({{"watched": {{}}}}):
                    inside.set()
                    {statement}

        @add_task
        class Polite(BaseTask):
            def run(self):
                self.lab_view.sleep(3600)
        """
    )
    store_url = running.config.database.url
    stuck, polite = (running.tasks.submit(kind, {}) for kind in ("Stuck", "Polite"))
    queued = running.store.tasks.add("Move", {}, after=[polite])
    assert running.lab.current.modules[lab_folder.name].inside.wait(10)
    until(lambda: running.store.tasks.get(polite).state == states.RUNNING)  # type: ignore[union-attr]
    module = running.lab.current.modules[lab_folder.name]
    began = time.monotonic()
    running.stop(grace=0.3)
    assert time.monotonic() - began < 5
    assert running.given_up == (stuck,)
    assert module.disconnected == ["watched"]
    assert running.wait(0)
    with Store(store_url) as store:
        task = store.tasks.get(stuck)
        assert task is not None
        assert task.state == states.ERROR
        assert "interrupted at RUNNING" in (task.error or "")
        assert store.tasks.get(polite).state == states.CANCELLED  # type: ignore[union-attr]
        assert store.tasks.get(queued).state == states.CANCELLED  # type: ignore[union-attr]
        assert store.resources.holdings() == {}
        run = store.runs.latest()
        assert run is not None
        assert run.ended is not None
    module.go.set()


def test_stopping_while_a_refresh_drains(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A lab stopped in the middle of a drain gives the refresh up: no new driver is connected, nothing stays paused."""
    running = run_lab(
        """
        @add_task
        class Polite(BaseTask):
            def run(self):
                with self.lab_view.request_resources({Arm: {}}):
                    self.lab_view.sleep(3600)
        """
    )
    url = running.config.database.url
    running.tasks.submit("Polite", {})
    until(lambda: running.store.devices.holder("arm"))
    edit(lab_folder, "speed = 1", "speed = 2")
    refresh = Running(running.refresher.refresh)
    until(lambda: len(running.store.devices.pauses()) == 2)
    running.stop(grace=5)
    report = refresh.result()
    assert (report.outcome, report.failed_step) == ("refused", "drain")
    assert "the lab is stopping" in report.error
    assert "connect" not in [step.name for step in report.steps]
    with Store(url) as store:
        assert store.devices.pauses() == []


def test_stop_leaves_no_thread_behind(run_lab: RunLab) -> None:
    """After stop none of the lab's threads is left."""
    before = set(threading.enumerate())
    running = run_lab()
    end_of(running, running.tasks.submit("Move", {}))
    running.stop()
    until(lambda: not [t for t in threading.enumerate() if t not in before and t.is_alive()])
    running.stop()
