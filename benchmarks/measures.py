"""What a child process measures, of one engine on one lab: it answers commands, one JSON value a line.

Started by ``engine.py``; the engines' children take turns, so that a slow moment of the machine meets all of them.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

from engines import Engine, Hotlab
from module_texts import EXECUTIONS, PACKAGE
from peers import ENGINES
from synthetic_lab import SAVED, LabPlan

# What the lab's modules take from the standard library is nobody's cost.
PRELOADED = ("dataclasses", "enum", "json", "logging", "time", "typing")

Answer = dict[str, Any]


class Bench:
    """One engine on one lab, in this process. Its public methods are the commands."""

    def __init__(self, engine: str, root: Path) -> None:
        self.plan = LabPlan.load(root)
        sys.path.insert(0, str(root))
        for name in PRELOADED:
            __import__(name)
        self.engine: Engine = ENGINES[engine](self.plan)

    def import_lab(self) -> Answer:
        """Import the lab, from ``enable`` on."""
        with Clock() as clock:
            self.engine.enable()
            self.engine.import_lab()
        return clock.answer()

    def import_lab_with_data(self) -> Answer:
        """The same where the lab has a file that its modules may read."""
        data = Path(self.plan.root, PACKAGE, "settings.toml")
        data.write_text("speed = 1\n", encoding="utf-8")
        try:
            return self.import_lab()
        finally:
            data.unlink()

    def prepare(self) -> Answer:
        """What an engine does once, before the first refresh."""
        self.engine.prepare()
        return {"modules": sum(name.partition(".")[0] == PACKAGE for name in sys.modules)}

    def no_change(self, times: int) -> Answer:
        """A refresh where nothing was edited: the median of a few, each timed by itself."""
        found = []
        for _ in range(times):
            with Clock() as clock:
                self.engine.refresh([])
            found.append(clock.answer())
        return {key: statistics.median(answer[key] for answer in found) for key in ("wall", "cpu")}

    def vouched(self, rounds: int) -> Answer:
        """A refresh where a watcher vouches that nothing was edited, in µs; None where the engine has no such thing.

        So many rounds at most; fewer where it is slow.
        """
        epochs = [1]
        if not self.engine.vouch(lambda: epochs[0]):
            return {"wall": None}
        refresh: Callable[[list[str]], None] = self.engine.refresh
        nothing: list[str] = []
        time.sleep(0.2)  # nobody can vouch for a file that was written a moment ago
        refresh(nothing)
        with Clock() as clock:
            refresh(nothing)
        rounds = max(10, min(rounds, int(0.5 / clock.wall)))
        with Clock() as clock:
            for _ in repeat(None, rounds):
                refresh(nothing)
        saved = self._save("leaf")
        epochs[0] += 1
        refresh([saved])
        return {"wall": clock.wall / rounds * 1e6, "cpu": clock.cpu / rounds * 1e6, "stale": self._stale("leaf")}

    def edit(self, target: str) -> Answer:
        """Change a number in a module, refresh, and see whether all that depends on it has the new one."""
        paths = [self._save(target)]
        with Clock() as clock:
            self.engine.refresh(paths)
        affected = len(self.plan.affected(self.plan.targets[target]))
        executed = self.engine.executed()
        return {**clock.answer(), "stale": self._stale(target), "affected": affected, "executed": executed or affected}

    def two_saves(self, target: str, times: int) -> Answer:
        """Two saves of one size within a second: how often both were seen."""
        seen = 0
        for _ in range(times):
            time.sleep(max(0.0, 1.02 - time.time() % 1))
            first = self._refreshed(target)
            seen += first and self._refreshed(target)
            second = int(os.stat(self._path(target)).st_mtime)
            if second != int(time.time()):
                raise RuntimeError("the machine is too slow for two saves within a second")
        return {"seen": seen, "of": times}

    def executions(self, target: str, times: int) -> Answer:
        """How often the edited module is executed for one save, with two further refreshes after each."""
        counts = sys.modules[EXECUTIONS].COUNTS
        before = counts[self.plan.targets[target]]
        for _ in range(times):
            self._refreshed(target)
            for _ in range(2):
                time.sleep(0.15)  # files have settled by then: time for an engine to look twice
                self.engine.refresh([])
        return {"each": (counts[self.plan.targets[target]] - before) / times}

    def growth(self, target: str, reloads: int) -> Answer:
        """What a reload leaves behind: the slope of the resident memory, and of the collector's objects."""
        samples: list[tuple[int, float, int]] = []
        every = max(1, reloads // 40)
        for done in range(1, reloads + 1):
            self.engine.refresh([self._save(target)])
            if done % every == 0 and done >= reloads // 5:
                gc.collect()
                samples.append((done, resident_kb(), len(gc.get_objects())))
        numbers = [done for done, _, _ in samples]
        memory = statistics.linear_regression(numbers, [kb for _, kb, _ in samples])
        objects = statistics.linear_regression(numbers, [float(count) for _, _, count in samples])
        return {"kb": memory.slope, "objects": objects.slope, "samples": samples}

    def statements(self, rounds: int) -> Answer:
        """The import statement's own cost in µs, by its form, in code of the lab and in code outside."""
        lab = vars(sys.modules[self.plan.targets["leaf"]])
        outside = vars(__import__("outside_loops"))
        answer = {}
        for where, namespace in (("lab", lab), ("outside", outside)):
            for name, loop in list(namespace.items()):
                if name.startswith("loop_") and name != "loop_nothing":
                    answer[f"{where}:{name[5:]}"] = own_cost(loop, namespace["loop_nothing"], rounds)
        return answer

    def outside_first(self) -> Answer:
        """Import fresh modules that belong to no lab, from cached bytecode."""
        folder = Path(self.plan.root, "outside")
        sys.path.insert(0, str(folder))
        names = sorted(file.stem for file in folder.glob("outside_*.py"))
        with Clock() as clock:
            for name in names:
                __import__(name)
        return clock.answer()

    def outside_again(self, rounds: int) -> Answer:
        """Import again, in code outside the lab, what is imported already, in µs."""
        namespace = vars(__import__("outside_loops"))
        return {"wall": own_cost(namespace["loop_import_json"], namespace["loop_nothing"], rounds)}

    def refusal(self, rounds: int) -> Answer:
        """The finder's answer to a name that is none of its own, in µs."""
        finders = [finder for finder in sys.meta_path if type(finder).__module__.startswith("hotlab")]
        find: Any = finders[0].find_spec

        def loop_refusal(times: Any) -> None:
            for _ in times:
                find("some_library.some_module", None)

        def loop_nothing(times: Any) -> None:
            for _ in times:
                pass

        return {"wall": own_cost(loop_refusal, loop_nothing, rounds), "finders": len(finders)}

    def mend(self) -> Answer:
        """Put the edited files back as they were written."""
        fresh = LabPlan.load(Path(self.plan.root))
        for target in self.plan.targets.values():
            module, was = self.plan.modules[target], fresh.modules[target].calibration
            text = Path(module.path).read_text(encoding="utf-8")
            Path(module.path).write_text(text.replace(str(module.calibration), str(was)), encoding="utf-8")
            os.utime(module.path, (SAVED, SAVED))
            module.calibration = was
        return {}

    def _path(self, target: str) -> str:
        return self.plan.modules[self.plan.targets[target]].path

    def _refreshed(self, target: str) -> bool:
        self.engine.refresh([self._save(target)])
        return not self._stale(target)

    def _save(self, target: str) -> str:
        """Write another number of the same size into a module's file, as an editor would."""
        module = self.plan.modules[self.plan.targets[target]]
        before = os.stat(module.path).st_mtime_ns
        file = Path(module.path)
        text = file.read_text(encoding="utf-8")
        old, module.calibration = module.calibration, module.calibration + 1
        text = text.replace(str(old), str(module.calibration))
        file.write_text(text, encoding="utf-8")
        if self.engine.whole_seconds:
            later = before + 2_000_000_000
            os.utime(module.path, ns=(later, later))
        while os.stat(module.path).st_mtime_ns == before and not isinstance(self.engine, Hotlab):
            # The floor goes by time alone, and the clock of file systems ticks slowly.
            time.sleep(0.001)
            file.write_text(text, encoding="utf-8")
        return module.path

    def _stale(self, target: str) -> int:
        """How many affected modules don't have what a fresh import would give them."""
        name = self.plan.targets[target]
        totals = self.plan.totals()
        stale = 0
        for affected in self.plan.affected(name):
            module = sys.modules[affected]
            planned = self.plan.modules[affected]
            if not planned.is_package:
                stale += totals[affected] != module.TOTAL
            for exported, home in planned.exports.items():
                if getattr(module, exported) is not getattr(sys.modules[home], exported):
                    stale += 1
                    break
        return stale + int(sys.modules[name].probe() != self.plan.modules[name].calibration)


class Clock:
    """Wall time and CPU time of a block, the garbage of what came before collected first."""

    def __enter__(self) -> Clock:
        gc.collect()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def answer(self) -> Answer:
        """Both, in seconds."""
        return {"wall": self.wall, "cpu": self.cpu}


def own_cost(loop: Callable[[Any], None], nothing: Callable[[Any], None], rounds: int) -> float:
    """What one turn of a loop costs without the loop itself, in µs of CPU time: the median of a few runs.

    A loop that waits for nothing costs the same on the wall clock, unless other processes are in its way.
    """
    loop(repeat(None, 3))
    found = []
    for _ in range(5):
        with Clock() as whole:
            loop(repeat(None, rounds))
        with Clock() as empty:
            nothing(repeat(None, rounds))
        found.append((whole.cpu - empty.cpu) / rounds * 1e6)
    return statistics.median(found)


def resident_kb() -> float:
    """The memory of this process that is in RAM, in KB (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def serve(engine: str, root: Path) -> None:
    """Answer commands until the input ends."""
    # What a lab prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bench = Bench(engine, root)
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(bench, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
