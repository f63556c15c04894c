"""An analytical balance: tare it, then weigh what stands on its pan."""

from __future__ import annotations

from random import Random

from hotlab import BaseDevice, SamplePosition

from ..simulation import OrderRefused, Port, clock

SETTLING_SECONDS = 15.0
NOISE = 0.0001
"""Grams; one standard deviation."""


class Balance(BaseDevice):
    """A balance with one pan.

    Args:
        name: The device's name in the lab.
        port: The port that the balance is connected to.
        capacity: The heaviest load it takes, in grams.
    """

    def __init__(self, name: str, *, port: str, capacity: float = 220.0) -> None:
        super().__init__(name, description=f"Analytical balance up to {capacity:g} g")
        self.capacity = capacity
        self._port = Port(port)
        self._tared = False
        self._readings = 0

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """The pan."""
        return [SamplePosition("pan", description="The weighing pan", number=1)]

    def connect(self) -> None:
        """Take the port. The balance must be tared before it weighs."""
        self._port.open()
        self._tared = False

    def disconnect(self) -> None:
        """Let the port go."""
        self._port.close()

    def tare(self) -> None:
        """Set the reading to zero."""
        self._port.require_open(self.name)
        clock.sleep(SETTLING_SECONDS)
        self._tared = True

    def weigh(self, *, sample: str, expected: float) -> float:
        """Weigh `sample`, whose mass is near `expected`.

        There is no real load on a simulated pan, hence `expected`: the reading is that mass and a
        little noise, the same for the same sample each time.

        Returns:
            The mass in grams.
        """
        self._port.require_open(self.name)
        if not self._tared:
            raise OrderRefused(f"{self.name} is not tared: call tare() before weighing {sample}")
        if not 0 <= expected <= self.capacity:
            raise OrderRefused(f"{self.name} weighs from 0 to {self.capacity:g} g, not {expected:g} g of {sample}")
        clock.sleep(SETTLING_SECONDS)
        self._readings += 1
        return round(max(0.0, expected + Random(sample).gauss(0.0, NOISE)), 4)

    def count_readings(self) -> int:
        """How often this instance has weighed something."""
        return self._readings
