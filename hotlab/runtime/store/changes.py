"""Tells waiters that the store has changed.

Guarantees: a change committed by this process wakes the waiters of this process at once; one committed by another
process does so within the poll interval (50 ms on SQLite). A waiter may be woken for nothing and must look again.
All methods may be called from any thread. Subscribers are called on the thread that made the change, or on the
poller's, and must only set an event or the like.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.05
EXTERNAL: Final = "*"
"""The topic of changes made by other processes: they may concern anything."""

Subscriber = Callable[[frozenset[str]], None]


class Changes:
    """A counter of changes that can be waited for, and subscribers that are told at each.

    Args:
        foreign_version: returns a number that differs whenever another connection has changed the store; None where
            there is no such thing.
    """

    def __init__(self, foreign_version: Callable[[], int] | None) -> None:
        self._foreign_version = foreign_version
        self._condition = threading.Condition()
        self._count = 0
        self._subscribers: tuple[Subscriber, ...] = ()
        self._poller: threading.Thread | None = None
        self._closed = threading.Event()

    def count(self) -> int:
        """How many changes were seen. Take it before looking at the store, and hand it to :meth:`wait`."""
        self._poll_others()  # from here on, so that no change between this and the look is missed
        with self._condition:
            return self._count

    def wait(self, seen: int, timeout: float) -> int:
        """Wait until there was a change after `seen`, or for `timeout` seconds; return the new count."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen or self._closed.is_set(), max(0.0, timeout))
            return self._count

    def wait_until(self, met: Callable[[], bool], timeout: float) -> bool:
        """Wait until `met()` is true, asking again after each change. False if it was not within `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.count()
            if met():
                return True
            left = deadline - time.monotonic()
            if left <= 0 or self._closed.is_set():
                return False
            self.wait(seen, left)

    def notify(self, *topics: str) -> None:
        """The store was changed."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()
            subscribers = self._subscribers
        told = frozenset(topics)
        for subscriber in subscribers:
            try:
                subscriber(told)
            except Exception:
                _log.exception("a subscriber to changes of the store failed")

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with the topics at each change; the function returned ends that."""
        with self._condition:
            self._subscribers = (*self._subscribers, subscriber)
        self._poll_others()

        def undo() -> None:
            with self._condition:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return undo

    def close(self) -> None:
        """End the poller and every wait."""
        self._closed.set()
        with self._condition:
            self._condition.notify_all()
            poller = self._poller
        if poller is not None and poller is not threading.current_thread():
            poller.join(5.0)

    def _poll_others(self) -> None:
        if self._foreign_version is None:
            return
        with self._condition:
            if self._poller is not None or self._closed.is_set():
                return
            self._poller = threading.Thread(
                target=self._poll,
                args=(self._foreign_version, self._foreign_version()),
                name="hotlab-store-poller",
                daemon=True,
            )
            self._poller.start()

    def _poll(self, foreign_version: Callable[[], int], known: int | None) -> None:
        while not self._closed.wait(POLL_SECONDS):
            try:
                version = foreign_version()
            except Exception:
                if not self._closed.is_set():
                    _log.exception("the store can't be asked for changes; trying again")
                known = None
                continue
            if version != known:
                self.notify(EXTERNAL)
            known = version
