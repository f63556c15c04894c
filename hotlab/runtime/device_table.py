"""The devices of a running lab by name, and what a refresh is changing about them.

Any thread may call; no lock is held while lab code runs.
"""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Mapping

import attrs

from hotlab.runtime.definitions import DeviceDefinition
from hotlab.runtime.device_errors import UnknownDevice
from hotlab.runtime.device_records import DeviceRecords
from hotlab.runtime.device_slots import DeviceFault, Slot

log = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class Before:
    """A device before a refresh."""

    definition: DeviceDefinition | None
    generation: int
    was_connected: bool
    fault: str | None


@attrs.define(eq=False)
class Change:
    """What one refresh is changing, from its step 5 on. `closed` once it is being rolled back."""

    refresh_id: str
    before: Mapping[str, Before]
    closed: bool = False


class DeviceTable:
    """The slots of a lab's devices.

    Args:
        records: where states are written down.
    """

    def __init__(self, records: DeviceRecords) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._slots: dict[str, Slot] = {}
        self._change: Change | None = None

    def slot(self, name: str) -> Slot:
        """The device of a name.

        Raises:
            UnknownDevice: there is none.
        """
        with self._lock:
            slot = self._slots.get(name)
            names = sorted(self._slots)
        if slot is None:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names) or 'none'}"
            raise UnknownDevice(f"the lab has no device {name!r}; {hint}", device=name)
        return slot

    def slots(self) -> list[Slot]:
        """All devices."""
        with self._lock:
            return list(self._slots.values())

    def make(self, name: str) -> Slot:
        """The slot of a name, made if there is none."""
        with self._lock:
            slot = self._slots.get(name)
            if slot is None:
                slot = self._slots[name] = Slot(name, self._records, changing=self._is_changing, reap=self.reap)
            return slot

    def define(self, slot: Slot, definition: DeviceDefinition, generation: int) -> None:
        """Give a device another definition."""
        slot.definition, slot.generation = definition, generation
        self._records.define_device(definition, generation)
        slot.record()

    def settle(
        self,
        targets: Mapping[Slot, DeviceDefinition | None],
        deadline: float,
        *,
        tolerant: bool = False,
    ) -> dict[str, str]:
        """Bring devices to their targets, all at once; returns the faults by device."""
        jobs = {slot: slot.settle(target, tolerant=tolerant) for slot, target in targets.items()}
        faults: dict[str, str] = {}
        for slot, job in jobs.items():
            try:
                slot.wait(job, deadline)
            except DeviceFault as fault:
                faults[slot.name] = str(fault)
            except Exception as error:  # ours, not the driver's
                log.exception("hotlab failed at device %s", slot.name)
                faults[slot.name] = f"{type(error).__name__}: {error}"
        return faults

    def begin_change(self, refresh_id: str) -> list[Slot]:
        """A refresh begins to change devices: remember how they are. Returns them."""
        with self._lock:
            slots = list(self._slots.values())
            self._change = Change(
                refresh_id,
                {
                    slot.name: Before(slot.definition, slot.generation, slot.live is not None, slot.fault)
                    for slot in slots
                },
            )
        return slots

    def change_of(self, refresh_id: str) -> Change | None:
        """What this refresh has begun; None for a thread of a refresh that was given up."""
        with self._lock:
            change = self._change
        if change is None or change.refresh_id != refresh_id or change.closed:
            return None
        return change

    def finish_change(self, refresh_id: str) -> None:
        """A refresh is over: connect what came back meanwhile, take out what is not defined any more."""
        with self._lock:
            change = self._change
            if change is None or change.refresh_id != refresh_id:
                return
            self._change = None
        self.reap()
        for slot in self.slots():
            slot.finish_return()

    def reap(self) -> None:
        """Take out the devices that the lab no longer defines, but those that hang: they go when
        they return.
        """
        with self._lock:
            if self._change is not None:
                return
            gone = [slot for slot in self._slots.values() if slot.definition is None and slot.hung is None]
            for slot in gone:
                del self._slots[slot.name]
        for slot in gone:
            slot.close()
            try:
                self._records.remove_device(slot.name)
            except Exception:
                log.exception("the device %s can't be taken out of the store", slot.name)

    def _is_changing(self) -> bool:
        with self._lock:
            return self._change is not None
