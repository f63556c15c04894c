"""A robot arm that carries crucibles between the instruments and the rack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hotlab import BaseDevice, SamplePosition

from ..simulation import OrderRefused, Port, clock

SPEED = 0.25
"""Metres a second."""

GRIP_SECONDS = 2.0
HOME = "home"


class RobotArm(BaseDevice):
    """A gripper on a rail. It holds one crucible at a time and knows where it stands.

    Args:
        name: The device's name in the lab.
        port: The port that the arm is connected to.
        places: Where each device and rack stands, as x and y in metres. A position such as
            `furnace_1/inside/1` belongs to the place `furnace_1`.
    """

    def __init__(self, name: str, *, port: str, places: Mapping[str, Sequence[float]]) -> None:
        super().__init__(name, description="Robot arm on a rail")
        self._places = {HOME: (0.0, 0.0), **{place: (x, y) for place, (x, y) in places.items()}}
        self._port = Port(port)
        self._at = HOME
        self._holds: str | None = None
        self._stopped = False

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """What the gripper holds."""
        return [SamplePosition("gripper", description="Between the fingers", number=1)]

    def connect(self) -> None:
        """Take the port and drive home with an empty gripper."""
        self._port.open()
        self._at, self._holds, self._stopped = HOME, None, False

    def disconnect(self) -> None:
        """Let the port go."""
        self._port.close()

    def get_state(self) -> dict[str, str | None]:
        """Where the arm stands (`at`) and the sample in its gripper (`holds`)."""
        self._port.require_open(self.name)
        return {"at": self._at, "holds": self._holds}

    def pick_up(self, *, sample: str, position: str) -> float:
        """Drive to `position` and take `sample` from it.

        Returns:
            How many seconds it took.
        """
        self._check_ready()
        if self._holds is not None:
            raise OrderRefused(f"{self.name} already holds {self._holds}: put it down before picking up {sample}")
        seconds = self._drive_to(position)
        self._holds = sample
        return seconds

    def put_down(self, *, position: str) -> float:
        """Drive to `position` and leave there what the gripper holds.

        Returns:
            How many seconds it took.
        """
        self._check_ready()
        if self._holds is None:
            raise OrderRefused(f"{self.name} holds nothing to put down at {position}")
        seconds = self._drive_to(position)
        self._holds = None
        return seconds

    def emergency_stop(self) -> None:
        """Hold still until the arm is connected again."""
        self._stopped = True

    def _check_ready(self) -> None:
        self._port.require_open(self.name)
        if self._stopped:
            raise OrderRefused(f"{self.name} was stopped in an emergency: look at it, then connect it again")

    def _drive_to(self, position: str) -> float:
        place = position.partition("/")[0]
        if place not in self._places:
            raise OrderRefused(f"{self.name} cannot reach {position}: it knows {', '.join(sorted(self._places))}")
        start = self._places[self._at.partition("/")[0]]
        seconds = math.dist(start, self._places[place]) / SPEED + GRIP_SECONDS
        clock.sleep(seconds)
        self._check_ready()
        self._at = position
        return round(seconds, 1)
