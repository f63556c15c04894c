"""Labs on disk, and commands as real processes that are always reaped."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from hotlab.cli import main

PATIENCE = 30.0
"""How long a test waits for what must happen, on a slow machine."""

HOTLAB = (sys.executable, "-m", "hotlab.cli")

INIT = """\
import hotlab

hotlab.enable()

from .devices import Oven
from .tasks import Bake, Nap, Version

hotlab.add_device(Oven("oven"))
for task in (Bake, Nap, Version):
    hotlab.add_task(task)
"""

DEVICES = """\
import pathlib
import time

from hotlab import BaseDevice

LOG = pathlib.Path(__file__).with_name("oven.log")
VERSION = 1


class Oven(BaseDevice):
    def connect(self):
        self.note("connect")

    def disconnect(self):
        self.note("disconnect")

    def note(self, what):
        with LOG.open("a") as log:
            log.write(f"{what} {VERSION}\\n")

    def is_running(self):
        return False

    def heat(self, temperature):
        self.note("heat")
        return temperature * VERSION
"""

TASKS = """\
import time

from hotlab import BaseTask

from .devices import VERSION, Oven


class Bake(BaseTask):
    def __init__(self, *, temperature: float, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def run(self):
        with self.lab_view.request_resources({Oven: {}}) as (devices, _):
            return devices[Oven].heat(self.temperature)


class Nap(BaseTask):
    def __init__(self, *, seconds: float, **kwargs):
        super().__init__(**kwargs)
        self.seconds = seconds

    def run(self):
        with self.lab_view.request_resources({Oven: {}}):
            time.sleep(self.seconds)


class Version(BaseTask):
    def run(self):
        return VERSION
"""


class Lab:
    """A small lab in a folder of its own: one oven, three kinds of task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.write("__init__.py", INIT)
        self.write("devices.py", DEVICES)
        self.write("tasks.py", TASKS)
        self.write("hotlab.yaml", "general:\n  auto_refresh: false\nbroker:\n  threads: 4\n")

    def write(self, name: str, text: str) -> None:
        """Write one of the lab's files."""
        (self.folder / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in one of the lab's files, in one step, as an editor does."""
        file = self.folder / name
        text = file.read_text()
        assert old in text
        aside = file.with_name(f".{name}.saving")
        aside.write_text(text.replace(old, new))
        aside.replace(file)

    @property
    def oven_log(self) -> list[str]:
        """What was done to the oven, with the version of the driver that did it."""
        log = self.folder / "oven.log"
        return log.read_text().splitlines() if log.exists() else []


class Running:
    """A `hotlab run` process and what it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._arriving: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arriving.put(line.rstrip("\n"))
        self._arriving.put(None)

    def wait_for(self, text: str, *, within: float = PATIENCE) -> str:
        """The next line that has `text` in it."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self._arriving.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line with {text!r} in:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if text in line:
                return line

    def ends(self, *, within: float = PATIENCE) -> int:
        """The exit code, once the process has ended by itself."""
        code = self.process.wait(within)
        self._reader.join(within)
        while (line := self._arriving.get(timeout=within)) is not None:
            self.lines.append(line)
        return code

    def reap(self) -> None:
        """End the process, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


Start = Callable[..., Running]


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without those that configure a lab, and with `changes`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HOTLAB_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(changes or {})}


def hotlab(
    *arguments: str | Path,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    timeout: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*HOTLAB, *map(str, arguments)],
        cwd=cwd,
        env=environment(environ),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def json_of(*arguments: str | Path) -> Any:
    """What a command writes with --json."""
    done = hotlab(*arguments, "--json")
    assert done.stderr == ""
    return json.loads(done.stdout)


class Call(Protocol):
    """Runs a command in this process, which is faster by far: for those that start nothing."""

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process, with its folder and variables, and captures what it writes."""

    def run(
        *arguments: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("HOTLAB_")]:
                patch.delenv(name)
            for name, value in (environ or {}).items():
                patch.setenv(name, value)
            if cwd is not None:
                patch.chdir(cwd)
            capsys.readouterr()
            words = [str(argument) for argument in arguments]
            code = main(words)
            written = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, written.out, written.err)

    return run


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab that nobody runs."""
    return Lab(tmp_path / "bench" / "small_lab")


@pytest.fixture
def start(lab: Lab) -> Iterator[Start]:
    """Starts `hotlab run` on the lab; each process is reaped at the end of the test."""
    started: list[Running] = []

    def run(*arguments: str, environ: Mapping[str, str] | None = None, ready: bool = True) -> Running:
        process = subprocess.Popen(
            [*HOTLAB, "run", str(lab.folder), *arguments],
            env=environment(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = Running(process)
        started.append(running)
        if ready:
            running.wait_for("Ctrl-C stops the lab")
        return running

    try:
        yield run
    finally:
        for running in started:
            running.reap()
