"""Files, folders and links on disk: which of them are modules, and how an edit of them is noticed."""

from __future__ import annotations

import importlib.machinery
import os
import time
from pathlib import Path

import pytest

from hotlab.importing.disk import RACY_NS, DiskTree
from tests.importing.lab_on_disk import LabOnDisk


def let_it_age(path: Path) -> None:
    """Wait until what changed last at a path is old enough to be believed."""
    while time.time_ns() - max(path.stat().st_mtime_ns, path.stat().st_ctime_ns) <= 2 * RACY_NS:
        time.sleep(0.02)


def test_an_extension_module_goes_before_a_source_file(lab: LabOnDisk) -> None:
    """Of `fast.py` and an extension module `fast`, the extension is the module, as in plain Python."""
    expected = {lab.name: "package", "slow": "module"}
    lab.write(slow="V = 1")
    for number, suffix in enumerate(importlib.machinery.EXTENSION_SUFFIXES):
        lab.write(**{f"fast{number}": "V = 1"})
        lab.put(f"fast{number}{suffix}", b"")
        expected[f"fast{number}"] = "extension"
        spec = importlib.machinery.PathFinder.find_spec(f"fast{number}", [str(lab.folder / lab.name)])
        assert spec is not None
        assert isinstance(spec.loader, importlib.machinery.ExtensionFileLoader)
    sources = DiskTree(lab.name, lab.folder / lab.name).snapshot().sources
    assert {name.rpartition(".")[2] or name: source.kind for name, source in sources.items()} == expected


def test_a_new_file_in_a_folder_whose_time_was_put_back(lab: LabOnDisk) -> None:
    """It is found, as after unpacking an archive, which sets the times of folders to what they were."""
    lab.write(dev__init="", dev__oven="V = 1")
    lab.enable()
    lab.module("dev.oven")
    folder = lab.folder / lab.name / "dev"
    let_it_age(folder)
    assert lab.refresh().changed == ()
    before = folder.stat()
    lab.write(dev__pump="V = 1")
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    let_it_age(folder)
    assert lab.refresh().changed == (f"{lab.name}.dev.pump",)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(lab: LabOnDisk) -> None:
    """It holds no modules, and neither enabling the lab nor a refresh stumbles over it."""
    lab.write(oven="V = 1")
    private = lab.put("private/notes.txt", "").parent
    private.chmod(0)
    try:
        lab.enable()
        assert lab.module("oven").V == 1
        lab.write(oven="V = 2")
        assert lab.refresh().ok
        assert lab.module("oven").V == 2
    finally:
        private.chmod(0o755)


def test_a_package_whose_folder_is_away_for_a_moment(lab: LabOnDisk) -> None:
    """A refresh in that moment is refused and the lab stays as it is; once the folder is back, so are edits."""
    lab.write(oven="V = 1")
    lab.enable()
    oven, state = lab.module("oven"), lab.state()
    folder, aside = lab.folder / lab.name, lab.folder / "aside"
    folder.rename(aside)
    report = lab.refresh()
    assert (report.ok, report.outcome) == (False, "refused")
    assert lab.state() == state
    assert (oven.V, lab.module("oven")) == (1, oven)
    aside.rename(folder)
    lab.write(oven="V = 2")
    assert lab.refresh().ok
    assert oven.V == 2


def test_nobody_vouches_for_what_a_link_leads_to(lab: LabOnDisk) -> None:
    """With a watcher that saw nothing, the target of a link is still looked at: when it comes and when it is edited."""
    elsewhere = lab.folder / "elsewhere"
    elsewhere.mkdir()
    lab.write(main="try:\n    from .oven import V\nexcept ImportError:\n    V = 0\n")
    (lab.folder / lab.name / "oven.py").symlink_to(elsewhere / "oven.py")
    enabled = lab.enable()
    lab.module("main")
    let_it_age(lab.folder / lab.name)
    tree = enabled.tree
    assert isinstance(tree, DiskTree)
    tree.vouch(lambda: 0)
    for v in (1, 2):
        for _ in range(2):
            assert lab.refresh().changed == ()
        (elsewhere / "oven.py").write_text(f"V = {v}")
        let_it_age(elsewhere / "oven.py")
        assert lab.refresh().ok
        assert v == lab.module("main").V
