"""How a lab is brought into a process, and how what an earlier run left behind is put right.

Called on the thread that starts the lab, before anything of it runs.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

from hotlab.importing import (
    HotlabError,
    Lab,
    LabNotFoundOnPath,
    enable,
    enabled_labs,
    lab_frames,
    place_of,
)
from hotlab.runtime.errors import LabImportError
from hotlab.runtime.location import LabLocation
from hotlab.runtime.store import Store, states

_log = logging.getLogger(__name__)


def import_lab(location: LabLocation) -> Lab:
    """Enable a lab package and import it.

    Raises:
        LabImportError: it can't be imported; one line says where the fault is.
    """
    name = location.import_name
    if location.path_to_add is not None and str(location.path_to_add) not in sys.path:
        sys.path.insert(0, str(location.path_to_add))
    was_enabled = name in enabled_labs()
    try:
        lab = enable(name)
        importlib.import_module(name)
    except LabNotFoundOnPath as error:
        raise LabImportError(f"lab {name}: {error}") from error
    except BaseException as error:
        if not was_enabled:
            _forget(name)
        raise _import_error(name, location.folder, error) from error
    # A package that enables itself in its first line runs that line before Python has given it a name.
    return enabled_labs().get(name, lab)


def _import_error(name: str, folder: Path, error: BaseException) -> LabImportError:
    place = place_of(error, folder)
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    fault = f"{type(error).__name__}: {what}" if what else type(error).__name__
    if isinstance(error, HotlabError):
        fault = str(error)
    where = f" ({place})" if place is not None else f" ({folder})"
    line = f"lab {name} can't be imported: {fault}{where}".replace("\n", " ")
    return LabImportError(line, lab_frames(error, folder))


def _forget(name: str) -> None:
    """Leave the process as if the import had never been tried."""
    from hotlab.importing import disable

    if name in enabled_labs():
        disable(name)
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


def put_right(store: Store, run_id: str) -> tuple[str, ...]:
    """Mend what runs that died have left: nothing stays paused by their refreshes, nothing stays half-done.

    The caller holds the lab's lock, so no other run is alive.

    Returns:
        What was found, a line each.
    """
    found: list[str] = []
    for run in store.runs.end_others(run_id):
        found.append(f"the run of process {run.pid} on {run.host} had ended without stopping")
    pauses = store.devices.clear_pauses(states.REFRESH_OWNER_PREFIX)
    for owner in sorted({pause.owner for pause in pauses}):
        names = ", ".join(sorted(pause.device for pause in pauses if pause.owner == owner))
        refresh = owner.removeprefix(states.REFRESH_OWNER_PREFIX)
        found.append(f"refresh {refresh} had died with its run; paused by it, and resumed now: {names}")
    for task in store.tasks.interrupt(except_run=run_id):
        found.append(
            f"task {task.id} ({task.kind}) was interrupted at {task.state}: it is an ERROR now, what it held is free, "
            "and it is not run again by itself"
        )
    for command_id in store.commands.abandon(except_run=run_id):
        found.append(f"command {command_id} was begun and never finished")
    store.resources.end_all()
    for line in found:
        _log.warning("%s", line)
    return tuple(found)
