"""Modules that put another object in their place, in `sys.modules`, while they are imported."""

from __future__ import annotations

import sys
import warnings

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

PACKAGE = """\
import sys, types
class Lazy(types.ModuleType): pass
made = Lazy(__name__)
made.__path__, made.__spec__ = __path__, __spec__
sys.modules[__name__] = made
"""
SETTINGS = """\
import sys
class Settings: pass
made = Settings()
made.V, made.__name__ = {v}, __name__
sys.modules[__name__] = made
"""
SLOTTED = """\
import sys
class Slotted: __slots__ = ('__path__', '__spec__', '__name__')
made = Slotted()
made.__path__, made.__spec__, made.__name__ = __path__, __spec__, __name__
sys.modules[__name__] = made
"""


def test_a_refused_edit_does_not_show_through_an_object_in_a_packages_place(lab: LabOnDisk) -> None:
    """The object keeps the submodules of the current generation, also where those of a staged one were imported."""
    lab.write(dev__init=PACKAGE, dev__oven="X = 1", user="from .dev import oven")
    lab.enable()
    lab.module("dev.oven"), lab.module("user")
    package = lab.module().dev
    oven = package.oven
    lab.write(dev__oven="X = 2", user="from .dev import oven\n1/0")
    assert not lab.refresh().ok
    assert package.oven.X == 1
    assert package.oven is oven
    lab.write(user="from .dev import oven")
    assert lab.refresh().ok
    assert (lab.module("dev").oven.X, lab.module("user").oven.X) == (2, 2)


def test_an_object_in_a_packages_place_may_take_no_attributes(lab: LabOnDisk) -> None:
    """Importing a submodule warns, as in plain Python, and the submodule is one that edits reach."""
    lab.write(dev__init=SLOTTED, dev__oven="X = 1")
    lab.enable()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert lab.module("dev.oven").X == 1
    assert ImportWarning in [one.category for one in caught]
    lab.write(dev__oven="X = 2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = lab.refresh()
        assert report.reloaded == (f"{lab.name}.dev.oven",)
        assert lab.module("dev.oven").X == 2


def test_an_object_in_a_modules_place_that_outside_code_imported_is_reloaded(lab: LabOnDisk) -> None:
    """An object that is no module hides no later one of its name, however it was imported, and after a revert too."""
    lab.write(config=SETTINGS.format(v=1), user="from . import config\nV = config.V")
    enabled = lab.enable()
    lab.module("config")
    root, user = lab.module(), lab.module("user")
    generation = hotlab.current(lab.name)
    lab.write(config=SETTINGS.format(v=2))
    assert lab.refresh().ok
    assert (user.V, root.config.V, sys.modules[f"{lab.name}.config"].V) == (2, 2, 2)
    enabled.revert(generation)
    assert (user.V, root.config.V, sys.modules[f"{lab.name}.config"].V) == (1, 1, 1)


def test_a_root_that_puts_something_empty_in_its_place(lab: LabOnDisk) -> None:
    """Nobody asks it whether it is true."""
    lab.write(
        init="import sys, types\nclass Root(types.ModuleType):\n    def __len__(self): return 0\n    mark = 1\n"
        "made = Root(__name__)\nvars(made).update({k: v for k, v in globals().items() if k.startswith('__')})\n"
        "sys.modules[__name__] = made",
        oven="V = 1",
        user=f"import {lab.name}.oven\nMARK = {lab.name}.mark\ndef late():\n    import {lab.name}.oven\n"
        f"    return {lab.name}.mark",
    )
    lab.enable()
    assert (lab.module("user").MARK, lab.module("user").late()) == (1, 1)
    hotlab.disable(lab.name)
    assert type(sys.modules[lab.name]).__name__ == "Root"
