"""Copies, by outside code, of instances of old classes that inherit from old classes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.importing.lab_on_disk import LabOnDisk

TEXT = """\
class Par:
    def __init__(self): self.x = [{v}]
class Sub(Par): pass
class Own(Par):
    def __reduce_ex__(self, protocol): return super().__reduce_ex__(protocol)
class OfOwn(Own): pass
"""


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("name", ["Sub", "OfOwn"])
def test_a_copy_of_an_old_instance(lab: LabOnDisk, name: str, copier: Callable[[Any], Any]) -> None:
    """It is an instance of the very subclass, also where a class above has a `__reduce_ex__` of its own."""
    lab.write(main=TEXT.format(v=1))
    lab.enable()
    old = getattr(lab.module("main"), name)()
    lab.write(main=TEXT.format(v=2))
    assert lab.refresh().ok
    made = copier(old)
    assert type(made) is type(old)
    assert made is not old
    assert made.x == [1]
    assert type(made) is not getattr(lab.module("main"), name)


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_a_copy_of_an_outside_subclass_of_an_old_class(lab: LabOnDisk, copier: Callable[[Any], Any]) -> None:
    """Outside code's own subclass is copied as ever."""
    lab.write(main=TEXT.format(v=1))
    lab.enable()
    outside: Any = type("Outside", (lab.module("main").Sub,), {})
    lab.write(main=TEXT.format(v=2))
    assert lab.refresh().ok
    made = copier(outside())
    assert (type(made), made.x) == (outside, [1])
