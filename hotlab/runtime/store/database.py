"""The engine below the store: connections, transactions, and how they behave on SQLite.

Guarantees: a writing transaction on SQLite starts with BEGIN IMMEDIATE, so that two of them never fail each other
half-way; no more than eight connections a process; the file can be read and written by its owner alone. All
methods may be called from any thread. A transaction must be short: no lab code may run inside one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from hotlab.importing import HotlabError
from hotlab.runtime.store.changes import Changes
from hotlab.runtime.store.tables import SCHEMA_VERSION, metadata, schema

MAX_CONNECTIONS: Final = 8
BUSY_SECONDS: Final = 30.0
_WRITING: Final = "hotlab_writing"


class StoreError(HotlabError):
    """The store can't be opened or does not fit this hotlab."""


class Database:
    """A store's connections. `close()` when done."""

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.file = _sqlite_file(self.url)
        if self.file is not None:
            _make_private_file(self.file)
        options: dict[str, Any] = {}
        if self.file is not None:
            options = {"check_same_thread": False, "timeout": BUSY_SECONDS}
        try:
            self._engine = sa.create_engine(
                self.url,
                poolclass=sa.pool.QueuePool,
                pool_size=MAX_CONNECTIONS,
                max_overflow=0,
                pool_timeout=BUSY_SECONDS,
                connect_args=options,
            )
        except ImportError as error:
            raise StoreError(
                f"{self.url.render_as_string()} needs the Python module {error.name}: pip install hotlab[postgres]"
            ) from error
        self._writing_engine = self._engine.execution_options(**{_WRITING: True})
        # Writers of this process queue here: SQLite makes waiting ones sleep up to 0.1 s at a time.
        self._turn = threading.Lock() if self.file is not None else _NoTurn()
        self._watching: Connection | None = None
        self._closed = False
        if self.file is not None:
            _teach_sqlite(self._engine)
        self.changes = Changes(self._foreign_version if self.file is not None else None)
        self._make_tables()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the store."""
        with self._late_use_closed(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *topics: str) -> Iterator[Connection]:
        """A transaction that writes; committed at the end of the block, rolled back by an exception.

        Args:
            topics: what to tell those who wait for changes, once it is committed.
        """
        with self._late_use_closed(), self._turn, self._writing_engine.begin() as connection:
            yield connection
        self.changes.notify(*topics)

    def close(self) -> None:
        """Close every connection and end every wait for changes."""
        self._closed = True
        self.changes.close()
        self._engine.dispose()
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.close()

    @contextmanager
    def _late_use_closed(self) -> Iterator[None]:
        """A task that was given up may come to its end, and write it, after the lab has closed its store."""
        try:
            yield
        finally:
            if self._closed:
                self._engine.dispose()

    def _make_tables(self) -> None:
        try:
            with self.write("schema") as connection:
                metadata.create_all(connection)
                version = connection.scalar(sa.select(schema.c.version))
                if version is None:
                    connection.execute(schema.insert().values(version=SCHEMA_VERSION))
                    version = SCHEMA_VERSION
        except DatabaseError as error:
            self.close()
            raise StoreError(f"{self.url.render_as_string()} can't be used as a lab's store: {error.orig}") from error
        if version != SCHEMA_VERSION:
            self.close()
            raise StoreError(
                f"{self.url.render_as_string()} was made by another version of hotlab (tables {version}, this one "
                f"reads {SCHEMA_VERSION}): use that version, or name another database"
            )

    def _foreign_version(self) -> int:
        # Meaningful only when asked on one and the same connection, hence one of its own, on the poller's thread.
        if self._watching is None:
            engine = sa.create_engine(
                self.url,
                poolclass=sa.pool.NullPool,
                isolation_level="AUTOCOMMIT",
                connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
            )
            self._watching = engine.connect()
        return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())


class _NoTurn:
    """Where the database lets writers in side by side."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


def sqlite_url(file: Path) -> str:
    """The URL of a store in a file."""
    return f"sqlite:///{file}"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(
            f"{_without_password(url)!r} names no database that can be used here ({type(error).__name__}): "
            "write sqlite:////folder/file.db, or postgresql+psycopg://user@host/name"
        ) from error
    return parsed


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def _sqlite_file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise StoreError("a lab's store must outlive its process: name a file, not an in-memory database")
    return Path(url.database)


def _make_private_file(file: Path) -> None:
    # A file that is there is never opened here: on POSIX, closing any descriptor of it would drop the locks that
    # another connection of this process holds on it.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"the store {file} can't be made: {error.strerror}") from error
    with suppress(OSError):  # somebody else's file that we may write: its owner decides
        os.chmod(file, 0o600)


def _teach_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by itself, too late
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
