"""The device manager: connecting, calls, hung drivers, emergency stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from hotlab.runtime.device_errors import (
    CallDropped,
    CallOutcomeUnknown,
    DeviceConnectError,
    DeviceError,
    DeviceNotAvailable,
    DeviceNotHeld,
    NoSuchMethod,
    UnknownDevice,
)
from hotlab.runtime.json_values import NotJson
from tests.runtime.conftest import LabFolder, Running, until
from tests.runtime.device_bench import DeviceBench
from tests.runtime.driver_world import world

ALL_CONNECTED = {"arm": "CONNECTED", "oven_1": "CONNECTED", "oven_2": "CONNECTED"}


@pytest.fixture
def bench(lab_folder: LabFolder) -> Iterator[DeviceBench]:
    """A bench that is started, its task `t1` holding every device."""
    world.clear()
    made = DeviceBench(lab_folder)
    made.hold("oven_1", "oven_2", "arm")
    yield made
    made.close()


def soon(seconds: float = 0.15) -> float:
    return time.monotonic() + seconds


def test_each_device_has_one_thread_for_all_it_does(bench: DeviceBench) -> None:
    """Connect, calls and disconnect of a device run on its own thread, and on no other."""
    assert bench.start() == {}
    assert bench.states() == ALL_CONNECTED
    assert bench.call("oven_1", "heat", 5)["to"] == 5
    assert bench.manager.stop() == {}
    threads = {(e.point.partition(".")[0], e.thread) for e in world.events}
    assert threads == {(d, f"hotlab-device-{d}") for d in ("oven_1", "oven_2", "arm")}
    assert bench.states() == dict.fromkeys(ALL_CONNECTED, "DISCONNECTED")
    with pytest.raises(DeviceNotAvailable):
        bench.call("oven_1", "heat")


def test_states_are_recorded_with_the_generation(bench: DeviceBench) -> None:
    """The records say how each device is and of which generation."""
    world.fail("oven_2.connect", OSError("no such port"))
    assert bench.start() == {"oven_2": "connect raised OSError: no such port"}
    assert bench.records.states["oven_1"] == ("CONNECTED", None, bench.lab.current.number)
    assert bench.records.states["oven_2"][:2] == (
        "FAULTED",
        "connect raised OSError: no such port",
    )
    assert bench.records.definitions["arm"].positions[0].number == 2


def test_a_failed_connect_lets_the_hardware_go(bench: DeviceBench) -> None:
    """After a connect that raised, disconnect is called, so that the next connect finds the port free."""
    world.fail("oven_2.connect", OSError("halfway"))
    bench.start()
    assert world.points("oven_2") == [("oven_2.connect", 1), ("oven_2.disconnect", 1)]
    with pytest.raises(DeviceNotAvailable, match=r"oven_2 is FAULTED: connect raised OSError"):
        bench.call("oven_2", "heat")


def test_a_driver_that_leaves_python_takes_nobody_along(bench: DeviceBench) -> None:
    """SystemExit in connect faults the device; in a call it reaches the caller, and the thread lives on."""
    world.fail("oven_2.connect", SystemExit(1))
    assert list(bench.start()) == ["oven_2"]
    with pytest.raises(SystemExit):
        bench.call("oven_1", "leave")
    assert bench.call("oven_1", "heat")["count"] == 1


def test_a_hung_connect_faults_its_device_only(bench: DeviceBench) -> None:
    """At start a driver that hangs in connect is FAULTED and named; it is connected once it returns."""
    gate = world.hang("oven_2.connect")
    faults = bench.start(timeout=0.2)
    assert "connect has not returned" in faults["oven_2"]
    assert bench.states() == {**ALL_CONNECTED, "oven_2": "FAULTED"}
    (status,) = [s for s in bench.manager.statuses() if s.name == "oven_2"]
    assert status.running is not None
    assert (status.running.method, status.running.hung) == ("connect", True)
    assert bench.call("oven_1", "heat")["count"] == 1
    gate.set()
    bench.until_state("oven_2", "CONNECTED")
    assert bench.records.states["oven_2"][0] == "CONNECTED"
    assert world.points("oven_2") == [("oven_2.connect", 1)]


def test_calls_return_and_raise_as_direct_calls_do(bench: DeviceBench) -> None:
    """Results come back as JSON; the lab's own exception is the very object that was raised."""
    bench.start()
    assert bench.call("oven_1", "twice", (1, 2)) == [[1, 2], [1, 2]]
    assert bench.call("oven_1", "heat", to=3, steps=(1,))["steps"] == [1]
    with pytest.raises(RuntimeError, match=r"^boom$") as caught:
        bench.call("oven_1", "boom")
    assert caught.traceback[-1].name == "boom"
    with pytest.raises(TypeError, match="unexpected keyword"):
        bench.call("oven_1", "heat", fast=True)


def test_only_json_travels(bench: DeviceBench) -> None:
    """An argument or a result that is no JSON is refused, with the place; the argument before anything happens."""
    bench.start()
    with pytest.raises(NotJson, match=r"argument 'steps\[1\]\.t' of Oven\.heat is a set; device calls"):
        bench.call("oven_1", "heat", steps=[1, {"t": {2}}])
    with pytest.raises(NotJson, match=r"argument 'to' of Oven\.heat is an object"):
        bench.call("oven_1", "heat", object())
    assert not world.passed("oven_1.heat")
    with pytest.raises(NotJson, match=r"the result of oven_1\.bad_result is a set"):
        bench.call("oven_1", "bad_result")


def test_a_call_cannot_change_the_caller_s_objects(bench: DeviceBench) -> None:
    """Arguments are copies, as they would be between processes."""
    bench.start()
    steps = [1]
    result = bench.call("oven_1", "heat", steps=steps)
    result["steps"].append(2)
    assert steps == [1]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("_secret", "is private"),
        ("__init__", "is private"),
        ("connect", "not for tasks"),
        ("disconnect", "not for tasks"),
        ("speed", "is no method"),
        ("sample_positions", "is no method"),
        ("heet", "did you mean heat"),
        ("qqqq", "it has .*heat"),
    ],
)
def test_only_public_methods_can_be_called(bench: DeviceBench, method: str, message: str) -> None:
    """Private names, connect and disconnect, attributes and unknown names are refused before anything runs."""
    bench.start()
    with pytest.raises(NoSuchMethod, match=message):
        bench.call("oven_1", method)
    with pytest.raises(AttributeError):
        bench.call("oven_1", method)


def test_a_task_calls_only_what_it_holds(bench: DeviceBench) -> None:
    """The holder may call, and so may its subtasks; nobody else, and not after it was given back."""
    bench.start()
    bench.records.roots["sub"] = "t1"
    assert bench.call("oven_1", "heat", task="sub")["count"] == 1
    with pytest.raises(DeviceNotHeld, match=r"task t2 does not hold oven_1, task t1 does"):
        bench.call("oven_1", "heat", task="t2")
    bench.records.held.clear()
    with pytest.raises(DeviceNotHeld, match="nobody does"):
        bench.call("oven_1", "heat")
    with pytest.raises(UnknownDevice, match=r"no device 'oven_3'; did you mean oven_[12]\?"):
        bench.call("oven_3", "heat")
    assert world.points("oven_1")[1:] == [("oven_1.heat", 1)]


def test_calls_of_one_device_never_overlap(bench: DeviceBench) -> None:
    """Many tasks calling one device at once are served one after the other; other devices don't wait."""
    bench.start()
    gate = world.hang("oven_1.heat")
    calls = [Running(lambda: bench.call("oven_1", "heat")) for _ in range(16)]
    until(lambda: bench.manager.status("oven_1").waiting == 15)
    assert bench.call("oven_2", "heat")["count"] == 1
    gate.set()
    assert sorted(call.result()["count"] for call in calls) == list(range(1, 17))
    assert world.overlaps == []


def test_as_many_tasks_as_threads_each_calling_a_device(bench: DeviceBench) -> None:
    """Calls need no task thread: with every task thread in a call, all calls are served."""
    bench.start()
    barrier = threading.Barrier(32)

    def task(number: int) -> int:
        barrier.wait(10)
        device = ("oven_1", "oven_2", "arm")[number % 3]
        return sum(bench.call(device, "heat")["to"] + 1 for _ in range(20))

    tasks = [Running(lambda n=n: task(n)) for n in range(32)]  # type: ignore[misc]
    assert [running.result() for running in tasks] == [20] * 32
    counts = [bench.call(device, "heat")["count"] for device in ("oven_1", "oven_2", "arm")]
    assert sum(counts) == 32 * 20 + 3


def test_a_call_that_overruns_is_unknown_and_its_device_faulted(bench: DeviceBench) -> None:
    """At its deadline the caller learns that nobody knows; the device is connected afresh once it returns."""
    bench.start()
    gate = world.hang("oven_1.heat")
    with pytest.raises(CallOutcomeUnknown, match=r"oven_1\.heat for task t1 was not back") as caught:
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=soon())
    assert not isinstance(caught.value, CallDropped)
    assert bench.states()["oven_1"] == "FAULTED"
    with pytest.raises(DeviceNotAvailable, match=r"heat \(task t1\) has not returned"):
        bench.call("oven_1", "heat")
    gate.set()
    bench.until_state("oven_1", "CONNECTED")
    assert world.points("oven_1")[1:] == [
        ("oven_1.heat", 1),
        ("oven_1.disconnect", 1),
        ("oven_1.connect", 1),
    ]


def test_a_call_whose_turn_comes_too_late_is_dropped(bench: DeviceBench) -> None:
    """A call still waiting at its deadline never runs, and its caller knows that."""
    bench.start()
    gate = world.hang("oven_1.heat")
    first = Running(lambda: bench.call("oven_1", "heat"))
    until(lambda: world.passed("oven_1.heat"))
    with pytest.raises(CallDropped, match="dropped before it began"):
        bench.manager.call("oven_1", "twice", [1], task_id="t1", deadline=soon())
    with pytest.raises(CallDropped):
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=soon())
    gate.set()
    first.result()
    assert bench.call("oven_1", "heat")["count"] == 2
    assert bench.states()["oven_1"] == "CONNECTED"


def test_the_hold_is_checked_again_right_before_a_call_runs(bench: DeviceBench) -> None:
    """A queued call of a task that has lost the device meanwhile does not act."""
    bench.start()
    gate = world.hang("oven_1.heat")
    first = Running(lambda: bench.call("oven_1", "heat"))
    until(lambda: world.passed("oven_1.heat"))
    second = Running(lambda: bench.call("oven_1", "heat"))
    until(lambda: bench.manager.status("oven_1").waiting == 1)
    bench.records.held["oven_1"] = "t2"
    gate.set()
    first.result()
    with pytest.raises(DeviceNotHeld):
        second.result()
    assert bench.call("oven_1", "heat", task="t2")["count"] == 2


def test_a_call_is_made_once_however_often_it_is_delivered(bench: DeviceBench) -> None:
    """A second delivery of the same call id is dropped."""
    bench.start()
    bench.manager.call("oven_1", "heat", task_id="t1", call_id="c1")
    with pytest.raises(CallDropped, match="delivered before"):
        bench.manager.call("oven_1", "heat", task_id="t1", call_id="c1")
    assert bench.call("oven_1", "heat")["count"] == 2


def test_an_emergency_stop_passes_by_every_queue(bench: DeviceBench) -> None:
    """It reaches the driver while a call hangs, drops what waits, and keeps calls out until a reset."""
    bench.start()
    gate = world.hang("oven_1.heat")
    hung = Running(lambda: bench.call("oven_1", "heat"))
    until(lambda: world.passed("oven_1.heat"))
    waiting = Running(lambda: bench.call("oven_1", "twice", 1))
    until(lambda: bench.manager.status("oven_1").waiting == 1)
    assert bench.manager.emergency_stop() == {}
    assert {p for p, _ in world.points() if p.endswith("stop")} == {
        "oven_1.stop",
        "oven_2.stop",
        "arm.stop",
    }
    with pytest.raises(CallDropped, match="emergency"):
        waiting.result()
    gate.set()
    hung.result()
    for device in ("oven_1", "oven_2", "arm"):
        with pytest.raises(DeviceNotAvailable, match="stopped in an emergency"):
            bench.call(device, "heat")
    bench.manager.reset("oven_2")
    assert bench.call("oven_2", "heat")["count"] == 1
    assert bench.states() == {"arm": "FAULTED", "oven_1": "FAULTED", "oven_2": "CONNECTED"}


def test_an_emergency_stop_that_fails_or_hangs_is_named(bench: DeviceBench) -> None:
    """The others are stopped all the same, and at once."""
    bench.start()
    world.hang("oven_1.stop")
    world.fail("arm.stop", OSError("cut"))
    outcome = bench.manager.emergency_stop(timeout=0.2)
    assert set(outcome) == {"oven_1", "arm"}
    assert "OSError: cut" in outcome["arm"]
    assert "has not returned" in outcome["oven_1"]
    assert world.passed("oven_2.stop")


def test_a_task_may_call_an_emergency_stop(bench: DeviceBench) -> None:
    """As a call it passes by the queue too."""
    bench.start()
    gate = world.hang("oven_1.heat")
    hung = Running(lambda: bench.call("oven_1", "heat"))
    until(lambda: world.passed("oven_1.heat"))
    bench.call("oven_1", "emergency_stop")
    assert world.passed("oven_1.stop")
    assert not world.passed("oven_2.stop")
    gate.set()
    hung.result()


def test_an_emergency_stop_while_a_device_connects_keeps_it_stopped(bench: DeviceBench) -> None:
    """A connect that ends after the stop does not put the device back into service."""
    gate = world.hang("oven_1.connect")
    starting = Running(bench.start)
    until(lambda: world.passed("oven_1.connect"))
    bench.manager.emergency_stop("oven_1")
    gate.set()
    starting.result()
    assert bench.states()["oven_1"] == "FAULTED"
    with pytest.raises(DeviceNotAvailable, match="emergency"):
        bench.call("oven_1", "heat")


def test_a_reset_forces_a_hung_device(bench: DeviceBench) -> None:
    """An operator's reset connects afresh at once; the hung call's late return changes nothing."""
    bench.start()
    gate = world.hang("oven_1.heat")
    with pytest.raises(CallOutcomeUnknown):
        bench.manager.call("oven_1", "heat", task_id="t1", deadline=soon())
    del world.gates[("oven_1.heat", None)]
    world.inside["oven_1"] = 0  # the one that hangs is left behind, and overlaps by the operator's will
    bench.manager.reset("oven_1")
    assert bench.states()["oven_1"] == "CONNECTED"
    assert bench.call("oven_1", "twice", 1) == [1, 1]
    before = world.points("oven_1")
    gate.set()
    until(lambda: world.inside["oven_1"] <= 0)
    assert bench.call("oven_1", "twice", 1) == [1, 1]
    assert world.points("oven_1") == before
    world.overlaps.clear()


def test_a_reset_that_fails_says_so(bench: DeviceBench) -> None:
    """A device that can't be connected by hand is FAULTED and the operator is told."""
    bench.start()
    world.fail("oven_1.connect", OSError("gone"))
    with pytest.raises(DeviceConnectError, match=r"oven_1: connect raised OSError: gone"):
        bench.manager.reset("oven_1")
    assert bench.states()["oven_1"] == "FAULTED"


def test_a_hung_disconnect_does_not_keep_the_lab_from_stopping(bench: DeviceBench) -> None:
    """Stop names what did not let go, and disconnects all others."""
    bench.start()
    world.hang("oven_1.disconnect")
    world.fail("arm.disconnect", OSError("stuck"))
    faults = bench.manager.stop(timeout=0.2)
    assert set(faults) == {"oven_1", "arm"}
    assert world.passed("oven_2.disconnect")


def test_a_driver_that_calls_itself_through_the_manager_is_refused(bench: DeviceBench) -> None:
    """A call from the device's own thread would wait for itself."""
    bench.start()
    slot = bench.manager._table.slot("oven_1")
    from hotlab.runtime.device_threads import Job

    job = slot.thread.submit(Job("inner", lambda: bench.call("oven_1", "heat")))
    with pytest.raises(DeviceError, match="from within a call"):
        job.wait(soon(5))
