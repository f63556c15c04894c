"""A small lab system: devices, tasks, resources, and the process that runs them.

Lab code imports this package through ``hotlab``, so it loads light modules only: SQLAlchemy and dramatiq come in with
the names that need them, on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotlab.runtime.configuration import LabConfig, LoadedConfig, load_config
    from hotlab.runtime.definitions import (
        Definitions,
        add_device,
        add_standalone_sample_position,
        add_task,
    )
    from hotlab.runtime.devices import BaseDevice, SamplePosition
    from hotlab.runtime.errors import (
        LabAlreadyRunning,
        LabImportError,
        ResourceRequestError,
        ResourceTimeout,
        TaskCancelled,
    )
    from hotlab.runtime.location import LabLocation, find_lab
    from hotlab.runtime.running_lab import RunningLab
    from hotlab.runtime.store import Store, StoreError
    from hotlab.runtime.tasks import BaseTask

_HOMES = {
    "BaseDevice": "devices",
    "BaseTask": "tasks",
    "Definitions": "definitions",
    "LabAlreadyRunning": "errors",
    "LabConfig": "configuration",
    "LabImportError": "errors",
    "LabLocation": "location",
    "LoadedConfig": "configuration",
    "ResourceRequestError": "errors",
    "ResourceTimeout": "errors",
    "RunningLab": "running_lab",
    "SamplePosition": "devices",
    "Store": "store",
    "StoreError": "store",
    "TaskCancelled": "errors",
    "add_device": "definitions",
    "add_standalone_sample_position": "definitions",
    "add_task": "definitions",
    "find_lab": "location",
    "load_config": "configuration",
}

__all__ = [
    "BaseDevice",
    "BaseTask",
    "Definitions",
    "LabAlreadyRunning",
    "LabConfig",
    "LabImportError",
    "LabLocation",
    "LoadedConfig",
    "ResourceRequestError",
    "ResourceTimeout",
    "RunningLab",
    "SamplePosition",
    "Store",
    "StoreError",
    "TaskCancelled",
    "add_device",
    "add_standalone_sample_position",
    "add_task",
    "find_lab",
    "load_config",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
