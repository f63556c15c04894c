"""What can go wrong between a task and a device, and between a device and its hardware.

An exception of the driver's own code is none of these: a call raises it as it is.
"""

from __future__ import annotations

from hotlab.importing import HotlabError


class DeviceError(HotlabError):
    """Base of everything hotlab says about devices. `device` is the name of the one concerned."""

    def __init__(self, message: str, *, device: str = "") -> None:
        super().__init__(message)
        self.device = device


class UnknownDevice(DeviceError):
    """The lab has no device of that name."""


class DeviceNotHeld(DeviceError):
    """A task called a device that it does not hold."""


class DeviceNotAvailable(DeviceError):
    """The device is not connected; the message says why. The call did not reach it."""


class NoSuchMethod(DeviceError, AttributeError):
    """The device has no such method, or none that tasks may call."""


class CallOutcomeUnknown(DeviceError):
    """A call was not back in time; nobody can know how far it got: look at the device first."""


class CallDropped(CallOutcomeUnknown):
    """A call was given up before it began: that it did not act, and will not, *is* known."""


class DevicesFailed(DeviceError):
    """Some devices could not be connected or disconnected. `devices` names them."""

    def __init__(self, message: str, devices: tuple[str, ...]) -> None:
        super().__init__(message, device=devices[0] if devices else "")
        self.devices = devices


class DeviceDisconnectError(DevicesFailed):
    """Devices that had to be disconnected could not be."""


class DeviceConnectError(DevicesFailed):
    """Devices that had to be connected could not be."""
