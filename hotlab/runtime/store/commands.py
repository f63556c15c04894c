"""Commands to a running lab: rows that its main process claims, and writes the outcome into.

All methods may be called from any thread; each is one short transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from hotlab.runtime.store import states
from hotlab.runtime.store.database import Database
from hotlab.runtime.store.records import CommandRecord, as_record
from hotlab.runtime.store.tables import commands

TOPIC = "commands"


class Commands:
    """The commands of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, kind: str, arguments: Mapping[str, Any], *, who: str, deadline_s: float) -> str:
        """Add a command that may be begun for `deadline_s` seconds from now; return its id."""
        now = time.time()
        command_id = uuid4().hex[:12]
        with self._database.write(TOPIC) as connection:
            connection.execute(
                commands.insert().values(
                    id=command_id,
                    kind=kind,
                    arguments=dict(arguments),
                    who=who,
                    created=now,
                    deadline=now + deadline_s,
                    state=states.COMMAND_PENDING,
                )
            )
        return command_id

    def claim_next(self, run_id: str, *, without_kinds: Collection[str] = ()) -> CommandRecord | None:
        """Claim the oldest command that waits; those past their deadline are ended as EXPIRED on the way."""
        with self._database.read() as connection:
            if not connection.scalar(
                sa.select(sa.func.count()).select_from(commands).where(commands.c.state == states.COMMAND_PENDING)
            ):
                return None
        now = time.time()
        with self._database.write(TOPIC) as connection:
            connection.execute(
                commands.update()
                .where(commands.c.state == states.COMMAND_PENDING, commands.c.deadline < now)
                .values(state=states.COMMAND_EXPIRED, finished=now)
            )
            oldest = connection.scalar(
                sa.select(commands.c.id)
                .where(
                    commands.c.state == states.COMMAND_PENDING,
                    commands.c.kind.not_in(without_kinds),
                )
                .order_by(commands.c.number)
                .limit(1)
            )
            if oldest is None:
                return None
            connection.execute(
                commands.update()
                .where(commands.c.id == oldest)
                .values(state=states.COMMAND_CLAIMED, claimed_by=run_id, claimed_at=now)
            )
            row = connection.execute(sa.select(commands).where(commands.c.id == oldest)).one()
        return as_record(CommandRecord, row)

    def finish(self, command_id: str, outcome: Mapping[str, Any]) -> None:
        """Write the outcome of a claimed command."""
        with self._database.write(TOPIC) as connection:
            connection.execute(
                commands.update()
                .where(commands.c.id == command_id, commands.c.state == states.COMMAND_CLAIMED)
                .values(state=states.COMMAND_DONE, finished=time.time(), outcome=dict(outcome))
            )

    def withdraw(self, command_id: str) -> bool:
        """End a command that nobody has claimed; False if somebody has."""
        with self._database.write(TOPIC) as connection:
            ended = connection.execute(
                commands.update()
                .where(commands.c.id == command_id, commands.c.state == states.COMMAND_PENDING)
                .values(state=states.COMMAND_EXPIRED, finished=time.time())
            )
        return ended.rowcount == 1

    def get(self, command_id: str) -> CommandRecord | None:
        """The command of an id, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(commands).where(commands.c.id == command_id)).one_or_none()
        return None if row is None else as_record(CommandRecord, row)

    def all(self, *, newest: int = 50) -> list[CommandRecord]:
        """The newest commands, oldest first."""
        query = sa.select(commands).order_by(commands.c.number.desc()).limit(newest)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [as_record(CommandRecord, row) for row in reversed(rows)]

    def wait(self, command_id: str, timeout: float) -> dict[str, Any] | None:
        """The outcome of a command, waited for; None if there is none within `timeout` seconds."""
        found: list[CommandRecord] = []

        def over() -> bool:
            record = self.get(command_id)
            if record is None or record.state in (states.COMMAND_DONE, states.COMMAND_EXPIRED):
                found[:] = [record] if record is not None else []
                return True
            return False

        self._database.changes.wait_until(over, timeout)
        if not found:
            return None
        if found[0].state == states.COMMAND_EXPIRED:
            return {"ok": False, "error": "no running lab took the command in time"}
        return found[0].outcome

    def abandon(self, *, except_run: str) -> Sequence[str]:
        """End what earlier runs claimed and never finished: nobody can know whether it was done."""
        now = time.time()
        lost = sa.and_(commands.c.state == states.COMMAND_CLAIMED, commands.c.claimed_by != except_run)
        with self._database.write(TOPIC) as connection:
            found = connection.scalars(sa.select(commands.c.id).where(lost)).all()
            connection.execute(
                commands.update()
                .where(lost)
                .values(
                    state=states.COMMAND_DONE,
                    finished=now,
                    outcome={"ok": False, "error": "the lab ended while it did this"},
                )
            )
        return found
