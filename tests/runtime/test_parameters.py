"""Parameters of tasks: stated in two ways, checked strictly, all faults at once."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs
import pytest

from hotlab.runtime.definitions import DefinitionError
from hotlab.runtime.parameters import (
    NO_DEFAULT,
    ParameterError,
    describe_parameters,
    validate_parameters,
)
from hotlab.runtime.tasks import BaseTask, TaskNotRunning, create_task


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Powder:
    name: str
    grams: float
    doses: list[int] = attrs.field(factory=list)


class Task(BaseTask):
    """What the tasks here have in common."""

    def run(self) -> None:
        return None


class Annotated(Task):
    temperature: float
    minutes: float = 10
    steps: list[float] = [1.0]  # noqa: RUF012 - what a user would write
    limit: ClassVar[int] = 3
    _private: int = 4


class Constructed(Task):
    temperature: float  # for type checkers: the constructor is what counts

    def __init__(self, *, temperature: float, minutes: float = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature = temperature
        self.minutes = minutes


class Typed(Task):
    def __init__(  # type: ignore[no-untyped-def]
        self,
        number: int = 0,
        flag: bool = False,
        text: str = "",
        pair: tuple[int, str] = (0, ""),
        many: Sequence[float] = (),
        table: Mapping[str, float] | None = None,
        mode: Literal["fast", "slow"] = "fast",
        colour: Colour = Colour.RED,
        powder: Powder | None = None,
        either: float | list[float] = 0.0,
        exact: float | int = 0.0,
        loose: float = None,  # type: ignore[assignment]  # noqa: RUF013 - as people write it
        anything=None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


def faults(cls: type[BaseTask], **parameters: Any) -> tuple[str, ...]:
    with pytest.raises(ParameterError) as caught:
        validate_parameters(cls, parameters)
    return caught.value.problems


def test_annotations_are_parameters() -> None:
    """Annotations of a class without a constructor are its parameters, but not ClassVars and private ones."""
    described = describe_parameters(Annotated)
    assert list(described) == ["temperature", "minutes", "steps", "samples"]
    assert described["temperature"].type is float
    assert described["temperature"].default is NO_DEFAULT
    assert str(described["minutes"]) == "minutes: float = 10"


def test_annotated_parameters_become_attributes() -> None:
    """BaseTask sets annotated parameters; a mutable default is not shared between tasks."""
    one = create_task(Annotated, validate_parameters(Annotated, {"temperature": 5}))
    assert (one.temperature, one.minutes, one.steps) == (5.0, 10, [1.0])
    one.steps.append(2.0)
    assert create_task(Annotated, {"temperature": 5.0}).steps == [1.0]


def test_a_constructor_states_the_parameters() -> None:
    """With a constructor, its keyword parameters count; the class's annotations are its own affair."""
    assert list(describe_parameters(Constructed)) == ["temperature", "minutes", "samples"]
    task = create_task(Constructed, {"temperature": 5.0}, task_id="t1")
    assert (task.temperature, task.task_id) == (5.0, "t1")


def test_constructors_hand_the_rest_on_to_their_bases() -> None:
    """What `**kwargs` takes are the parameters of the next constructor, or annotations of the base."""

    class Based(Annotated):
        def __init__(self, *, sample: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.sample = sample

    assert list(describe_parameters(Based)) == [
        "sample",
        "temperature",
        "minutes",
        "steps",
        "samples",
    ]
    task = create_task(Based, {"sample": "a", "temperature": 5.0})
    assert (task.sample, task.temperature, task.minutes) == ("a", 5.0, 10)


def test_all_faults_at_once() -> None:
    """Unknown, missing and wrong parameters are a line each, together; the nearest known name is offered."""
    with pytest.raises(ParameterError) as caught:
        validate_parameters(Constructed, {"minuts": 1, "minutes": "10", "xyz": None})
    assert caught.value.problems == (
        "minuts is unknown; did you mean minutes?",
        "minutes is '10' (str); must be float",
        "xyz is unknown; known: temperature, minutes, samples",
        "temperature is missing; it must be float",
    )
    assert "task Constructed: 4 parameters don't fit:\n  minuts" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "made"),
    [
        ("number", 5, 5),
        ("flag", True, True),
        ("pair", [1, "a"], (1, "a")),
        ("many", [1, 2.5], [1.0, 2.5]),
        ("table", {"a": 1}, {"a": 1.0}),
        ("table", None, None),
        ("mode", "slow", "slow"),
        ("colour", "blue", Colour.BLUE),
        ("powder", {"name": "TiO2", "grams": 2}, Powder("TiO2", 2.0)),
        ("powder", None, None),
        ("either", [1], [1.0]),
        ("exact", 5, 5),
        ("loose", None, None),
        ("anything", {"a": [1]}, {"a": [1]}),
        ("samples", ["a"], ["a"]),
    ],
)
def test_values_that_fit(name: str, value: Any, made: Any) -> None:
    """JSON becomes what the type says: whole numbers may be floats, lists tuples, objects attrs classes."""
    (got,) = validate_parameters(Typed, {name: value}).values()
    assert got == made
    assert type(got) is type(made)


@pytest.mark.parametrize(
    ("name", "value", "lines"),
    [
        ("number", 5.0, ("number is 5.0 (float); must be int",)),
        ("number", True, ("number is True (bool); must be int",)),
        ("number", "5", ("number is '5' (str); must be int",)),
        ("number", None, ("number is null; must be int",)),
        ("flag", 1, ("flag is 1 (int); must be bool",)),
        ("text", 1, ("text is 1 (int); must be str",)),
        ("pair", [1], ("pair has 1 items; must have 2: tuple[int, str]",)),
        (
            "pair",
            ["a", 1],
            ("pair[0] is 'a' (str); must be int", "pair[1] is 1 (int); must be str"),
        ),
        ("many", "12", ("many is '12' (str); must be Sequence[float]",)),
        ("many", [1, "a"], ("many[1] is 'a' (str); must be float",)),
        ("many", [1, True], ("many[1] is True (bool); must be float",)),
        ("table", {"a": "b"}, ("table.a is 'b' (str); must be float",)),
        ("table", 5, ("table is 5 (int); must be Mapping[str, float] | None",)),
        ("mode", "medium", ("mode is 'medium' (str); must be one of 'fast', 'slow'",)),
        ("colour", "green", ("colour is 'green' (str); must be one of 'red', 'blue' (Colour)",)),
        (
            "powder",
            {"name": 1, "grams": "2", "doses": [1, "x"]},
            (
                "powder.name is 1 (int); must be str",
                "powder.grams is '2' (str); must be float",
                "powder.doses[1] is 'x' (str); must be int",
            ),
        ),
        ("powder", "TiO2", ("powder is 'TiO2' (str); must be Powder | None",)),
        ("anything", {1}, ("anything is a set; only JSON can be carried",)),
        ("anything", [float("nan")], ("anything[0] is nan; JSON has no such number",)),
        ("samples", "abc", ("samples is 'abc' (str); must be list[str]",)),
    ],
)
def test_values_that_do_not_fit(name: str, value: Any, lines: tuple[str, ...]) -> None:
    """Nothing is coerced, and each fault says where, what and what it should be."""
    assert faults(Typed, **{name: value}) == lines


def test_missing_and_extra_fields_of_a_class() -> None:
    """Fields that an attrs class lacks or doesn't know are faults."""
    lines = faults(Typed, powder={"name": "TiO2", "gram": 1})
    assert any("powder" in line and "gram" in line for line in lines), lines
    assert any("grams" in line and "missing" in line for line in lines), lines


def test_a_type_that_cannot_be_found_is_said_clearly() -> None:
    """A forward reference to nothing names the parameter, the task and the remedy."""

    class Lost(Task):
        def __init__(self, *, what: Nowhere, **kwargs: Any) -> None:  # type: ignore[name-defined]  # noqa: F821
            super().__init__(**kwargs)

    with pytest.raises(DefinitionError, match=r"parameter 'what' of task .*Lost.*'Nowhere'.*import"):
        describe_parameters(Lost)


def test_positional_only_parameters_are_refused() -> None:
    """A parameter that can't be given by name is a fault of the task."""

    class Positional(Task):
        def __init__(self, what: int, /, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.raises(DefinitionError, match="by position only"):
        describe_parameters(Positional)


def test_a_decorated_constructor_is_seen_through() -> None:
    """functools.wraps around a constructor hides none of its parameters."""

    def noisy(init: Any) -> Any:
        @functools.wraps(init)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)

        return wrapper

    class Decorated(Task):
        @noisy
        def __init__(self, *, colour: Colour, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    assert describe_parameters(Decorated)["colour"].type is Colour


def test_parameters_must_be_a_mapping() -> None:
    """A list of parameters is refused as a whole."""
    with pytest.raises(ParameterError, match="must be a mapping"):
        validate_parameters(Annotated, [1])  # type: ignore[arg-type]


def test_a_constructor_without_kwargs_still_gets_its_lab() -> None:
    """`create_task` gives the task its lab and samples before the constructor runs, whatever that takes."""

    class Bare(Task):
        def __init__(self, temperature: float) -> None:
            self.seen = (self.lab_view, self.task_id, self.samples)

    task = create_task(Bare, {"temperature": 1.0, "samples": ["a"]}, task_id="t", lab_view="lab")
    assert task.seen == ("lab", "t", ["a"])
    assert Annotated(temperature=1.0, samples=["b"], lab_view="lab").samples == ["b"]


def test_a_task_made_by_hand_says_that_it_has_no_lab() -> None:
    """Using the lab outside of one is a clear error; unknown and missing arguments are TypeErrors."""
    with pytest.raises(TaskNotRunning, match="submit it"):
        _ = Annotated(temperature=1.0).lab_view
    with pytest.raises(TypeError, match="needs the parameter 'temperature'"):
        Annotated()
    with pytest.raises(TypeError, match="no parameter 'x'"):
        Annotated(temperature=1.0, x=2)
