"""Moving: the robot arm carries a sample from one position to another."""

from __future__ import annotations

from typing import Any

from hotlab import BaseTask

from ..devices import RobotArm


class Moving(BaseTask):
    """Carry `sample` from `source` to `destination`."""

    def __init__(self, *, sample: str, source: str, destination: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sample = sample
        self.source = source
        self.destination = destination

    def run(self) -> dict[str, Any]:
        """Pick the sample up and put it down.

        Returns:
            `position`, where the sample is now, and `seconds`, how long it was carried.
        """
        with self.lab_view.request_resources({RobotArm: {}}) as (devices, _):
            arm = devices[RobotArm]
            arm.pick_up(sample=self.sample, position=self.source)
            seconds = arm.put_down(position=self.destination)
        return {"position": self.destination, "seconds": seconds}
