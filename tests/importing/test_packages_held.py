"""Modules that come by a package, or keep an exception, in roundabout ways, when they are executed again and again.

A module shared by generations holds the package objects of the newest, and depends on what it reaches through them.
"""

from __future__ import annotations

import gc

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

ASKS = "def f(): return {way}.oven.V\nX = {way}.oven.V\n"
WAYS = {
    "a star import": {"user": "from .all import *\nfrom .base import B\n" + ASKS.format(way="dev"),
                      "all__init": "from . import dev", "all__dev__init": "", "all__dev__oven": "V = 1",
                      "loads": "import {lab}.all.dev.oven"},
    "put there by another module": {"init": "from . import user, dev\nuser.DEV = dev",
                                    "user": "from .base import B\ndef f(): return DEV.oven.V\n"},
    "a module's __getattr__": {"lazy": "import importlib\ndef __getattr__(name):\n    if name != 'devices':\n"
                                       "        raise AttributeError(name)\n"
                                       "    return importlib.import_module('{lab}.dev')",
                               "user": "from .lazy import devices\nfrom .base import B\n" + ASKS.format(way="devices")},
    "a function's global": {"user": "from .base import B\ndef take():\n    global DEV\n    from . import dev as DEV\n"
                                    "take()\n" + ASKS.format(way="DEV")},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_each_execution_knows_what_it_holds(lab: LabOnDisk, way: str) -> None:
    """Edits below the package reach the module, also once it was executed anew from the same source."""
    files = {"dev__init": "", "dev__oven": "V = 1", "base": "B = 1", "loads": "import {lab}.dev.oven", **WAYS[way]}
    lab.write(**{key: text.replace("{lab}", lab.name) for key, text in files.items()})
    oven = "all__dev__oven" if "all__init" in files else "dev__oven"
    lab.enable()
    lab.module("loads"), lab.module("user")
    assert lab.module("user").f() == 1
    for v in range(2, 5):
        lab.write(base=f"B = {v}")
        assert lab.refresh().ok
        lab.write(**{oven: f"V = {v}"})
        assert lab.refresh().ok
        user = lab.module("user")
        assert user.f() == v == getattr(user, "X", v)
    gc.collect()
    assert lab.refresh().ok
    gc.collect()
    assert hotlab.current(lab.name).alive == (hotlab.current(lab.name).number,)


def test_a_staged_generation_that_is_given_up_changes_nothing(lab: LabOnDisk) -> None:
    """What a module was about to hold no more, it holds."""
    helper, user = "from . import dev", "from .helper import dev\nfrom .base import B\n" + ASKS.format(way="dev")
    lab.write(
        dev__init="", dev__oven="V = 1", base="B = 1", helper=helper, user=user, loads=f"import {lab.name}.dev.oven"
    )
    enabled = lab.enable()
    lab.module("loads"), lab.module("user")
    assert lab.refresh().ok
    lab.write(helper="dev = None", user=user.replace("X = dev.oven.V", "X = 0"))
    plan = enabled.plan()
    assert plan is not None
    enabled.discard(enabled.stage(plan))
    lab.write(helper=helper, user=user, base="B = 2")
    assert lab.refresh().ok
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok
    assert (lab.module("user").f(), lab.module("user").X) == (2, 2)


def test_an_exception_kept_by_a_function_holds_no_generation(lab: LabOnDisk) -> None:
    """Nor when the module is executed again and again."""
    lab.write(
        base="B = 1",
        user="from .base import B\nWHY = None\ndef probe():\n    global WHY\n    try:\n        from . import fast\n"
        "    except ImportError as error:\n        WHY = error\nprobe()",
    )
    lab.enable()
    lab.module("user")
    for v in range(2, 7):
        lab.write(base=f"B = {v}")
        assert lab.refresh().ok
    assert lab.refresh().ok
    gc.collect()
    assert hotlab.current(lab.name).alive == (5,)


def test_what_a_module_takes_at_its_import_is_its_own_generations(lab: LabOnDisk) -> None:
    """Through a module or a package that is shared and re-exports a package, under its name or another."""
    lab.write(
        dev__init="", dev__oven="V = 1\nclass Oven: v = V", loads=f"import {lab.name}.dev.oven",
        drivers="from . import dev\nother = dev",
        pack__init="from .. import dev as alias", star="from .drivers import *",
        user="from .drivers import dev, other\nfrom .pack import alias\nfrom . import star\nfrom .star import *\n"
        "class Small(dev.oven.Oven): pass\nSEEN = [each.oven.V for each in (dev, other, alias)], Small.v\n"
        "def late():\n    from .drivers import dev as d\n    from .pack import alias as a\n"
        "    return d.oven.V, a.oven.V",
    )  # fmt: skip
    lab.enable()
    lab.module("loads")
    old = lab.module("user").late
    for v in (2, 3):
        lab.write(dev__oven=f"V = {v}\nclass Oven: v = V")
        report = lab.refresh()
        assert report.ok
        assert f"{lab.name}.drivers" not in report.reloaded
        assert ([v, v, v], v) == lab.module("user").SEEN
        assert lab.module("user").late() == (v, v)
        assert old() == (1, 1)


def test_an_import_by_call_gives_the_module_itself(lab: LabOnDisk) -> None:
    """Not something to take names from: what is set on it is set on the module."""
    call = f"__import__('{lab.name}.drivers', fromlist=['dev'])"
    lab.write(
        dev__init="", dev__oven="V = 1", loads=f"import {lab.name}.dev.oven", drivers="from . import dev",
        user=f"from .drivers import dev\nSAME = {call} is {call}\n{call}.MARK = dev.oven.V\n"
        "def late():\n    from .drivers import dev\n    return dev.oven.V",
    )  # fmt: skip
    lab.enable()
    lab.module("loads")
    old = lab.module("user").late
    assert old() == 1
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok
    assert lab.module("user").SAME and lab.module("drivers").MARK == 2
    assert (lab.module("user").late(), old()) == (2, 1)


def test_a_half_made_submodule_is_taken_from_a_shared_package_that_holds_others(lab: LabOnDisk) -> None:
    """In a cycle of imports: lab code never gets what stands for the module outside."""
    lab.write(
        dev__init="", dev__oven="V = 1", loads=f"import {lab.name}.dev.oven", pack__init="from .. import dev as alias",
        pack__a="from ..dev import oven\nfrom . import alias, b\nV = oven.V",
        pack__b="from . import alias, a\nKIND = type(a).__name__\ndef f(): return a.V, alias.oven.V",
    )  # fmt: skip
    lab.enable()
    lab.module("loads"), lab.module("pack.a")
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok
    assert f"{lab.name}.pack" not in lab.refresh().reloaded
    assert lab.module("pack.b").KIND == "module" and lab.module("pack.b").f() == (2, 2)
