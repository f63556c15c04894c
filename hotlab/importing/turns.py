"""Turns at work that only one thread at a time may do, with an error instead of a wait that can't end."""

from __future__ import annotations

import sys
import threading
import time
from types import FrameType

from hotlab.importing.errors import ReloadInProgress
from hotlab.importing.executing import EXECUTES

# How often, in seconds, a thread that waits for its turn looks whether its turn can come.
LOOK_EVERY = 0.05
# For how long, in seconds, a module under way may wait for other threads while one of them waits for its reload.
PATIENCE = 5.0


class Turn:
    """A lock that a thread holds while it reloads. May be used as a context manager; not re-entrant."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.owner: int | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        waits_in, since = None, 0.0
        while not self._lock.acquire(timeout=LOOK_EVERY):
            innermost = sys._current_frames().get(self.owner or 0)
            if _joins_this_thread(innermost):
                raise self._never_comes("waits for this one to end")
            wait = _wait_while_importing(innermost)
            if wait is None or wait != waits_in:
                waits_in, since = wait, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise self._never_comes(f"has waited for {PATIENCE:g} s for others")
        self.owner = threading.get_ident()

    def _never_comes(self, what: str) -> ReloadInProgress:
        return ReloadInProgress(
            f"{self.what} is being reloaded by a thread that {what}: "
            "a module that is being imported must not wait for a refresh"
        )

    def __exit__(self, *exc: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """The turn is over."""
        self.owner = None
        self._lock.release()

    def try_to_take(self) -> bool:
        """Take the turn if nobody has it; whether it was taken."""
        taken = self._lock.acquire(blocking=False)
        if taken:
            self.owner = threading.get_ident()
        return taken

    def reset_in_child(self) -> None:
        """In a forked child the turn is free, unless the thread that forked had it."""
        self._lock = threading.Lock()
        if self.owner == threading.get_ident():
            self._lock.acquire()
        else:
            self.owner = None


def _joins_this_thread(frame: FrameType | None) -> bool:
    """Whether a thread, by its innermost frame, is inside a ``join`` of the calling one."""
    joining, here = threading.Thread.join.__code__, threading.current_thread()
    while frame is not None:
        if frame.f_code is joining and frame.f_locals.get("self") is here:
            return True
        frame = frame.f_back
    return False


def _wait_while_importing(innermost: FrameType | None) -> tuple[FrameType, int] | None:
    """Where a thread waits for others while it imports a lab module: on an event, a future, a queue of ``queue``."""
    if innermost is None or innermost.f_code.co_filename != threading.__file__:
        return None
    frame: FrameType | None = innermost
    while frame is not None:
        if frame.f_code is EXECUTES:
            return innermost, innermost.f_lasti
        frame = frame.f_back
    return None
