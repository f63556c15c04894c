"""Tasks in the store. States move by compare-and-set: whoever moves a task first has it, the others are told.

All methods may be called from any thread; each is one short transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hotlab.runtime.store import states
from hotlab.runtime.store.database import Database
from hotlab.runtime.store.holding import held_by, release_all
from hotlab.runtime.store.records import TaskRecord, as_record
from hotlab.runtime.store.tables import tasks

TOPIC = "tasks"
READY_TOPIC = "ready"
"""Some task may have become READY."""


class Tasks:
    """The tasks of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        kind: str,
        parameters: Mapping[str, Any],
        *,
        priority: int = 0,
        after: Sequence[str] = (),
    ) -> str:
        """Add a task that is to be launched; WAITING while tasks named in `after` are not completed.

        Returns:
            Its id.

        Raises:
            KeyError: there is no task of an id in `after`.
        """
        now = time.time()
        task_id = _new_id()
        with self._database.write(TOPIC, READY_TOPIC) as connection:
            if after:
                _check_known(connection, after)
            connection.execute(
                tasks.insert().values(
                    id=task_id,
                    kind=kind,
                    parameters=dict(parameters),
                    state=states.WAITING if after else states.READY,
                    priority=priority,
                    created=now,
                    state_since=now,
                    root_id=task_id,
                    cancel_requested=False,
                    after=list(after),
                )
            )
            if after:
                _settle_waiting(connection, now)
        return task_id

    def add_subtask(self, parent: TaskRecord, kind: str, parameters: Mapping[str, Any]) -> TaskRecord:
        """Add a task that another one runs inside itself, from the first moment INITIATED on its generation."""
        now = time.time()
        task_id = _new_id()
        with self._database.write(TOPIC) as connection:
            connection.execute(
                tasks.insert().values(
                    id=task_id,
                    kind=kind,
                    parameters=dict(parameters),
                    state=states.INITIATED,
                    priority=parent.priority,
                    created=now,
                    started=now,
                    state_since=now,
                    generation_number=parent.generation_number,
                    generation_digest=parent.generation_digest,
                    parent_id=parent.id,
                    root_id=parent.root_id,
                    run_id=parent.run_id,
                    cancel_requested=False,
                    after=[],
                )
            )
            row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one()
        return as_record(TaskRecord, row)

    def get(self, task_id: str) -> TaskRecord | None:
        """The task of an id, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one_or_none()
        return None if row is None else as_record(TaskRecord, row)

    def all(
        self,
        *,
        in_states: Collection[str] | None = None,
        with_subtasks: bool = False,
        newest: int | None = None,
    ) -> list[TaskRecord]:
        """Tasks in the order in which they came; with `newest`, only so many of the last ones."""
        query = sa.select(tasks).order_by(tasks.c.number.desc())
        if in_states is not None:
            query = query.where(tasks.c.state.in_(in_states))
        if not with_subtasks:
            query = query.where(tasks.c.parent_id.is_(None))
        if newest is not None:
            query = query.limit(newest)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [as_record(TaskRecord, row) for row in reversed(rows)]

    def under_way(self) -> list[tuple[TaskRecord, tuple[str, ...]]]:
        """Claimed tasks (subtasks left out) with what each holds, as one moment saw them."""
        held: dict[str, tuple[str, ...]] = {}
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(tasks)
                .where(tasks.c.state.in_(states.CLAIMED_STATES), tasks.c.parent_id.is_(None))
                .order_by(tasks.c.number)
            ).all()
            for holder, name in held_by(connection):
                held[holder] = (*held.get(holder, ()), name)
        return [(as_record(TaskRecord, row), held.get(row.id, ())) for row in rows]

    def count_by_state(self) -> dict[str, int]:
        """How many tasks (subtasks left out) are in each state that any is in."""
        query = sa.select(tasks.c.state, sa.func.count()).where(tasks.c.parent_id.is_(None)).group_by(tasks.c.state)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def ready(self, *, limit: int, without: Collection[str] = ()) -> Sequence[str]:
        """Ids of tasks that can be launched: by priority, then first come."""
        query = (
            sa.select(tasks.c.id)
            .where(tasks.c.state == states.READY, tasks.c.id.not_in(without))
            .order_by(tasks.c.priority.desc(), tasks.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            return connection.scalars(query).all()

    def claim(self, task_id: str, *, run_id: str, number: int, digest: str, started: float) -> TaskRecord | None:
        """READY → INITIATED on a generation. None where another had it first, or it is READY no more."""
        return self.move(
            task_id,
            {states.READY},
            states.INITIATED,
            run_id=run_id,
            generation_number=number,
            generation_digest=digest,
            started=started,
        )

    def move(self, task_id: str, sources: Collection[str], target: str, **values: Any) -> TaskRecord | None:
        """Move a task from one of `sources` to `target`, setting `values`; None if it is in none of them."""
        with self._database.write(TOPIC) as connection:
            moved = connection.execute(
                tasks.update()
                .where(tasks.c.id == task_id, tasks.c.state.in_(sources))
                .values(state=target, state_since=time.time(), **values)
            )
            if moved.rowcount != 1:
                return None
            row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one()
        return as_record(TaskRecord, row)

    def finish(self, task_id: str, target: str, **values: Any) -> bool:
        """Move a claimed task to a final state, and in the same transaction release what it holds.

        Its subtasks that are not final end with it, and tasks that wait for it become READY or CANCELLED.
        False if it was final already.
        """
        now = time.time()
        settled = False
        with self._database.write(TOPIC, "resources") as connection:
            moved = connection.execute(
                tasks.update()
                .where(tasks.c.id == task_id, tasks.c.state.not_in(states.FINAL_STATES))
                .values(state=target, state_since=now, finished=now, **values)
            )
            if moved.rowcount != 1:
                return False
            connection.execute(
                tasks.update()
                .where(
                    tasks.c.root_id == task_id,
                    tasks.c.id != task_id,
                    tasks.c.state.not_in(states.FINAL_STATES),
                )
                .values(
                    state=target if target != states.COMPLETED else states.CANCELLED,
                    state_since=now,
                    finished=now,
                    error=f"the task {task_id} that called it has ended as {target}",
                )
            )
            root = connection.scalar(sa.select(tasks.c.root_id).where(tasks.c.id == task_id))
            if root == task_id:
                release_all(connection, task_id, now)
                settled = _settle_waiting(connection, now)
        if settled:
            self._database.changes.notify(READY_TOPIC)
        return True

    def request_cancel(self, task_id: str) -> str | None:
        """Cancel a task: at once where it is not claimed yet, else by asking.

        Returns:
            "cancelled", "requested" (it is under way and will be told), "over" (it had ended); None if unknown.
        """
        now = time.time()
        with self._database.write(TOPIC) as connection:
            state = connection.scalar(sa.select(tasks.c.state).where(tasks.c.id == task_id))
            if state is None:
                return None
            if state in states.FINAL_STATES:
                return "over"
            if state in states.UNCLAIMED_STATES:
                connection.execute(
                    tasks.update()
                    .where(tasks.c.id == task_id)
                    .values(
                        state=states.CANCELLED,
                        state_since=now,
                        finished=now,
                        cancel_requested=True,
                        error="cancelled before it was started",
                    )
                )
                _settle_waiting(connection, now)
                return "cancelled"
            connection.execute(tasks.update().where(tasks.c.id == task_id).values(cancel_requested=True))
            return "requested"

    def interrupt(self, *, except_run: str) -> Sequence[TaskRecord]:
        """End as ERROR what earlier runs left claimed, and release what it holds. Nothing is run again.

        Returns:
            The tasks (and subtasks) as they were found.
        """
        now = time.time()
        with self._database.write(TOPIC, "resources") as connection:
            rows = connection.execute(
                sa.select(tasks).where(
                    tasks.c.state.in_(states.CLAIMED_STATES),
                    sa.or_(tasks.c.run_id.is_(None), tasks.c.run_id != except_run),
                )
            ).all()
            for row in rows:
                connection.execute(
                    tasks.update()
                    .where(tasks.c.id == row.id)
                    .values(
                        state=states.ERROR,
                        state_since=now,
                        finished=now,
                        error=f"interrupted at {row.state}",
                        error_type="Interrupted",
                    )
                )
                release_all(connection, row.root_id, now)
            _settle_waiting(connection, now)
        return [as_record(TaskRecord, row) for row in rows]


def _check_known(connection: Connection, task_ids: Sequence[str]) -> None:
    known = set(connection.scalars(sa.select(tasks.c.id).where(tasks.c.id.in_(task_ids))))
    for task_id in task_ids:
        if task_id not in known:
            raise KeyError(task_id)


def _settle_waiting(connection: Connection, now: float) -> bool:
    """WAITING tasks whose last predecessor is completed become READY; those of a failed one are CANCELLED.

    Returns:
        Whether any task was moved.
    """
    any_moved = False
    while True:
        waiting = connection.execute(sa.select(tasks.c.id, tasks.c.after).where(tasks.c.state == states.WAITING)).all()
        needed = {other for row in waiting for other in row.after}
        if not waiting:
            return any_moved
        found = connection.execute(sa.select(tasks.c.id, tasks.c.state).where(tasks.c.id.in_(needed)))
        state_of: dict[str, str] = {row[0]: row[1] for row in found}
        moved = False
        for row in waiting:
            ended = [state_of.get(other, states.ERROR) for other in row.after]
            failed = [
                other
                for other, state in zip(row.after, ended, strict=True)
                if state in (states.ERROR, states.CANCELLED)
            ]
            if failed:
                values: dict[str, Any] = {
                    "state": states.CANCELLED,
                    "finished": now,
                    "error": f"not started: task {failed[0]}, which it was to follow, was not completed",
                }
            elif all(state == states.COMPLETED for state in ended):
                values = {"state": states.READY}
            else:
                continue
            connection.execute(tasks.update().where(tasks.c.id == row.id).values(state_since=now, **values))
            any_moved = True
            moved = moved or bool(failed)
        if not moved:  # a task cancelled just now may itself be waited for
            return any_moved


def _new_id() -> str:
    return uuid4().hex[:12]
