"""Jobs on a device's thread: at most once, in order, never after they were dropped."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from hotlab.runtime.device_threads import DeviceThread, Job, JobDropped, JobOverdue
from tests.runtime.conftest import Running, until


def blocking() -> tuple[Job, threading.Event, threading.Event]:
    """A job that says when it began, and ends when it may."""
    began, go = threading.Event(), threading.Event()

    def work() -> str:
        began.set()
        go.wait(20)
        return "done"

    return Job("block", work), began, go


def test_a_job_never_begins_after_its_deadline() -> None:
    """Also where its waiter has not noticed yet that the time is up."""
    ran: list[int] = []
    job = Job("late", lambda: ran.append(1), deadline=time.monotonic() - 1)
    job.run()
    with pytest.raises(JobDropped, match="time was up"):
        job.wait()
    assert ran == []


def test_a_job_runs_once() -> None:
    """Claiming moves it from waiting to running; nobody else can claim, drop or run it again."""
    ran: list[int] = []
    job = Job("once", lambda: ran.append(1))
    threads = [Running(job.run) for _ in range(8)]
    for thread in threads:
        thread.result()
    assert ran == [1]
    assert not job.claim()
    assert not job.drop(JobDropped("no"))


def test_of_a_claim_and_a_drop_only_one_succeeds() -> None:
    """However they race, a job is either run or dropped."""
    for _ in range(200):
        ran: list[int] = []
        job = Job("race", lambda: ran.append(1))  # noqa: B023 - used within this round
        barrier = threading.Barrier(2)

        def drop(job: Job = job, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(10)
            return job.drop(JobDropped("raced"))

        dropping = Running(drop)
        barrier.wait(10)
        job.run()
        assert dropping.result() is (ran == [])


def test_an_overdue_job_is_abandoned_and_reports_its_late_end() -> None:
    """Its waiter goes on; whoever asked for it learns when it ends."""
    thread = DeviceThread("d")
    job, began, go = blocking()
    late: list[Any] = []
    job.on_late_end = late.append
    thread.submit(job)
    assert began.wait(10)
    with pytest.raises(JobOverdue):
        job.wait(time.monotonic() + 0.05)
    assert thread.current is job
    assert late == []
    go.set()
    until(lambda: late == [job])
    thread.close("over")


def test_a_closed_thread_drops_what_waits_and_ends() -> None:
    """What runs ends; what waits, and what comes later, is dropped with the reason."""
    thread = DeviceThread("d")
    job, began, go = blocking()
    thread.submit(job)
    assert began.wait(10)
    waiting = thread.submit(Job("waits", lambda: None))
    thread.close("the device is gone")
    late = thread.submit(Job("late", lambda: None))
    go.set()
    assert job.wait() == "done"
    for dropped in (waiting, late):
        with pytest.raises(JobDropped, match="gone"):
            dropped.wait()
    until(lambda: all(t.name != "hotlab-device-d" for t in threading.enumerate()))


def test_the_exception_of_a_job_is_not_kept() -> None:
    """The exception reaches the waiter, the very object, and the job lets go of it."""
    fault = OSError("x")

    def work() -> None:
        raise fault

    job = Job("fails", work)
    job.run()
    with pytest.raises(OSError, match="x") as caught:
        job.wait()
    assert caught.value is fault
    assert job.error is None
