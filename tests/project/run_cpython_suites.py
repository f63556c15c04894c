"""Run CPython's own tests of its import system in this process, with or without hotlab enabled on a small lab.

    python run_cpython_suites.py plain|hotlab FOLDER

FOLDER holds the lab package of the name `LAB`; the result is one line of JSON on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

SUITES = ("test.test_import", "test.test_importlib")
LAB = "suite_lab"


class Outcomes(unittest.TestResult):
    """Which tests ran, and which of them did not pass."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.ids.append(test.id())

    def as_json(self) -> dict[str, Any]:
        """The names of the tests, by what came of them."""
        wrong = [(test.id(), text) for test, text in (*self.failures, *self.errors)]
        wrong += [(test.id(), "unexpected success") for test in self.unexpectedSuccesses]
        return {
            "ran": sorted(self.ids),
            "wrong": dict(wrong),
            "skipped": sorted(test.id() for test, _ in self.skipped),
        }


def edited(folder: Path, number: int) -> bool:
    """Edit the lab, refresh it, and say whether outside code sees the edit through a dependant."""
    import hotlab

    (folder / LAB / "oven.py").write_text(f"TEMPERATURE = {number}\n", "utf-8")
    report = hotlab.refresh(LAB)
    seen = importlib.import_module(LAB + ".task").TEMPERATURE
    return report.ok and report.reloaded == (f"{LAB}.oven", f"{LAB}.task", LAB) and seen == number


def surroundings() -> dict[str, Any]:
    """What of the process and its folder must not differ because hotlab is there."""
    return {
        "environ": dict(os.environ),
        "dont_write_bytecode": sys.dont_write_bytecode,
        "pycache_prefix": sys.pycache_prefix,
        "files": sorted(str(path) for path in Path().rglob("*")),
    }


def main(mode: str, folder: Path) -> None:
    """Enable, import, refresh once; run the suites; refresh again."""
    lab_right = True
    meta_path = [type(finder).__name__ for finder in sys.meta_path]
    if mode == "hotlab":
        import hotlab

        sys.path.insert(0, str(folder))
        hotlab.enable(LAB)
        importlib.import_module(LAB)
        lab_right = edited(folder, 300)
        assert len(sys.meta_path) > len(meta_path)
    suite = unittest.defaultTestLoader.loadTestsFromNames(SUITES)
    outcomes = Outcomes()
    suite.run(outcomes)
    if mode == "hotlab":
        lab_right = lab_right and edited(folder, 400)
        hotlab.disable(LAB)
    answer = {**outcomes.as_json(), "lab_right": lab_right, "around": surroundings()}
    answer["meta_path_kept"] = [type(finder).__name__ for finder in sys.meta_path] == meta_path
    sys.__stdout__.write(json.dumps(answer) + "\n")  # type: ignore[union-attr]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
