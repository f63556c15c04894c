"""Files that modules read while they are imported, and what a generation's digest says of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

READS = "import pathlib\nD = (pathlib.Path(__file__).parent / 'd.txt').read_text()\n"
COUNTS = """\
import pathlib
path = pathlib.Path(__file__).parent / 'count.json'
try:
    count = int(path.read_text())
except FileNotFoundError:
    count = 0
path.write_text(str(count + 1))
"""


def test_the_digest_names_what_was_read(lab: LabOnDisk) -> None:
    """Generations of equal sources and data have one digest, of different data two, the first generation too."""
    lab.write(main=READS)
    lab.put("d.txt", "one")
    lab.enable()
    lab.module("main")
    one = hotlab.current(lab.name).digest
    lab.put("d.txt", "two")
    assert lab.refresh().ok
    two = hotlab.current(lab.name).digest
    lab.put("d.txt", "one")
    assert lab.refresh().ok
    assert (hotlab.current(lab.name).digest, two == one) == (one, False)
    lab.forget()
    lab.put("d.txt", "two")
    lab.enable()
    lab.module("main")
    assert hotlab.current(lab.name).digest == two


def test_a_file_that_its_module_writes_is_state(lab: LabOnDisk) -> None:
    """A module that reads a file and writes it again is not edited by that."""
    lab.write(main=COUNTS, user="from .main import count")
    lab.enable()
    lab.module("user")
    for _ in range(2):
        report = lab.refresh()
        assert (report.changed, report.reloaded) == ((), ())
    lab.write(main=COUNTS + "V = 2\n")
    assert lab.refresh().ok
    assert (lab.module("main").count, lab.refresh().changed) == (1, ())


@pytest.mark.parametrize(
    "text",
    [
        "with open(__file__.replace('user.py', 'oven.py')) as file: exec(file.read())",
        "import importlib.resources\n"
        "exec(importlib.resources.files(__package__).joinpath('oven.py').read_text())",
    ],
    ids=["open", "resources"],
)  # fmt: skip
def test_the_text_of_a_module_that_is_read_is_a_need(lab: LabOnDisk, text: str) -> None:
    """Who reads another module's file while it is imported is executed again when that is edited."""
    lab.write(oven="V = 1", user=text)
    lab.enable()
    lab.module("oven"), lab.module("user")
    lab.write(oven="V = 2")
    assert lab.refresh().ok
    assert lab.module("user").V == 2


ADDED = """\
import importlib, sys
added = []
sys.addaudithook(lambda event, args: added.append(event) if event == "sys.addaudithook" else None)
import hotlab
folder, name, edited, text = sys.argv[1:]
sys.path.insert(0, folder)
hotlab.enable(name)
importlib.import_module(name)
before = len(added)
with open(f"{folder}/{name}/{edited}", "w") as file:
    file.write(text)
assert hotlab.refresh().ok
print(before, len(added))
"""


@pytest.mark.parametrize(
    ("files", "edited", "text", "hooks"),
    [
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "V = 2", "0 0"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "V = open(__file__).read()", "0 1"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.toml", "v = 2", "0 1"),
        ({"init": "from . import oven", "oven": "import pkgutil"}, "oven.py", "V = 2", "1 1"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "from importlib import resources", "0 1"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "import importlib.resources as r", "0 1"),
        ({"init": "import importlib"}, "oven.py", "V = 2", "0 0"),
        ({"init": "import logging\nLOG = logging.getLogger(__name__)"}, "oven.py", "V = int.__name__", "0 0"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "V = str(__name__)", "0 0"),
        ({"init": "from . import oven", "oven": "V = 1"}, "oven.py", "V = __package__ + '/x'", "0 1"),
        ({"init": "import importlib.util as u; V = u.find_spec(__name__ + '.oven')"}, "oven.py", "V = 2", "1 1"),
        ({"init": "import importlib; V = getattr(importlib, 'resources', 0)"}, "oven.py", "V = 2", "1 1"),
    ],
)
def test_only_labs_that_may_read_files_cost_a_hook(
    lab: LabOnDisk, files: dict[str, str], edited: str, text: str, hooks: str
) -> None:
    """An audit hook slows the whole process down, for good: it is added before the first module that may read."""
    lab.write(**files)
    command = [sys.executable, "-c", ADDED, str(lab.folder), lab.name, edited, text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (hooks, "")


LISTED = """\
import importlib, pathlib, sys
import hotlab
folder, name = sys.argv[1:]
sys.path.insert(0, folder)
hotlab.enable(name)
user = importlib.import_module(name + ".user")
before = user.ALL
pathlib.Path(folder, name, "dev", "arm.py").write_text("V = 2")
assert hotlab.refresh().ok
print(before, user.ALL)
"""
HELPER = """\
import importlib, pkgutil
def found_in(name):
    package = importlib.import_module(name)
    return ",".join(info.name for info in pkgutil.iter_modules(package.__path__))
"""


def test_a_folder_that_a_helper_of_no_lab_lists_by_name_is_listed_again(lab: LabOnDisk) -> None:
    """As libraries that discover plug-ins do: what they look at is looked at for the module that called them."""
    (lab.folder / "finding_help.py").write_text(HELPER)
    user = "from finding_help import found_in\nALL = found_in(__name__.partition('.')[0] + '.dev')"
    lab.write(dev__init="", dev__oven="V = 1", user=user)
    command = [sys.executable, "-c", LISTED, str(lab.folder), lab.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("oven arm,oven", "")
