"""CPython's own tests of `import` and `importlib`, with hotlab enabled on a lab package in their process.

Not marked slow, though they are: each interpreter ships suites of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.project.run_cpython_suites import LAB, SUITES

RUNNER = Path(__file__).with_name("run_cpython_suites.py")
LONGEST_SECONDS = 300


def run(mode: str, folder: Path) -> dict[str, Any]:
    """The suites in a process of their own; the folder is its working folder and holds the lab."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    working = folder / "working"
    working.mkdir(parents=True)
    lab = folder / LAB
    lab.mkdir()
    (lab / "__init__.py").write_text("from . import task\n")
    (lab / "task.py").write_text("from .oven import TEMPERATURE\n")
    (lab / "oven.py").write_text("TEMPERATURE = 200\n")
    done = subprocess.run(
        [sys.executable, str(RUNNER), mode, str(folder)],
        cwd=working,
        env=environ,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the suites give without hotlab and with it."""
    try:
        shipped = all(importlib.util.find_spec(suite) is not None for suite in SUITES)
    except ModuleNotFoundError:
        shipped = False
    if not shipped:
        pytest.skip("this interpreter is installed without CPython's own tests")
    return run("plain", tmp_path_factory.mktemp("plain")), run("hotlab", tmp_path_factory.mktemp("hotlab"))


def test_no_test_of_cpython_fails_because_of_hotlab(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """With hotlab enabled, all tests pass that pass without it, and the very same tests run."""
    plain, with_hotlab = both
    assert len(plain["ran"]) > 1000
    assert with_hotlab["ran"] == plain["ran"]
    assert with_hotlab["skipped"] == plain["skipped"]
    new = {name: text for name, text in with_hotlab["wrong"].items() if name not in plain["wrong"]}
    assert not new, "\n".join(new.values())


def test_the_lab_outlives_the_tests_of_cpython(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Tests that save, empty and restore `sys.modules` and `sys.meta_path` leave a lab that still takes edits in."""
    assert both[1]["lab_right"]
    assert both[0]["meta_path_kept"] and both[1]["meta_path_kept"]


def test_hotlab_leaves_no_trace_around(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Neither the environment nor the way byte code is written nor the files left behind differ."""
    plain, with_hotlab = (answer["around"] for answer in both)
    for answer in (plain, with_hotlab):
        answer["environ"].pop("PWD", None)
    assert with_hotlab == plain
