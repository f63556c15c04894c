"""One device of a running lab: the instance that is connected, its thread, its state.

A slot outlives the instances that take turns in it. Connecting and disconnecting happen on the
device's thread; whoever asks for it waits with a deadline. A device whose job is not back by then
is FAULTED and left alone; when the job comes back, so does the device. Any thread may call; no
lock is held while lab code runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import attrs

from hotlab.runtime.definitions import DeviceDefinition
from hotlab.runtime.device_errors import DeviceNotAvailable
from hotlab.runtime.device_records import DeviceRecords
from hotlab.runtime.device_threads import DeviceThread, Job, JobDropped, JobOverdue
from hotlab.runtime.devices import BaseDevice
from hotlab.runtime.store.states import CONNECTED, DISCONNECTED, FAULTED

log = logging.getLogger(__name__)


class DeviceFault(Exception):
    """Control flow of the device manager: what a device could not do, in words."""


@attrs.frozen
class RunningCall:
    """What a device is busy with: a method, for which task, since when (epoch seconds)."""

    method: str
    task_id: str | None
    since: float
    hung: bool


@attrs.frozen(kw_only=True)
class DeviceStatus:
    """A device as it is at this moment."""

    name: str
    class_name: str
    state: str
    fault: str | None
    generation: int
    running: RunningCall | None
    waiting: int
    paused_by: tuple[str, ...] = ()


class Slot:
    """One device.

    Attributes:
        definition: what it is to be; None once the lab no longer defines it.
        generation: number of the generation that `definition` stands for.
        live: the instance that is connected, if any.
        coming: the instance that is being connected.
        state: CONNECTED, DISCONNECTED or FAULTED. fault: why, in the last case.
        stopped: an emergency stop was called: only an operator brings it back.
        suspect: a call overran, so it is to be connected afresh.
        hung: the job that overran and is not back.
        returned: it came back in the middle of a refresh, at whose end it is to be connected.
    """

    def __init__(
        self,
        name: str,
        records: DeviceRecords,
        *,
        changing: Callable[[], bool],
        reap: Callable[[], None],
    ) -> None:
        self.name = name
        self.definition: DeviceDefinition | None = None
        self.generation = 0
        self.live: BaseDevice | None = None
        self.coming: BaseDevice | None = None
        self.state: str = DISCONNECTED
        self.fault: str | None = None
        self.stopped = False
        self.suspect = False
        self.hung: Job | None = None
        self.returned = False
        self.thread = DeviceThread(name)
        self._records = records
        self._changing = changing
        self._reap = reap
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    @property
    def is_settled(self) -> bool:
        """Whether it is connected as its definition says."""
        return self.state == CONNECTED and self.definition is not None and self.live is self.definition.device

    def status(self) -> DeviceStatus:
        """A picture of it, for people."""
        job = self.hung or self.thread.current
        running = None
        if job is not None and job.began is not None:
            running = RunningCall(job.what, job.task_id, job.began, job is self.hung)
        return DeviceStatus(
            name=self.name,
            class_name=self.definition.class_name if self.definition is not None else "",
            state=self.state,
            fault=self.fault,
            generation=self.generation,
            running=running,
            waiting=self.thread.waiting,
            paused_by=tuple(self._records.pauses(self.name)),
        )

    def connected(self) -> BaseDevice:
        """The connected instance.

        Raises:
            DeviceNotAvailable: there is none, or it must not be called.
        """
        live = self.live
        if self.state != CONNECTED or live is None:
            why = self.fault or "a refresh is reconnecting it, or the lab is stopping"
            raise DeviceNotAvailable(f"the device {self.name} is {self.state}: {why}", device=self.name)
        return live

    def set_state(self, state: str, fault: str | None = None) -> None:
        """Change its state and write it down; one that was stopped in an emergency stays
        FAULTED.
        """
        with self._lock:
            if self.stopped:
                return
            self.state, self.fault = state, fault
        self.record()

    def stop_in_emergency(self) -> None:
        """From here on it takes no call and is not connected, until it is reset."""
        with self._lock:
            self.stopped = True
            self.state = FAULTED
            self.fault = "stopped in an emergency: look at it, then reset it"
        self.thread.drop_waiting("the device was stopped in an emergency")

    def record(self) -> None:
        """Write its state down. The store being out of reach harms no device: it is logged."""
        with self._writing:  # whoever writes last writes the newest
            if self.definition is None:
                return
            try:
                self._records.record_device(
                    self.name, self.definition.class_name, self.state, self.fault, self.generation
                )
            except Exception:
                log.exception("the state of device %s can't be recorded", self.name)

    def settle(self, target: DeviceDefinition | None, *, tolerant: bool = False) -> Job:
        """Let its thread bring it to `target`: the instance to be connected, or None.

        Args:
            target: what is to be connected.
            tolerant: a disconnect that fails does not keep the next instance from connecting.
        """
        thread = self.thread
        job = Job("connect" if target is not None else "disconnect", lambda: None)
        job.on_late_end = self.came_back
        job.function = lambda: self._settle(thread, job, target, tolerant)
        return thread.submit(job)

    def wait(self, job: Job, deadline: float) -> None:
        """Wait for a job of :meth:`settle`.

        Raises:
            DeviceFault: it failed, or was not done in time; then the device is FAULTED.
        """
        try:
            job.wait(deadline)
        except (JobOverdue, JobDropped) as late:
            stuck = self.thread.current if job.state == "dropped" else job
            if stuck is None:
                raise DeviceFault(f"{job.what} was not done: {late}") from None
            self.overdue(stuck)
            raise DeviceFault(self.fault or f"{stuck.what} was not done in time") from None

    def overdue(self, job: Job) -> None:
        """A job was not back in time: the device is FAULTED until it is."""
        job.abandon()
        for_task = f" (task {job.task_id})" if job.task_id else ""
        since = f" after {time.time() - job.began:.3g} s" if job.began else ""
        with self._lock:
            if job.task_id is not None:
                self.suspect = True
            back_already = job.state == "done"
            if not back_already:
                self.hung = job
            if not back_already and not self.stopped:
                self.state = FAULTED
                self.fault = (
                    f"{job.what}{for_task} has not returned{since}; the device comes back when it does, or when it is "
                    "reset"
                )
        if back_already:
            self._bring_back()
        else:
            self.record()

    def came_back(self, job: Job) -> None:
        """A job ended after it was abandoned. On the device's thread."""
        with self._lock:
            if self.hung is not job:
                return
            self.hung = None
        log.warning("device %s: %s has returned at last", self.name, job.what)
        self._bring_back()

    def _bring_back(self) -> None:
        """Connect it again in order, after what its thread has to do already."""
        thread = self.thread
        job = Job("bring back", lambda: None, on_late_end=self.came_back)

        def bring_back() -> None:
            changing = self._changing()
            if changing:
                self.returned = True
            if self.stopped and self.definition is not None:
                return
            self._settle(thread, job, None if changing else self.definition, True)
            if self.definition is None:
                self._reap()

        job.function = bring_back
        thread.submit(job)

    def finish_return(self) -> None:
        """A refresh is over: connect what came back while it ran."""
        if self.returned and self.hung is None:
            self.returned = False
            if not self.is_settled:
                self._bring_back()

    def replace_thread(self) -> None:
        """An operator forces it: what hangs is left to hang, on the old thread."""
        with self._lock:
            old, self.thread = self.thread, DeviceThread(self.name)
            self.hung = None
            self.stopped = self.returned = False
            self.suspect = self.live is not None
        old.close("an operator has reset the device")

    def close(self) -> None:
        """End its thread, once it is idle."""
        self.thread.close("the device is gone")

    def _settle(self, thread: DeviceThread, job: Job, target: DeviceDefinition | None, tolerant: bool) -> None:
        """On the device's thread: disconnect what is live and is not to be, connect the target."""
        live = self.live
        if live is not None and (target is None or live is not target.device or self.suspect):
            job.what = "disconnect"
            self._disconnect(thread, live, tolerant or self.suspect)
            if job.abandoned or self.thread is not thread:
                return
        if target is None:
            self.set_state(DISCONNECTED)
            return
        if self.stopped:
            return
        if self.live is not target.device:
            job.what = "connect"
            self._connect(thread, target.device)
        if not job.abandoned and self.thread is thread:
            self.set_state(CONNECTED)

    def _disconnect(self, thread: DeviceThread, live: BaseDevice, tolerant: bool) -> None:
        fault: str | None = None
        try:
            live.disconnect()
        except BaseException as error:
            fault = f"disconnect raised {_said(error)}"
            log.warning("device %s: %s", self.name, fault, exc_info=True)
        if self.thread is not thread:
            return
        self.live = None
        self.suspect = False
        if fault is not None and not tolerant:
            self.set_state(FAULTED, fault)
            raise DeviceFault(fault)

    def _connect(self, thread: DeviceThread, device: BaseDevice) -> None:
        self.coming = device
        try:
            device.connect()
        except BaseException as error:
            fault = f"connect raised {_said(error)}"
            log.warning("device %s: %s", self.name, fault, exc_info=True)
            _let_go(device)
            if self.thread is thread:
                self.set_state(FAULTED, fault)
            raise DeviceFault(fault) from error
        finally:
            self.coming = None
        if self.thread is thread:
            self.live = device
        elif self.definition is None or self.definition.device is not device:
            _let_go(device)  # too late: an operator's reset has put another in its place


def _let_go(device: BaseDevice) -> None:
    """Let a half-connected instance close what it opened, so that the next one can open it."""
    try:
        device.disconnect()
    except BaseException as error:
        log.info("device %s: disconnect after a failed connect: %s", device.name, _said(error))


def _said(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
