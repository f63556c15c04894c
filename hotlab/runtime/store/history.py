"""Runs of the lab and its refreshes, as rows. All methods may be called from any thread."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from hotlab.runtime.store.database import Database
from hotlab.runtime.store.records import RefreshRecord, RunRecord, as_record
from hotlab.runtime.store.tables import refreshes, runs


class Refreshes:
    """The refreshes of a lab, numbered from 1."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, report: Mapping[str, Any], *, run_id: str | None) -> int:
        """Write down a refresh from its report as JSON; return its number. A report that is there is kept."""
        with self._database.write("refreshes") as connection:
            number = connection.scalar(sa.select(refreshes.c.number).where(refreshes.c.id == report["id"]))
            if number is not None:
                return int(number)
            added = connection.execute(
                refreshes.insert().values(
                    id=report["id"],
                    lab=report["lab"],
                    run_id=run_id,
                    started=report["started"],
                    seconds=report["seconds"],
                    trigger=report["trigger"],
                    outcome=report["outcome"],
                    failed_step=report["failed_step"],
                    error=report["error"],
                    old_digest=report["old_digest"],
                    new_digest=report["digest"],
                    generation=report["generation"],
                    report=dict(report),
                )
            )
        key = added.inserted_primary_key
        assert key is not None
        return int(key[0])

    def all(self, *, newest: int | None = None) -> list[RefreshRecord]:
        """Refreshes, oldest first; with `newest`, only so many of the last ones."""
        query = sa.select(refreshes).order_by(refreshes.c.number.desc())
        if newest is not None:
            query = query.limit(newest)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [as_record(RefreshRecord, row) for row in reversed(rows)]

    def get(self, number: int) -> RefreshRecord | None:
        """The refresh of a number, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(refreshes).where(refreshes.c.number == number)).one_or_none()
        return None if row is None else as_record(RefreshRecord, row)


class Runs:
    """The processes that ran a lab on this store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, lab: str) -> str:
        """A run of this process begins; return its id."""
        now = time.time()
        run_id = uuid4().hex[:12]
        with self._database.write("runs") as connection:
            connection.execute(
                runs.insert().values(
                    id=run_id,
                    lab=lab,
                    pid=os.getpid(),
                    host=socket.gethostname(),
                    started=now,
                    heartbeat=now,
                    notes={},
                )
            )
        return run_id

    def beat(self, run_id: str, **values: Any) -> None:
        """Say that a run is alive, and set columns of it (`generation_number`, `notes`, …)."""
        with self._database.write("runs") as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(heartbeat=time.time(), **values))

    def end(self, run_id: str) -> None:
        """A run has ended in order."""
        now = time.time()
        with self._database.write("runs") as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(heartbeat=now, ended=now))

    def end_others(self, run_id: str) -> list[RunRecord]:
        """Runs that never ended in order and can't be alive any more: ended now, and returned as they were."""
        open_ones = sa.and_(runs.c.ended.is_(None), runs.c.id != run_id)
        with self._database.write("runs") as connection:
            rows = connection.execute(sa.select(runs).where(open_ones)).all()
            connection.execute(runs.update().where(open_ones).values(ended=time.time()))
        return [as_record(RunRecord, row) for row in rows]

    def latest(self) -> RunRecord | None:
        """The run begun last, ended or not; None on a new store."""
        query = sa.select(runs).order_by(runs.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else as_record(RunRecord, row)

    def all(self) -> list[RunRecord]:
        """All runs, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(runs).order_by(runs.c.number)).all()
        return [as_record(RunRecord, row) for row in rows]
