"""Participants that record what they are asked, and fail where they are told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import hotlab
from hotlab.refreshing import Blocker, Participant, Refresh, RefreshReport, StepReport

Fault = Callable[[], object]


class Recorder(Participant):
    """Writes `name:step` into a list that all recorders of a test share."""

    def __init__(self, name: str, calls: list[str], faults: dict[str, Fault] | None = None) -> None:
        self.name = name
        self.calls = calls
        self.faults = faults or {}
        self.waiting_for: list[Blocker] = []
        self.reports: list[RefreshReport] = []
        self.finished = threading.Event()
        self.seen: dict[str, int] = {}

    def _note(self, step: str, refresh: Refresh) -> None:
        self.calls.append(f"{self.name}:{step}")
        self.seen[step] = hotlab.current("seqlab").import_module("seqlab.oven").V
        if step in self.faults:
            self.faults[step]()

    def stop_launching(self, refresh: Refresh) -> None:
        self._note("stop_launching", refresh)

    def stop_allocating(self, refresh: Refresh) -> None:
        self._note("stop_allocating", refresh)

    def pause_devices(self, refresh: Refresh) -> None:
        self._note("pause_devices", refresh)

    def blockers(self, refresh: Refresh) -> Sequence[Blocker]:
        if "drain" in self.faults:
            self.faults["drain"]()
        return list(self.waiting_for)

    def disconnect(self, refresh: Refresh) -> None:
        self._note("disconnect", refresh)

    def reimport(self, refresh: Refresh) -> None:
        self._note("reimport", refresh)

    def connect(self, refresh: Refresh) -> None:
        self._note("connect", refresh)

    def roll_back(self, refresh: Refresh) -> None:
        self._note("roll_back", refresh)

    def resume_devices(self, refresh: Refresh) -> None:
        self._note("resume_devices", refresh)

    def resume_allocating(self, refresh: Refresh) -> None:
        self._note("resume_allocating", refresh)

    def resume_launching(self, refresh: Refresh) -> None:
        self._note("resume_launching", refresh)

    def step_finished(self, refresh: Refresh, step: StepReport) -> None:
        if "step_finished" in self.faults:
            self.faults["step_finished"]()

    def refresh_finished(self, report: RefreshReport) -> None:
        self.reports.append(report)
        self.finished.set()
