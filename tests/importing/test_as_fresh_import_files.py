"""What is no plain .py file of a package: folders without `__init__.py`, and extension modules."""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import PATIENCE, agree_on

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))
COMPILER = shlex.split(str(sysconfig.get_config_var("CC") or ""))
INCLUDE = Path(sysconfig.get_path("include"))

SOURCE = """\
#include <Python.h>

static PyObject *answer(PyObject *self, PyObject *ignored) { return PyLong_FromLong(ANSWER); }

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "fast", NULL, 0, methods};

PyMODINIT_FUNC PyInit_fast(void) { return PyModuleDef_Init(&definition); }
"""


def compile_extension(lab: LabOnDisk, folder: Path, answer: int) -> None:
    """Put an extension module `fast`, whose function says `answer`, into the lab."""
    source = folder / "fast.c"
    source.write_text(SOURCE.replace("ANSWER", str(answer)))
    made = folder / f"fast{SUFFIX}"
    flags = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    command = [*COMPILER, *flags, "-fPIC", f"-I{INCLUDE}", str(source), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    made.replace(lab.folder / lab.name / made.name)


def can_compile() -> bool:
    """Whether this interpreter's own compiler and header files are here."""
    if not COMPILER or not (INCLUDE / "Python.h").is_file():
        return False
    try:
        return subprocess.run([*COMPILER, "--version"], capture_output=True, timeout=PATIENCE).returncode == 0
    except OSError:
        return False


needs_compiler = pytest.mark.skipif(not can_compile(), reason="no C compiler, or no header files of this interpreter")


@needs_compiler
def test_r66_an_extension_module_is_left_alone_when_its_dependants_are_edited(lab: LabOnDisk, tmp_path: Path) -> None:
    """[R66] A compiled module of a lab works as in plain Python; edits of what imports it do not touch it."""
    compile_extension(lab, tmp_path, 41)
    text = "from . import fast\nfrom .fast import answer\ndef seen(): return [answer() + {more}, fast.answer()]"
    lab.write(main=text.format(more=0))
    lab.enable()
    agree_on(lab, [41, 41])
    fast = lab.module("main").fast
    lab.write(main=text.format(more=1))
    report = lab.refresh()
    assert report.ok
    assert report.reloaded == (f"{lab.name}.main",)
    assert report.not_reloadable == ()
    agree_on(lab, [42, 41])
    assert lab.module("main").fast is fast
    assert sys.modules[f"{lab.name}.fast"] is fast


@needs_compiler
def test_r66_an_extension_module_that_is_compiled_anew_is_named_with_advice(lab: LabOnDisk, tmp_path: Path) -> None:
    """[R66] A new build can't be loaded into the process: the report says so, by name, and what to do."""
    compile_extension(lab, tmp_path, 1)
    lab.write(main="from .fast import answer\nN = 1")
    lab.enable()
    assert lab.module("main").answer() == 1
    compile_extension(lab, tmp_path, 2)
    lab.write(main="from .fast import answer\nN = 2")
    report = lab.refresh()
    assert report.ok
    (said,) = report.not_reloadable
    assert f"{lab.name}.fast" in said
    assert "restart" in said
    assert (lab.module("main").answer(), lab.module("main").N) == (1, 2)


@needs_compiler
def test_an_extension_module_in_a_package_that_comes_with_an_edit(lab: LabOnDisk, tmp_path: Path) -> None:
    """A compiled module that an edit adds can be imported by the edited code."""
    lab.write(main="def seen(): return 0")
    lab.enable()
    agree_on(lab, 0)
    compile_extension(lab, tmp_path, 5)
    lab.write(main="from .fast import answer\ndef seen(): return answer()")
    assert lab.refresh().ok
    agree_on(lab, 5)


def test_namespace_packages_in_a_lab(lab: LabOnDisk) -> None:
    """[R40] A folder without `__init__.py` is a package: its modules are imported, edited, added and deleted."""
    lab.write(
        stations__arm="V = 1", stations__deep__oven="from ..arm import V",
        main="from .stations import arm\nfrom .stations.deep.oven import V\nfrom . import stations\n"
        "def seen(): return [arm.V, V, stations.__file__ is None if hasattr(stations, '__file__') else True,\n"
        "    list(stations.__path__) != [], stations.arm is arm]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [1, 1, True, True, True])
    lab.write(stations__arm="V = 2")
    report = lab.refresh()
    assert report.reloaded == tuple(f"{lab.name}.{m}" for m in ("stations.arm", "stations.deep.oven", "main"))
    agree_on(lab, [2, 2, True, True, True])
    lab.write(stations__mill="V = 3", main="from .stations.mill import V\ndef seen(): return V")
    assert lab.refresh().ok
    agree_on(lab, 3)
    (lab.folder / lab.name / "stations" / "mill.py").unlink()
    assert not lab.refresh().ok
    lab.write(stations__mill__core="V = 4", main="from .stations.mill.core import V\ndef seen(): return V")
    assert lab.refresh().ok
    agree_on(lab, 4)


def test_a_namespace_package_becomes_a_regular_one(lab: LabOnDisk) -> None:
    """An `__init__.py` that an edit adds is executed; taken away again, the folder is still a package."""
    lab.write(dev__oven="V = 1", main="from . import dev\nfrom .dev import oven\n"
              "def seen(): return [oven.V, getattr(dev, 'W', None)]")  # fmt: skip
    lab.enable()
    agree_on(lab, [1, None])
    lab.write(dev__init="W = 2")
    assert lab.refresh().ok
    agree_on(lab, [1, 2])
    (lab.folder / lab.name / "dev" / "__init__.py").unlink()
    assert lab.refresh().ok
    agree_on(lab, [1, None])


def test_a_lab_that_is_a_namespace_package_itself(lab: LabOnDisk) -> None:
    """A lab package without an `__init__.py` at its root can be enabled from outside and reloaded."""
    (lab.folder / lab.name / "__init__.py").unlink()
    lab.write(oven="V = 1", main="from .oven import V\nfrom . import oven\ndef seen(): return [V, oven.V]")
    lab.enable()
    agree_on(lab, [1, 1])
    lab.write(oven="V = 2")
    assert lab.refresh().ok
    agree_on(lab, [2, 2])


def test_resources_and_package_data_are_found(lab: LabOnDisk) -> None:
    """`importlib.resources` and `pkgutil.get_data` read the files of the lab, by name and by module."""
    lab.put("dev/tables.txt", "1")
    lab.write(
        dev__init="",
        main="import importlib.resources, pkgutil\nfrom . import dev\n"
        "A = importlib.resources.files(dev).joinpath('tables.txt').read_text()\n"
        "B = importlib.resources.files(__package__ + '.dev').joinpath('tables.txt').read_text()\n"
        "C = pkgutil.get_data(__package__ + '.dev', 'tables.txt').decode()\ndef seen(): return [A, B, C]",
    )
    lab.enable()
    agree_on(lab, ["1", "1", "1"])
    lab.put("dev/tables.txt", "2")
    assert lab.refresh().ok
    agree_on(lab, ["2", "2", "2"])
