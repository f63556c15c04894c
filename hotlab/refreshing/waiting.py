"""Code that a refresh waits for: it can't wait for a refresh in turn, and is told so instead.

Whoever runs such code (a participant's hook, a running task, a device's connect or a call of it) marks the thread
for that time with :func:`waited_for`. A thread that such code starts for itself is not marked: if it asks for a
refresh and is waited for, the time limit of the step ends the wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hotlab.importing import ReloadInProgress

_here = threading.local()


@contextmanager
def waited_for(what: str) -> Iterator[None]:
    """While this is entered, the thread runs what a refresh waits for: `what` names it for people."""
    before = getattr(_here, "what", None)
    _here.what = what
    try:
        yield
    finally:
        _here.what = before


def refuse_to_wait() -> None:
    """Raise ReloadInProgress where the calling thread runs what a refresh would wait for."""
    what = getattr(_here, "what", None)
    if what is not None:
        raise ReloadInProgress(
            f"{what} asked for a refresh and would wait for it, while the refresh waits for {what}: "
            "ask with hotlab.refresh(wait=False), and it begins once it can"
        )
