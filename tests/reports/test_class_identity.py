"""Kind K01: objects that were made before a reload no longer match their class."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def test_r02_an_edit_beside_an_enum_leaves_one_enum(lab: LabOnDisk) -> None:
    """[R02] Who imports an enum from an edited module is executed too: members compare by identity in current code."""
    colours = "from enum import Enum\nclass Cap(Enum):\n    RED = 1\nN = {n}"
    lab.write(colours=colours.format(n=1), check="from .colours import Cap\ndef red(c): return c is Cap.RED")
    lab.enable()
    lab.module("check")
    old_red, old_cap = lab.module("check").red, lab.module("colours").Cap
    lab.write(colours=colours.format(n=2))
    report = lab.refresh()
    assert report.reloaded == (f"{lab.name}.colours", f"{lab.name}.check")
    assert lab.module("check").red(lab.module("colours").Cap.RED)
    assert lab.module("check").Cap is lab.module("colours").Cap
    assert old_red(old_cap.RED)
    assert not old_red(lab.module("colours").Cap.RED)


def test_r03_single_dispatch_finds_the_edited_class(lab: LabOnDisk) -> None:
    """[R03] Dispatch in the new generation finds the new class; an old object still finds its own implementation."""
    vials = (
        "from .dispatch import volume\nclass Vial:\n    def __init__(self, ml): self.ml = ml\n{more}"
        "@volume.register\ndef _(v: Vial): return v.ml"
    )
    lab.write(
        dispatch="from functools import singledispatch\n@singledispatch\ndef volume(x): return -1",
        vials=vials.format(more=""),
        main="from .dispatch import volume\nfrom .vials import Vial\ndef seen(): return volume(Vial(5))",
    )
    lab.enable()
    held = [(lab.module("dispatch").volume, lab.module("vials").Vial(5))]
    assert lab.module("main").seen() == 5
    for number in (1, 2):
        lab.write(vials=vials.format(more=f"    def more{number}(self): ...\n"))
        assert lab.refresh().ok
        assert lab.module("main").seen() == 5
        assert hasattr(lab.module("vials").Vial, f"more{number}")
        held.append((lab.module("dispatch").volume, lab.module("vials").Vial(5)))
    assert [volume(vial) for volume, vial in held] == [5, 5, 5]
    assert [volume(None) for volume, _ in held] == [-1, -1, -1]


def test_r03_a_dispatch_module_that_is_affected_does_not_grow(lab: LabOnDisk) -> None:
    """[R03] Where the edit reaches the generic function too, its registry is as on the first import."""
    lab.write(
        base="N = 0", dispatch="from functools import singledispatch\nfrom . import base\n"
        "@singledispatch\ndef volume(x): return -1",
        vials="from .dispatch import volume\nclass Vial: pass\n@volume.register\ndef _(v: Vial): return 5",
    )  # fmt: skip
    lab.enable()
    before = len(lab.module("vials").volume.registry)
    for number in range(1, 6):
        lab.write(base=f"N = {number}")
        assert lab.refresh().ok
        assert len(lab.module("vials").volume.registry) == before


def test_r04_two_argument_super_in_old_and_new_tasks(lab: LabOnDisk) -> None:
    """[R04] A task begun before the edit of a base class goes on building pumps; so does one begun after it."""
    lab.write(
        base="class Base:\n    N = 0\n    def __init__(self): self.made_by = Base",
        pump="from .base import Base\nclass Pump(Base):\n    def __init__(self): super(Pump, self).__init__()",
        task="from . import pump\nfrom .pump import Pump\ndef run(stop, first, made):\n    while True:\n"
        "        from .base import Base\n        p = Pump()\n"
        "        made.append((p.N, isinstance(p, Base), p.made_by is Base, pump.Pump().N))\n        first.set()\n"
        "        if stop.wait(0.002): return",
    )
    lab.enable()
    stop = threading.Event()
    built: list[list[tuple[int, bool, bool, int]]] = []
    with ThreadPoolExecutor(4) as pool:
        tasks = []
        try:
            for number in range(4):
                if number:
                    lab.write(base=f"class Base:\n    N = {number}\n    def __init__(self): self.made_by = Base")
                    assert lab.refresh().ok
                first = threading.Event()
                built.append([])
                tasks.append(pool.submit(lab.module("task").run, stop, first, built[-1]))
                assert first.wait(WAIT)
        finally:
            stop.set()
        for task in tasks:
            task.result(WAIT)
    for number, made in enumerate(built):
        assert set(made) == {(number, True, True, number)}


def test_r05_an_exception_is_caught_by_the_class_of_its_generation(lab: LabOnDisk) -> None:
    """[R05] Raised and caught in old code while the module is reloaded; a subclass that uses super works."""
    text = (
        "class Jam(Exception):\n    N = {n}\n    def __init__(self, at):\n        super(Jam, self).__init__(at)\n"
        "        self.at = at\ndef pull(at): raise Jam(at)\n"
        "def run(reached, go):\n    seen = []\n    for turn in range(2):\n        try:\n            pull(turn)\n"
        "        except Jam as jam:\n            seen.append((jam.N, jam.at))\n        if turn == 0:\n"
        "            reached.set()\n            go.wait(20)\n    return seen"
    )
    lab.write(arm=text.format(n=1))
    lab.enable()
    reached, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lab.module("arm").run, reached, go)
        assert reached.wait(WAIT)
        lab.write(arm=text.format(n=2))
        assert lab.refresh().ok
        go.set()
        assert task.result(WAIT) == [(1, 0), (1, 1)]
    assert lab.module("arm").run(reached, go) == [(2, 0), (2, 1)]


def test_r06_what_was_not_edited_is_not_imported_again(lab: LabOnDisk) -> None:
    """[R06] An edit of a page reloads the page and its dependants; the model keeps its very module and class."""
    lab.write(
        model="class Model: pass", page="from .model import Model\nN = 1\ndef ok(m): return isinstance(m, Model)",
        site="from . import page",
    )  # fmt: skip
    lab.enable()
    lab.module("site")
    model = lab.module("model").Model()
    before = hotlab.current(lab.name).modules[f"{lab.name}.model"]
    lab.write(page="from .model import Model\nN = 2\ndef ok(m): return isinstance(m, Model)")
    assert lab.refresh().reloaded == (f"{lab.name}.page", f"{lab.name}.site")
    assert hotlab.current(lab.name).modules[f"{lab.name}.model"] is before
    assert lab.module("page").ok(model)
    assert lab.module("page").N == 2
