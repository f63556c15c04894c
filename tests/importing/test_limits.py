"""What can't be kept, shown as it is: each of these is said in docs/how-reloading-works.md, "What is not kept"."""

from __future__ import annotations

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import in_plain_python, in_this_process

BASE = "class Device:\n    kinds = []\n    def __init_subclass__(cls): Device.kinds.append(cls.__name__)"
SEEN = "from .base import Device\nfrom . import arm\ndef seen(): return Device.kinds"


def test_what_an_edited_module_wrote_into_another_stays_there(lab: LabOnDisk) -> None:
    """A list in a module that the edit does not affect keeps what earlier executions of the edited module put there,
    where a fresh import has one entry; once the list's own module is affected, it is as on a fresh import."""
    lab.write(base=BASE, arm="from .base import Device\nclass Arm(Device): pass", main=SEEN)
    lab.enable()
    assert in_this_process(lab) == in_plain_python(lab) == ["Arm"]
    lab.write(arm="from .base import Device\nclass Arm(Device): N = 2")
    assert lab.refresh().ok
    assert in_plain_python(lab) == ["Arm"]
    assert in_this_process(lab) == ["Arm", "Arm"]
    lab.write(base=BASE + "\nN = 1")
    assert lab.refresh().ok
    assert in_this_process(lab) == in_plain_python(lab) == ["Arm"]


def test_what_a_refused_edit_wrote_into_another_module_stays_there(lab: LabOnDisk) -> None:
    """A refusal takes modules, names and registrations with hotlab back, not a change inside somebody else's list."""
    lab.write(base=BASE, arm="from .base import Device\nclass Arm(Device): pass", main=SEEN)
    lab.enable()
    assert in_this_process(lab) == ["Arm"]
    lab.write(arm="from .base import Device\nclass Broken(Device): pass\n1/0")
    assert not lab.refresh().ok
    assert in_this_process(lab) == ["Arm", "Broken"]


def test_submodules_reached_by_a_computed_name_are_no_dependencies(lab: LabOnDisk) -> None:
    """A module that names a submodule only in a computed text is not affected by its edit: through the package by
    name it sees the current one, also in old tasks, and through a package in a list the one of before, also in new."""
    lab.write(
        dev__init="", dev__oven="V = 1", loads="from .dev import oven",
        main="from . import dev\nheld = [dev]\ndef by_name(name): return getattr(dev, name).V\n"
        "def in_a_list(name): return getattr(held[0], name).V\n"
        "def task():\n    while True:\n        yield by_name('oven')",
    )  # fmt: skip
    lab.enable()
    lab.module("loads")
    main = lab.module("main")
    task = main.task()
    assert (next(task), main.by_name("oven"), main.in_a_list("oven")) == (1, 1, 1)
    lab.write(dev__oven="V = 2")
    assert f"{lab.name}.main" not in lab.refresh().reloaded
    assert (next(task), main.by_name("oven"), main.in_a_list("oven")) == (2, 2, 1)
