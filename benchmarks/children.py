"""The measuring processes, and the labs they work on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from synthetic_lab import write_lab

HERE = Path(__file__).parent
FOREIGN_MODULES = 300
FOREIGN_TEXT = '''"""A module that belongs to no lab."""

import os

VALUES = {{"number": {number}}}


class Thing{number:04d}:
    def name(self):
        return os.sep.join(["thing", "{number}"])


def thing():
    return Thing{number:04d}()
'''


class ChildFailed(Exception):
    """A measuring process ended, or did not answer in time."""


class Child:
    """A fresh process with one engine and one lab. Every attribute is a command (see ``measures.Bench``)."""

    def __init__(self, python: str, engine: str, root: Path, patience: float) -> None:
        self.engine = engine
        self._patience = patience
        self._faults = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in close()
        self._process = subprocess.Popen(
            [python, str(HERE / "measures.py"), engine, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._faults,
            text=True,
            env=environment(),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and wait for its answer.

        Raises:
            ChildFailed: it ended, or took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure(do) from None
        ready, _, _ = select.select([self._process.stdout], [], [], self._patience)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise self._failure(do if ready else f"{do}: no answer within {self._patience:g} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self, do: str) -> ChildFailed:
        self._process.kill()
        self._process.wait()
        self._faults.seek(0)
        lines = self._faults.read().strip().splitlines()
        return ChildFailed(f"{self.engine}: {do}: {lines[-1] if lines else 'ended'}")

    def close(self) -> None:
        """Let it end."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._faults.close()


def in_turn(engines: Sequence[str], turn: int) -> list[str]:
    """The engines, another one first at each turn: who comes first finds the machine in another state."""
    first = turn % len(engines)
    return [*engines[first:], *engines[:first]]


def environment() -> dict[str, str]:
    """The environment of a child: labs have their cached bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Labs:
    """The labs on disk: one copy for each engine and purpose, so that no cache is shared and no edit is in the way."""

    def __init__(self, folder: Path, python: str, patience: float) -> None:
        self.folder = folder
        self.python = python
        self.patience = patience
        self._ready: set[Path] = set()

    @contextmanager
    def children(self, engines: Sequence[str], size: int, purpose: str, *, turn: int = 0) -> Iterator[dict[str, Child]]:
        """A fresh child for each engine; each turn begins with another one."""
        roots = {engine: self._root(engine.partition("+")[0], size, purpose) for engine in engines}
        with ExitStack() as stack:
            found = {}
            for engine in in_turn(engines, turn):
                child = Child(self.python, engine.partition("+")[0], roots[engine], self.patience)
                stack.callback(child.close)
                found[engine] = child
            yield found

    def _root(self, engine: str, size: int, purpose: str) -> Path:
        """The folder of a lab that was imported once before, so that all caches are warm."""
        root = self.folder / f"{purpose}-{size}-{engine}"
        if root not in self._ready:
            write_lab(root, size)
            foreign = root / "outside"
            foreign.mkdir()
            for index in range(FOREIGN_MODULES):
                file = foreign / f"outside_{index:04d}.py"
                file.write_text(FOREIGN_TEXT.format(number=index), encoding="utf-8")
            child = Child(self.python, engine, root, self.patience)
            try:
                child.ask("import_lab")
                if purpose == "outside":
                    child.ask("outside_first")
            finally:
                child.close()
            self._ready.add(root)
        return root


WHERE = """
import json, pathlib, sys
import hotlab
print(json.dumps([str(pathlib.Path(hotlab.__file__).parents[1]), *sys.path]))
"""
IMPORT_HOTLAB = """
import os, site, sys, time
sys.path[:] = {paths!r}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
resident()
before, cpu, wall = resident(), time.process_time(), time.perf_counter()
import hotlab
print(time.perf_counter() - wall, time.process_time() - cpu, resident() - before)
"""


def where_hotlab_is(python: str) -> list[str]:
    """The folders to import from, hotlab's own first."""
    # From this folder: "-c" looks into the current one first, and this one has no hotlab.
    done = subprocess.run(
        [python, "-c", WHERE], check=True, capture_output=True, text=True, env=environment(), cwd=HERE
    )
    paths: list[str] = json.loads(done.stdout)
    return paths


def import_hotlab(python: str, paths: list[str]) -> tuple[float, float, float]:
    """Import hotlab in a fresh process: ms, ms of CPU, MB.

    No ``.pth`` file is run at its start (``-S``): what an editable install loads there would be missing in the figure.
    """
    command = [python, "-S", "-c", IMPORT_HOTLAB.format(paths=paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(), timeout=60)
    wall, cpu, memory = map(float, done.stdout.split())
    return wall * 1000, cpu * 1000, memory
