"""Measuring: the X-ray diffraction pattern of a sample."""

from __future__ import annotations

from typing import Any

from hotlab import BaseTask

from ..devices import Diffractometer
from .moving import Moving

PEAK_THRESHOLD = 100.0
"""Counts; anything below is taken for background."""


class Measuring(BaseTask):
    """Scan `sample` from `start` to `stop` degrees 2θ in steps of `step`, and find its peaks."""

    def __init__(
        self,
        *,
        sample: str,
        start: float = 10.0,
        stop: float = 80.0,
        step: float = 0.5,
        home: str = "rack",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sample = sample
        self.start = start
        self.stop = stop
        self.step = step
        self.home = home

    def run(self) -> dict[str, Any]:
        """Load the diffractometer, scan, unload it.

        Returns:
            `peaks`, the angles of the peaks; `threshold`, the counts that make one; and `points`,
            how many angles were measured.
        """
        request = {Diffractometer: {"stage": 1}}
        with self.lab_view.request_resources(request) as (devices, positions):
            diffractometer = devices[Diffractometer]
            stage = positions[Diffractometer]["stage"][0]
            diffractometer.open_cabinet()
            self.run_subtask(Moving, sample=self.sample, source=self.home, destination=stage)
            diffractometer.close_cabinet()
            pattern = diffractometer.scan(sample=self.sample, start=self.start, stop=self.stop, step=self.step)
            diffractometer.open_cabinet()
            self.run_subtask(Moving, sample=self.sample, source=stage, destination=self.home)
            diffractometer.close_cabinet()
        peaks = find_peaks(pattern["two_theta"], pattern["counts"])
        return {
            "peaks": peaks,
            "threshold": PEAK_THRESHOLD,
            "points": len(pattern["two_theta"]),
        }


def find_peaks(angles: list[float], counts: list[float]) -> list[float]:
    """The angles whose counts are above the threshold and above those of both neighbours."""
    return [
        angle
        for before, angle, here, after in zip(counts, angles[1:], counts[1:], counts[2:], strict=False)
        if here >= PEAK_THRESHOLD and here > before and here >= after
    ]
