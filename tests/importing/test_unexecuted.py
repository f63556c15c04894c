"""A closure leads through modules that nobody has imported yet: an old task may import them at any time."""

from __future__ import annotations

import pytest

from tests.importing.lab_on_disk import LabOnDisk


def _lab_with_an_unexecuted_module(lab: LabOnDisk) -> None:
    lab.write(
        user="def late():\n    from .between import late\n    return late()",
        between="def late():\n    try: from .end import V\n    except ImportError: V = 0\n    return V",
        end="V = 1",
    )


def test_a_module_that_comes_back_is_reached_through_one_that_was_not_executed(lab: LabOnDisk) -> None:
    """Who needs a name through a module that nobody has imported is affected when it goes, and when it comes again."""
    _lab_with_an_unexecuted_module(lab)
    lab.enable()
    lab.module("user")
    (lab.folder / lab.name / "end.py").unlink()
    assert lab.refresh().reloaded == (f"{lab.name}.user",)
    old = lab.module("user").late
    lab.write(end="V = 2")
    assert lab.refresh().reloaded == (f"{lab.name}.user",)
    assert (old(), lab.module("user").late()) == (0, 2)


def test_what_a_staged_generation_alone_has_executed_still_leads_on(lab: LabOnDisk) -> None:
    """A staged generation executes such a module and is given up: in the current one it is as before."""
    _lab_with_an_unexecuted_module(lab)
    lab.write(other="")
    engine = lab.enable()
    lab.module("user")
    lab.module("other")
    lab.write(other="from . import between\ndef late():\n    from . import faulty", faulty="def broken(:")
    assert not lab.refresh().ok
    lab.write(other="from . import between")
    plan = engine.plan()
    assert plan is not None
    engine.discard(engine.stage(plan))
    lab.write(other="", end="V = 2")
    assert set(lab.refresh().reloaded) == {f"{lab.name}.user"}


def test_a_caught_import_of_a_module_that_failed_leads_on(lab: LabOnDisk) -> None:
    """What a module failed to find, whose own import was caught, is an edge to what was not there."""
    lab.write(
        user="try:\n    from .between import V\nexcept ImportError:\n    V = 0",
        between="from .end import V",
    )
    lab.enable()
    assert lab.module("user").V == 0
    lab.write(end="V = 2")
    assert lab.refresh().reloaded[-1:] == (f"{lab.name}.user",)
    assert lab.module("user").V == 2


def test_a_star_import_that_did_not_run_yet_leads_to_what_is_exported(lab: LabOnDisk) -> None:
    """`from package import *` imports the submodules in `__all__`, also where nobody has run it, as it stands then."""
    lab.write(
        user="def late():\n    from .between import V\n    return V",
        between="from .dev import *\nV = oven.V",
        dev__init="__all__ = ['mill']",
        dev__oven="V = 1",
        dev__mill="",
    )
    lab.enable()
    lab.module("user")
    lab.write(dev__oven="V = 2")
    assert lab.refresh().reloaded == ()
    lab.write(dev__init="__all__ = ['oven']")
    assert lab.refresh().reloaded == (f"{lab.name}.user",)
    old = lab.module("user").late
    lab.write(dev__oven="V = 3")
    assert lab.refresh().reloaded == (f"{lab.name}.user",)
    assert (old(), lab.module("user").late()) == (2, 3)


def test_a_package_above_what_nobody_imported_yet_is_part_of_it(lab: LabOnDisk) -> None:
    """To import `b.a` late executes `b`: an old function gets its own `b.a` although `b` is broken since."""
    lab.write(init="def late():\n    from .b.a import V\n    return V", b__init="", b__a="V = 40")
    lab.enable()
    late = lab.module().late
    lab.write(b__init="def broken(:")
    lab.refresh()
    assert late() == 40


def test_a_package_above_what_is_missing_is_part_of_it(lab: LabOnDisk) -> None:
    """`from .box.oven import V` executes `box` before it finds no `oven`: whoever asks in vain is affected by it."""
    lab.write(user="def late():\n    try: from .box.oven import V\n    except ImportError: V = 0\n    return V")
    lab.write(box="raise RuntimeError('broken')")
    lab.enable()
    old = lab.module("user").late
    lab.write(box="")
    assert lab.refresh().reloaded == (f"{lab.name}.user",)
    assert lab.module("user").late() == 0
    with pytest.raises(RuntimeError):
        old()


def test_a_module_that_stood_above_what_is_missing_may_go_and_come_back(lab: LabOnDisk) -> None:
    """A caught import below a plain module fails; when the module goes and comes back, it is tried anew."""
    lab.write(user="try: from .box.oven import V\nexcept ImportError: V = 0", box="")
    lab.enable()
    assert lab.module("user").V == 0
    (lab.folder / lab.name / "box.py").unlink()
    assert lab.refresh().ok
    lab.write(box="raise RuntimeError('broken')")
    assert not lab.refresh().ok
    lab.write(box="V = 1")
    assert lab.refresh().reloaded[-1:] == (f"{lab.name}.user",)


def test_a_faulty_package_is_no_fault_once_nobody_asks_for_what_is_missing_in_it(lab: LabOnDisk) -> None:
    """Who asked in vain asks no more: a file above what was missing that does not compile is let in."""
    lab.write(user="def late():\n    from .box.oven import V\n    return V")
    lab.enable()
    lab.module("user")
    assert not lab.refresh().changed
    lab.write(user="")
    assert lab.refresh().ok
    lab.write(box="def broken(:")
    assert lab.refresh().ok
