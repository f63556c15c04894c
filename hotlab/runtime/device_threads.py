"""One thread per device, and the jobs that run on it: connect, disconnect, and the calls of tasks.

Guarantees: the jobs of one thread run one at a time, in the order in which they came; a job runs
    at most once, and
never after it was dropped. Whoever gives a job waits for it with a deadline, on a thread of its
own: a driver that hangs blocks this thread, and nobody else. No lock is held while a job runs.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import attrs

from hotlab.refreshing.waiting import waited_for

log = logging.getLogger(__name__)

_numbers = itertools.count(1)


class JobDropped(Exception):
    """Control flow of this module: the job was dropped before it began, for the reason given."""


class JobOverdue(Exception):
    """Control flow of this module: the deadline passed while the job ran. It goes on, abandoned."""


@attrs.define(eq=False)
class Job:
    """Something to be done on a device's thread, once.

    Its state moves by compare-and-set under a lock of its own: ``waiting`` to ``running`` to
    ``done``, or ``waiting`` to ``dropped``.

    Attributes:
        what: for people: ``connect``, or the name of a method.
        function: what to do.
        task_id: the task for which it is done, if any.
        deadline: on the clock of :func:`time.monotonic`: it does not begin after that.
        check: called right before it begins; raising there drops it.
        on_late_end: called on the device's thread when it ends after it was abandoned.
        began: when it began, in epoch seconds.
    """

    what: str
    function: Callable[[], Any]
    task_id: str | None = None
    deadline: float | None = None
    check: Callable[[], None] | None = None
    on_late_end: Callable[[Job], None] | None = None
    began: float | None = None
    number: int = attrs.field(factory=lambda: next(_numbers))
    state: Literal["waiting", "running", "done", "dropped"] = "waiting"
    abandoned: bool = False
    result: Any = None
    error: BaseException | None = None
    _lock: threading.Lock = attrs.field(factory=threading.Lock, repr=False)
    _over: threading.Event = attrs.field(factory=threading.Event, repr=False)

    def claim(self) -> bool:
        """waiting → running. False if it was dropped, or has been claimed before."""
        with self._lock:
            if self.state != "waiting":
                return False
            self.state = "running"
            self.began = time.time()
            return True

    def drop(self, reason: BaseException) -> bool:
        """waiting → dropped: it will never run. False if it had begun."""
        with self._lock:
            if self.state != "waiting":
                return False
            self.state = "dropped"
            self.error = reason
        self._over.set()
        return True

    def abandon(self) -> bool:
        """Wait for it no more. False if it is over, or never began."""
        with self._lock:
            if self.state != "running":
                return False
            self.abandoned = True
            return True

    def run(self) -> None:
        """Do it, on the device's thread, unless it was dropped. Never raises."""
        if not self.claim():
            return
        error: BaseException | None = None
        result: Any = None
        try:
            if self.deadline is not None and time.monotonic() >= self.deadline:
                raise JobDropped("its time was up before its turn came")
            if self.check is not None:
                self.check()
            result = self.function()
        except BaseException as fault:  # SystemExit of a driver ends the call, not the device's thread
            error = fault
        with self._lock:
            self.state = "done"
            self.result, self.error = result, error
            late = self.abandoned
        self._over.set()
        if late and self.on_late_end is not None:
            self.on_late_end(self)

    def wait(self, deadline: float | None = None) -> Any:
        """Its result, or its exception raised.

        Raises:
            JobDropped: the deadline passed before it began, or somebody else dropped it with this.
            JobOverdue: the deadline passed while it ran.
        """
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._over.wait(left) and not self.drop(JobDropped("its time was up before its turn came")):
            if self.abandon():
                raise JobOverdue
            self._over.wait()
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # the exception's traceback leads here: a circle otherwise
        return self.result


class DeviceThread:
    """The thread of one device, started with the first job. Any thread may submit."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: dict[int, Job] = {}
        self._current: Job | None = None
        self._closed: str | None = None

    @property
    def current(self) -> Job | None:
        """The job that runs at this moment."""
        return self._current

    @property
    def waiting(self) -> int:
        """How many jobs wait for their turn."""
        return len(self._waiting)

    def is_current_thread(self) -> bool:
        """Whether the caller runs on this very thread."""
        return threading.current_thread() is self._thread

    def submit(self, job: Job) -> Job:
        """Let a job run after those that came before it. A closed thread drops it."""
        with self._lock:
            if self._closed is not None:
                job.drop(JobDropped(self._closed))
                return job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"hotlab-device-{self.device}", daemon=True)
                self._thread.start()
            self._waiting[job.number] = job
            self._jobs.put(job)
        return job

    def drop_waiting(self, reason: str, *, calls_only: bool = True) -> int:
        """Drop what waits for its turn (the calls of tasks, or everything); how many were."""
        with self._lock:
            jobs = [job for job in self._waiting.values() if job.task_id or not calls_only]
        return sum(job.drop(JobDropped(reason)) for job in jobs)

    def close(self, reason: str) -> None:
        """Take no more jobs, drop those that wait, end the thread when its job returns."""
        with self._lock:
            self._closed = reason
            self._jobs.put(None)
        self.drop_waiting(reason, calls_only=False)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            self._current = job
            with self._lock:
                self._waiting.pop(job.number, None)
            try:
                # A refresh waits for it: to disconnect the device, or for the task that calls it.
                with waited_for(f"device {self.device}"):
                    job.run()
            except BaseException:
                log.exception("hotlab failed on the thread of device %s", self.device)
            finally:
                self._current = None
            del job
