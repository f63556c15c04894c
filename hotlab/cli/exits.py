"""The exit codes that scripts can rely on. Constants only."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""Refused, or ended with an error."""
MISUSE: Final = 2
"""Bad input, an unknown name, no lab running: nothing was done."""
DEFERRED: Final = 3
INTERRUPTED: Final = 130
"""Ctrl-C."""
TERMINATED: Final = 143
"""SIGTERM."""

OF_OUTCOME: Final = {"done": DONE, "refused": FAILED, "deferred": DEFERRED}
"""The exit code of a refresh by its outcome."""
