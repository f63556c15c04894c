"""The demo's edits still fit the fake lab."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hotlab.cli.demo_story import (
    ARM_EDIT,
    BREAKING_EDIT,
    HEATING_EDIT,
    MENDING_EDIT,
    DemoFailed,
    TextEdit,
)

FAKE_LAB = Path(__file__).parents[2] / "fake_lab"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FAKE_LAB, tmp_path / "fake_lab"))


@pytest.mark.parametrize("edit", [ARM_EDIT, HEATING_EDIT], ids=lambda edit: str(edit.file))
def test_good_edits_change_one_line_that_compiles(edit: TextEdit, package: Path) -> None:
    """A good edit changes exactly the line that it names, and the file still compiles."""
    path = package / edit.file
    before = path.read_text(encoding="utf-8").splitlines()
    line = edit.save(package)
    after = path.read_text(encoding="utf-8").splitlines()
    changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new]
    assert changed == [line]
    compile("\n".join(after), str(path), "exec")


def test_the_broken_edit_breaks_at_its_line_and_is_mended(package: Path) -> None:
    """The mistake is a syntax error at the line that it names; the mending takes it away."""
    path = package / BREAKING_EDIT.file
    line = BREAKING_EDIT.save(package)
    with pytest.raises(SyntaxError) as caught:
        compile(path.read_text(encoding="utf-8"), str(path), "exec")
    assert caught.value.lineno == line
    assert MENDING_EDIT.save(package) == line
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_an_edit_that_no_longer_fits_says_so(package: Path) -> None:
    """Mending what is not broken fails with the file and the text that it looked for."""
    with pytest.raises(DemoFailed, match=r"measuring\.py holds 'PEAK_THRESHOLD = \(50\.0"):
        MENDING_EDIT.save(package)
