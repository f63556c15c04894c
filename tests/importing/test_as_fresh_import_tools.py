"""Tools that look into code: doctest, pytest, debuggers and coverage meet the current text of a lab."""

from __future__ import annotations

import bdb
import doctest
import linecache
import pdb
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import FrameType

import pytest

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import agree_on, run_python

DOCUMENTED = '''"""A module.

>>> V
{v}
"""
V = {v}
def double(x):
    """Twice.

    >>> double(V)
    {twice}
    """
    return 2 * x
class Oven:
    """An oven.

    >>> Oven().heat()
    {v}
    """
    def heat(self):
        """Heat.

        >>> Oven().heat() + {more}
        {sum}
        """
        return V
{tail}'''
SEEN = """
def seen():
    import doctest, sys
    found = doctest.DocTestFinder().find(sys.modules[__name__])
    return [list(doctest.testmod(sys.modules[__name__])), sorted(f.name[len(__name__):] for f in found if f.examples)]
"""


def documented(v: int, *, more: int = 1) -> str:
    """A module whose examples are right."""
    return DOCUMENTED.format(v=v, twice=2 * v, more=more, sum=v + more, tail=SEEN)


@pytest.mark.parametrize("where", ["main", "dev__init", "init"])
def test_doctest_of_a_module_and_of_a_package(lab: LabOnDisk, where: str) -> None:
    """testmod finds every example of the edited text, from outside and from within, also in an `__init__.py`."""
    name = {"main": "main", "dev__init": "dev", "init": ""}[where]
    lab.write(**{where: documented(1)})
    lab.enable()
    for v in (1, 2):
        lab.write(**{where: documented(v)})
        assert lab.refresh().ok
        assert doctest.testmod(lab.module(name)) == (0, 4)
        agree_on(lab, [[0, 4], ["", ".Oven", ".Oven.heat", ".double"]], name)
    lab.write(**{where: documented(3).replace(">>> V\n3", ">>> V\n4")})
    assert lab.refresh().ok
    assert doctest.testmod(lab.module(name)) == (1, 4)


TEST = """\
import pytest

from .. import oven
from ..oven import V
from . import helpers

@pytest.fixture
def heated():
    return oven.heat(V)

def test_oven(heated, shared):
    assert heated == 2
    assert shared is oven

def test_wrong():
    assert helpers.listed(V) == [1, 5]
"""


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
@pytest.mark.parametrize("enabled", [True, False], ids=["hotlab", "plain"])
def test_pytest_collects_a_labs_own_tests(lab: LabOnDisk, mode: str, enabled: bool) -> None:
    """With hotlab enabled in the package: relative imports, fixtures, conftest and rich messages as without it."""
    lab.write(
        init="import hotlab\nhotlab.enable()" if enabled else "", oven="V = 1\ndef heat(v): return v + 1",
        tests__init="", tests__test_oven=TEST, tests__helpers="def listed(v): return [v, 2]",
        tests__conftest="import pytest\nfrom .. import oven\n@pytest.fixture\ndef shared(): return oven",
    )  # fmt: skip
    done = run_python(lab, "-m", "pytest", "-p", "no:cacheprovider", f"--import-mode={mode}", "-c", "/dev/null",
                      f"--rootdir={lab.folder}", f"{lab.name}/tests")  # fmt: skip
    said = done.stdout + done.stderr
    assert "1 failed, 1 passed" in said, said
    assert "assert [1, 2] == [1, 5]" in said, said
    assert "At index 1 diff: 2 != 5" in said, said


def test_pytest_tests_can_edit_and_refresh_their_lab(lab: LabOnDisk) -> None:
    """A lab's own test that edits a module and refreshes sees the edit through a late import."""
    lab.write(
        init="import hotlab\nhotlab.enable()", oven="V = 1", tests__init="",
        tests__test_refresh="import pathlib\nimport hotlab\ndef test_edit():\n"
        "    pathlib.Path(__file__).parents[1].joinpath('oven.py').write_text('V = 2')\n"
        f"    assert hotlab.refresh({lab.name!r}).ok\n"
        f"    assert hotlab.current({lab.name!r}).import_module({lab.name!r} + '.oven').V == 2\n",
    )  # fmt: skip
    done = run_python(lab, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={lab.folder}",
                      f"{lab.name}/tests")  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr


OVEN = "{before}def heat(degrees):\n    power = degrees * {v}\n    return power\n"


class Stops(bdb.Bdb):
    """Notes where it stops, and the local variables there."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[tuple[str, int, dict[str, object]]] = []

    def user_line(self, frame: FrameType) -> None:
        if self.break_here(frame):
            self.places.append((frame.f_code.co_filename, frame.f_lineno, dict(frame.f_locals)))
        self.set_continue()


def stops_of(path: Path, line: int, function: Callable[..., object], *arguments: object) -> list[tuple[int, object]]:
    """Where a debugger stops that has a breakpoint by file and line, with the local `power`."""
    linecache.checkcache()
    debugger = Stops()
    assert debugger.set_break(str(path), line) is None
    try:
        debugger.runcall(function, *arguments)
    finally:
        debugger.clear_all_breaks()
    assert {place[0] for place in debugger.places} <= {str(path)}
    return [(place[1], place[2].get("power")) for place in debugger.places]


def test_a_breakpoint_by_file_and_line_stops_in_current_code(lab: LabOnDisk) -> None:
    """After an edit that moves lines, a breakpoint in the file as it is now stops where the editor shows it."""
    path = lab.put("oven.py", OVEN.format(before="", v=2))
    lab.enable()
    old = lab.module("oven").heat
    assert stops_of(path, 3, old, 10) == [(3, 20)]
    lab.put("oven.py", OVEN.format(before="import time\n\n\n", v=3))
    assert lab.refresh().ok
    assert stops_of(path, 6, lab.module("oven").heat, 10) == [(6, 30)]
    assert stops_of(path, 5, lab.module("oven").heat, 10) == [(5, None)]
    lab.put("oven.py", OVEN.format(before="\n" * 50, v=4))
    assert lab.refresh().ok
    assert stops_of(path, 53, lab.module("oven").heat, 10) == [(53, 40)]


def test_a_breakpoint_in_the_file_does_not_stop_old_code(lab: LabOnDisk) -> None:
    """Code of an old generation is not the text in the file: a breakpoint in that text is not in the old code."""
    path = lab.put("oven.py", OVEN.format(before="", v=2))
    lab.enable()
    old = lab.module("oven").heat
    lab.put("oven.py", "import time\n" + OVEN.format(before="", v=3))
    assert lab.refresh().ok
    assert stops_of(path, 3, old, 10) == []
    assert stops_of(path, 3, lab.module("oven").heat, 10) == [(3, None)]


def test_pdb_shows_the_edited_text(lab: LabOnDisk) -> None:
    """pdb, given a breakpoint by file and line, lists the line that the editor shows and evaluates in it."""
    path = lab.put("oven.py", OVEN.format(before="", v=2))
    lab.enable()
    heat = lab.module("oven").heat
    heat(1)
    linecache.getlines(str(path))  # as a traceback of before the edit would have done
    lab.put("oven.py", OVEN.format(before="# moved\n" * 4, v=3))
    assert lab.refresh().ok
    shown = StringIO()
    debugger = pdb.Pdb(
        stdin=StringIO("continue\np 'power is', power\ncontinue\n"), stdout=shown, nosigint=True, readrc=False
    )
    debugger.use_rawinput = False
    linecache.checkcache()
    assert debugger.set_break(str(path), 7) is None
    try:
        assert debugger.runcall(lab.module("oven").heat, 10) == 30
    finally:
        debugger.clear_all_breaks()
    assert f"{path}(7)heat()" in shown.getvalue()
    assert "-> return power" in shown.getvalue()
    assert "('power is', 30)" in shown.getvalue()


MEASURED = """\
import json, sys
import coverage
measuring = coverage.Coverage(data_file=None, include=[sys.argv[1] + "/*"])
sys.path.insert(0, sys.argv[2])
from pathlib import Path
name = Path(sys.argv[1]).name
import importlib
if sys.argv[3] == "reloaded":
    import hotlab
    hotlab.enable(name)
    texts = {file: Path(file).read_text() for file in sys.argv[4:]}
    for file in texts:
        Path(file).write_text("def run(hot):\\n    return hot\\n")
    importlib.import_module(name + ".oven").run(False)
    importlib.import_module(name + ".dev").run(False)
    for file, text in texts.items():
        Path(file).write_text(text)
    measuring.start()
    assert hotlab.refresh(name).ok
else:
    measuring.start()
importlib.import_module(name + ".oven").run(True)
importlib.import_module(name + ".dev").run(False)
measuring.stop()
found = {Path(file).name: measuring.analysis2(file) for file in sys.argv[4:]}
print(json.dumps({file: [statements, missing] for file, (_, statements, _, missing, _) in found.items()}))
"""

BRANCHES = """\
import time


def run(hot):
    if hot:
        return "hot"
    return "cold"
"""


def test_coverage_measures_the_current_text(lab: LabOnDisk) -> None:
    """Statements and missing lines of edited files are those that plain Python gives for the same calls."""
    pytest.importorskip("coverage")
    import json

    files = [str(lab.put("oven.py", BRANCHES)), str(lab.put("dev/__init__.py", "\n\n" + BRANCHES))]
    results = {}
    for how in ("plain", "reloaded"):
        done = run_python(lab, "-c", MEASURED, str(lab.folder / lab.name), str(lab.folder), how, *files)
        assert done.returncode == 0, done.stderr
        results[how] = json.loads(done.stdout.splitlines()[-1])
    assert results["plain"]["oven.py"] == [[1, 4, 5, 6, 7], [7]]
    assert results["reloaded"] == results["plain"]
