"""Well-known packages as labs: are they reloaded right, and at what cost?

    python benchmarks/real_packages.py

installs the pinned packages of ``real_packages_list.py`` into ``.venv-real-packages`` (once), and takes
each of them, on a copy of its files and in processes of its own, through a leaf, a middle and a core edit, two broken
edits and the way back. What must hold is written in ``docs/real-packages.md``, whose last part is the result, which
also goes to ``benchmarks/results/real_packages.md``. The exit code is 1 where something did not hold.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from real_packages_child import child  # noqa: E402
from real_packages_list import COMMON, PACKAGES, RealPackage  # noqa: E402

RESULT = HERE / "results" / "real_packages.md"
PAGE = HERE.parent / "docs" / "real-packages.md"
MARK = "<!-- From here on: written by benchmarks/real_packages.py. -->\n"
VENV = HERE.parent / ".venv-real-packages"
ROUNDS, FEWER_ROUNDS = 5, 3
WHERE = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).submodule_search_locations[0])"
VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


def own_python() -> str:
    """The interpreter of a virtual environment with the pinned packages, made on first use."""
    python = VENV / "bin" / "python"
    wanted = sorted({*COMMON, *(line for package in PACKAGES for line in package.requirements)})
    stamp = VENV / "requirements.txt"
    if not stamp.exists() or stamp.read_text("utf-8").splitlines() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
        stamp.write_text("\n".join(wanted) + "\n", "utf-8")
    return str(python)


def ask(python: str, code: str, argument: str) -> str:
    """The one line that a few words of Python print."""
    done = subprocess.run([python, "-c", code, argument], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def measure(package: RealPackage, python: str, folder: Path) -> dict[str, Any]:
    """Everything about one package. Its files are copied first: what is installed stays as it is."""
    name = package.name
    installed = Path(ask(python, WHERE, name))
    shutil.copytree(installed, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    found = child("survey", name, str(folder), [], python)
    names = found["names"]
    first = child("timed", name, str(folder), names, python)["seconds"]  # both caches are warm from here on
    plain, through = [], []
    for _ in range(ROUNDS if first < 1 else FEWER_ROUNDS):
        plain.append(child("timed_plain", name, str(folder), names, python)["seconds"])
        through.append(child("timed", name, str(folder), names, python)["seconds"])
    live = child("live", name, str(folder), names, python)
    return {
        **live,
        "name": name,
        "version": ask(python, VERSION, name),
        "named": len(names),
        "failed": found["failed"],
        "plain": statistics.median(plain),
        "ratio": statistics.median(through) / statistics.median(plain),
        "ratios": [a / b for a, b in zip(through, plain, strict=True)],
    }


def table(results: list[dict[str, Any]]) -> list[str]:
    """One line for each package."""
    lines = [
        "| package | modules | plain import | through hotlab ÷ plain | leaf | middle | core | alive | result |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        cells = [f"{result['name']} {result['version']}"]
        if "edits" not in result:
            lines.append("| " + " | ".join([*cells, *[""] * 7, "failed"]) + " |")
            continue
        spread = f"{result['ratio']:.2f} ({min(result['ratios']):.2f} to {max(result['ratios']):.2f})"
        cells += [str(result["modules"]), f"{result['plain'] * 1000:.0f} ms", spread]
        for edit in result["edits"]:
            short = edit["module"].removeprefix(result["name"] + ".")
            cells.append(f"`{short}`: {len(edit['reloaded'])} in {edit['seconds'] * 1000:.0f} ms")
        verdict = "failed" if result["problems"] else "passed"
        verdict += f", {len(result['limits'])} limit" if result["limits"] else ""
        lines.append("| " + " | ".join([*cells, str(len(result["alive"])), verdict]) + " |")
    return lines


def details(results: list[dict[str, Any]]) -> list[str]:
    """What the table has no room for: the edits, the limits, and what went wrong."""
    edits = {package.name: package for package in PACKAGES}
    lines = ["", "## What was edited, and how it was seen", ""]
    for result in results:
        for edit in result.get("edits", ()):
            seen = getattr(edits[result["name"]], edit["place"]).seen
            lines.append(f"* {edit['place']} `{edit['module']}`, seen as ``{seen}``")
    lines += ["", "## What does not come through", ""]
    for result in results:
        for limit in result.get("limits", ()):
            lines.append(f"* `{limit['module']}` ({limit['outcome']}): {limit['why']}.")
        for name, why in edits[result["name"]].kept:
            lines.append(f"* `{name}` (kept): {why}.")
    wrong = [(result["name"], problem) for result in results for problem in result["problems"]]
    if wrong:
        lines += ["", "## What went wrong", ""]
        lines += [f"* {name}: {problem}".replace("\n", "\n  ") for name, problem in wrong]
    return lines


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Take well-known packages through hotlab as labs.")
    parser.add_argument("--python", help="an interpreter that has the packages, instead of an environment of our own")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these packages only; nothing is written")
    return parser.parse_args()


def main() -> int:
    """Measure all, write the table."""
    options = arguments()
    os.environ["PYTHONPATH"] = str(HERE.parent)
    python = options.python or own_python()
    chosen = [package for package in PACKAGES if not options.only or package.name in options.only]
    started = time.monotonic()
    results = []
    for package in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = measure(package, python, Path(folder))
            except (RuntimeError, subprocess.SubprocessError) as error:
                result = {"name": package.name, "version": "", "problems": [str(error)]}
        results.append(result)
        print(f"{time.monotonic() - started:5.0f} s  {table([result])[-1]}", flush=True)
        for problem in result["problems"]:
            print(f"    {problem}", flush=True)
    wrong = [result["name"] for result in results if result["problems"]]
    if not options.only:
        version = ask(python, "import platform; print(platform.python_version())", "")
        lines = [
            "# Result",
            "",
            f"Python {version} on {platform.system()}, {os.cpu_count()} CPUs, {time.monotonic() - started:.0f} s;"
            f" {len(results) - len(wrong)} of {len(results)} packages passed.",
            "",
            *table(results),
            *details(results),
        ]
        text = "\n".join(lines) + "\n"
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, "utf-8")
        explained = PAGE.read_text("utf-8").partition(MARK)[0]
        PAGE.write_text(f"{explained}{MARK}\n{text.replace('# ', '## ', 1)}", "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
