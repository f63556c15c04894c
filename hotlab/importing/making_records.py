"""A module that is about to be executed: its record, and the globals that its code will have."""

from __future__ import annotations

import sys
from _thread import get_ident
from types import ModuleType
from typing import TYPE_CHECKING

from hotlab.importing.facades import is_facade_for, make_facade
from hotlab.importing.loaders import LabLoader, make_spec
from hotlab.importing.records import ModuleRecord, next_place, own_namespace

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.sources import Source


def new_record(generation: Generation, source: Source) -> ModuleRecord:
    """A record for a module that is about to be executed, with the globals its code will have."""
    lab, name, kind = generation.lab, source.name, source.kind
    loader = LabLoader(lab, name, source.path)
    spec = make_spec(loader, source)
    body = ModuleType(name)
    namespace = own_namespace(body)
    current = lab.current
    known = current.records.get(name)
    pinned = None if generation is current else generation
    # The order of the first imports stays that of all later executions.
    place = next_place() if known is None else known.place
    record = ModuleRecord(
        name, source, lab, spec, body, namespace, generation.number, pinned, source.is_package, get_ident(), place
    )
    record.making = generation
    if known is not None:
        record.noted = known.needs
    loader.record = record
    namespace["__spec__"] = spec
    namespace["__loader__"] = loader
    namespace["__builtins__"] = lab.builtins
    namespace["__package__"] = source.package
    if source.is_package:
        namespace["__path__"] = [source.folder]
    if kind != "namespace":
        namespace["__file__"] = source.path
        namespace["__cached__"] = spec.cached = source.cached
    if kind != "extension":
        present = sys.modules.get(name)
        if (known is None or known.facade is not present) and is_facade_for(present, lab, source):
            record.facade = present  # made by an import from outside, and nobody's yet
        else:
            record.facade = make_facade(lab, source, present)
    return record
