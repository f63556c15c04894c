"""The device manager in refreshes: what hangs, what comes back late, emergency stops, what stays FAULTED."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from hotlab.refreshing import Participant, Refresh
from hotlab.runtime.device_errors import CallOutcomeUnknown, DeviceConnectError, DeviceNotAvailable
from tests.runtime.conftest import LabFolder, Running, until
from tests.runtime.device_bench import (
    ALL_CONNECTED,
    INIT,
    OVENS_1,
    OVENS_2,
    DeviceBench,
    driver,
    running_bench,
    versions,
)
from tests.runtime.driver_world import world


@pytest.fixture
def bench(lab_folder: LabFolder) -> Iterator[DeviceBench]:
    with running_bench(lab_folder) as made:
        yield made


def test_a_connect_that_hangs_on_new_code(bench: DeviceBench) -> None:
    """It is FAULTED and named, the others go back to the old code; when it returns it is brought back in order."""
    gate = world.hang("oven_2.connect", version=2)
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert (report.outcome, report.failed_step) == ("refused", "connect")
    assert report.error is not None
    assert "device oven_2: connect has not returned" in report.error
    assert bench.states() == {**ALL_CONNECTED, "oven_2": "FAULTED"}
    assert bench.version("oven_1") == 1
    assert not world.passed("oven_2.connect", 1)
    assert bench.nothing_paused_by_refreshes()
    gate.set()
    bench.until_state("oven_2", "CONNECTED")
    assert bench.version("oven_2") == 1
    assert world.points("oven_2") == [
        ("oven_2.disconnect", 1),
        ("oven_2.connect", 2),
        ("oven_2.disconnect", 2),
        ("oven_2.connect", 1),
    ]


def test_a_disconnect_that_hangs(bench: DeviceBench) -> None:
    """The refresh is refused; the next one goes on without the hung device, which then comes back on new code."""
    gate = world.hang("oven_2.disconnect", version=1)
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert (report.outcome, report.failed_step) == ("refused", "disconnect")
    assert report.error is not None
    assert "device oven_2: disconnect has not returned" in report.error
    assert bench.states() == {**ALL_CONNECTED, "oven_2": "FAULTED"}
    report = bench.refresh()
    assert report.ok, report.error
    assert bench.states() == {**ALL_CONNECTED, "oven_2": "FAULTED"}
    assert not world.passed("oven_2.connect")
    gate.set()
    bench.until_state("oven_2", "CONNECTED")
    assert versions(bench) == OVENS_2
    assert world.points("oven_2") == [("oven_2.disconnect", 1), ("oven_2.connect", 2)]


def test_a_hung_call_is_not_disturbed_by_a_refresh(bench: DeviceBench) -> None:
    """A device whose call hangs is left alone by steps 5-7, and comes back on the new code when it returns."""
    gate = world.hang("oven_1.heat")
    with pytest.raises(CallOutcomeUnknown):
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=time.monotonic() + 0.1)
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert report.ok, report.error
    assert bench.states() == {**ALL_CONNECTED, "oven_1": "FAULTED"}
    assert world.points("oven_1") == [("oven_1.heat", 1)]
    gate.set()
    bench.until_state("oven_1", "CONNECTED")
    assert world.points("oven_1")[1:] == [("oven_1.disconnect", 1), ("oven_1.connect", 2)]


class AtStep(Participant):
    """Runs something in one step, before the device manager's turn (registered last, called first)."""

    name = "at-step"

    def __init__(self, step: str, action: Any) -> None:
        setattr(self, step, lambda refresh: action())


def test_a_device_that_comes_back_in_the_middle_of_a_refresh(bench: DeviceBench) -> None:
    """It is not connected on old code between the steps, and is connected on the new one in the end."""
    gate = world.hang("oven_1.heat")
    with pytest.raises(CallOutcomeUnknown):
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=time.monotonic() + 0.1)

    def come_back() -> None:
        gate.set()
        until(lambda: world.passed("oven_1.disconnect", 1))

    bench.refresher.register(AtStep("reimport", come_back))
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert report.ok, report.error
    bench.until_state("oven_1", "CONNECTED")
    assert versions(bench) == OVENS_2
    assert world.points("oven_1")[1:] == [("oven_1.disconnect", 1), ("oven_1.connect", 2)]


def test_a_device_that_comes_back_after_step_7(bench: DeviceBench) -> None:
    """It is connected on the new code when the refresh ends."""
    gate = world.hang("oven_1.heat")
    with pytest.raises(CallOutcomeUnknown):
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=time.monotonic() + 0.1)

    def come_back() -> None:
        gate.set()
        until(lambda: world.passed("oven_1.disconnect", 1))
        until(lambda: bench.manager.status("oven_1").running is None)

    bench.register_after_the_manager(AtStep("connect", come_back))
    bench.edit("Oven", 2)
    assert bench.refresh().ok
    bench.until_state("oven_1", "CONNECTED")
    assert versions(bench) == OVENS_2
    assert world.points("oven_1")[1:] == [("oven_1.disconnect", 1), ("oven_1.connect", 2)]


def test_a_new_instance_that_will_not_disconnect_does_not_stop_a_roll_back(bench: DeviceBench) -> None:
    """In a roll-back the old instance is connected even if the new one's disconnect raises."""
    world.fail("oven_2.connect", OSError("bad"), version=2)
    world.fail("oven_1.disconnect", OSError("worse"), version=2)
    bench.edit("Oven", 2)
    assert bench.refresh().outcome == "refused"
    assert bench.states() == ALL_CONNECTED
    assert versions(bench) == OVENS_1


def test_an_emergency_stop_during_a_roll_back(bench: DeviceBench) -> None:
    """What was stopped between its disconnect and its reconnect is not connected again."""
    world.fail("oven_2.connect", OSError("bad"), version=2)
    gate = world.hang("oven_1.disconnect", version=2)
    bench.edit("Oven", 2)
    refreshing = Running(bench.refresh)
    until(lambda: world.passed("oven_1.disconnect", 2))
    bench.manager.emergency_stop("oven_1")
    gate.set()
    refreshing.result()
    assert not world.passed("oven_1.connect", 1)
    assert bench.states()["oven_1"] == "FAULTED"
    bench.manager.reset("oven_1")
    assert versions(bench) == OVENS_1


def test_a_thread_left_behind_by_a_reset_connects_nothing(bench: DeviceBench) -> None:
    """A disconnect that returns after an operator has forced the device touches it no more."""
    world.fail("oven_2.connect", OSError("bad"), version=2)
    gate = world.hang("oven_1.disconnect", version=2)
    bench.edit("Oven", 2)
    assert bench.refresh().outcome == "refused"
    assert bench.states()["oven_1"] == "FAULTED"
    world.gates.clear()
    world.inside.clear()  # the driver left hanging overlaps by the operator's will
    bench.manager.reset("oven_1")
    assert world.points("oven_1")[-1] == ("oven_1.connect", 1)
    world.fail("oven_1.connect", OSError("gone"))
    with pytest.raises(DeviceConnectError):
        bench.manager.reset("oven_1")
    world.faults.clear()
    before = world.points("oven_1")
    gate.set()
    until(lambda: len([t for t in threading.enumerate() if t.name == "hotlab-device-oven_1"]) == 1)
    assert world.points("oven_1") == before
    assert bench.states()["oven_1"] == "FAULTED"
    world.overlaps.clear()


def test_a_refresh_that_was_given_up_can_do_nothing_more(bench: DeviceBench) -> None:
    """Its late step 6 or 7, on a thread that was abandoned, does not undo the roll-back."""
    bench.edit("Oven", 2)
    plan = bench.lab.plan()
    assert plan is not None
    staged = bench.lab.stage(plan)
    refresh = Refresh("r1", "api", bench.lab.current, staged)
    bench.manager.pause_devices(refresh)
    bench.manager.disconnect(refresh)
    bench.manager.roll_back(refresh)
    assert bench.states() == ALL_CONNECTED
    bench.manager.reimport(refresh)
    bench.manager.connect(refresh)
    assert versions(bench) == OVENS_1
    bench.manager.roll_back(refresh)
    assert versions(bench) == OVENS_1
    bench.manager.resume_devices(refresh)
    bench.manager.resume_devices(refresh)
    assert bench.nothing_paused_by_refreshes()
    assert [entry[1] for entry in bench.records.journal if entry[0] == "resume"] == list(bench.records.paused)
    bench.lab.discard(staged)


@pytest.mark.parametrize(
    "step",
    [
        "stop_launching",
        "stop_allocating",
        "pause_devices",
        "blockers",
        "disconnect",
        "reimport",
        "connect",
        "resume_devices",
        "resume_allocating",
        "resume_launching",
    ],
)
def test_an_emergency_stop_works_at_each_step(bench: DeviceBench, step: str) -> None:
    """Whatever the refresh is doing, the drivers are reached, and stay out of service until a reset."""
    reached: list[tuple[str, int]] = []

    def stop() -> tuple[()]:
        if not reached:
            assert bench.manager.emergency_stop() == {}
            reached.extend(p for p in world.points() if p[0].endswith(".stop"))
        return ()

    bench.refresher.register(AtStep(step, stop))
    bench.edit("Oven", 2)
    bench.refresh()
    assert {p for p, _ in reached} == {"oven_1.stop", "oven_2.stop", "arm.stop"}
    assert set(bench.states().values()) == {"FAULTED"}
    assert bench.nothing_paused_by_refreshes()
    for name in ALL_CONNECTED:
        bench.manager.reset(name)
    assert bench.states() == ALL_CONNECTED
    assert versions(bench) == OVENS_2


def test_faulted_devices_are_tried_again_and_hold_nobody_up(bench: DeviceBench) -> None:
    """A device that was FAULTED before is tried in each refresh; that it fails again refuses no edit."""
    world.fail("oven_1.connect", OSError("unplugged"))
    with pytest.raises(Exception, match="unplugged"):
        bench.manager.reset("oven_1")
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert report.ok, report.error
    assert bench.states() == {**ALL_CONNECTED, "oven_1": "FAULTED"}
    world.faults.clear()
    bench.edit("Arm", 2)
    assert bench.refresh().ok
    assert bench.states() == ALL_CONNECTED
    assert versions(bench) == {"oven_1": 2, "oven_2": 2, "arm": 2}


def test_a_device_that_cannot_come_back_is_faulted_by_name(bench: DeviceBench) -> None:
    """A roll-back whose reconnect fails leaves that one FAULTED, says so, and connects the others."""
    world.fail("oven_1.connect", OSError("worn out"))
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert report.outcome == "refused"
    assert bench.states() == {**ALL_CONNECTED, "oven_1": "FAULTED"}
    assert bench.version("oven_2") == 1
    assert any("oven_1" in line for line in report.resumed_with_errors)
    assert bench.nothing_paused_by_refreshes()


def test_a_new_device_that_cannot_connect_refuses_the_edit(bench: DeviceBench) -> None:
    """The edit is rolled back and the new device is gone, also from the records."""
    world.fail("oven_9.connect", OSError("nothing there"))
    bench.folder.write(INIT + '\nhotlab.add_device(Oven("oven_9"))\n')
    report = bench.refresh()
    assert (report.outcome, report.failed_step) == ("refused", "connect")
    assert bench.states() == ALL_CONNECTED
    assert set(bench.records.states) == set(ALL_CONNECTED)


def test_nothing_of_an_old_generation_is_kept(bench: DeviceBench) -> None:
    """Once its instances are replaced, the device manager holds on to no old class."""
    old = weakref.ref(type(bench.instance("oven_1")))
    bench.edit("Oven", 2)
    assert bench.refresh().ok
    bench.edit("Oven", 3)
    assert bench.refresh().ok
    gc.collect()
    assert old() is None


def test_calls_while_refreshes_run_reach_one_whole_generation(bench: DeviceBench) -> None:
    """Calls made all the time either reach a connected instance or are refused; none is lost or doubled."""
    stop = threading.Event()
    made: list[int] = []

    def work() -> None:
        while not stop.is_set():
            with contextlib.suppress(DeviceNotAvailable):
                made.append(bench.call("arm", "heat")["version"])

    workers = [Running(work) for _ in range(4)]
    for version in range(2, 6):
        bench.edit("Arm", version)
        assert bench.refresh().ok
        until(lambda v=version: made[-1:] == [v])  # type: ignore[misc]
    stop.set()
    for worker in workers:
        worker.result()
    assert len([e for e in world.events if e.point == "arm.heat"]) == len(made)


def test_a_removed_device_that_hangs_goes_when_it_returns(bench: DeviceBench) -> None:
    """Until then it stays listed, FAULTED; then it is disconnected and taken out."""
    gate = world.hang("oven_2.heat")
    with pytest.raises(CallOutcomeUnknown):
        bench.manager.call("oven_2", "heat", task_id="t1", deadline=time.monotonic() + 0.1)
    bench.folder.write(INIT.replace('hotlab.add_device(Oven("oven_2", port="b"))', ""))
    assert bench.refresh().ok
    assert bench.states() == {**ALL_CONNECTED, "oven_2": "FAULTED"}
    gate.set()
    until(lambda: "oven_2" not in bench.states())
    assert world.points("oven_2") == [("oven_2.heat", 1), ("oven_2.disconnect", 1)]
    until(lambda: "oven_2" not in bench.records.states)


def test_a_resume_that_fails_for_one_device_releases_the_others(
    bench: DeviceBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says which, and resuming again releases only what is left."""
    remove = bench.records.remove_pause

    def refuse(device: str, owner: str) -> None:
        if device == "oven_1":
            raise OSError("store locked")
        remove(device, owner)

    monkeypatch.setattr(bench.records, "remove_pause", refuse)
    bench.edit("Arm", 2)
    report = bench.refresh()
    assert any("oven_1: OSError: store locked" in line for line in report.resumed_with_errors)
    assert bench.records.pauses("oven_1") == [f"refresh:{report.id}"]
    assert bench.records.pauses("oven_2") == bench.records.pauses("arm") == []
    monkeypatch.undo()
    bench.records.journal.clear()
    bench.manager.resume_devices(Refresh(report.id, "api", bench.lab.current, None))
    assert bench.records.journal == [("resume", "oven_1", f"refresh:{report.id}")]
    assert bench.nothing_paused_by_refreshes()


def test_an_edit_that_does_not_import_pauses_nothing(bench: DeviceBench) -> None:
    """A fault found while staging reaches no device at all."""
    bench.folder.write(driver("Oven", 2) + "\n1/0\n", "oven.py")
    report = bench.refresh()
    assert (report.outcome, report.failed_step) == ("refused", "stage")
    assert bench.records.journal == []
    assert world.points() == []
