"""What ``sys.modules`` has of a lab while several generations import the same module, each for itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0
LATE = "def late():\n    from . import slow\n    return slow\n"
SLOW = "import sys\nfrom tests.importing import meeting\nmeeting.pause()\ndef found(): return sys.modules.get(__name__)"


@pytest.fixture(autouse=True)
def doors() -> None:
    """Nobody has come, and nobody may go on."""
    meeting.reached.clear()
    meeting.go.clear()


def import_slowly(late: Callable[[], object]) -> threading.Thread:
    """A thread that is half-way through the import of the slow module."""
    thread = threading.Thread(target=late)
    thread.start()
    assert meeting.reached.wait(WAIT)
    return thread


def test_a_late_import_that_ends_after_the_reload_of_its_module(
    lab: LabOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task imports for the first time what a reload executes, too: the current module stays to be found."""
    lab.write(main=f"A = 1\n{LATE}", slow=SLOW)
    enabled = lab.enable()
    thread = import_slowly(lab.module("main").late)
    monkeypatch.setattr(meeting, "pause", lambda: None)  # for all that come later
    lab.write(main=f"A = 2\nfrom . import slow\n{LATE}")
    assert lab.refresh().ok
    meeting.go.set()
    thread.join(WAIT)
    assert f"{lab.name}.slow" in enabled.current.modules
    assert lab.module("main").late().found() is sys.modules[f"{lab.name}.slow"]


def test_an_old_import_that_ends_after_that_of_the_current_generation(
    lab: LabOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old task imports a module late and slowly, the current generation meanwhile: its module stays to be found."""
    lab.write(main=f"A = 1\n{LATE}", slow=SLOW)
    lab.enable()
    old = lab.module("main").late
    lab.write(main=f"A = 2\n{LATE}")
    assert lab.refresh().ok
    thread = import_slowly(old)
    monkeypatch.setattr(meeting, "pause", lambda: None)
    found = lab.module("main").late().found
    assert found() is sys.modules[f"{lab.name}.slow"]
    meeting.go.set()
    thread.join(WAIT)
    assert found() is sys.modules[f"{lab.name}.slow"]


def test_a_staged_generation_that_is_given_up_after_a_late_import(lab: LabOnDisk) -> None:
    """It executed a module first that a task of the current one imports meanwhile: that one keeps its place."""
    lab.write(main=f"A = 1\n{LATE}", slow="import sys\ndef found(): return sys.modules.get(__name__)")
    enabled = lab.enable()
    lab.module("main")
    lab.write(main=f"A = 2\nfrom . import slow\n{LATE}")
    plan = enabled.plan()
    assert plan is not None
    staged = enabled.stage(plan)
    found = lab.module("main").late().found
    enabled.discard(staged)
    assert found() is sys.modules[f"{lab.name}.slow"]
