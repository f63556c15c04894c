"""Public reports of what goes wrong when code is reloaded, each put as a test and named by its id."""

from __future__ import annotations

from tests.importing.conftest import lab as lab
