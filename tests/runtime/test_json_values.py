"""What JSON carries, and how the message leads to what it doesn't."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest

from hotlab.runtime.json_values import NotJson, to_json


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    pass


def test_values_come_out_as_after_a_trip_through_json() -> None:
    """Tuples are lists, subclasses plain types, containers copies."""
    value = {"a": (1, 2.5, None, True), Name("b"): [Level.HIGH, Name("ü")]}
    made = to_json(value, "the result")
    assert made == json.loads(json.dumps(value))
    assert [type(item) for item in made["b"]] == [int, str]
    assert {type(key) for key in made} == {str}
    assert to_json(value["a"], "x") is not value["a"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2, {"t": {1}}], "argument 'setpoints[2].t' of Furnace.heat is a set; no"),
        (object(), "argument 'setpoints' of Furnace.heat is an object; no"),
        ([float("inf")], "argument 'setpoints[0]' of Furnace.heat is inf; JSON has no such number"),
        (b"x", "argument 'setpoints' of Furnace.heat is a bytes; no"),
        (
            {"a": {1: 2}},
            "argument 'setpoints.a' of Furnace.heat has the key 1, a int; keys of JSON objects are texts",
        ),
        (["\ud800"], "argument 'setpoints[0]' of Furnace.heat is a text that UTF-8 can't hold;"),
    ],
)
def test_faults_name_the_path(value: Any, message: str) -> None:
    """The message leads to the very part that is no JSON."""
    with pytest.raises(NotJson) as caught:
        to_json(value, "argument '{path}' of Furnace.heat", path="setpoints", rule="no")
    assert str(caught.value).startswith(message)


def test_the_path_follows_where_the_message_has_no_place_for_it() -> None:
    """`where` without a place for the path has it appended."""
    with pytest.raises(NotJson, match=r"^the result of Heat\[1\] is a set;"):
        to_json([1, set()], "the result of Heat")
    with pytest.raises(NotJson, match=r"^the result of Heat, at a\.b, is a set;"):
        to_json({"a": {"b": set()}}, "the result of Heat")
    with pytest.raises(NotJson, match=r"^the result of Heat is a set;"):
        to_json(set(), "the result of Heat")


def test_a_value_that_contains_itself_is_refused() -> None:
    """Circles and depths without end are faults, not recursion errors; one value in two places is none."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotJson, match="contains itself"):
        to_json(circle, "x")
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(NotJson, match="nested deeper"):
        to_json(deep, "x")
    shared = [1]
    assert to_json([shared, shared], "x") == [[1], [1]]
