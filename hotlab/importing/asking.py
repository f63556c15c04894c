"""Whose generation is asked for: found on the calling stack, so that libraries that look a lab module up by name
(typing, dataclasses, pickle, pkgutil) on behalf of old code find that code's own generation.

A frame of lab code allows the generations that share its module. The nearest frame that leaves just one decides; a
module shared by several leaves it to the frames above; where none decides, it is the newest that all of them allow.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

from hotlab.importing import executing
from hotlab.importing.records import ModuleRecord, record_of_namespace

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.labs import Lab


def generation_asked_for(lab: Lab) -> Generation:
    """The generation of the lab code that called, through whatever else; the current one where none did."""
    current = lab.current
    if not lab.others_alive:
        return current
    if executing.under_way():
        making = executing.innermost_of(lab)
        if making is not None:
            return making
    frame: FrameType | None = sys._getframe(1)
    found = current
    seen: list[ModuleRecord] = []
    while frame is not None:
        namespace = frame.f_globals
        # Cheaper than looking for a record in each frame: all modules of a lab have this one dict.
        record = record_of_namespace(namespace) if namespace.get("__builtins__") is lab.builtins else None
        if record is not None:
            if found.records.get(record.name) is not record:
                home = record.pinned
                if home is None or any(home.records.get(one.name) is not one for one in seen):
                    return found  # nearer code is of no generation that this code is of
                found = home
            if record.born == found.number:
                return found
            seen.append(record)
        frame = frame.f_back
    return found


def calling_record(lab: Lab) -> ModuleRecord | None:
    """The record of the nearest lab code that called, through whatever else."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__builtins__") is lab.builtins:
            record = record_of_namespace(frame.f_globals)
            if record is not None:
                return record
        frame = frame.f_back
    return None
