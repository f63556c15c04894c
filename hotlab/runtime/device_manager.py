"""The device manager: owns the connected device instances, and takes part in refreshes with them.

Guarantees: one connected instance per device, of the device generation; all its calls, its connect
and its disconnect run on the one thread of the device, so that none overlap and a driver that hangs
blocks only itself. A call acts at most once. What a refresh pauses, it alone releases. Any thread
may call; the participant's methods come on the refresh's thread. No lock is held while lab code
runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hotlab.importing import Generation
from hotlab.refreshing import Participant, Refresh
from hotlab.runtime.definitions import Definitions, DeviceDefinition
from hotlab.runtime.device_calls import Calls
from hotlab.runtime.device_errors import (
    DeviceConnectError,
    DeviceDisconnectError,
    DeviceError,
)
from hotlab.runtime.device_records import DeviceRecords
from hotlab.runtime.device_slots import DeviceStatus, Slot
from hotlab.runtime.device_table import DeviceTable
from hotlab.runtime.devices import BaseDevice
from hotlab.runtime.store.states import FAULTED, REFRESH_OWNER_PREFIX

log = logging.getLogger(__name__)

SHARE_OF_STEP = 0.9
"""Of a step's limit, what the devices get: the rest is for saying which of them was not done."""

EMERGENCY_METHODS = frozenset({"emergency_stop", "emergent_stop"})


class DeviceManager(Participant):
    """The devices of a running lab.

    Args:
        records: where states, pauses and holders are kept.
    """

    name = "device-manager"

    def __init__(self, records: DeviceRecords) -> None:
        self._records = records
        self._table = DeviceTable(records)
        self._calls = Calls(self._table, records)
        self._paused: dict[str, list[str]] = {}

    # Coming and going

    def start(self, generation: Generation, *, timeout: float = 60.0) -> dict[str, str]:
        """Connect the devices of a generation, all at once; each has so many seconds.

        Returns:
            The devices that could not be connected, and why. They are FAULTED; the others go on.
        """
        for definition in Definitions.of(generation).devices.values():
            slot = self._table.make(definition.name)
            self._table.define(slot, definition, generation.number)
        targets = {slot: slot.definition for slot in self._table.slots()}
        return self._table.settle(targets, time.monotonic() + timeout)

    def stop(self, *, timeout: float = 30.0) -> dict[str, str]:
        """Disconnect every device, all at once; each has so many seconds.

        Returns:
            The devices that could not be disconnected, and why.
        """
        slots = self._table.slots()
        for slot in slots:
            slot.thread.drop_waiting("the lab is stopping")
        faults = {slot.name: slot.fault or "hangs" for slot in slots if slot.hung is not None}
        targets: dict[Slot, DeviceDefinition | None] = {
            slot: None for slot in slots if slot.live is not None and slot.hung is None
        }
        faults.update(self._table.settle(targets, time.monotonic() + timeout))
        for slot in slots:
            slot.close()
        return faults

    def statuses(self) -> list[DeviceStatus]:
        """All devices as they are, by name."""
        return [slot.status() for slot in sorted(self._table.slots(), key=lambda slot: slot.name)]

    def status(self, name: str) -> DeviceStatus:
        """One device as it is.

        Raises:
            UnknownDevice: there is none of that name.
        """
        return self._table.slot(name).status()

    def instance(self, name: str) -> BaseDevice | None:
        """The connected instance of a device, or None while there is none.

        Raises:
            UnknownDevice: there is none of that name.
        """
        return self._table.slot(name).live

    # Calls

    def call(
        self,
        device_name: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        task_id: str,
        deadline: float | None = None,
        call_id: str | None = None,
    ) -> Any:
        """Call a method of a device for a task that holds it; returns and raises as a direct call
        would.

        Args:
            device_name: the device.
            method: a public method of it.
            args: positional arguments; JSON, as are the others and the result.
            kwargs: keyword arguments.
            task_id: the task, or a subtask of it.
            deadline: on the clock of :func:`time.monotonic`; None waits as long as it takes.
            call_id: a second call with the same id is dropped.

        Raises:
            UnknownDevice, DeviceNotHeld, DeviceNotAvailable, NoSuchMethod, NotJson: it was not
            made.
            CallDropped: it was given up before it began: it did not act, and will not.
            CallOutcomeUnknown: it had begun and was not back by the deadline.
        """
        if method in EMERGENCY_METHODS:
            self._calls.check_held(device_name, method, task_id)
            self.emergency_stop(device_name)
            return None
        return self._calls.make(
            device_name,
            method,
            args,
            kwargs or {},
            task_id=task_id,
            deadline=deadline,
            call_id=call_id,
        )

    def emergency_stop(self, name: str | None = None, *, timeout: float = 5.0) -> dict[str, str]:
        """Stop a device, or all, now: on threads of their own, past every queue, at any moment.

        Calls that wait for their turn are dropped, and the device takes none until it is `reset`.

        Returns:
            The devices whose emergency stop failed or has not returned within the time, and why.
        """
        slots = self._table.slots() if name is None else [self._table.slot(name)]
        outcomes: dict[str, list[str]] = {}
        threads: list[tuple[str, threading.Thread]] = []
        for slot in slots:
            slot.stop_in_emergency()
            for device in _instances(slot):
                outcomes[slot.name] = []
                thread = threading.Thread(
                    target=_stop_now,
                    args=(device, outcomes[slot.name]),
                    name=f"hotlab-emergency-{slot.name}",
                    daemon=True,
                )
                thread.start()
                threads.append((slot.name, thread))
        for slot in slots:
            slot.record()
        deadline = time.monotonic() + timeout
        for device_name, thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                outcomes[device_name].append(f"has not returned within {timeout:g} s")
        return {device: "; ".join(said) for device, said in outcomes.items() if said}

    def reset(self, name: str, *, timeout: float = 60.0) -> None:
        """Connect a device afresh because an operator says so, whatever it is doing.

        A call that hangs goes on hanging, on a thread that is no longer the device's.

        Raises:
            UnknownDevice: there is none of that name.
            DeviceConnectError: it could not be connected; it is FAULTED.
        """
        slot = self._table.slot(name)
        slot.replace_thread()
        faults = self._table.settle({slot: slot.definition}, time.monotonic() + timeout, tolerant=True)
        self._table.reap()
        if faults:
            raise DeviceConnectError(f"the device {name}: {faults[name]}", (name,))

    # Refreshes

    def pause_devices(self, refresh: Refresh) -> None:
        """Step 3: pause every device, for this refresh."""
        names = self._paused.setdefault(refresh.id, [])
        for slot in self._table.slots():
            names.append(slot.name)
            self._records.add_pause(slot.name, _owner(refresh), "a refresh is under way")

    def resume_devices(self, refresh: Refresh) -> None:
        """Step 8: release what this refresh has paused; take out what is no longer defined."""
        faults: list[str] = []
        names = self._paused.get(refresh.id, [])
        for name in list(names):
            try:
                self._records.remove_pause(name, _owner(refresh))
            except Exception as error:
                faults.append(f"{name}: {type(error).__name__}: {error}")
            else:
                names.remove(name)
        self._table.finish_change(refresh.id)
        if faults:
            raise DeviceError(f"devices can't be resumed: {'; '.join(faults)}")
        self._paused.pop(refresh.id, None)

    def disconnect(self, refresh: Refresh) -> None:
        """Step 5: disconnect the instances whose definition goes, while their code is current.

        Raises:
            DeviceDisconnectError: one of them raised, or hangs.
        """
        deadline = self._deadline(refresh, "disconnect")
        new = Definitions.of(refresh.new).devices if refresh.new is not None else {}
        slots = self._table.begin_change(refresh.id)
        targets: dict[Slot, DeviceDefinition | None] = {
            slot: None for slot in slots if slot.live is not None and slot.hung is None and not _stays(slot, new)
        }
        faults = self._table.settle(targets, deadline)
        if faults:
            raise DeviceDisconnectError(f"{_told(faults)}; the edit waits for another refresh", tuple(faults))

    def reimport(self, refresh: Refresh) -> None:
        """Step 6: take the definitions of the new generation."""
        assert refresh.new is not None
        new = Definitions.of(refresh.new).devices
        number = refresh.new.number
        for name, definition in new.items():
            change = self._table.change_of(refresh.id)
            if change is None:
                return
            slot = self._table.make(name)
            if _stays(slot, new):
                slot.generation = number
                slot.record()
            else:
                self._table.define(slot, definition, number)
        for slot in self._table.slots():
            if slot.name not in new and self._table.change_of(refresh.id) is not None:
                slot.definition = None

    def connect(self, refresh: Refresh) -> None:
        """Step 7: connect the new instances, and try again what was FAULTED.

        Raises:
            DeviceConnectError: a device that was connected before, or is new, can't be connected.
        """
        change = self._table.change_of(refresh.id)
        if change is None:
            return
        targets = {
            slot: slot.definition
            for slot in self._table.slots()
            if slot.definition is not None and slot.hung is None and not slot.stopped and not slot.is_settled
        }
        faults = self._table.settle(targets, self._deadline(refresh, "connect"))
        worse = {
            name: fault
            for name, fault in faults.items()
            if name not in change.before or change.before[name].was_connected
        }
        for name in faults.keys() - worse.keys():
            log.warning("the device %s stays FAULTED: %s", name, faults[name])
        if worse:
            raise DeviceConnectError(_told(worse), tuple(worse))

    def roll_back(self, refresh: Refresh) -> None:
        """Back to the old definitions: connect what was connected, drop what was made.

        Raises:
            DeviceConnectError: some could not be; they are FAULTED, the others are connected.
        """
        change = self._table.change_of(refresh.id)
        if change is None:
            return
        change.closed = True
        targets: dict[Slot, DeviceDefinition | None] = {}
        for slot in self._table.slots():
            before = change.before.get(slot.name)
            if before is None:
                slot.definition = None
                targets[slot] = None
                continue
            if before.definition is not None and slot.definition is not before.definition:
                self._table.define(slot, before.definition, before.generation)
            slot.definition, slot.generation = before.definition, before.generation
            slot.record()
            if before.was_connected or slot.live is not None:
                targets[slot] = slot.definition if before.was_connected else None
        targets = {
            slot: target
            for slot, target in targets.items()
            if slot.hung is None and not slot.stopped and not slot.is_settled
        }
        faults = self._table.settle(targets, self._deadline(refresh, "roll_back"), tolerant=True)
        for slot in self._table.slots():
            before = change.before.get(slot.name)
            if before is not None and before.fault and slot.live is None and slot.hung is None:
                slot.set_state(FAULTED, before.fault)
        if faults:
            raise DeviceConnectError(_told(faults), tuple(faults))

    # Within

    def _deadline(self, refresh: Refresh, step: str) -> float:
        return time.monotonic() + SHARE_OF_STEP * refresh.limits.of(step)


def _owner(refresh: Refresh) -> str:
    return f"{REFRESH_OWNER_PREFIX}{refresh.id}"


def _stays(slot: Slot, new: Mapping[str, DeviceDefinition]) -> bool:
    definition = new.get(slot.name)
    return definition is not None and slot.definition is not None and slot.definition.same_as(definition)


def _told(faults: Mapping[str, str]) -> str:
    return "; ".join(f"device {name}: {fault}" for name, fault in sorted(faults.items()))


def _instances(slot: Slot) -> Iterable[BaseDevice]:
    """Every instance that may have a hand on the hardware."""
    devices = [device for device in (slot.live, slot.coming) if device is not None]
    if not devices and slot.definition is not None:
        return [slot.definition.device]
    return devices


def _stop_now(device: BaseDevice, said: list[str]) -> None:
    try:
        device.emergency_stop()
    except BaseException as error:
        log.exception("the emergency stop of device %s failed", device.name)
        said.append(f"{type(error).__name__}: {error}")
