"""The extension points of a refresh, one function each.

All of them are called on a thread of the refresh's own, one at a time, the participant registered last first (and the
resumes in exactly the reverse order). Each call has the time limit of its step (`RefreshLimits`); one over it counts
as failed and is abandoned. An exception of a hook for steps 1-7, ``SystemExit`` included, stops the refresh: what was
begun is rolled back, every resume still runs, and the report names step, participant and cause. Hook wrappers are not
called: a pause is a pair of hooks, not a wrapper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotlab.refreshing.markers import hookspec

if TYPE_CHECKING:
    from hotlab.refreshing.refresh import Refresh
    from hotlab.refreshing.reports import Blocker, RefreshReport, StepReport


@hookspec
def hotlab_refresh_started(refresh: Refresh) -> None:
    """Before step 1, once the edit is staged and proven. An observer: an exception is logged and nothing else."""


@hookspec
def hotlab_stop_launching(refresh: Refresh) -> None:
    """Step 1: launch no task from here on. Undone by `hotlab_resume_launching`, also if this raised."""


@hookspec
def hotlab_stop_allocating(refresh: Refresh) -> None:
    """Step 2: grant no resources from here on, but to tasks that already hold some. Undone by
    `hotlab_resume_allocating`, also if this raised."""


@hookspec
def hotlab_pause_devices(refresh: Refresh) -> None:
    """Step 3: pause the devices. Undone by `hotlab_resume_devices`, also if this raised."""


@hookspec
def hotlab_blockers(refresh: Refresh) -> Sequence[Blocker]:  # type: ignore[empty-body]
    """Step 4: what the refresh has to wait for now. Asked again after `refresh.wake()`, and every 0.25 s. Return
    quickly and do not wait here; empty when nothing is in the way."""


@hookspec
def hotlab_disconnect(refresh: Refresh) -> None:
    """Step 5: disconnect the instances of `refresh.old` that go. The old generation's code is still current."""


@hookspec
def hotlab_reimport(refresh: Refresh) -> None:
    """Step 6: `refresh.new` is current: take its definitions."""


@hookspec
def hotlab_connect(refresh: Refresh) -> None:
    """Step 7: connect the instances of `refresh.new`. An exception brings both marks back to the old generation."""


@hookspec
def hotlab_roll_back(refresh: Refresh) -> None:
    """After a failure in steps 5-7, the old generation being current again: drop what was made, reconnect what was
    disconnected. Called for every participant; an exception is reported and the others are called all the same."""


@hookspec
def hotlab_resume_devices(refresh: Refresh) -> None:
    """Step 8, whatever happened: release what *this* refresh paused in step 3, and nothing else. Idempotent. An
    exception is reported, and the other resumes run."""


@hookspec
def hotlab_resume_allocating(refresh: Refresh) -> None:
    """Step 9, whatever happened: undo step 2. As step 8."""


@hookspec
def hotlab_resume_launching(refresh: Refresh) -> None:
    """Step 10, whatever happened: undo step 1. As step 8."""


@hookspec
def hotlab_step_finished(refresh: Refresh, step: StepReport) -> None:
    """After each of the ten steps, failed ones included. An observer."""


@hookspec
def hotlab_refresh_finished(report: RefreshReport) -> None:
    """After the last resume, or after a refusal that paused nothing. An observer: it may fail and is logged, and it
    is not waited for longer than 5 s."""
