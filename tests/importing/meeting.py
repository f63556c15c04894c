"""Where modules of test labs meet a test's threads: outside of the labs, so that reloads don't touch it."""

from __future__ import annotations

import contextlib
import threading

barrier: threading.Barrier | None = None
reached = threading.Event()
go = threading.Event()
executed: list[str] = []


def meet(_who: str) -> None:
    """Wait until both threads are here; whoever is alone goes on after a while."""
    if barrier is not None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(5)


def pause() -> None:
    """Say that this point is reached, and wait for leave to go on."""
    reached.set()
    go.wait(20)
