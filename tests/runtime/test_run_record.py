"""What a run writes about itself into its store, beside its tasks and devices."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from hotlab.runtime import run_record
from hotlab.runtime.running_lab import RunningLab

from .conftest import LabFolder, edit, until

RunLab = Callable[..., RunningLab]


def alive(running: RunningLab) -> list[int]:
    """Numbers of the generations that the store says are alive."""
    run = running.store.runs.latest()
    assert run is not None
    return [generation["number"] for generation in run.generations_alive]


def test_a_collection_is_told_at_once(run_lab: RunLab, lab_folder: LabFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for the next heartbeat: the collection itself has the figure written, and nothing in it lingers."""
    monkeypatch.setattr(run_record, "HEARTBEAT_SECONDS", 3600.0)
    running = run_lab()
    held: list[Any] = [running.lab.current]
    for number in (1, 2, 3):
        edit(lab_folder, f"speed = {number}", f"speed = {number + 1}")
        report = running.refresher.refresh()
        assert report is not None
        assert report.outcome == "done", report.error

    def collected(numbers: list[int]) -> bool:
        gc.collect()  # again: the thread of the refresh holds what it did for a moment longer
        return alive(running) == numbers

    until(lambda: collected([0, 3]))
    held.clear()
    gc.collect()
    until(lambda: alive(running) == [3], timeout=1.0)


def test_generations_come_and_go_while_beats_are_written(run_lab: RunLab, lab_folder: LabFolder) -> None:
    """A lab that reloads all the time goes on beating, whatever is collected in the middle of a beat."""
    running = run_lab()
    for number in range(1, 21):
        edit(lab_folder, f"speed = {number}\n", f"speed = {number + 1}\n")
        assert running.refresher.refresh().outcome == "done"  # type: ignore[union-attr]
        gc.collect()
    run = running.store.runs.latest()
    assert run is not None
    (current,) = [generation for generation in run.generations_alive if generation["current"]]
    assert (current["number"], current["digest"]) == (20, running.lab.current.digest)
    assert current["devices"]
