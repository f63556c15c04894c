"""The world of the drivers in these tests: what they did, in order, and where they are to hang or to fail.

Outside of the labs, so that reloads don't touch it. Drivers say where they are with `world.at(point, version)`.
"""

from __future__ import annotations

import threading
from typing import Any

import attrs

from hotlab.runtime.definitions import DeviceDefinition

LONGEST_HANG = 30.0


@attrs.frozen
class Event:
    point: str
    version: int
    thread: str


class World:
    """What happens at the points that drivers pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.events: list[Event] = []
        self.faults: dict[tuple[str, int | None], BaseException] = {}
        self.gates: dict[tuple[str, int | None], threading.Event] = {}
        self.inside: dict[str, int] = {}
        self.overlaps: list[str] = []

    def at(self, point: str, version: int) -> None:
        """A driver is here: it is written down, hangs if there is a gate, fails if there is a fault."""
        device = point.partition(".")[0]
        counts = not point.endswith(".stop")  # an emergency stop may come at any moment
        with self._lock:
            self.inside[device] = self.inside.get(device, 0) + counts
            if counts and self.inside[device] > 1:
                self.overlaps.append(point)
        try:
            self.events.append(Event(point, version, threading.current_thread().name))
            for key in ((point, version), (point, None)):
                gate = self.gates.get(key)
                if gate is not None:
                    gate.wait(LONGEST_HANG)
                fault = self.faults.get(key)
                if fault is not None:
                    raise fault
        finally:
            with self._lock:
                self.inside[device] -= counts

    def hang(self, point: str, version: int | None = None) -> threading.Event:
        """Let drivers hang at a point until the event that is returned is set."""
        gate = self.gates[(point, version)] = threading.Event()
        return gate

    def fail(self, point: str, error: BaseException, version: int | None = None) -> None:
        """Let drivers fail at a point."""
        self.faults[(point, version)] = error

    def points(self, device: str = "") -> list[tuple[str, int]]:
        """Where drivers have been, in order."""
        return [(e.point, e.version) for e in list(self.events) if e.point.startswith(device)]

    def passed(self, point: str, version: int | None = None) -> bool:
        return any(p == point and version in (None, v) for p, v in self.points())


world = World()


class MemoryRecords:
    """The device manager's records, in memory."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[str, str | None, int]] = {}
        self.definitions: dict[str, DeviceDefinition] = {}
        self.held: dict[str, str] = {}
        self.roots: dict[str, str] = {}
        self.journal: list[tuple[Any, ...]] = []
        self.paused: dict[str, list[str]] = {}

    def define_device(self, definition: DeviceDefinition, generation: int) -> None:
        self.definitions[definition.name] = definition

    def record_device(self, name: str, class_name: str, state: str, fault: str | None, generation: int) -> None:
        self.states[name] = (state, fault, generation)

    def remove_device(self, name: str) -> None:
        self.definitions.pop(name, None)
        self.states.pop(name, None)

    def add_pause(self, device: str, owner: str, reason: str) -> None:
        self.journal.append(("pause", device, owner))
        owners = self.paused.setdefault(device, [])
        if owner not in owners:
            owners.append(owner)

    def remove_pause(self, device: str, owner: str) -> None:
        self.journal.append(("resume", device, owner))
        owners = self.paused.get(device, [])
        if owner in owners:
            owners.remove(owner)

    def pauses(self, device: str) -> list[str]:
        return list(self.paused.get(device, []))

    def holder(self, device: str) -> str | None:
        return self.held.get(device)

    def root_of(self, task_id: str) -> str:
        return self.roots.get(task_id, task_id)
