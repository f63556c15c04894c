"""A task's call of a device: the checks it passes, what it carries, and how it comes to run once or not at all.

Any thread may call; what it calls runs on the device's own thread.
"""

from __future__ import annotations

import difflib
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from hotlab.runtime.device_errors import (
    CallDropped,
    CallOutcomeUnknown,
    DeviceError,
    DeviceNotHeld,
    NoSuchMethod,
)
from hotlab.runtime.device_records import DeviceRecords
from hotlab.runtime.device_slots import Slot
from hotlab.runtime.device_table import DeviceTable
from hotlab.runtime.device_threads import Job, JobDropped, JobOverdue
from hotlab.runtime.devices import BaseDevice
from hotlab.runtime.json_values import to_json

CARRIED = "device calls carry JSON only"
MANAGED = frozenset({"connect", "disconnect"})
"""Methods that the device manager alone calls."""

REMEMBERED_CALLS = 10_000


def check_method(device: BaseDevice, method: str) -> None:
    """Let through the public methods of a device, without running any code of it.

    Raises:
        NoSuchMethod: it has none of that name, or tasks must not call it.
    """
    cls = type(device)
    name = f"{cls.__qualname__}.{method}"
    if method.startswith("_"):
        raise NoSuchMethod(f"{name} is private: tasks call public methods", device=device.name)
    if method in MANAGED:
        raise NoSuchMethod(
            f"{name} is not for tasks: the device manager connects and disconnects devices",
            device=device.name,
        )
    found = vars(device).get(method, inspect.getattr_static(cls, method, None))
    if found is None:
        if hasattr(cls, "__getattr__"):
            return
        near = difflib.get_close_matches(method, public_methods(cls), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; it has {_listed(cls)}"
        raise NoSuchMethod(f"{cls.__qualname__} has no method {method!r}{hint}", device=device.name)
    if not (callable(found) or isinstance(found, (staticmethod, classmethod))):
        raise NoSuchMethod(
            f"{name} is no method: write one that returns it, for a task calls methods only",
            device=device.name,
        )


def public_methods(cls: type[BaseDevice]) -> list[str]:
    """The methods that tasks may call."""
    return [
        name
        for name in dir(cls)
        if not name.startswith("_") and name not in MANAGED and callable(inspect.getattr_static(cls, name, None))
    ]


def _listed(cls: type[BaseDevice]) -> str:
    return ", ".join(public_methods(cls)) or "none"


def carried_arguments(
    device: BaseDevice, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as JSON carries them.

    Raises:
        NotJson: one of them is no JSON.
    """
    where = f"argument '{{path}}' of {type(device).__qualname__}.{method}"
    names = _parameter_names(device, method) if args else []
    made_args = [
        to_json(value, where, path=names[i] if i < len(names) else f"#{i + 1}", rule=CARRIED)
        for i, value in enumerate(args)
    ]
    made_kwargs = {name: to_json(value, where, path=name, rule=CARRIED) for name, value in kwargs.items()}
    return made_args, made_kwargs


def carried_result(device: str, method: str, result: Any) -> Any:
    """The result of a call as JSON carries it.

    Raises:
        NotJson: it is none. The call has acted all the same.
    """
    return to_json(result, f"the result of {device}.{method}", rule=CARRIED)


def _parameter_names(device: BaseDevice, method: str) -> list[str]:
    found: Callable[..., Any] | None = inspect.getattr_static(type(device), method, None)
    if not inspect.isfunction(found):
        return []
    parameters = list(inspect.signature(found).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


class CallIds:
    """Remembers the ids of calls, so that none is made twice. May be used from any thread."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def claim(self, call_id: str, what: str) -> None:
        """Take an id.

        Raises:
            CallDropped: it was taken before.
        """
        with self._lock:
            if call_id in self._seen:
                raise CallDropped(f"the call {call_id} of {what} was delivered before: dropped")
            self._seen[call_id] = None
            if len(self._seen) > REMEMBERED_CALLS:
                self._seen.popitem(last=False)


class Calls:
    """Makes the calls of tasks.

    Args:
        table: the devices.
        records: who holds them.
    """

    def __init__(self, table: DeviceTable, records: DeviceRecords) -> None:
        self._table = table
        self._records = records
        self._roots: dict[str, str] = {}
        self._call_ids = CallIds()

    def make(
        self,
        device_name: str,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        task_id: str,
        deadline: float | None,
        call_id: str | None,
    ) -> Any:
        """See :meth:`hotlab.runtime.device_manager.DeviceManager.call`."""
        slot = self._table.slot(device_name)
        if slot.thread.is_current_thread():
            raise DeviceError(
                f"{device_name}.{method} was called from within a call of {device_name}, for which "
                "it would have to wait",
                device=device_name,
            )
        self.check_held(device_name, method, task_id)
        device = slot.connected()
        check_method(device, method)
        sent_args, sent_kwargs = carried_arguments(device, method, args, kwargs)
        if call_id is not None:
            self._call_ids.claim(call_id, f"{device_name}.{method}")

        def make_call() -> Any:
            # The instance is looked up at the last moment: a refresh may have come in between.
            return getattr(slot.connected(), method)(*sent_args, **sent_kwargs)

        job = Job(
            method,
            make_call,
            task_id=task_id,
            deadline=deadline,
            check=lambda: self.check_held(device_name, method, task_id),
            on_late_end=slot.came_back,
        )
        result = self._outcome(slot, slot.thread.submit(job), deadline)
        return carried_result(device_name, method, result)

    def _outcome(self, slot: Slot, job: Job, deadline: float | None) -> Any:
        what = f"{slot.name}.{job.what}"
        try:
            return job.wait(deadline)
        except JobDropped as dropped:
            raise CallDropped(
                f"{what} for task {job.task_id} was dropped before it began: {dropped}",
                device=slot.name,
            ) from None
        except JobOverdue:
            slot.overdue(job)
            raise CallOutcomeUnknown(
                f"{what} for task {job.task_id} was not back in time; nobody knows how far it got: "
                f"look at {slot.name}, which is FAULTED, before going on",
                device=slot.name,
            ) from None
        except BaseException:
            # The waiting itself may be interrupted: then a call that has not begun must not begin.
            job.drop(JobDropped("its task has ended"))
            raise

    def check_held(self, device: str, method: str, task_id: str) -> None:
        """Let through the task that holds a device, and its subtasks.

        Raises:
            DeviceNotHeld: it is another, or nobody.
        """
        holder = self._records.holder(device)
        if holder is not None and holder in (task_id, self._root_of(task_id)):
            return
        who = f"task {holder} does" if holder is not None else "nobody does"
        raise DeviceNotHeld(
            f"task {task_id} does not hold {device}, {who}: call {device}.{method} inside "
            "`with self.lab_view.request_resources(...)`",
            device=device,
        )

    def _root_of(self, task_id: str) -> str:
        root = self._roots.get(task_id)
        if root is None:
            root = self._records.root_of(task_id)
            if len(self._roots) > 10_000:
                self._roots.clear()
            self._roots[task_id] = root  # never changes
        return root
