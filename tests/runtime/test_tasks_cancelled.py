"""Cancelling: before the start at once; under way at the next call of hotlab, in waits, or in pure Python."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hotlab.runtime.errors import UnknownTask
from hotlab.runtime.store import states

from .conftest import Bench, until

MakeBench = Callable[..., Bench]

ADD = """
@add_task
class Add(BaseTask):
    one: float
    two: float = 2

    def run(self):
        return {"sum": self.one + self.two}
"""

CANCELLABLE = """
started = threading.Event()
seen = []

@add_task
class Spin(BaseTask):
    def run(self):
        started.set()
        n = 0
        while True:
            n += 1

@add_task
class Sleep(BaseTask):
    def run(self):
        self.lab_view.sleep(3600)

@add_task
class Call(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"arm": {}}) as (devices, _):
            while True:
                devices["arm"].move()

@add_task
class Clean(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"arm": {}}) as (devices, _):
            try:
                devices["arm"].move()
                self.lab_view.sleep(3600)
            finally:
                devices["arm"].home()

@add_task
class Stubborn(BaseTask):
    def run(self):
        try:
            self.lab_view.sleep(3600)
        except Exception:
            seen.append("caught")
        return 1

@add_task
class Nested(BaseTask):
    def run(self):
        self.run_subtask(Sleep)

@add_task
class Ask(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"arm": {}}):
            seen.append("granted")
"""


@pytest.mark.parametrize("kind", ["Spin", "Sleep", "Call", "Clean", "Stubborn", "Nested"])
def test_a_running_task_is_cancelled(make_bench: MakeBench, kind: str) -> None:
    """A task told to end does so at its next call of hotlab, in its waits, or in pure Python; it holds nothing then."""
    bench = make_bench(CANCELLABLE)
    task_id = bench.submit(kind)
    bench.in_state(task_id, states.RUNNING)
    if kind == "Spin":
        assert bench.lab.current.modules[bench.lab.name].started.wait(5)
    if kind in ("Call", "Clean"):
        until(lambda: bench.devices.calls)
    assert bench.tasks.cancel(task_id) == "requested"
    task = bench.ended(task_id)
    assert (task.state, task.error) == (states.CANCELLED, "cancelled while it ran")
    assert bench.store.resources.holdings() == {}
    rows = bench.store.tasks.all(with_subtasks=True)
    assert {row.state for row in rows} == {states.CANCELLED}
    if kind == "Clean":
        assert [call[1] for call in bench.devices.calls] == ["move", "home"]
    assert bench.lab.current.modules[bench.lab.name].seen == []


def test_a_task_that_waits_for_resources_is_cancelled(make_bench: MakeBench) -> None:
    """A task told to end while it waits ends without having held anything."""
    bench = make_bench(CANCELLABLE)
    bench.store.devices.pause(["arm"], states.OPERATOR)
    task_id = bench.submit("Ask")
    bench.in_state(task_id, states.REQUESTING_RESOURCES)
    assert bench.tasks.cancel(task_id) == "requested"
    assert bench.ended(task_id).state == states.CANCELLED
    assert bench.store.resources.all() == []
    assert bench.lab.current.modules[bench.lab.name].seen == []


def test_a_queued_task_is_cancelled_at_once(make_bench: MakeBench) -> None:
    """A task that has not started is CANCELLED when the call returns, and never runs."""
    bench = make_bench(CANCELLABLE)
    refresh: Any = SimpleNamespace(id="1", wake=lambda: None)
    bench.tasks.stop_launching(refresh)
    task_id = bench.submit("Ask")
    assert bench.tasks.cancel(task_id) == "cancelled"
    bench.tasks.resume_launching(refresh)
    assert bench.tasks.cancel(task_id) == "over"
    with pytest.raises(UnknownTask):
        bench.tasks.cancel("nope")


def test_leaving_the_block_gives_back_even_when_told_to_end(make_bench: MakeBench) -> None:
    """A task that is told to end just as it leaves its with block has given back what it held."""
    bench = make_bench(
        """
from hotlab.runtime import TaskCancelled

inside = threading.Event()
leave = threading.Event()
left = threading.Event()
end = threading.Event()

@add_task
class Leave(BaseTask):
    def run(self):
        try:
            with self.lab_view.request_resources({"arm": {}}):
                inside.set()
                leave.wait(30)
            self.lab_view.check_cancelled()
        except TaskCancelled:
            pass
        left.set()
        end.wait(30)
"""
    )
    module = bench.lab.current.modules[bench.lab.name]
    task_id = bench.submit("Leave")
    assert module.inside.wait(10)
    bench.tasks.cancel(task_id)
    module.leave.set()
    assert module.left.wait(10)
    assert bench.store.resources.holdings() == {}
    module.end.set()
    assert bench.ended(task_id).state == states.COMPLETED


def test_a_cancelled_thread_serves_the_next_task(make_bench: MakeBench) -> None:
    """No late exception of one task hits the next one on the same thread, over many cancellations."""
    bench = make_bench(CANCELLABLE + ADD, threads=1)
    for _ in range(15):
        spin = bench.submit("Spin")
        bench.in_state(spin, states.RUNNING)
        bench.tasks.cancel(spin)
        assert bench.ended(spin).state == states.CANCELLED
        assert bench.ended(bench.submit("Add", one=1)).state == states.COMPLETED
