"""The tables of the store: what a lab must remember when its process dies.

Only declarations. Times are seconds since the epoch, structured values are JSON, and nothing is ever pickled, so
that any program can read the store and none can run code by writing a value into it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1
"""Raised by every change of the tables that an older hotlab could not read."""

metadata = MetaData()

schema = Table("hotlab_schema", metadata, Column("version", Integer, primary_key=True))

tasks = Table(
    "tasks",
    metadata,
    # The number gives "first come": times can be equal, numbers can't.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(200), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("state", String(24), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("state_since", Float, nullable=False),
    Column("generation_number", Integer),
    Column("generation_digest", String(128)),
    Column("result", JSON),
    Column("error", Text),
    Column("error_type", String(300)),
    Column("traceback", Text),
    Column("parent_id", String(32), ForeignKey("tasks.id")),
    # The task whose resources this one uses: itself, or the outermost task that called it.
    Column("root_id", String(32), nullable=False),
    Column("run_id", String(32)),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    # Ids of the tasks that must be completed first.
    Column("after", JSON, nullable=False),
    Index("tasks_by_state", "state"),
    Index("tasks_by_parent", "parent_id"),
    Index("tasks_by_root", "root_id"),
    sqlite_autoincrement=True,
)

devices = Table(
    "devices",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("class_name", String(400), nullable=False),
    # Qualified names of the class and of all its bases: a request by class is met by any of them.
    Column("classes", JSON, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("state", String(16), nullable=False),
    Column("fault", Text),
    Column("held_by", String(32)),
    Column("held_since", Float),
    Column("generation", Integer),
)

device_pauses = Table(
    "device_pauses",
    metadata,
    # Not a foreign key: a pause outlives a device that is taken out and defined again.
    Column("device", String(200), primary_key=True),
    Column("owner", String(100), primary_key=True),
    Column("reason", Text, nullable=False, default=""),
    Column("since", Float, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("name", String(400), primary_key=True),
    # None: a position that belongs to no device.
    Column("device", String(200), ForeignKey("devices.name", ondelete="CASCADE")),
    # The name under which positions are asked for ("inside"); each has a number of its own.
    Column("kind", String(200), nullable=False),
    Column("number", Integer, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("held_by", String(32)),
    Column("held_since", Float),
    Index("positions_by_device", "device", "kind"),
)

requests = Table(
    "requests",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("task_id", String(32), nullable=False),
    Column("root_id", String(32), nullable=False),
    Column("run_id", String(32)),
    Column("wants", JSON, nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),
    Column("created", Float, nullable=False),
    Column("granted_at", Float),
    Column("ended", Float),
    Column("granted", JSON),
    Index("requests_by_state", "state"),
    Index("requests_by_root", "root_id"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("who", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("deadline", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("claimed_by", String(32)),
    Column("claimed_at", Float),
    Column("finished", Float),
    Column("outcome", JSON),
    Index("commands_by_state", "state"),
    sqlite_autoincrement=True,
)

refreshes = Table(
    "refreshes",
    metadata,
    # The number under which people name a refresh (`hotlab history 3`).
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("lab", String(200), nullable=False),
    Column("run_id", String(32)),
    Column("started", Float, nullable=False),
    Column("seconds", Float),
    Column("trigger", String(32), nullable=False),
    Column("outcome", String(16)),
    Column("failed_step", String(32)),
    Column("error", Text),
    Column("old_digest", String(128)),
    Column("new_digest", String(128)),
    Column("generation", Integer),
    Column("report", JSON),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("lab", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", String(200), nullable=False),
    Column("started", Float, nullable=False),
    Column("heartbeat", Float, nullable=False),
    Column("ended", Float),
    Column("generation_number", Integer),
    Column("generation_digest", String(128)),
    Column("device_generation", Integer),
    # What `hotlab status` shows beside the rows: the refresh going on, steps abandoned, and so on.
    Column("notes", JSON, nullable=False),
    sqlite_autoincrement=True,
)
