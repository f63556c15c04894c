"""Kind K15: a module that must not be reloaded was, or that it can't be is not said."""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import sys
import textwrap
import warnings

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import run_python


@pytest.mark.parametrize("library", ["attr", "sqlalchemy", "decimal", "numpy"])
def test_r65_other_packages_are_never_reloaded(lab: LabOnDisk, library: str) -> None:
    """[R65] A library with sentinels or compiled parts, imported at the top and in functions, is the same object."""
    real = pytest.importorskip(library)
    text = f"import {library} as top\nN = {{n}}\ndef late():\n    import {library} as late\n    return late\n"
    lab.write(compute=text.format(n=0), main="from .compute import top, late")
    lab.enable()
    lab.module("main")
    held = {name: module for name, module in sys.modules.items() if name.partition(".")[0] != lab.name}
    sentinels = {name: id(value) for name, value in vars(real).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (1, 2):
            lab.write(compute=text.format(n=n))
            report = lab.refresh()
            assert report.ok
            assert report.reloaded == (f"{lab.name}.compute", f"{lab.name}.main")
    main = lab.module("main")
    assert main.top is main.late() is real
    assert {name: id(value) for name, value in vars(real).items()} == sentinels
    assert all(sys.modules.get(name) is module for name, module in held.items())
    assert importlib.import_module(library) is real


MAIN = """\
import json
import multiprocessing
import sys
from pathlib import Path

import hotlab

from . import oven, shared

shared.executions.append(__name__)


def asked():
    from .oven import V
    return V, __name__


if __name__ == "__main__":
    def look():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(oven.seen)

    first = look()
    folder = Path(__file__).parent
    folder.joinpath("oven.py").write_text(folder.joinpath("oven.py").read_text().replace("V = 1", "V = 2"))
    one = hotlab.refresh("NAME")
    Path(__file__).write_text(Path(__file__).read_text() + "\\n# edited\\n")
    two = hotlab.refresh("NAME")
    print(json.dumps({
        "first": first, "second": look(), "ok": [one.ok, two.ok], "reloaded": [one.reloaded, two.reloaded],
        "said": [one.not_reloadable, two.not_reloadable], "asked": asked(), "executions": shared.executions,
    }))
"""


def test_r67_a_lab_run_as_main_with_spawned_workers(lab: LabOnDisk) -> None:
    """[R67] `python -m lab`: the other module is reloaded, `__main__` is not executed again, nothing fails."""
    lab.write(
        init="import hotlab\nhotlab.enable()", shared="executions = []", oven="V = 1\ndef seen(): return V",
    )  # fmt: skip
    lab.put("__main__.py", textwrap.dedent(MAIN).replace("NAME", lab.name))
    done = run_python(lab, "-W", "error", "-m", lab.name)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["ok"] == [True, True]
    assert (said["first"], said["second"]) == (1, 2)
    assert said["reloaded"][0] == [f"{lab.name}.oven"]
    assert said["executions"] == ["__main__"]
    assert said["asked"] == [2, "__main__"]
    assert any("__main__" in text for text in said["said"][1]), said["said"]


def test_r66_an_extension_module_that_can_not_be_loaded_is_no_surprise_later(lab: LabOnDisk) -> None:
    """[R66] A compiled module that is no library: who needs it is refused, and the lab goes on without it."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    lab.write(main="V = 1")
    lab.enable()
    lab.module("main")
    before = hotlab.current(lab.name)
    lab.put(f"fast{suffix}", b"no library")
    lab.write(main="from . import fast")
    assert not lab.refresh().ok
    assert hotlab.current(lab.name) is before
    lab.write(main="V = 2")
    assert lab.refresh().ok
    assert lab.module("main").V == 2
