"""Definitions: whose they are, when two are the same, and what misuse is told."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

import hotlab
from hotlab.importing import NotInLabCode, enabled_labs
from hotlab.runtime.definitions import DefinitionError, Definitions, add_device
from hotlab.runtime.devices import BaseDevice, SamplePosition
from hotlab.runtime.parameters import ParameterError, describe_parameters, validate_parameters
from tests.runtime.conftest import LabFolder
from tests.runtime.device_bench import INIT, driver

TASKS = """\
from hotlab import BaseTask


class Heating(BaseTask):
    \"\"\"Heat something.\"\"\"

    temperature: float

    def run(self):
        return self.temperature
"""


class Lab:
    """A lab whose files tests edit and reload."""

    def __init__(self, folder: LabFolder) -> None:
        self.folder = folder
        folder.write(driver("Oven", 1), "oven.py")
        folder.write(driver("Arm", 1), "arm.py")
        folder.write(TASKS, "tasks.py")
        folder.write(self.init())
        importlib.import_module(folder.name)
        self.lab = enabled_labs()[folder.name]

    def init(self, extra: str = "") -> str:
        return (
            INIT
            + "from .tasks import Heating\n"
            + "hotlab.add_task(Heating)\n"
            + 'hotlab.add_standalone_sample_position(hotlab.SamplePosition("rack", number=3))\n'
            + extra
        )

    def definitions(self) -> Definitions:
        return Definitions.of(self.lab.current)

    def refresh(self) -> Any:
        return hotlab.refresh(self.folder.name)


@pytest.fixture
def lab(lab_folder: LabFolder) -> Lab:
    """A lab with three devices, a task and a rack."""
    return Lab(lab_folder)


def test_definitions_belong_to_the_module_that_registered_them(lab: Lab) -> None:
    """Names, classes, bases, positions, module and place are all there."""
    found = lab.definitions()
    assert list(found.devices) == ["oven_1", "oven_2", "arm"]
    oven = found.devices["oven_1"]
    assert oven.class_name == f"{lab.folder.name}.oven.Oven"
    assert oven.class_names == (oven.class_name, "hotlab.runtime.devices.BaseDevice")
    assert oven.arguments == {"name": "oven_1", "port": "a"}
    assert oven.positions == (SamplePosition("inside", number=2),)
    assert oven.module == lab.folder.name
    assert oven.place == f"{lab.folder.name} (__init__.py:8)"
    assert (found.tasks["Heating"].kind, found.tasks["Heating"].doc) == ("Heating", "Heat something.")
    assert found.tasks["Heating"].cls.__name__ == "Heating"
    assert found.positions["rack"].position.number == 3
    with pytest.raises(TypeError):
        found.devices["x"] = oven  # type: ignore[index]


def test_reloads_neither_double_nor_leave_definitions(lab: Lab) -> None:
    """Re-running the lab's `__init__` is no duplicate; what the edit takes out is gone, but not for the old."""
    before = lab.lab.current
    for number in range(3):
        lab.folder.write(lab.init(f'hotlab.add_device(Arm("arm_{number}"))\n'))
        report = lab.refresh()
        assert report.ok, report.error
        assert list(lab.definitions().devices) == ["oven_1", "oven_2", "arm", f"arm_{number}"]
    assert list(Definitions.of(before).devices) == ["oven_1", "oven_2", "arm"]


def test_a_refused_edit_leaves_the_definitions_as_they_were(lab: Lab) -> None:
    """Definitions of a module that failed half-way never show."""
    before = list(lab.definitions().devices)
    lab.folder.write(lab.init('hotlab.add_device(Arm("arm_2"))\n1/0\n'))
    assert not lab.refresh().ok
    assert list(lab.definitions().devices) == before
    lab.folder.write(lab.init('hotlab.add_device(Arm("arm_2"))\n'))
    assert lab.refresh().ok
    assert list(lab.definitions().devices) == [*before, "arm_2"]


def test_the_same_device_across_generations(lab: Lab) -> None:
    """Same name, identical class, equal arguments: it is the old one, though another instance; else it is not."""
    old = lab.definitions().devices
    lab.folder.write(driver("Arm", 2), "arm.py")
    assert lab.refresh().ok
    new = lab.definitions().devices
    assert old["oven_1"].same_as(new["oven_1"])
    assert old["oven_1"].device is not new["oven_1"].device
    assert not old["arm"].same_as(new["arm"])
    assert old["arm"].class_name == new["arm"].class_name
    assert not old["oven_1"].same_as(new["oven_2"])
    lab.folder.write(lab.init().replace('port="a"', 'port="z"'))
    assert lab.refresh().ok
    assert not new["oven_1"].same_as(lab.definitions().devices["oven_1"])
    assert new["oven_2"].same_as(lab.definitions().devices["oven_2"])


def test_a_duplicate_names_both_places(lab: Lab) -> None:
    """Two definitions of one name in one generation are an error, across modules too."""
    lab.folder.write("from hotlab import add_device\nfrom .arm import Arm\nadd_device(Arm('oven_2'))\n", "more.py")
    lab.folder.write(lab.init("from . import more\n"))
    report = lab.refresh()
    assert not report.ok
    name = lab.folder.name
    assert f"the device 'oven_2' is defined twice: at {name} (__init__.py:9)" in report.error
    assert f"and at {name}.more (more.py:3)" in report.error
    lab.folder.write(lab.init("hotlab.add_task(Heating)\n"))
    assert "the task 'Heating' is defined twice" in lab.refresh().error
    lab.folder.write(lab.init('hotlab.add_standalone_sample_position(hotlab.SamplePosition("rack"))\n'))
    assert "the position 'rack' is defined twice" in lab.refresh().error


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hotlab.add_device(Oven)", r"add_device\(Oven\) at .*__init__.py:\d+.* give it an instance"),
        ("hotlab.add_device(5)", r"given a int \(5\): it takes an instance"),
        ("hotlab.add_device(Arm(''))", r"the Arm added at .* is named '': a device's name is a text"),
        ("hotlab.add_device(Arm('a/b'))", r"without '/'"),
        ("hotlab.add_task(Heating(temperature=1.0))", r"an instance of Heating: .*add_task\(Heating\)"),
        ("hotlab.add_task(Oven)", r"given the class Oven: it takes a class derived from hotlab.BaseTask"),
        ("hotlab.add_task(hotlab.BaseTask)", r"BaseTask added at .* can't be run: write its run\(self\)"),
        ("hotlab.add_standalone_sample_position('rack')", r"it takes a hotlab.SamplePosition, such as"),
    ],
)
def test_misuse_says_what_where_and_what_to_do(lab: Lab, line: str, message: str) -> None:
    """Each misuse is a DefinitionError with the place and the remedy."""
    lab.folder.write(lab.init(line + "\n"))
    report = lab.refresh()
    assert not report.ok
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(report.error)


def test_faulty_devices_are_refused_by_name(lab: Lab) -> None:
    """A constructor that forgets super() and positions that are none are said clearly."""
    nameless = "class Nameless(Arm):\n    def __init__(self): pass\nhotlab.add_device(Nameless())\n"
    lab.folder.write(lab.init(nameless))
    assert "call super().__init__(name) in Nameless.__init__" in lab.refresh().error
    odd = "class Odd(Arm):\n    sample_positions = ['inside']\nhotlab.add_device(Odd('odd'))\n"
    lab.folder.write(lab.init(odd))
    assert "Odd.sample_positions of the device 'odd'" in lab.refresh().error


def test_outside_of_a_lab_definitions_are_refused() -> None:
    """add_device from code that is no lab's says where it belongs."""

    class Thing(BaseDevice):
        def connect(self) -> None: ...

        def disconnect(self) -> None: ...

    with pytest.raises(NotInLabCode, match="belong into modules of a lab package"):
        add_device(Thing("thing"))
    with pytest.raises(DefinitionError):
        add_device(Thing)  # type: ignore[arg-type]


def test_add_task_is_a_decorator_too(lab: Lab) -> None:
    """It returns the class."""
    source = TASKS.replace("class Heating", "import hotlab\n\n\n@hotlab.add_task\nclass Cooling")
    lab.folder.write(source, "cooling.py")
    lab.folder.write(lab.init("from .cooling import Cooling\nassert Cooling.__name__ == 'Cooling'\n"))
    report = lab.refresh()
    assert report.ok, report.error
    assert list(lab.definitions().tasks) == ["Heating", "Cooling"]
    assert lab.definitions().tasks["Cooling"].module == f"{lab.folder.name}.cooling"


def test_what_labs_import_stays_light() -> None:
    """Devices, tasks, definitions and parameters load none of the heavy libraries; cattrs only when it is needed."""
    code = (
        "import sys\n"
        "from hotlab import BaseDevice, BaseTask, SamplePosition, add_device, add_task\n"
        "import hotlab.runtime.parameters\n"
        "heavy = {'sqlalchemy', 'dramatiq', 'click', 'rich', 'watchfiles', 'cattrs'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_parameter_types_are_those_of_the_task_s_own_generation(lab: Lab) -> None:
    """An old task's annotations name the classes of its generation, also after an edit of theirs."""
    modes = "import enum\n\n\nclass Mode(enum.Enum):\n    FAST = 'fast'\n"
    task = (
        "from __future__ import annotations\nfrom hotlab import BaseTask\nfrom .modes import Mode\n\n\n"
        "class Running(BaseTask):\n    mode: Mode\n\n    def run(self):\n        return None\n"
    )
    lab.folder.write(modes, "modes.py")
    lab.folder.write(task, "running.py")
    lab.folder.write(lab.init("from .running import Running\nhotlab.add_task(Running)\n"))
    assert lab.refresh().ok
    old = lab.definitions().tasks["Running"].cls
    old_mode = old.run.__globals__["Mode"]
    lab.folder.write(modes + "    SLOW = 'slow'\n", "modes.py")
    assert lab.refresh().ok
    new = lab.definitions().tasks["Running"].cls
    assert new is not old
    assert describe_parameters(old)["mode"].type is old_mode
    assert describe_parameters(new)["mode"].type is not old_mode
    with pytest.raises(ParameterError, match="must be one of 'fast'"):
        validate_parameters(old, {"mode": "slow"})
    assert validate_parameters(new, {"mode": "slow"})["mode"].name == "SLOW"
