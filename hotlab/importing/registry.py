"""What the modules of a generation registered: opaque keys and values, with the module that did it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from hotlab.importing import executing
from hotlab.importing.records import Entry

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation


class Registry:
    """The registrations of a generation.

    An entry goes away with its module and comes back with it on a roll-back; it is shared with the module.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def register(self, key: Hashable, value: object, module: str | None = None) -> None:
        """Register a value under a key, for `module` or for the lab module that this thread is executing.

        Raises:
            KeyError: the module is not part of the generation.
        """
        if module is None:
            top = executing.top()
            if top is None:
                raise KeyError("no lab module is being executed on this thread: name the module")
            record = top[1]
        else:
            record = self._generation.records[module]
        if record.entries is None:
            record.entries = []
        record.entries.append(Entry(key, value, record.name))

    def entries(self) -> tuple[Entry, ...]:
        """All entries, by the order in which their modules were first executed."""
        records = [record for record in self._generation.records.copy().values() if record.entries]
        records.sort(key=lambda record: record.place)
        return tuple(entry for record in records for entry in record.entries or ())

    def get(self, key: Hashable) -> object | None:
        """The value registered last under a key, or None."""
        found = None
        for entry in self.entries():
            if entry.key == key:
                found = entry.value
        return found
