"""What can't be kept, shown as it is: each of these is said in docs/how-reloading-works.md, "What is not kept"."""

from __future__ import annotations

import builtins
import gc
import inspect
import pickle
import sys
import threading
from typing import Any

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import in_plain_python, in_this_process, run_python

WAIT = 20.0

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


def test_a_chain_through_a_package_that_a_shared_module_holds_has_one_end(lab: LabOnDisk) -> None:
    """`tools.dev.oven.V`, where the module tools is shared and holds the package dev, leads to the current oven from
    old tasks too, and to the one of before while its user is executed for the edit. Taken by name each has its own."""
    lab.write(
        dev__init="", dev__oven="V = 1", loads=f"import {lab.name}.dev.oven", tools="from . import dev",
        user="from . import loads, tools\nfrom .tools import dev\nSEEN = tools.dev.oven.V, dev.oven.V\n"
        "def late(): return tools.dev.oven.V, dev.oven.V",
    )  # fmt: skip
    lab.enable()
    old = lab.module("user").late
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok
    assert lab.module("user").SEEN == (1, 2)
    assert lab.module("user").late() == (2, 2)
    assert old() == (2, 1)


def test_what_a_module_sets_on_a_class_of_another_is_no_dependency(lab: LabOnDisk) -> None:
    """A module that keeps what another has set on a class of a third imports nothing of that other one: it is not
    affected by its edit, and keeps the method of before where a fresh import has the new one."""
    orth = "from .kinds import Kind\ndef value(self): return {v}\nKind.value = value"
    lab.write(
        init="from . import orth, main\ndef seen(): return main.seen()", kinds="class Kind: pass",
        orth=orth.format(v=1), main="from .kinds import Kind\nkept = Kind().value\ndef seen(): return kept()",
    )  # fmt: skip
    lab.enable()
    assert in_this_process(lab, "") == in_plain_python(lab, "") == 1
    lab.write(orth=orth.format(v=2))
    assert f"{lab.name}.main" not in lab.refresh().reloaded
    assert (in_plain_python(lab, ""), in_this_process(lab, "")) == (2, 1)


def test_a_registry_that_refuses_a_name_twice_refuses_the_edit(lab: LabOnDisk) -> None:
    """What an edited module registers elsewhere is there already: the edit is refused, by the registry's own error,
    until the registry's module is edited too, or imports the edited one."""
    table = "names = set()\ndef register(name):\n    if name in names: raise KeyError(name)\n    names.add(name)"
    lab.write(table=table, arm="from .table import register\nregister('arm')\nN = 1")
    lab.enable()
    lab.module("arm")
    lab.write(arm="from .table import register\nregister('arm')\nN = 2")
    report = lab.refresh()
    assert not report.ok
    assert "KeyError: 'arm'" in report.error
    assert lab.module("arm").N == 1
    lab.write(table=table + "\n# edited")
    assert lab.refresh().ok
    assert lab.module("arm").N == 2


def test_a_circle_is_not_entered_where_a_fresh_import_enters_it(lab: LabOnDisk) -> None:
    """An edit leads from a package into a circle that it does not affect: it is taken in, and the next start fails."""
    lab.write(main="from .box.arm import V", box__init="", box__arm="V = 1", box__lid="from ..main import V")
    lab.enable()
    lab.module("main")
    lab.module("box.lid")
    lab.write(box__init="from . import lid")
    assert lab.refresh().reloaded == (f"{lab.name}.box",)
    assert lab.module("box").lid.V == 1
    fresh = run_python(lab, "-c", f"import {lab.name}.main")
    assert fresh.returncode and "ImportError" in fresh.stderr


def test_what_a_package_had_imported_when_it_failed_is_its_attribute_after_the_next_try(lab: LabOnDisk) -> None:
    """The next try finds the submodule that the first has left; plain Python does not bind it on the package then."""
    lab.write(
        main="try: from . import box\nexcept ImportError: pass\nV = 1\n"
        "def seen():\n    from . import box\n    return hasattr(box, 'lid')",
        box__init="from .lid import W\nfrom ..main import V", box__lid="W = 1",
    )  # fmt: skip
    lab.enable()
    assert (in_this_process(lab), in_plain_python(lab)) == (True, False)


def test_a_folder_that_old_code_lists_is_as_it_is_now(lab: LabOnDisk) -> None:
    """A package that imports whatever lies in its folder, first imported by an old task after a file was added, fails
    in that task: the file is listed, and is no module of its generation."""
    main = "N = {n}\ndef late():\n    from . import plugs\n    return plugs.found"
    loop = "[importlib.import_module('.' + each.name, __name__).V for each in pkgutil.iter_modules(__path__)]"
    lab.write(plugs__init=f"import importlib, pkgutil\nfound = {loop}", plugs__a="V = 1", main=main.format(n=1))
    lab.enable()
    late = lab.module("main").late
    lab.write(plugs__b="V = 2", main=main.format(n=2))
    assert lab.refresh().ok
    with pytest.raises(ModuleNotFoundError, match=rf"{lab.name}\.plugs\.b"):
        late()
    assert lab.module("main").late() == [1, 2]


def test_functions_with_globals_that_are_no_modules_import_for_their_caller(lab: LabOnDisk) -> None:
    """A function made by `exec` in a dict of its own belongs to no generation: called by old code it imports the old
    one, called by code outside the lab the current one."""
    made = "exec('def ask():\\n    from {lab}.oven import V\\n    return V', space)"
    main = (
        f"N = {{v}}\ndef make():\n    space = {{{{}}}}\n    {made}\n    return space['ask']\ndef own(): return make()()"
    )
    lab.write(oven="V = 1", main=main.format(v=1, lab=lab.name))
    lab.enable()
    ask, own = lab.module("main").make(), lab.module("main").own
    assert (ask(), own()) == (1, 1)
    lab.write(oven="V = 2", main=main.format(v=2, lab=lab.name))
    assert lab.refresh().ok
    assert (ask(), own()) == (2, 1)


def test_the_source_of_an_old_class_asked_from_outside_is_the_current_text(lab: LabOnDisk) -> None:
    """`inspect` looks a class up by the name of its module: outside the lab that is the current one. Its methods are
    found by their code, and so is the class by old code."""
    text = "import inspect\nclass Oven:\n    def heat(self): return {v}\ndef source(): return inspect.getsource(Oven)"
    lab.write(oven=text.format(v=1))
    lab.enable()
    old = dict(vars(lab.module("oven")))
    lab.write(oven=text.format(v=2))
    assert lab.refresh().ok
    assert "return 2" in inspect.getsource(old["Oven"])
    assert "return 1" in inspect.getsource(old["Oven"].heat)
    assert "return 1" in old["source"]()


def test_pickle_refuses_old_functions_and_classes_in_its_own_words(lab: LabOnDisk) -> None:
    """A function, a class, and an instance of a class that no class statement made: refused, naming no generation."""
    text = (
        "from collections import namedtuple\nRow = namedtuple('Row', 'mass')\nrow = Row({v})\ndef weigh(): return {v}"
    )
    lab.write(rows=text.format(v=1))
    lab.enable()
    old = dict(vars(lab.module("rows")))
    lab.write(rows=text.format(v=2))
    assert lab.refresh().ok
    for name in ("weigh", "Row", "row"):
        with pytest.raises(pickle.PicklingError, match="not the same object") as caught:
            pickle.dumps(old[name])
        assert "generation" not in str(caught.value)


def test_a_name_written_into_the_dict_of_builtins_is_not_seen(lab: LabOnDisk) -> None:
    """`__builtins__` of a module outside the lab is Python's own dict, which tells nobody that it is written to."""
    lab.write(main="def ask():\n    try:\n        return hotlab_limit\n    except NameError:\n        return None")
    lab.enable()
    ask = lab.module("main").ask
    python: Any = globals()["__builtins__"]
    assert ask.__builtins__ is not python
    python["hotlab_limit"] = 1
    try:
        assert ask() is None
        builtins.hotlab_limit = 2  # type: ignore[attr-defined]
        assert ask() == 2
    finally:
        del builtins.hotlab_limit  # type: ignore[attr-defined]
    assert ask() is None


def test_the_namespace_of_a_package_is_a_copy_for_the_outside(lab: LabOnDisk) -> None:
    """`vars()` of a package that binds submodules shows what was true when it was asked; writes go to the package."""
    lab.write(dev__init="from . import oven\nV = 1\ndef put():\n    global V\n    V = 2", dev__oven="")
    lab.enable()
    package = lab.module("dev")
    space = vars(package)
    package.put()
    assert (space["V"], vars(package)["V"]) == (1, 2)
    space["V"] = 3
    assert package.V == 3


def test_a_new_module_is_in_sys_modules_while_it_is_staged(lab: LabOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads find the name of a module that the edit adds, and nothing in it, before the edit is current."""
    inside, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "hotlab_limit", (inside, go_on), raising=False)
    lab.write(main="N = 1")
    lab.enable()
    lab.module("main")
    new = "import sys\nV = 1\nsys.hotlab_limit[0].set()\nassert sys.hotlab_limit[1].wait(20)"
    lab.write(main="from . import new", new=new)
    thread = threading.Thread(target=lab.refresh)
    thread.start()
    try:
        assert inside.wait(WAIT)
        assert not hasattr(lab.module("new"), "V")
        assert f"{lab.name}.new" not in hotlab.current(lab.name).modules
    finally:
        go_on.set()
        thread.join(WAIT)
    assert lab.module("new").V == 1


def test_an_edit_before_enabling_from_outside_is_not_noticed(lab: LabOnDisk) -> None:
    """Between the import of a package and `hotlab.enable("its_name")` nobody knows which text was executed."""
    lab.write(main="V = 1\ndef seen(): return V")
    lab.module("main")
    lab.write(main="V = 2\ndef seen(): return V")
    lab.enable()
    assert lab.refresh().reloaded == ()
    assert (in_plain_python(lab), in_this_process(lab)) == (2, 1)
    lab.write(main="V = 3\ndef seen(): return V")
    assert lab.refresh().ok
    assert in_this_process(lab) == 3


def alive(lab: LabOnDisk) -> tuple[int, ...]:
    """The generations in memory, after Python's collection."""
    gc.collect()
    return hotlab.current(lab.name).alive


def test_a_kept_exception_keeps_its_generation_until_the_next_look(lab: LabOnDisk) -> None:
    """An import error that a module keeps leads over its traceback to its generation; the next refresh lets it go."""
    text = "N = {n}\ntry:\n    from . import needs\nexcept ImportError as error:\n    WHY = error"
    lab.write(needs="import hotlab_limit_that_is_not_there", main=text.format(n=1))
    lab.enable()
    lab.module("main")
    lab.write(main=text.format(n=2))
    assert lab.refresh().ok
    assert alive(lab) == (0, 1)
    assert lab.refresh().ok
    assert alive(lab) == (1,)


def test_generation_0_is_kept_by_the_module_object_that_enabled_the_lab(lab: LabOnDisk) -> None:
    """With `enable()` in the package, Python's own module object for it holds the code of the first generation."""
    text = "import hotlab\nhotlab.enable()\nN = {n}"
    lab.write(init=text.format(n=0))
    held = lab.module()
    for n in (1, 2):
        lab.write(init=text.format(n=n))
        assert lab.refresh().ok
        assert vars(held)["N"] == n
    assert alive(lab) == (0, 2)
    del held
    assert alive(lab) == (2,)


def test_a_hook_that_keeps_the_one_before_keeps_all_generations(
    lab: LabOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a module hangs into another's place stays there: a chain of hooks holds one of each generation."""
    monkeypatch.setattr(sys, "displayhook", sys.displayhook)
    text = "import sys\nN = {n}\nbefore = sys.displayhook\ndef show(value): before(value)\nsys.displayhook = show"
    lab.write(main=text.format(n=0))
    lab.enable()
    lab.module("main")
    for n in (1, 2):
        lab.write(main=text.format(n=n))
        assert lab.refresh().ok
    assert alive(lab) == (0, 1, 2)
