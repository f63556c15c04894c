"""Corners of the import system, each of which was wrong once."""

from __future__ import annotations

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hotlab
from hotlab.importing.facades import Facade
from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def test_outside_code_waits_for_a_first_import_under_way(lab: LabOnDisk) -> None:
    """While one thread executes a module, another that imports it from outside waits, as in plain Python."""
    lab.write(slow="import tests.importing.meeting as m\nm.pause()\nV = 1", t="def run():\n    from . import slow")
    lab.enable()
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        inside = pool.submit(lab.module("t").run)
        assert meeting.reached.wait(WAIT)
        outside = pool.submit(lambda: lab.module("slow").V)
        meeting.go.set()
        assert outside.result(WAIT) == 1
        inside.result(WAIT)


def test_a_cycle_of_import_as_gives_real_modules(lab: LabOnDisk) -> None:
    """`import lab.a as a` in a cycle finds the half-made module itself, no façade: old code stays old."""
    lab.write(a=f"import {lab.name}.b as b\nV = 1", b=f"import {lab.name}.a as a\ndef g(): return a.V, type(a)")
    lab.enable()
    lab.module("a")
    old = lab.module("b").g
    lab.write(a=f"import {lab.name}.b as b\nV = 2")
    assert lab.refresh().ok
    assert old()[0] == 1 and lab.module("b").g()[0] == 2
    assert not issubclass(old()[1], Facade)


@pytest.mark.parametrize(
    "text",
    ["import importlib\ndev = importlib.import_module('{lab}.dev')\ndef v(): return dev.oven.V",
     "from .helpers import dev\ndef v(): return dev.oven.V",
     "from .aliases import under_another_name as d\ndef v(): return d.oven.V",
     "import {lab}.dev as dev\ndef v(): return dev.oven.V",
     "globals()['dev'] = __import__('{lab}.dev', fromlist=['oven'])\ndef v(): return dev.oven.V",
     "import {lab}.late\nfrom .helpers import dev\ndef v(): return dev.oven.V",
     "from .dev import *\ndef v(): return oven.V"],
)  # fmt: skip
def test_packages_held_by_any_way_lead_to_the_current_submodules(lab: LabOnDisk, text: str) -> None:
    """However a module came by a package, what it reaches through it is affected by its edits."""
    lab.write(dev__init="", dev__oven="V = 1", loads="from .dev import oven", base="EDIT = 1",
              helpers="from . import base, dev",
              aliases="from . import base, dev\nunder_another_name = dev", late="from .helpers import dev",
              main="from .base import EDIT\n" + text.format(lab=lab.name))  # fmt: skip
    lab.enable()
    lab.module("loads")
    assert lab.module("main").v() == 1
    for v in (2, 3):
        lab.write(dev__oven=f"V = {v}")
        assert lab.refresh().ok
        assert lab.module("main").v() == v
        lab.write(dev__init=f"EDIT = {v}", base=f"EDIT = {v}")  # executes the others again, from the same sources
        assert lab.refresh().ok


def test_a_refused_edit_leaves_no_trace_in_an_adopted_package(lab: LabOnDisk) -> None:
    """With `enable()` in the package, its namespace is shared: staging must not write to it."""
    lab.write(init="import hotlab\nhotlab.enable()\ndef f(n): return globals()[n].V", oven="V = 1",
              x="from . import oven")  # fmt: skip
    lab.module("x")
    lab.write(oven="V = 2", x="from . import oven\n1/0")
    assert not lab.refresh().ok
    assert lab.module().f("oven") == lab.module().oven.V == 1
    lab.write(x="from . import oven")
    assert lab.refresh().ok
    assert lab.module().f("oven") == lab.module().oven.V == 2


def test_a_deleted_submodule_leaves_an_adopted_package(lab: LabOnDisk) -> None:
    """No attribute and no global of the package is left of it."""
    lab.write(init="import hotlab\nhotlab.enable()\ndef has(n): return n in globals()", oven="V = 1")
    lab.module("oven")
    (lab.folder / lab.name / "oven.py").unlink()
    assert lab.refresh().ok
    assert not hasattr(lab.module(), "oven") and not lab.module().has("oven")


def test_a_value_assigned_later_hides_a_submodule(lab: LabOnDisk) -> None:
    """The idiom of a lazy package, and plain `from .oven import oven`: the last assignment wins."""
    lab.write(
        init="def __getattr__(n):\n    if n != 'oven': raise AttributeError(n)\n    from .oven import oven\n"
        "    globals()['oven'] = oven\n    return oven", oven="def oven(): return 1",
        dev__init="from .mill import mill", dev__mill="def mill(): return 1",
    )  # fmt: skip
    lab.enable()
    root, dev = lab.module(), lab.module("dev")
    assert [root.oven(), root.oven(), dev.mill()] == [1, 1, 1]
    lab.write(dev__mill="def mill(): return 2")
    assert lab.refresh().ok
    assert [root.oven(), lab.module("dev").mill()] == [1, 2]


def test_an_extension_that_does_not_load_fails_each_time(lab: LabOnDisk) -> None:
    """A second import of a broken extension module is no empty module."""
    import importlib.machinery

    lab.put(f"fast{importlib.machinery.EXTENSION_SUFFIXES[0]}", b"no library")
    lab.write(main="def run():\n    from . import fast")
    lab.enable()
    for _ in range(2):
        with pytest.raises(ImportError):
            lab.module("main").run()


def test_data_edited_while_its_reader_goes_on_is_seen(lab: LabOnDisk) -> None:
    """What counts is the content that was read, not the one at the end of the import."""
    path = lab.put("d.txt", "1")
    lab.write(x="import pathlib, tests.importing.meeting as m\n"
              "V = pathlib.Path(__file__).with_name('d.txt').read_text()\n"
              "m.pause()")  # fmt: skip
    lab.enable()
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lab.module, "x")
        assert meeting.reached.wait(WAIT)
        path.write_text("2")
        meeting.go.set()
        assert future.result(WAIT).V == "1"
    assert lab.refresh().reloaded == (f"{lab.name}.x",)
    assert lab.module("x").V == "2"


def test_data_behind_a_linked_lab_is_tracked(tmp_path: Path, lab: LabOnDisk) -> None:
    """A lab package that is a symbolic link, and a module that resolves its own path."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "x.py").write_text("import pathlib\nV = (pathlib.Path(__file__).resolve().parent / 'd.txt').read_text()")
    (real / "d.txt").write_text("1")
    lab.write(x="")
    (lab.folder / lab.name / "x.py").unlink()
    (lab.folder / lab.name / "__init__.py").unlink()
    (lab.folder / lab.name).rmdir()
    (lab.folder / lab.name).symlink_to(real)
    lab.enable()
    assert lab.module("x").V == "1"
    (real / "d.txt").write_text("2")
    assert lab.refresh().ok
    assert lab.module("x").V == "2"


def test_an_error_whose_text_cannot_be_had_is_a_report(lab: LabOnDisk) -> None:
    """Even an exception that raises when printed is no more than a refused edit."""
    lab.write(x="V = 1")
    lab.enable()
    lab.module("x")
    lab.write(x="class E(Exception):\n    def __str__(self): raise ValueError\nraise E")
    report = lab.refresh()
    assert not report.ok and report.error.startswith("E: ")


def test_a_folder_named_like_a_module_is_no_module(lab: LabOnDisk) -> None:
    """Plain Python ignores a folder called old.py; so does a refresh."""
    lab.write(x="V = 1")
    (lab.folder / lab.name / "old.py").mkdir()
    lab.enable()
    lab.module("x")
    lab.write(x="V = 2")
    assert lab.refresh().ok


def test_threads_that_import_new_names_do_not_disturb_a_refresh(lab: LabOnDisk) -> None:
    """What a module needs may grow while a plan is made."""
    lab.write(x="import importlib\ndef probe(n):\n    try: importlib.import_module(f'{__package__}.n{n}')\n"
              "    except ImportError: pass", y="V = 0")  # fmt: skip
    lab.enable()
    lab.module("y")
    stop = threading.Event()

    def probe(start: int) -> None:
        number = start
        while not stop.wait(0.0005):
            number += 3
            lab.module("x").probe(number)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(probe, start) for start in range(3)]
        for value in range(1, 40):
            lab.write(y=f"V = {value}")
            assert lab.refresh().ok
        stop.set()
        for future in futures:
            future.result(WAIT)


def test_another_lab_imported_in_between_sees_what_is_being_made(lab: LabOnDisk, tmp_path: Path) -> None:
    """Staging lab A imports lab B for the first time, which takes a value from A: the new one."""
    other = LabOnDisk(tmp_path, "otherlab")
    other.write(init="", y=f"from {lab.name}.util import VAL")
    lab.write(util="VAL = 1", x="from .util import VAL")
    lab.enable()
    other.enable()
    try:
        lab.module("x")
        lab.write(util="VAL = 2", x="from .util import VAL\nimport otherlab.y")
        assert hotlab.refresh(lab.name).ok
        assert sys.modules["otherlab.y"].VAL == 2
    finally:
        other.forget()


def test_byte_code_that_goes_is_no_edit_of_a_package_that_lists_its_folder(lab: LabOnDisk) -> None:
    """A `pkgutil` loop looks into `__pycache__` too; what is there is no part of the lab."""
    lab.write(init="import pkgutil\nV = [each.name for each in pkgutil.iter_modules(__path__)]", oven="")
    lab.enable()
    lab.module("oven")
    cache = lab.folder / lab.name / "__pycache__"
    assert cache.is_dir() and lab.module().V == ["oven"]
    lab.write(oven="V = 1")
    assert lab.refresh().reloaded == (f"{lab.name}.oven",)
    lab.write(init="import pkgutil\nV = [each.name for each in pkgutil.iter_modules(__path__)] * 1")
    assert lab.refresh().ok
    shutil.rmtree(cache)
    assert lab.refresh().changed == ()


@pytest.mark.parametrize(
    "text",
    [
        "from .mill import missing",
        "try:\n    from .mill import missing\nexcept ImportError as error:\n    raise RuntimeError from error",
        "try:\n    from .mill import missing\nexcept ImportError:\n    raise RuntimeError",
    ],
)
def test_telling_of_a_failed_import_imports_nothing(lab: LabOnDisk, text: str) -> None:
    """Python 3.12 imports the module that an ImportError names, to suggest another name; a refusal does not."""
    lab.write(oven="V = 1", mill="V = 1")
    lab.enable()
    lab.module("oven")
    before = lab.state()
    lab.write(oven=text)
    report = lab.refresh()
    assert not report.ok and "oven.py" in report.error
    assert lab.state() == before and f"{lab.name}.mill" not in sys.modules


def test_a_package_that_was_missing_above_a_missing_module_is_an_edge(lab: LabOnDisk) -> None:
    """A caught import of `b.c` depends on `b` as well: when that comes, it is tried anew, as in a fresh import."""
    lab.write(main="try:\n    from .b.c import V\nexcept ImportError:\n    V = -1")
    lab.enable()
    assert lab.module("main").V == -1
    lab.write(b="V = 1")
    assert lab.refresh().reloaded == (f"{lab.name}.b", f"{lab.name}.main")
    assert lab.module("main").V == -1


def test_a_package_that_failed_above_a_module_that_it_left_behind_is_an_edge(lab: LabOnDisk) -> None:
    """A caught import of `b.c` fails with `b`, after `b` has imported `c`: when `b` is mended, it is tried anew."""
    lab.write(main="try:\n    from .b.c import V\nexcept ImportError:\n    V = -1")
    lab.write(b__init="from . import c\nraise ImportError('broken')", b__c="V = 1")
    lab.enable()
    assert lab.module("main").V == -1
    lab.write(b__init="from . import c")
    assert lab.refresh().reloaded == (f"{lab.name}.b", f"{lab.name}.main")
    assert lab.module("main").V == 1
