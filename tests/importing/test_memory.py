"""Memory stays what it was, however often a lab is reloaded: the benchmark of it, in small."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "memory.py"
WAIT = 240.0


@pytest.fixture(scope="module")
def measured() -> Any:
    """300 edits of a lab of 60 modules, some refused, with tasks that import late in old generations."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(BENCHMARK.parents[1]), *sys.path]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--modules", "60", "--reloads", "300", "--json"],
        env={**environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_nothing_is_kept_for_a_reload(measured: Any) -> None:
    """No object of the garbage collector, no entry of linecache or sys.modules, no thread; no memory to speak of."""
    assert measured["refused"] == 30
    assert abs(measured["gc_objects_per_reload"]["per_reload"]) < 0.05
    assert measured["blocks_per_reload"]["per_reload"] < 1.0
    assert measured["rss_kb_per_reload"]["per_reload"] < 2.0
    assert measured["kept"] == {"linecache_entries": 0, "modules": 0, "threads": 0}


@pytest.mark.slow
def test_generations_live_as_long_as_their_tasks(measured: Any) -> None:
    """Three tasks keep at most three old generations; when these have ended, the current one is all there is."""
    assert measured["alive_at_most"] <= 4
    assert measured["alive_in_the_end"] == 1


def sizes(lab: hotlab.Lab) -> dict[str, int]:
    """The length of every table that the lab and its current generation keep."""
    found = {}
    for owner in (lab, lab.current):
        for name, value in vars(owner).items():
            if hasattr(value, "__len__") and not isinstance(value, (str, tuple)):
                inner = value.values() if isinstance(value, dict) else ()
                deep = sum(len(one) for one in inner if isinstance(one, (set, list, dict)))
                found[f"{type(owner).__name__}.{name}"] = len(value) + deep
    return found


def test_no_table_of_the_lab_grows(lab: LabOnDisk) -> None:
    """Edits that add and remove modules, go back and forth, or are refused leave the tables as long as they were."""
    lab.write(a="V = 0", b="from .a import V", main="from . import b")
    enabled = lab.enable()
    lab.module("main")

    def there_and_back(number: int) -> None:
        name = f"extra{number}"
        lab.write(**{name: "from .a import V", "main": f"from . import b, {name}", "a": f"V = {number}"})
        assert lab.refresh().ok
        lab.write(a="V = (")
        assert not lab.refresh().ok
        lab.write(a="V = 0", b="raise ValueError")
        assert not lab.refresh().ok
        (lab.folder / lab.name / f"{name}.py").unlink()
        lab.write(b="from .a import V", main="from . import b")
        assert lab.refresh().ok
        gc.collect()

    for number in range(3):
        there_and_back(number)
    before, modules = sizes(enabled), len(sys.modules)
    for number in range(3, 23):
        there_and_back(number)
    assert sizes(enabled) == before
    assert len(sys.modules) == modules
    assert [generation.number for generation in enabled.generations_alive()] == [enabled.current.number]


def test_a_task_of_an_old_generation_takes_it_along_when_it_ends(lab: LabOnDisk) -> None:
    """Also where it imported a module late, and though nobody reloads any more."""
    lab.write(a="V = 0", main="from .a import V\ndef run():\n    from . import late\n    return late.V", late="V = 1")
    enabled = lab.enable()
    run = hotlab.current(lab.name).import_module(f"{lab.name}.main").run
    lab.write(a="V = 1", late="V = 2")
    assert lab.refresh().ok
    gc.collect()
    assert hotlab.current(lab.name).alive == (0, 1)
    (old, current) = map(weakref.ref, enabled.generations_alive())
    assert run() == 1
    del run
    gc.collect()
    assert (old(), current()) == (None, enabled.current)
    assert enabled.generations_alive() == [enabled.current]
    assert hotlab.current(lab.name).alive == (1,)
