"""Turns at work that only one thread at a time may do, with an error instead of a wait that can't end."""

from __future__ import annotations

import sys
import threading
from types import FrameType

from hotlab.importing.errors import ReloadInProgress

# How often, in seconds, a thread that waits for its turn looks whether its turn can come.
LOOK_EVERY = 0.05


class Turn:
    """A lock that a thread holds while it reloads. May be used as a context manager; not re-entrant."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.owner: int | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=LOOK_EVERY):
            if self.owner is not None and _joins_this_thread(self.owner):
                raise ReloadInProgress(
                    f"{self.what} is being reloaded by a thread that waits for this one to end: "
                    "a module that is being imported must not wait for a refresh"
                )
        self.owner = threading.get_ident()

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


def _joins_this_thread(owner: int) -> bool:
    """Whether a thread is inside a ``join`` of the calling one."""
    frame: FrameType | None = sys._current_frames().get(owner)
    joining, here = threading.Thread.join.__code__, threading.current_thread()
    while frame is not None:
        if frame.f_code is joining and frame.f_locals.get("self") is here:
            return True
        frame = frame.f_back
    return False
