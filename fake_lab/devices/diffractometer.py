"""A powder X-ray diffractometer with an interlocked cabinet."""

from __future__ import annotations

import math
from random import Random

from hotlab import BaseDevice, SamplePosition

from ..simulation import OrderRefused, Port, clock

LOWEST_ANGLE = 5.0
HIGHEST_ANGLE = 120.0
SECONDS_PER_STEP = 1.0
MOST_STEPS = 20_000
PEAK_WIDTH = 0.15
"""Degrees; the standard deviation of a peak."""


class Diffractometer(BaseDevice):
    """A diffractometer with one sample stage. Angles are 2θ in degrees.

    Args:
        name: The device's name in the lab.
        port: The port that the diffractometer is connected to.
    """

    def __init__(self, name: str, *, port: str) -> None:
        super().__init__(name, description="Powder X-ray diffractometer")
        self._port = Port(port)
        self._cabinet_open = False
        self._beam_on = False

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """The sample stage."""
        return [SamplePosition("stage", description="The sample stage", number=1)]

    def connect(self) -> None:
        """Take the port. The cabinet is closed and the beam off."""
        self._port.open()
        self._cabinet_open = self._beam_on = False

    def disconnect(self) -> None:
        """Switch the beam off and let the port go."""
        self._beam_on = False
        self._port.close()

    def open_cabinet(self) -> None:
        """Open the cabinet. Refused while the beam is on."""
        self._port.require_open(self.name)
        if self._beam_on:
            raise OrderRefused(f"the beam of {self.name} is on: its cabinet stays closed")
        self._cabinet_open = True

    def close_cabinet(self) -> None:
        """Close the cabinet; no harm if it is closed."""
        self._port.require_open(self.name)
        self._cabinet_open = False

    def scan(
        self, *, sample: str, start: float = 10.0, stop: float = 80.0, step: float = 0.5
    ) -> dict[str, list[float]]:
        """Measure `sample` from `start` to `stop`.

        Returns:
            `two_theta`, the angles, and `counts`, the intensity at each.
        """
        self._port.require_open(self.name)
        if self._cabinet_open:
            raise OrderRefused(f"the cabinet of {self.name} is open: close it before scanning")
        if not LOWEST_ANGLE <= start < stop <= HIGHEST_ANGLE:
            raise OrderRefused(
                f"{self.name} scans upwards between {LOWEST_ANGLE:g} and {HIGHEST_ANGLE:g} "
                f"degrees, not from {start:g} to {stop:g}"
            )
        if step <= 0 or (stop - start) / step > MOST_STEPS:
            raise OrderRefused(
                f"{self.name} cannot scan in steps of {step:g} degrees: the step must be above 0 "
                f"and the scan at most {MOST_STEPS} steps"
            )
        angles = [round(start + i * step, 4) for i in range(int((stop - start) / step) + 1)]
        self._beam_on = True
        try:
            clock.sleep(len(angles) * SECONDS_PER_STEP)
            self._check_beam(sample)
        finally:
            self._beam_on = False
        return {"two_theta": angles, "counts": _pattern(sample, angles)}

    def is_running(self) -> bool:
        """Whether the beam is on."""
        return self._beam_on

    def emergency_stop(self) -> None:
        """Switch the beam off; a scan under way fails."""
        self._beam_on = False

    def _check_beam(self, sample: str) -> None:
        if not self._beam_on:
            raise OrderRefused(f"the scan of {sample} failed: the beam of {self.name} went off")


def _pattern(sample: str, angles: list[float]) -> list[float]:
    """Five peaks on a flat background, the same for the same sample each time."""
    random = Random(sample)
    peaks = [(random.uniform(15.0, 75.0), random.uniform(200.0, 1000.0)) for _ in range(5)]
    return [
        round(
            20.0 + sum(h * math.exp(-(((a - c) / PEAK_WIDTH) ** 2) / 2) for c, h in peaks),
            1,
        )
        for a in angles
    ]
