"""Runs one task from its claim to its end, on a worker thread, on the generation that was current at the claim.

Whatever lab code raises, ``SystemExit`` included, ends its task and nothing else, and is written into the store with
the traceback of the lab's own frames. No transaction is open while lab code runs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from hotlab.importing import Generation, lab_frames
from hotlab.refreshing.waiting import waited_for
from hotlab.runtime.definitions import Definitions, qualified_name
from hotlab.runtime.ending import Ending
from hotlab.runtime.errors import TaskCancelled, UnknownTask
from hotlab.runtime.json_values import to_json
from hotlab.runtime.lab_view import LabView
from hotlab.runtime.parameters import validate_parameters
from hotlab.runtime.resource_manager import ResourceManager
from hotlab.runtime.store import Store, TaskRecord, states
from hotlab.runtime.task_manager import TaskManager
from hotlab.runtime.tasks import BaseTask, create_task

_log = logging.getLogger(__name__)


class DeviceCalls(Protocol):
    """What a task needs of the device manager."""

    def call(
        self,
        device_name: str,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        task_id: str,
    ) -> Any:
        """Call a method of a device for the task that holds it."""


class TaskRunner:
    """Runs tasks by id, as their messages come. :meth:`run` is called on worker threads, many at once."""

    def __init__(
        self,
        store: Store,
        tasks: TaskManager,
        resources: ResourceManager,
        devices: DeviceCalls,
        *,
        lab_folder: str,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._resources = resources
        self._devices = devices
        self._lab_folder = lab_folder

    def run(self, task_id: str) -> None:
        """Claim a task and run it to its end; nothing if it can't be claimed. Never raises."""
        ending = Ending(self._lab_folder)
        try:
            claimed = self._tasks.claim(task_id, ending)
            if claimed is not None:
                self._execute(*claimed, ending)
        except BaseException:
            if not self._tasks.closed:  # a task may outlive the lab, and find the store closed
                _log.exception("hotlab failed at task %s; please report it", task_id)
        finally:
            self._tasks.message_done(task_id)

    def _execute(self, task: TaskRecord, generation: Generation, ending: Ending) -> None:
        execution = Execution(
            store=self._store,
            tasks=self._tasks,
            resources=self._resources,
            devices=self._devices,
            generation=generation,
            ending=ending,
            root_id=task.id,
        )
        try:
            execution.run(task)
        except BaseException as error:
            # The store could not be written. Once more, so that a passing trouble leaves nothing held for ever.
            self._store.tasks.finish(
                task.id,
                states.ERROR,
                error=f"its end could not be written at first: {safe_text(error)}",
                error_type=type(error).__name__,
            )
            raise


@attrs.define(eq=False)
class Execution:
    """One task under way, with the subtasks that run inside it: all on one thread and one generation."""

    store: Store
    tasks: TaskManager
    resources: ResourceManager
    devices: DeviceCalls
    generation: Generation
    ending: Ending
    root_id: str

    def run(self, task: TaskRecord) -> None:
        """Run a claimed task, and write down what came of it."""
        try:
            made = self._make(task, self._class_of(task.kind))
            if not self.tasks.begin_running(task, self.ending):
                _log.warning("task %s was ended before it began to run", task.id)
                return
            with waited_for(f"task {task.id} ({task.kind})"), self.ending.lab_code():
                result = made.run()
            self._completed(task, result)
        except BaseException as error:
            self._failed(task, error)

    def run_subtask(self, parent: TaskRecord, task_class: type | str, parameters: Mapping[str, Any]) -> Any:
        """Run a task inside `parent`, as a row of its own; its result is returned, its exception raised."""
        with self.ending.in_hotlab():
            kind, cls = self._subtask_class(task_class)
            validate_parameters(cls, parameters)
            task = self.store.tasks.add_subtask(parent, kind, parameters)
        try:
            made = self._make(task, cls)
            with self.ending.in_hotlab():
                self.store.tasks.move(task.id, {states.INITIATED}, states.RUNNING)
            result = made.run()
            with self.ending.in_hotlab(tell=False):
                self._completed(task, result)
        except BaseException as error:
            with self.ending.in_hotlab(tell=False):
                self._failed(task, error)
            raise
        return result

    def call_device(self, device: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a method of a device that the task holds. Not interrupted half-way: an order is given or it is not."""
        with self.ending.in_hotlab():
            return self.devices.call(device, method, args, kwargs, task_id=self.root_id)

    def _class_of(self, kind: str) -> type[BaseTask]:
        definition = Definitions.of(self.generation).tasks.get(kind)
        if definition is None:
            raise UnknownTask(
                f"the lab no longer has a task {kind!r} (generation {self.generation.number}): it was taken out, or "
                "renamed, after this task was submitted"
            )
        return definition.cls

    def _subtask_class(self, wanted: type | str) -> tuple[str, type[BaseTask]]:
        tasks = Definitions.of(self.generation).tasks
        if isinstance(wanted, str):
            return wanted, self._class_of(wanted)
        for kind, definition in tasks.items():
            if qualified_name(definition.cls) == qualified_name(wanted):
                return kind, definition.cls
        if not (isinstance(wanted, type) and issubclass(wanted, BaseTask)):
            raise UnknownTask(f"run_subtask() takes a task class or the name of one, not {wanted!r}")
        return wanted.__name__, wanted

    def _make(self, task: TaskRecord, cls: type[BaseTask]) -> BaseTask:
        arguments = validate_parameters(cls, task.parameters)
        return create_task(cls, arguments, task_id=task.id, lab_view=LabView(self, task))

    def _completed(self, task: TaskRecord, result: Any) -> None:
        value = to_json(result, f"the result of {task.kind}")
        if self.store.tasks.move(task.id, {states.RUNNING}, states.FINISHING, result=value):
            self.store.tasks.finish(task.id, states.COMPLETED)
        else:
            _log.warning("task %s came to its end after it had been given up", task.id)

    def _failed(self, task: TaskRecord, error: BaseException) -> None:
        cancelled = isinstance(error, TaskCancelled)
        message = self.ending.reason if cancelled else safe_text(error)
        values = {
            "error": message or type(error).__name__,
            "error_type": type(error).__name__,
            "traceback": _frames(error, self.generation.lab.root),
        }
        target = states.CANCELLED if cancelled else states.ERROR
        if not self.store.tasks.finish(task.id, target, **values):
            _log.warning(
                "task %s ended after it had been given up: %s: %s",
                task.id,
                values["error_type"],
                values["error"],
            )
        elif not cancelled:
            _log.info("task %s (%s) failed: %s", task.id, task.kind, values["error"])


def safe_text(error: BaseException) -> str:
    """What an exception says, as text that every store can hold, even if saying it fails."""
    try:
        text = str(error)
    except Exception as fault:
        text = f"({type(error).__name__}.__str__ raised {type(fault).__name__})"
    return _storable(text)


def _frames(error: BaseException, root: Path) -> str:
    try:
        return _storable(lab_frames(error, root))
    except Exception:  # of an exception that can't be shown
        _log.debug("the traceback of %s can't be shown", type(error).__name__, exc_info=True)
        return ""


def _storable(text: str) -> str:
    """Without lone surrogates, which UTF-8 can't hold, and NUL, which PostgreSQL can't."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
