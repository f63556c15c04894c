"""What a running lab can be told through its store: a handler for each kind of command.

The outcome of each is JSON with `ok`; a fault of the arguments is one line in `error`. Called on threads of the
command service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hotlab.importing import HotlabError
from hotlab.runtime.command_service import Handler
from hotlab.runtime.store import CommandRecord, states

if TYPE_CHECKING:
    from hotlab.runtime.running_lab import RunningLab


def handlers_of(lab: RunningLab) -> Mapping[str, Handler]:
    """The handlers by kind of command.

    ``refresh``: takes pending edits in; `report` is the refresh's report, None with ``{"wait": false}``.
    ``submit``: `kind`, `parameters`, `priority`, `after`; gives `task_id`.
    ``cancel``: `task_id`; gives `outcome`.
    ``device_pause``: `devices`, `reason`. ``device_resume``: `devices`; gives those that had been paused.
    ``ping``: gives the run's id.
    """

    def refresh(command: CommandRecord) -> Mapping[str, Any]:
        wait = bool(command.arguments.get("wait", True))
        report = lab.refresher.refresh("command", wait=wait)
        if report is None:
            return {"report": None}
        return {"ok": report.ok, "report": report.to_json(), "error": report.error}

    def submit(command: CommandRecord) -> Mapping[str, Any]:
        arguments = command.arguments
        task_id = lab.tasks.submit(
            arguments["kind"],
            arguments.get("parameters", {}),
            priority=int(arguments.get("priority", 0)),
            after=arguments.get("after", ()),
        )
        return {"task_id": task_id}

    def cancel(command: CommandRecord) -> Mapping[str, Any]:
        return {"outcome": lab.tasks.cancel(command.arguments["task_id"])}

    def device_pause(command: CommandRecord) -> Mapping[str, Any]:
        names = _known_devices(lab, command)
        reason = command.arguments.get("reason", "")
        lab.store.devices.pause(names, states.OPERATOR, reason)
        return {"devices": names}

    def device_resume(command: CommandRecord) -> Mapping[str, Any]:
        names = _known_devices(lab, command)
        return {"devices": list(lab.store.devices.resume(names, states.OPERATOR))}

    def ping(command: CommandRecord) -> Mapping[str, Any]:
        return {"run_id": lab.run_id}

    return {
        "refresh": refresh,
        "submit": submit,
        "cancel": cancel,
        "device_pause": device_pause,
        "device_resume": device_resume,
        "ping": ping,
    }


def _known_devices(lab: RunningLab, command: CommandRecord) -> list[str]:
    names = list(command.arguments["devices"])
    known = {device.name for device in lab.store.devices.all()}
    for name in names:
        if name not in known:
            raise HotlabError(f"there is no device {name!r}; the lab has {', '.join(sorted(known)) or 'none'}")
    return names
