"""Reports about the watcher, status and the command line: real processes of `hotlab run`."""

from __future__ import annotations

from tests.cli.conftest import lab as lab
from tests.cli.conftest import start as start
