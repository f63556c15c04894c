"""What a lab defines: its devices, its tasks, its standalone sample positions.

A definition belongs to the lab module whose execution registered it, and to the generation being
made: it goes away and comes back with them. Light on purpose: every lab imports it. All functions
    may be called from any thread.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from hotlab.importing import Generation, HotlabError, Registry, registering
from hotlab.runtime.devices import (
    BaseDevice,
    SamplePosition,
    constructor_arguments,
    equal_arguments,
)
from hotlab.runtime.tasks import BaseTask

Task = TypeVar("Task", bound=type[BaseTask])


class DefinitionError(HotlabError):
    """A lab defines something that can't be: the message says what, where, and what to do."""


class DuplicateDefinition(DefinitionError):
    """Two definitions of one generation have the same name."""


def qualified_name(cls: type) -> str:
    """The name by which classes are matched across generations:
    ``fake_lab.devices.furnace.Furnace``.
    """
    return f"{cls.__module__}.{cls.__qualname__}"


@attrs.frozen(eq=False, kw_only=True)
class DeviceDefinition:
    """A device as one generation defines it.

    Attributes:
        name: the device's name.
        device: the instance that the lab made. It is connected only if no instance `same_as` it is.
        cls: its class.
        class_name: qualified name of the class.
        class_names: qualified names of the class and its bases up to `BaseDevice`: what tasks may
            ask for it by.
        arguments: what the constructor was called with; None where that can't be known.
        positions: the sample positions it has.
        module: the lab module that defined it.
        place: where, as ``file:line``.
    """

    name: str
    device: BaseDevice
    cls: type[BaseDevice]
    class_name: str
    class_names: tuple[str, ...]
    arguments: Mapping[str, Any] | None = attrs.field(repr=False)
    positions: tuple[SamplePosition, ...] = ()
    module: str = ""
    place: str = ""

    @property
    def description(self) -> str:
        """What the lab says of the device."""
        return str(self.device.description)

    def same_as(self, other: DeviceDefinition) -> bool:
        """Whether `other` *is* this device: the connected instance stays, whichever of the two it
        belongs to.
        """
        return (
            self.name == other.name
            and self.cls is other.cls
            and self.arguments is not None
            and equal_arguments(self.arguments, other.arguments)
        )


@attrs.frozen(eq=False, kw_only=True)
class TaskDefinition:
    """A kind of task as one generation defines it: `kind` is the name of its class."""

    kind: str
    cls: type[BaseTask]
    doc: str = attrs.field(default="", repr=False)
    module: str = ""
    place: str = ""


@attrs.frozen(eq=False, kw_only=True)
class PositionDefinition:
    """Sample positions that belong to no device."""

    name: str
    position: SamplePosition
    module: str = ""
    place: str = ""


Definition = DeviceDefinition | TaskDefinition | PositionDefinition


@attrs.frozen(eq=False)
class Definitions:
    """All that one generation defines, by name, in the order in which it was defined."""

    devices: Mapping[str, DeviceDefinition]
    tasks: Mapping[str, TaskDefinition]
    positions: Mapping[str, PositionDefinition]

    @classmethod
    def of(cls, generation: Generation) -> Definitions:
        """The definitions of a generation as they are now: modules imported later may add some.

        Not kept anywhere: it takes some 10 µs, and a table of them would keep old generations
        alive.
        """
        devices: dict[str, DeviceDefinition] = {}
        tasks: dict[str, TaskDefinition] = {}
        positions: dict[str, PositionDefinition] = {}
        for entry in generation.registry.entries():
            value = entry.value
            if isinstance(value, DeviceDefinition):
                devices[value.name] = attrs.evolve(value, module=entry.module)
            elif isinstance(value, TaskDefinition):
                tasks[value.kind] = attrs.evolve(value, module=entry.module)
            elif isinstance(value, PositionDefinition):
                positions[value.name] = attrs.evolve(value, module=entry.module)
        return cls(MappingProxyType(devices), MappingProxyType(tasks), MappingProxyType(positions))


def add_device(device: BaseDevice) -> None:
    """Define a device of the lab: ``hotlab.add_device(Furnace("furnace_1", port="/dev/ttyUSB0"))``.

    Raises:
        DefinitionError: that is no device. DuplicateDefinition: the lab has one of that name.
        NotInLabCode: called from outside of a lab package.
    """
    place = _place_of_caller()
    if inspect.isclass(device):
        raise DefinitionError(
            f"add_device({device.__qualname__}) at {place} was given the class: "
            "give it an instance, "
            f'such as add_device({device.__qualname__}("{device.__qualname__.lower()}_1"))'
        )
    if not isinstance(device, BaseDevice):
        raise DefinitionError(
            f"add_device at {place} was given {_shown(device)}: "
            "it takes an instance of a class derived from hotlab.BaseDevice"
        )
    cls = type(device)
    name = getattr(device, "name", None)
    if name is None:
        raise DefinitionError(
            f"the {cls.__qualname__} added at {place} has no name: "
            f"call super().__init__(name) in {cls.__qualname__}.__init__"
        )
    if not isinstance(name, str) or not name.strip() or "/" in name:
        raise DefinitionError(
            f"the {cls.__qualname__} added at {place} is named {name!r}: a device's name is a text without '/'"
        )
    definition = DeviceDefinition(
        name=name,
        device=device,
        cls=cls,
        class_name=qualified_name(cls),
        class_names=tuple(qualified_name(c) for c in cls.__mro__ if issubclass(c, BaseDevice)),
        arguments=constructor_arguments(device),
        positions=_positions_of(device, place),
        place=place,
    )
    _register("device", name, definition)


def add_task(task: Task) -> Task:
    """Define a kind of task, named as its class: ``hotlab.add_task(Heating)``. Also a class
    decorator.

    Raises:
        DefinitionError: that is no task class. DuplicateDefinition: the lab has one of that name.
        NotInLabCode: called from outside of a lab package.
    """
    place = _place_of_caller()
    given: Any = task
    if isinstance(given, BaseTask):
        kind = type(given).__qualname__
        raise DefinitionError(
            f"add_task at {place} was given an instance of {kind}: give it the class, add_task({kind})"
        )
    if not (isinstance(given, type) and issubclass(given, BaseTask)):
        raise DefinitionError(
            f"add_task at {place} was given {_shown(given)}: it takes a class derived from hotlab.BaseTask"
        )
    if inspect.isabstract(task):
        missing = ", ".join(sorted(task.__abstractmethods__))
        raise DefinitionError(f"the task {task.__qualname__} added at {place} can't be run: write its {missing}(self)")
    doc = inspect.cleandoc(task.__doc__) if task.__doc__ else ""
    _register(
        "task",
        task.__name__,
        TaskDefinition(kind=task.__name__, cls=task, doc=doc, place=place),
    )
    return task


def add_standalone_sample_position(position: SamplePosition) -> None:
    """Define sample positions that belong to no device: ``SamplePosition("rack", number=24)``.

    Raises:
        DefinitionError: that is no sample position. DuplicateDefinition: the lab has one of that
            name.
        NotInLabCode: called from outside of a lab package.
    """
    place = _place_of_caller()
    if not isinstance(position, SamplePosition):
        raise DefinitionError(
            f"add_standalone_sample_position at {place} was given {_shown(position)}: "
            'it takes a hotlab.SamplePosition, such as SamplePosition("rack", number=24)'
        )
    definition = PositionDefinition(name=position.name, position=position, place=place)
    _register("position", position.name, definition)


def _register(sort: str, name: str, definition: Definition) -> None:
    registry: Registry = registering()
    before = registry.get((sort, name))
    if isinstance(before, Definition):
        raise DuplicateDefinition(
            f"the {sort} {name!r} is defined twice: at {before.place} and at {definition.place}; "
            "give one of them another name or take it out"
        )
    registry.register((sort, name), definition)


def _positions_of(device: BaseDevice, place: str) -> tuple[SamplePosition, ...]:
    cls = type(device).__qualname__
    try:
        positions = tuple(device.sample_positions)
    except Exception as error:
        raise DefinitionError(
            f"{cls}.sample_positions of the device {device.name!r} added at {place} raised "
            f"{type(error).__name__}: {error}; it must not need a connection"
        ) from error
    for position in positions:
        if not isinstance(position, SamplePosition):
            raise DefinitionError(
                f"{cls}.sample_positions of the device {device.name!r} added at {place} holds "
                f"{_shown(position)}: it takes hotlab.SamplePosition objects"
            )
    names = [position.name for position in positions]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"{cls}.sample_positions of the device {device.name!r} added at {place} has "
                f"{name!r} twice: state it once, with number={names.count(name)}"
            )
    return positions


def _place_of_caller() -> str:
    """Module, file and line that called the function which calls this."""
    frame = sys._getframe(2)
    module = frame.f_globals.get("__name__", "?")
    return f"{module} ({os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno})"


def _shown(value: object) -> str:
    what = f"the class {value.__qualname__}" if isinstance(value, type) else None
    return what or f"a {type(value).__qualname__} ({value!r:.60})"
