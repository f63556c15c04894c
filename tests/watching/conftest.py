"""A watched folder with the real library, and a recorder to wait on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotlab.watching import Watcher, WatchingError

PATIENCE = 20.0
"""How long a test waits for what must come: only a failing test waits so long."""


class Recorder:
    """Takes what a watcher tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.calls: list[frozenset[Path]] = []
        self.times: list[float] = []
        self.errors: list[WatchingError] = []

    def on_change(self, paths: frozenset[Path]) -> None:
        with self._changed:
            self.calls.append(paths)
            self.times.append(time.monotonic())
            self._changed.notify_all()

    def on_error(self, error: WatchingError) -> None:
        with self._changed:
            self.errors.append(error)
            self._changed.notify_all()

    def wait(self, condition: Callable[[Recorder], bool], what: str) -> None:
        """Until the condition is met; fails with what was told instead."""
        if not self.comes(condition, PATIENCE):
            pytest.fail(f"{what} did not come in {PATIENCE} s; told so far: {self.calls}")

    def comes(self, condition: Callable[[Recorder], bool], timeout: float) -> bool:
        """Whether the condition is met within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def wait_for_calls(self, count: int) -> None:
        self.wait(lambda r: len(r.calls) >= count, f"call {count} of on_change")


class Bench:
    """A folder ``lab``, with a watcher that was started on it."""

    def __init__(self, folder: Path) -> None:
        self.lab = folder / "lab"
        self.lab.mkdir()
        self.recorder = Recorder()
        self.watchers: list[Watcher] = []

    def watch(self, *paths: Path, settle: float = 0.2, **options: object) -> Watcher:
        watcher = Watcher(
            paths or (self.lab,),
            on_change=self.recorder.on_change,
            on_error=self.recorder.on_error,
            settle=settle,
            **options,  # type: ignore[arg-type]
        )
        watcher.start()
        self.watchers.append(watcher)
        return watcher

    def write(self, name: str, text: str = "x = 1\n") -> Path:
        path = self.lab / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def calls_before_a_last_edit(self) -> list[frozenset[Path]]:
        """What was told of all edits so far.

        Made without waiting for nothing to come: one more file is written, and when that is told
        everything before it has been. What was told together with it is counted in.
        """
        last = self.write("last_edit_of_the_test.txt")
        self.recorder.wait(lambda r: any(last in call for call in r.calls), "the last edit")
        return [call - {last} for call in self.recorder.calls if call - {last}]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        yield made
    finally:
        for watcher in made.watchers:
            assert watcher.stop(PATIENCE), "a watcher thread outlived its test"
