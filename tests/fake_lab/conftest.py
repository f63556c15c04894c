"""The fake lab imported afresh for each test, with time that passes only when somebody sleeps."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from hotlab.importing import disable, enabled_labs


def forget_lab() -> None:
    """Leave the process as if the lab had never been imported."""
    if "fake_lab" in enabled_labs():
        disable("fake_lab")
    for name in [n for n in sys.modules if n == "fake_lab" or n.startswith("fake_lab.")]:
        del sys.modules[name]


@pytest.fixture
def fake_lab() -> Iterator[ModuleType]:
    """The lab package, imported by its first line: `import hotlab; hotlab.enable()`."""
    forget_lab()
    try:
        yield importlib.import_module("fake_lab")
    finally:
        forget_lab()


class ManualClock:
    """A clock that stands still until somebody sleeps on it."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


@pytest.fixture
def time(fake_lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The time of the lab, under the test's control."""
    manual = ManualClock()
    simulation: Any = importlib.import_module("fake_lab.simulation")
    monkeypatch.setattr(simulation.clock, "now", manual.now)
    monkeypatch.setattr(simulation.clock, "sleep", manual.sleep)
    return manual
