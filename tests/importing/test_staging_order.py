"""Staging runs affected modules as a fresh import would, in the order of their first import."""

from __future__ import annotations

from tests.importing.lab_on_disk import LabOnDisk


def test_an_affected_package_above_a_shared_module_is_executed_before_it_is_reached(lab: LabOnDisk) -> None:
    """`import lab.dev.oven` executes an affected `lab.dev` although `lab.dev.oven` itself is shared."""
    lab.write(
        init=f"import {lab.name}.dev.oven\nV = {lab.name}.dev.oven.V",
        dev__init=f"def late():\n    from {lab.name} import V\n    return V",
        dev__oven="V = 1",
    )
    lab.enable()
    oven = lab.module("dev.oven")
    lab.write(init=f"import {lab.name}.dev.oven\nV = {lab.name}.dev.oven.V + 1")
    report = lab.refresh()
    assert report.ok, report.error
    assert report.reloaded == (f"{lab.name}.dev", lab.name)
    assert lab.module("dev").late() == 2 and lab.module("dev.oven") is oven


def test_modules_run_in_the_order_of_their_first_import(lab: LabOnDisk) -> None:
    """Two modules that know nothing of each other are executed as they were at first, whichever was edited since."""
    lab.write(robot="V = 1", arm="V = 1")
    lab.enable()
    lab.module("robot")
    lab.module("arm")
    lab.write(robot="V = 2")
    assert lab.refresh().ok
    lab.write(robot="V = 3", arm="V = 3")
    assert lab.refresh().reloaded == (f"{lab.name}.robot", f"{lab.name}.arm")


def test_a_submodule_imported_after_its_package_takes_its_name_again(lab: LabOnDisk) -> None:
    """A value that the package sets is hidden by a submodule that others import later, also where that is shared."""
    lab.write(init="oven = 1\nfrom .mill import mill", oven="V = 1", mill="def mill(): return 1")
    lab.enable()
    oven = lab.module("oven")
    assert lab.module().oven is oven
    lab.write(init="oven = 2\nfrom .mill import mill")
    assert lab.refresh().reloaded == (lab.name,)
    assert lab.module("oven") is oven is lab.module().oven
    assert lab.module().mill() == 1


def test_a_value_comes_back_when_the_submodule_that_hid_it_goes(lab: LabOnDisk) -> None:
    """Importing a submodule hides the package's own value of that name; without the file, the value is there again."""
    lab.write(init="oven = 1\nRUNS = []", oven="V = 1")
    lab.enable()
    lab.module("oven")
    assert lab.module().oven is lab.module("oven")
    (lab.folder / lab.name / "oven.py").unlink()
    assert lab.refresh().ok
    assert lab.module().oven == 1


def test_a_package_that_failed_is_tried_again(lab: LabOnDisk) -> None:
    """Each import of what is below it executes it anew, as in a fresh import, also where that is shared and ready."""
    tried = "try:\n    from .dev.oven import V as W\nexcept ValueError as error:\n    W = str(error)\n"
    root = f"TRIED = []\n{tried}FIRST = W, len(TRIED)\n{tried}SECOND = W, len(TRIED)"
    lab.write(
        init=root,
        dev__init="from .. import TRIED\nTRIED.append(1)",
        dev__oven="V = 1",
    )
    lab.enable()
    assert (lab.module().FIRST, lab.module().SECOND) == ((1, 1), (1, 1))
    oven = lab.module("dev.oven")
    lab.write(
        init=f"{root}\nEDITED = True",
        dev__init="from .. import TRIED\nTRIED.append(1)\nif len(TRIED) == 1:\n    raise ValueError('not yet')",
    )
    report = lab.refresh()
    assert report.ok, report.error
    assert f"{lab.name}.dev.oven" not in report.reloaded and lab.module("dev.oven") is oven
    assert (lab.module().FIRST, lab.module().SECOND) == (("not yet", 1), (1, 2))
