"""What the device manager needs to know and to say about devices, wherever it is kept.

The store implements it. Every method is one short transaction, may be called from any thread, and
runs no lab code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hotlab.runtime.definitions import DeviceDefinition


class DeviceRecords(Protocol):
    """The records of devices, their pauses and their holders."""

    def define_device(self, definition: DeviceDefinition, generation: int) -> None:
        """Add a device, or take a new definition of it; its state, holder and pauses are kept."""

    def record_device(self, name: str, class_name: str, state: str, fault: str | None, generation: int) -> None:
        """Say how a device is now: CONNECTED, DISCONNECTED or FAULTED, and why."""

    def remove_device(self, name: str) -> None:
        """Take out a device that the lab no longer defines. Harmless if it is not there."""

    def add_pause(self, device: str, owner: str, reason: str) -> None:
        """Pause a device for an owner. Harmless if that owner has paused it already."""

    def remove_pause(self, device: str, owner: str) -> None:
        """Take away that owner's pause, and nobody else's. Harmless if there is none."""

    def pauses(self, device: str) -> Sequence[str]:
        """The owners who have paused a device."""

    def holder(self, device: str) -> str | None:
        """The id of the task that holds a device: the outermost one, where subtasks use it too."""

    def root_of(self, task_id: str) -> str:
        """The outermost task of a subtask; the task itself where it is nobody's subtask."""
