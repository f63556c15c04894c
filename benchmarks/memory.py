"""Does memory grow with the number of reloads? One command, which writes `benchmarks/results/memory.md`:

    python benchmarks/memory.py

A lab of 200 modules is edited and reloaded 2,000 times: leaves, the middle and the core in turn, one edit in ten
refused, with tasks that go on in old generations over a few edits, import late, and end. Sampled meanwhile: the
resident set of the process, the objects that the garbage collector knows, the blocks that Python has allocated, and
everything that could keep a line per reload. Slopes are least squares over the samples after the warm-up, with their
standard errors.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import linecache
import math
import platform
import sys
import tempfile
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

import hotlab

LAB = "memory_lab"
RESULT = Path(__file__).with_name("results") / "memory.md"
WARM_UP = 0.25
KEPT = ("linecache_entries", "modules", "threads")
TASK_LASTS = 3
CYCLE = 30
"""After so many edits the same kinds of edit come again: samples that far apart can be compared."""

MODULE = """\
from __future__ import annotations

import dataclasses
{imports}

VERSION = {version}


@dataclasses.dataclass
class Setting:
    name: str = "{name}"
    value: float = {version}.0


class Device:
    settings = [Setting(), Setting("other")]

    def read(self, channel: int = 0) -> float:
        return self.settings[0].value * channel

    def late(self) -> int:
{late}
        return VERSION


def total(devices: list[Device]) -> float:
    return sum(device.read(1) for device in devices)
"""

FAULTS = ("VERSION = (\n", "raise RuntimeError('refused')\n", "from . import no_such_name\n")


class Sample(NamedTuple):
    """What was there after so many reloads."""

    reloads: float
    rss_kb: float
    gc_objects: float
    blocks: float
    generations_alive: float
    linecache_entries: float
    modules: float
    threads: float


class Slope(NamedTuple):
    """Growth per reload, by least squares."""

    per_reload: float
    error: float

    def __str__(self) -> str:
        return f"{self.per_reload:+.3f} ± {self.error:.3f}"


def slope(samples: Sequence[Sample], value: Callable[[Sample], float]) -> Slope:
    """The slope of a value over the number of reloads, with its standard error."""
    xs, ys = [sample.reloads for sample in samples], [value(sample) for sample in samples]
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    spread = sum((x - mean_x) ** 2 for x in xs)
    by = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    rest = sum((y - mean_y - by * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Slope(by, math.sqrt(rest / max(n - 2, 1) / spread))


class Bench:
    """A lab on disk: a core, a tenth of the modules in the middle, leaves that import one of these, and a root.

    Args:
        folder: where the lab is written.
        modules: how many there are.
    """

    def __init__(self, folder: Path, modules: int) -> None:
        self.root = folder / LAB
        self.root.mkdir()
        middle = max(2, modules // 10)
        self.middle = [f"middle{n}" for n in range(middle)]
        self.leaves = [f"leaf{n}" for n in range(modules - middle - 3)]
        self.late = "late"
        self.edits = self.refused = 0
        self.tasks: deque[Any] = deque()
        for name in ("core", *self.middle, *self.leaves, self.late):
            self.write(name, 0)
        imports = "\n".join(f"from . import {name}" for name in ("core", *self.middle, *self.leaves))
        (self.root / "__init__.py").write_text(f"import hotlab\nhotlab.enable()\n{imports}\n")
        sys.path.insert(0, str(folder))
        importlib.import_module(LAB)
        self.lab = hotlab.enable(LAB)

    def imports_of(self, name: str) -> str:
        """Leaves stand on the middle, and this on the core."""
        if name.startswith("leaf"):
            return f"from .{self.middle[int(name[4:]) % len(self.middle)]} import Device as Base, VERSION as BELOW"
        return "" if name == "core" else "from . import core\nfrom .core import VERSION as BELOW"

    def write(self, name: str, version: int, fault: str = "") -> None:
        """Write a module."""
        late = "        from . import late" if name.startswith("leaf") else "        pass"
        text = MODULE.format(imports=self.imports_of(name), version=version, name=name, late=late)
        (self.root / f"{name}.py").write_text(text + fault)

    def edit(self) -> None:
        """One edit, taken in or refused."""
        self.edits += 1
        number = self.edits
        if number % 10 == 9:
            name = "core"
        elif number % 10 in (3, 6):
            name = self.middle[number % len(self.middle)]
        else:
            name = self.leaves[number % len(self.leaves)]
        fault = ""
        if number % 10 == 5:
            # Always the same few: Python's linecache keeps each file that a traceback has once named.
            fault, name = FAULTS[(number // 10) % 3], self.leaves[(number // 10) % 3]
        self.write(name, number, fault)
        report = hotlab.refresh(LAB)
        if report.ok is bool(fault):
            raise SystemExit(f"edit {number} of {name} went wrong: {report}")
        if fault:
            self.refused += 1
            self.write(name, number)
            report = hotlab.refresh(LAB)
            assert report.ok, report
        self.work(name)

    def work(self, name: str) -> None:
        """A task begins; one that began some edits ago imports late, on a thread, and ends."""
        leaf = name if name.startswith("leaf") else self.leaves[self.edits % len(self.leaves)]
        self.tasks.append(self.lab.current.import_module(f"{LAB}.{leaf}").Device())
        if len(self.tasks) > TASK_LASTS:
            ending = threading.Thread(target=self.tasks.popleft().late)
            ending.start()
            ending.join()

    def sample(self, process: psutil.Process) -> Sample:
        """Look at everything. The resident set is taken as it is, the counts after a collection."""
        rss = process.memory_info().rss / 1024
        gc.collect()
        return Sample(
            self.edits,
            rss,
            len(gc.get_objects()),
            sys.getallocatedblocks(),
            len(self.lab.generations_alive()),
            len(linecache.cache),
            len(sys.modules),
            threading.active_count(),
        )


def measure(modules: int, reloads: int, every: int) -> dict[str, Any]:
    """Reload so many times; the samples and what they come to."""
    process = psutil.Process()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), modules)
        # Plain numbers: the samples must not be growth that they count themselves.
        numbers = array("d", bench.sample(process))
        while bench.edits < reloads:
            bench.edit()
            if bench.edits % every == 0:
                numbers.extend(bench.sample(process))
        bench.tasks.clear()
        gc.collect()
        left = len(bench.lab.generations_alive())
        hotlab.disable(LAB)
    width = len(Sample._fields)
    taken = [Sample(*numbers[n : n + width]) for n in range(0, len(numbers), width)]
    settled = [sample for sample in taken if sample.reloads >= WARM_UP * reloads]
    return {
        "python": platform.python_version(),
        "modules": modules,
        "reloads": reloads,
        "refused": bench.refused,
        "seconds": round(time.perf_counter() - started, 1),
        "samples": [sample._asdict() for sample in taken],
        "rss_kb_per_reload": slope(settled, lambda sample: sample.rss_kb)._asdict(),
        "gc_objects_per_reload": slope(settled, lambda sample: sample.gc_objects)._asdict(),
        "blocks_per_reload": slope(settled, lambda sample: sample.blocks)._asdict(),
        "alive_at_most": int(max(sample.generations_alive for sample in settled)),
        "alive_in_the_end": left,
        "kept": {field: getattr(taken[-1], field) - getattr(settled[0], field) for field in KEPT},
    }


def as_markdown(found: dict[str, Any]) -> str:
    """The page."""
    samples = found["samples"]
    rows = samples[:: max(1, len(samples) // 20)]
    rows += samples[-1:] if rows[-1] is not samples[-1] else []
    lines = [
        "# Memory over many reloads",
        "",
        f"Written by `python benchmarks/memory.py`. Python {found['python']} on {platform.system()}, a lab of "
        f"{found['modules']} modules, {found['reloads']} edits of leaves, middle and core in turn, {found['refused']} "
        f"of them refused at first; {found['seconds']} s. Slopes are least squares with their standard error, over "
        f"the samples after the first {WARM_UP:.0%} of the edits.",
        "",
        "| growth per reload | slope |",
        "| --- | --- |",
        f"| resident set, KB | {Slope(**found['rss_kb_per_reload'])} |",
        f"| objects of the garbage collector | {Slope(**found['gc_objects_per_reload'])} |",
        f"| allocated blocks | {Slope(**found['blocks_per_reload'])} |",
        "",
        f"Generations alive, with {TASK_LASTS} tasks under way in older ones: at most {found['alive_at_most']}; "
        f"{found['alive_in_the_end']} once these have ended.",
        "",
        "| reloads | resident set, MB | gc objects | blocks | generations | linecache | sys.modules | threads |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['reloads']:.0f} | {row['rss_kb'] / 1024:.1f} | "
        + " | ".join(f"{row[field]:.0f}" for field in Sample._fields[2:])
        + " |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page, or JSON to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=int, default=200, help="modules of the lab (default: %(default)s)")
    parser.add_argument("--reloads", type=int, default=2000, help="edits (default: %(default)s)")
    parser.add_argument("--every", type=int, default=CYCLE, help="edits between two samples (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="write JSON to standard output, and no page")
    arguments = parser.parse_args()
    found = measure(arguments.modules, arguments.reloads, arguments.every)
    if arguments.json:
        print(json.dumps(found))
        return
    page = as_markdown(found)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
