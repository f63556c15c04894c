from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotlab.importing.loaders import LabFinder
from tests.importing.lab_on_disk import LabOnDisk

_numbers = itertools.count()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabOnDisk]:
    """An empty lab package of a name of its own; afterwards nothing of it is left in the process."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = LabOnDisk(tmp_path, f"lab{next(_numbers)}")
    made.write(init="")
    yield made
    made.forget()
    assert not any(isinstance(finder, LabFinder) for finder in sys.meta_path)
