"""Gives devices and sample positions to tasks, all that a request names or nothing.

Requests wait in the store and are granted there, by one transaction, by priority, then first come; a request that
can't be met now does not keep a later one waiting. All methods may be called from any thread; :meth:`request` waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hotlab.importing import Generation
from hotlab.refreshing import Participant, Refresh
from hotlab.runtime.definitions import Definitions, qualified_name
from hotlab.runtime.ending import Ending
from hotlab.runtime.errors import ResourceRequestError, ResourceTimeout
from hotlab.runtime.store import RequestRecord, Store, TaskRecord, states
from hotlab.runtime.store.matching import BY_CLASS, BY_NAME, BY_NOTHING, Want
from hotlab.runtime.store.resources import Rules
from hotlab.runtime.stored_devices import define_standalone_positions

_log = logging.getLogger(__name__)
_CONCERNING = frozenset({"resources", "devices", "*"})


def read_wants(wants: Mapping[Any, Any]) -> list[Want]:
    """A request as a task writes it, ``{Furnace: {"inside": 2}, "arm": {}, None: {"rack": 1}}``, checked.

    Raises:
        ResourceRequestError: it is none.
    """
    if not isinstance(wants, Mapping) or not wants:
        raise ResourceRequestError(
            f"request_resources() takes a mapping such as {{Furnace: {{'inside': 2}}}}, not {wants!r}"
        )
    return [_read_want(key, positions) for key, positions in wants.items()]


def _read_want(key: Any, positions: Any) -> Want:
    if isinstance(key, type):
        by, name = BY_CLASS, qualified_name(key)
    elif isinstance(key, str):
        by, name = BY_NAME, key
    elif key is None:
        by, name = BY_NOTHING, ""
    else:
        raise ResourceRequestError(
            f"resources are asked for by device class, by device name, or by None for positions that belong to no "
            f"device; not by {key!r}"
        )
    if not isinstance(positions, Mapping):
        raise ResourceRequestError(
            f"the positions asked of {key!r} must be a mapping such as {{'inside': 2}}, or {{}} for none; "
            f"not {positions!r}"
        )
    for kind, number in positions.items():
        if not isinstance(kind, str) or type(number) is not int or number < 1:
            raise ResourceRequestError(
                f"positions are asked for by name and number, as in {{'inside': 2}}: {kind!r}: {number!r}, asked of "
                f"{key!r}, is none"
            )
    return Want(by, name, dict(positions))


class ResourceManager(Participant):
    """Participant that grants requests, and stops granting while a refresh is under way."""

    name = "resource-manager"

    def __init__(self, store: Store, *, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._lock = threading.Lock()
        self._stopped_by: dict[str, bool] = {}  # refresh id → whether holders may have more
        self._waiting: dict[str, threading.Event] = {}
        self._refused: dict[str, str] = {}
        self._looking = threading.Lock()
        self._dirty = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._unsubscribe: Any = None

    def start(self) -> None:
        """From now on, what becomes free is given to those who wait."""
        self._unsubscribe = self._store.changes.subscribe(self._on_change)
        self._thread = threading.Thread(target=self._serve, name="hotlab-resource-manager", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Grant nothing any more. Tasks that wait go on waiting; they are told to end by others."""
        self._closed = True
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def request(
        self,
        task: TaskRecord,
        wants: Sequence[Want],
        *,
        priority: int,
        timeout: float | None,
        ending: Ending,
    ) -> RequestRecord:
        """Ask for resources and wait until they are granted. The caller gives them back with :meth:`release`.

        Raises:
            ResourceRequestError: this lab can never meet the request.
            ResourceTimeout: not granted within `timeout` seconds.
            TaskCancelled: the task was told to end.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self.stopped:  # in a refresh, what the lab has is about to change: the look at its end decides
            reason = self._store.resources.why_never(wants)
            if reason is not None:
                raise ResourceRequestError(f"the request can never be met: {reason}")
        event = threading.Event()
        request_id = self._store.resources.ask(task.id, task.root_id, wants, priority=priority, run_id=self._run_id)
        if request_id is None:
            raise ResourceRequestError("the task was ended meanwhile: it gets nothing any more")
        try:
            with self._lock:
                self._waiting[request_id] = event
            self._dirty.set()
            return self._wait(request_id, event, deadline, timeout, ending)
        except BaseException:
            self.release(request_id)
            raise
        finally:
            with self._lock:
                self._waiting.pop(request_id, None)
                self._refused.pop(request_id, None)

    def release(self, request_id: str) -> None:
        """Give back what a request was granted; harmless if that was done."""
        self._store.resources.end(request_id)

    def allocate(self) -> None:
        """Look once at all that wait, and grant what can be."""
        with self._looking:
            with self._lock:
                rules = self._rules()
            result = self._store.resources.grant_waiting(rules)
        with self._lock:
            self._refused.update(result.refused)
            events = [
                self._waiting[request_id]
                for request_id in (*result.granted, *result.refused)
                if request_id in self._waiting
            ]
        for event in events:
            event.set()

    @property
    def stopped(self) -> bool:
        """Whether a refresh has stopped allocating."""
        with self._lock:
            return bool(self._stopped_by)

    def stop_allocating(self, refresh: Refresh) -> None:
        """From here on new requests wait, but those of tasks that hold something."""
        with self._lock:
            self._stopped_by[refresh.id] = True
        with self._looking:  # a look that began before has ended: nothing is granted under the old rules
            pass

    def disconnect(self, refresh: Refresh) -> None:
        """The drain is over: what this refresh has paused is given to nobody any more."""
        with self._lock:
            if refresh.id in self._stopped_by:
                self._stopped_by[refresh.id] = False
        with self._looking:
            pass

    def reimport(self, refresh: Refresh) -> None:
        """Take the positions that belong to no device; those of devices come with the devices."""
        assert refresh.new is not None
        self.define_positions(refresh.new)

    def roll_back(self, refresh: Refresh) -> None:
        """Back to the positions of the old generation."""
        self.define_positions(refresh.old)

    def define_positions(self, generation: Generation) -> None:
        """Make the positions that belong to no device those that a generation defines."""
        define_standalone_positions(self._store, Definitions.of(generation).positions.values())

    def resume_allocating(self, refresh: Refresh) -> None:
        """New requests are granted again."""
        with self._lock:
            self._stopped_by.pop(refresh.id, None)
        self.allocate()

    def _rules(self) -> Rules:
        if not self._stopped_by:
            return Rules()
        passing = [refresh_id for refresh_id, draining in self._stopped_by.items() if draining]
        return Rules(
            holders_only=True,
            holders_pass=f"{states.REFRESH_OWNER_PREFIX}{passing[0]}" if passing else None,
        )

    def _wait(
        self,
        request_id: str,
        event: threading.Event,
        deadline: float | None,
        timeout: float | None,
        ending: Ending,
    ) -> RequestRecord:
        while True:
            event.clear()
            record = self._store.resources.get(request_id)
            assert record is not None
            if record.state == states.REQUEST_GRANTED:
                return record
            ending.check()
            if record.state == states.REQUEST_ENDED:
                with self._lock:
                    reason = self._refused.get(request_id, "the task was ended meanwhile")
                raise ResourceRequestError(f"the request can no longer be met: {reason}")
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                asked = ", ".join(str(Want.from_json(line)) for line in record.wants)
                raise ResourceTimeout(f"not free within {timeout:g} s: {asked}")
            ending.wait(event, left)

    def _on_change(self, topics: frozenset[str]) -> None:
        if "*" in topics or (self._waiting and topics & _CONCERNING):
            self._dirty.set()

    def _serve(self) -> None:
        while True:
            self._dirty.wait()
            self._dirty.clear()
            if self._closed:
                return
            try:
                self.allocate()
            except Exception:
                if not self._closed:
                    _log.exception("looking at the waiting requests failed; trying again at once")
                    self._dirty.set()
                    time.sleep(0.5)
