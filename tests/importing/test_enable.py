"""Ways to enable a lab, and to let go of it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

IN_INIT = "import hotlab\nhotlab.enable()\nfrom .oven import V\nfrom . import oven\ndef seen(): return V, oven.V"


def test_enable_in_the_first_line_of_the_package(lab: LabOnDisk) -> None:
    """The package is half-imported when it enables itself; its functions see their own generation all the same."""
    lab.write(init=IN_INIT, oven="V = 1")
    module = lab.module()
    old = module.seen
    lab.write(oven="V = 2")
    report = lab.refresh()
    assert report.reloaded == (f"{lab.name}.oven", lab.name)
    assert (old(), module.seen(), lab.module().seen()) == ((1, 1), (2, 2), (2, 2))


def test_enable_before_the_import(lab: LabOnDisk) -> None:
    """Edits made between enabling and the first import are seen by it."""
    lab.write(oven="V = 1")
    lab.enable()
    lab.write(oven="V = 2")
    assert lab.module("oven").V == 2
    lab.write(oven="V = 3")
    assert lab.refresh().ok and lab.module("oven").V == 3


def test_enable_after_the_import_adopts_what_is_there(lab: LabOnDisk) -> None:
    """Outside code that imported the package before sees the current generation; unaffected state is kept."""
    lab.write(
        oven="V = 1\nconn = object()",
        arm="V = 1",
        main="from . import oven, arm\ndef v(): return oven.V, arm.V",
    )
    main, oven = lab.module("main"), lab.module("oven")
    conn = oven.conn
    lab.enable()
    lab.write(arm="V = 2")
    report = lab.refresh()
    assert set(report.reloaded) == {f"{lab.name}.arm", f"{lab.name}.main"}
    assert main.v() == (1, 2) and oven.conn is conn


def test_enable_twice_is_harmless(lab: LabOnDisk) -> None:
    """The second call gives the same lab."""
    assert lab.enable() is lab.enable()


def test_a_failed_first_import_can_be_mended(lab: LabOnDisk) -> None:
    """[R19] After a broken first import the mended files are imported as if nothing had been."""
    lab.write(init=IN_INIT, oven="V = ")
    with pytest.raises(SyntaxError):
        lab.module()
    lab.write(oven="V = 5")
    assert lab.module().seen() == (5, 5)


def test_disable_leaves_plain_modules(lab: LabOnDisk) -> None:
    """The finder is gone and sys.modules holds plain module objects with the current code."""
    lab.write(dev__init="", dev__oven="V = 1", main="from .dev import oven")
    lab.enable()
    lab.module("main")
    lab.write(dev__oven="V = 2")
    lab.refresh()
    hotlab.disable(lab.name)
    for name in ("", ".main", ".dev", ".dev.oven"):
        assert type(sys.modules[lab.name + name]) is ModuleType
    assert lab.module("main").oven is sys.modules[f"{lab.name}.dev.oven"]
    assert lab.module("dev").oven.V == 2
    with pytest.raises(hotlab.LabNotEnabled, match="not enabled"):
        hotlab.current(lab.name)


@pytest.mark.parametrize(("name", "says"), [("nosuchlab_zz", "no package named"), ("a.b", "top-level")])
def test_misuse_says_what_to_do(name: str, says: str) -> None:
    """A package that can't be enabled is named in one line."""
    with pytest.raises(hotlab.LabNotFoundOnPath, match=says):
        hotlab.enable(name)


def test_a_lab_module_cannot_reload_its_own_lab(lab: LabOnDisk) -> None:
    """A call of refresh by code that the refresh executes is an error, not a deadlock."""
    lab.write(main="import hotlab\ntry:\n    hotlab.refresh()\nexcept hotlab.ReloadInProgress as e:\n    said = str(e)")
    lab.enable()
    assert "being imported" in lab.module("main").said
    lab.write(main=(lab.folder / lab.name / "main.py").read_text() + "\nX = 1")
    assert lab.refresh().ok and "being imported" in lab.module("main").said
