"""Modules that play with the import system, and changes to builtins: after an edit as on a fresh import."""

from __future__ import annotations

import builtins
import gettext
import importlib
import io
import sys
from collections.abc import Iterator
from unittest import mock

import pytest

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import agree_on, in_plain_python


@pytest.fixture
def own_builtins() -> Iterator[None]:
    """A test may change builtins: afterwards they are as before."""
    before = dict(vars(builtins))
    yield
    vars(builtins).update(before)
    for name in vars(builtins).keys() - before.keys():
        delattr(builtins, name)


def test_a_modules_own_getattr(lab: LabOnDisk) -> None:
    """Names that a module or a package makes up on demand come from the edited text, in every form of import."""
    text = (
        "made = []\ndef __getattr__(name):\n    if name.startswith('_'): raise AttributeError(name)\n"
        "    made.append(name)\n    return f'{word} {{name}}'\ndef __dir__(): return ['{word}']"
    )
    lab.write(
        lazy=text.format(word="old"), dev__init=text.format(word="old"),
        main="from . import dev, lazy\nfrom .lazy import oven\nfrom .dev import arm\ndef seen():\n"
        "    from .lazy import mill\n    from .dev import pump\n"
        "    return [oven, arm, mill, pump, lazy.x, dev.y, dir(lazy), dir(dev), hasattr(dev, '_no'),\n"
        "        [m for m in lazy.made if m != 'x']]",
    )  # fmt: skip
    lab.enable()

    def expected(word: str) -> object:
        names = ["oven", "arm", "mill", "pump", "x", "y"]
        return [*(f"{word} {name}" for name in names), [word], [word], False, ["oven", "mill"]]

    agree_on(lab, expected("old"))
    lab.write(lazy=text.format(word="new"), dev__init=text.format(word="new"))
    assert lab.refresh().ok
    agree_on(lab, expected("new"))


def test_a_submodule_named_like_what_the_package_makes_up(lab: LabOnDisk) -> None:
    """A package whose `__getattr__` imports its submodules on demand gives the edited ones."""
    lab.write(
        dev__init="import importlib\ndef __getattr__(name):\n    if name not in ('oven', 'arm'):\n"
        "        raise AttributeError(name)\n    return importlib.import_module('.' + name, __name__)",
        dev__oven="V = 1", dev__arm="V = 1",
        main="from . import dev\ndef seen(): return [dev.oven.V, dev.arm.V]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [1, 1])
    lab.write(dev__oven="V = 2")
    assert lab.refresh().ok
    agree_on(lab, [2, 1])


def test_a_module_that_replaces_itself_by_an_object_or_a_module_subclass(lab: LabOnDisk) -> None:
    """What a module puts in its place in sys.modules is what importers get; a refused edit leaves the old one."""
    text = (
        "import sys, types\nclass Constants(types.ModuleType):\n    V = {v}\n"
        "    @property\n    def double(self): return {v} * 2\n"
        "made = Constants(__name__)\nmade.__file__ = __file__\nsys.modules[__name__] = made"
    )
    lab.write(
        consts=text.format(v=1),
        main="import sys\nfrom . import consts\nfrom .consts import V\ndef seen():\n    from .consts import double\n"
        f"    return [V, double, consts.double, sys.modules['{lab.name}.consts'] is consts]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [1, 2, 2, True])
    before = lab.module("consts")
    lab.write(consts=text.format(v=2), main="1/0")
    assert not lab.refresh().ok
    assert sys.modules[f"{lab.name}.consts"] is before
    assert before.double == 2
    lab.write(consts=text.format(v=2), main="from . import consts\ndef seen(): return [consts.double]")
    assert lab.refresh().ok
    agree_on(lab, [4])
    assert lab.module("consts").double == 4


def test_a_module_that_changes_its_class(lab: LabOnDisk) -> None:
    """`sys.modules[__name__].__class__ = ...`, the documented way to properties of a module."""
    text = (
        "import sys, types\nclass WithProperty(types.ModuleType):\n"
        "    @property\n    def double(self): return {v} * 2\nsys.modules[__name__].__class__ = WithProperty"
    )
    lab.write(consts=text.format(v=1), main="from . import consts\ndef seen(): return [consts.double]")
    lab.enable()
    agree_on(lab, [2])
    lab.write(consts=text.format(v=2))
    assert lab.refresh().ok
    agree_on(lab, [4])
    assert lab.module("consts").double == 4


def test_patch_of_a_lab_name_after_an_edit(lab: LabOnDisk) -> None:
    """`patch("lab.x.Y")` reaches the current code, also through a package and by attribute, and is undone."""
    lab.write(dev__init="", dev__oven="", main="")
    lab.enable()
    for version in (1, 2):
        lab.write(
            dev__oven=f"V = {version}\nclass Oven:\n    def heat(self): return {version}\n"
            "def seen(): return [Oven().heat(), V]",
            main="from .dev import oven\ndef seen(): return oven.seen()",
        )
        assert lab.refresh().ok
        agree_on(lab, [version, version])
        with mock.patch(f"{lab.name}.dev.oven.Oven") as fake:
            fake.return_value.heat.return_value = 99
            assert lab.module("main").seen() == [99, version]
        with mock.patch.object(lab.module("dev.oven").Oven, "heat", return_value=98):
            assert lab.module("main").seen() == [98, version]
        with (
            mock.patch.dict(vars(lab.module("dev.oven")), V=97),
            mock.patch(f"{lab.name}.dev.oven.new", 1, create=True),
        ):
            assert lab.module("main").seen() == [version, 97]
        agree_on(lab, [version, version])
        assert not hasattr(lab.module("dev.oven"), "new")


def test_patch_of_a_builtin_is_seen_by_lab_code(lab: LabOnDisk) -> None:
    """`patch("builtins.open")`, begun before or after the code was made, holds in lab code, and is undone."""
    lab.write(reads="def read(path):\n    with open(path) as file:\n        return file.read()")
    lab.enable()
    read = lab.module("reads").read
    with mock.patch("builtins.open", return_value=io.StringIO("patched")):
        assert read("no such file") == "patched"
    with pytest.raises(FileNotFoundError):
        read("no such file")
    lab.write(reads="def read(path):\n    with open(path) as file:\n        return file.read().upper()")
    with mock.patch("builtins.open", mock.mock_open(read_data="in the midst")):
        assert lab.module("reads").read("no such file") == "in the midst"
    assert lab.refresh().ok
    with mock.patch("builtins.open", mock.mock_open(read_data="again")):
        assert lab.module("reads").read("no such file") == "AGAIN"
        assert read("no such file") == "again", "code of an old generation too"
    with pytest.raises(FileNotFoundError):
        lab.module("reads").read("no such file")


def test_patch_of_a_builtin_while_a_module_is_imported(lab: LabOnDisk) -> None:
    """A lab module imported, or reloaded, under a patch sees it at the top of its file."""
    lab.write(reads="with open('no such file') as file:\n    TEXT = file.read()")
    lab.enable()
    with mock.patch("builtins.open", mock.mock_open(read_data="first")):
        assert lab.module("reads").TEXT == "first"
    lab.write(reads="with open('no such file') as file:\n    TEXT = file.read().upper()")
    with mock.patch("builtins.open", mock.mock_open(read_data="second")):
        assert lab.refresh().ok
    assert lab.module("reads").TEXT == "SECOND"
    lab.write(reads="with open('no such file') as file:\n    TEXT = file.read()")
    assert not lab.refresh().ok


@pytest.mark.usefixtures("own_builtins")
def test_names_put_into_builtins_are_seen_by_lab_code(lab: LabOnDisk) -> None:
    """By attribute, through `builtins.__dict__` or `vars`, set, changed or deleted; and lab code itself may do it."""
    lab.write(
        uses="def get():\n    try:\n        return hotlab_test_word\n    except NameError:\n        return None",
        puts="import builtins\ndef put(value): builtins.hotlab_test_word = value",
    )
    lab.enable()
    get = lab.module("uses").get
    assert get() is None
    setattr(builtins, "hotlab_test_word", 1)  # noqa: B010, a checker knows no such name
    assert get() == 1
    builtins.__dict__["hotlab_test_word"] = 2
    assert get() == 2
    vars(builtins).update(hotlab_test_word=3)
    assert get() == 3
    lab.module("puts").put(4)
    assert get() == 4
    del builtins.__dict__["hotlab_test_word"]
    assert get() is None


@pytest.mark.usefixtures("own_builtins")
def test_gettext_install_is_seen_by_lab_code(lab: LabOnDisk) -> None:
    """`gettext.install` puts `_` into builtins: functions and module bodies of the lab have it, old and new."""
    lab.write(says="def say(): return _('hot')")
    lab.enable()
    old = lab.module("says").say
    with pytest.raises(NameError):
        old()
    gettext.install("no_such_domain")
    assert old() == "hot"
    lab.write(says="WORD = _('oven')\ndef say(): return _('cold')")
    assert lab.refresh().ok
    assert (old(), lab.module("says").say(), lab.module("says").WORD) == ("hot", "cold", "oven")


@pytest.mark.usefixtures("own_builtins")
def test_gettext_install_by_lab_code(lab: LabOnDisk) -> None:
    """A lab that installs its own translations at import finds them in its other modules, as on a fresh import."""
    text = (
        "import gettext\nclass Shouting(gettext.NullTranslations):\n"
        "    def gettext(self, message): return message.upper() + {mark!r}\nShouting().install()"
    )
    lab.write(words=text.format(mark="!"), main="from . import words\nW = _('oven')\ndef seen(): return [W, _('arm')]")
    lab.enable()
    agree_on(lab, ["OVEN!", "ARM!"])
    lab.write(words=text.format(mark="?"))
    assert lab.refresh().ok
    agree_on(lab, ["OVEN?", "ARM?"])


def test_importlib_reload_by_hand_takes_the_text_on_disk(lab: LabOnDisk) -> None:
    """From outside, `importlib.reload` executes the text as it is now, in place: values equal a fresh import."""
    lab.write(oven="V = 1", dev__init="V = 1", main="from . import oven, dev\ndef seen(): return [oven.V, dev.V]")
    lab.enable()
    agree_on(lab, [1, 1])
    for name in ("oven", "dev"):
        module = lab.module(name)
        lab.write(**{"oven" if name == "oven" else "dev__init": "V = 2\nW = 3"})
        assert importlib.reload(module) is module
        assert (module.V, module.W) == (2, 3)
        assert sys.modules[f"{lab.name}.{name}"] is module
    agree_on(lab, [2, 2])
    assert lab.refresh().ok
    agree_on(lab, [2, 2])


def test_importlib_reload_by_hand_of_a_broken_text_raises(lab: LabOnDisk) -> None:
    """As in plain Python the error is the caller's, and a later refresh is sound."""
    lab.write(oven="V = 1")
    lab.enable()
    module = lab.module("oven")
    lab.write(oven="V = (")
    with pytest.raises(SyntaxError):
        importlib.reload(module)
    assert module.V == 1
    lab.write(oven="V = 3")
    assert lab.refresh().ok
    assert in_plain_python_value(lab) == lab.module("oven").V


def in_plain_python_value(lab: LabOnDisk) -> object:
    """V of the oven on a fresh import."""
    lab.write(asks="from .oven import V\ndef seen(): return V")
    return in_plain_python(lab, "asks")


def test_importlib_reload_by_lab_code(lab: LabOnDisk) -> None:
    """Lab code that reloads a module of its lab by hand gets that very module, executed once more."""
    lab.write(
        oven="V = globals().get('V', 0) + 1",
        main="import importlib\nfrom importlib import reload\nfrom . import oven\ndef seen():\n"
        "    same = [importlib.reload(oven) is oven, reload(oven) is oven]\n    return [same, oven.V]",
    )
    lab.enable()
    agree_on(lab, [[True, True], 3])
    lab.write(oven="V = globals().get('V', 10) + 1")
    assert lab.refresh().ok
    agree_on(lab, [[True, True], 13])


def test_a_module_deleted_from_sys_modules_is_imported_afresh(lab: LabOnDisk) -> None:
    """`del sys.modules[name]` and an import, the old way to a fresh module, give what a fresh import gives."""
    lab.write(oven="V = 1", main="from . import oven\ndef seen(): return oven.V")
    lab.enable()
    lab.module("main")
    lab.write(oven="V = 2")
    assert lab.refresh().ok
    for name in [name for name in sys.modules if name.startswith(f"{lab.name}.") or name == lab.name]:
        del sys.modules[name]
    agree_on(lab, 2)
