# -*- test-case-name: zerogo.test.store.test_postgresql -*-
"""PostgreSQL in place of the SQLite file; the only place with SQL that knows it.

Units of work were written for one writer at a time, and stay so: a write takes an advisory lock of the database before
it looks at anything, so what it reads cannot change under it, whichever controller the other writer is in. The lock
ends with the transaction, also where a controller is killed. Reads see one snapshot.

A database that is made here is brought to this release's schema in one transaction under the same lock, so that of
several controllers that start at once one does it. Before a schema is changed, a copy of the old one is kept as a
SQLite file. What goes through whole tables, these two, may last as long as it takes (`lift_limits`).
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from zerogo.secret import Secret
from zerogo.store.errors import DatabaseInUse, MigrationFailed, StoreFault, cause_of
from zerogo.store.migrate import check_known, free_name, newest_schema, schema_of, upgrade
from zerogo.store.transfer import copy_to_file

OLDEST_VERSION = 140_000
"""As PostgreSQL counts: 14. None older is maintained."""
APPLICATION = "zerogo-controller"
CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 30_000
LOCK_MILLISECONDS = 30_000
"""For which what has no other limit waits for somebody else's lock, such as that of a dump."""
IDLE_MILLISECONDS = 60_000
"""A transaction in which nothing happens for so long is ended, and its lock is free."""
WRITE_LOCK = 0x7A65726F676F
"""The number of the advisory lock: `zerogo` in ASCII."""


def server_url(place: Secret) -> URL:
    """The URL for SQLAlchemy; raises `StoreFault`."""
    try:
        return make_url(place.reveal()).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise StoreFault("the database's URL is not one") from error


def connection_text(place: Secret) -> str:
    """The same for psycopg itself."""
    return server_url(place).set(drivername="postgresql").render_as_string(hide_password=False)


def server_engine(place: Secret, connections: int) -> Engine:
    """An engine; connects when it is used."""
    engine = create_engine(
        server_url(place),
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": APPLICATION},
    )
    event.listen(engine, "connect", _set_limits)
    event.listen(engine, "begin", _begin)
    return engine


def migrate_server(engine: Engine, keep_in: Path) -> Path | None:
    """Bring the database to this release's schema; returns the copy that was made before, if one was, in the directory
    `keep_in`. Raises `DatabaseNewer`, `MigrationFailed` or `StoreFault`."""
    where = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(zerogo_write=True)
            with connection.begin():
                version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
                schema = schema_of(connection)
                if version < OLDEST_VERSION:
                    raise StoreFault(f"PostgreSQL {version // 10_000} is too old; 14 or newer is needed")
                check_known(schema, where)
                if schema == newest_schema():
                    return None
                lift_limits(connection)
                return _upgrade(connection, schema, where, keep_in)
    except SQLAlchemyError as error:
        raise StoreFault(f"the database at {where} cannot be used: {cause_of(error)}") from error


def _upgrade(connection: Connection, schema: str | None, where: str, keep_in: Path) -> Path | None:
    kept = (
        None
        if schema is None
        else copy_to_file(connection, free_name(keep_in / f"postgresql.before-{newest_schema()}"))
    )
    try:
        upgrade(connection)
    except Exception as error:
        told = "made" if kept is None else f"migrated and is as it was; a copy from before is at {kept}"
        raise MigrationFailed(f"{where} could not be {told}: {cause_of(error)}") from error
    return kept


def lift_limits(connection: Connection) -> None:
    """Let the transaction last as long as it takes to go through whole tables, and rest while their rows are dealt with
    elsewhere. For the locks of others it waits `LOCK_MILLISECONDS` each time."""
    for setting, value in (
        ("statement_timeout", 0),
        ("idle_in_transaction_session_timeout", 0),
        ("lock_timeout", LOCK_MILLISECONDS),
    ):
        connection.exec_driver_sql(f"SET LOCAL {setting} = {value}")


def check_alone(connection: Connection) -> None:
    """Raise `DatabaseInUse` where another controller is connected to the database."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name"
        " AND pid <> pg_backend_pid()"
    )
    if connection.scalar(others, {"name": APPLICATION}):
        raise DatabaseInUse("a controller uses this database; stop all of them first")


def _set_limits(dbapi_connection: psycopg.Connection[object], _record: object) -> None:
    before, dbapi_connection.autocommit = dbapi_connection.autocommit, True
    for setting, value in (
        ("statement_timeout", STATEMENT_MILLISECONDS),
        ("idle_in_transaction_session_timeout", IDLE_MILLISECONDS),
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
    ):
        dbapi_connection.execute("SELECT set_config(%s, %s, false)", (setting, str(value)))
    dbapi_connection.autocommit = before


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("zerogo_write", False):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": WRITE_LOCK})
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
