"""Time limits of a refresh, in seconds."""

from __future__ import annotations

import math
from typing import Any

import attrs


def _positive(_instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{attribute.name} must be a positive number of seconds, not {value!r}")


def _seconds(default: float) -> Any:
    return attrs.field(default=default, converter=float, validator=_positive)


@attrs.frozen(kw_only=True)
class RefreshLimits:
    """How long each step of a refresh may take, in seconds. A step over its limit is abandoned.

    Attributes:
        drain_timeout: how long to wait for running tasks before the lab resumes and the edit is deferred.
        stop_timeout: for each participant to stop launching or allocating.
        pause_timeout: to pause the devices.
        disconnect_timeout: to disconnect those whose definition changed.
        reimport_timeout: for each participant to take the new definitions.
        connect_timeout: to connect the new devices.
        resume_timeout: for each resume.
    """

    drain_timeout: float = _seconds(600.0)
    stop_timeout: float = _seconds(10.0)
    pause_timeout: float = _seconds(30.0)
    disconnect_timeout: float = _seconds(30.0)
    reimport_timeout: float = _seconds(60.0)
    connect_timeout: float = _seconds(60.0)
    resume_timeout: float = _seconds(30.0)

    def of(self, step: str) -> float:
        """The limit of a step, by the step's name."""
        if step.startswith("resume"):
            return self.resume_timeout
        if step.startswith("stop"):
            return self.stop_timeout
        return {
            "pause_devices": self.pause_timeout,
            "drain": self.drain_timeout,
            "disconnect": self.disconnect_timeout,
            "reimport": self.reimport_timeout,
            "connect": self.connect_timeout,
            "roll_back": self.connect_timeout,
        }[step]
