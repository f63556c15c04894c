"""What plain Python gives: a new interpreter, without hotlab, imports a lab's files as they are now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.importing.lab_on_disk import LabOnDisk

PATIENCE = 60.0
"""Seconds after which a new interpreter is given up; far more than any takes."""

_ASK = """\
import importlib, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
print(json.dumps(importlib.import_module(sys.argv[2]).seen()))
assert "hotlab" not in sys.modules
"""


def in_plain_python(lab: LabOnDisk, module: str = "main") -> Any:
    """What `seen()` of a module says on a fresh import."""
    done = run_python(lab, "-c", _ASK, str(lab.folder), f"{lab.name}.{module}".rstrip("."))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def in_this_process(lab: LabOnDisk, module: str = "main") -> Any:
    """What `seen()` of a module says now, after the same trip through JSON."""
    return json.loads(json.dumps(lab.module(module).seen()))


def agree_on(lab: LabOnDisk, expected: Any, module: str = "main") -> None:
    """The reloaded lab says what a fresh import says, which is what the test expects."""
    plain, live = in_plain_python(lab, module), in_this_process(lab, module)
    assert plain == expected, f"the test expects {expected}, but plain Python gives {plain}"
    assert live == expected, f"{live}, but plain Python gives {plain}"


def run_python(lab: LabOnDisk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a process of its own, in the folder that holds the lab."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join(entry for entry in sys.path if entry and entry != str(lab.folder))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=lab.folder,
        env={**kept, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
