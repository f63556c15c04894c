"""`vars()` of packages and of builtins, `__path__`, and stubs for submodules, as outside code uses them."""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest

from tests.importing.lab_on_disk import LabOnDisk

WRITES: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, int]]] = {
    "update": (lambda space: space.update(B=2), {"A": 1, "B": 2}),
    "setdefault": (lambda space: space.setdefault("B", 2), {"A": 1, "B": 2}),
    "pop": (lambda space: space.pop("A"), {}),
    "or": (lambda space: space.__ior__({"B": 2}), {"A": 1, "B": 2}),
}


@pytest.mark.parametrize("way", WRITES)
def test_writing_to_vars_of_a_package_reaches_it(lab: LabOnDisk, way: str) -> None:
    """Every way to write to the dict changes the package, for outside and for lab code."""
    lab.write(
        dev__init="A = 1",
        dev__oven="",
        user="from . import dev\ndef look(): return {n: getattr(dev, n) for n in 'AB' if hasattr(dev, n)}",
    )
    lab.enable()
    lab.module("dev.oven")
    package, look = lab.module("dev"), lab.module("user").look
    write, expected = WRITES[way]
    write(vars(package))
    assert {name: getattr(package, name) for name in "AB" if hasattr(package, name)} == expected
    assert look() == expected


def test_patching_vars_of_a_package(lab: LabOnDisk) -> None:
    """`mock.patch.dict` has its effect while it is entered, and none afterwards."""
    lab.write(dev__init="A = 1", dev__oven="")
    lab.enable()
    lab.module("dev.oven")
    package = lab.module("dev")
    with mock.patch.dict(vars(package), {"A": 9, "B": 1}):
        assert (package.A, package.B) == (9, 1)
    assert (package.A, hasattr(package, "B")) == (1, False)


def test_patching_vars_of_builtins(lab: LabOnDisk) -> None:
    """What is patched in is there while the patch is entered, for lab code too, and nothing is missing afterwards."""
    lab.write(user="def look(): return of_this_test, len('ab')")
    lab.enable()
    look, before = lab.module("user").look, dict(vars(builtins))
    with mock.patch.dict(vars(builtins), {"of_this_test": 1, "len": lambda _of: 42}):
        assert look() == (1, 42)
        assert len("ab") == 42
    assert dict(vars(builtins)) == before
    with pytest.raises(NameError):
        look()
    assert len("ab") == 2


def test_the_path_that_a_package_sets_is_seen(lab: LabOnDisk) -> None:
    """`__path__` is what the package made of it, for outside and for lab code."""
    lab.write(
        dev__init="__path__ = [*__path__, '/extra']", dev__oven="",
        user="from . import dev\nfrom .dev import oven\ndef look(): return list(dev.__path__)",
    )  # fmt: skip
    lab.enable()
    look = lab.module("user").look
    assert list(lab.module("dev").__path__)[1:] == ["/extra"]
    assert look()[1:] == ["/extra"]


def test_patching_a_submodule_with_a_stub_of_its_name(lab: LabOnDisk) -> None:
    """The stub is what everybody finds on the package while the patch is entered."""
    lab.write(
        dev__init="", dev__oven="V = 1",
        user="from .dev import oven\nfrom . import dev\ndef look(): return dev.oven.V\n"
        "def late():\n    from .dev import oven\n    return oven.V\n",
    )  # fmt: skip
    lab.enable()
    user, package = lab.module("user"), lab.module("dev")
    stub = types.ModuleType(f"{lab.name}.dev.oven")
    vars(stub)["V"] = 42
    with mock.patch.object(package, "oven", stub):
        assert (package.oven.V, user.look(), user.late()) == (42, 42, 42)
    assert (package.oven.V, user.look(), user.late()) == (1, 1, 1)


def test_vars_of_a_package_while_others_import(lab: LabOnDisk) -> None:
    """Taking it while other threads import submodules raises nothing."""
    number = 150
    lab.write(**{f"m{n}": "" for n in range(number)})
    lab.enable()
    package = lab.module()
    lab.module("m0")
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(lambda: [lab.module(f"m{n}") for n in range(number)])
        while not importing.done():
            vars(package)
        importing.result(0)
    assert {f"m{n}" for n in range(number)} <= vars(package).keys()
