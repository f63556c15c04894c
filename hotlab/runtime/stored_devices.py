"""The device manager's records, kept in the store: see :class:`hotlab.runtime.device_records.DeviceRecords`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotlab.runtime.definitions import DeviceDefinition, PositionDefinition
from hotlab.runtime.devices import SamplePosition
from hotlab.runtime.store import PositionKind, Store


class StoredDevices:
    """Implements `DeviceRecords` over a store. Any thread may call its methods."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def define_device(self, definition: DeviceDefinition, generation: int) -> None:
        """Add a device, or take a new definition of it."""
        self._store.devices.define(
            definition.name,
            class_name=definition.class_name,
            classes=definition.class_names,
            description=definition.description,
            generation=generation,
            positions=_kinds(definition.positions),
        )

    def record_device(self, name: str, class_name: str, state: str, fault: str | None, generation: int) -> None:
        """Say how a device is now."""
        self._store.devices.set_state(name, state, fault=fault, generation=generation)

    def remove_device(self, name: str) -> None:
        """Take out a device that the lab no longer defines."""
        self._store.devices.remove(name)

    def add_pause(self, device: str, owner: str, reason: str) -> None:
        """Pause a device for an owner."""
        self._store.devices.pause([device], owner, reason)

    def remove_pause(self, device: str, owner: str) -> None:
        """Take away that owner's pause."""
        self._store.devices.resume([device], owner)

    def pauses(self, device: str) -> Sequence[str]:
        """The owners who have paused a device."""
        return self._store.devices.pausers(device)

    def holder(self, device: str) -> str | None:
        """The outermost task that holds a device."""
        return self._store.devices.holder(device)

    def root_of(self, task_id: str) -> str:
        """The outermost task of a subtask."""
        task = self._store.tasks.get(task_id)
        return task_id if task is None else task.root_id


def define_standalone_positions(store: Store, positions: Iterable[PositionDefinition]) -> None:
    """Make the positions that belong to no device those that a generation defines."""
    store.devices.define_standalone_positions(_kinds(p.position for p in positions))


def _kinds(positions: Iterable[SamplePosition]) -> list[PositionKind]:
    return [PositionKind(p.name, p.number, p.description) for p in positions]
