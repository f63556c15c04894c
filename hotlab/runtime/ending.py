"""How a task that is under way is told to end: by an exception, raised where it can do no harm.

One :class:`Ending` belongs to one task and the thread that runs it. hotlab's own code on that thread is entered
through ``with ending.in_hotlab():`` and is never interrupted half-way; there the exception is raised on entering
and on leaving. Elsewhere it is raised asynchronously, which reaches Python code only: a call that is stuck in C
(``time.sleep(3600)``) ends first. `request` and `interrupt` may be called from any thread.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from hotlab.runtime.errors import TaskCancelled

CAREFUL_SECONDS: Final = 1.0
"""For so long, only code of the lab itself is interrupted; then libraries it called are, too."""

_HOTLAB_FOLDER: Final = str(Path(__file__).parents[1]) + os.sep
# Interrupted half-way, these would leave a lock held or a module half-made.
_NEVER_INTERRUPTED: Final = ("importlib", "threading.py", "queue.py", f"{os.sep}logging{os.sep}")


class Ending:
    """Tells one task to end.

    Args:
        lab_folder: where the lab's own code is: preferred for an interruption.
    """

    def __init__(self, lab_folder: str) -> None:
        self._lab_folder = lab_folder
        self._lock = threading.Lock()
        self.reason = "cancelled"
        self._asked = 0
        self._told = 0
        self._raised = False
        self._first_try: float | None = None
        # Changed by the task's own thread only, under the lock; others read them under the lock.
        self._thread_id: int | None = None
        self._depth = 0
        self._wakers: set[threading.Event] = set()

    @property
    def requested(self) -> bool:
        """Whether the task was ever asked to end."""
        return self._asked > 0

    def request(self, reason: str = "cancelled while it ran") -> None:
        """Ask the task to end. Waits of the task inside hotlab end at once."""
        with self._lock:
            self.reason = reason
            self._asked += 1
            self._first_try = None
            wakers = tuple(self._wakers)
        for waker in wakers:
            waker.set()
        self.interrupt()

    def interrupt(self) -> bool:
        """Raise :class:`TaskCancelled` in the task's own code if it is there now. True if nothing is left to tell."""
        with self._lock:
            if self._told >= self._asked or self._thread_id is None:
                return self._told >= self._asked
            if self._depth or not self._may_interrupt(self._thread_id):
                return False
            self._told = self._asked
            self._raised = True
            _raise_in(self._thread_id, TaskCancelled)
            return True

    def check(self) -> None:
        """Raise :class:`TaskCancelled` if the task was asked to end and has not been told yet."""
        with self._lock:
            if self._told >= self._asked:
                return
            self._told = self._asked
        raise TaskCancelled(self.reason)

    @contextmanager
    def lab_code(self) -> Iterator[None]:
        """Around the lab's own code: inside, the task's thread can be interrupted."""
        with self._lock:
            self._thread_id = threading.get_ident()
        try:
            yield
        finally:
            self._close()

    def in_hotlab(self, *, tell: bool = True) -> _InHotlab:
        """Around hotlab's code on the task's thread: inside, nothing interrupts it.

        Args:
            tell: raise what is to be told on entering and on leaving; False for what must be done in any case.
        """
        return _InHotlab(self, tell)

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        """Wait for an event that also a request to end sets; True if it was set. Call :meth:`check` then."""
        with self._lock:
            if self._told < self._asked:
                return True
            self._wakers.add(event)
        try:
            return event.wait(timeout)
        finally:
            with self._lock:
                self._wakers.discard(event)

    def _close(self) -> None:
        """Leave the lab's code. What `interrupt` raised and the task has not met yet is met here.

        It can't be taken back: until some thread meets an exception raised in this way, CPython's evaluation loop
        takes its slow path, and on Python 3.11 a function that is traced (debuggers, coverage) never gets going.
        """
        while True:
            try:
                with self._lock:
                    self._thread_id = None
                if self._raised:
                    _raise_in(threading.get_ident(), TaskCancelled)  # in the place of one not met yet
                    while True:
                        time.sleep(0)
                return
            except TaskCancelled:
                if self._thread_id is None:
                    return

    def _may_interrupt(self, thread_id: int) -> bool:
        frame = sys._current_frames().get(thread_id)
        if frame is None:
            return False
        file = frame.f_code.co_filename
        if file.startswith(self._lab_folder):
            return True
        now = time.monotonic()
        if self._first_try is None:
            self._first_try = now
        if now - self._first_try < CAREFUL_SECONDS:
            return False
        return not file.startswith(_HOTLAB_FOLDER) and not any(part in file for part in _NEVER_INTERRUPTED)


class _InHotlab:
    def __init__(self, ending: Ending, tell: bool) -> None:
        self._ending = ending
        self._tell = tell
        self._outer = ending._depth

    def __enter__(self) -> None:
        ending = self._ending
        try:
            with ending._lock:
                ending._depth = self._outer + 1
            if self._tell:
                ending.check()
        except BaseException:
            ending._depth = self._outer
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._ending._lock:
            self._ending._depth = self._outer
        if self._tell and kind is None and not self._outer:
            self._ending.check()


def _raise_in(thread_id: int, error: type[BaseException]) -> None:
    """Raise an exception in a thread at its next step of Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))
