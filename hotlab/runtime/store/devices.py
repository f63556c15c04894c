"""Devices in the store: what they are, how they are connected, who has paused them.

The device manager writes here; everybody reads. A pause belongs to its owner, and only that owner's pause is
taken away by :meth:`Devices.resume`. All methods may be called from any thread; each is one short transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hotlab.runtime.store.database import Database
from hotlab.runtime.store.records import DeviceRecord, PauseRecord, PositionRecord, as_record
from hotlab.runtime.store.states import DISCONNECTED
from hotlab.runtime.store.tables import device_pauses, devices, positions

TOPIC = "devices"


@attrs.frozen
class PositionKind:
    """Positions of one kind: `number` of them, named `KIND/1` … below their device's name."""

    kind: str
    number: int = 1
    description: str = ""

    def names(self, device: str | None) -> list[str]:
        """The positions' full names, such as `furnace_1/inside/2`, or `rack/7` without a device."""
        head = f"{device}/{self.kind}" if device is not None else self.kind
        return [f"{head}/{index}" for index in range(1, self.number + 1)]


class Devices:
    """The devices of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def define(
        self,
        name: str,
        *,
        class_name: str,
        classes: Sequence[str],
        description: str = "",
        generation: int | None = None,
        positions: Sequence[PositionKind] = (),
    ) -> None:
        """Add a device, DISCONNECTED, or take a new definition of it; state, holder and pauses are kept.

        Args:
            name: the device's name.
            class_name: qualified name of its class.
            classes: qualified names of the class and all its bases.
            description: what to show.
            generation: number of the generation that defines it.
            positions: its sample positions.
        """
        values = {
            "class_name": class_name,
            "classes": list(classes),
            "description": description,
            "generation": generation,
        }
        with self._database.write(TOPIC, "resources") as connection:
            changed = connection.execute(devices.update().where(devices.c.name == name).values(**values))
            if changed.rowcount == 0:
                connection.execute(devices.insert().values(name=name, state=DISCONNECTED, **values))
            _set_positions(connection, name, positions)

    def define_standalone_positions(self, kinds: Sequence[PositionKind]) -> None:
        """Make the positions that belong to no device be these; one that is held stays until it is free."""
        with self._database.write(TOPIC, "resources") as connection:
            _set_positions(connection, None, kinds)

    def begin_afresh(self, defined: Collection[str]) -> Sequence[str]:
        """For a lab that starts: nothing is connected yet, and devices that it no longer defines are gone.

        Returns:
            The devices that are gone. Operators' pauses are kept, also those of such devices.
        """
        with self._database.write(TOPIC, "resources") as connection:
            gone = connection.scalars(sa.select(devices.c.name).where(devices.c.name.not_in(defined))).all()
            connection.execute(devices.delete().where(devices.c.name.in_(gone)))
            connection.execute(devices.update().values(state=DISCONNECTED, fault=None))
        return gone

    def remove(self, name: str) -> bool:
        """Take a device out, with its positions and the pauses that refreshes made. False while it is held."""
        with self._database.write(TOPIC, "resources") as connection:
            held = connection.scalar(
                sa.select(sa.func.count())
                .select_from(positions)
                .where(positions.c.device == name, positions.c.held_by.is_not(None))
            )
            if held:
                return False
            gone = connection.execute(devices.delete().where(devices.c.name == name, devices.c.held_by.is_(None)))
            if gone.rowcount == 0:
                exists = connection.scalar(
                    sa.select(sa.func.count()).select_from(devices).where(devices.c.name == name)
                )
                return not exists
        return True

    def set_state(self, name: str, state: str, *, fault: str | None = None, generation: int | None = None) -> bool:
        """Say how a device is connected. False if there is no such device."""
        values: dict[str, object] = {"state": state, "fault": fault}
        if generation is not None:
            values["generation"] = generation
        with self._database.write(TOPIC) as connection:
            changed = connection.execute(devices.update().where(devices.c.name == name).values(**values))
        return changed.rowcount == 1

    def get(self, name: str) -> DeviceRecord | None:
        """The device of a name, or None."""
        return next(iter(self._select(devices.c.name == name)), None)

    def all(self) -> list[DeviceRecord]:
        """All devices, by name."""
        return self._select(sa.true())

    def holder(self, name: str) -> str | None:
        """Id of the task (the outermost one) that holds a device; None if it is free or unknown."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(devices.c.held_by).where(devices.c.name == name))

    def positions(self) -> list[PositionRecord]:
        """All sample positions."""
        query = sa.select(positions).order_by(positions.c.device, positions.c.kind, positions.c.number)
        with self._database.read() as connection:
            return [as_record(PositionRecord, row) for row in connection.execute(query)]

    def pause(self, names: Collection[str], owner: str, reason: str = "") -> None:
        """Pause devices for an owner: no request is granted them. Pausing what the owner has paused is harmless."""
        now = time.time()
        with self._database.write(TOPIC, "resources") as connection:
            already = set(connection.scalars(sa.select(device_pauses.c.device).where(device_pauses.c.owner == owner)))
            new = [
                {"device": name, "owner": owner, "reason": reason, "since": now}
                for name in sorted(set(names) - already)
            ]
            if new:
                connection.execute(device_pauses.insert(), new)

    def resume(self, names: Collection[str] | None, owner: str) -> Sequence[str]:
        """Take away an owner's own pauses, of these devices or (None) of all.

        Returns:
            The devices that had been paused by it.
        """
        mine = device_pauses.c.owner == owner
        if names is not None:
            mine = sa.and_(mine, device_pauses.c.device.in_(names))
        with self._database.write(TOPIC, "resources") as connection:
            found = connection.scalars(sa.select(device_pauses.c.device).where(mine)).all()
            connection.execute(device_pauses.delete().where(mine))
        return found

    def pausers(self, name: str) -> Sequence[str]:
        """The owners who have paused a device, the first first."""
        query = (
            sa.select(device_pauses.c.owner)
            .where(device_pauses.c.device == name)
            .order_by(device_pauses.c.since, device_pauses.c.owner)
        )
        with self._database.read() as connection:
            return connection.scalars(query).all()

    def pauses(self) -> list[PauseRecord]:
        """All pauses, oldest first."""
        query = sa.select(device_pauses).order_by(device_pauses.c.since, device_pauses.c.device)
        with self._database.read() as connection:
            return [as_record(PauseRecord, row) for row in connection.execute(query)]

    def clear_pauses(self, owner_prefix: str) -> list[PauseRecord]:
        """Take away the pauses of all owners whose name begins so, and return them."""
        theirs = device_pauses.c.owner.startswith(owner_prefix, autoescape=True)
        with self._database.write(TOPIC, "resources") as connection:
            found = connection.execute(sa.select(device_pauses).where(theirs)).all()
            connection.execute(device_pauses.delete().where(theirs))
        return [as_record(PauseRecord, row) for row in found]

    def _select(self, which: sa.ColumnElement[bool]) -> list[DeviceRecord]:
        with self._database.read() as connection:
            rows = connection.execute(sa.select(devices).where(which).order_by(devices.c.name)).all()
            pauses = connection.execute(
                sa.select(device_pauses.c.device, device_pauses.c.owner).order_by(device_pauses.c.since)
            ).all()
        owners: dict[str, tuple[str, ...]] = {}
        for device, owner in pauses:
            owners[device] = (*owners.get(device, ()), owner)
        return [attrs.evolve(as_record(DeviceRecord, row), paused_by=owners.get(row.name, ())) for row in rows]


def _set_positions(connection: Connection, device: str | None, kinds: Sequence[PositionKind]) -> None:
    wanted = {
        name: {"kind": kind.kind, "number": number, "description": kind.description}
        for kind in kinds
        for number, name in enumerate(kind.names(device), start=1)
    }
    ours = positions.c.device == device if device is not None else positions.c.device.is_(None)
    present = set(connection.scalars(sa.select(positions.c.name).where(ours)))
    for name, values in wanted.items():
        if name in present:
            connection.execute(
                positions.update().where(positions.c.name == name).values(description=values["description"])
            )
        else:
            connection.execute(positions.insert().values(name=name, device=device, **values))
    gone = present - set(wanted)
    if gone:
        connection.execute(positions.delete().where(positions.c.name.in_(gone), positions.c.held_by.is_(None)))
