"""The base class of whatever takes part in a refresh: override what you need, the rest does nothing.

Reads as the lifecycle. When each method is called, on which thread, and what an exception does is said once, in
:mod:`hotlab.refreshing.hookspecs`, at the hook of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotlab.refreshing.markers import hookimpl

if TYPE_CHECKING:
    from hotlab.refreshing.refresh import Refresh
    from hotlab.refreshing.reports import Blocker, RefreshReport, StepReport


class Participant:
    """Takes part in refreshes once registered with :meth:`hotlab.refreshing.Refresher.register`."""

    name: str = ""

    def stop_launching(self, refresh: Refresh) -> None:
        """Step 1. Undone by `resume_launching`."""

    def stop_allocating(self, refresh: Refresh) -> None:
        """Step 2. Undone by `resume_allocating`."""

    def pause_devices(self, refresh: Refresh) -> None:
        """Step 3. Undone by `resume_devices`."""

    def blockers(self, refresh: Refresh) -> Sequence[Blocker]:
        """Step 4: what has to end first."""
        return ()

    def disconnect(self, refresh: Refresh) -> None:
        """Step 5, on the old generation."""

    def reimport(self, refresh: Refresh) -> None:
        """Step 6: the new generation is current; take its definitions."""

    def connect(self, refresh: Refresh) -> None:
        """Step 7, on the new generation."""

    def roll_back(self, refresh: Refresh) -> None:
        """After a failure in steps 5-7: back to the old generation."""

    def resume_devices(self, refresh: Refresh) -> None:
        """Step 8: release what this refresh paused, nothing else."""

    def resume_allocating(self, refresh: Refresh) -> None:
        """Step 9."""

    def resume_launching(self, refresh: Refresh) -> None:
        """Step 10."""

    def refresh_started(self, refresh: Refresh) -> None:
        """Observer: an edit is staged, the pauses begin."""

    def step_finished(self, refresh: Refresh, step: StepReport) -> None:
        """Observer: one of the ten steps is over."""

    def refresh_finished(self, report: RefreshReport) -> None:
        """Observer: the refresh is over."""

    @hookimpl
    def hotlab_refresh_started(self, refresh: Refresh) -> None:
        self.refresh_started(refresh)

    @hookimpl
    def hotlab_stop_launching(self, refresh: Refresh) -> None:
        self.stop_launching(refresh)

    @hookimpl
    def hotlab_stop_allocating(self, refresh: Refresh) -> None:
        self.stop_allocating(refresh)

    @hookimpl
    def hotlab_pause_devices(self, refresh: Refresh) -> None:
        self.pause_devices(refresh)

    @hookimpl
    def hotlab_blockers(self, refresh: Refresh) -> Sequence[Blocker]:
        return self.blockers(refresh)

    @hookimpl
    def hotlab_disconnect(self, refresh: Refresh) -> None:
        self.disconnect(refresh)

    @hookimpl
    def hotlab_reimport(self, refresh: Refresh) -> None:
        self.reimport(refresh)

    @hookimpl
    def hotlab_connect(self, refresh: Refresh) -> None:
        self.connect(refresh)

    @hookimpl
    def hotlab_roll_back(self, refresh: Refresh) -> None:
        self.roll_back(refresh)

    @hookimpl
    def hotlab_resume_devices(self, refresh: Refresh) -> None:
        self.resume_devices(refresh)

    @hookimpl
    def hotlab_resume_allocating(self, refresh: Refresh) -> None:
        self.resume_allocating(refresh)

    @hookimpl
    def hotlab_resume_launching(self, refresh: Refresh) -> None:
        self.resume_launching(refresh)

    @hookimpl
    def hotlab_step_finished(self, refresh: Refresh, step: StepReport) -> None:
        self.step_finished(refresh, step)

    @hookimpl
    def hotlab_refresh_finished(self, report: RefreshReport) -> None:
        self.refresh_finished(report)
