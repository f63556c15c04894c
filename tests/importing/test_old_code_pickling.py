"""Pickles and copies across generations: the right class, or an error that names both; never in silence."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

SAMPLES = """\
import collections, copy, dataclasses, enum, pickle
V = {v}
@dataclasses.dataclass
class Sample:
    mass: int = {v}
    def version(self): return {v}
@dataclasses.dataclass(frozen=True)
class Frozen:
    sample: Sample
class Slotted:
    __slots__ = ('mass',)
    def version(self): return {v}
class Cap(enum.Enum):
    RED = 1
class Row(collections.namedtuple('Row', 'mass')):
    def version(self): return {v}
class Jam(Exception):
    def version(self): return {v}
class Outer:
    class Inner:
        def version(self): return {v}
def weigh(): return {v}
def slotted():
    made = Slotted()
    made.mass = {v}
    return made
KINDS = {{'sample': Sample(), 'nested': [1, {{'a': Sample()}}], 'frozen': Frozen(Sample()), 'slotted': slotted(),
         'member': Cap.RED, 'row': Row(7), 'jam': Jam('stuck'), 'inner': Outer.Inner(), 'class': Sample,
         'function': weigh}}
def dumped(kind, protocol): return pickle.dumps(KINDS[kind], protocol)
def dumped_slowly(kind, protocol): return pickle._dumps(KINDS[kind], protocol)
def round_trip(kind, protocol): return pickle.loads(pickle.dumps(KINDS[kind], protocol))
def copied(kind): return copy.copy(KINDS[kind]), copy.deepcopy(KINDS[kind])
"""
INSTANCES = ["sample", "nested", "frozen", "slotted", "member", "row", "jam", "inner"]
KINDS = [*INSTANCES, "class", "function"]


class Two(NamedTuple):
    """What is held of an old generation and of the current one, with their numbers."""

    old: dict[str, Any]
    new: dict[str, Any]
    numbers: tuple[int, int]


@pytest.fixture
def two(lab: LabOnDisk) -> Two:
    """A module of samples in two generations that are not neighbours."""
    lab.write(samples=SAMPLES.format(v=1))
    lab.enable()
    lab.module("samples")
    for v in (2, 3):
        lab.write(samples=SAMPLES.format(v=v))
        assert lab.refresh().ok
    old, first = dict(vars(lab.module("samples"))), hotlab.current(lab.name).number
    for v in (4, 5, 6):
        lab.write(samples=SAMPLES.format(v=v))
        assert lab.refresh().ok
    return Two(old, dict(vars(lab.module("samples"))), (first, hotlab.current(lab.name).number))


def classes_in(value: Any) -> set[Any]:
    """The lab's classes and functions that a value is made of."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return set().union(*map(classes_in, value))
    if isinstance(value, dict):
        return set().union(*map(classes_in, value.values()))
    if isinstance(value, int):
        return set()
    if isinstance(value, type) or hasattr(value, "__code__"):
        return {value}
    inner = {type(value.sample)} if hasattr(value, "sample") else set()
    return {type(value)} | inner


def of_generation(space: dict[str, Any]) -> set[Any]:
    """Every class and function of the samples in one generation."""
    names = ["Sample", "Frozen", "Slotted", "Cap", "Row", "Jam", "weigh"]
    return {space[name] for name in names} | {space["Outer"].Inner}


def names_both(error: BaseException, numbers: tuple[int, int]) -> bool:
    """Whether the text of an error has both numbers, as words."""
    return "generation" in str(error) and all(re.search(rf"\b{number}\b", str(error)) for number in numbers)


def assert_current_or_refused(two: Two, dump: Callable[[], bytes]) -> None:
    """A pickle of old objects loads outside as current ones, or was refused with both numbers."""
    refusal = None
    try:
        found = classes_in(pickle.loads(dump()))
    except pickle.PicklingError as error:
        refusal = error
    if refusal is None:
        assert found
        assert found <= of_generation(two.new)
    else:
        assert names_both(refusal, two.numbers), str(refusal)
        assert "samples" in str(refusal)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [kind for kind in INSTANCES if kind != "slotted"])
def test_r07_pickling_an_old_object_from_outside(two: Two, kind: str, protocol: int) -> None:
    """[R07] It loads as the current class, or is refused with an error that names both generations."""
    assert_current_or_refused(two, lambda: pickle.dumps(two.old["KINDS"][kind], protocol))


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickling_an_old_object_with_slots_from_outside(two: Two, protocol: int) -> None:
    """The same for a class with slots, which the first protocols of pickle can't carry at all."""
    assert_current_or_refused(two, lambda: pickle.dumps(two.old["KINDS"]["slotted"], protocol))


@pytest.mark.parametrize("kind", INSTANCES)
def test_pickling_an_old_object_from_outside_in_pure_python(two: Two, kind: str) -> None:
    """The pickler written in Python follows the same rule as the one in C."""
    assert_current_or_refused(two, lambda: pickle._dumps(two.old["KINDS"][kind]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["class", "function"])
def test_pickling_an_old_class_or_function_from_outside(two: Two, kind: str) -> None:
    """A pickle of these is but a name: it is refused, since it would name the current one."""
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(two.old["KINDS"][kind])


@pytest.mark.parametrize("how", ["dumped", "dumped_slowly"])
@pytest.mark.parametrize("kind", KINDS)
def test_pickling_an_old_object_from_old_code(two: Two, kind: str, how: str) -> None:
    """Old code that pickles its own objects: outside they load as current ones, or it was told why not."""
    assert_current_or_refused(two, lambda: two.old[how](kind, pickle.HIGHEST_PROTOCOL))


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_within_old_code_keeps_its_classes(two: Two, kind: str) -> None:
    """What old code pickles and loads is of its own generation: to it nothing has changed."""
    found = two.old["round_trip"](kind, pickle.HIGHEST_PROTOCOL)
    assert classes_in(found) <= of_generation(two.old)
    assert classes_in(found)


@pytest.mark.parametrize("kind", KINDS)
def test_new_objects_round_trip(two: Two, kind: str) -> None:
    """Objects of the current generation are pickled and loaded by outside code and by their own."""
    value = two.new["KINDS"][kind]
    outside = pickle.loads(pickle.dumps(value))
    inside = two.new["round_trip"](kind, pickle.HIGHEST_PROTOCOL)
    for found in (outside, inside):
        assert classes_in(found) == classes_in(value)
        assert type(found) is type(value)
    if kind in ("sample", "nested", "frozen", "member", "row", "class", "function"):
        assert outside == inside == value


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_old_objects_keep_their_class(two: Two, kind: str) -> None:
    """`copy.copy` and `copy.deepcopy` of an old object, by outside code and by old code, are of its own class."""
    value = two.old["KINDS"][kind]
    for found in (copy.copy(value), copy.deepcopy(value), *two.old["copied"](kind)):
        assert type(found) is type(value)
        assert classes_in(found) == classes_in(value)
    for found in (copy.copy(two.new["KINDS"][kind]), copy.deepcopy(two.new["KINDS"][kind])):
        assert classes_in(found) == classes_in(two.new["KINDS"][kind])


def test_r07_touching_a_module_changes_nothing_for_pickles(lab: LabOnDisk) -> None:
    """[R07] After a touch and a refresh an object of before is pickled as if nothing had been."""
    lab.write(samples=SAMPLES.format(v=1))
    lab.enable()
    sample = lab.module("samples").Sample()
    (lab.folder / lab.name / "samples.py").touch()
    assert lab.refresh().ok
    assert type(pickle.loads(pickle.dumps(sample))) is type(sample) is lab.module("samples").Sample


def test_an_object_of_a_class_that_is_gone_is_refused(lab: LabOnDisk) -> None:
    """With the class, or its whole module, removed by the edit: an error that says so, with both generations."""
    lab.write(samples=SAMPLES.format(v=1), gone="class Gone: pass")
    lab.enable()
    held = [lab.module("samples").Sample(), lab.module("gone").Gone()]
    (lab.folder / lab.name / "gone.py").unlink()
    lab.write(samples="")
    assert lab.refresh().ok
    for value in held:
        with pytest.raises(pickle.PicklingError) as caught:
            pickle.dumps(value)
        assert names_both(caught.value, (0, 1)), str(caught.value)


def test_an_object_of_a_module_that_was_not_affected_is_pickled(lab: LabOnDisk) -> None:
    """What an edit did not affect is not of an old generation."""
    lab.write(samples=SAMPLES.format(v=1), other="V = 1")
    lab.enable()
    lab.module("other")
    sample = lab.module("samples").Sample()
    lab.write(other="V = 2")
    assert lab.refresh().ok
    assert type(pickle.loads(pickle.dumps(sample))) is type(sample)
