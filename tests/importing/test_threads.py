"""Many threads, real ones, with bounded waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def versions(number: int) -> dict[str, str]:
    """A lab in which every module names one and the same version."""
    return {
        "a": f"V = {number}",
        "b": f"from .a import V as A\nV = {number}",
        "late": f"from .a import V as A\nV = {number}",
        "main": f"from . import b\nV = {number}\ndef seen():\n    from .late import V as L, A\n    from . import late\n"
        "    return {V, b.V, b.A, L, A, late.V}",
    }


def test_no_thread_ever_sees_two_versions(lab: LabOnDisk) -> None:
    """[R56] 16 threads start work and import lazily through 150 reloads, a third of which fail."""
    lab.write(**versions(0))
    enabled = lab.enable()
    lab.module("main")
    stop, torn, lock = threading.Event(), [], threading.Lock()

    def work() -> None:
        while not stop.wait(0.001):  # 16 threads that never wait would starve the one that reloads
            seen = enabled.current.import_module(f"{lab.name}.main").seen()
            if len(seen) != 1 or seen == {-1}:
                with lock:
                    torn.append(seen)

    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(work) for _ in range(16)]
        try:
            for number in range(1, 151):
                if number % 3 == 0:
                    lab.write(**{**versions(-1), "b": "from .a import V as A\nV = -1\n1/0"})
                    assert not lab.refresh().ok
                else:
                    lab.write(**versions(number))
                    assert lab.refresh().ok
        finally:
            stop.set()
        for future in futures:
            future.result(WAIT)
    assert torn == []


def test_a_cycle_imported_from_both_ends_does_not_deadlock(lab: LabOnDisk) -> None:
    """Two threads that enter a cycle at opposite ends, each holding its first module, both finish."""
    lab.write(
        a="import tests.importing.meeting as m\nm.meet('a')\nfrom . import b\nV = 1",
        b="import tests.importing.meeting as m\nm.meet('b')\nfrom . import a\nV = 1",
    )
    lab.enable()
    from tests.importing import meeting

    meeting.barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(lab.module, name) for name in ("a", "b")]
        assert [future.result(WAIT).V for future in futures] == [1, 1]


def test_refreshes_never_interleave(lab: LabOnDisk) -> None:
    """[R54] Threads that refresh at once each get a report, and the newest text is current when they return."""
    lab.write(**versions(0))
    lab.enable()
    lab.module("main")
    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 31):
            lab.write(**versions(number))
            reports = [future.result(WAIT) for future in [pool.submit(lab.refresh) for _ in range(4)]]
            assert all(report.ok for report in reports)
            assert sum(bool(report.reloaded) for report in reports) == 1
            assert lab.module("main").seen() == {number}


def test_a_first_import_under_way_during_a_refresh_stays_whole(lab: LabOnDisk) -> None:
    """A task half-way through the first import of a module keeps its generation; new work gets the new one."""
    lab.write(
        oven="V = 1", main="from . import oven\ndef run():\n    from .slow import W\n    return W, oven.V",
        slow="import tests.importing.meeting as m\nfrom .oven import V\nm.pause()\n"
        "from .oven import V as V2\nW = (V, V2)",
    )  # fmt: skip
    lab.enable()
    from tests.importing import meeting

    meeting.reached, meeting.go = threading.Event(), threading.Event()
    run = lab.module("main").run
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        assert meeting.reached.wait(WAIT)
        lab.write(oven="V = 2")
        assert lab.refresh().ok
        meeting.go.set()
        assert future.result(WAIT) == ((1, 1), 1)
    assert lab.module("main").run() == ((2, 2), 2)
    assert hotlab.current(lab.name).number == 1
