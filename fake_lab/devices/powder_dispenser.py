"""A powder dispenser: it doses from its jars into a crucible and shakes the crucible."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from hotlab import BaseDevice, SamplePosition

from ..simulation import OrderRefused, Port, clock

SMALLEST_DOSE = 0.005
"""Grams."""

SECONDS_PER_GRAM = 20.0
OVERSHOOT = 0.002
"""Grams; the most that a dose may come out above what was asked for."""


class PowderDispenser(BaseDevice):
    """A carousel of powder jars over a shaker.

    Args:
        name: The device's name in the lab.
        port: The port that the dispenser is connected to.
        jars: The powders loaded, and how many grams of each.
    """

    def __init__(self, name: str, *, port: str, jars: Mapping[str, float]) -> None:
        super().__init__(name, description=f"Powder dispenser with {len(jars)} jars")
        self._loaded = dict(jars)
        self._stock = dict(jars)
        self._port = Port(port)
        self._shaking = False

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """The place under the nozzle."""
        return [SamplePosition("shaker", description="Under the nozzle", number=1)]

    def connect(self) -> None:
        """Take the port. The jars are taken to be as full as they were loaded."""
        self._port.open()
        self._stock = dict(self._loaded)

    def disconnect(self) -> None:
        """Let the port go."""
        self._port.close()

    def get_stock(self) -> dict[str, float]:
        """How many grams are left of each powder."""
        self._port.require_open(self.name)
        return {powder: round(grams, 4) for powder, grams in self._stock.items()}

    def dispense(self, *, powder: str, grams: float) -> float:
        """Dose `grams` of `powder`.

        Returns:
            The grams that really came out, a little more than asked for.
        """
        self._port.require_open(self.name)
        left = self._stock.get(powder)
        if left is None:
            raise OrderRefused(f"{self.name} has no jar of {powder}: it has {', '.join(sorted(self._stock))}")
        if grams < SMALLEST_DOSE:
            raise OrderRefused(
                f"{self.name} cannot dose {grams:g} g of {powder}: its smallest dose is {SMALLEST_DOSE:g} g"
            )
        if left < grams + OVERSHOOT:
            raise OrderRefused(
                f"{self.name} has {left:.3f} g of {powder} left, too little for {grams:g} g: fill the jar"
            )
        clock.sleep(grams * SECONDS_PER_GRAM)
        dose = round(grams + Random(f"{powder} {left}").uniform(0.0, OVERSHOOT), 4)
        self._stock[powder] = left - dose
        return dose

    def shake(self, *, seconds: float) -> None:
        """Shake what stands under the nozzle."""
        self._port.require_open(self.name)
        if seconds <= 0:
            raise OrderRefused(f"{self.name} cannot shake for {seconds:g} s: ask for more than 0")
        self._shaking = True
        try:
            clock.sleep(seconds)
        finally:
            self._shaking = False

    def is_running(self) -> bool:
        """Whether the shaker is on."""
        return self._shaking
