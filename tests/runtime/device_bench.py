"""A lab of three simulated devices with a real engine, a real refresher and a real device manager."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hotlab.importing import enabled_labs
from hotlab.refreshing import Participant, Refresher, RefreshLimits, RefreshReport
from hotlab.runtime.device_manager import DeviceManager
from hotlab.runtime.devices import BaseDevice
from tests.runtime.conftest import LabFolder, until
from tests.runtime.driver_world import MemoryRecords, World, world

INIT = """\
import hotlab

hotlab.enable()

from .arm import Arm
from .oven import Oven

hotlab.add_device(Oven("oven_1", port="a"))
hotlab.add_device(Oven("oven_2", port="b"))
hotlab.add_device(Arm("arm"))
"""

DRIVER = """\
from hotlab import BaseDevice, SamplePosition
from tests.runtime.driver_world import world

VERSION = {version}


class {name}(BaseDevice):
    speed = 5

    def __init__(self, name, port="p"):
        super().__init__(name)
        self.port = port
        self.count = 0

    @property
    def sample_positions(self):
        return [SamplePosition("inside", number=2)]

    def connect(self):
        world.at(f"{{self.name}}.connect", VERSION)

    def disconnect(self):
        world.at(f"{{self.name}}.disconnect", VERSION)

    def emergency_stop(self):
        world.at(f"{{self.name}}.stop", VERSION)

    def heat(self, to=0, *, steps=()):
        world.at(f"{{self.name}}.heat", VERSION)
        self.count += 1
        return {{"to": to, "steps": steps, "count": self.count, "version": VERSION}}

    def twice(self, value):
        return (value, value)

    def bad_result(self):
        return {{1, 2}}

    def boom(self):
        raise RuntimeError("boom")

    def leave(self):
        raise SystemExit(3)

    def _secret(self):
        return 1
"""


def driver(name: str, version: int) -> str:
    """The source of a driver class."""
    return DRIVER.format(name=name, version=version)


class DeviceBench:
    """The lab, its manager, and what tests do to them."""

    def __init__(self, folder: LabFolder, **limits: float) -> None:
        self.folder = folder
        self.world: World = world
        folder.write(driver("Oven", 1), "oven.py")
        folder.write(driver("Arm", 1), "arm.py")
        folder.write(INIT)
        importlib.import_module(folder.name)
        self.lab = enabled_labs()[folder.name]
        self.records = MemoryRecords()
        self.manager = DeviceManager(self.records)
        settings = {"connect_timeout": 5.0, "disconnect_timeout": 5.0, **limits}
        self.refresher = Refresher(self.lab, limits=RefreshLimits(**settings))
        self._unregister = self.refresher.register(self.manager)

    def start(self, timeout: float = 10.0) -> dict[str, str]:
        return self.manager.start(self.lab.current, timeout=timeout)

    def close(self) -> None:
        for gate in list(self.world.gates.values()):
            gate.set()
        self.refresher.close()
        self.manager.stop(timeout=2.0)
        assert self.world.overlaps == []

    def edit(self, name: str, version: int) -> None:
        self.folder.write(driver(name, version), f"{name.lower()}.py")

    def refresh(self) -> RefreshReport:
        report = self.refresher.refresh(timeout=30.0)
        assert report is not None
        return report

    def hold(self, *devices: str, task: str = "t1") -> None:
        self.records.held.update(dict.fromkeys(devices, task))

    def call(self, device: str, method: str, *args: Any, task: str = "t1", **kwargs: Any) -> Any:
        return self.manager.call(device, method, args, kwargs, task_id=task)

    def states(self) -> dict[str, str]:
        return {status.name: status.state for status in self.manager.statuses()}

    def version(self, name: str) -> Any:
        """Of which generation's code the connected instance is."""
        instance = self.manager.instance(name)
        return None if instance is None else type(instance).heat.__globals__["VERSION"]  # type: ignore[attr-defined]

    def instance(self, name: str) -> BaseDevice:
        instance = self.manager.instance(name)
        assert instance is not None
        return instance

    def until_state(self, name: str, state: str) -> None:
        until(lambda: self.states().get(name) == state)

    def register_after_the_manager(self, participant: Participant) -> None:
        """A participant whose turn comes after the manager's (before it, in the resumes)."""
        self._unregister()
        self.refresher.register(participant)
        self._unregister = self.refresher.register(self.manager)

    def nothing_paused_by_refreshes(self) -> bool:
        owners = [owner for found in self.records.paused.values() for owner in found]
        return not any(owner.startswith("refresh:") for owner in owners)


class FailsAt(Participant):
    """A participant that raises in one step."""

    name = "fails"

    def __init__(self, step: str, error: BaseException | None = None) -> None:
        self.error = error or OSError("no way")
        setattr(self, step, self._fail)

    def _fail(self, refresh: Any) -> None:
        raise self.error


ALL_CONNECTED = {"arm": "CONNECTED", "oven_1": "CONNECTED", "oven_2": "CONNECTED"}
OVENS_1 = {"oven_1": 1, "oven_2": 1, "arm": 1}
OVENS_2 = {"oven_1": 2, "oven_2": 2, "arm": 1}


@contextmanager
def running_bench(lab_folder: LabFolder) -> Iterator[DeviceBench]:
    """A bench that runs, its task `t1` holding every device."""
    world.clear()
    made = DeviceBench(lab_folder, connect_timeout=1.0, disconnect_timeout=1.0)
    made.hold("oven_1", "oven_2", "arm")
    assert made.start() == {}
    world.events.clear()
    yield made
    made.close()


def versions(bench: DeviceBench) -> dict[str, Any]:
    """The version of the code on which each device runs."""
    return {name: bench.version(name) for name in ("oven_1", "oven_2", "arm")}
