"""The drivers as plain objects: no lab runs here."""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def devices(fake_lab: ModuleType) -> Any:
    return importlib.import_module("fake_lab.devices")


@pytest.fixture
def errors(fake_lab: ModuleType) -> Any:
    return importlib.import_module("fake_lab.simulation")


@pytest.fixture
def furnace(devices: Any, time: Any) -> Any:
    furnace = devices.Furnace("furnace_9", port="sim://furnace-9")
    furnace.connect()
    return furnace


@pytest.fixture
def arm(devices: Any, time: Any) -> Any:
    arm = devices.RobotArm("arm", port="sim://arm", places={"rack": (1, 0), "oven": (1, 1)})
    arm.connect()
    return arm


def make_all(devices: Any) -> list[Any]:
    return [
        devices.Furnace("f", port="sim://f"),
        devices.RobotArm("r", port="sim://r", places={"rack": (1, 0)}),
        devices.Balance("b", port="sim://b"),
        devices.PowderDispenser("p", port="sim://p", jars={"TiO2": 10.0}),
        devices.Diffractometer("d", port="sim://d"),
    ]


def test_the_furnace_depends_on_no_other_driver() -> None:
    """No driver imports another driver or the devices package, so that edits stay apart."""
    folder = Path(__file__).parents[2] / "fake_lab" / "devices"
    drivers = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(drivers) == 5
    for path in drivers:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert (node.level, node.module) == (2, "simulation"), path.name


def test_making_a_device_touches_no_hardware(devices: Any) -> None:
    """Two devices on one port can be made; only the second connect is refused."""
    make_all(devices)
    make_all(devices)


def test_connecting_is_exclusive(devices: Any, errors: Any) -> None:
    """A driver cannot connect while another instance holds the port, and can afterwards."""
    for first, second in zip(make_all(devices), make_all(devices), strict=True):
        first.connect()
        with pytest.raises(errors.PortInUse):
            second.connect()
        first.disconnect()
        second.connect()
        second.disconnect()


def test_orders_before_connect_are_refused(devices: Any, errors: Any) -> None:
    """A device that is not connected says so, by name."""
    furnace, arm, balance, dispenser, diffractometer = make_all(devices)
    for order in (
        furnace.get_temperature,
        arm.get_state,
        balance.tare,
        dispenser.get_stock,
        diffractometer.close_cabinet,
    ):
        with pytest.raises(errors.NotConnected, match="is not connected"):
            order()


def test_furnace_ramps_holds_and_cools(furnace: Any, time: Any) -> None:
    """The temperature follows the program: 10 °C a minute up, the hold, 20 °C a minute down."""
    assert furnace.start_program(temperature=1025, minutes=120, ramp=10) == (100 + 120) * 60
    time.sleep(50 * 60)
    assert furnace.get_temperature() == 525.0
    time.sleep(50 * 60)
    assert furnace.get_temperature() == 1025.0
    assert furnace.is_running()
    time.sleep(120 * 60)
    assert not furnace.is_running()
    time.sleep(10 * 60)
    assert furnace.get_temperature() == 825.0
    time.sleep(1000 * 60)
    assert furnace.get_temperature() == 25.0


def test_furnace_door_opens_when_seconds_to_cool_have_passed(furnace: Any, time: Any, errors: Any) -> None:
    """A hot furnace stays closed, and says truly how long that will be so."""
    furnace.start_program(temperature=900, minutes=30)
    time.sleep(furnace.seconds_left() + 60)
    with pytest.raises(errors.OrderRefused, match="its door stays closed"):
        furnace.open_door()
    time.sleep(furnace.seconds_to_cool())
    assert furnace.seconds_to_cool() == 0
    furnace.open_door()


def test_furnace_refuses_impossible_programs(furnace: Any, errors: Any) -> None:
    """Too hot, no ramp, door open, already heating: each is refused with its reason."""
    with pytest.raises(errors.OrderRefused, match="not to 1300"):
        furnace.start_program(temperature=1300, minutes=1)
    with pytest.raises(errors.OrderRefused, match="ramp"):
        furnace.start_program(temperature=300, minutes=1, ramp=0)
    furnace.open_door()
    with pytest.raises(errors.OrderRefused, match="door open"):
        furnace.start_program(temperature=300, minutes=1)
    furnace.close_door()
    furnace.start_program(temperature=300, minutes=1)
    with pytest.raises(errors.OrderRefused, match="is heating"):
        furnace.start_program(temperature=300, minutes=1)


def test_furnace_emergency_stop_ends_the_heating(furnace: Any, time: Any) -> None:
    """After an emergency stop nothing heats, and the furnace cools from where it was."""
    furnace.start_program(temperature=1025, minutes=60)
    time.sleep(50 * 60)
    furnace.emergency_stop()
    assert not furnace.is_running()
    assert furnace.get_temperature() == 525.0
    time.sleep(5 * 60)
    assert furnace.get_temperature() == 425.0


def test_arm_carries_one_sample(arm: Any, errors: Any) -> None:
    """The arm goes where it is told, holds one sample, and puts down only what it holds."""
    with pytest.raises(errors.OrderRefused, match="holds nothing"):
        arm.put_down(position="oven/inside/1")
    arm.pick_up(sample="a", position="rack/1")
    assert arm.get_state() == {"at": "rack/1", "holds": "a"}
    with pytest.raises(errors.OrderRefused, match="already holds a"):
        arm.pick_up(sample="b", position="rack/2")
    assert arm.put_down(position="oven/inside/1") == 6.0  # a metre at 0.25 m/s, and the grip
    assert arm.get_state() == {"at": "oven/inside/1", "holds": None}


def test_arm_knows_its_reach(arm: Any, errors: Any) -> None:
    """A place out of reach is refused with the places that are not."""
    with pytest.raises(errors.OrderRefused, match="cannot reach moon: it knows home, oven, rack"):
        arm.pick_up(sample="a", position="moon")


def test_arm_stays_stopped_until_connected_again(arm: Any, errors: Any) -> None:
    """After an emergency stop the arm refuses to move until it is connected anew."""
    arm.emergency_stop()
    with pytest.raises(errors.OrderRefused, match="stopped in an emergency"):
        arm.pick_up(sample="a", position="rack")
    arm.disconnect()
    arm.connect()
    arm.pick_up(sample="a", position="rack")


def test_balance_weighs_after_taring(devices: Any, time: Any, errors: Any) -> None:
    """The balance must be tared, refuses an overload, and repeats itself on the same sample."""
    balance = devices.Balance("b", port="sim://b", capacity=100)
    balance.connect()
    with pytest.raises(errors.OrderRefused, match="not tared"):
        balance.weigh(sample="a", expected=5)
    balance.tare()
    with pytest.raises(errors.OrderRefused, match="0 to 100 g"):
        balance.weigh(sample="a", expected=101)
    assert balance.weigh(sample="a", expected=5) == pytest.approx(5, abs=0.001)
    assert balance.weigh(sample="a", expected=5) == balance.weigh(sample="a", expected=5)
    assert balance.count_readings() == 3


def test_dispenser_keeps_its_stock(devices: Any, time: Any, errors: Any) -> None:
    """A dose comes out of the jar; an unknown powder, a tiny dose, an empty jar are refused."""
    dispenser = devices.PowderDispenser("p", port="sim://p", jars={"TiO2": 10.0})
    dispenser.connect()
    dose = dispenser.dispense(powder="TiO2", grams=4)
    assert 4 <= dose <= 4.002
    assert dispenser.get_stock() == {"TiO2": pytest.approx(10 - dose)}
    with pytest.raises(errors.OrderRefused, match="no jar of ZnO: it has TiO2"):
        dispenser.dispense(powder="ZnO", grams=1)
    with pytest.raises(errors.OrderRefused, match="smallest dose"):
        dispenser.dispense(powder="TiO2", grams=0.001)
    with pytest.raises(errors.OrderRefused, match="fill the jar"):
        dispenser.dispense(powder="TiO2", grams=6)


def test_diffractometer_is_interlocked(devices: Any, time: Any, errors: Any) -> None:
    """No scan with the cabinet open, none out of range; a scan finds the same peaks each time."""
    diffractometer = devices.Diffractometer("d", port="sim://d")
    diffractometer.connect()
    diffractometer.open_cabinet()
    with pytest.raises(errors.OrderRefused, match="cabinet of d is open"):
        diffractometer.scan(sample="a")
    diffractometer.close_cabinet()
    with pytest.raises(errors.OrderRefused, match="not from 80 to 10"):
        diffractometer.scan(sample="a", start=80, stop=10)
    with pytest.raises(errors.OrderRefused, match="steps of 0"):
        diffractometer.scan(sample="a", step=0)
    pattern = diffractometer.scan(sample="a", start=10, stop=80, step=0.1)
    assert len(pattern["two_theta"]) == len(pattern["counts"]) == 701
    assert pattern == diffractometer.scan(sample="a", start=10, stop=80, step=0.1)
    measuring: Any = importlib.import_module("fake_lab.tasks.measuring")
    assert 1 <= len(measuring.find_peaks(pattern["two_theta"], pattern["counts"])) <= 5


def test_answers_are_json(devices: Any, time: Any) -> None:
    """Whatever a driver answers survives the trip through JSON."""
    furnace, arm, balance, dispenser, diffractometer = make_all(devices)
    for device in (furnace, arm, balance, dispenser, diffractometer):
        device.connect()
    balance.tare()
    answers = [
        furnace.start_program(temperature=300, minutes=1),
        arm.pick_up(sample="a", position="rack"),
        arm.get_state(),
        balance.weigh(sample="a", expected=1.0),
        dispenser.dispense(powder="TiO2", grams=1.0),
        dispenser.get_stock(),
        diffractometer.scan(sample="a", start=10, stop=11),
    ]
    assert json.loads(json.dumps(answers)) == answers
