"""Takes tasks in, launches them, cancels them, and says what a refresh must wait for.

Its launcher thread sends READY tasks to the worker, the most urgent first, never more than the worker has threads.
All methods may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotlab.importing import Generation, Lab
from hotlab.refreshing import Blocker, Participant, Refresh
from hotlab.runtime.definitions import Definitions
from hotlab.runtime.ending import Ending
from hotlab.runtime.errors import UnknownTask
from hotlab.runtime.parameters import ParameterError, validate_parameters
from hotlab.runtime.store import Store, TaskRecord, states
from hotlab.runtime.tasks import BaseTask, create_task

_log = logging.getLogger(__name__)
_CONCERNING = frozenset({"ready", "*"})
_DRAINING = frozenset({"tasks", "resources", "*"})
_TELL_AGAIN_SECONDS = 0.02


class TaskManager(Participant):
    """Participant that launches tasks, and stops launching while a refresh is under way."""

    name = "task-manager"

    def __init__(self, store: Store, lab: Lab, *, run_id: str, send: Callable[[str], None], threads: int) -> None:
        self._store = store
        self._lab = lab
        self._run_id = run_id
        self._send = send
        self._threads = threads
        # Held while a task is claimed or begins to run, so that after a stop none does.
        self._gate = threading.Condition()
        self._stopped_by: set[str] = set()
        self._sent: set[str] = set()
        self._endings: dict[str, Ending] = {}
        self._draining: Refresh | None = None
        self._work = threading.Event()
        self._to_tell = threading.Event()
        self._closed = threading.Event()
        self._threads_of_mine: list[threading.Thread] = []
        self._unsubscribe: Any = None

    def start(self) -> None:
        """Begin to launch."""
        self._unsubscribe = self._store.changes.subscribe(self._on_change)
        for target, name in ((self._launch, "launcher"), (self._tell, "canceller")):
            thread = threading.Thread(target=target, name=f"hotlab-{name}", daemon=True)
            self._threads_of_mine.append(thread)
            thread.start()
        self._work.set()

    @property
    def closed(self) -> bool:
        """Whether it launches nothing any more, for ever."""
        return self._closed.is_set()

    def close(self) -> None:
        """Launch nothing any more. Tasks under way go on."""
        self._closed.set()
        if self._unsubscribe is not None:
            self._unsubscribe()
        with self._gate:
            self._gate.notify_all()
        self._work.set()
        self._to_tell.set()
        for thread in self._threads_of_mine:
            thread.join(5.0)

    def submit(
        self,
        kind: str,
        parameters: Mapping[str, Any],
        *,
        priority: int = 0,
        after: Sequence[str] = (),
    ) -> str:
        """Take in a task of a kind; it is launched once a thread is free, and those in `after` are completed.

        Returns:
            Its id.

        Raises:
            UnknownTask: no such kind, or no task of an id in `after`.
            ParameterError: the parameters don't fit the kind.
        """
        definitions = Definitions.of(self._lab.current)
        definition = definitions.tasks.get(kind)
        if definition is None:
            known = ", ".join(sorted(definitions.tasks)) or "none"
            raise UnknownTask(f"lab {self._lab.name} has no task {kind!r}; it has: {known}")
        _try_out(definition.cls, parameters)
        try:
            return self._store.tasks.add(kind, parameters, priority=priority, after=after)
        except KeyError as missing:
            raise UnknownTask(f"there is no task {missing.args[0]}, which this one was to follow") from None

    def cancel(self, task_id: str) -> str:
        """Cancel a task: one not started yet at once; one under way is told to end.

        Returns:
            ``"cancelled"``, ``"requested"``, or ``"over"`` where it had ended already.

        Raises:
            UnknownTask: no such task, or one that runs inside another.
        """
        task = self._store.tasks.get(task_id)
        if task is None:
            raise UnknownTask(f"there is no task {task_id}")
        if task.parent_id is not None:
            raise UnknownTask(f"task {task_id} runs inside task {task.root_id}: cancel that one instead")
        outcome = self._store.tasks.request_cancel(task_id)
        if outcome == "requested":
            self.tell_to_end(task_id)
        return outcome or "over"

    def tell_to_end(self, task_id: str, reason: str = "cancelled while it ran") -> None:
        """Raise :class:`TaskCancelled` in a task that this process runs, as soon as that can be done."""
        with self._gate:
            ending = self._endings.get(task_id)
        if ending is None:
            return
        ending.request(reason)
        with self._gate:
            self._gate.notify_all()
        self._to_tell.set()

    def running_here(self) -> list[str]:
        """Ids of the tasks that this process has claimed and not ended."""
        with self._gate:
            return sorted(self._endings)

    def claim(self, task_id: str, ending: Ending) -> tuple[TaskRecord, Generation] | None:
        """Claim a task whose message has come, on the current generation.

        None, and the message is to be dropped, where launching is stopped (the task stays READY and is sent again),
        or where the task is READY no more.
        """
        with self._gate:
            if self._stopped_by or self._closed.is_set():
                return None
            started = time.time()  # first: the task runs on nothing older than was current at this moment
            generation = self._lab.current
            task = self._store.tasks.claim(
                task_id,
                run_id=self._run_id,
                number=generation.number,
                digest=generation.digest,
                started=started,
            )
            if task is None:
                return None
            self._endings[task_id] = ending
        return task, generation

    def begin_running(self, task: TaskRecord, ending: Ending) -> bool:
        """INITIATED → RUNNING, once launching is not stopped. False if the task was ended meanwhile.

        Raises:
            TaskCancelled: the task was told to end.
        """
        with self._gate:
            while self._stopped_by and not self._closed.is_set():
                if ending.requested:
                    break
                self._gate.wait(1.0)
            ending.check()
            return self._store.tasks.move(task.id, {states.INITIATED}, states.RUNNING) is not None

    def message_done(self, task_id: str) -> None:
        """A message was run or dropped: its thread is free again."""
        with self._gate:
            self._sent.discard(task_id)
            self._endings.pop(task_id, None)
            self._gate.notify_all()
        self._work.set()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until this process runs no task, at most so many seconds; whether that is so."""
        with self._gate:
            return self._gate.wait_for(lambda: not self._endings, timeout)

    def stop_launching(self, refresh: Refresh) -> None:
        """From here on no task is claimed, nor begins to run; those that run go on."""
        with self._gate:
            self._stopped_by.add(refresh.id)
            self._draining = refresh

    def resume_launching(self, refresh: Refresh) -> None:
        """Launch again, what was dropped meanwhile included."""
        with self._gate:
            self._stopped_by.discard(refresh.id)
            if self._draining is refresh:
                self._draining = None
            self._gate.notify_all()
        self._work.set()

    def blockers(self, refresh: Refresh) -> Sequence[Blocker]:
        """Tasks that run, and those that hold something whatever they are doing."""
        return [
            Blocker(task.id, holds, task.started or task.created)
            for task, holds in self._store.tasks.under_way()
            if holds or task.state in (states.RUNNING, states.FINISHING)
        ]

    def _on_change(self, topics: frozenset[str]) -> None:
        if topics & _CONCERNING:
            self._work.set()
        draining = self._draining
        if draining is not None and topics & _DRAINING:
            draining.wake()

    def _launch(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            if self._closed.is_set():
                return
            try:
                self._send_ready()
            except Exception:
                if self._closed.is_set():
                    return
                _log.exception("launching tasks failed; trying again")
                time.sleep(0.5)
                self._work.set()

    def _send_ready(self) -> None:
        with self._gate:
            free = self._threads - len(self._sent)
            if free <= 0 or self._stopped_by:
                return
            without = tuple(self._sent)
        for task_id in self._store.tasks.ready(limit=free, without=without):
            with self._gate:
                if self._stopped_by or self._closed.is_set():
                    return
                self._sent.add(task_id)
            self._send(task_id)

    def _tell(self) -> None:
        """Keep trying to interrupt tasks that were asked to end and are where that would do harm."""
        while not self._closed.is_set():
            self._to_tell.wait()
            self._to_tell.clear()
            left = True
            while left and not self._closed.is_set():
                with self._gate:
                    endings = list(self._endings.values())
                told = [ending.interrupt() for ending in endings]
                left = not all(told)
                if left:
                    time.sleep(_TELL_AGAIN_SECONDS)


def _try_out(cls: type[BaseTask], parameters: Mapping[str, Any]) -> None:
    """Make a task of these parameters and drop it: what its constructor refuses is said to who submits it."""
    arguments = validate_parameters(cls, parameters)
    try:
        create_task(cls, arguments).validate()
    except Exception as error:
        raise ParameterError(cls.__name__, [str(error) or type(error).__name__]) from error
