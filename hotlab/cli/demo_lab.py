"""The lab of the demo: a copy of the fake lab, run by `hotlab run` in a process of its own.

It is given work, and looked at, through its store alone, as from a second terminal. Called from one
thread; `stop` may be called at any time, and twice.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from hotlab.cli.demo_judge import TaskRow
from hotlab.cli.demo_story import DemoFailed
from hotlab.runtime import Store, load_config
from hotlab.runtime.store import TaskRecord, states

COMMAND = (sys.executable, "-m", "hotlab.cli")
"""The `hotlab` command of this very installation, wherever its script may be."""

TIME_SCALE = "7200"
ANSWER_SECONDS = 15.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
LOG_LINES = 15


def copy_fake_lab(folder: Path) -> Path:
    """Copy the installed fake lab into `folder`, as source alone; return the copied package."""
    spec = importlib.util.find_spec("fake_lab")
    if spec is None or spec.origin is None:
        raise DemoFailed("the package fake_lab is not installed: install hotlab with pip again")
    source = Path(spec.origin).parent
    skip = shutil.ignore_patterns("__pycache__", ".*")
    return Path(shutil.copytree(source, folder / "fake_lab", ignore=skip))


class DemoLab:
    """A running copy of the fake lab."""

    def __init__(self, package: Path, *, deadline: float) -> None:
        self._package = package
        self._log = package.parent / "lab.log"
        # Settings of whoever runs the demo are not for its lab.
        self._environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("HOTLAB_")},
            "FAKE_LAB_TIME_SCALE": TIME_SCALE,
        }
        self._output: IO[bytes] = self._log.open("wb")
        self._process = subprocess.Popen(
            [*COMMAND, "run", str(package)],
            cwd=package.parent,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C on the terminal is for the demo, which stops the lab itself.
            start_new_session=True,
        )
        self._store: Store | None = None
        # Asked for many times while edits are timed: what can't change is asked for once.
        self._devices_of_ended: dict[str, tuple[str, ...]] = {}
        try:
            self._store = self._open_store(deadline)
            self._wait_until_ready(deadline)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The id of the lab's process."""
        return self._process.pid

    def devices(self) -> list[str]:
        """The names of the lab's devices."""
        return [device.name for device in self._the_store().devices.all()]

    def submit(self, kind: str, parameters: Mapping[str, Any]) -> str:
        """Submit a task through the running lab and return its id."""
        store = self._the_store()
        arguments = {"kind": kind, "parameters": dict(parameters)}
        command = store.send_command("submit", arguments, "hotlab demo", ANSWER_SECONDS)
        outcome = store.wait_command(command, ANSWER_SECONDS)
        if outcome is None:
            self.check_alive()
            raise DemoFailed(f"the lab did not answer within {ANSWER_SECONDS:g} s: see {self._log}")
        if not outcome.get("ok"):
            raise DemoFailed(f"the lab refused a {kind}: {outcome.get('error')}")
        return str(outcome["task_id"])

    def tasks(self) -> list[TaskRow]:
        """All tasks that were submitted, oldest first; subtasks are not listed."""
        return [_row(task, self._devices_of(task)) for task in self._the_store().tasks.all()]

    def reports(self) -> list[Mapping[str, Any]]:
        """The refresh reports so far, oldest first."""
        return [refresh.report for refresh in self._the_store().refreshes.all() if refresh.report]

    def paused_devices(self) -> tuple[str, ...]:
        """The names of the devices that are paused now, whoever paused them."""
        return tuple(sorted({pause.device for pause in self._the_store().devices.pauses()}))

    def plugins(self) -> list[str]:
        """What `hotlab plugins` prints."""
        done = subprocess.run(
            [*COMMAND, "plugins"],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
        return [line.rstrip() for line in done.stdout.splitlines() if line.strip()]

    def check_alive(self) -> None:
        """Raise `DemoFailed`, with the lab's last words, if its process has ended."""
        code = self._process.poll()
        if code is not None:
            raise DemoFailed(f"the lab ended with exit code {code}; its last lines:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines that the lab has printed."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LOG_LINES:])

    def stop(self) -> int:
        """Stop the lab as Ctrl-C does, by force if that does not help; return its exit code."""
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        return self._process.returncode

    def _devices_of(self, task: TaskRecord) -> tuple[str, ...]:
        if task.started is None:
            return ()
        known = self._devices_of_ended.get(task.id)
        if known is None:
            known = self._the_store().resources.devices_used(task.id)
            if task.finished is not None:
                self._devices_of_ended[task.id] = known
        return known

    def _the_store(self) -> Store:
        if self._store is None:
            raise DemoFailed("the lab of the demo was stopped")
        return self._store

    def _open_store(self, deadline: float) -> Store:
        config = load_config(self._package, environ=self._environ).config
        file = config.general.working_dir / "hotlab.db"
        while not file.exists():
            self._wait_a_little(deadline, f"the lab to make its store {file}")
        return Store(config.database.url)

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            devices = self._the_store().devices.all()
            if devices and all(device.state == states.CONNECTED for device in devices):
                return
            self._wait_a_little(deadline, "the devices to be connected")

    def _wait_a_little(self, deadline: float, what: str) -> None:
        self.check_alive()
        if time.monotonic() > deadline:
            raise DemoFailed(f"the time was up while waiting for {what}; see {self._log}")
        time.sleep(POLL_SECONDS)


def _row(task: TaskRecord, devices: tuple[str, ...]) -> TaskRow:
    return TaskRow(
        id=task.id,
        kind=task.kind,
        state=task.state,
        digest=task.generation_digest,
        devices=devices,
        submitted=task.created,
        started=task.started,
        finished=task.finished,
        parameters=task.parameters,
        result=task.result,
        error=task.error,
    )
