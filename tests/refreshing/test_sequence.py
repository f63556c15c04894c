"""The ten steps: their order, and what each fault in each of them comes to."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import hotlab
from hotlab.refreshing import STEPS, Blocker, Refresher, RefreshLimits, RefreshReport
from tests.importing.lab_on_disk import LabOnDisk
from tests.refreshing.recording import Fault, Recorder

WAIT = 20.0
PAUSES = ["stop_launching", "stop_allocating", "pause_devices"]
RESUMES = ["resume_devices", "resume_allocating", "resume_launching"]


def fail() -> None:
    raise RuntimeError("jammed")


def leave() -> None:
    sys.exit(3)


def hang() -> None:
    threading.Event().wait(WAIT)


FAULTS = {"exception": (fail, "jammed"), "exit": (leave, "SystemExit"), "hang": (hang, "abandoned")}


def refresher_of(lab: LabOnDisk, *participants: Recorder, **limits: float) -> Refresher:
    """A refresher in which the participants are registered in this order."""
    quick = {"stop_timeout": 0.3, "pause_timeout": 0.3, "disconnect_timeout": 0.3, "connect_timeout": 0.3,
             "reimport_timeout": 0.3, "resume_timeout": 0.3, "drain_timeout": 0.6}  # fmt: skip
    made = Refresher(hotlab.enable(lab.name), limits=RefreshLimits(**{**quick, **limits}))
    for participant in participants:
        made.register(participant)
    return made


def ask(refresher: Refresher) -> RefreshReport:
    """Refresh and wait for the report."""
    report = refresher.refresh(timeout=WAIT)
    assert report is not None
    return report


def two(faults: dict[str, Fault] | None = None) -> tuple[Recorder, Recorder, list[str]]:
    """Two participants, the second of which (called first) is sound."""
    calls: list[str] = []
    return Recorder("a", calls, faults), Recorder("b", calls), calls


def test_the_ten_steps_in_order_and_the_resumes_in_exact_reverse(lab: LabOnDisk) -> None:
    """Each participant is asked once per step; paused last, resumed first; the new code shows from step 6 on."""
    a, b, calls = two()
    refresher = refresher_of(lab, a, b)
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert report.ok and report.outcome == "done" and report.error is None
    assert [step.name for step in report.steps] == list(STEPS)
    assert [step.number for step in report.steps] == list(range(1, 11))
    assert all(step.ok and step.seconds >= 0 for step in report.steps)
    forward = [f"{who}:{step}" for step in [*PAUSES, "disconnect", "reimport", "connect"] for who in "ba"]
    backward = [f"{who}:{step}" for step in RESUMES for who in "ab"]
    assert calls == forward + backward
    assert [a.seen[step] for step in ("pause_devices", "disconnect", "reimport", "connect")] == [
        1,
        1,
        2,
        2,
    ]
    assert report.changed == report.reloaded == ("seqlab.oven",)
    assert a.reports == [report] and report.generation == 1
    assert RefreshReport(**{**report.to_json(), "steps": report.steps}).steps == report.steps


def test_nothing_changed_pauses_nothing(lab: LabOnDisk) -> None:
    """A refresh without an edit takes no step."""
    a, b, calls = two()
    report = ask(refresher_of(lab, a, b))
    assert report.ok and report.steps == () and calls == []


@pytest.mark.parametrize("text", ["V = (", "1/0", "from .nothing import x", "raise SystemExit(1)"])
def test_an_edit_that_does_not_import_pauses_nothing(lab: LabOnDisk, text: str) -> None:
    """[R20] It is refused before step 1, with file and line; mended, it is taken."""
    a, b, calls = two()
    refresher = refresher_of(lab, a, b)
    lab.write(oven=text)
    report = ask(refresher)
    assert (report.ok, report.outcome, report.failed_step, report.steps, calls) == (
        False,
        "refused",
        "stage",
        (),
        [],
    )
    assert "oven.py:1" in str(report.error) and report.changed == ("seqlab.oven",)
    lab.write(oven="V = 3")
    assert ask(refresher).ok and lab.module("oven").V == 3


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", [*PAUSES, "drain", "disconnect", "reimport", "connect"])
def test_a_fault_in_a_step_leaves_the_old_generation_and_nothing_paused(lab: LabOnDisk, step: str, kind: str) -> None:
    """Whatever a participant does in steps 1-7: refused, step and cause named, old code current, all resumes run,
    and the same edit is taken once the participant is sound again."""
    fault, says = FAULTS[kind]
    a, b, calls = two({step: fault})
    refresher = refresher_of(lab, a, b)
    before = hotlab.current(lab.name)
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert not report.ok and report.outcome == "refused" and report.failed_step == step
    assert says in str(report.error) and f"{step}: a" in str(report.error)
    assert hotlab.current(lab.name) is before and lab.module("oven").V == 1
    begun = PAUSES[: PAUSES.index(step) + 1] if step in PAUSES else PAUSES
    undone = [f"resume_{pause.removeprefix('stop_').removeprefix('pause_')}" for pause in reversed(begun)]
    assert calls[-2 * len(undone) :] == [f"{who}:{resume}" for resume in undone for who in "ab"]
    assert [taken.name for taken in report.steps if not taken.ok] == [step]
    rolled_back = [call for call in calls if "roll_back" in call]
    assert rolled_back == (["b:roll_back", "a:roll_back"] if step in ("disconnect", "reimport", "connect") else [])
    a.faults.clear()
    assert ask(refresher).ok and lab.module("oven").V == 2


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", RESUMES)
def test_a_fault_in_a_resume_does_not_stop_the_others(lab: LabOnDisk, step: str, kind: str) -> None:
    """The other resumes run, and the report says which one failed."""
    fault, says = FAULTS[kind]
    a, b, calls = two({step: fault})
    refresher = refresher_of(lab, a, b)
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert report.outcome == "done" and lab.module("oven").V == 2
    assert len(report.resumed_with_errors) == 1 and says in report.resumed_with_errors[0]
    assert calls[-6:] == [f"{who}:{resume}" for resume in RESUMES for who in "ab"]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_while_rolling_back_is_reported_and_the_lab_resumes(lab: LabOnDisk, kind: str) -> None:
    """Even a second failure leaves nothing paused."""
    a, b, calls = two({"connect": fail, "roll_back": FAULTS[kind][0]})
    refresher = refresher_of(lab, a, b)
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert report.failed_step == "connect" and len(report.resumed_with_errors) == 1
    assert calls[-6:] == [f"{who}:{resume}" for resume in RESUMES for who in "ab"]
    assert lab.module("oven").V == 1


def test_a_failing_observer_harms_nothing(lab: LabOnDisk) -> None:
    """Observers are logged and that is all."""
    a, b, _ = two({"step_finished": fail})
    lab.write(oven="V = 2")
    assert ask(refresher_of(lab, a, b)).ok


def test_a_drain_over_its_time_defers_the_edit_and_takes_it_later(lab: LabOnDisk) -> None:
    """[R26] The lab resumes, the task is named, new work runs on new code; when the task ends the devices follow."""
    a, b, calls = two()
    refresher = refresher_of(lab, a, b)
    a.waiting_for = [Blocker("anneal-7", ("furnace_1",), 1.0)]
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert (report.ok, report.outcome, report.failed_step) == (False, "deferred", "drain")
    assert "anneal-7" in str(report.error) and "furnace_1" in str(report.error)
    assert report.blockers == (Blocker("anneal-7", ("furnace_1",), 1.0),)
    assert calls[-6:] == [f"{who}:{resume}" for resume in RESUMES for who in "ab"]
    assert lab.module("oven").V == 2 and refresher.deferred
    a.finished.clear()
    a.waiting_for = []
    assert a.finished.wait(WAIT)
    retried = a.reports[-1]
    assert retried.ok and retried.trigger == "retry" and len(retried.steps) == 10 and not refresher.deferred


def test_a_deferred_edit_that_cannot_connect_goes_back_all_the_way(lab: LabOnDisk) -> None:
    """Both marks return to the generation that the devices belong to."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b)
    a.waiting_for = [Blocker("anneal-7")]
    lab.write(oven="V = 2")
    assert ask(refresher).outcome == "deferred"
    a.faults["connect"] = fail
    a.finished.clear()
    a.waiting_for = []
    assert a.finished.wait(WAIT)
    assert a.reports[-1].failed_step == "connect"
    assert lab.module("oven").V == 1 and not refresher.deferred


def test_a_deferred_edit_is_tried_again_until_it_is_through(lab: LabOnDisk) -> None:
    """Neither a broken save in between nor a participant that fails once makes the lab forget what it owes."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b)
    a.waiting_for = [Blocker("anneal-7")]
    lab.write(oven="V = 2")
    assert ask(refresher).outcome == "deferred"
    lab.write(oven="V = (")
    failures = iter([fail])
    a.faults["stop_launching"] = lambda: next(failures, lambda: None)()
    through = threading.Event()
    b.faults["connect"] = through.set
    a.waiting_for = []
    assert through.wait(WAIT)
    assert refresher.refresh(timeout=WAIT) is not None
    assert not refresher.deferred and lab.module("oven").V == 2


def test_an_edit_on_top_of_a_deferred_one_that_cannot_connect_goes_back_to_the_devices(lab: LabOnDisk) -> None:
    """Old is what the devices belong to: no mark stays on the generation in between, which never connected."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b)
    devices = hotlab.current(lab.name)
    a.waiting_for = [Blocker("anneal-7")]
    lab.write(oven="V = 2")
    assert ask(refresher).outcome == "deferred"
    refresher.close()  # no retry by itself: the next edit comes first
    a.waiting_for = []
    a.faults["connect"] = fail
    lab.write(oven="V = 3")
    assert ask(refresher).failed_step == "connect"
    assert hotlab.current(lab.name) is devices is refresher.device_generation
    a.faults.clear()
    assert ask(refresher).ok and lab.module("oven").V == 3


def test_a_task_that_ends_wakes_the_drain(lab: LabOnDisk) -> None:
    """The drain ends as soon as nothing blocks it, well before its time is up."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b, drain_timeout=WAIT)
    a.waiting_for = [Blocker("t")]
    a.faults["pause_devices"] = lambda: threading.Timer(0.05, a.waiting_for.clear).start()
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert report.ok and next(step for step in report.steps if step.name == "drain").seconds < WAIT / 2


def test_asks_are_folded_and_none_is_lost(lab: LabOnDisk) -> None:
    """[R54] Who asks while a refresh runs gets the one that follows, and with it the newest text."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b, pause_timeout=WAIT)
    entered, go = threading.Event(), threading.Event()

    def pause() -> Any:
        entered.set()
        return go.wait(WAIT)

    a.faults["pause_devices"] = pause
    lab.write(oven="V = 2")
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(ask, refresher)
        assert entered.wait(WAIT)
        lab.write(oven="V = 3")
        others = [pool.submit(ask, refresher) for _ in range(4)]
        deadline = time.monotonic() + WAIT
        while refresher._next is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        go.set()
        assert first.result(WAIT).ok
        reports = [other.result(WAIT) for other in others]
    assert all(report.ok for report in reports) and lab.module("oven").V == 3
    assert len(a.reports) <= 3


def test_a_participant_that_asks_for_a_refresh_is_told_so(lab: LabOnDisk) -> None:
    """Waiting for a refresh from within one would be a deadlock: it is an error that says what to do."""
    a, b, _ = two()
    refresher = refresher_of(lab, a, b)
    a.faults["pause_devices"] = lambda: refresher.refresh()
    lab.write(oven="V = 2")
    report = ask(refresher)
    assert report.failed_step == "pause_devices" and "wait=False" in str(report.error)


def test_an_unregistered_participant_is_out(lab: LabOnDisk) -> None:
    """`register` returns its undo."""
    a, b, calls = two()
    refresher = refresher_of(lab, a)
    refresher.register(b)()
    lab.write(oven="V = 2")
    assert ask(refresher).ok and not any(call.startswith("b:") for call in calls)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_impossible_limits_are_refused(seconds: float) -> None:
    """A limit is a positive number of seconds."""
    with pytest.raises(ValueError, match="drain_timeout"):
        RefreshLimits(drain_timeout=seconds)
