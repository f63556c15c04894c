"""Requests for devices and positions: granted all or nothing, by one transaction for all that wait.

All methods may be called from any thread; each is one short transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hotlab.runtime.store import states
from hotlab.runtime.store.database import Database
from hotlab.runtime.store.holding import held_by, hold, release
from hotlab.runtime.store.matching import BY_NAME, Candidate, Want, match, why_never
from hotlab.runtime.store.records import RequestRecord, as_record
from hotlab.runtime.store.tables import device_pauses, devices, positions, requests, tasks

TOPIC = "resources"
_IS_WAITING = requests.c.state == states.REQUEST_WAITING


@attrs.frozen
class Rules:
    """What the resource manager lets the next requests have.

    Attributes:
        holders_only: allocating is stopped; only tasks that hold something already are granted more.
        holders_pass: owner whose pauses don't keep devices from such tasks; None: all pauses do.
    """

    holders_only: bool = False
    holders_pass: str | None = None


@attrs.frozen
class PassResult:
    """What one look at the waiting requests did: ids granted, and ids refused with the reason."""

    granted: tuple[str, ...]
    refused: dict[str, str]


class Resources:
    """The requests of a store, and what they hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def why_never(self, wants: Sequence[Want]) -> str | None:
        """Why the lab as it is defined can never meet a request; None if it can."""
        with self._database.read() as connection:
            return why_never(wants, _Picture(connection).defined())

    def ask(
        self,
        task_id: str,
        root_id: str,
        wants: Sequence[Want],
        *,
        priority: int,
        run_id: str | None,
    ) -> str | None:
        """Add a request that waits, and move its task to REQUESTING_RESOURCES.

        Returns:
            The request's id; None where the task (the outermost one) has ended: its thread may outlive it.
        """
        now = time.time()
        request_id = uuid4().hex[:12]
        with self._database.write(TOPIC, "tasks") as connection:
            root = sa.select(tasks.c.state).where(tasks.c.id == root_id)
            if connection.scalar(root) in states.FINAL_STATES:
                return None
            connection.execute(
                requests.insert().values(
                    id=request_id,
                    task_id=task_id,
                    root_id=root_id,
                    run_id=run_id,
                    wants=[want.to_json() for want in wants],
                    priority=priority,
                    state=states.REQUEST_WAITING,
                    created=now,
                )
            )
            _move_task(connection, task_id, root_id, states.RUNNING, states.REQUESTING_RESOURCES, now)
        return request_id

    def grant_waiting(self, rules: Rules) -> PassResult:
        """Grant each waiting request that can be met now, by priority, then first come.

        One that no longer can ever be met (its device went away) is ended and returned as refused.
        """
        with self._database.read() as connection:
            waiting = sa.select(sa.func.count()).select_from(requests).where(_IS_WAITING)
            if not connection.scalar(waiting):
                return PassResult((), {})
        now = time.time()
        granted: list[str] = []
        refused: dict[str, str] = {}
        with self._database.write() as connection:
            rows = connection.execute(
                sa.select(requests).where(_IS_WAITING).order_by(requests.c.priority.desc(), requests.c.number)
            ).all()
            picture = _Picture(connection)
            for row in rows:
                request = as_record(RequestRecord, row)
                if self._grant(connection, request, picture, rules, now):
                    granted.append(request.id)
                    picture = _Picture(connection)
                elif not rules.holders_only:
                    reason = why_never(_wants(request), picture.defined())
                    if reason is not None:
                        _end(connection, request, now)
                        refused[request.id] = reason
        if granted or refused:
            self._database.changes.notify(TOPIC, "tasks")
        return PassResult(tuple(granted), refused)

    def get(self, request_id: str) -> RequestRecord | None:
        """The request of an id, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(requests).where(requests.c.id == request_id)).one_or_none()
        return None if row is None else as_record(RequestRecord, row)

    def all(self, *, waiting_only: bool = True) -> list[RequestRecord]:
        """Requests, in the order in which they came."""
        query = sa.select(requests).order_by(requests.c.number)
        if waiting_only:
            query = query.where(_IS_WAITING)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [as_record(RequestRecord, row) for row in rows]

    def end(self, request_id: str) -> None:
        """End a request, whatever came of it: what it was given is free again. Harmless if it was ended."""
        now = time.time()
        with self._database.write(TOPIC, "tasks") as connection:
            row = connection.execute(
                sa.select(requests).where(requests.c.id == request_id, requests.c.state != states.REQUEST_ENDED)
            ).one_or_none()
            if row is not None:
                _end(connection, as_record(RequestRecord, row), now)

    def end_all(self) -> None:
        """End every request and take back everything: for a lab that starts, when no task is under way."""
        now = time.time()
        with self._database.write(TOPIC) as connection:
            connection.execute(
                requests.update()
                .where(requests.c.state != states.REQUEST_ENDED)
                .values(state=states.REQUEST_ENDED, ended=now)
            )
            for table in (devices, positions):
                connection.execute(
                    table.update().where(table.c.held_by.is_not(None)).values(held_by=None, held_since=None)
                )

    def holdings(self) -> dict[str, tuple[str, ...]]:
        """The devices and positions that each task (the outermost one) holds."""
        found: dict[str, tuple[str, ...]] = {}
        with self._database.read() as connection:
            for holder, name in held_by(connection):
                found[holder] = (*found.get(holder, ()), name)
        return found

    def devices_used(self, root_id: str) -> tuple[str, ...]:
        """The devices that a task and its subtasks were ever given, by name."""
        query = sa.select(requests.c.granted).where(requests.c.root_id == root_id, requests.c.granted_at.is_not(None))
        with self._database.read() as connection:
            lists = connection.scalars(query).all()
        names = {line["device"] for lines in lists for line in lines if line["device"] is not None}
        return tuple(sorted(names))

    def _grant(
        self,
        connection: Connection,
        request: RequestRecord,
        picture: _Picture,
        rules: Rules,
        now: float,
    ) -> bool:
        holds_something = picture.holds_something(request.root_id)
        if rules.holders_only and not holds_something:
            return False
        passes = rules.holders_pass if holds_something else None
        wants = _wants(request)
        assignments = match(wants, picture.obtainable(request, wants, passes))
        if assignments is None:
            return False
        device_names = {a.device for a in assignments if a.device is not None}
        position_names = {n for a in assignments for names in a.positions.values() for n in names}
        new_devices = device_names - picture.held_by(request.root_id)
        new_positions = position_names - picture.held_by(request.root_id)
        if not hold(
            connection,
            request.root_id,
            device_names=new_devices,
            position_names=new_positions,
            now=now,
        ):
            raise AssertionError(f"request {request.id} was matched with what is not free")
        granted = [a.to_json() for a in assignments]
        for line in granted:
            # Only what this request took itself is given back at its end, not what a parent task lent it.
            line["took_device"] = line["device"] in new_devices
            line["took_positions"] = sorted(
                n for names in line["positions"].values() for n in names if n in new_positions
            )
        connection.execute(
            requests.update()
            .where(requests.c.id == request.id)
            .values(state=states.REQUEST_GRANTED, granted_at=now, granted=granted)
        )
        _run_again(connection, request, now)
        return True


class _Picture:
    """Devices, positions and pauses as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._devices = connection.execute(sa.select(devices).order_by(devices.c.name)).all()
        self._positions = connection.execute(
            sa.select(positions).order_by(positions.c.device, positions.c.kind, positions.c.number)
        ).all()
        self._pauses: dict[str, set[str]] = {}
        for device, owner in connection.execute(sa.select(device_pauses.c.device, device_pauses.c.owner)):
            self._pauses.setdefault(device, set()).add(owner)
        self._granted = connection.execute(
            sa.select(requests.c.root_id, requests.c.task_id, requests.c.granted).where(
                requests.c.state == states.REQUEST_GRANTED
            )
        ).all()
        self._held: dict[str, set[str]] = {}
        for row in (*self._devices, *self._positions):
            if row.held_by is not None:
                self._held.setdefault(row.held_by, set()).add(row.name)

    def holds_something(self, root_id: str) -> bool:
        return root_id in self._held

    def held_by(self, root_id: str) -> set[str]:
        return self._held.get(root_id, set())

    def defined(self) -> list[Candidate]:
        """All that there is, as if it were free."""
        return self._candidates(lambda device: True, lambda name, holder: True)

    def obtainable(self, request: RequestRecord, wants: Sequence[Want], passes: str | None) -> list[Candidate]:
        """What a request can be given now: what is free, and what an enclosing task lends."""
        named = {want.key for want in wants if want.by == BY_NAME}
        lent = self._lent(request)

        def device_free(device: Any) -> bool:
            if device.held_by == request.root_id:
                return device.name in lent or device.name in named
            return (
                device.held_by is None
                and device.state == states.CONNECTED
                and not self._pauses.get(device.name, set()) - {passes}
            )

        def position_free(name: str, holder: str | None) -> bool:
            return holder is None or (holder == request.root_id and name in lent)

        candidates = self._candidates(device_free, position_free)
        # What the enclosing task holds comes first: a subtask means that furnace, not another.
        return sorted(candidates, key=lambda candidate: candidate.name not in lent)

    def _lent(self, request: RequestRecord) -> set[str]:
        """What other tasks of the same root were given: a subtask shares it."""
        lent: set[str | None] = set()
        for root_id, task_id, lines in self._granted:
            if root_id == request.root_id and task_id != request.task_id:
                for line in lines:
                    lent.add(line["device"])
                    lent.update(n for names in line["positions"].values() for n in names)
        return {name for name in lent if name is not None}

    def _candidates(self, device_free: Any, position_free: Any) -> list[Candidate]:
        free: dict[str | None, dict[str, list[str]]] = {}
        lent_first = sorted(self._positions, key=lambda row: row.held_by is None)
        for row in lent_first:
            if position_free(row.name, row.held_by):
                free.setdefault(row.device, {}).setdefault(row.kind, []).append(row.name)
        found = [
            Candidate(row.name, frozenset(row.classes), free.get(row.name, {}))
            for row in self._devices
            if device_free(row)
        ]
        if any(row.device is None for row in self._positions):
            found.append(Candidate(None, frozenset(), free.get(None, {})))
        return found


def _wants(request: RequestRecord) -> list[Want]:
    return [Want.from_json(line) for line in request.wants]


def _end(connection: Connection, request: RequestRecord, now: float) -> None:
    for line in request.granted or ():
        release(
            connection,
            request.root_id,
            device_names=[line["device"]] if line["took_device"] else [],
            position_names=line["took_positions"],
        )
    connection.execute(
        requests.update().where(requests.c.id == request.id).values(state=states.REQUEST_ENDED, ended=now)
    )
    if request.state == states.REQUEST_WAITING:
        _run_again(connection, request, now)


def _run_again(connection: Connection, request: RequestRecord, now: float) -> None:
    _move_task(
        connection,
        request.task_id,
        request.root_id,
        states.REQUESTING_RESOURCES,
        states.RUNNING,
        now,
    )


def _move_task(connection: Connection, task_id: str, root_id: str, source: str, target: str, now: float) -> None:
    # With a subtask its outermost task: what the whole of it is doing is what a drain has to know.
    connection.execute(
        tasks.update()
        .where(tasks.c.id.in_({task_id, root_id}), tasks.c.state == source)
        .values(state=target, state_since=now)
    )
