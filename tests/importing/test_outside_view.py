"""What code outside a lab sees of it."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import inspect
import pickle
import sys
import typing
import weakref
from types import ModuleType
from unittest import mock

import pytest

import hotlab
from hotlab.importing.facades import Facade
from tests.importing.lab_on_disk import LabOnDisk


def test_one_identity_per_module(lab: LabOnDisk) -> None:
    """A module is one object, through sys.modules, its parent, the parent's dict and other modules' names."""
    lab.write(dev__init="", dev__oven="V = 1", main="from .dev import oven\nfrom . import dev")
    lab.enable()
    main, root = lab.module("main"), lab.module()
    oven = sys.modules[f"{lab.name}.dev.oven"]
    assert main.oven is root.dev.oven is vars(root.dev)["oven"] is main.dev.oven is oven


def test_lab_code_never_meets_a_facade(lab: LabOnDisk) -> None:
    """Imports of lab code give real module objects, whatever their form."""
    lab.write(
        dev__init="", dev__oven="",
        main=f"import {lab.name}.dev.oven as a\nimport {lab.name}\nfrom . import dev\nfrom .dev import oven\n"
        f"import importlib\nb = importlib.import_module('{lab.name}.dev.oven')\n"
        f"c = __import__('{lab.name}.dev.oven').dev.oven\n"
        "found = [a, b, c, oven, dev, dev.oven]",
    )  # fmt: skip
    lab.enable()
    found = lab.module("main").found
    assert not any(isinstance(module, Facade) for module in found)
    assert found[0] is found[1] is found[2] is found[3] is found[5]


def test_old_references_show_the_current_generation(lab: LabOnDisk) -> None:
    """Whoever imported the lab long ago sees the newest code through that very object."""
    lab.write(a="V = 1")
    lab.enable()
    held = lab.module("a")
    lab.write(a="V = 2")
    lab.refresh()
    assert held.V == 2 and isinstance(held, ModuleType) and held.__name__ == f"{lab.name}.a"


def test_the_object_of_a_replaced_module_goes_with_it(lab: LabOnDisk) -> None:
    """Outside, too, an edit makes a new module object; the one before shows the current module as long as it is kept,
    and is gone when nobody keeps it."""
    lab.write(dev__init="from . import oven", dev__oven="V = 1")
    lab.enable()
    oven = lab.module("dev.oven")
    for text, ok in (("V = 1 / 0", False), ("V = 2", True)):
        lab.write(dev__oven=text)
        assert lab.refresh().ok is ok
        assert (sys.modules[f"{lab.name}.dev.oven"] is oven) is not ok
        assert sys.modules[f"{lab.name}.dev.oven"] is lab.module().dev.oven
    assert oven.V == 2
    gone = weakref.ref(oven)
    del oven
    gc.collect()
    assert gone() is None


def test_mock_patch_of_a_lab_name(lab: LabOnDisk) -> None:
    """`mock.patch("lab.x.Y")` is seen by lab code and undone."""
    lab.write(
        a="def f(): return 1\ndef g(): return f()",
        dev__init="def f(): return 1\ndef g(): return f()",
    )
    lab.enable()
    for name in ("a", "dev"):
        module = lab.module(name)
        with mock.patch(f"{lab.name}.{name}.f", return_value=2):
            assert module.g() == 2
        assert module.g() == 1


def test_libraries_find_modules_by_name(lab: LabOnDisk) -> None:
    """dataclasses, typing, inspect and pickle look a module up in sys.modules and find the current one."""
    lab.write(
        a="from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass P:\n    n: ClassVar[int] = 1\n    x: int = 1\n    q: P | None = None",
    )  # fmt: skip
    lab.enable()
    lab.module("a")
    lab.write(a=(lab.folder / lab.name / "a.py").read_text().replace("x: int = 1", "x: int = 2"))
    assert lab.refresh().ok
    cls = lab.module("a").P
    assert [field.name for field in dataclasses.fields(cls)] == ["x", "q"]
    assert typing.get_type_hints(cls)["q"] == (cls | None)
    assert type(pickle.loads(pickle.dumps(cls()))) is cls
    assert "x: int = 2" in inspect.getsource(cls)


def test_importlib_reload_by_hand_has_pythons_meaning(lab: LabOnDisk) -> None:
    """It executes the module's own text again in its own namespace."""
    lab.write(a="V = globals().get('V', 0) + 1")
    lab.enable()
    module = lab.module("a")
    assert importlib.reload(module) is module and module.V == 2


def test_a_module_that_replaces_itself(lab: LabOnDisk) -> None:
    """What a module puts in its place in sys.modules is what everybody imports, and goes with its generation."""
    text = "import sys\nclass Lazy:\n    V = {}\nsys.modules[__name__] = Lazy()"
    lab.write(a=text.format(1), main="from .a import V\nfrom . import a")
    lab.enable()
    assert lab.module("main").V == 1 and lab.module("a").V == 1
    lab.write(a=text.format(2) + "\n1/0")
    assert not lab.refresh().ok and lab.module("a").V == 1
    lab.write(a=text.format(2))
    assert lab.refresh().ok and lab.module("main").a.V == 2 and lab.module("a").V == 2


def test_a_file_that_appeared_since_is_explained(lab: LabOnDisk) -> None:
    """Importing a file that is younger than the generation says how to take it in."""
    lab.enable()
    lab.module()
    lab.write(new="V = 1")
    with pytest.raises(ModuleNotFoundError, match="refresh"):
        lab.module("new")
    assert lab.refresh().ok and lab.module("new").V == 1


def test_imports_of_other_packages_are_pythons_own(lab: LabOnDisk) -> None:
    """The finder refuses names that are no lab's, and lab code gets the real modules of other packages."""
    lab.write(
        main="import json, os.path, importlib.util, importlib.resources as r\nfrom importlib import import_module as im"
    )
    lab.enable()
    main = lab.module("main")
    assert main.json is sys.modules["json"] and main.r is sys.modules["importlib.resources"]
    assert main.importlib.util is importlib.util and main.im("json") is main.json
    assert sys.meta_path[0].find_spec("json", None) is None
    assert hotlab.importing.generation_of(main.im) is None


def test_a_module_held_since_before_an_edit_is_executed_on_first_use(lab: LabOnDisk) -> None:
    """A reference to a module that the new generation has, but that no reload had to execute, shows the new text."""
    lab.write(a="V = 1", main="def run():\n    from . import a\n    return a.V")
    lab.enable()
    held, old = lab.module("a"), hotlab.current(lab.name)
    del old.records[f"{lab.name}.a"], old.ready[f"{lab.name}.a"]  # as if its first import had come too late
    lab.write(a="V = 2")
    assert lab.refresh().ok
    assert held.V == 2
