"""A thread that is started while a lab module is being imported, imports the lab itself and is joined right there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.importing import joined_thread_cases
from tests.importing.joined_thread_cases import cases

WAIT = 90.0
MODES = ("plain", "outside", "inside", "reload")

Case = tuple[str, str, str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Case, Any]]:
    """What came of each case, by mode: what the thread got, in a list; None where it was not done."""
    running: dict[str, subprocess.Popen[str]] = {}
    paths = [str(Path(joined_thread_cases.__file__).parents[2]), *sys.path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    found: dict[str, dict[Case, Any]] = {}
    try:
        for mode in MODES:
            folder = tmp_path_factory.mktemp(mode)
            program = [sys.executable, joined_thread_cases.__file__, str(folder), mode]
            running[mode] = subprocess.Popen(program, env=environ, stdout=subprocess.PIPE, text=True)
        for mode, process in running.items():
            written, _ = process.communicate(timeout=WAIT)
            assert process.returncode == 0
            found[mode] = {tuple(one["case"]): one["said"] if one["completed"] else None for one in json.loads(written)}
    finally:
        for process in running.values():
            process.kill()
            process.wait(WAIT)
    return found


def test_plain_python_completes_some_and_not_others(outcomes: dict[str, dict[Case, Any]]) -> None:
    """Else there would be nothing to compare with, or nothing to be learned from it."""
    done = [case for case, said in outcomes["plain"].items() if said]
    assert ("root", "lab", "from lab.done import") in done
    assert ("root", "lab", "import lab") not in done
    assert set(outcomes["plain"]) == set(cases())


@pytest.mark.parametrize("mode", ["outside", "inside"])
def test_a_first_import_does_no_worse_than_plain_python(outcomes: dict[str, dict[Case, Any]], mode: str) -> None:
    """What completes in plain Python completes with hotlab, enabled from outside or in the package, and is the same."""
    worse = {
        case: (said, outcomes[mode][case])
        for case, said in outcomes["plain"].items()
        if said and outcomes[mode][case] != said
    }
    assert worse == {}


def test_a_reload_does_no_worse_than_plain_python(outcomes: dict[str, dict[Case, Any]]) -> None:
    """So it is during a reload, where lab code gets the modules that are being made, and others the current ones."""
    worse = {}
    for case, said in outcomes["plain"].items():
        right = said if case[1] == "lab" else json.loads(json.dumps(said).replace("2", "1"))
        if right and outcomes["reload"][case] != right:
            worse[case] = (right, outcomes["reload"][case])
    assert worse == {}
