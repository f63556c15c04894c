"""What a task sees of the lab: resources to ask for, subtasks to call, and nothing of how that is done.

Used on the task's own thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotlab.runtime.resource_manager import read_wants
from hotlab.runtime.store import RequestRecord, TaskRecord

if TYPE_CHECKING:
    from hotlab.runtime.execution import Execution

DeviceCall = Callable[[str, str, tuple[Any, ...], dict[str, Any]], Any]


class DeviceProxy:
    """Stands for a device inside a task: a method called on it runs in the device manager.

    It can be used while the task holds the device. Attributes that begin with an underscore are not the device's.
    """

    def __init__(self, name: str, call: DeviceCall) -> None:
        self._name = name
        self._call = call

    @property
    def name(self) -> str:
        """The device's name in the lab."""
        return self._name

    def __repr__(self) -> str:
        return f"<device {self._name}>"

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(f"{method!r} of device {self._name} is private to it")

        def order(*args: Any, **kwargs: Any) -> Any:
            return self._call(self._name, method, args, kwargs)

        order.__name__ = method
        return order


class LabView:
    """A task's view of the lab, as `self.lab_view` of the task."""

    def __init__(self, execution: Execution, task: TaskRecord) -> None:
        self._execution = execution
        self._task = task

    @property
    def task_id(self) -> str:
        """The task's id in the store."""
        return self._task.id

    @property
    def priority(self) -> int:
        """With what priority the task was submitted."""
        return self._task.priority

    @contextmanager
    def request_resources(
        self,
        wants: Mapping[Any, Mapping[str, int]],
        *,
        priority: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[tuple[dict[Any, DeviceProxy], dict[Any, dict[str, list[str]]]]]:
        """Wait for devices and sample positions, all together, and hold them inside the ``with`` block.

        A subtask is lent what the task that calls it holds.

        Args:
            wants: by device class (any device of that class or a subclass), by device name, or None for positions
                that belong to no device: how many positions of which name, as in ``{Furnace: {"inside": 2}}``.
            priority: higher goes first; the task's own by default.
            timeout: for how many seconds to wait; by default for ever.

        Returns:
            Devices by the key of the request, and lists of full position names by key and name:
            ``positions[Furnace]["inside"][0]``.

        Raises:
            ResourceRequestError: this lab can never meet the request.
            ResourceTimeout: not free in time.
        """
        execution = self._execution
        granted: RequestRecord | None = None
        try:
            with execution.ending.in_hotlab():
                granted = execution.resources.request(
                    self._task,
                    read_wants(wants),
                    priority=self._task.priority if priority is None else priority,
                    timeout=timeout,
                    ending=execution.ending,
                )
            yield self._given(list(wants), granted)
        finally:
            if granted is not None:
                with execution.ending.in_hotlab(tell=False):  # given back whatever happens
                    execution.resources.release(granted.id)

    def run_subtask(self, task: type | str, **parameters: Any) -> Any:
        """Run another task inside this one, on its generation and with its resources, and return its result.

        What the subtask raises is raised here too.

        Args:
            task: the class of the task, or the name of its kind.
            parameters: what it is to do.
        """
        return self._execution.run_subtask(self._task, task, parameters)

    def sleep(self, seconds: float) -> None:
        """Wait; unlike ``time.sleep``, ends at once when the task is cancelled."""
        ending = self._execution.ending
        with ending.in_hotlab():
            ending.wait(threading.Event(), max(0.0, seconds))

    def check_cancelled(self) -> None:
        """Raise :class:`TaskCancelled` if the task was told to end."""
        self._execution.ending.check()

    def _given(
        self, keys: list[Any], granted: RequestRecord
    ) -> tuple[dict[Any, DeviceProxy], dict[Any, dict[str, list[str]]]]:
        devices: dict[Any, DeviceProxy] = {}
        positions: dict[Any, dict[str, list[str]]] = {}
        for key, line in zip(keys, granted.granted or (), strict=True):
            if line["device"] is not None:
                devices[key] = DeviceProxy(line["device"], self._execution.call_device)
            positions[key] = line["positions"]
        return devices, positions
