"""Mixing: powders, dosed into a sample's crucible and shaken."""

from __future__ import annotations

from typing import Any

from hotlab import BaseTask

from ..devices import PowderDispenser
from .moving import Moving


class Mixing(BaseTask):
    """Dose `powders` (grams by name) into the crucible of `sample` and shake it for `minutes`."""

    def __init__(
        self,
        *,
        sample: str,
        powders: dict[str, float],
        minutes: float = 5.0,
        home: str = "rack",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not powders:
            raise ValueError(f"no powders to mix for {sample}: name at least one, with its grams")
        self.sample = sample
        self.powders = powders
        self.minutes = minutes
        self.home = home

    def run(self) -> dict[str, Any]:
        """Bring the crucible, dose each powder, shake, take the crucible back.

        Returns:
            `doses`, the grams of each powder that came out, and `grams`, their sum.
        """
        request = {PowderDispenser: {"shaker": 1}}
        with self.lab_view.request_resources(request) as (devices, positions):
            dispenser = devices[PowderDispenser]
            shaker = positions[PowderDispenser]["shaker"][0]
            self.run_subtask(Moving, sample=self.sample, source=self.home, destination=shaker)
            doses = {powder: dispenser.dispense(powder=powder, grams=grams) for powder, grams in self.powders.items()}
            dispenser.shake(seconds=self.minutes * 60)
            self.run_subtask(Moving, sample=self.sample, source=shaker, destination=self.home)
        return {"doses": doses, "grams": round(sum(doses.values()), 4)}
