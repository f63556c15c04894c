"""Processes that a reloading process starts: each begins with a whole generation, imports lazily, reloads by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.importing import child_cases

WAIT = 150.0

RULES = {
    "fork_at_random": "Forked at any moment of a stream of edits, some of them refused.",
    "fork_through_a_refresher": "The same in a running lab, where threads take the edits that a child does not have.",
    "fork_while_a_module_is_staged": "Forked while a thread is in the middle of a reload, which never ends there.",
    "fork_while_lab_code_imports": "Forked while a thread is half-way through a first import, which begins anew there.",
    "fork_while_others_import": "The same where the import was begun outside of the lab.",
    "spawn": "Started with a new interpreter; a later edit does not tear what it imports after it.",
    "forkserver": "Forked from a server that has imported the lab some time before.",
}


@pytest.mark.parametrize("case", RULES)
def test_a_child_starts_with_a_whole_generation(tmp_path: Path, case: str) -> None:
    """It sees one version on all ways into the lab, one that was committed, and takes a newer one in when it asks."""
    paths = [str(Path(child_cases.__file__).parents[2]), *sys.path]
    done = subprocess.run(
        [sys.executable, child_cases.__file__, str(tmp_path), case],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    children = json.loads(done.stdout)
    assert [child["error"] for child in children if "error" in child] == []
    assert children and all(child["last"] > child["first"] for child in children)


def test_each_case_has_its_rule() -> None:
    """No case is left out."""
    assert set(RULES) == set(child_cases.CASES)
