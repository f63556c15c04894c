"""What becomes of code when another takes its place: its text stays findable, its instances say where they belong.

Code objects name a file, and the file holds another text by now. So old code gets a file name of its own, which
tracebacks and ``inspect`` look up in ``linecache``, and current code always has the real one, for debuggers and
coverage. An instance of a class that is not current can't be pickled by outside code: it would be read back as an
instance of another class, without a word.
"""

from __future__ import annotations

import linecache
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import decode_source
from types import FrameType, MethodType
from typing import TYPE_CHECKING, Any

import attrs

from hotlab.importing import releasing
from hotlab.importing.asking import generation_asked_for
from hotlab.importing.records import ModuleRecord
from hotlab.importing.sources import Source

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation

Replaced = tuple[str, "ModuleRecord | None", "ModuleRecord | None"]
_OF_SUBCLASSES = ("__reduce_ex__", "__reduce__", "__call__")  # the last is a guard's own
_type_members: Any = vars(type)
# A metaclass may answer for `__dict__` as it likes, by running code of the lab's.
_members: Callable[[type], Mapping[str, Any]] = _type_members["__dict__"].__get__


@attrs.frozen(eq=False)
class Swap:
    """One generation took the place of another.

    Attributes:
        before: the generation that was current.
        now: the one that is.
        replaced: the executed modules that they do not share: name, record of the one, record of the other.
        changed: names of the modules whose sources differ.
    """

    before: Generation
    now: Generation
    replaced: Iterable[Replaced]
    changed: Iterable[str]


def swap(swapped: Swap) -> None:
    """Retire what a generation does not share with the one that is current now, and bring back what that one has."""
    before, now = swapped.before, swapped.now
    for name in swapped.changed:
        old, new = before.snapshot.get(name), now.snapshot.get(name)
        if old is new:
            continue
        if old is not None and old.kind != "extension":
            _retire_text(old)
        if new is not None and new.retired:
            new.set_retired(False)
    for _name, old_record, new_record in swapped.replaced:
        if old_record is not None and old_record.source.kind != "extension":
            _guard_classes(old_record)
        if new_record is not None and new_record.guarded:
            _unguard_classes(new_record)
    releasing.empty_typing_caches()


def _retire_text(source: Source) -> None:
    source.set_retired(True)
    name = source.shown_path

    def forget(_gone: object) -> None:
        linecache.cache.pop(name, None)

    kept = weakref.ref(source, forget)

    def text() -> str | None:
        alive = kept()
        return None if alive is None else decode_source(alive.text)

    # An entry of one function is what linecache calls lazy: it is asked when a line is wanted, and never found stale.
    linecache.cache[name] = (text,)


def _classes_in(record: ModuleRecord) -> Iterator[type]:
    """The classes that a module defines by class statements, at its top level and in classes there."""
    for path in record.source.facts().classes:
        found: Any = record.namespace.get(path[0])
        for name in path[1:]:
            found = _members(found).get(name) if _is_class(found) else None
        home = _members(found).get("__module__") if _is_class(found) else None
        if type(home) is str and home == record.name:
            yield found


def _names(reduced: Any, cls: type) -> bool:
    """Whether what an instance is reduced to names its class, and not just data."""
    if not isinstance(reduced, tuple) or len(reduced) < 2:
        return True
    return reduced[0] is cls or any(each is cls for each in reduced[1] or ())


def _is_class(value: Any) -> bool:
    """As isinstance(value, type), without running code of the lab's."""
    return issubclass(type(value), type)


def _guard_classes(record: ModuleRecord) -> None:
    record.guarded = True
    for cls in _classes_in(record):
        own = _members(cls).get("__reduce_ex__")
        if type(own) is not _Guard:
            try:
                # type's own: a metaclass may have other ideas of setting an attribute, and this is no place to run it.
                type.__setattr__(cls, "__reduce_ex__", _Guard(record, cls, own))
            except TypeError:
                continue  # an immutable type


def _unguard_classes(record: ModuleRecord) -> None:
    record.guarded = False
    for cls in _classes_in(record):
        guard: Any = _members(cls).get("__reduce_ex__")
        if type(guard) is _Guard:
            if guard.own is None:
                type.__delattr__(cls, "__reduce_ex__")
            else:
                type.__setattr__(cls, "__reduce_ex__", guard.own)


class _Guard:
    """The ``__reduce_ex__`` of a class that an edit has replaced. `own` is the one that the class itself defines."""

    __slots__ = ("cls", "own", "record")

    def __init__(self, record: ModuleRecord, cls: type, own: Any) -> None:
        self.record = record
        self.cls = cls
        self.own = own

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, instance: Any, protocol: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_name in _OF_SUBCLASSES:
            frame = frame.f_back  # of a subclass, which asks on behalf of somebody
        record, cls = self.record, self.cls
        if self.own is not None:
            reduced = self.own.__get__(instance, type(instance))(protocol)
        else:
            above: Any = super(cls, instance)
            reduced = above.__reduce_ex__(protocol)
        copies = frame is not None and frame.f_globals.get("__name__") == "copy"
        if not copies and _names(reduced, type(instance)):
            asked = generation_asked_for(record.lab)
            if asked.records.get(record.name) is not record:
                from pickle import PicklingError  # loaded by who got here, and not needed by a lab that never does

                raise PicklingError(
                    f"an instance of {cls.__module__}.{cls.__qualname__} of generation {record.home.number} can't be "
                    f"pickled by code of generation {asked.number} of {record.lab.name}, where that name is another "
                    "class: hand over plain data, or pickle it in the code that made it"
                )
        return reduced
