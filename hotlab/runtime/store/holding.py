"""Who holds what: devices and positions are taken and given back, each by statements inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hotlab.runtime.store import states
from hotlab.runtime.store.tables import devices, positions, requests


def hold(
    connection: Connection,
    root_id: str,
    *,
    device_names: Collection[str],
    position_names: Collection[str],
    now: float,
) -> bool:
    """Give free devices and positions to a task. False (the caller must roll back) if one of them is not free."""
    for table, names in ((devices, device_names), (positions, position_names)):
        if not names:
            continue
        taken = connection.execute(
            table.update()
            .where(table.c.name.in_(names), table.c.held_by.is_(None))
            .values(held_by=root_id, held_since=now)
        )
        if taken.rowcount != len(set(names)):
            return False
    return True


def release(
    connection: Connection,
    root_id: str,
    *,
    device_names: Collection[str],
    position_names: Collection[str],
) -> None:
    """Take devices and positions back from a task; what it does not hold is left alone."""
    for table, names in ((devices, device_names), (positions, position_names)):
        if names:
            connection.execute(
                table.update()
                .where(table.c.name.in_(names), table.c.held_by == root_id)
                .values(held_by=None, held_since=None)
            )


def release_all(connection: Connection, root_id: str, now: float) -> None:
    """Take back all that a task holds, and end its requests."""
    for table in (devices, positions):
        connection.execute(table.update().where(table.c.held_by == root_id).values(held_by=None, held_since=None))
    connection.execute(
        requests.update()
        .where(requests.c.root_id == root_id, requests.c.state != states.REQUEST_ENDED)
        .values(state=states.REQUEST_ENDED, ended=now)
    )


def held_by(connection: Connection) -> Iterator[tuple[str, str]]:
    """All that is held, as pairs of a task (the outermost one) and the name of a device or position."""
    for table in (devices, positions):
        query = sa.select(table.c.held_by, table.c.name).where(table.c.held_by.is_not(None)).order_by(table.c.name)
        for row in connection.execute(query):
            yield row[0], row[1]
