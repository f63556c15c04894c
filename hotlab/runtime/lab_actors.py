"""Dramatiq actors that lab modules declare: they come and go with the generation of the module that declared them.

dramatiq refuses a second actor of a name, so executing a module again would fail. Here a broker's table of actors is
one that shows a thread which stages a module the table as it will be, and everybody else what is current. It changes
when the lab's current generation does, so a refused edit leaves no trace in it.

Reading the table costs a look at whether the thread is executing a lab module. Any thread may read it.
"""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import dramatiq

from hotlab.importing import Generation, Lab, ModuleRecord, executing_now, record_of_namespace

if TYPE_CHECKING:
    Table = dict[str, "dramatiq.Actor[Any, Any]"]
else:
    Table = dict

_lock = threading.Lock()
_followed: list[Lab] = []
_plain_init = dramatiq.Actor.__init__
_tables: list[weakref.ref[LabActors]] = []
_RECORD = "_hotlab_record"


def follow(lab: Lab) -> Callable[[], None]:
    """Let the actors of a lab's modules go with its generations; returns the undo."""
    with _lock:
        _followed.append(lab)
        lab.followers.append(_take_up)
        dramatiq.Actor.__init__ = _init  # type: ignore[method-assign]

    def undo() -> None:
        with _lock:
            _followed.remove(lab)
            lab.followers.remove(_take_up)
            if not _followed:
                dramatiq.Actor.__init__ = _plain_init  # type: ignore[method-assign]

    return undo


@functools.wraps(_plain_init)
def _init(self: Any, fn: Any, *, broker: Any, **options: Any) -> None:
    # Before dramatiq looks whether the name is taken.
    if executing_now() and type(broker.actors) is dict:
        broker.actors = LabActors(broker.actors)
        _tables.append(weakref.ref(broker.actors, _tables.remove))
    _plain_init(self, fn, broker=broker, **options)


class LabActors(Table):
    """A broker's actors by name."""

    def _seen(self) -> Table:
        """The table as this thread is to see it: that of the generation for which it executes a module."""
        executing = executing_now()
        if not executing:
            return self
        generation = executing[-1][0]
        if generation is generation.lab.current:
            return self
        seen: Table | None = generation.attachments.get(id(self))
        if seen is None:
            seen = {name: actor for name, actor in dict.items(self) if _belongs(actor, generation)}
            seen.update((name, actor) for table, name, actor in _declared_by(generation) if table is self)
            generation.attachments[id(self)] = seen
        return seen

    def __contains__(self, name: object) -> bool:
        seen = self._seen()
        return dict.__contains__(seen, name)

    def __getitem__(self, name: str) -> Any:
        return dict.__getitem__(self._seen(), name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        return dict.get(self._seen(), name, default)

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self._seen())

    def __len__(self) -> int:
        return dict.__len__(self._seen())

    def keys(self) -> Any:
        """As of a dict."""
        return dict.keys(self._seen())

    def values(self) -> Any:
        """As of a dict."""
        return dict.values(self._seen())

    def items(self) -> Any:
        """As of a dict."""
        return dict.items(self._seen())

    def __setitem__(self, name: str, actor: Any) -> None:
        executing = executing_now()
        if executing:
            generation, record = executing[-1]
            # On the record and on the actor, which hold each other: what holds neither lets both go.
            record.attachments = [*(record.attachments or ()), (self, name, actor)]
            setattr(actor, _RECORD, record)
            if generation is not generation.lab.current:
                self._seen()[name] = actor
                return
        dict.__setitem__(self, name, actor)


def _record_of(actor: Any) -> ModuleRecord | None:
    """The execution of a lab module that declared an actor."""
    record = getattr(actor, _RECORD, None)
    if record is not None:
        return cast("ModuleRecord", record)
    # Declared before it was followed: where its function stands is where it was declared.
    return record_of_namespace(getattr(inspect.unwrap(actor.fn), "__globals__", None))


def _belongs(actor: Any, generation: Generation) -> bool:
    record = _record_of(actor)
    return record is None or record.lab is not generation.lab or generation.records.get(record.name) is record


def _declared_by(generation: Generation) -> Iterator[tuple[LabActors, str, Any]]:
    for record in list(generation.records.values()):
        yield from record.attachments or ()


def _take_up(now: Generation) -> None:
    """Another generation is current: its actors take the places of those that are not its own."""
    now.attachments.clear()  # what a thread that staged it has seen
    for table, name, actor in _declared_by(now):
        if dict.get(table, name) is not actor:
            dict.__setitem__(table, name, actor)
    for reference in list(_tables):
        known = reference()
        for name, actor in list(dict.items(known)) if known is not None else ():
            if known is not None and not _belongs(actor, now):
                dict.pop(known, name, None)
