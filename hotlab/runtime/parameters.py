"""The parameters of tasks: what a kind of task takes, and whether given ones fit. May be called
from any thread.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

import attrs

from hotlab.importing import HotlabError
from hotlab.runtime.definitions import DefinitionError
from hotlab.runtime.json_values import NotJson, to_json
from hotlab.runtime.structuring import Mismatch, structure, type_name
from hotlab.runtime.tasks import BaseTask, annotated_parameters, constructors

_OWN = frozenset({"task_id", "lab_view"})
"""Keyword arguments of a task's constructor that hotlab gives: never parameters."""


class ParameterError(HotlabError):
    """Parameters that don't fit a task: all that is wrong, a line each.

    Attributes:
        kind: the task's kind.
        problems: the lines.
    """

    def __init__(self, kind: str, problems: list[str]) -> None:
        self.kind = kind
        self.problems = tuple(problems)
        if len(problems) == 1:
            super().__init__(f"task {kind}: {problems[0]}")
        else:
            lines = "".join(f"\n  {problem}" for problem in problems)
            super().__init__(f"task {kind}: {len(problems)} parameters don't fit:{lines}")


class _NoDefault:
    def __repr__(self) -> str:
        return "(no default)"


NO_DEFAULT: Any = _NoDefault()


@attrs.frozen
class Parameter:
    """One parameter of a task: its name, its type (Any where none is stated), its default or
    `NO_DEFAULT`.
    """

    name: str
    type: Any = Any
    default: Any = NO_DEFAULT

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is NO_DEFAULT

    def __str__(self) -> str:
        text = f"{self.name}: {type_name(self.type)}"
        return text if self.required else f"{text} = {self.default!r}"


def describe_parameters(cls: type[BaseTask]) -> dict[str, Parameter]:
    """What a task takes, by name; `samples` last, which every task takes.

    Raises:
        DefinitionError: a type can't be found out, or a parameter can't be given by name.
    """
    found: dict[str, Parameter] = {}
    hands_on = True
    for init in constructors(cls):
        hands_on = _of_constructor(init, cls, found)
        if not hands_on:
            break
    if hands_on:
        for name, (annotation, owner) in annotated_parameters(cls).items():
            default = vars(owner).get(name, NO_DEFAULT)
            if name not in found:
                found[name] = Parameter(name, _resolved(annotation, owner, name), default)
    found.setdefault("samples", Parameter("samples", list[str], []))
    return found


def validate_parameters(cls: type[BaseTask], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as keyword arguments of the task's constructor, of the types it states.

    Defaults are left to the constructor.

    Raises:
        ParameterError: they don't fit; all that is wrong is said at once.
        DefinitionError: the task itself is at fault: see :func:`describe_parameters`.
    """
    kind = cls.__name__
    given: Any = parameters
    if not isinstance(given, Mapping):
        what = type(parameters).__qualname__
        raise ParameterError(kind, [f"parameters must be a mapping of names to values, not a {what}"])
    known = describe_parameters(cls)
    made: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in parameters.items():
        if name not in known:
            problems.append(_unknown(name, known))
            continue
        try:
            made[name] = _made(to_json(value, "{path}", path=name), known[name])
        except NotJson as fault:
            problems.append(str(fault))
        except Mismatch as mismatch:
            problems.extend(f"{path} {what}" for path, what in mismatch.faults)
    for parameter in known.values():
        if parameter.required and parameter.name not in parameters:
            problems.append(f"{parameter.name} is missing; it must be {type_name(parameter.type)}")
    if problems:
        raise ParameterError(kind, problems)
    return made


def _made(value: Any, parameter: Parameter) -> Any:
    if value is None and parameter.default is None:
        return None  # `minutes: float = None` is common, and means it
    return structure(value, parameter.type, parameter.name)


def _unknown(name: object, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    if near:
        return f"{name} is unknown; did you mean {near[0]}?"
    return f"{name} is unknown; known: {', '.join(known)}"


def _of_constructor(init: Any, cls: type[BaseTask], found: dict[str, Parameter]) -> bool:
    """Add a constructor's parameters; whether it takes more, to hand on to the next one."""
    try:
        signature = inspect.signature(init)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"the parameters of task {cls.__qualname__} can't be read off its __init__: {error}"
        ) from error
    hands_on = False
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            hands_on = True
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            raise DefinitionError(
                f"task {cls.__qualname__} takes {parameter.name!r} by position only: "
                "parameters are given by name, so take the / out of its __init__"
            )
        elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name not in _OWN:
            stated = parameter.annotation is not parameter.empty
            default = NO_DEFAULT if parameter.default is parameter.empty else parameter.default
            found.setdefault(
                parameter.name,
                Parameter(
                    parameter.name,
                    _resolved(parameter.annotation, cls, parameter.name, init) if stated else Any,
                    default,
                ),
            )
    return hands_on


def _resolved(annotation: Any, owner: type, name: str, function: Any = None) -> Any:
    """An annotation as a type, found in the namespace of the code that states it.

    Not by the name of its module: that would be the current generation's, and this may be an older
    one's code.
    """
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        hints = typing.get_type_hints(holder, _globals_of(owner, function), dict(vars(owner)))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise DefinitionError(
            f"the type of parameter {name!r} of task {owner.__qualname__}, {annotation!r}, "
            f"can't be found out ({why}): import what it names at the top of "
            f"{owner.__module__}, and not for type checkers only"
        ) from error
    return hints[name]


def _globals_of(owner: type, function: Any) -> dict[str, Any]:
    candidates = [function, *vars(owner).values()]
    for candidate in candidates:
        candidate = inspect.unwrap(candidate) if callable(candidate) else candidate
        namespace = getattr(candidate, "__globals__", None)
        if isinstance(namespace, dict) and namespace.get("__name__") == owner.__module__:
            return namespace
    return vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
