# -*- test-case-name: zerogo.test.store.test_snapshot -*-
"""Copies of a whole database: taken while it is used, looked into, and put in place of another.

A copy is a SQLite file without a log beside it. Putting one in place is done in an order in which a kill at any moment
leaves either the old database or the new one, whole: the copy is made ready under another name, the old database is
kept under a third, and one rename decides.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from zerogo.store.database import Database, lock_file
from zerogo.store.errors import StoreFault, cause_of
from zerogo.store.migrate import back_up, check_known, file_faults, schema_of
from zerogo.store.rewind import go_on, revisions

_SIBLINGS = ("-wal", "-shm")
Value = TypeVar("Value")


def take(source: Path, destination: Path) -> str:
    """Copy a database that may be in use; returns its schema. Raises `StoreFault`."""
    if not source.exists():
        raise StoreFault(f"there is no database at {source}")
    made = back_up(source, destination)
    (schema,) = inspect(made, lambda connection: [schema_of(connection)])
    if schema is None:
        made.unlink()
        raise StoreFault(f"{source} is not a database of a controller")
    return schema


def inspect(path: Path, look: Callable[[Connection], Iterable[Value]]) -> list[Value]:
    """What `look` finds in a SQLite file, which is only read; raises `StoreFault`."""
    if not path.exists():
        raise StoreFault(f"there is no database at {path}")
    place = f"file:{quote(str(path.absolute()))}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True, isolation_level=None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with engine.connect() as connection, connection.begin():
            return list(look(connection))
    except SQLAlchemyError as error:
        raise StoreFault(f"{path} cannot be read: {cause_of(error)}") from error
    finally:
        engine.dispose()


def install(copy: Path, path: Path, taken_at: float, unix_now: float) -> Path | None:
    """Let a copy that was taken at `taken_at` follow the database at `path`, which nobody may use meanwhile; returns
    where that one was kept. Raises `DatabaseInUse` or another `StoreFault`; the database is as it was then."""
    with closing(_Lock(path)):
        staged = path.with_name(f".{path.name}.restored")
        try:
            kept = _keep(path)
            lost = _known_revisions(path) if kept is not None else {}
            _stage(copy, staged, lost, taken_at, unix_now)
            for suffix in _SIBLINGS:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            staged.replace(path)
            _sync_directory(path.parent)
        except OSError as error:
            raise StoreFault(f"{path} cannot be replaced: {error.strerror}") from error
        finally:
            for left in path.parent.glob(f"{staged.name}*"):
                left.unlink(missing_ok=True)
        return kept


class _Lock:
    """Keeps controllers away from a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._descriptor = lock_file(path)

    def close(self) -> None:
        os.close(self._descriptor)


def _keep(path: Path) -> Path | None:
    """A copy of the database that is there, with what its log holds; where SQLite cannot read it, of its bytes."""
    if not path.exists():
        return None
    wanted = path.with_name(f"{path.name}.before-restore")
    try:
        # Opened for reading only at first: SQLite takes away a log that it cannot make sense of.
        inspect(path, file_faults)
        kept = back_up(path, wanted)
    except StoreFault:
        number = 0
        kept = wanted
        while kept.exists():
            number += 1
            kept = wanted.with_name(f"{wanted.name}-{number}")
        for suffix in ("", *_SIBLINGS):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copyfile(source, kept.with_name(kept.name + suffix))
                kept.with_name(kept.name + suffix).chmod(0o600)
        return kept
    _fold_log(path)
    return kept


def _fold_log(path: Path) -> None:
    """Write the log into the file, so that the file alone is the old database until the rename."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _known_revisions(path: Path) -> dict[str, int]:
    try:
        return dict(inspect(path, lambda connection: revisions(connection).items()))
    except StoreFault:
        return {}


def _stage(copy: Path, staged: Path, lost: dict[str, int], taken_at: float, unix_now: float) -> None:
    (schema,) = inspect(copy, lambda connection: [schema_of(connection)])
    check_known(schema, str(copy))
    shutil.copyfile(copy, staged)
    staged.chmod(0o600)
    database = Database.open_file(staged)
    try:
        database.write(go_on, lost, taken_at, unix_now)
    finally:
        database.close()
    with closing(sqlite3.connect(staged)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    descriptor = os.open(staged, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
