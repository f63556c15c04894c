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
        place, since, looks, waits = None, 0.0, 0, 0
        while not self._lock.acquire(timeout=LOOK_EVERY):
            joins, now, in_wait = _look_at(self.owner)
            if joins:
                raise self._never_comes("waits for this one to end")
            if now is None or now != place:
                place, since, looks, waits = now, time.monotonic(), 0, 0
            looks += 1
            waits += in_wait
            # It may wait in many short turns, and look around between them.
            if place is not None and time.monotonic() - since > PATIENCE and waits > 0.8 * looks:
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


def _look_at(owner: int | None) -> tuple[bool, tuple[int, int] | None, bool]:
    """What a thread does: whether it joins the calling one; where in a lab module it is that it imports; whether it
    waits for others, on an event, a future, a ``queue.Queue``.

    Frames of another thread are not kept: an error that holds one would hold what that thread was doing.
    """
    innermost = sys._current_frames().get(owner or 0)
    in_wait = innermost is not None and innermost.f_code.co_filename == threading.__file__
    return _joins_this_thread(innermost), _importing(innermost), in_wait


def _joins_this_thread(frame: FrameType | None) -> bool:
    """Whether a thread, by its innermost frame, is inside a ``join`` of the calling one."""
    joining, here = threading.Thread.join.__code__, threading.current_thread()
    while frame is not None:
        if frame.f_code is joining and frame.f_locals.get("self") is here:
            return True
        frame = frame.f_back
    return False


def _importing(frame: FrameType | None) -> tuple[int, int] | None:
    """Where in the code of a lab module a thread is, by its innermost frame, that is importing it."""
    while frame is not None and frame.f_back is not None:
        if frame.f_back.f_code is EXECUTES:
            return id(frame), frame.f_lasti
        frame = frame.f_back
    return None
