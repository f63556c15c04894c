"""The watcher's life: starting, stopping, failing, and folders that are not what they were."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import watchfiles

from hotlab.importing.errors import HotlabError
from hotlab.watching import Watcher, WatchingError

if TYPE_CHECKING:
    from tests.watching.conftest import Bench

PATIENCE = 20.0


def is_alive(watcher: Watcher) -> bool:
    """Asked by a call: a type checker would hold an attribute to be what it was before."""
    return watcher.alive


def nothing(paths: frozenset[Path]) -> None:
    """An on_change that does nothing."""


def test_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A path that isn't there is an error that names it, and no thread is left."""
    watcher = Watcher([tmp_path, tmp_path / "no_lab"], on_change=nothing, name="w-absent")
    with pytest.raises(WatchingError, match=r"no_lab': no such file or folder; check the path"):
        watcher.start()
    assert not watcher.alive
    assert "w-absent" not in {thread.name for thread in threading.enumerate()}
    assert issubclass(WatchingError, HotlabError)


@pytest.mark.parametrize("settle", [0.0, -1.0, 3.0])
def test_impossible_times_are_refused(tmp_path: Path, settle: float) -> None:
    """settle must be positive and not above max_wait."""
    with pytest.raises(WatchingError, match="settle"):
        Watcher([tmp_path], on_change=nothing, settle=settle)


def test_nothing_to_watch_is_refused() -> None:
    """No path at all is an error, not a watcher that sees nothing."""
    with pytest.raises(WatchingError, match="at least one path"):
        Watcher([], on_change=nothing)


def test_start_stop_and_start_again(bench: Bench) -> None:
    """A watcher can be stopped, twice too, and started again; started twice it refuses."""
    watcher = bench.watch()
    assert watcher.alive
    with pytest.raises(WatchingError, match="already started"):
        watcher.start()
    assert watcher.stop(PATIENCE)
    assert watcher.stop(PATIENCE)
    assert not is_alive(watcher)
    bench.write("unseen.py")
    watcher.start()
    oven = bench.write("oven.py")
    assert bench.calls_before_a_last_edit() == [frozenset({oven})]


def test_stop_from_on_change_ends_the_thread(bench: Bench) -> None:
    """A watcher stopped by its own on_change does not wait for itself."""
    answers: list[bool] = []
    told = threading.Event()

    def stop_it(paths: frozenset[Path]) -> None:
        answers.append(watcher.stop(PATIENCE))
        told.set()

    watcher = Watcher([bench.lab], on_change=stop_it)
    bench.watchers.append(watcher)
    watcher.start()
    bench.write("oven.py")
    assert told.wait(PATIENCE)
    assert answers == [False]
    assert watcher.stop(PATIENCE)
    assert not is_alive(watcher)


def test_stop_gives_up_on_a_hanging_on_change(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """stop() returns False after its time limit and says what it waited for."""
    inside, let_go = threading.Event(), threading.Event()

    def hang(paths: frozenset[Path]) -> None:
        inside.set()
        let_go.wait(PATIENCE)

    watcher = Watcher([bench.lab], on_change=hang)
    watcher.start()
    bench.watchers.append(watcher)
    bench.write("oven.py")
    assert inside.wait(PATIENCE)
    try:
        assert watcher.stop(0.05) is False
        assert "still inside its on_change call" in caplog.text
    finally:
        let_go.set()


def test_changes_gather_while_on_change_runs(bench: Bench) -> None:
    """What is edited during a slow on_change is told after it, in one call."""
    inside, let_go = threading.Event(), threading.Event()
    record = bench.recorder.on_change

    def slow(paths: frozenset[Path]) -> None:
        record(paths)
        inside.set()
        let_go.wait(PATIENCE)

    bench.recorder.on_change = slow  # type: ignore[method-assign]
    bench.watch()
    first = bench.write("first.py")
    assert inside.wait(PATIENCE)
    later = {bench.write("second.py"), bench.write("third.py")}
    let_go.set()
    bench.recorder.wait_for_calls(2)
    assert bench.recorder.calls == [frozenset({first}), frozenset(later)]


def test_failing_on_change_is_logged_and_watching_goes_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An on_change that raises, SystemExit too, does not end the watching."""
    faults: Iterator[BaseException] = iter([ValueError("bad edit"), SystemExit(3)])
    record = bench.recorder.on_change

    def failing(paths: frozenset[Path]) -> None:
        record(paths)
        for fault in faults:
            raise fault

    bench.recorder.on_change = failing  # type: ignore[method-assign]
    watcher = bench.watch()
    for number in range(3):
        bench.write("oven.py", f"x = {number}\n")
        bench.recorder.wait_for_calls(number + 1)
    assert watcher.alive
    failures = [r for r in caplog.records if "on_change failed" in r.getMessage()]
    assert len(failures) == 2
    assert "oven.py" in failures[0].getMessage()
    assert bench.recorder.errors == []


def test_dying_watcher_says_so(bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the library fails while watching, it is logged, on_error is called, alive is False."""
    fail = threading.Event()

    def failing_watch(*paths: str, **options: object) -> Iterator[set[object]]:
        while not fail.wait(0.01):
            yield set()
        raise OSError("no space left on device")

    monkeypatch.setattr(watchfiles, "watch", failing_watch)
    watcher = bench.watch()
    fail.set()
    bench.recorder.wait(lambda r: bool(r.errors), "on_error")
    assert watcher.stop(PATIENCE)
    assert not is_alive(watcher)
    (error,) = bench.recorder.errors
    assert "no space left on device" in str(error)
    assert "refresh by hand" in str(error)
    assert isinstance(error.__cause__, OSError)
    assert any(r.levelno == logging.ERROR and "has ended" in r.getMessage() for r in caplog.records)


def test_watcher_that_can_not_begin_raises_from_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system refuses the watches, start() raises with the remedy; on_error is not called."""

    def refusing_watch(*paths: str, **options: object) -> Iterator[set[object]]:
        raise OSError("inotify limit reached")

    monkeypatch.setattr(watchfiles, "watch", refusing_watch)
    with pytest.raises(WatchingError, match=r"inotify limit reached.*max_user_watches"):
        bench.watch()
    assert bench.recorder.errors == []


def test_linked_folders_are_watched(bench: Bench, tmp_path: Path) -> None:
    """An edit behind a link to a folder is told under the link's name, at any depth."""
    outside, deeper = tmp_path / "tables", tmp_path / "deeper"
    (outside / "sub").mkdir(parents=True)
    deeper.mkdir()
    (bench.lab / "tables").symlink_to(outside)
    (outside / "deeper").symlink_to(deeper)
    (bench.lab / "round").symlink_to(bench.lab)
    (bench.lab / "up").symlink_to(tmp_path)
    bench.watch()
    (outside / "sub" / "limits.csv").write_text("1")
    (deeper / "x.py").write_text("1")
    (tmp_path / "not_of_the_lab.py").write_text("1")
    expected = {
        bench.lab / "tables" / "sub" / "limits.csv",
        bench.lab / "tables" / "deeper" / "x.py",
    }
    assert bench.calls_before_a_last_edit() == [frozenset(expected)]


def test_link_made_later_is_watched(bench: Bench, tmp_path: Path) -> None:
    """A link to a folder that is made while watching is followed from then on."""
    outside = tmp_path / "tables"
    outside.mkdir()
    bench.watch()
    link = bench.lab / "tables"
    link.symlink_to(outside)
    # Told once for itself; once more when its target is watched, unless that came in time.
    until_seen(bench, outside / "limits.csv", link / "limits.csv")


def test_replaced_folder_is_watched_again(bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A lab folder that is deleted and comes back, as by a checkout, is watched again."""
    bench.watch()
    shutil.rmtree(bench.lab)
    bench.recorder.wait(lambda r: any(bench.lab in call for call in r.calls), "the deletion")
    before = len(bench.recorder.calls)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "oven.py").write_text("x = 0\n")
    fresh.rename(bench.lab)
    bench.recorder.wait(lambda r: any(bench.lab in c for c in r.calls[before:]), "its return")
    until_seen(bench, bench.lab / "oven.py", bench.lab / "oven.py")
    assert "is gone; it is watched again when it is back" in caplog.text


def test_swapped_folder_is_watched_again(bench: Bench, tmp_path: Path) -> None:
    """A lab folder that another one takes the place of is told, and watched from then on."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "oven.py").write_text("x = 2\n")
    bench.watch()
    bench.lab.rename(tmp_path / "away")
    fresh.rename(bench.lab)
    bench.recorder.wait(lambda r: any(bench.lab in call for call in r.calls), "the swap")
    until_seen(bench, bench.lab / "oven.py", bench.lab / "oven.py")


def test_single_file_is_watched_through_atomic_saves(bench: Bench) -> None:
    """A path that is a file stays watched when saves put another file in its place."""
    config = bench.write("hotlab.yaml", "a: 0\n")
    bench.watch(config)
    for number in range(1, 4):
        fresh = bench.write("fresh.tmp", f"a: {number}\n")
        fresh.replace(config)
        bench.recorder.wait_for_calls(number)
    assert set(bench.recorder.calls) == {frozenset({config})}


def test_lab_below_a_dot_folder_is_watched(bench: Bench, tmp_path: Path) -> None:
    """Only names below the watched folder count: where the lab lives does not hide it."""
    hidden = tmp_path / ".cache" / "my lab ö"
    hidden.mkdir(parents=True)
    bench.watch(hidden)
    oven = hidden / "oven.py"
    oven.write_text("x = 1\n")
    bench.recorder.wait_for_calls(1)
    assert bench.recorder.calls == [frozenset({oven})]


def until_seen(bench: Bench, write_to: Path, told: Path) -> None:
    """Write until the edit is told: each write waits for what the one before it brought."""
    for number in range(50):
        write_to.write_text(f"x = {number}\n")
        if bench.recorder.comes(lambda r: any(told in call for call in r.calls), 0.5):
            return
    pytest.fail(f"{told} was never told: {bench.recorder.calls}")


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, check=False, timeout=3 * PATIENCE,
    )  # fmt: skip


def test_import_does_not_load_the_library() -> None:
    """watchfiles is loaded when a watcher is started, not before."""
    done = run_python(
        """
        import sys, tempfile, threading
        from hotlab.watching import Watcher
        watcher = Watcher([tempfile.gettempdir()], on_change=print)
        assert "watchfiles" not in sys.modules
        assert threading.active_count() == 1
        """
    )
    assert done.returncode == 0, done.stderr


def test_process_ends_cleanly_with_a_running_watcher(bench: Bench) -> None:
    """A process that forgets to stop its watcher exits at once, with its own exit code."""
    done = run_python(
        f"""
        import sys
        from hotlab.watching import Watcher
        Watcher([{str(bench.lab)!r}], on_change=print).start()
        sys.exit(7)
        """
    )
    assert (done.returncode, done.stderr) == (7, "")
