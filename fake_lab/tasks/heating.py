"""Heating: a sample in a furnace, ramped up, held, and cooled until it can be taken out."""

from __future__ import annotations

from typing import Any

from hotlab import BaseTask

from ..devices import Furnace
from ..simulation import clock
from .moving import Moving

LONGEST_WAIT = 600.0
"""Simulated seconds between two looks at the furnace."""


class Heating(BaseTask):
    """Hold `sample` at `temperature` °C for `minutes`, ramping by `ramp` °C a minute."""

    def __init__(
        self,
        *,
        sample: str,
        temperature: float,
        minutes: float,
        ramp: float = 10.0,
        home: str = "rack",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sample = sample
        self.temperature = temperature
        self.minutes = minutes
        self.ramp = ramp
        self.home = home

    def run(self) -> dict[str, Any]:
        """Load the furnace, run its program, wait until it is safe to open, unload it.

        Returns:
            `furnace`, `heated_minutes` (the program's length), `highest`, the highest temperature
            seen, and `unloaded_at`, the temperature at which the door was opened.
        """
        with self.lab_view.request_resources({Furnace: {"inside": 1}}) as (devices, positions):
            furnace = devices[Furnace]
            inside = positions[Furnace]["inside"][0]
            furnace.open_door()
            self.run_subtask(Moving, sample=self.sample, source=self.home, destination=inside)
            furnace.close_door()
            seconds = furnace.start_program(temperature=self.temperature, minutes=self.minutes, ramp=self.ramp)
            highest = self._wait_until_cool(furnace)
            unloaded_at = furnace.get_temperature()
            furnace.open_door()
            self.run_subtask(Moving, sample=self.sample, source=inside, destination=self.home)
            furnace.close_door()
        return {
            "furnace": furnace.name,
            "heated_minutes": round(seconds / 60, 1),
            "highest": highest,
            "unloaded_at": unloaded_at,
        }

    def _wait_until_cool(self, furnace: Furnace) -> float:
        highest = furnace.get_temperature()
        while (left := furnace.seconds_to_cool()) > 0:
            clock.sleep(min(left, LONGEST_WAIT))
            highest = max(highest, furnace.get_temperature())
        return highest
