"""What drivers are made of: constructor arguments, equality of devices, positions, emergency stops."""

from __future__ import annotations

from typing import Any

import pytest

from hotlab.runtime.devices import (
    BaseDevice,
    SamplePosition,
    constructor_arguments,
    equal_arguments,
)


class Driver(BaseDevice):
    """A driver that keeps what it is given."""

    def __init__(self, name: str, port: Any = "p", *, rates: Any = None, **options: Any) -> None:
        super().__init__(name, description="A driver")
        self.rates = rates
        if isinstance(rates, dict):
            rates["seen"] = True

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...


class Alabos(BaseDevice):
    """A driver as it is written for AlabOS."""

    description = "stated by the class"

    def __init__(self, address: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopped = False

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def emergent_stop(self) -> None:
        self.stopped = True


def same(one: BaseDevice, other: BaseDevice) -> bool:
    return equal_arguments(constructor_arguments(one), constructor_arguments(other))


def test_arguments_are_compared_by_parameter() -> None:
    """By position, by name or by default: what reaches the same parameter is the same argument."""
    assert same(Driver("a", "p"), Driver(name="a"))
    assert same(Driver("a", port="q", rates=[1, (2,)]), Driver("a", "q", rates=[1, (2,)]))
    assert not same(Driver("a"), Driver("a", "q"))
    assert not same(Driver("a"), Driver("a", speed=1))


def test_arguments_are_those_of_the_call() -> None:
    """What a constructor or a running device does to its arguments later makes it no other device."""
    rates = {"a": [1]}
    device = Driver("a", rates=rates)
    assert "seen" in rates
    rates["a"].append(2)
    assert same(device, Driver("a", rates={"a": [1]}))
    assert not same(device, Driver("a", rates={"a": [1, 2]}))


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        ([1], (1,), False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [1], False),
        ({1, 2}, {2, 1}, True),
        (None, None, True),
        ("a", "b", False),
    ],
)
def test_equality_minds_types(one: Any, other: Any, equal: bool) -> None:
    """Equal means equal values of one type, all the way down."""
    assert equal_arguments(one, other) is equal


def test_arguments_that_cannot_be_compared_are_different() -> None:
    """An object whose comparison fails or says no bool is another one: reconnecting is the safe side."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value is ambiguous")

        __hash__ = None  # type: ignore[assignment]

    odd = Odd()
    assert equal_arguments(odd, odd)
    assert not equal_arguments(Odd(), Odd())


def test_unknown_arguments_are_never_the_same() -> None:
    """A class with a `__new__` of its own hides its arguments: nothing is the same as it."""

    class Hiding(Driver):
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return super().__new__(cls)

    assert constructor_arguments(Hiding("a", "q")) is None


def test_alabos_drivers_work_as_they_are() -> None:
    """`description` as a class attribute, arguments handed on, and `emergent_stop` for the emergency."""
    device = Alabos("10.0.0.1", name="oven")
    assert (device.name, device.description) == ("oven", "stated by the class")
    assert device.sample_positions == []
    assert device.is_running() is False
    device.emergency_stop()
    assert device.stopped
    assert repr(device) == "<Alabos 'oven'>"
    assert Driver("a").description == "A driver"
    Driver("a").emergency_stop()


def test_a_driver_needs_connect_and_disconnect() -> None:
    """Python names what is missing."""

    class Half(BaseDevice):
        def connect(self) -> None: ...

    with pytest.raises(TypeError, match="disconnect"):
        Half("a")  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "without '/'"),
        ({"name": "a/b"}, "without '/'"),
        ({"name": 5}, "without '/'"),
        ({"name": "a", "number": 0}, "1 or more"),
        ({"name": "a", "number": True}, "1 or more"),
        ({"name": "a", "number": 1.5}, "1 or more"),
    ],
)
def test_sample_positions_are_checked(arguments: dict[str, Any], message: str) -> None:
    """A name that can be put into full names, and a number of places."""
    with pytest.raises(ValueError, match=message):
        SamplePosition(**arguments)
    assert SamplePosition("inside").number == 1
