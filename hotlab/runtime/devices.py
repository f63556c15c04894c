"""What a lab's drivers are made of: :class:`BaseDevice` and :class:`SamplePosition`.

Light on purpose: every lab imports it. A device instance is connected and called by the device
manager, always on the one thread that belongs to the device; only `emergency_stop` may come from
another thread at any moment.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs

DEEPEST_ARGUMENT = 50
"""Containers nested deeper than this are kept as they are."""


def _check_name(_instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value.strip() or "/" in value:
        raise ValueError(
            f"the {attribute.name} of a sample position must be a text without '/', not {value!r}: "
            "hotlab puts the device's name and the number around it"
        )


def _check_number(_instance: object, _attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"the number of sample positions must be 1 or more, not {value!r}")


@attrs.frozen
class SamplePosition:
    """Places of one kind, each for one sample: `number` of them.

    Attributes:
        name: the kind, such as ``inside``; the places are ``furnace_1/inside/1``,
            ``furnace_1/inside/2`` and so on.
        description: for people.
        number: how many there are.
    """

    name: str = attrs.field(validator=_check_name)
    description: str = ""
    number: int = attrs.field(default=1, validator=_check_number)


class BaseDevice(ABC):
    """The base class of a lab's drivers.

    A constructor only remembers its arguments: it must not touch hardware, for each edit of the
    lab may make new instances, and drops those that turn out to be what is connected already (same
    name, same class, equal arguments).

    Args:
        name: the device's name, unique in the lab.
        description: for people. A class may state it as a class attribute instead.
    """

    description: str = ""
    _hotlab_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Remember the arguments as they were, before the constructor or anybody else changes
        them.
        """
        device = super().__new__(cls)
        device._hotlab_arguments = (_snapshot(args), _snapshot(kwargs))
        return device

    def __init__(self, name: str, description: str = "") -> None:
        self.name = name
        if description:
            self.description = description

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {getattr(self, 'name', '(no name)')!r}>"

    @abstractmethod
    def connect(self) -> None:
        """Connect to the hardware. If it raises, `disconnect` is called to let go of what it may
        have taken.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Let the hardware go, whatever state it is in."""

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """The places for samples that the device has."""
        return []

    def is_running(self) -> bool:
        """Whether the device is doing something by itself."""
        return False

    def emergency_stop(self) -> None:
        """Stop now. Called on a thread of its own, also while another call is under way.

        As it is here, it calls the AlabOS name of the same thing, `emergent_stop`, where the
        driver has one.
        """
        stop = getattr(self, "emergent_stop", None)
        if callable(stop):
            stop()


def constructor_arguments(device: BaseDevice) -> Mapping[str, Any] | None:
    """The arguments a device was made with, by parameter and with the defaults filled in.

    None where they can't be known: the class has a `__new__` of its own, which may have changed
    them.
    """
    if type(device).__new__ is not BaseDevice.__new__:
        return None
    args, kwargs = device._hotlab_arguments
    try:
        bound = inspect.signature(type(device)).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {"*": args, "**": kwargs}
    bound.apply_defaults()
    return dict(bound.arguments)


def equal_arguments(one: object, other: object) -> bool:
    """Whether two arguments are equal, and of one type all the way down: 1 is neither 1.0 nor
    True.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal_arguments(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal_arguments, one, other))
    try:
        return bool(one == other)
    except Exception:  # a lab's own __eq__, or an array that has no one truth value
        return False


def _snapshot(value: Any, depth: int = 0) -> Any:
    """A copy of the containers, so that what happens to them later does not show. Other objects
    stay themselves.
    """
    if depth > DEEPEST_ARGUMENT:
        return value
    if type(value) is dict:
        return {key: _snapshot(item, depth + 1) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_snapshot(item, depth + 1) for item in value)
    if type(value) is set:
        return set(value)
    return value
