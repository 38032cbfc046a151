# -*- test-case-name: zerogo.test.store.test_database -*-
"""Opening the database and running units of work in transactions: a SQLite file, whose SQL is here, or PostgreSQL
(`zerogo.store.postgresql`).

SQLite runs in WAL mode with `synchronous=FULL`, so that a commit that returned survives a power cut. A writer begins
with BEGIN IMMEDIATE: a transaction that reads first and upgrades later would fail at once where another writes. One
writer at a time waits at a lock of ours, which is fair, before it waits at SQLite's, which is not. A second controller
on the same file is kept out by a lock on a file beside it: SQLite itself would let it in.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zerogo.secret import Secret
from zerogo.store.errors import DatabaseInUse, StoreFault, StoreFull, cause_of, is_full
from zerogo.store.migrate import migrate_file
from zerogo.store.postgresql import migrate_server, server_engine

BUSY_TIMEOUT_SECONDS = 5
CONNECTIONS = 5
RETRIES = 5
"""How often a write that lost a race is tried again; only servers with more than one writer have such races."""
RETRYABLE = ("40001", "40P01")
"""SQLSTATE of PostgreSQL: serialization failure, deadlock."""
OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""

Params = ParamSpec("Params")
Value = TypeVar("Value")
Unit = Callable[Concatenate[Connection, Params], Value]


class Database:
    """An open database. `read` and `write` may be called from several threads and block."""

    def __init__(self, engine: Engine, lock_descriptor: int | None = None) -> None:
        self._engine = engine
        self._lock_descriptor = lock_descriptor
        self._writer = threading.Lock()

    @classmethod
    def open(cls, place: Path | Secret, keep_in: Path) -> Database:
        """Open a SQLite file, or PostgreSQL by its URL, making or migrating what is there; a copy of a server's
        database from before goes into the directory `keep_in`. Raises `StoreFault` and its kinds."""
        if isinstance(place, Path):
            return cls.open_file(place)
        engine = server_engine(place, CONNECTIONS)
        try:
            migrate_server(engine, keep_in)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def open_file(cls, path: Path) -> Database:
        """Open the SQLite file, making or migrating it; raises `StoreFault` and its kinds."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreFault(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
        descriptor = lock_file(path)
        try:
            engine = _sqlite_engine(path)
            migrate_file(engine, path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(engine, descriptor)

    def read(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Value:
        """Run a unit that only reads; raises what it raises, and `StoreFault`."""
        try:
            with self._engine.connect() as connection, connection.begin():
                return unit(connection, *args, **kwargs)
        except SQLAlchemyError as error:
            raise _fault(error) from error

    def write(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Value:
        """Run a unit that writes; it is on disk when this returns, and undone where it raised."""
        for attempt in range(RETRIES):
            try:
                with self.transaction() as connection:
                    return unit(connection, *args, **kwargs)
            except DBAPIError as error:
                if attempt + 1 == RETRIES or getattr(error.orig, "sqlstate", None) not in RETRYABLE:
                    raise _fault(error) from error
            except SQLAlchemyError as error:
                raise _fault(error) from error
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One that writes, for what is no unit of work; raises SQLAlchemy's own errors."""
        with self._writer, self._engine.connect() as connection:
            connection = connection.execution_options(zerogo_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections and let another controller have the file."""
        self._engine.dispose()
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None


def _fault(error: SQLAlchemyError) -> StoreFault:
    kind = StoreFull if is_full(error) else StoreFault
    return kind(f"the database failed: {cause_of(error)}")


def lock_file(path: Path) -> int:
    """Keep other controllers away from a SQLite file until the descriptor is closed; raises `DatabaseInUse`."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreFault(f"{lock_path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DatabaseInUse(f"another controller uses {path}; stop it first") from error
    return descriptor


def _sqlite_engine(path: Path) -> Engine:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreFault(f"{path} cannot be opened: {error.strerror}") from error
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=CONNECTIONS,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "wal_autocheckpoint=1000",
        f"journal_size_limit={64 * 1024 * 1024}",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    is_write = connection.get_execution_options().get("zerogo_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")
