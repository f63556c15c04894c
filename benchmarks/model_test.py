"""The model test at length: random packages, edits and old tasks against a fresh interpreter.

    python benchmarks/model_test.py --edits 100000 [--seed 1] [--processes 2]
    python benchmarks/model_test.py --edits 100000 --seed 1 --portion 5 --shrink

The edits are made in portions, each with a seed of its own. The result is written to
benchmarks/results/model_test.md. It ends at the first disagreement, which it prints with its portion, and exit code 1.
The second command tries that portion alone, and makes the example small, which may take many minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.importing.model.faults import KNOWN_FAULTS
from tests.importing.model.machine import new_setting, run
from tests.importing.model.world import Disagreement, Tally, quick_folder

RESULT = Path(__file__).resolve().parent / "results" / "model_test.md"
PORTION = 2000


def portion(edits: int, place: int, seed: int, shrink: bool) -> Tally:
    """Try so many edits in this process. Raises Disagreement, whose text begins with where it was."""
    sys.dont_write_bytecode = False
    setting = new_setting()
    try:
        run(setting, edits=edits, seed=seed * 1_000_003 + place, shrink=shrink)
    except Disagreement as found:
        # While an example is made small, edits are counted on.
        count = "" if shrink else f", after {setting.tally.edits:,} edits of it"
        raise Disagreement(f"seed {seed}, portion {place}{count}: {found}") from None
    finally:
        setting.close()
    return setting.tally


def result_text(total: Tally, seed: int, processes: int, seconds: float) -> str:
    """The result as Markdown."""
    share = 100 * total.order_dependent / max(total.trees, 1)
    python = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}"
    rows = [
        ("edits", f"{total.edits:,}"),
        ("disagreements", "0"),
        ("refreshes that were ok", f"{total.accepted:,}"),
        ("refreshes that were refused, as they had to be", f"{total.refused:,}"),
        ("trees", f"{total.trees:,}"),
        ("of them order-dependent", f"{total.order_dependent:,} ({share:.2f} %)"),
        ("answers of late imports and old tasks", f"{total.answers:,}"),
        ("most generations alive at once", f"{total.longest_chain}"),
        ("seconds", f"{seconds:,.0f} in {processes} processes"),
        ("seed", f"{seed}"),
        ("interpreter", python),
        ("faults of the engine left out", ", ".join(sorted(KNOWN_FAULTS)) or "none"),
    ]
    lines = ["# Model test", "", "Made by `python benchmarks/model_test.py`.", "", "| what | result |", "| --- | --- |"]
    lines += [f"| {what} | {value} |" for what, value in rows]
    return "\n".join(lines) + "\n"


def tried(asked: argparse.Namespace, said: Callable[[Tally], None]) -> Tally:
    """Try all portions, in some processes.

    Raises:
        Disagreement: the first one; whatever else goes on then is ended.
    """
    total = Tally()
    left = {place: min(PORTION, asked.edits - place * PORTION) for place in range(-(-asked.edits // PORTION))}
    if asked.portion is not None:
        left = {asked.portion: left[asked.portion]}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.processes, mp_context=context) as pool:
        futures = [pool.submit(portion, edits, place, asked.seed, asked.shrink) for place, edits in left.items()]
        try:
            for future in as_completed(futures):
                total.add(future.result())
                said(total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return total


def main() -> int:
    """Try so many edits, say now and then how far it is, write the result. 1 where there is a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--portion", type=int, help="try this portion alone, and write no result")
    parser.add_argument("--shrink", action="store_true", help="make the example of a disagreement small")
    parser.add_argument("--result", type=Path, default=RESULT, help="where the result goes")
    asked = parser.parse_args()
    began = time.monotonic()

    def said(total: Tally) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {total}", flush=True)

    with tempfile.TemporaryDirectory(prefix="hotlab-model-test-", dir=quick_folder()) as folder:
        os.environ["TMPDIR"] = folder  # of the processes to be started: whatever they leave goes with it
        try:
            total = tried(asked, said)
        except Disagreement as found:
            print(f"{found}\n\nThe engine and the model disagree.")
            return 1
    if asked.portion is not None:
        return 0
    asked.result.parent.mkdir(parents=True, exist_ok=True)
    asked.result.write_text(result_text(total, asked.seed, asked.processes, time.monotonic() - began))
    print(f"written to {asked.result}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
