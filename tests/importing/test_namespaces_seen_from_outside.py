"""`vars()` and `__path__` of packages, as outside code uses them."""

from __future__ import annotations

from collections.abc import Callable
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
