"""Kinds K08 and K10: a reload with no real change, and a real change that is not seen."""

from __future__ import annotations

import os

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk, same_size_save

NOISE = (".#oven.py", "#oven.py#", ".oven.py.swp", "4913", "oven.py~", "oven.pyc", ".oven.py.kate-swp")


def test_r43_bytecode_that_a_reload_writes_is_no_change(lab: LabOnDisk) -> None:
    """[R43] With bytecode written, one edit is one reload: the next looks find nothing."""
    lab.write(oven="V = 1", main="from .oven import V")
    lab.enable()
    lab.module("main")
    lab.write(oven="V = 2")
    assert lab.refresh().changed == (f"{lab.name}.oven",)
    assert list((lab.folder / lab.name / "__pycache__").iterdir())
    generation = hotlab.current(lab.name)
    for _ in range(2):
        assert lab.refresh().changed == ()
    assert hotlab.current(lab.name) is generation


def test_r44_reading_every_file_is_no_change(lab: LabOnDisk) -> None:
    """[R44] Files that are opened and closed, looked at and listed, make no generation."""
    lab.write(oven="V = 1", main="from .oven import V")
    lab.put("table.txt", "1")
    lab.enable()
    lab.module("main")
    generation = hotlab.current(lab.name)
    for _ in range(20):
        for path in sorted((lab.folder / lab.name).rglob("*")):
            if path.is_file():
                path.read_bytes()
                with path.open("a"):
                    pass
        assert lab.refresh().reloaded == ()
    assert hotlab.current(lab.name) is generation


@pytest.mark.parametrize("folder", ["", "dev/"])
def test_r45_what_editors_leave_beside_a_file_is_no_change(lab: LabOnDisk, folder: str) -> None:
    """[R45] A dangling lock link, auto-save, swap and probe files: no error, no reload, also beside a real edit."""
    lab.write(oven="V = 1", dev__init="", dev__oven="V = 1", main="from . import oven\nfrom .dev import oven")
    lab.enable()
    lab.module("main")
    for name in NOISE:
        lab.put(folder + name, "not python (")
    lock = lab.folder / lab.name / f"{folder}.#main.py"
    lock.symlink_to("user@host.1234:1700000000")
    dangling = lab.folder / lab.name / f"{folder}gone.py"
    dangling.symlink_to("nowhere.py")
    report = lab.refresh()
    assert (report.ok, report.changed) == (True, ())
    lab.write(oven="V = 2")
    report = lab.refresh()
    assert (report.ok, report.changed) == (True, (f"{lab.name}.oven",))


def test_r46_content_decides_and_not_the_time_stamp(lab: LabOnDisk) -> None:
    """[R46] A touch is nothing; other content under the old time and size is seen; so is a file with an older time."""
    path = lab.put("oven.py", "V = 1")
    lab.enable()
    assert lab.module("oven").V == 1
    os.utime(path, (1, 1))
    assert lab.refresh().changed == ()
    same_size_save(path, "V = 2")
    assert lab.refresh().changed == (f"{lab.name}.oven",)
    assert lab.module("oven").V == 2
    older = lab.folder / "restored.py"
    older.write_text("V = 3")
    os.utime(older, (0, 0))
    os.replace(older, path)
    assert lab.refresh().changed == (f"{lab.name}.oven",)
    assert lab.module("oven").V == 3


def test_r46_a_text_put_back_is_the_generation_before_by_content(lab: LabOnDisk) -> None:
    """[R46] Undoing an edit gives the digest that the generation before the edit had."""
    lab.write(oven="V = 1")
    lab.enable()
    lab.module("oven")
    first = hotlab.current(lab.name).digest
    lab.write(oven="V = 2")
    assert lab.refresh().ok
    assert hotlab.current(lab.name).digest != first
    lab.write(oven="V = 1")
    assert lab.refresh().changed == (f"{lab.name}.oven",)
    assert hotlab.current(lab.name).digest == first
