"""Rows of the store as frozen values, for the rest of the runtime and for the commands that show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
from sqlalchemy import Row

from hotlab.runtime.store.states import GENERATIONS_NOTE

Record = TypeVar("Record")


@attrs.frozen(kw_only=True)
class TaskRecord:
    """One task, or a subtask that ran inside another."""

    number: int
    id: str
    kind: str
    parameters: Mapping[str, Any]
    state: str
    priority: int
    created: float
    started: float | None
    finished: float | None
    state_since: float
    generation_number: int | None
    generation_digest: str | None
    result: Any
    error: str | None
    error_type: str | None
    traceback: str | None
    parent_id: str | None
    root_id: str
    run_id: str | None
    cancel_requested: bool
    after: tuple[str, ...] = attrs.field(converter=tuple)


@attrs.frozen(kw_only=True)
class DeviceRecord:
    """One device as the device manager last left it. `paused_by` names the owners of its pauses."""

    name: str
    class_name: str
    classes: tuple[str, ...] = attrs.field(converter=tuple)
    description: str
    state: str
    fault: str | None
    held_by: str | None
    held_since: float | None
    generation: int | None
    paused_by: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PauseRecord:
    """One owner's pause of one device."""

    device: str
    owner: str
    reason: str
    since: float


@attrs.frozen(kw_only=True)
class PositionRecord:
    """One place for one sample."""

    name: str
    device: str | None
    kind: str
    number: int
    description: str
    held_by: str | None
    held_since: float | None


@attrs.frozen(kw_only=True)
class RequestRecord:
    """One request for resources; `granted` is None until it is granted."""

    number: int
    id: str
    task_id: str
    root_id: str
    run_id: str | None
    wants: list[dict[str, Any]]
    priority: int
    state: str
    created: float
    granted_at: float | None
    ended: float | None
    granted: list[dict[str, Any]] | None


@attrs.frozen(kw_only=True)
class CommandRecord:
    """One command to a running lab. `outcome` is JSON: at least `ok`, and `error` where it is false."""

    number: int
    id: str
    kind: str
    arguments: dict[str, Any]
    who: str
    created: float
    deadline: float
    state: str
    claimed_by: str | None
    claimed_at: float | None
    finished: float | None
    outcome: dict[str, Any] | None


@attrs.frozen(kw_only=True)
class RefreshRecord:
    """One refresh; `report` is the whole report as JSON."""

    number: int
    id: str
    lab: str
    run_id: str | None
    started: float
    seconds: float | None
    trigger: str
    outcome: str | None
    failed_step: str | None
    error: str | None
    old_digest: str | None
    new_digest: str | None
    generation: int | None
    report: dict[str, Any] | None


@attrs.frozen(kw_only=True)
class RunRecord:
    """One process that ran the lab on this store."""

    number: int
    id: str
    lab: str
    pid: int
    host: str
    started: float
    heartbeat: float
    ended: float | None
    generation_number: int | None
    generation_digest: str | None
    device_generation: int | None
    notes: dict[str, Any]

    @property
    def generations_alive(self) -> list[dict[str, Any]]:
        """The generations that something in the run's process still uses, oldest first.

        Each has `number` and `digest`, and says whether it is the `current` one and the one the `devices` are on.
        """
        alive: list[dict[str, Any]] = self.notes.get(GENERATIONS_NOTE, [])
        return alive

    @property
    def other_notes(self) -> dict[str, Any]:
        """What the run has to say besides, by name."""
        return {name: note for name, note in self.notes.items() if name != GENERATIONS_NOTE}


def as_record(kind: type[Record], row: Row[Any]) -> Record:
    """A row whose columns are the fields of `kind`."""
    return kind(**row._mapping)
