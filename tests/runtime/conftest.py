"""Helpers for the runtime's tests: stores on disk, threads that are always joined, and labs made of a few lines."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

import hotlab
from hotlab.importing import enabled_labs
from hotlab.runtime.actor import EmbeddedWorker
from hotlab.runtime.configuration import LabConfig, load_config
from hotlab.runtime.execution import TaskRunner
from hotlab.runtime.location import LabLocation
from hotlab.runtime.resource_manager import ResourceManager
from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import PositionKind, Store, sqlite_url, states
from hotlab.runtime.task_manager import TaskManager

_numbers = itertools.count(1)

WAIT = 15.0
"""Seconds after which a test gives up waiting; far more than anything here takes."""


def until(met: Callable[[], Any], timeout: float = WAIT) -> Any:
    """The first true value of `met()`, asked again and again; fails when the time is up."""
    deadline = time.monotonic() + timeout
    while True:
        value = met()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not met within {timeout} s: {met}")
        time.sleep(0.005)


class Running:
    """A call on a thread of its own, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._function = function
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:
            self.error = error

    @property
    def over(self) -> bool:
        return not self.thread.is_alive()

    def result(self, timeout: float = WAIT) -> Any:
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the call goes on"
        if self.error is not None:
            raise self.error
        return self.value


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hotlab.db"


@pytest.fixture
def store(store_file: Path) -> Iterator[Store]:
    """A new store in a file."""
    with Store(sqlite_url(store_file)) as opened:
        yield opened


def define_bench(store: Store) -> None:
    """Two furnaces with two places each, an arm, and a rack of three places; all connected."""
    for name in ("furnace_1", "furnace_2"):
        store.devices.define(
            name,
            class_name="lab.Furnace",
            classes=["lab.Furnace", "lab.Heater"],
            positions=[PositionKind("inside", 2)],
        )
    store.devices.define("arm", class_name="lab.Arm", classes=["lab.Arm"])
    store.devices.define_standalone_positions([PositionKind("rack", 3)])
    for name in ("furnace_1", "furnace_2", "arm"):
        store.devices.set_state(name, states.CONNECTED)


def running_task(store: Store, kind: str = "Heat", run_id: str = "run") -> Any:
    """A task that is RUNNING."""
    task_id = store.tasks.add(kind, {})
    store.tasks.claim(task_id, run_id=run_id, number=0, digest="d", started=time.time())
    return store.tasks.move(task_id, {states.INITIATED}, states.RUNNING)


class StandInDevices:
    """Takes the device manager's place where a test is not about devices: writes down the calls, answers with them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any], str]] = []

    def call(
        self,
        device_name: str,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        task_id: str,
    ) -> Any:
        self.calls.append((device_name, method, args, dict(kwargs), task_id))
        return [device_name, method, list(args), dict(kwargs)]


class LabFolder:
    """A lab package in a folder of its own, that tests write and edit."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.root = folder / name
        self.root.mkdir(parents=True)

    def write(self, source: str, file: str = "__init__.py") -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(textwrap.dedent(source), encoding="utf-8")
        temporary.replace(path)


@pytest.fixture
def lab_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabFolder]:
    """An empty lab package that can be imported; forgotten afterwards."""
    folder = LabFolder(tmp_path / "lab", f"bench_{next(_numbers)}")
    monkeypatch.syspath_prepend(str(folder.root.parent))
    yield folder
    forget(folder.name)


def forget(name: str) -> None:
    """Leave the process as if a lab had never been imported."""
    if name in enabled_labs():
        hotlab.disable(name)
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


@attrs.frozen
class Bench:
    """Task manager, resource manager and worker of a lab, without devices that are real."""

    store: Store
    lab: Any
    tasks: TaskManager
    resources: ResourceManager
    devices: StandInDevices

    def submit(self, kind: str, **parameters: Any) -> str:
        return self.tasks.submit(kind, parameters)

    def ended(self, task_id: str, timeout: float = WAIT) -> Any:
        """The task, once it has ended and its thread is free."""

        def over() -> Any:
            task = self.store.tasks.get(task_id)
            assert task is not None
            return task if task.state in states.FINAL_STATES else None

        task = until(over, timeout)
        until(lambda: task_id not in self.tasks.running_here(), timeout)
        return task

    def in_state(self, task_id: str, state: str) -> None:
        def there() -> bool:
            task = self.store.tasks.get(task_id)
            assert task is not None
            if task.state in states.FINAL_STATES and task.state != state:
                raise AssertionError(f"{task.state}: {task.error}\n{task.traceback}")
            return task.state == state

        until(there)


@pytest.fixture
def make_bench(store: Store, lab_folder: LabFolder) -> Iterator[Callable[..., Bench]]:
    """Makes a bench that runs the tasks of a lab's source; everything is stopped afterwards."""
    undo: list[Callable[[], Any]] = []

    def make(source: str, *, threads: int = 4) -> Bench:
        lab_folder.write(PROLOGUE + textwrap.dedent(source))
        importlib.import_module(lab_folder.name)
        lab = enabled_labs()[lab_folder.name]
        define_bench(store)
        devices = StandInDevices()
        resources = ResourceManager(store, run_id="run")
        worker = EmbeddedWorker(lab.name, threads=threads, idle=0.02)
        tasks = TaskManager(store, lab, run_id="run", send=worker.send, threads=threads)
        runner = TaskRunner(store, tasks, resources, devices, lab_folder=f"{lab.root}{os.sep}")
        resources.start()
        worker.start(runner.run)
        tasks.start()
        undo.extend([resources.stop, lambda: worker.stop(5.0), tasks.close])
        return Bench(store, lab, tasks, resources, devices)

    yield make
    for action in reversed(undo):
        action()


PROLOGUE = """\
import threading
import time

import hotlab

hotlab.enable()

from hotlab import BaseTask, add_task

"""
"""What the labs of tests begin with."""


ADD = """
@add_task
class Add(BaseTask):
    one: float
    two: float = 2

    def run(self):
        return {"sum": self.one + self.two}
"""

DEVICES = (
    PROLOGUE.replace("BaseTask, add_task", "BaseDevice, BaseTask, SamplePosition, add_device, add_task")
    + """
class Arm(BaseDevice):
    speed = 1

    def connect(self):
        self.moves = 0

    def disconnect(self):
        pass

    def move(self):
        self.moves += 1
        return [self.speed, self.moves]


class Furnace(BaseDevice):
    @property
    def sample_positions(self):
        return [SamplePosition("inside", number=2)]

    def connect(self):
        pass

    def disconnect(self):
        pass


add_device(Arm("arm"))
add_device(Furnace("furnace_1"))


@add_task
class Move(BaseTask):
    def run(self):
        with self.lab_view.request_resources({Arm: {}}) as (devices, _):
            return devices[Arm].move()
"""
)
"""A lab of an arm and a furnace, with a task that moves the arm."""


@pytest.fixture
def run_lab(lab_folder: LabFolder) -> Iterator[Callable[..., RunningLab]]:
    """Starts a lab from a source that is added to `DEVICES`; stopped afterwards."""
    started: list[RunningLab] = []

    def run(source: str = "", *, environ: dict[str, str] | None = None, start: bool = True) -> RunningLab:
        if not (lab_folder.root / "__init__.py").exists():
            lab_folder.write(DEVICES + textwrap.dedent(source))
        running = RunningLab(location_of(lab_folder), config_of(lab_folder, environ or {}))
        started.append(running)
        if start:
            running.start()
        return running

    yield run
    for running in started:
        running.stop(grace=1.0)


def config_of(folder: LabFolder, environ: dict[str, str]) -> LabConfig:
    """A lab's configuration, with few threads, and its store outside of the package."""
    settings = {
        "HOTLAB_GENERAL_WORKING_DIR": str(folder.root.parent / "state"),
        "HOTLAB_BROKER_THREADS": "8",
        **environ,
    }
    return load_config(folder.root, environ=settings).config


def location_of(folder: LabFolder) -> LabLocation:
    """Where a lab of a test is."""
    return LabLocation(
        import_name=folder.name,
        path_to_add=folder.root.parent,
        folder=folder.root,
        config_file=None,
    )


def end_of(running: RunningLab, task_id: str, timeout: float = WAIT) -> Any:
    """A task of a running lab, once it has ended."""

    def over() -> Any:
        task = running.store.tasks.get(task_id)
        assert task is not None
        return task if task.state in states.FINAL_STATES else None

    return until(over, timeout)


def edit(folder: LabFolder, old: str, new: str) -> None:
    """Replace a text, which is there once, in the lab's `__init__.py`."""
    text = (folder.root / "__init__.py").read_text()
    assert text.count(old) == 1
    folder.write(text.replace(old, new))
