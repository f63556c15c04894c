"""A box furnace with a door: it heats along a program, holds, and cools by itself."""

from __future__ import annotations

from dataclasses import dataclass

from hotlab import BaseDevice, SamplePosition

from ..simulation import OrderRefused, Port, clock

ROOM_TEMPERATURE = 25.0
SAFE_TO_OPEN = 100.0
COOLING_RATE = 20.0
"""Degrees Celsius a minute, once the heating is off."""


@dataclass(frozen=True)
class Program:
    """Temperature over time: ramp to the target, hold there, cool. Times are simulated seconds.

    It never changes, so that the furnace moves from one program to the next in one step, whatever
    thread asks for the temperature meanwhile.
    """

    started: float
    start_temperature: float
    target: float
    ramp_seconds: float
    hold_seconds: float

    @property
    def heating_ends(self) -> float:
        """The moment when the hold is over and the heating goes off."""
        return self.started + self.ramp_seconds + self.hold_seconds

    def temperature_at(self, moment: float) -> float:
        """The temperature in degrees Celsius at a moment not before the start."""
        passed = moment - self.started
        if passed < self.ramp_seconds:
            share = passed / self.ramp_seconds
            return self.start_temperature + share * (self.target - self.start_temperature)
        if moment < self.heating_ends:
            return self.target
        cooled = (moment - self.heating_ends) / 60 * COOLING_RATE
        return max(ROOM_TEMPERATURE, self.target - cooled)


class Furnace(BaseDevice):
    """A box furnace that takes two crucibles.

    Args:
        name: The device's name in the lab.
        port: The port that the furnace is connected to.
        max_temperature: The hottest it may be driven, in degrees Celsius.
    """

    def __init__(self, name: str, *, port: str, max_temperature: float = 1200.0) -> None:
        super().__init__(name, description=f"Box furnace up to {max_temperature:g} °C")
        self.max_temperature = max_temperature
        self._port = Port(port)
        self._program: Program | None = None
        self._door_open = False

    @property
    def sample_positions(self) -> list[SamplePosition]:
        """Two places for crucibles."""
        return [SamplePosition("inside", description="A place in the chamber", number=2)]

    def connect(self) -> None:
        """Take the port. The furnace starts cold, with its door closed."""
        self._port.open()
        self._program = None
        self._door_open = False

    def disconnect(self) -> None:
        """Switch the heating off and let the port go."""
        self._switch_off()
        self._port.close()

    def get_temperature(self) -> float:
        """The temperature in the chamber, in degrees Celsius."""
        self._port.require_open(self.name)
        return round(self._temperature(), 1)

    def start_program(self, *, temperature: float, minutes: float, ramp: float = 10.0) -> float:
        """Heat to `temperature` at `ramp` degrees a minute and hold for `minutes`.

        Returns:
            How many seconds the program takes, without the cooling.
        """
        self._port.require_open(self.name)
        if self._door_open:
            raise OrderRefused(f"{self.name} does not heat with its door open: close it first")
        if self.is_running():
            raise OrderRefused(f"{self.name} is heating: wait for its program to end, or stop it")
        if not ROOM_TEMPERATURE <= temperature <= self.max_temperature:
            raise OrderRefused(
                f"{self.name} goes from {ROOM_TEMPERATURE:g} to {self.max_temperature:g} °C, not to {temperature:g} °C"
            )
        if ramp <= 0 or minutes < 0:
            raise OrderRefused(
                f"{self.name} cannot ramp by {ramp:g} °C a minute and hold for {minutes:g} "
                "minutes: the ramp must be above 0, the time not below"
            )
        start = self._temperature()
        program = Program(
            started=clock.now(),
            start_temperature=start,
            target=temperature,
            ramp_seconds=abs(temperature - start) / ramp * 60,
            hold_seconds=minutes * 60,
        )
        self._program = program
        return program.ramp_seconds + program.hold_seconds

    def seconds_left(self) -> float:
        """How many seconds the running program still heats; 0 if none does."""
        self._port.require_open(self.name)
        program = self._program
        return max(0.0, program.heating_ends - clock.now()) if program else 0.0

    def seconds_to_cool(self) -> float:
        """How many seconds until the door may be opened, if the furnace is left alone."""
        self._port.require_open(self.name)
        program = self._program
        if program is None:
            return 0.0
        hottest = self._temperature() if not self.is_running() else program.target
        return self.seconds_left() + max(0.0, hottest - SAFE_TO_OPEN) / COOLING_RATE * 60

    def open_door(self) -> None:
        """Open the door. Refused while the chamber is hot."""
        self._port.require_open(self.name)
        if self.is_running() or self._temperature() > SAFE_TO_OPEN:
            raise OrderRefused(
                f"{self.name} is at {self._temperature():.0f} °C: its door stays closed "
                f"until it is below {SAFE_TO_OPEN:g} °C"
            )
        self._door_open = True

    def close_door(self) -> None:
        """Close the door; no harm if it is closed."""
        self._port.require_open(self.name)
        self._door_open = False

    def is_running(self) -> bool:
        """Whether a program is heating; cooling does not count."""
        program = self._program
        return program is not None and clock.now() < program.heating_ends

    def emergency_stop(self) -> None:
        """Switch the heating off. Asks nothing of the port, so that it always works."""
        self._switch_off()

    def _temperature(self) -> float:
        program = self._program
        return program.temperature_at(clock.now()) if program else ROOM_TEMPERATURE

    def _switch_off(self) -> None:
        temperature = self._temperature()
        self._program = Program(clock.now(), temperature, temperature, 0.0, 0.0)
