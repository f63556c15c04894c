"""Writes into the store what a run is doing: its heartbeat, its generations, its refreshes.

An observer of refreshes and a thread of its own. What it writes is for people and commands; nothing waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from hotlab.importing import Generation, Lab
from hotlab.refreshing import Participant, Refresh, Refresher, RefreshReport, StepReport
from hotlab.runtime.store import Store, states

_log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 2.0


class GenerationsAlive:
    """Tells which generations of a lab are alive, without keeping one so.

    Args:
        lab: the lab.
        on_gone: called after one was collected: by the garbage collector, hence on any thread, in the middle of
            anything. It must be safe there.
    """

    def __init__(self, lab: Lab, on_gone: Callable[[], object]) -> None:
        self._lab = lab
        self._on_gone = on_gone
        self._watched: set[weakref.ref[Generation]] = set()

    def told(self, device_generation: Generation) -> list[dict[str, Any]]:
        """The generations as :attr:`hotlab.runtime.store.RunRecord.generations_alive` gives them."""
        alive = self._lab.generations_alive()
        self._watched.update(weakref.ref(generation, self._gone) for generation in alive)
        return [
            {
                "number": generation.number,
                "digest": generation.digest,
                "current": generation is self._lab.current,
                "devices": generation is device_generation,
            }
            for generation in alive
        ]

    def _gone(self, reference: weakref.ref[Generation]) -> None:
        self._watched.discard(reference)
        self._on_gone()


class RunRecord(Participant):
    """Keeps a run's rows up to date, from :meth:`start` to :meth:`stop`."""

    name = "run-record"

    def __init__(self, store: Store, refresher: Refresher, *, run_id: str) -> None:
        self._store = store
        self._refresher = refresher
        self._run_id = run_id
        self._notes: dict[str, Any] = {}
        self._idle = threading.Event()
        self._idle.set()
        self._stopped = False
        # The garbage collector may put into it at any moment, which no Event allows: it may hold the Event's lock.
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._alive = GenerationsAlive(refresher.lab, lambda: self._news.put(None))
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat."""
        self.beat()
        self._thread = threading.Thread(target=self._keep_beating, name="hotlab-beat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The run has ended in order."""
        self._stopped = True
        self._news.put(None)
        if self._thread is not None:
            self._thread.join(5.0)
        self._store.runs.end(self._run_id)

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no refresh pauses anything, at most so many seconds; whether that is so."""
        return self._idle.wait(timeout)

    def beat(self) -> None:
        """Say that the run is alive, and on which generations."""
        current = self._refresher.lab.current
        self._store.runs.beat(
            self._run_id,
            generation_number=current.number,
            generation_digest=current.digest,
            device_generation=self._refresher.device_generation.number,
            notes={**self._notes, states.GENERATIONS_NOTE: self._alive.told(self._refresher.device_generation)},
        )

    def refresh_started(self, refresh: Refresh) -> None:
        """Note that a refresh is under way."""
        self._idle.clear()
        self._notes["refresh"] = f"{refresh.id} began at {time.strftime('%H:%M:%S')}"
        self._news.put(None)

    def step_finished(self, refresh: Refresh, step: StepReport) -> None:
        """Note how far the refresh is."""
        self._notes["refresh"] = f"{refresh.id}: step {step.number}, {step.name}, is done"
        self._news.put(None)  # written by the thread: the pauses last no longer for it

    def refresh_finished(self, report: RefreshReport) -> None:
        """Write the report down. A look of the watcher that found nothing changed is no news."""
        self._notes.pop("refresh", None)
        self._idle.set()
        if report.changed or report.outcome != "done" or report.trigger != "watcher":
            self._store.refreshes.add(report.to_json(), run_id=self._run_id)
        self.beat()

    def _keep_beating(self) -> None:
        while not self._stopped:
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=HEARTBEAT_SECONDS)
                while True:  # one beat tells all that came together
                    self._news.get_nowait()
            try:
                self.beat()
            except Exception:
                if not self._stopped:
                    _log.exception("the heartbeat can't be written; trying again")
