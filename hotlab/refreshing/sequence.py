"""The ten steps. Knows no manager: whoever takes part comes in through the hooks.

Steps 1-3 enter, steps 8-10 leave in exactly the reverse order, whatever happens in between: every participant whose
pause was begun is resumed, also if its pause raised or a step in between failed or hung.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pluggy
from pluggy import HookImpl

from hotlab.importing import Generation, Lab
from hotlab.refreshing.refresh import Refresh, StepFailed, call_hook, implementations
from hotlab.refreshing.reports import STEPS, Blocker, StepReport

log = logging.getLogger(__name__)

PAUSES = {
    "stop_launching": "resume_launching",
    "stop_allocating": "resume_allocating",
    "pause_devices": "resume_devices",
}
LOOK_AGAIN_SECONDS = 0.25
OBSERVER_SECONDS = 5.0
LAB_STOPS = "the lab is stopping; the edit is taken at its next start"


class DrainTimedOut(Exception):
    """Tasks still ran when the drain's time was up. Control flow inside the sequence; never leaves it."""

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__()
        self.blockers = blockers


@attrs.define(eq=False)
class Sequence:
    """Takes one refresh through its steps and remembers what it did.

    After :meth:`run`: `steps`, `failure` (the step that failed), `blockers` (the drain timed out: deferred),
    `resumed_with_errors`.
    """

    lab: Lab
    manager: pluggy.PluginManager
    refresh: Refresh
    stopping: threading.Event = attrs.field(factory=threading.Event, kw_only=True)
    steps: list[StepReport] = attrs.field(factory=list)
    failure: StepFailed | None = None
    blockers: tuple[Blocker, ...] = ()
    resumed_with_errors: list[str] = attrs.field(factory=list)
    _paused: list[tuple[str, HookImpl]] = attrs.field(factory=list)

    def run(self, make_current: bool) -> None:
        """Steps 1 to 10. `make_current`: the new generation is staged and must be committed in step 6."""
        try:
            for step in PAUSES:
                self._step(step, partial(self._pause, step))
            self._step("drain", self._drain)
            self._change(make_current)
        except DrainTimedOut as timed_out:
            self.blockers = timed_out.blockers
        except StepFailed as failure:
            self.failure = failure
        finally:
            self._resume()

    def _change(self, make_current: bool) -> None:
        new = self.refresh.new
        assert new is not None
        try:
            self._step("disconnect", lambda: self._call("disconnect"))
            self._step("reimport", lambda: self._reimport(new if make_current else None))
            self._step("connect", lambda: self._call("connect"))
        except StepFailed:
            if self.lab.current is not self.refresh.old:
                self.lab.revert(self.refresh.old)
            self._roll_back()
            raise

    def _reimport(self, staged: Generation | None) -> None:
        if staged is not None:
            self.lab.commit(staged)
        self._call("reimport")

    def _step(self, step: str, action: Callable[[], None]) -> None:
        started = time.monotonic()
        error: str | None = None
        try:
            action()
        except DrainTimedOut:
            error = f"tasks still ran after {self.refresh.limits.drain_timeout:g} s"
            raise
        except StepFailed as failure:
            error = str(failure)
            raise
        except Exception as fault:  # ours, not the lab's: it must not leave the lab paused either
            log.exception("hotlab failed in step %s", step)
            error = f"{type(fault).__name__}: {fault}"
            raise StepFailed(step, "hotlab", error) from fault
        finally:
            self._finished(step, time.monotonic() - started, error)

    def _finished(self, step: str, seconds: float, error: str | None) -> None:
        report = StepReport(STEPS.index(step) + 1, step, seconds, error is None, error)
        self.steps.append(report)
        observe(self.manager, "hotlab_step_finished", refresh=self.refresh, step=report)

    def _pause(self, step: str) -> None:
        for impl in implementations(self.manager, f"hotlab_{step}"):
            self._paused.append((step, impl))
            self._call_one(impl, step)

    def _call(self, step: str) -> None:
        for impl in implementations(self.manager, f"hotlab_{step}"):
            self._call_one(impl, step)

    def _call_one(self, impl: HookImpl, step: str) -> Any:
        return call_hook(impl, step, self.refresh.limits.of(step), {"refresh": self.refresh})

    def _drain(self) -> None:
        deadline = self.refresh.deadline("drain")
        while True:
            blockers = self.blocking()
            if self.stopping.is_set():
                # Tasks that a stopping lab gives up leave nothing to wait for, and yet their threads go on.
                raise StepFailed("drain", "hotlab", LAB_STOPS)
            left = deadline - time.monotonic()
            if not blockers:
                return
            if left <= 0:
                raise DrainTimedOut(blockers)
            self.refresh.wait_woken(min(left, LOOK_AGAIN_SECONDS))

    def blocking(self) -> tuple[Blocker, ...]:
        """What is in the way now, as the participants say."""
        limit = self.refresh.limits.stop_timeout
        found: list[Blocker] = []
        for impl in implementations(self.manager, "hotlab_blockers"):
            found.extend(call_hook(impl, "drain", limit, {"refresh": self.refresh}) or ())
        return tuple(found)

    def _roll_back(self) -> None:
        for impl in implementations(self.manager, "hotlab_roll_back"):
            try:
                self._call_one(impl, "roll_back")
            except StepFailed as failure:
                log.error("%s", failure)
                self.resumed_with_errors.append(str(failure))

    def _resume(self) -> None:
        paused = list(reversed(self._paused))
        for step, resume in reversed(PAUSES.items()):
            resumes = {impl.plugin_name: impl for impl in implementations(self.manager, f"hotlab_{resume}")}
            mine = [impl for paused_step, impl in paused if paused_step == step]
            if not mine and not any(taken.name == step for taken in self.steps):
                continue
            started = time.monotonic()
            errors: list[str] = []
            for impl in mine:
                undo = resumes.get(impl.plugin_name)
                if undo is None:
                    continue
                try:
                    self._call_one(undo, resume)
                except StepFailed as failure:
                    log.error("%s", failure)
                    errors.append(str(failure))
            self.resumed_with_errors.extend(errors)
            self._finished(resume, time.monotonic() - started, "; ".join(errors) or None)


def observe(manager: pluggy.PluginManager, hook: str, **arguments: object) -> None:
    """Tell the observers. One that fails is logged; it never stops or delays a refresh beyond its limit."""
    for impl in implementations(manager, hook):
        try:
            call_hook(impl, hook, OBSERVER_SECONDS, arguments)
        except StepFailed as failure:
            log.warning("an observer failed: %s", failure)
