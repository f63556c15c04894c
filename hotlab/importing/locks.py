"""Locks for module execution that take part in importlib's deadlock detection.

Two threads that import two modules of a cycle from opposite ends would wait for each other for ever; so would one
that holds a lab module and waits for a third-party one, while another holds the third-party one and waits for the
lab's. importlib detects such cycles among *its* module locks and lets one thread see a half-made module, as the
language says. Using its lock class (private, the same from 3.3 on) puts ours into the same detection.
"""

from __future__ import annotations

from importlib import _bootstrap
from typing import Any, Protocol, cast


class ModuleLock(Protocol):
    """Re-entrant; `acquire` raises :data:`DeadlockError` instead of waiting in a circle."""

    def acquire(self) -> bool: ...
    def release(self) -> None: ...


_private: Any = _bootstrap
DeadlockError = cast("type[BaseException]", _private._DeadlockError)


def lock_held_by(owner: int, name: str) -> ModuleLock:
    """A lock that a thread holds already, which that thread will release.

    Most modules are executed without any other thread waiting for them: the lock is made by the first that does, on
    behalf of the one that would have taken it.

    Args:
        owner: the identity of the thread.
        name: what deadlock errors call it.
    """
    lock = _private._ModuleLock(name)
    lock.owner = owner
    if isinstance(lock.count, int):  # before Python 3.12
        lock.count = 1
    else:
        lock.count.append(True)
    return cast("ModuleLock", lock)
