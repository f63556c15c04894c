"""Saves as editors and tools make them, on real files with the real library."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.watching.conftest import Bench

PATIENCE = 20.0


def test_plain_write_is_told_by_its_path(bench: Bench) -> None:
    """A written file is told once, by its absolute path."""
    bench.watch()
    oven = bench.write("oven.py")
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_save_is_told_promptly(bench: Bench) -> None:
    """With the default settle of 50 ms a save is told in well under a second, and not before."""
    bench.watch(settle=0.05)
    taken = []
    for number in range(7):
        began = time.monotonic()
        bench.write("oven.py", f"x = {number}\n")
        bench.recorder.wait_for_calls(number + 1)
        taken.append(bench.recorder.times[number] - began)
    assert min(taken) >= 0.05, taken
    assert statistics.median(taken) < 0.5, taken


def test_save_like_vim_is_one_change(bench: Bench) -> None:
    """vim: probe the folder, rename to a backup, create, write, remove the backup: one change."""
    oven = bench.write("oven.py", "x = 1\n")
    bench.watch()
    swap, probe, backup = (bench.lab / name for name in (".oven.py.swp", "4913", "oven.py~"))
    swap.write_text("b0VIM")
    probe.write_text("")
    probe.unlink()
    oven.rename(backup)
    oven.write_text("x = 2\n")
    backup.unlink()
    swap.unlink()
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


@pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")
@pytest.mark.parametrize("how", ["backupcopy=yes", "backupcopy=no"])
def test_save_by_vim_is_one_change(bench: Bench, how: str) -> None:
    """The real vim, in both of its ways to save."""
    oven = bench.write("oven.py", "x = 1\n")
    bench.watch(settle=1.0)
    subprocess.run(
        ["vim", "-u", "NONE", "-N", "-es", "-c", f"set writebackup {how}", "-c", "normal A2",
         "-c", "wq", "oven.py"],
        cwd=bench.lab, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert oven.read_text() == "x = 12\n"
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_save_like_emacs_is_one_change(bench: Bench) -> None:
    """emacs: a dangling lock link, an auto-save file, a backup, then the file: one change."""
    oven = bench.write("oven.py")
    bench.watch()
    lock, auto = bench.lab / ".#oven.py", bench.lab / "#oven.py#"
    lock.symlink_to("user@host.1234:1700000000")
    auto.write_text("x = 2\n")
    oven.rename(bench.lab / "oven.py~")
    oven.write_text("x = 2\n")
    auto.unlink()
    lock.unlink()
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


@pytest.mark.skipif(shutil.which("sed") is None, reason="needs sed")
def test_save_by_sed_is_one_change(bench: Bench) -> None:
    """sed -i writes beside the file and renames: one change, of the file."""
    oven = bench.write("oven.py", "x = 1\n")
    bench.watch()
    subprocess.run(["sed", "-i", "s/1/2/", str(oven)], check=True, timeout=PATIENCE)
    assert oven.read_text() == "x = 2\n"
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_save_like_nano_is_one_change(bench: Bench) -> None:
    """nano cuts the file to nothing and writes it again in place: one change."""
    oven = bench.write("oven.py", "x = 1\n")
    bench.watch()
    with oven.open("r+") as file:
        file.truncate(0)
        file.flush()
        file.write("x = 2\n")
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_two_atomic_saves_in_a_row_lose_nothing(bench: Bench) -> None:
    """os.replace twice: at once they are one change that sees the last text; apart, two."""
    oven = bench.write("oven.py", "x = 0\n")
    seen: list[str] = []

    def replace(text: str) -> None:
        fresh = bench.lab / ".oven.py.new"
        fresh.write_text(text)
        os.replace(fresh, oven)

    on_change = bench.recorder.on_change

    def read_and_record(paths: frozenset[Path]) -> None:
        seen.append(oven.read_text())
        on_change(paths)

    bench.recorder.on_change = read_and_record  # type: ignore[method-assign]
    bench.watch()
    replace("x = 1\n")
    replace("x = 2\n")
    bench.recorder.wait_for_calls(1)
    replace("x = 3\n")
    bench.recorder.wait_for_calls(2)
    assert seen == ["x = 2\n", "x = 3\n"]
    assert bench.recorder.calls == [frozenset({oven})] * 2


def test_burst_is_one_change(bench: Bench) -> None:
    """200 files, as a checkout or a formatter writes them, are one change that names them all."""
    bench.watch(settle=0.5, max_wait=PATIENCE)
    files = {bench.write(f"devices/part_{number % 7}/d{number}.py") for number in range(200)}
    # A folder is watched a moment after it is made: files put into it meanwhile are told by it.
    bench.recorder.wait_for_calls(1)
    (told,) = bench.recorder.calls
    assert bench.lab / "devices" in told
    again = {path for path in files if path.write_text("x = 2\n")}
    bench.recorder.wait_for_calls(2)
    assert bench.recorder.calls[1:] == [frozenset(again)]
    assert len(again) == 200


def test_caches_are_not_told_a_touch_is_and_a_read_is_not(bench: Bench) -> None:
    """Compiled files and reads tell nothing; a touch does: whether it matters, content decides."""
    oven = bench.write("oven.py")
    tables = bench.write("tables.csv")
    (bench.lab / "__pycache__").mkdir()
    bench.watch()
    (bench.lab / "__pycache__" / "oven.cpython-311.pyc").write_bytes(b"\0" * 16)
    (bench.lab / "oven.pyc").write_bytes(b"\0" * 16)
    tables.read_text()
    list(bench.lab.iterdir())
    os.utime(oven)
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_new_moved_and_deleted_files_are_told(bench: Bench) -> None:
    """A file that comes, a file that goes and both names of a rename are told."""
    old, doomed = bench.write("old.py"), bench.write("doomed.py")
    bench.watch()
    new, fresh = bench.lab / "new.py", bench.write("fresh.py")
    old.rename(new)
    doomed.unlink()
    assert bench.calls_before_a_last_edit() == [frozenset({old, new, fresh, doomed})]


def test_file_that_never_rests_is_told_after_the_longest_wait(bench: Bench) -> None:
    """A file written for ever does not put off the telling for ever."""
    bench.watch(settle=0.5, max_wait=1.0)
    enough = threading.Event()

    def write_on() -> None:
        number = 0
        while not enough.wait(0.02):
            number += 1
            bench.write("log.csv", f"{number}\n")

    writer = threading.Thread(target=write_on)
    began = time.monotonic()
    writer.start()
    try:
        bench.recorder.wait_for_calls(2)
    finally:
        enough.set()
        writer.join(PATIENCE)
    assert bench.recorder.times[0] - began >= 0.9


def test_noise_does_not_hold_up_an_edit(bench: Bench) -> None:
    """Ignored files written without a pause do not keep an edit from being told as settled."""
    bench.watch(settle=0.1, max_wait=600.0)
    enough = threading.Event()

    def make_noise() -> None:
        while not enough.wait(0.002):
            bench.write(".noise")
            bench.write("oven.pyc")

    noise = threading.Thread(target=make_noise)
    noise.start()
    try:
        oven = bench.write("oven.py")
        bench.recorder.wait_for_calls(1)
    finally:
        enough.set()
        noise.join(PATIENCE)
    assert bench.recorder.calls == [frozenset({oven})]


def test_ignored_paths_are_not_told(bench: Bench) -> None:
    """Where the lab itself writes can be left out, files and whole folders."""
    store, runs = bench.lab / "hotlab.db", bench.lab / "runs"
    runs.mkdir()
    bench.watch(ignored=[store, runs])
    store.write_text("1")
    (runs / "1.json").write_text("{}")
    oven = bench.write("oven.py")
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]
