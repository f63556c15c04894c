"""The simulated world behind the drivers: a clock that runs fast, and ports that only one may hold.

A real lab has no such module. It is here so that the drivers of this lab can be written as drivers
of real instruments are: they open a port, they take time, they refuse what the hardware would
refuse. It depends on nothing else in the lab, so an edit of a driver never re-runs it.

May be called from any thread.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

DEFAULT_TIME_SCALE = 7200.0
"""Simulated seconds in one real second: a two-hour anneal takes one."""

TIME_SCALE_VARIABLE = "FAKE_LAB_TIME_SCALE"

LONGEST_NAP = 0.05
"""Real seconds. A thread cannot be interrupted inside a sleep, so it sleeps in short naps."""


class DeviceError(Exception):
    """An instrument cannot do what it was told; the message says which one, why, and what to do."""


class PortInUse(DeviceError):
    """The port is already open: another driver instance is still connected."""


class NotConnected(DeviceError):
    """The instrument was given an order before `connect` or after `disconnect`."""


class OrderRefused(DeviceError):
    """The order makes no sense in the instrument's present state, or would damage something."""


class Clock:
    """Simulated time, `scale` times as fast as real time.

    It has no state of its own, so two clocks of one scale always agree.
    """

    def __init__(self, scale: float) -> None:
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"the time scale must be a number above 0, not {scale!r}")
        self.scale = scale

    def now(self) -> float:
        """Simulated seconds since an arbitrary moment; never goes back."""
        return time.monotonic() * self.scale

    def sleep(self, seconds: float) -> None:
        """Wait for so many simulated seconds."""
        wake_up = time.monotonic() + seconds / self.scale
        while (left := wake_up - time.monotonic()) > 0:
            time.sleep(min(left, LONGEST_NAP))


def time_scale(environ: Mapping[str, str]) -> float:
    """The time scale asked for by `FAKE_LAB_TIME_SCALE`, or the default."""
    text = environ.get(TIME_SCALE_VARIABLE, "").strip()
    if not text:
        return DEFAULT_TIME_SCALE
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"{TIME_SCALE_VARIABLE} is {text!r}: write the simulated seconds that pass in one real "
            f"second, such as {DEFAULT_TIME_SCALE:g}"
        ) from None


clock = Clock(time_scale(os.environ))


class Port:
    """A line to one instrument. As with a serial port, only one may have it open at a time."""

    _open_ports: ClassVar[dict[str, Port]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def is_open(self) -> bool:
        """Whether this very port object holds the line."""
        return self._open_ports.get(self.address) is self

    def open(self) -> None:
        """Take the line. Raises `PortInUse` if anybody has it, this object included."""
        with self._lock:
            if self.address in self._open_ports:
                raise PortInUse(f"port {self.address} is already open: disconnect the device that uses it first")
            self._open_ports[self.address] = self

    def close(self) -> None:
        """Let the line go. Does nothing if this object does not hold it."""
        with self._lock:
            if self._open_ports.get(self.address) is self:
                del self._open_ports[self.address]

    def require_open(self, device: str) -> None:
        """Raise `NotConnected` on behalf of `device` unless this port is open."""
        if not self.is_open:
            raise NotConnected(f"{device} is not connected: call connect() before giving it orders")
