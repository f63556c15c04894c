"""Kind K16: structure of packages: cycles, namespace packages, renamed and deleted modules."""

from __future__ import annotations

import sys

import pytest

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import agree_on

CYCLE = {
    "init": "",
    "a": "from . import b\nV = {a}\ndef seen(): return [V, b.V, b.late()]",
    "b": "from . import a\nV = {b}\ndef late():\n    from .a import V\n    return V + a.V",
    "deep__init": "from .inner import *",
    "deep__inner__init": "from .x import *\nfrom .y import *",
    "deep__inner__x": "from . import y\nfrom ... import a\nX = {x}\ndef total(): return X + y.Y + a.V",
    "deep__inner__y": "from .. import inner\nfrom .x import *\nY = {y}\ndef through(): return inner.y.Y, inner.X",
    "main": "from . import a, b, deep\nfrom .deep import X, Y, total, through\n"
    "def seen(): return [a.seen(), X, Y, total(), list(through()), deep.inner.x.X]",
}
ORDER = ("a", "b", "x", "y")


def cycle(**values: int) -> dict[str, str]:
    """The modules of a lab with two cycles, nested packages and star imports, with these values."""
    return {name: text.format(**values) for name, text in CYCLE.items()}


def expected(**values: int) -> object:
    """What plain Python makes of it."""
    a, b, x, y = (values[name] for name in ORDER)
    return [[a, b, 2 * a], x, y, x + y + a, [y, x], x]


@pytest.mark.parametrize("edited", ORDER)
def test_r69_cycles_work_as_in_a_fresh_interpreter(lab: LabOnDisk, edited: str) -> None:
    """[R69] Imports at the top and in functions, nested packages, a star import within the cycle; each is edited."""
    values = {"a": 1, "b": 20, "x": 300, "y": 4000}
    lab.write(**cycle(**values))
    lab.enable()
    agree_on(lab, expected(**values))
    for factor in (2, 3):
        values[edited] *= factor
        lab.write(**cycle(**values))
        report = lab.refresh()
        assert report.ok, report.error
        assert len(report.changed) == 1
        agree_on(lab, expected(**values))


def test_r70_a_module_is_deleted_renamed_and_made_a_package(lab: LabOnDisk) -> None:
    """[R70] One that nobody imports is deleted; one is renamed with its import; one becomes a package and back."""
    folder = lab.folder / lab.name
    lab.write(unused="V = 0", oven="V = 1", main="from .oven import V\nfrom . import oven\ndef seen(): return V")
    lab.enable()
    agree_on(lab, 1)
    lab.module("unused")
    (folder / "unused.py").unlink()
    report = lab.refresh()
    assert (report.ok, report.changed) == (True, (f"{lab.name}.unused",))
    assert not hasattr(lab.module(), "unused")
    (folder / "oven.py").rename(folder / "furnace.py")
    lab.write(main="from .furnace import V\ndef seen(): return V + 1")
    assert lab.refresh().ok
    agree_on(lab, 2)
    (folder / "furnace.py").unlink()
    lab.write(furnace__init="from .core import V", furnace__core="V = 5")
    assert lab.refresh().ok
    agree_on(lab, 6)
    for name in ("unused", "oven"):
        assert f"{lab.name}.{name}" not in sys.modules
        with pytest.raises(ModuleNotFoundError):
            lab.module(name)


def test_r70_a_submodule_that_went_with_its_package_is_not_found_any_more(lab: LabOnDisk) -> None:
    """[R70] A package becomes a module, or loses a submodule, that others still import: the edit is refused, as a
    fresh import would fail, whether the name is taken or caught."""
    folder = lab.folder / lab.name
    lab.write(
        oven__init="", oven__core="V = 1", main="from .oven import core",
        tries="try:\n    from .oven import core\n    V = core.V\nexcept ImportError:\n    V = None\n"
        "def seen(): return V",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, 1, "tries")
    lab.module("main")
    before = lab.state()
    (folder / "oven" / "core.py").unlink()
    assert not lab.refresh().ok
    assert lab.state() == before
    lab.write(main="")
    assert lab.refresh().ok
    agree_on(lab, None, "tries")
    lab.write(oven__core="V = 2")
    assert lab.refresh().ok
    agree_on(lab, 2, "tries")
    for name in ("core.py", "__init__.py"):
        (folder / "oven" / name).unlink()
    lab.write(oven="")
    assert lab.refresh().ok
    agree_on(lab, None, "tries")
