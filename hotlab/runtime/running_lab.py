"""A lab that runs: its managers, its worker, its watcher, from :meth:`RunningLab.start` to :meth:`RunningLab.stop`.

One process at a time runs a lab on a store. `start` and `stop` are called once, by the thread that owns the lab (a
second `stop` does nothing); everything else may be called from any thread.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hotlab.importing import HotlabError, Lab
from hotlab.refreshing import Plugins, Refresher
from hotlab.refreshing.reload_only import use_refresher
from hotlab.runtime.configuration import LabConfig
from hotlab.runtime.definitions import Definitions
from hotlab.runtime.device_manager import DeviceManager
from hotlab.runtime.errors import LabNotStarted
from hotlab.runtime.lab_commands import handlers_of
from hotlab.runtime.lab_lock import LabLock
from hotlab.runtime.location import LabLocation
from hotlab.runtime.parts import Parts, assemble
from hotlab.runtime.resource_manager import ResourceManager
from hotlab.runtime.startup import import_lab, put_right
from hotlab.runtime.stopping import GRACE_SECONDS, end_tasks
from hotlab.runtime.store import Store
from hotlab.runtime.task_manager import TaskManager

_log = logging.getLogger(__name__)


class RunningLab:
    """A lab, running in this process.

    Args:
        location: which lab.
        config: its settings.

    Attributes:
        found: what an earlier run had left behind and :meth:`start` has put right, a line each.
        given_up: ids of the tasks that did not end when the lab was stopped.
    """

    def __init__(self, location: LabLocation, config: LabConfig) -> None:
        self.location = location
        self.config = config
        self.found: tuple[str, ...] = ()
        self.given_up: tuple[str, ...] = ()
        self._parts: Parts | None = None
        self._undo: list[tuple[str, Callable[[], object]]] = []
        self._stopping = threading.Lock()
        self._stop_asked = False
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        return f"<RunningLab {self.location.import_name}>"

    @property
    def lab(self) -> Lab:
        """The enabled lab."""
        return self._started.lab

    @property
    def store(self) -> Store:
        """Its store."""
        return self._started.store

    @property
    def run_id(self) -> str:
        """This run's id in the store."""
        return self._started.run_id

    @property
    def refresher(self) -> Refresher:
        """Takes the lab through refreshes."""
        return self._started.refresher

    @property
    def plugins(self) -> Plugins:
        """The plugins that were found, and those that failed."""
        return self._started.plugins

    @property
    def devices(self) -> DeviceManager:
        """The device manager."""
        return self._started.devices

    @property
    def resources(self) -> ResourceManager:
        """The resource manager."""
        return self._started.resources

    @property
    def tasks(self) -> TaskManager:
        """The task manager."""
        return self._started.tasks

    @property
    def _started(self) -> Parts:
        if self._parts is None:
            raise LabNotStarted(f"lab {self.location.import_name} was not started: call start() first")
        return self._parts

    def start(self) -> None:
        """Start everything; devices are connected when it returns.

        Raises:
            LabAlreadyRunning: another process runs a lab on this store.
            LabImportError: the lab can't be imported. StoreError: the store can't be used.
        """
        if self._parts is not None or self._stop_asked:
            raise HotlabError("a RunningLab is started once: make another one")
        try:
            self._start()
        except BaseException:
            self._unwind()
            raise

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Launch nothing any more, ask tasks to end, give up those that don't, disconnect the devices.

        Args:
            grace: how many seconds the tasks have.
        """
        with self._stopping:
            if self._stop_asked:
                return
            self._stop_asked = True
        try:
            if self._parts is not None:
                self._stop(self._parts, grace)
        finally:
            self._unwind()
            self._stopped.set()

    def _stop(self, parts: Parts, grace: float) -> None:
        parts.refresher.stop()
        if parts.watcher is not None:
            _try("stop watching", parts.watcher.stop)
        _try("stop the commands", parts.commands.stop)
        _try("stop launching", parts.tasks.close)
        self.given_up = end_tasks(parts.store, parts.tasks, grace)
        # With the tasks gone nothing keeps a refresh from ending; disconnecting under it would be no order.
        if not parts.record.wait_idle(grace):
            _log.warning("a refresh goes on while the lab stops; the next start clears its pauses")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the lab has stopped; False if it was not within `timeout` seconds."""
        return self._stopped.wait(timeout)

    def __enter__(self) -> RunningLab:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        lock = LabLock(self._lock_file())
        lock.acquire()
        self._later("let the lock go", lock.release)
        lab = import_lab(self.location)
        store = Store(self.config.database.url)
        self._later("close the store", store.close)
        run_id = store.runs.begin(lab.name)
        self.found = put_right(store, run_id)
        parts = assemble(lab, store, self.config, run_id=run_id, handlers=handlers_of(self))
        self._parts = parts
        self._later("end the run's record", parts.record.stop)
        parts.record.start()
        self._connect(parts)
        self._register(parts)
        self._launch(parts)

    def _lock_file(self) -> Path:
        head = "sqlite:///"
        url = self.config.database.url
        if url.startswith(head):
            # One file has one lock, whatever links lead to it.
            file = Path(os.path.realpath(url[len(head) :].partition("?")[0]))
            return file.with_name(f"{file.name}.lock")
        return self.config.general.working_dir / "hotlab.lock"

    def _connect(self, parts: Parts) -> None:
        generation = parts.lab.current
        gone = parts.store.devices.begin_afresh(tuple(Definitions.of(generation).devices))
        parts.resources.define_positions(generation)
        limits = self.config.refresh
        self._later(
            "disconnect the devices",
            lambda: parts.devices.stop(timeout=limits.disconnect_timeout),
        )
        faults = parts.devices.start(generation, timeout=limits.connect_timeout)
        self.found += tuple(f"the lab no longer has the device {name}" for name in gone)
        self.found += tuple(f"the device {name} is FAULTED: {why}" for name, why in faults.items())

    def _register(self, parts: Parts) -> None:
        refresher = parts.refresher
        # Called in the opposite order; the task manager first, as the steps are numbered.
        for participant in (parts.record, parts.devices, parts.resources, parts.tasks):
            refresher.register(participant, name=participant.name)
        use_refresher(refresher, parts.lab.name)
        self._later("let hotlab.refresh() go", lambda: use_refresher(None, parts.lab.name))

    def _launch(self, parts: Parts) -> None:
        self._later("stop the resource manager", parts.resources.stop)
        parts.resources.start()
        self._later("stop the worker", lambda: parts.worker.stop(0.5))
        parts.worker.start(parts.runner.run)
        self._later("stop the task manager", parts.tasks.close)
        parts.tasks.start()
        self._later("stop the commands", parts.commands.stop)
        parts.commands.start()
        if parts.watcher is not None:
            self._later("stop watching", parts.watcher.stop)
            parts.watcher.start()
            # An edit saved while the lab was starting is older than the watcher.
            parts.refresher.refresh("watcher", wait=False)

    def _later(self, what: str, action: Callable[[], object]) -> None:
        self._undo.append((what, action))

    def _unwind(self) -> None:
        """Undo what `start` did, the last first; what fails is logged and keeps nothing else from being undone."""
        while self._undo:
            _try(*self._undo.pop())


def _try(what: str, action: Callable[[], object]) -> None:
    try:
        action()
    except Exception:
        _log.exception("could not %s; going on", what)
