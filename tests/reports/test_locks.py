"""Kind K12: threads and locks, reload races, reload against start-up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hotlab
from hotlab.refreshing import Participant, Refresher, RefreshReport
from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def test_r57_a_task_that_holds_a_lock_imports_while_a_reload_wants_that_lock(lab: LabOnDisk) -> None:
    """[R57] The task holds the store's lock and imports lazily; a module that is being staged takes the same lock:
    neither waits for the other's import, and each sees its own generation."""
    oven = "from . import store\nwith store.lock:\n    V = {v}"
    lab.write(
        store="import threading\nlock = threading.Lock()", oven=oven.format(v=1), late="from .oven import V",
        main="import tests.importing.meeting as meeting\nfrom . import store, oven\ndef run():\n"
        "    with store.lock:\n        meeting.pause()\n        from . import late\n        return late.V, oven.V",
    )  # fmt: skip
    lab.enable()
    run = lab.module("main").run
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        task = pool.submit(run)
        assert meeting.reached.wait(WAIT)
        lab.write(oven=oven.format(v=2))
        refresh = pool.submit(lab.refresh)
        meeting.go.set()
        assert task.result(WAIT) == (1, 1)
        assert refresh.result(WAIT).ok
    assert lab.module("main").run() == (2, 2)


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_r57_an_error_after_the_reload_does_not_lock_the_next_one_out(
    lab: LabOnDisk, error: type[BaseException]
) -> None:
    """[R57] A callback after the reload raises: the reload stands, and the next one is not thought in progress."""

    class Raises(Participant):
        def refresh_finished(self, report: RefreshReport) -> None:
            raise error("after the reload")

    lab.write(oven="V = 0")
    refresher = Refresher(lab.enable())
    lab.module("oven")
    refresher.register(Raises(), name="raises")
    for v in (1, 2, 3):
        lab.write(oven=f"V = {v}")
        report = refresher.refresh(timeout=WAIT)
        assert report is not None
        assert report.ok
        assert hotlab.current(lab.name).import_module(f"{lab.name}.oven").V is v
    assert lab.refresh().changed == ()


def test_r56_lazy_imports_by_64_threads_while_it_is_reloaded(lab: LabOnDisk) -> None:
    """[R56] Threads that import by statement, by name and from outside: no error, and never two versions."""
    text = "V = {v}\ndef seen():\n    import importlib\n    from .late import V as late\n    return {{V, late, \
importlib.import_module('.late', __package__).V}}"
    lab.write(main=text.format(v=0), late="V = 0")
    enabled = lab.enable()
    lab.module("main")
    stop = threading.Event()

    def work() -> int:
        turns = 0
        while not stop.wait(0.01):
            seen = enabled.current.import_module(f"{lab.name}.main").seen()
            assert len(seen) == 1, seen
            assert isinstance(lab.module("late").V, int)
            turns += 1
        return turns

    with ThreadPoolExecutor(64) as pool:
        tasks = [pool.submit(work) for _ in range(64)]
        try:
            for v in range(1, 61):
                lab.module("late")  # of a module that nobody imported, a fault is met when somebody does
                lab.write(main=text.format(v=v), late=f"V = {v}" + ("\n1/0" if v % 4 == 0 else ""))
                assert lab.refresh().ok == (v % 4 != 0)
        finally:
            stop.set()
        assert sum(task.result(WAIT) for task in tasks) > 0
