# -*- test-case-name: zerogo.test.store.test_transfer -*-
"""All rows of one database into another of the same schema, and a proof that nothing was lost or altered.

The proof is a digest of each table: the sum of the SHA-256 of its rows, which does not depend on their order, since two
databases do not sort alike. It is computed from what each of the two says after the copy.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, MetaData, Table, create_engine, delete, event, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from zerogo.store.errors import StoreFault, cause_of
from zerogo.store.migrate import schema_of, upgrade

ROWS_AT_ONCE = 500
_VERSION_TABLE = "alembic_version"
_MODULUS = 2**256


@frozen
class Digest:
    """What a table holds."""

    rows: int
    sum: int
    """Of the SHA-256 of all rows, modulo 2^256."""


def copy_rows(source: Connection, target: Connection) -> dict[str, Digest]:
    """Copy all rows into an empty database of the same schema, and compare; returns the digest of each table. Raises
    `StoreFault`, and the transaction of `target` must then be undone."""
    if schema_of(source) != schema_of(target):
        raise StoreFault("the two databases have not the same schema")
    there = _tables(source)
    tables = _tables(target)
    if set(there) != set(tables):
        raise StoreFault("the two databases have not the same tables")
    for table in tables.values():
        if target.scalar(select(func.count()).select_from(table)):
            raise StoreFault(f"the database that is to be filled is not empty: there are rows in {table.name}")
    for name, table in tables.items():
        for rows in _pieces(source, there[name]):
            target.execute(insert(table), rows)
        _go_on_numbering(target, table)
    before = {name: digest(source, table) for name, table in there.items()}
    for name, table in tables.items():
        if digest(target, table) != before[name]:
            raise StoreFault(f"the rows of {name} are not the same after the copy")
    return before


def empty(connection: Connection) -> None:
    """Delete all rows."""
    for table in reversed(_tables(connection).values()):
        connection.execute(delete(table))


def digest(connection: Connection, table: Table) -> Digest:
    """Of one table."""
    rows, total = 0, 0
    for piece in _pieces(connection, table):
        for row in piece:
            content = repr([(name, row[name]) for name in sorted(row)]).encode()
            total = (total + int.from_bytes(hashlib.sha256(content).digest(), "big")) % _MODULUS
            rows += 1
    return Digest(rows, total)


def copy_to_file(source: Connection, path: Path) -> Path:
    """Copy a database into a new SQLite file; raises `StoreFault`, and leaves nothing then."""
    schema = schema_of(source)
    if schema is None:
        raise StoreFault("there is no database of a controller to copy")
    path.touch(mode=0o600, exist_ok=False)
    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection, connection.begin():
            upgrade(connection, schema)
            copy_rows(source, connection)
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA journal_mode=DELETE")
    except (SQLAlchemyError, sqlite3.Error, StoreFault) as error:
        path.unlink(missing_ok=True)
        raise StoreFault(f"the database could not be copied to {path}: {cause_of(error)}") from error
    finally:
        engine.dispose()
    return path


def _go_on_numbering(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers rows by counters of their own, which know nothing of rows that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key:
        counter = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        newest = None if counter is None else connection.scalar(select(func.max(column)))
        if newest is not None:
            connection.execute(select(func.setval(counter, newest)))


def _tables(connection: Connection) -> dict[str, Table]:
    """Those that rows of others refer to come first."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {table.name: table for table in metadata.sorted_tables if table.name != _VERSION_TABLE}


def _pieces(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    result = connection.execute(select(table), execution_options={"stream_results": True})
    for rows in result.mappings().partitions(ROWS_AT_ONCE):
        yield [dict(row) for row in rows]
