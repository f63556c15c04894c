"""Where modules of test labs note that they are executed: outside of the labs, so that reloads don't touch it."""

from __future__ import annotations

seen: list[str] = []
