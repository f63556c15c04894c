"""The simulated clock and ports."""

from __future__ import annotations

import importlib
import time as real_time
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def simulation(fake_lab: ModuleType) -> Any:
    return importlib.import_module("fake_lab.simulation")


def test_default_scale_makes_two_hours_one_second(simulation: Any) -> None:
    """Without the variable, a two-hour anneal takes one second."""
    assert simulation.time_scale({}) == 7200.0


def test_scale_comes_from_the_environment(simulation: Any) -> None:
    """FAKE_LAB_TIME_SCALE sets how many simulated seconds pass in a real one."""
    assert simulation.time_scale({"FAKE_LAB_TIME_SCALE": "60"}) == 60.0


def test_bad_scale_names_the_variable_and_the_text(simulation: Any) -> None:
    """A scale that is no number is refused with the variable's name and what it held."""
    with pytest.raises(ValueError, match="FAKE_LAB_TIME_SCALE is 'fast'"):
        simulation.time_scale({"FAKE_LAB_TIME_SCALE": "fast"})


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_must_be_above_zero(simulation: Any, scale: float) -> None:
    """A clock that stands still or goes backwards is refused."""
    with pytest.raises(ValueError, match="above 0"):
        simulation.Clock(scale)


def test_sleep_is_scaled(simulation: Any) -> None:
    """An hour on a fast clock passes in a moment, and the clock has moved on by the hour."""
    clock = simulation.Clock(36_000.0)
    before, began = clock.now(), real_time.monotonic()
    clock.sleep(3600)
    assert clock.now() - before >= 3600
    assert 0.1 <= real_time.monotonic() - began < 5


def test_a_port_opens_once(simulation: Any) -> None:
    """A port that is open is refused to everybody, its holder included, until it is closed."""
    holder, other = simulation.Port("sim://test"), simulation.Port("sim://test")
    holder.open()
    for port in (holder, other):
        with pytest.raises(simulation.PortInUse, match="sim://test is already open"):
            port.open()
    holder.close()
    other.open()
    other.close()


def test_only_the_holder_closes_a_port(simulation: Any) -> None:
    """Closing a port that somebody else holds does nothing to them."""
    holder, other = simulation.Port("sim://test"), simulation.Port("sim://test")
    holder.open()
    other.close()
    assert holder.is_open
    holder.close()
