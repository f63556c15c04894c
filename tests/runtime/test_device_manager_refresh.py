"""The device manager in refreshes: two generations, faults and hangs at its steps, roll-back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.runtime.conftest import LabFolder, until
from tests.runtime.device_bench import (
    ALL_CONNECTED,
    INIT,
    OVENS_1,
    OVENS_2,
    DeviceBench,
    FailsAt,
    running_bench,
    versions,
)
from tests.runtime.driver_world import world


@pytest.fixture
def bench(lab_folder: LabFolder) -> Iterator[DeviceBench]:
    with running_bench(lab_folder) as made:
        yield made


def test_only_devices_whose_definition_changed_are_reconnected(bench: DeviceBench) -> None:
    """An edit of the arm's driver re-runs the lab's `__init__`; the ovens' instances stay the same objects."""
    ovens = (bench.instance("oven_1"), bench.instance("oven_2"))
    arm = bench.instance("arm")
    bench.edit("Arm", 2)
    report = bench.refresh()
    assert report.ok, report.error
    assert f"{bench.folder.name}" in report.reloaded
    assert (bench.instance("oven_1"), bench.instance("oven_2")) == ovens
    assert bench.instance("arm") is not arm
    assert world.points() == [("arm.disconnect", 1), ("arm.connect", 2)]
    numbers = {status.generation for status in bench.manager.statuses()}
    assert numbers == {bench.lab.current.number}


def test_instances_stay_through_many_edits_of_others(bench: DeviceBench) -> None:
    """However many generations later, an untouched device is the very same instance with its state."""
    oven = bench.instance("oven_1")
    bench.call("oven_1", "heat")
    for version in range(2, 6):
        bench.edit("Arm", version)
        assert bench.refresh().ok
    assert bench.instance("oven_1") is oven
    assert bench.call("oven_1", "heat")["count"] == 2


def test_old_instances_disconnect_with_old_code_before_new_ones_connect(bench: DeviceBench) -> None:
    """`disconnect` of the old instance runs in step 5 with the globals it was born with."""
    bench.edit("Oven", 2)
    assert bench.refresh().ok
    assert versions(bench) == OVENS_2
    points = world.points()
    assert set(points[:2]) == {("oven_1.disconnect", 1), ("oven_2.disconnect", 1)}
    assert set(points[2:]) == {("oven_1.connect", 2), ("oven_2.connect", 2)}
    assert bench.call("oven_1", "heat")["version"] == 2


def test_an_edited_argument_reconnects_that_device(bench: DeviceBench) -> None:
    """Same class, other arguments: another device."""
    bench.folder.write(INIT.replace('port="a"', 'port="c"'))
    assert bench.refresh().ok
    assert world.points() == [("oven_1.disconnect", 1), ("oven_1.connect", 1)]
    assert vars(bench.instance("oven_1"))["port"] == "c"


def test_new_and_removed_devices(bench: DeviceBench) -> None:
    """A device that the edit adds is connected; one that it removes is disconnected and forgotten."""
    bench.folder.write(INIT.replace('"oven_2", port="b"', '"oven_3", port="b"'))
    report = bench.refresh()
    assert report.ok, report.error
    assert bench.states() == {
        "arm": "CONNECTED",
        "oven_1": "CONNECTED",
        "oven_3": "CONNECTED",
    }
    assert world.points() == [("oven_2.disconnect", 1), ("oven_3.connect", 1)]
    assert set(bench.records.states) == {"arm", "oven_1", "oven_3"}
    until(lambda: all(t.name != "hotlab-device-oven_2" for t in threading.enumerate()))


def test_pauses_of_others_are_never_touched(bench: DeviceBench) -> None:
    """Every device is paused by the refresh and released after it; an operator's pause stays all the time."""
    bench.records.add_pause("oven_1", "operator", "cleaning")
    bench.edit("Arm", 2)
    report = bench.refresh()
    assert report.ok
    assert bench.records.pauses("oven_1") == ["operator"]
    assert bench.nothing_paused_by_refreshes()
    owner = f"refresh:{report.id}"
    assert {entry for entry in bench.records.journal if entry[2] == owner} == {
        (what, device, owner) for what in ("pause", "resume") for device in ALL_CONNECTED
    }
    assert ("resume", "oven_1", "operator") not in bench.records.journal


def test_a_connect_that_fails_on_new_code_brings_the_old_back(bench: DeviceBench) -> None:
    """Step 7 fails: every device is connected on the old generation again, and the report names device and cause."""
    world.fail("oven_2.connect", OSError("new firmware?"), version=2)
    bench.edit("Oven", 2)
    old = bench.lab.current
    instances = [bench.instance(name) for name in ALL_CONNECTED]
    report = bench.refresh()
    assert (report.ok, report.outcome, report.failed_step) == (False, "refused", "connect")
    assert report.error is not None
    assert "device oven_2: connect raised OSError: new firmware?" in report.error
    assert "oven_1" not in report.error
    assert bench.lab.current is old
    assert bench.states() == ALL_CONNECTED
    assert [bench.instance(name) for name in ALL_CONNECTED] == instances
    assert {generation for _, _, generation in bench.records.states.values()} == {old.number}
    assert ("oven_1.disconnect", 2) in world.points()
    assert ("oven_2.disconnect", 2) in world.points()
    assert bench.nothing_paused_by_refreshes()
    assert report.resumed_with_errors == ()
    assert bench.call("oven_2", "heat")["version"] == 1


def test_a_mended_driver_is_taken_after_a_refused_one(bench: DeviceBench) -> None:
    """After a roll-back the next edit goes through."""
    world.fail("oven_2.connect", OSError("bad"), version=2)
    bench.edit("Oven", 2)
    assert not bench.refresh().ok
    bench.edit("Oven", 3)
    assert bench.refresh().ok
    assert versions(bench) == {"oven_1": 3, "oven_2": 3, "arm": 1}


def test_a_disconnect_that_fails_reconnects_what_was_disconnected(bench: DeviceBench) -> None:
    """Step 5 fails: the old generation stays, all its devices connected."""
    world.fail("oven_2.disconnect", OSError("valve open"), version=1)
    bench.edit("Oven", 2)
    report = bench.refresh()
    assert (report.outcome, report.failed_step) == ("refused", "disconnect")
    assert report.error is not None
    assert "device oven_2: disconnect raised OSError: valve open" in report.error
    assert bench.states() == ALL_CONNECTED
    assert versions(bench) == OVENS_1
    assert bench.nothing_paused_by_refreshes()


def test_a_failure_of_another_participant_rolls_the_devices_back(bench: DeviceBench) -> None:
    """Whoever fails in steps 5-7, the devices are connected on the old generation afterwards."""
    for step in ("disconnect", "reimport", "connect"):
        undo = bench.refresher.register(FailsAt(step))
        bench.edit("Oven", 2)
        report = bench.refresh()
        undo()
        assert (report.outcome, report.failed_step) == ("refused", step)
        assert bench.states() == ALL_CONNECTED, step
        assert versions(bench) == OVENS_1, step
        assert bench.nothing_paused_by_refreshes()
    assert bench.refresh().ok
    assert versions(bench) == OVENS_2
