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
from collections.abc import Callable, Iterable, Iterator
from importlib.util import decode_source
from typing import TYPE_CHECKING, Any

import attrs

from hotlab.importing import releasing
from hotlab.importing.asking import generation_asked_for
from hotlab.importing.records import ModuleRecord
from hotlab.importing.sources import Source

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation

Replaced = tuple[str, "ModuleRecord | None", "ModuleRecord | None"]
_GUARD = "__hotlab_guard__"


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
            found = found.__dict__.get(name) if _is_class(found) else None
        if _is_class(found) and found.__dict__.get("__module__") == record.name:
            yield found


def _is_class(value: Any) -> bool:
    """As isinstance(value, type), without running code of the lab's."""
    return issubclass(type(value), type)


def _guard_classes(record: ModuleRecord) -> None:
    record.guarded = True
    for cls in _classes_in(record):
        own = cls.__dict__.get("__reduce_ex__")
        if not hasattr(own, _GUARD):
            try:
                # type's own: a metaclass may have other ideas of setting an attribute, and this is no place to run it.
                type.__setattr__(cls, "__reduce_ex__", _guarded_reduce(record, cls, own))
            except TypeError:
                continue  # an immutable type


def _unguard_classes(record: ModuleRecord) -> None:
    record.guarded = False
    for cls in _classes_in(record):
        guard: Any = cls.__dict__.get("__reduce_ex__")
        if hasattr(guard, _GUARD):
            if guard.__hotlab_guard__ is None:
                type.__delattr__(cls, "__reduce_ex__")
            else:
                type.__setattr__(cls, "__reduce_ex__", guard.__hotlab_guard__)


def _guarded_reduce(record: ModuleRecord, cls: type, own: Any) -> Callable[[Any, Any], Any]:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        frame = sys._getframe(1)
        if frame.f_globals.get("__name__") != "copy":
            asked = generation_asked_for(record.lab)
            if asked.records.get(record.name) is not record:
                from pickle import PicklingError  # loaded by who got here, and not needed by a lab that never does

                raise PicklingError(
                    f"an instance of {cls.__module__}.{cls.__qualname__} of generation {record.home.number} can't be "
                    f"pickled by code of generation {asked.number} of {record.lab.name}, where that name is another "
                    "class: hand over plain data, or pickle it in the code that made it"
                )
        if own is not None:
            return own.__get__(self, type(self))(protocol)
        above: Any = super(cls, self)
        return above.__reduce_ex__(protocol)

    setattr(__reduce_ex__, _GUARD, own)
    return __reduce_ex__
