"""Modules that are imported for the first time while an edit is on its way, and roots that are imported again."""

from __future__ import annotations

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def test_a_module_first_imported_between_plan_and_stage(lab: LabOnDisk) -> None:
    """It is executed again where the edit reaches it, and is the same module where it doesn't."""
    lab.write(oven="V = 1", pump="SEEN = []", late="from .oven import V")
    enabled = lab.enable()
    lab.module("oven")
    lab.write(oven="V = 2")
    plan = enabled.plan()
    assert plan is not None
    assert lab.module("late").V == 1
    lab.module("pump").SEEN.append("state")
    enabled.commit(enabled.stage(plan))
    assert (lab.module("late").V, lab.module("pump").SEEN) == (2, ["state"])
    assert lab.refresh().changed == ()


def test_a_module_that_is_being_imported_while_the_plan_is_made(lab: LabOnDisk) -> None:
    """It is executed again where the edit reaches it, as one that was first imported a moment later."""
    lab.write(oven="V = 1", late="from .oven import V\nfrom tests.importing import meeting\nmeeting.pause()")
    enabled = lab.enable()
    lab.module("oven")
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(lab.module, "late")
        try:
            assert meeting.reached.wait(WAIT)
            lab.write(oven="V = 2")
            plan = enabled.plan()
        finally:
            meeting.go.set()
        assert importing.result(WAIT).V == 1
    assert plan is not None
    enabled.commit(enabled.stage(plan))
    assert (lab.module("oven").V, lab.module("late").V) == (2, 2)


def test_importing_the_root_again_tears_no_task(lab: LabOnDisk) -> None:
    """Taking the root out of `sys.modules` and importing it takes no edit in, and drops no module or generation."""
    text = "V = {v}\nSEEN = []\ndef task():\n    from . import late\n    return late.V, V\n"
    lab.write(main=text.format(v=1), late="V = 1")
    enabled = lab.enable()
    task, generation = lab.module("main").task, enabled.current
    lab.module("main").SEEN.append("state")
    lab.write(main=text.format(v=2), late="V = 2")
    del sys.modules[lab.name]
    importlib.import_module(lab.name)
    assert task() == (1, 1)
    assert lab.module("main").SEEN == ["state"]
    assert enabled.current is generation
    assert lab.refresh().ok
    assert (task(), lab.module("main").task()) == ((1, 1), (2, 2))
