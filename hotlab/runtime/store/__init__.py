"""The store of a lab: what must outlive its process, behind one class. Loads SQLAlchemy.

``Store(url)`` may be used from any thread, and by any number of processes at once. Each method is one short
transaction; what is returned is a frozen copy of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hotlab.runtime.store import states
from hotlab.runtime.store.changes import Changes
from hotlab.runtime.store.commands import Commands
from hotlab.runtime.store.database import Database, StoreError, sqlite_url
from hotlab.runtime.store.devices import Devices, PositionKind
from hotlab.runtime.store.history import Refreshes, Runs
from hotlab.runtime.store.records import (
    CommandRecord,
    DeviceRecord,
    PauseRecord,
    PositionRecord,
    RefreshRecord,
    RequestRecord,
    RunRecord,
    TaskRecord,
)
from hotlab.runtime.store.resources import Resources
from hotlab.runtime.store.tasks import Tasks

__all__ = [
    "Changes",
    "CommandRecord",
    "DeviceRecord",
    "PauseRecord",
    "PositionKind",
    "PositionRecord",
    "RefreshRecord",
    "RequestRecord",
    "RunRecord",
    "Store",
    "StoreError",
    "TaskRecord",
    "sqlite_url",
    "states",
]


class Store:
    """A lab's store.

    Args:
        url: an SQLAlchemy URL, such as `sqlite:////folder/hotlab.db`. A file that is not there is made.

    Raises:
        StoreError: it can't be opened, or was made by a hotlab that keeps other tables.
    """

    tasks: Tasks
    devices: Devices
    resources: Resources
    commands: Commands
    refreshes: Refreshes
    runs: Runs
    changes: Changes

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.tasks = Tasks(self._database)
        self.devices = Devices(self._database)
        self.resources = Resources(self._database)
        self.commands = Commands(self._database)
        self.refreshes = Refreshes(self._database)
        self.runs = Runs(self._database)
        self.changes = self._database.changes

    def __repr__(self) -> str:
        return f"<Store {self.url}>"

    @property
    def url(self) -> str:
        """Where it is, without the password."""
        return self._database.url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file it is in; None where it is in a server."""
        return self._database.file

    def send_command(self, kind: str, arguments: Mapping[str, Any], who: str, deadline_s: float) -> str:
        """Ask the running lab for something; it may begin within `deadline_s` seconds. Returns the command's id."""
        return self.commands.send(kind, arguments, who=who, deadline_s=deadline_s)

    def wait_command(self, command_id: str, timeout: float) -> dict[str, Any] | None:
        """The outcome of a command (`ok`, `error`, and what its kind gives); None if not within `timeout`."""
        return self.commands.wait(command_id, timeout)

    def close(self) -> None:
        """Close all connections; waits for changes end."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
