"""Kind K03: a failed reload leaves a half state, or can't be recovered by mending the file."""

from __future__ import annotations

import sys

import pytest

import hotlab
from hotlab.refreshing import Refresh, Refresher
from tests.importing.lab_on_disk import LabOnDisk
from tests.refreshing.recording import Recorder

REGISTERS = "from hotlab.importing import registering\nregistering().register({key!r}, {value})\n{more}"
FAULTS = {
    "syntax": "def f(:",
    "raise": "raise RuntimeError('no')",
    "registration": "from hotlab.importing import registering\nregistering().register([], 1).nothing",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_r16_a_module_that_was_broken_is_mended_by_the_next_edit(lab: LabOnDisk, fault: str) -> None:
    """[R16] Broken, mended, broken in another way, mended: each time the lab is whole, without a manual step."""
    sound = REGISTERS.format(key="arm", value=1, more="V = {v}")
    lab.write(arm=sound.format(v=1), main="from .arm import V\ndef seen(): return V")
    lab.enable()
    assert lab.module("main").seen() == 1
    for v in (2, 3):
        before = hotlab.current(lab.name)
        lab.write(arm=sound.format(v=v) + "\n" + FAULTS[fault])
        report = lab.refresh()
        assert (report.ok, report.outcome) == (False, "refused")
        assert hotlab.current(lab.name) is before
        assert lab.module("main").seen() == v - 1
        lab.write(arm=sound.format(v=v))
        assert lab.refresh().ok
        assert lab.module("main").seen() == v
        assert [(e.key, e.value) for e in hotlab.current(lab.name).registry.entries()] == [("arm", 1)]


def test_r18_the_last_of_a_chain_raises(lab: LabOnDisk) -> None:
    """[R18] Modules, registrations and parent attributes are back to the object, and the lab can be refreshed."""
    names = ["a", "b", "c"]
    lab.write(
        dev__init="",
        dev__a=REGISTERS.format(key="a", value=1, more=""),
        dev__b=REGISTERS.format(key="b", value=1, more="from . import a"),
        dev__c=REGISTERS.format(key="c", value=1, more="from . import b"),
    )
    lab.enable()
    lab.module("dev.c")
    before, package = lab.state(), lab.module("dev")
    held = {name: getattr(package, name) for name in names}
    entries = hotlab.current(lab.name).registry.entries()
    modules = [sys.modules[f"{lab.name}.dev.{name}"] for name in names]
    lab.write(
        dev__a=REGISTERS.format(key="a", value=2, more="new = 1"),
        dev__b=REGISTERS.format(key="b", value=2, more="from . import a"),
        dev__c=REGISTERS.format(key="c", value=2, more="from . import b\n1/0"),
    )
    assert not lab.refresh().ok
    assert lab.state() == before
    assert all(getattr(package, name) is held[name] for name in names)
    assert [sys.modules[f"{lab.name}.dev.{name}"] for name in names] == modules
    assert hotlab.current(lab.name).registry.entries() == entries
    assert not hasattr(lab.module("dev.a"), "new")
    lab.write(dev__c=REGISTERS.format(key="c", value=2, more="from . import b"))
    assert lab.refresh().ok
    assert [e.value for e in hotlab.current(lab.name).registry.entries()] == [2, 2, 2]


def test_r19_submodules_loaded_before_an_import_error_are_not_kept(lab: LabOnDisk) -> None:
    """[R19] One loads, two raises; two is mended and one changed in the same save: both are new."""
    lab.write(pkg__init="from .one import V as one\nfrom .two import V as two", pkg__one="V = 1", pkg__two="1/0")
    lab.enable()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            lab.module("pkg")
    lab.write(pkg__two="V = 2", pkg__one="V = 2")
    assert lab.refresh().ok
    assert (lab.module("pkg").one, lab.module("pkg").two) == (2, 2)


def test_r19_the_same_in_a_package_that_an_edit_adds(lab: LabOnDisk) -> None:
    """[R19] A refused edit that brought the package leaves nothing of it; mended, all of it is new."""
    lab.write(main="V = 0")
    lab.enable()
    lab.module("main")
    lab.write(pkg__init="from .one import V as one\nfrom .two import V as two", pkg__one="V = 1", pkg__two="1/0",
              main="from .pkg import one, two")  # fmt: skip
    assert not lab.refresh().ok
    assert not [name for name in sys.modules if name.startswith(f"{lab.name}.pkg")]
    lab.write(pkg__two="V = 2", pkg__one="V = 2")
    assert lab.refresh().ok
    assert (lab.module("main").one, lab.module("main").two) == (2, 2)


def test_r80_a_participant_that_ends_in_the_middle_is_taken_as_gone(lab: LabOnDisk) -> None:
    """[R80] It leaves between step 3 and step 6; the rest of the refresh goes on, and every resume is run."""
    lab.write(oven="V = 1")
    enabled = lab.enable()
    lab.module("oven")
    calls: list[str] = []

    class Leaves(Recorder):
        def _note(self, step: str, refresh: Refresh) -> None:
            self.calls.append(f"{self.name}:{step}")
            if step == "pause_devices" and self.name == "gone":
                leave()

    refresher = Refresher(enabled)
    refresher.register(Leaves("stays", calls))
    leave = refresher.register(Leaves("gone", calls))
    lab.write(oven="V = 2")
    report = refresher.refresh(timeout=20.0)
    assert report is not None
    assert (report.ok, report.outcome, report.error) == (True, "done", None)
    assert lab.module("oven").V == 2
    later = ["disconnect", "reimport", "connect"]
    assert [call for call in calls if call.split(":")[1] in later] == [f"stays:{step}" for step in later]
    assert calls[-3:] == [f"stays:{step}" for step in ("resume_devices", "resume_allocating", "resume_launching")]
