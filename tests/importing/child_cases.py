"""Run as a program: starts child processes of a process that reloads a lab. Prints what became of them, as JSON.

    python child_cases.py FOLDER CASE

A child that is not done in time writes down where it hangs, and ends. See `test_children.py` for the rules.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import multiprocessing
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hotlab
from hotlab.refreshing import Refresher
from hotlab.refreshing.reload_only import use_refresher
from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.versioned_lab import BROKEN, LATE, B, versioned_lab

LAB = "childlab"
CHILD_SECONDS = 15.0
FORKS = 15
STARTS = 3

HELD = "import tests.importing.meeting as meeting\nmeeting.pause()\n"
SLOW = f"from .a import V\n{HELD}from .a import V as W"
TAKER = "def take():\n    from . import slow\n    return {slow.V, slow.W}"

Child = Callable[[], dict[str, Any]]


# In a child


def look(part: int) -> int:
    """The one version that is seen on all ways into the lab, half of them for each part."""
    current = hotlab.current(LAB)
    main = current.import_module(f"{LAB}.main")
    seen = {module.V for name, module in dict(current.modules).items() if hasattr(module, "V")}
    for number in range(part, LATE, 2):
        seen |= main.by_name(number)
    seen |= main.by_statement(part)
    seen.add(importlib.import_module(f"{LAB}.late{part}").V)
    (version,) = seen
    assert isinstance(version, int)
    return version


def examine() -> dict[str, Any]:
    """What a child finds: a whole generation at its start, and a later one after a refresh, on a new thread too."""
    number = hotlab.current(LAB).number
    first = look(0)
    assert look(1) == first
    deadline = time.monotonic() + CHILD_SECONDS / 2
    while True:
        report = hotlab.refresh(LAB)  # refused where the disk holds a broken edit at the moment
        if report.ok and look(0) > first:
            break
        assert time.monotonic() < deadline, report
    last = look(1)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(look(0)), daemon=True)
    thread.start()
    thread.join(CHILD_SECONDS)
    assert found == [last]
    return {"number": number, "first": first, "last": last}


def examine_half_staged() -> dict[str, Any]:
    """A module that was executed for a generation which never came to be is not there before the child's refresh."""
    let_go()
    try:
        importlib.import_module(f"{LAB}.added")
    except ModuleNotFoundError:
        pass
    else:
        raise AssertionError("a module of a generation that was never committed can be imported")
    found = examine()
    added = importlib.import_module(f"{LAB}.added")
    assert found["last"] == added.V
    return found


def let_go() -> None:
    """In this process the modules of the lab hold nobody up."""
    meeting.go = threading.Event()
    meeting.go.set()


def take_slow() -> dict[str, Any]:
    """The module that a thread of the parent was half-way through is imported here from its start."""
    let_go()
    taken = hotlab.current(LAB).import_module(f"{LAB}.taker").take()
    found = examine()
    assert taken == {found["first"]}
    return found


def write_result(file: str, function: Child) -> None:
    """Call, and write what it returns or how it failed; where it hangs is written by itself after a time."""
    with open(file + ".hang", "w") as hang:
        faulthandler.dump_traceback_later(CHILD_SECONDS, exit=True, file=hang)
        try:
            result = function()
        except BaseException:
            result = {"error": traceback.format_exc()}
        faulthandler.cancel_dump_traceback_later()
    Path(file).write_text(json.dumps(result))


def started_child(folder: str, file: str, looked: Any, go: Any) -> None:
    """The child of `multiprocessing`: it imports the lab by itself, and half of it only after another edit."""
    if folder not in sys.path:
        sys.path.insert(0, folder)

    def begin() -> dict[str, Any]:
        importlib.import_module(LAB)
        first = look(0)
        looked.release()
        go.wait(CHILD_SECONDS)
        assert look(1) == first
        return examine()

    write_result(file, begin)


# In the parent


class Parent:
    """The process that reloads, and its children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lab = LabOnDisk(folder, LAB)
        self.lab.write(init="import hotlab\nhotlab.enable()", slow=SLOW, taker=TAKER, **versioned_lab(LAB))
        sys.path.insert(0, str(folder))
        importlib.import_module(f"{LAB}.main")
        importlib.import_module(f"{LAB}.taker")
        self.version = 0
        self.committed: dict[int, int] = {0: 0}
        self.results: list[str] = []
        self._stop = threading.Event()

    def save(self, text: str) -> None:
        """Save `a` in one step: a child that starts meanwhile reads it whole."""
        aside = self.folder / "a.new"
        aside.write_text(text)
        aside.replace(self.folder / LAB / "a.py")

    def edit(self, broken: str | None) -> None:
        """An edit, taken in or refused."""
        self.version += 1
        if broken is None:
            # Before it is: a child may come right after the commit.
            self.committed[hotlab.current(LAB).number + 1] = self.version
        self.save(broken or f"V = {self.version}")
        report = hotlab.refresh(LAB)
        assert report.ok is (broken is None), report

    @contextlib.contextmanager
    def stream(self, *, broken: bool) -> Iterator[None]:
        """While this is entered, a thread makes one edit after the other."""
        faults: list[BaseException] = []
        kinds = list(BROKEN.values())

        def work() -> None:
            try:
                while not self._stop.wait(0.001):
                    fails = broken and self.version % 5 in (2, 4)
                    self.edit(kinds[self.version % 3] if fails else None)
            except BaseException as fault:
                faults.append(fault)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(CHILD_SECONDS)
        assert not thread.is_alive()
        assert faults == []

    def fork(self, function: Child) -> int:
        """Fork a child that calls the function."""
        file = self._result_file()
        pid = os.fork()
        if pid == 0:
            try:
                write_result(file, function)
            finally:
                os._exit(0)
        return pid

    def reap(self, pid: int) -> None:
        """Wait for a child, which ends by itself."""
        deadline = time.monotonic() + CHILD_SECONDS * 2
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
                return
            time.sleep(0.005)

    def _result_file(self) -> str:
        self.results.append(str(self.folder / f"child{len(self.results)}.json"))
        return self.results[-1]

    def collected(self, *, forked: bool) -> list[dict[str, Any]]:
        """What the children have found. A forked one begins in a generation of ours, others in one like ours."""
        found = []
        for file in map(Path, self.results):
            hang = Path(f"{file}.hang")
            where = hang.read_text() if hang.exists() else "never began"
            result: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"error": f"lost: {where}"}
            if "error" not in result:
                ours = [self.committed.get(result["number"])] if forked else list(self.committed.values())
                if result["first"] not in ours:
                    result["error"] = f"began with version {result['first']}, which is not in {ours}"
            found.append(result)
        return found


def fork_at_random(parent: Parent) -> None:
    """Forks at random moments of a stream of reloads, three children at a time."""
    chance = random.Random(4)
    with parent.stream(broken=True):
        for _ in range(FORKS // 3):
            pids = []
            for _ in range(3):
                time.sleep(chance.random() * 0.03)
                pids.append(parent.fork(examine))
            for pid in pids:
                parent.reap(pid)


def fork_through_a_refresher(parent: Parent) -> None:
    """The same where reloads are refreshes of a running lab, whose threads a child does not have."""
    use_refresher(Refresher(hotlab.enable(LAB)), LAB)
    fork_at_random(parent)


def fork_while_a_module_is_staged(parent: Parent) -> None:
    """Forks while the thread that reloads is half-way through a module, the second it executes, with a new one."""
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    parent.lab.write(b=f"from . import added\n{B}{HELD}", added="from .a import V")
    parent.save("V = 1")
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.append(hotlab.refresh(LAB)), daemon=True)
    thread.start()
    assert meeting.reached.wait(CHILD_SECONDS)
    for pid in [parent.fork(examine_half_staged) for _ in range(2)]:
        parent.reap(pid)
    meeting.go.set()
    thread.join(CHILD_SECONDS)
    assert [report.ok for report in reports] == [True]
    assert look(0) == 1


def _fork_while_importing(parent: Parent, first_import: Callable[[], object]) -> None:
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    thread = threading.Thread(target=first_import, daemon=True)
    thread.start()
    assert meeting.reached.wait(CHILD_SECONDS)
    parent.save("V = 1")
    for pid in [parent.fork(take_slow) for _ in range(2)]:
        parent.reap(pid)
    meeting.go.set()
    thread.join(CHILD_SECONDS)
    assert hotlab.current(LAB).import_module(f"{LAB}.taker").take() == {0}


def fork_while_lab_code_imports(parent: Parent) -> None:
    """Forks while a thread is half-way through a first import by lab code."""
    _fork_while_importing(parent, hotlab.current(LAB).import_module(f"{LAB}.taker").take)


def fork_while_others_import(parent: Parent) -> None:
    """Forks while a thread is half-way through a first import by code outside of the lab."""
    _fork_while_importing(parent, lambda: importlib.import_module(f"{LAB}.slow"))


def _start(parent: Parent, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        os.environ["PYTHONPATH"] = os.pathsep.join([str(parent.folder), os.environ.get("PYTHONPATH", "")])
        context.set_forkserver_preload([f"{LAB}.main"])
    looked, go = context.Semaphore(0), context.Event()
    with parent.stream(broken=False):
        children = []
        for _ in range(STARTS):
            arguments = (str(parent.folder), parent._result_file(), looked, go)
            children.append(context.Process(target=started_child, args=arguments))
            children[-1].start()
        for _ in children:
            looked.acquire(timeout=CHILD_SECONDS)
        version = parent.version
        while parent.version < version + 2:
            time.sleep(0.001)
        go.set()
        for process in children:
            process.join(CHILD_SECONDS * 2)
            process.kill()
            process.join()


def spawn(parent: Parent) -> None:
    """Children that start with a new interpreter."""
    _start(parent, "spawn")


def forkserver(parent: Parent) -> None:
    """Children of a server that has imported the lab some time before."""
    _start(parent, "forkserver")


CASES = {
    case.__name__: case
    for case in (
        fork_at_random,
        fork_through_a_refresher,
        fork_while_a_module_is_staged,
        fork_while_lab_code_imports,
        fork_while_others_import,
        spawn,
        forkserver,
    )
}


def main(folder: Path, case: str) -> None:
    """Run one case and print what its children have found."""
    parent = Parent(folder)
    CASES[case](parent)
    print(json.dumps(parent.collected(forked=case.startswith("fork_"))), flush=True)
    os._exit(0)  # a thread that hangs must not hold the outcome up


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
