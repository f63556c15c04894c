"""64 threads import lazily, start tasks and read the current generation while reloads go through, some failing."""

from __future__ import annotations

import faulthandler
import importlib
import random
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import hotlab
from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.versioned_lab import BROKEN, LATE, versioned_lab

THREADS = 64


class Trouble(Exception):
    """What a thread saw that it must not see."""


class Storm:
    """Threads that use a lab as tasks and their starters do, until they are told to stop or meet trouble."""

    def __init__(self, lab: LabOnDisk, enabled: hotlab.Lab) -> None:
        self.lab = lab
        self.enabled = enabled
        self.stop = threading.Event()
        self.troubles: list[str] = []
        self.rounds = [0] * THREADS
        self.threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(THREADS)]

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        kinds = (self.start_task, self.keep_a_task, self.read_current, self.import_from_outside)
        kind = kinds[number % len(kinds)]
        try:
            # A pause in each round: threads that never wait would starve the one that reloads.
            while not self.stop.wait(chance.random() * 0.02):
                kind(chance)
                self.rounds[number] += 1
        except BaseException:
            self.troubles.append(traceback.format_exc())
            self.stop.set()

    def start_task(self, chance: random.Random) -> None:
        """A task: takes the current generation, and does its work in it."""
        main = hotlab.current(self.lab.name).import_module(f"{self.lab.name}.main")
        self.check(main, main.by_statement(chance.randrange(2)), main.by_name(chance.randrange(LATE)))

    def keep_a_task(self, chance: random.Random) -> None:
        """A task that lasts over several edits, and imports modules for the first time when it is long outdated."""
        main = hotlab.current(self.lab.name).import_module(f"{self.lab.name}.main")
        for _ in range(5):
            if self.stop.wait(chance.random() * 0.02):
                return
            self.check(main, main.by_statement(chance.randrange(2)), main.by_name(chance.randrange(LATE)))

    def read_current(self, _chance: random.Random) -> None:
        """Whoever looks at the current generation sees all of it, and never an older one again."""
        first = hotlab.current(self.lab.name)
        modules = dict(first.modules)
        self.check(first, {module.V for name, module in modules.items() if name != self.lab.name})
        if {f"{self.lab.name}.{name}" for name in ("a", "b", "main")} - set(modules):
            raise Trouble(f"{first} is current and lacks modules: {sorted(modules)}")
        alive = [generation.number for generation in self.enabled.generations_alive()]
        second = hotlab.current(self.lab.name)
        if second.number < first.number or first.number not in alive or alive != sorted(alive):
            raise Trouble(f"{first} came before {second}; alive were {alive}")

    def import_from_outside(self, chance: random.Random) -> None:
        """Code outside of the lab gets what is current at each of its steps, whole."""
        before = self.enabled.current.number
        late = importlib.import_module(f"{self.lab.name}.late{chance.randrange(LATE)}")
        main = importlib.import_module(f"{self.lab.name}.main")
        self.check("outside", main.by_statement(chance.randrange(2)), main.by_name(chance.randrange(LATE)))
        if late.V < 0 or main.V < 0 or self.enabled.current.number < before:
            raise Trouble(f"an edit that was refused shows: {late.V}, {main.V}")

    def check(self, who: object, *views: set[int]) -> None:
        """Each view is of one version."""
        for view in views:
            if len(view) != 1 or min(view) < 0:
                raise Trouble(f"{who} saw {view}")


@contextmanager
def bounded(seconds: float, *, interval: float) -> Iterator[Callable[[threading.Thread], None]]:
    """Gives a join that fails with every thread's traceback once the time is up; threads switch all the time."""
    deadline = time.monotonic() + seconds
    before = sys.getswitchinterval()

    def join(thread: threading.Thread) -> None:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            with tempfile.TemporaryFile("w+") as file:
                faulthandler.dump_traceback(file)
                file.seek(0)
                pytest.fail(f"not done within {seconds:g} s:\n{file.read()}")

    sys.setswitchinterval(interval)
    try:
        yield join
    finally:
        sys.setswitchinterval(before)


def reload_often(storm: Storm, times: int, failed: list[str]) -> None:
    """So many edits, one after the other; two in five are refused."""
    kinds = list(BROKEN)
    for number in range(1, times + 1):
        if storm.stop.is_set():
            return
        broken = kinds[number % 3] if number % 5 in (2, 4) else None
        storm.lab.write(a=BROKEN[broken] if broken else f"V = {number}")
        report = storm.lab.refresh()
        if report.ok is bool(broken) or (broken and broken not in str(report.error)):
            failed.append(f"edit {number} ({broken}): {report}")
            return


def run_storm(lab: LabOnDisk, reloads: int, seconds: float) -> Storm:
    """Let the threads work while the lab is reloaded so many times; returns when all have ended."""
    lab.write(**versioned_lab(lab.name))
    enabled = lab.enable()
    lab.module("main")
    storm, failed = Storm(lab, enabled), list[str]()
    reloader = threading.Thread(target=reload_often, args=(storm, reloads, failed), daemon=True)
    with bounded(seconds, interval=5e-5) as join:
        try:
            for thread in (*storm.threads, reloader):
                thread.start()
            join(reloader)
        finally:
            storm.stop.set()
        for thread in storm.threads:
            join(thread)
    assert storm.troubles == [] and failed == []
    return storm


@pytest.mark.parametrize(
    ("reloads", "seconds"),
    [pytest.param(100, 60.0, id="100"), pytest.param(1000, 180.0, id="1000", marks=pytest.mark.slow)],
)
def test_many_threads_work_while_the_lab_is_reloaded(lab: LabOnDisk, reloads: int, seconds: float) -> None:
    """[R56] No torn view, no deadlock, and no exception that a single thread would not get."""
    storm = run_storm(lab, reloads, seconds)
    assert min(storm.rounds) > 0
    current = hotlab.current(lab.name)
    last = max(number for number in range(reloads + 1) if number % 5 not in (2, 4))
    assert {module.V for name, module in current.modules.items() if name != lab.name} == {last}
    assert current.number == sum(number % 5 not in (2, 4) for number in range(1, reloads + 1))


def enter_a_ring(names: list[str], generation: hotlab.Generation) -> tuple[list[threading.Thread], list[str]]:
    """Threads that import modules of a ring, at once, each from another place; and what they raise."""
    start, faults = threading.Barrier(THREADS), list[str]()

    def enter(number: int) -> None:
        try:
            start.wait(20)
            imports = generation.import_module if number % 2 else importlib.import_module
            imports(names[number % len(names)])
        except BaseException:
            faults.append(traceback.format_exc())

    threads = [threading.Thread(target=enter, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads, faults


def test_many_threads_enter_a_ring_of_imports_at_once(lab: LabOnDisk) -> None:
    """Modules that import each other in a ring, entered by 64 threads everywhere: all are done, each executed once."""
    size = 12
    head = "import tests.importing.meeting as m\nm.executed.append(__name__)\n"
    ring = {
        f"r{n}": f"{head}from . import r{(n + 1) % size}\nimport {lab.name}.r{(n + 5) % size}\nV = {n}"
        for n in range(size)
    }
    lab.write(**ring)
    names = [f"{lab.name}.r{n}" for n in range(size)]
    with bounded(60.0, interval=1e-5) as join:
        for _ in range(25):
            meeting.executed.clear()
            lab.forget()
            lab.enable()
            lab.module()
            generation = hotlab.current(lab.name)
            threads, faults = enter_a_ring(names, generation)
            for thread in threads:
                join(thread)
            assert faults == []
            assert sorted(meeting.executed) == sorted(names)
            assert [generation.modules[name].V for name in names] == list(range(size))
