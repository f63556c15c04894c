"""The refresher: asks for refreshes are folded, run one at a time, and end as reports.

Any thread may ask. With a refresh under way, all who ask meanwhile share the one that follows it. Once a refresh is
deferred, it is tried again as soon as nothing blocks it.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from functools import partial

import attrs
import pluggy

from hotlab.importing import Generation, Lab, Plan, ReloadRefused
from hotlab.refreshing.limits import RefreshLimits
from hotlab.refreshing.participants import Participant
from hotlab.refreshing.plugins import new_plugin_manager
from hotlab.refreshing.refresh import Refresh, StepFailed
from hotlab.refreshing.reports import Begun, RefreshReport
from hotlab.refreshing.sequence import LAB_STOPS, Sequence, observe
from hotlab.refreshing.waiting import refuse_to_wait

log = logging.getLogger(__name__)

RETRY = "retry"
WATCHER = "watcher"
RETRY_SECONDS = 0.25
RETRY_AT_MOST_SECONDS = 30.0


@attrs.define(eq=False)
class _Ticket:
    trigger: str
    done: threading.Event = attrs.field(factory=threading.Event)
    report: RefreshReport | None = None


class Refresher:
    """Takes a lab through refreshes.

    Args:
        lab: the enabled lab.
        plugins: the plugin manager that holds the participants; left out, a new one with no plugin.
        limits: the time limits.
    """

    def __init__(
        self,
        lab: Lab,
        plugins: pluggy.PluginManager | None = None,
        limits: RefreshLimits | None = None,
    ) -> None:
        self.lab = lab
        self.plugins = plugins or new_plugin_manager()
        self.limits = limits or RefreshLimits()
        self.device_generation: Generation = lab.current
        self._turn = threading.Condition()
        self._running: _Ticket | None = None
        self._next: _Ticket | None = None
        self._retrying = False
        # What was refused last, and why: a file that is touched is no reason to say it again.
        self._refused: tuple[str | None, str] | None = None
        self._closed = threading.Event()
        self._stopping = threading.Event()

    def register(self, participant: Participant, name: str | None = None) -> Callable[[], None]:
        """Let a participant take part from the next refresh on; returns the undo."""
        key = self.plugins.register(participant, name=name or participant.name or None)

        def undo() -> None:
            if key is not None and self.plugins.has_plugin(key):
                self.plugins.unregister(name=key)

        return undo

    def refresh(self, trigger: str = "api", *, wait: bool = True, timeout: float | None = None) -> RefreshReport | None:
        """Take pending edits in.

        Args:
            trigger: who asks, for the report: ``api``, ``command``, ``watcher``.
            wait: wait for the outcome. ``False`` returns None at once.
            timeout: seconds to wait at most; None waits as long as the limits of the steps allow.

        Returns:
            The report, or None where it was not waited for or the time was up.

        Raises:
            ReloadInProgress: the refresh would wait for the caller: a module that is being imported, a running task,
                a device's method, a participant's hook.
        """
        if wait:
            self.lab.refuse_from_within()
            refuse_to_wait()
        with self._turn:
            if self._running is not None:
                ticket = self._next = self._next or _Ticket(trigger)
            else:
                ticket = self._running = _Ticket(trigger)
                threading.Thread(
                    target=self._work,
                    args=(ticket,),
                    name=f"hotlab-refresh-{self.lab.name}",
                    daemon=True,
                ).start()
        if not wait:
            return None
        ticket.done.wait(timeout)
        return ticket.report

    @property
    def deferred(self) -> bool:
        """Whether the devices belong to an older generation than new tasks do."""
        return self.device_generation is not self.lab.current

    def close(self) -> None:
        """Try deferred refreshes no more."""
        self._closed.set()

    def stop(self) -> None:
        """The lab is stopping: a refresh that has not passed its drain is given up, and no other begins.

        The edit is on disk: the next start takes it.
        """
        self.close()
        self._stopping.set()

    def _work(self, ticket: _Ticket | None) -> None:
        while ticket is not None:
            try:
                ticket.report = self._one(ticket.trigger)
            except BaseException as error:
                log.exception("hotlab failed in a refresh of %s; please report it", self.lab.name)
                ticket.report = self._our_fault(ticket.trigger, error)
            finally:
                with self._turn:
                    self._running, self._next = self._next, None
                    following = self._running
                ticket.done.set()
                self._retry_when_free()
            ticket = following

    def _our_fault(self, trigger: str, error: BaseException) -> RefreshReport:
        why = f"a fault in hotlab itself, please report it with the log: {type(error).__name__}"
        return Begun(self.lab, trigger, self.lab.current).report(
            ok=False, outcome="refused", error=why, failed_step="hotlab"
        )

    def _one(self, trigger: str) -> RefreshReport:
        begun = Begun(self.lab, trigger, self.lab.current)
        refresh = Refresh(begun.id, trigger, self.device_generation, None, limits=self.limits)

        def report(**values: object) -> RefreshReport:
            made = begun.report(changed=refresh.changed, reloaded=refresh.reloaded, **values)
            observe(self.plugins, "hotlab_refresh_finished", report=made)
            return made

        if self._stopping.is_set():
            return report(ok=False, outcome="refused", error=LAB_STOPS, failed_step="stage")
        plan: Plan | None = None
        staged: Generation | None = None
        try:
            plan = self.lab.plan()
            staged = self.lab.stage(plan) if plan is not None else None
        except ReloadRefused as refused:
            # A retry owes the devices the generation that was deferred, whatever has been saved since.
            if not (trigger == RETRY and self.deferred):
                refresh.changed = refused.changed
                told = (refused.digest, str(refused))
                again = trigger == WATCHER and refused.digest is not None and told == self._refused
                self._refused = told
                make = partial(begun.report, changed=refused.changed) if again else report
                return make(ok=False, outcome="refused", error=str(refused), failed_step="stage")
            plan = None
        if staged is None and not self.deferred:
            return report(ok=True, outcome="done")
        refresh.new = staged or self.lab.current
        refresh.changed = plan.changed if plan is not None else ()
        refresh.reloaded = tuple(staged.executed) if staged is not None else ()
        return self._sequence(refresh, staged, plan, report)

    def _sequence(
        self,
        refresh: Refresh,
        staged: Generation | None,
        plan: Plan | None,
        report: Callable[..., RefreshReport],
    ) -> RefreshReport:
        observe(self.plugins, "hotlab_refresh_started", refresh=refresh)
        sequence = Sequence(self.lab, self.plugins, refresh, stopping=self._stopping)
        sequence.run(make_current=staged is not None)
        common = {
            "steps": tuple(sequence.steps),
            "resumed_with_errors": tuple(sequence.resumed_with_errors),
            "not_reloadable": plan.not_reloadable if plan is not None else (),
        }
        if sequence.blockers:
            if staged is not None:
                self.lab.commit(staged)
            return report(
                ok=False,
                outcome="deferred",
                error=_waiting_for(sequence),
                failed_step="drain",
                blockers=sequence.blockers,
                **common,
            )
        if sequence.failure is not None:
            if staged is not None and self.lab.current is not staged:
                self.lab.discard(staged)
            failure = sequence.failure
            refresh.reloaded = ()
            return report(ok=False, outcome="refused", error=str(failure), failed_step=failure.step, **common)
        self.device_generation = self.lab.current
        return report(ok=True, outcome="done", **common)

    def _retry_when_free(self) -> None:
        with self._turn:
            if self._retrying or not self.deferred or self._closed.is_set():
                return
            self._retrying = True
        threading.Thread(target=self._retry_until_done, name="hotlab-retry", daemon=True).start()

    def _retry_until_done(self) -> None:
        """Try the deferred refresh when nothing blocks it; where it fails, again after a growing pause."""
        pause = RETRY_SECONDS
        try:
            while not self._closed.wait(pause) and self.deferred:
                if self._blocked():
                    pause = RETRY_SECONDS
                else:
                    self.refresh(RETRY)
                    pause = min(pause * 2, RETRY_AT_MOST_SECONDS)
        finally:
            with self._turn:
                self._retrying = False

    def _blocked(self) -> bool:
        probe = Refresh(uuid.uuid4().hex[:12], RETRY, self.device_generation, self.lab.current, limits=self.limits)
        try:
            return bool(Sequence(self.lab, self.plugins, probe).blocking())
        except StepFailed as failure:
            log.warning("a deferred refresh can't tell yet what blocks it: %s", failure)
            return True


def _waiting_for(sequence: Sequence) -> str:
    waiting = ", ".join(
        f"{blocker.what} (holds {', '.join(blocker.holds) or 'nothing'})" for blocker in sequence.blockers
    )
    limit = sequence.refresh.limits.drain_timeout
    return (
        f"drain: still running after {limit:g} s: {waiting}; new tasks run on the new code, the devices follow when "
        "these tasks have ended"
    )
