"""How fast the reload engine is, against plain Python and against the floor: ``python benchmarks/engine.py``.

A whole run (no ``--quick``, ``--only`` or ``--sizes``) takes some minutes and rewrites ``benchmarks/results/engine.md``
and ``.json``, ``docs/speed.svg``, and the tables in ``docs/speed.md``. Any other run writes to
``benchmarks/results/partial``. See ``docs/speed.md`` for the method.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results
from children import Labs, environment
from peers import PEERS
from rounds import Plan, Rounds, say_to_stderr

ROOT = Path(__file__).parents[1]
GROUPS = ("start", "imports", "edits", "saves", "growth", "statements", "outside", "peers")
WHOLE_SIZES = [200, 1000, 3000]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--sizes", help="numbers of modules (default: 200,1000,3000; with --quick: 20,200)")
    parser.add_argument("--rounds", type=int, help="rounds of fresh processes (default: 5; with --quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a look, within a minute")
    parser.add_argument("--only", help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure; it has hotlab installed")
    parser.add_argument("--output", type=Path, help="write all results to this folder, and touch no page")
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait for one answer")
    return parser.parse_args()


def importable_peers(python: str) -> list[str]:
    """The other reloaders that the interpreter has."""
    found = []
    for name, (_, module) in PEERS.items():
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=environment())
        if not done.returncode:
            found.append(name)
    return found


def plan_of(chosen: argparse.Namespace, groups: list[str]) -> Plan:
    """How much to measure."""
    quick = chosen.quick
    sizes = [int(size) for size in chosen.sizes.split(",")] if chosen.sizes else [20, 200] if quick else WHOLE_SIZES
    return Plan(
        sizes=sorted(sizes),
        rounds=chosen.rounds or (1 if quick else 5),
        edits=3 if quick else 5,
        reloads=60 if quick else 2000,
        loops=5_000 if quick else 50_000,
        peers=importable_peers(chosen.python) if "peers" in groups and not quick else [],
    )


def measured_python(python: str) -> str:
    """The version of the interpreter that is measured."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Measure, and write what was found."""
    chosen = options()
    groups = chosen.only.split(",") if chosen.only else list(GROUPS)
    unknown = set(groups) - set(GROUPS)
    if unknown:
        raise SystemExit(f"--only: no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    plan = plan_of(chosen, groups)
    whole = not (chosen.quick or chosen.only or chosen.sizes)
    begun, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="hotlab-benchmark-") as folder:
        rounds = Rounds(plan, Labs(Path(folder), chosen.python, chosen.patience), say_to_stderr)
        for group in groups:
            say_to_stderr(f"== {group}")
            getattr(rounds, group)()
    # Above this, the wall clock tells more of the machine than of the engines.
    disturbed = 1.1
    floor = [one["wall"] / one["cpu"] for one in rounds.times if one["engine"] == "floor_min" and one.get("cpu")]
    wall_over_cpu = statistics.median(floor) if floor else None
    for figure in rounds.figures:
        figure.by_cpu = wall_over_cpu is not None and wall_over_cpu > disturbed
    about = {
        "python": measured_python(chosen.python),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "rounds": plan.rounds,
        "groups": groups,
        "minutes": (time.monotonic() - begun) / 60,
        "load": [load, os.getloadavg()[0]],
        "wall_over_cpu": wall_over_cpu,
        "judged_by_cpu": any(figure.by_cpu for figure in rounds.figures),
    }
    into_docs = whole and chosen.output is None
    target = chosen.output or ROOT / "benchmarks" / "results" / ("" if whole else "partial")
    text = results.write(target, rounds.figures, rounds.times, about)
    plot_file = ROOT / "docs" / "speed.svg" if into_docs else target / "speed.svg"
    if not results.plot(rounds.times, plot_file):
        say_to_stderr("no plot was drawn: it takes edits, and matplotlib (pip install -e '.[bench]')")
    if into_docs:
        results.rewrite_page(ROOT / "docs" / "speed.md", text)
    print(text)


if __name__ == "__main__":
    main()
