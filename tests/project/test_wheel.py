"""The wheel, as a user gets it: complete, and able to run the demo from anywhere."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".hotlab")


def call(command: Sequence[str | Path], *, cwd: Path, timeout: float) -> str:
    """Run a command that must succeed; return its output."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environ, timeout=timeout, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources: no leftovers of an earlier build come in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("hotlab", "fake_lab"):
        shutil.copytree(ROOT / name, source / name, ignore=IGNORED)
    call([sys.executable, "-m", "build", "--wheel", "--outdir", "dist", "."], cwd=source, timeout=300)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_each_package_on_disk_is_listed() -> None:
    """setup.cfg lists the packages one by one, and leaves none out."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    on_disk = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for name in ("hotlab", "fake_lab")
        for init in (ROOT / name).rglob("__init__.py")
    }
    assert listed == on_disk


@pytest.mark.slow
def test_the_wheel_has_every_file(wheel: Path) -> None:
    """Sources, type markers and the lab's configuration are all in the wheel."""
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        str(file.relative_to(ROOT))
        for name in ("hotlab", "fake_lab")
        for pattern in ("*.py", "py.typed", "hotlab.yaml")
        for file in (ROOT / name).rglob(pattern)
    }
    assert packed == wanted


@pytest.mark.slow
def test_the_wheel_runs_the_demo_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Installed in a clean environment, hotlab finds all it needs and its demo ends well."""
    call([sys.executable, "-m", "venv", "clean"], cwd=tmp_path, timeout=120)
    clean = tmp_path / "clean" / "bin"
    call([clean / "python", "-m", "pip", "install", "-q", wheel], cwd=tmp_path, timeout=600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "fake_lab" in call([clean / "hotlab", "config", "fake_lab"], cwd=elsewhere, timeout=60)
    call([clean / "hotlab", "demo"], cwd=elsewhere, timeout=180)
    call([clean / "python", "-m", "pip", "check"], cwd=tmp_path, timeout=60)
