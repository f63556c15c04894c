"""Values whose class, comparison, hash or namespace answer oddly: no reload asks them anything."""

from __future__ import annotations

import pytest

import hotlab
from hotlab.importing.facades import Facade
from tests.importing.lab_on_disk import LabOnDisk

NO_CLASS = """\
class Lazy:
    @property
    def __class__(self): raise RuntimeError('not yet set up')
    def __getattr__(self, name): raise RuntimeError(name)
value = Lazy()
"""
NO_HASH = """\
class Meta(type):
    def __eq__(self, other): return self is other
class Odd(metaclass=Meta): pass
value = Odd()
"""
NO_NAMESPACE = """\
class Meta(type):
    def __getattribute__(self, name):
        if name == '__dict__': raise RuntimeError(name)
        return type.__getattribute__(self, name)
class Odd(metaclass=Meta): pass
"""
NO_TRUTH = """\
class Array:
    __hash__ = None
    def __eq__(self, other): return self
    def __bool__(self): raise ValueError('ambiguous')
class Odd: pass
Odd.__module__ = Array()
"""


@pytest.mark.parametrize("text", [NO_CLASS, NO_HASH, NO_NAMESPACE, NO_TRUTH])
def test_an_odd_value_stops_no_reload(lab: LabOnDisk, text: str) -> None:
    """Reloading it, or another module beside it, is done, whole, and again the next time."""
    text = f"import {lab.name}.dev.oven\n" + text
    lab.write(dev__init="", dev__oven="V = 1", odd=text, pump="V = 1", user="from .pump import V\nfrom . import odd")
    lab.enable()
    lab.module("odd"), lab.module("user")
    for v in (2, 3):
        lab.write(pump=f"V = {v}")
        assert lab.refresh().ok
        assert (v, v) == (lab.module("pump").V, lab.module("user").V)
    for v in (4, 5):
        lab.write(odd=f"{text}V = {v}\n", pump=f"V = {v}\n")
        assert lab.refresh().ok
        assert (v, v, v) == (lab.module("odd").V, lab.module("pump").V, lab.module("user").V)
    assert hotlab.refresh(lab.name).changed == ()


@pytest.mark.parametrize("text", [NO_CLASS, NO_HASH, NO_NAMESPACE, NO_TRUTH])
def test_a_lab_with_an_odd_value_can_be_enabled_late(lab: LabOnDisk, text: str) -> None:
    """Taking over what was imported before asks the values nothing, and edits reach the module."""
    lab.write(dev__init="", dev__oven="V = 1", odd="from .dev import oven\nfrom . import dev\n" + text)
    lab.module("odd")
    lab.enable()
    assert type(lab.module("odd")) is Facade
    lab.write(dev__oven="V = 2")
    report = lab.refresh()
    assert report.ok
    assert lab.module("odd").oven.V == 2


def test_what_needs_an_odd_values_module_lazily_is_not_forgotten(lab: LabOnDisk) -> None:
    """A module beside an odd value has the imports in its functions noted, so that an edit reaches it."""
    late = "def look():\n    from .oven import V\n    return V\n"
    lab.write(oven="V = 1", odd=NO_HASH + late, user="from .odd import look\nV = look()", other="V = 1")
    lab.enable()
    lab.module("user"), lab.module("other")
    for v in (2, 3):
        lab.write(oven=f"V = {v}", other=f"V = {v}")
        assert lab.refresh().ok
        assert v == lab.module("user").V
