"""Which code is the lab's, how it depends, and how a new generation of it is made. Knows no lab system.

See ``docs/how-reloading-works.md`` for the whole picture.
"""

from __future__ import annotations

from hotlab.importing.companions import accompany
from hotlab.importing.disk import DiskTree
from hotlab.importing.enabling import (
    current,
    disable,
    enable,
    enabled_labs,
    generation_of,
    get_lab,
    registering,
)
from hotlab.importing.errors import (
    HotlabError,
    LabNotEnabled,
    LabNotFoundOnPath,
    NotInLabCode,
    ReloadInProgress,
    ReloadRefused,
)
from hotlab.importing.executing import under_way as executing_now
from hotlab.importing.generations import Generation
from hotlab.importing.labs import Lab
from hotlab.importing.planning import Plan
from hotlab.importing.records import Entry, ModuleRecord, record_of_namespace
from hotlab.importing.registry import Registry
from hotlab.importing.sources import Snapshot, Source, SourceTree
from hotlab.importing.tracebacks import lab_frames, place_of

Staged = Generation

__all__ = [
    "DiskTree",
    "Entry",
    "Generation",
    "HotlabError",
    "Lab",
    "LabNotEnabled",
    "LabNotFoundOnPath",
    "ModuleRecord",
    "NotInLabCode",
    "Plan",
    "Registry",
    "ReloadInProgress",
    "ReloadRefused",
    "Snapshot",
    "Source",
    "SourceTree",
    "Staged",
    "accompany",
    "current",
    "disable",
    "enable",
    "enabled_labs",
    "executing_now",
    "generation_of",
    "get_lab",
    "lab_frames",
    "place_of",
    "record_of_namespace",
    "registering",
]
