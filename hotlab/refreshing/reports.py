"""What a refresh comes to, as immutable values."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    from hotlab.importing import Generation, Lab

Outcome = Literal["done", "refused", "deferred"]

STEPS = (
    "stop_launching",
    "stop_allocating",
    "pause_devices",
    "drain",
    "disconnect",
    "reimport",
    "connect",
    "resume_devices",
    "resume_allocating",
    "resume_launching",
)
"""The ten steps in their order; step 1 is undone by step 10, 2 by 9, 3 by 8."""


@attrs.frozen
class StepReport:
    """One step that was taken: its number from 1 to 10, its name, how long it took in seconds, and its fault."""

    number: int
    name: str
    seconds: float
    ok: bool = True
    error: str | None = None


@attrs.frozen
class Blocker:
    """What a drain waits for: a task, the devices and positions it holds, and since when (epoch seconds)."""

    what: str
    holds: tuple[str, ...] = ()
    since: float = 0.0


@attrs.frozen(eq=False, slots=False)
class Begun:
    """A refresh from its beginning: what every report on it says, whatever comes of it."""

    lab: Lab
    trigger: str
    before: Generation
    id: str = attrs.field(factory=lambda: os.urandom(6).hex())
    started: float = attrs.field(factory=time.time)
    _clock: float = attrs.field(factory=time.monotonic)

    def report(self, **values: Any) -> RefreshReport:
        """The report, now, with what came of it."""
        return RefreshReport(
            generation=self.lab.current.number,
            digest=self.lab.current.digest,
            old_digest=self.before.digest,
            lab=self.lab.name,
            id=self.id,
            trigger=self.trigger,
            started=self.started,
            seconds=time.monotonic() - self._clock,
            **values,
        )


# Without slots: frozen attrs classes are made three times as fast that way, and each task start may make one.
@attrs.frozen(kw_only=True, slots=False)
class RefreshReport:
    """The outcome of one refresh. It never raises for a fault in lab code: the fault is in here.

    Attributes:
        ok: the edit is current and every device belongs to it.
        outcome: ``done``, ``refused`` (the lab goes on with the old generation) or ``deferred`` (new tasks run on the
            new generation, the devices follow once the tasks named in `blockers` have ended).
        changed: names of modules that were edited, added or removed.
        reloaded: names of modules that were executed, in that order.
        error: what went wrong, where, in one text; None where nothing did.
        failed_step: the name of the step that failed; ``"stage"`` where the edit was refused before any pause.
        steps: the steps that were taken, in order.
        generation: number of the generation that is current now.
        digest: its digest.
        old_digest: digest of the generation that was current before.
        blockers: what the drain was still waiting for when its time was up.
        resumed_with_errors: resumes that failed, by participant; the other resumes ran all the same.
        not_reloadable: what the edit touches and can't be reloaded, with what to do.
        started: when it began, in epoch seconds.
        seconds: how long it took.
    """

    ok: bool
    outcome: Outcome
    changed: tuple[str, ...] = ()
    reloaded: tuple[str, ...] = ()
    error: str | None = None
    failed_step: str | None = None
    steps: tuple[StepReport, ...] = ()
    generation: int
    digest: str
    old_digest: str
    lab: str
    id: str
    trigger: str
    started: float
    seconds: float
    blockers: tuple[Blocker, ...] = ()
    resumed_with_errors: tuple[str, ...] = ()
    not_reloadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return attrs.asdict(self)


def nothing_changed(lab: Lab) -> RefreshReport:
    """The report of a refresh that had nothing to look at: the shortest way to one, as each task start may ask."""
    current = lab.current
    digest = current.digest
    return RefreshReport(
        ok=True,
        outcome="done",
        generation=current.number,
        digest=digest,
        old_digest=digest,
        lab=lab.name,
        id=os.urandom(6).hex(),
        trigger="api",
        started=time.time(),
        seconds=0.0,
    )
