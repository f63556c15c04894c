from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.importing.lab_on_disk import LabOnDisk


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabOnDisk]:
    """A lab with one module, imported and enabled."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = LabOnDisk(tmp_path, "seqlab")
    made.write(init="", oven="V = 1")
    made.enable()
    made.module("oven")
    yield made
    made.forget()
