"""Weighing: the mass of a sample."""

from __future__ import annotations

from typing import Any

from hotlab import BaseTask

from ..devices import Balance
from .moving import Moving


class Weighing(BaseTask):
    """Weigh `sample`, which stands at `home` and should have a mass near `expected` grams."""

    def __init__(self, *, sample: str, expected: float, home: str = "rack", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sample = sample
        self.expected = expected
        self.home = home

    def run(self) -> dict[str, Any]:
        """Tare the balance, bring the sample, weigh it, take it back.

        Returns:
            `grams`, the mass, and `deviation`, how far it is from what was expected.
        """
        with self.lab_view.request_resources({Balance: {"pan": 1}}) as (devices, positions):
            balance = devices[Balance]
            pan = positions[Balance]["pan"][0]
            balance.tare()
            self.run_subtask(Moving, sample=self.sample, source=self.home, destination=pan)
            grams = balance.weigh(sample=self.sample, expected=self.expected)
            self.run_subtask(Moving, sample=self.sample, source=pan, destination=self.home)
        return {"grams": grams, "deviation": round(grams - self.expected, 4)}
