"""Importing is cheap, and does nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("cattrs", "click", "dramatiq", "rich", "sqlalchemy", "watchfiles", "yaml")

LOADED = """
import json, sys, threading
before = [list(sys.meta_path), threading.active_count()]
{statement}
after = [list(sys.meta_path), threading.active_count()]
print(json.dumps({{"modules": sorted(sys.modules), "unchanged": before == after}}))
"""


def run(statement: str) -> dict[str, object]:
    """What a fresh interpreter has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def loaded(statement: str) -> set[str]:
    """The heavy libraries among them."""
    modules = run(statement)["modules"]
    assert isinstance(modules, list)
    return set(HEAVY) & set(modules)


def test_importing_hotlab_loads_nothing_heavy() -> None:
    """A lab that imports hotlab pays for the engine alone."""
    assert loaded("import hotlab") == set()


def test_naming_lab_classes_loads_no_database_and_no_broker() -> None:
    """What lab code takes from hotlab does not bring the servers' libraries in."""
    names = "BaseDevice, BaseTask, SamplePosition, add_device, add_task"
    assert loaded(f"from hotlab import {names}") <= {"cattrs"}


@pytest.mark.parametrize("module", ["hotlab", "hotlab.cli", "hotlab.runtime", "hotlab.watching"])
def test_importing_does_nothing(module: str) -> None:
    """No finder is installed and no thread started by an import."""
    assert run(f"import {module}")["unchanged"]


def test_help_loads_no_runtime() -> None:
    """`hotlab --help` is quick: it loads click, and none of what the commands need."""
    statement = "from hotlab.cli import main; import io, contextlib\n"
    statement += "with contextlib.redirect_stdout(io.StringIO()): main(['--help'])"
    assert loaded(statement) == {"click"}
