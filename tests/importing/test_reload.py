"""What an edit reloads, in which order, and what it leaves alone."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

import hotlab
from hotlab.importing import DiskTree
from tests.importing.lab_on_disk import LabOnDisk, same_size_save


def test_reloads_the_changed_module_and_its_dependants_dependencies_first(lab: LabOnDisk) -> None:
    """[R09, R10] An edited helper runs before what imports it, through a package's re-export; others don't run."""
    lab.write(
        arm__init="from .moves import home", arm__moves="from .limits import MAX\ndef home(): return MAX",
        arm__limits="MAX = 1", other="import time", main="from .arm import home\nfrom . import other",
    )  # fmt: skip
    lab.enable()
    other = lab.module("main").other
    lab.write(arm__limits="MAX = 2")
    report = lab.refresh()
    assert report.ok and report.outcome == "done"
    assert report.changed == (f"{lab.name}.arm.limits",)
    assert report.reloaded == tuple(f"{lab.name}.{m}" for m in ("arm.limits", "arm.moves", "arm", "main"))
    assert lab.module("main").home() == 2
    assert lab.module("main").other is other


def test_dependencies_are_not_dependants(lab: LabOnDisk) -> None:
    """[R11] Editing b runs b and a, which imports it; editing a runs a alone."""
    lab.write(a="from .b import V", b="V = 1")
    lab.enable()
    lab.module("a")
    lab.write(b="V = 2")
    assert lab.refresh().reloaded == (f"{lab.name}.b", f"{lab.name}.a")
    lab.write(a="from .b import V\nW = V")
    assert lab.refresh().reloaded == (f"{lab.name}.a",)


def test_touch_changes_nothing(lab: LabOnDisk) -> None:
    """[R01, R46a] A file saved without a change makes no generation: classes and modules keep their identity."""
    lab.write(types_="class Vial: pass\nclass Rack:\n    def takes(self, v): return isinstance(v, Vial)")
    lab.enable()
    module = lab.module("types_")
    vial, rack = module.Vial(), module.Rack()
    before = hotlab.current(lab.name)
    path = lab.folder / lab.name / "types_.py"
    path.touch()
    report = lab.refresh()
    assert report.ok and report.changed == () and report.reloaded == ()
    assert rack.takes(vial) and lab.module("types_").Vial is type(vial)
    assert hotlab.current(lab.name) is before


def test_equal_size_saves_in_the_same_instant_are_all_seen(lab: LabOnDisk) -> None:
    """[R21, R50, R46b] 200 saves of one size, time stamps put back, right after each other: 200 reloads."""
    path = lab.put("a.py", "V = 1000")
    lab.enable()
    assert lab.module("a").V == 1000
    for value in range(1001, 1201):
        same_size_save(path, f"V = {value}")
        assert lab.refresh().changed == (f"{lab.name}.a",)
        assert value == lab.module("a").V


def test_a_stale_pyc_is_never_run(lab: LabOnDisk) -> None:
    """[R21] A bytecode file whose time and size fit but whose text does not is not used on a first import either."""
    import py_compile

    path = lab.put("a.py", "V = 1")
    py_compile.compile(str(path))
    same_size_save(path, "V = 2")
    lab.enable()
    assert lab.module("a").V == 2


@pytest.mark.parametrize(
    "broken",
    ["def f(:", "V = 2\nraise ValueError", "V = 2\nimport sys\nsys.exit(3)", "V = 2\nfrom .nothing import x",
     "V = 2\ndef r(): r()\nr()", "V = 2\nraise KeyboardInterrupt", b"x = '\xff\xfe'", "V = 2\x00"],
)  # fmt: skip
def test_a_refused_edit_leaves_everything_as_it_was_to_the_object(lab: LabOnDisk, broken: str | bytes) -> None:
    """[R16, R18] Whatever is wrong with an edit: modules, values and registrations are the very same objects."""
    lab.write(a="V = 1", b="from .a import V", main="from . import a, b")
    lab.enable()
    lab.module("main")
    before, generation = lab.state(), hotlab.current(lab.name)
    names = {n for n in sys.modules if n.startswith(lab.name)}
    lab.put("b.py", broken)
    lab.write(a="V = 3")
    for _ in range(2):
        report = lab.refresh()
        assert not report.ok and report.outcome == "refused" and report.error
    assert lab.state() == before and hotlab.current(lab.name) is generation
    assert {n for n in sys.modules if n.startswith(lab.name)} == names
    lab.write(b="from .a import V")
    assert lab.refresh().ok
    assert lab.module("main").b.V == 3


def test_the_fault_of_an_edit_is_told_with_file_and_line(lab: LabOnDisk) -> None:
    """[R22] A report says what is wrong and where, with the lab's own frames only."""
    lab.write(a="V = 1", main="from .a import V")
    lab.enable()
    lab.module("main")
    lab.write(a="V = 1\nV = {}['x']")
    error = lab.refresh().error
    assert f"KeyError: 'x' ({lab.folder / lab.name / 'a.py'}:2)" in error
    assert "importlib" not in error and "hotlab" not in error.replace(str(lab.folder), "")


def test_an_unneeded_broken_file_is_no_fault(lab: LabOnDisk) -> None:
    """A scratch file that nothing imports may be broken; once something needs it lazily, the edit is refused."""
    lab.write(a="V = 1", main="from .a import V")
    lab.enable()
    lab.module("main")
    lab.write(scratch="def (", a="V = 2")
    assert lab.refresh().ok and lab.module("main").V == 2
    lab.write(main="def run():\n    from . import scratch")
    assert not lab.refresh().ok


def test_old_code_keeps_its_generation(lab: LabOnDisk) -> None:
    """[R34] A suspended generator imports lazily, by attribute chain and by import_module: all of its own time."""
    lab.write(
        dev__init="", dev__oven="V = 1",
        main=f"import importlib\nimport {lab.name}.dev.oven\n"
        "def gen():\n    while True:\n        from .dev import oven\n"
        f"        yield oven.V, {lab.name}.dev.oven.V, importlib.import_module('.dev.oven', __package__).V\n",
    )  # fmt: skip
    lab.enable()
    running = [lab.module("main").gen()]
    next(running[0])
    for value in (2, 3):
        lab.write(dev__oven=f"V = {value}")
        assert lab.refresh().ok
        running.append(lab.module("main").gen())
        assert [next(each) for each in running] == [(v, v, v) for v in range(1, value + 1)]


def test_old_code_imports_for_the_first_time_from_its_own_sources(lab: LabOnDisk) -> None:
    """A module that was edited, or deleted, before an old task first imports it: the task gets its own text."""
    lab.write(late="V = 1", main="def run():\n    from .late import V\n    return V")
    lab.enable()
    old = lab.module("main").run
    (lab.folder / lab.name / "late.py").unlink()
    lab.write(main="def run(): return 2")
    assert lab.refresh().ok
    assert (old(), lab.module("main").run()) == (1, 2)
    assert f"{lab.name}.late" not in sys.modules


def test_a_package_keeps_its_state_when_a_submodule_is_edited(lab: LabOnDisk) -> None:
    """`import a.b.c` reaches the new module through the package, which is not executed again."""
    lab.write(
        dev__init="count = 0\ndef bump():\n    global count\n    count += 1", dev__oven="V = 1",
        main=f"import {lab.name}.dev.oven\ndef seen(): return {lab.name}.dev.oven.V, {lab.name}.dev.count",
    )  # fmt: skip
    lab.enable()
    main, package = lab.module("main"), lab.module("dev")
    package.bump()
    lab.write(dev__oven="V = 2")
    assert lab.refresh().reloaded == (f"{lab.name}.dev.oven", f"{lab.name}.main")
    package.bump()
    assert main.seen() == (2, 2)


def test_a_new_attribute_of_a_held_package_is_followed(lab: LabOnDisk) -> None:
    """Code that holds a package and reaches a submodule which others imported is affected by its edits."""
    lab.write(
        dev__init="",
        dev__oven="V = 1",
        loads="from .dev import oven",
        main="from . import dev\ndef v(): return dev.oven.V",
    )
    lab.enable()
    lab.module("loads")
    main = lab.module("main")
    assert main.v() == 1
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok and main.v() == 2


def test_data_files_and_listings_are_dependencies(lab: LabOnDisk) -> None:
    """A file read, and a folder listed, while a module is imported: an edit of them executes just that module."""
    lab.put("recipe.json", '{"t": 1}')
    lab.write(
        recipe="import json, pathlib\nT = json.loads((pathlib.Path(__file__).parent / 'recipe.json').read_text())['t']",
        other="", main="from .recipe import T\nfrom . import other",
    )  # fmt: skip
    lab.enable()
    lab.module("main")
    lab.put("recipe.json", '{"t": 2}')
    report = lab.refresh()
    assert report.reloaded == (f"{lab.name}.recipe", f"{lab.name}.main")
    assert lab.module("main").T == 2 and report.digest != report.old_digest


def test_old_generations_are_collected(lab: LabOnDisk) -> None:
    """[R64] Nothing of hotlab's keeps an old generation, failed ones included."""
    lab.write(big="class K: pass", a="from .big import *", main="from . import a")
    enabled = lab.enable()
    lab.module("main")
    classes = []
    for number in range(20):
        classes.append(weakref.ref(lab.module("big").K))
        lab.write(
            big=f"class K: n = {number}",
            a="from .big import *" + ("\n1/0" if number % 3 == 1 else ""),
        )
        lab.refresh()
    lab.write(a="from .big import *")
    assert lab.refresh().ok
    gc.collect()
    assert sum(ref() is not None for ref in classes) == 0
    assert len(enabled.generations_alive()) == 1


def test_renamed_deleted_and_package_made_of_a_module(lab: LabOnDisk) -> None:
    """[R70] A deleted module can't be imported any more; a module may become a package."""
    lab.write(dev__init="", dev__oven="V = 1", main="from .dev.oven import V")
    lab.enable()
    lab.module("main")
    (lab.folder / lab.name / "dev/oven.py").unlink()
    lab.write(dev__oven__init="from .core import V", dev__oven__core="V = 2")
    assert lab.refresh().ok and lab.module("main").V == 2
    (lab.folder / lab.name / "dev/oven/core.py").unlink()
    lab.write(dev__oven__init="V = 3")
    assert lab.refresh().ok and lab.module("main").V == 3
    with pytest.raises(ModuleNotFoundError):
        lab.module("dev.oven.core")


def test_registrations_follow_their_module(lab: LabOnDisk) -> None:
    """[R11-kind: R53] What a module registered goes with it, comes back on a refusal, and never doubles."""
    text = "from hotlab.importing import registering\nregistering().register('{key}', {value})"
    lab.write(
        a=text.format(key="arm", value=1),
        b=text.format(key="oven", value=1),
        main="from . import a, b",
    )
    lab.enable()
    lab.module("main")

    def entries() -> list[tuple[object, object]]:
        return [(entry.key, entry.value) for entry in hotlab.current(lab.name).registry.entries()]

    assert entries() == [("arm", 1), ("oven", 1)]
    lab.write(b=text.format(key="mill", value=2))
    assert lab.refresh().ok and entries() == [("arm", 1), ("mill", 2)]
    lab.write(b="1/0")
    assert not lab.refresh().ok and entries() == [("arm", 1), ("mill", 2)]
    lab.write(b="", main="from . import a, b")
    assert lab.refresh().ok and entries() == [("arm", 1)]


def test_revert_brings_an_older_generation_back(lab: LabOnDisk) -> None:
    """A caller that kept the old generation can make it current again: modules, façades and all."""
    lab.write(a="V = 1", main="from .a import V")
    enabled = lab.enable()
    lab.module("main")
    old, before = enabled.current, lab.state()
    lab.write(a="V = 2\nfrom . import new", new="")
    assert lab.refresh().ok and f"{lab.name}.new" in sys.modules
    enabled.revert(old)
    assert lab.module("main").V == 1 and lab.state() == before
    assert f"{lab.name}.new" not in sys.modules
    assert enabled.pending() == (f"{lab.name}.a", f"{lab.name}.new")


def test_a_lazy_import_that_never_ran_is_an_edge(lab: LabOnDisk) -> None:
    """Only what a task imports inside a function is edited: the task begun before gets the old, the next the new."""
    lab.write(oven="V = 1", main="def run():\n    from .oven import V\n    return V")
    lab.enable()
    lab.module("oven")
    old = lab.module("main").run
    lab.write(oven="V = 2")
    assert lab.refresh().reloaded == (f"{lab.name}.oven", f"{lab.name}.main")
    assert (old(), lab.module("main").run()) == (1, 2)


def test_a_refused_edit_leaves_no_new_module_behind(lab: LabOnDisk) -> None:
    """Modules that only the refused generation had are in sys.modules no more, nor on their package."""
    lab.write(main="V = 1")
    lab.enable()
    lab.module("main")
    lab.write(new__init="", new__deep="", main="from .new import deep\n1/0")
    assert not lab.refresh().ok
    assert not [name for name in sys.modules if name.startswith(f"{lab.name}.new")]
    assert not hasattr(lab.module(), "new")


def test_a_stat_younger_than_the_clocks_grain_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system with a coarse clock, an edit may leave the stat of a file that was just read as it was."""
    path = tmp_path / "a.py"
    path.write_text("V = 1")
    tree = DiskTree("a", path)
    first, stat = tree.snapshot(), path.stat()
    path.write_text("V = 2")
    coarse = SimpleNamespace(stat=lambda _path: stat, path=os.path)
    monkeypatch.setattr("hotlab.importing.sources.os", coarse)
    assert tree.snapshot().digest() != first.digest()
