"""The benchmarks run: what they measure is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_benchmark_of_the_engine_measures_and_writes_its_table(tmp_path: Path) -> None:
    """A quick run on a small lab fills each figure, with no module left stale, and touches no page."""
    page = BENCHMARKS.parent / "docs" / "speed.md"
    before = page.read_text(encoding="utf-8")
    command = [sys.executable, str(BENCHMARKS / "engine.py"), "--quick", "--sizes", "20", "--rounds", "1"]
    done = subprocess.run([*command, "--output", str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    kept = json.loads((tmp_path / "engine.json").read_text(encoding="utf-8"))
    empty = {figure["key"] for figure in kept["figures"] if not figure["values"]}
    assert empty <= {"vouched"}
    assert not [one for one in kept["times"] if one["stale"]]
    rows = (tmp_path / "engine.md").read_text(encoding="utf-8").splitlines()
    assert all(any(figure["title"] in row for row in rows) for figure in kept["figures"])
    assert page.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("count", [14, 20, 137])
def test_a_synthetic_lab_has_the_number_of_modules_it_was_asked_for(count: int, tmp_path: Path) -> None:
    """The lab is a package of exactly so many modules, importable, with every total as planned."""
    script = (
        "import sys; from pathlib import Path; import synthetic_lab\n"
        f"plan = synthetic_lab.write_lab(Path({str(tmp_path / 'lab')!r}), {count})\n"
        "sys.path.insert(0, plan.root); import benchlab\n"
        "found = [name for name in sys.modules if name.partition('.')[0] == 'benchlab']\n"
        f"assert len(found) == len(plan.modules) == {count}, len(found)\n"
        "assert all(sys.modules[name].TOTAL == total for name, total in plan.totals().items())\n"
        "assert len(plan.affected(plan.targets['core'])) == len(found)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=BENCHMARKS, capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stderr
