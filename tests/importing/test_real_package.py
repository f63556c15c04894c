"""Two packages that are installed wherever hotlab is, each copied and taken as a lab in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.importing.real_package_process import EDITS

PROCESS = Path(__file__).with_name("real_package_process.py")


@pytest.mark.parametrize("name", sorted(EDITS))
def test_a_real_package_is_reloaded_as_a_fresh_interpreter_would_import_it(name: str, tmp_path: Path) -> None:
    """After an edit of a leaf, a middle and a core module, all that is seen from outside is what plain Python gives.

    A broken edit of the same modules is refused and changes nothing; taking it back executes nothing.
    """
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(next(iter(spec.submodule_search_locations)), tmp_path / name, ignore=ignored)
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, str(PROCESS), "live", name, str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *rest = json.loads(done.stdout)
    assert first["live"] == first["fresh"]
    before = first["live"]
    for (module, _), (edited, broken, mended) in zip(
        EDITS[name].items(), zip(rest[::3], rest[1::3], rest[2::3], strict=True), strict=True
    ):
        assert edited["ok"], edited["error"]
        assert edited["changed"] == [module] and module in edited["reloaded"]
        assert edited["live"] == edited["fresh"] != before
        assert broken["broken"] == "refused" and "broken on purpose" in broken["error"]
        assert broken["live"] == edited["live"]
        assert mended["mended"] and mended["reloaded"] == []
        assert mended["live"] == edited["live"]
        before = edited["live"]
