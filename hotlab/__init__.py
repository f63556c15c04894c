"""hotlab: an automated laboratory changes its own code while it runs.

In the lab package's ``__init__.py``, first line::

    import hotlab
    hotlab.enable()

From there on an edit makes a new generation of just the modules it touches, all or nothing; running work keeps the
generation it started in. ``hotlab run LAB`` runs such a lab and takes edits in as they are saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotlab.importing import (
    Generation,
    HotlabError,
    Lab,
    LabNotEnabled,
    LabNotFoundOnPath,
    NotInLabCode,
    ReloadInProgress,
    accompany,
    current,
    disable,
    enable,
)

if TYPE_CHECKING:
    from hotlab.refreshing import Participant, RefreshReport, hookimpl, refresh
    from hotlab.runtime import (
        BaseDevice,
        BaseTask,
        SamplePosition,
        add_device,
        add_standalone_sample_position,
        add_task,
    )

_ON_FIRST_USE = {
    "hookimpl": "hotlab.refreshing.markers",
    "refresh": "hotlab.refreshing",
    "Participant": "hotlab.refreshing",
    "RefreshReport": "hotlab.refreshing",
    "BaseDevice": "hotlab.runtime",
    "BaseTask": "hotlab.runtime",
    "SamplePosition": "hotlab.runtime",
    "add_device": "hotlab.runtime",
    "add_standalone_sample_position": "hotlab.runtime",
    "add_task": "hotlab.runtime",
}

accompany("dramatiq", "hotlab.runtime.lab_actors")

__all__ = [
    "BaseDevice",
    "BaseTask",
    "Generation",
    "HotlabError",
    "Lab",
    "LabNotEnabled",
    "LabNotFoundOnPath",
    "NotInLabCode",
    "Participant",
    "RefreshReport",
    "ReloadInProgress",
    "SamplePosition",
    "add_device",
    "add_standalone_sample_position",
    "add_task",
    "current",
    "disable",
    "enable",
    "hookimpl",
    "refresh",
]


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'hotlab' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
