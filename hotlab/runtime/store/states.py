"""The words for what a task, a device, a request or a command is doing. Constants only."""

from __future__ import annotations

from typing import Final

WAITING: Final = "WAITING"
READY: Final = "READY"
INITIATED: Final = "INITIATED"
REQUESTING_RESOURCES: Final = "REQUESTING_RESOURCES"
RUNNING: Final = "RUNNING"
FINISHING: Final = "FINISHING"
COMPLETED: Final = "COMPLETED"
ERROR: Final = "ERROR"
CANCELLED: Final = "CANCELLED"

UNCLAIMED_STATES: Final = frozenset({WAITING, READY})
CLAIMED_STATES: Final = frozenset({INITIATED, REQUESTING_RESOURCES, RUNNING, FINISHING})
FINAL_STATES: Final = frozenset({COMPLETED, ERROR, CANCELLED})

CONNECTED: Final = "CONNECTED"
DISCONNECTED: Final = "DISCONNECTED"
FAULTED: Final = "FAULTED"

REQUEST_WAITING: Final = "WAITING"
REQUEST_GRANTED: Final = "GRANTED"
REQUEST_ENDED: Final = "ENDED"

COMMAND_PENDING: Final = "PENDING"
COMMAND_CLAIMED: Final = "CLAIMED"
COMMAND_DONE: Final = "DONE"
COMMAND_EXPIRED: Final = "EXPIRED"

OPERATOR: Final = "operator"
"""Owner of the pauses that people made."""

REFRESH_OWNER_PREFIX: Final = "refresh:"
"""What the owners of pauses made by refreshes begin with; the refresh's id follows."""

GENERATIONS_NOTE: Final = "generations_alive"
"""The note of a run that lists the generations alive in its process."""
