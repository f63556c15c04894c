"""What a lab's procedures are made of: :class:`BaseTask`.

Light on purpose: every lab imports it. A task instance lives for one run, on one task thread.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar, get_origin

from hotlab.importing import HotlabError

Task = TypeVar("Task", bound="BaseTask")


class TaskNotRunning(HotlabError):
    """A task that was made by hand, outside of a lab, was asked for something that only the lab
    has.
    """


class BaseTask(ABC):
    """The base class of a lab's procedures.

    A subclass states its parameters in one of two ways; hotlab checks them before the task is
    queued. As annotations, which become attributes::

        class Heating(BaseTask):
            temperature: float
            minutes: float = 10

    or as the typed keyword parameters of a constructor that hands the rest on::

        class Heating(BaseTask):
            def __init__(self, *, temperature: float, minutes: float = 10, **kwargs):
                super().__init__(**kwargs)
                self.temperature = temperature

    Attributes:
        samples: names of the samples it is about; every task takes this parameter.
    """

    samples: list[str]
    _hotlab_lab_view: Any = None
    _hotlab_task_id: str | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Give the task what it has whether or not its constructor calls ours."""
        task = super().__new__(cls)
        task.samples = []
        return task

    def __init__(
        self,
        *,
        samples: Iterable[str] | None = None,
        task_id: str | None = None,
        lab_view: Any = None,
        **parameters: Any,
    ) -> None:
        if samples is not None:
            self.samples = list(samples)
        if task_id is not None:
            self._hotlab_task_id = task_id
        if lab_view is not None:
            self._hotlab_lab_view = lab_view
        for name, (_, owner) in annotated_parameters(type(self)).items():
            if name in parameters:
                setattr(self, name, parameters.pop(name))
            elif name in vars(owner):
                setattr(self, name, copy.deepcopy(vars(owner)[name]))
            else:
                raise TypeError(f"{type(self).__qualname__} needs the parameter {name!r}")
        if parameters:
            unknown = ", ".join(map(repr, parameters))
            raise TypeError(f"{type(self).__qualname__} has no parameter {unknown}")

    @abstractmethod
    def run(self) -> Any:
        """Do the work. What it returns is kept as the task's result, so it must be JSON."""

    def validate(self) -> None:  # noqa: B027 - to be overridden or not
        """Raise ValueError, saying why, if the parameters make no sense together. Called before
        the task is queued.
        """

    @property
    def task_id(self) -> str | None:
        """The task's id; None where it was made by hand."""
        known = self._hotlab_task_id
        return known if known is not None else getattr(self._hotlab_lab_view, "task_id", None)

    @property
    def lab_view(self) -> Any:
        """The lab as this task sees it: resources, subtasks, messages."""
        if self._hotlab_lab_view is None:
            raise TaskNotRunning(
                f"this {type(self).__qualname__} was made by hand and has no lab: submit it to a "
                "running lab, or give it a lab_view of your own"
            )
        return self._hotlab_lab_view

    @lab_view.setter
    def lab_view(self, lab_view: Any) -> None:
        self._hotlab_lab_view = lab_view

    def run_subtask(self, task: type[BaseTask], **parameters: Any) -> Any:
        """Run another task inside this one, on its generation and with its resources; returns its
        result.
        """
        return self.lab_view.run_subtask(task, **parameters)


def create_task(
    cls: type[Task],
    parameters: Mapping[str, Any],
    *,
    task_id: str | None = None,
    lab_view: Any = None,
) -> Task:
    """Make a task from parameters that :func:`~hotlab.runtime.parameters.validate_parameters`
    returned.

    The task has its lab before its constructor runs, so a constructor without ``**kwargs`` will do.

    Raises:
        Anything that the constructor raises.
    """
    task: Task = cls.__new__(cls, **parameters)
    if not isinstance(task, cls):
        raise TypeError(f"{cls.__qualname__}.__new__ made a {type(task).__qualname__}")
    task._hotlab_task_id = task_id
    task._hotlab_lab_view = lab_view
    values = dict(parameters)
    if "samples" in values and not takes_samples(cls):
        task.samples = list(values.pop("samples"))
    task.__init__(**values)  # type: ignore[misc]
    return task


def takes_samples(cls: type[BaseTask]) -> bool:
    """Whether the constructor takes `samples`, by name or among its ``**kwargs``."""
    for init in constructors(cls):
        code = getattr(init, "__code__", None)
        if code is None:
            return True
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return "samples" in names or bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return True


def constructors(cls: type[BaseTask]) -> Iterator[Any]:
    """The constructors of a task class and its bases, the class's own first, as far as
    `BaseTask`.
    """
    for base in cls.__mro__:
        if base is BaseTask:
            break
        if "__init__" in vars(base):
            yield vars(base)["__init__"]


def annotated_parameters(cls: type[BaseTask]) -> dict[str, tuple[Any, type]]:
    """Parameters stated as annotations: name to annotation, as written, and the class that states
    it.

    Only those of classes without a constructor of their own: a class that has one uses annotations
    for its attributes.
    """
    found: dict[str, tuple[Any, type]] = {}
    for base in reversed(cls.__mro__[: cls.__mro__.index(BaseTask)]):
        if "__init__" in vars(base):
            continue
        for name, annotation in vars(base).get("__annotations__", {}).items():
            if not name.startswith("_") and name != "samples" and not _is_class_variable(annotation):
                found[name] = (annotation, base)
    return found


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        head = annotation.partition("[")[0].strip()
        return head in ("ClassVar", "typing.ClassVar", "t.ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar
