# -*- test-case-name: zerogo.test.store.test_snapshot -*-
"""Copies of a whole database: taken while it is used, looked into, put in place of another, moved to another kind.

A copy is a SQLite file without a log beside it, whatever it is a copy of. Putting one in place of a file is done in an
order in which a kill at any moment leaves either the old database or the new one, whole: the copy is made ready under
another name, the old database is kept under a third, and one rename decides. On a server one transaction does.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from zerogo.secret import Secret
from zerogo.store.database import Database, lock_file
from zerogo.store.errors import StoreFault, cause_of
from zerogo.store.migrate import back_up, check_known, file_faults, free_name, schema_of
from zerogo.store.postgresql import check_alone, lift_limits, migrate_server, server_engine
from zerogo.store.rewind import go_on, revisions
from zerogo.store.transfer import Digest, copy_rows, copy_to_file, empty

_SIBLINGS = ("-wal", "-shm")
Value = TypeVar("Value")


def take(source: Path | Secret, destination: Path) -> str:
    """Copy a database that may be in use into a new file; returns its schema. Raises `StoreFault`."""
    if isinstance(source, Secret):
        with _server(source, is_write=False) as connection:
            made = copy_to_file(connection, destination)
    elif source.exists():
        made = back_up(source, destination)
    else:
        raise StoreFault(f"there is no database at {source}")
    (schema,) = inspect(made, lambda connection: [schema_of(connection)])
    if schema is None:
        made.unlink()
        raise StoreFault(f"{source} is not a database of a controller")
    return schema


def examine_place(place: Path | Secret, look: Callable[[Connection], Iterable[Value]]) -> list[Value]:
    """What `look` finds in a database that may be in use; raises `StoreFault`."""
    if isinstance(place, Path):
        return inspect(place, look)
    with _server(place, is_write=False) as connection:
        return list(look(connection))


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


def check_unused(place: Path | Secret) -> None:
    """Raise `DatabaseInUse` where a controller uses the database, or another `StoreFault`; none has to be there."""
    if isinstance(place, Secret) or place.exists():
        with _held(place):
            pass


def install(copy: Path, place: Path | Secret, keep_in: Path, taken_at: float, unix_now: float) -> Path | None:
    """Let a copy that was taken at `taken_at` follow the database at `place`, which nobody may use meanwhile; returns
    where that one was kept: beside a file, for a server in the directory `keep_in`. Raises `DatabaseInUse` or another
    `StoreFault`; the database is as it was then."""
    if isinstance(place, Path):
        return _install_file(copy, place, taken_at, unix_now)
    with tempfile.TemporaryDirectory(dir=keep_in) as directory, _migrated(place, keep_in) as connection:
        check_alone(connection)
        lost = revisions(connection)
        kept = copy_to_file(connection, free_name(keep_in / "postgresql.before-restore")) if lost else None
        staged = Path(directory) / "staged.db"
        _stage(copy, staged, lost, taken_at, unix_now)
        empty(connection)
        inspect(staged, lambda source: copy_rows(source, connection))
    return kept


def move(source: Path | Secret, target: Path | Secret, keep_in: Path) -> dict[str, Digest]:
    """Copy a database that no controller uses into an empty one of another kind; returns what each table holds, which
    is the same in both. Raises `DatabaseInUse` or another `StoreFault`; the source is as it was in any case, and the
    target too where this raises."""
    with tempfile.TemporaryDirectory(dir=keep_in) as directory, _held(source):
        staged = Path(directory) / "moved.db"
        take(source, staged)
        Database.open_file(staged).close()
        found: dict[str, Digest] = {}
        if isinstance(target, Path):
            with _new_file(target), _opened(target) as connection:
                inspect(staged, lambda held: found.update(copy_rows(held, connection)) or ())
        else:
            with _migrated(target, keep_in) as connection:
                check_alone(connection)
                inspect(staged, lambda held: found.update(copy_rows(held, connection)) or ())
        return found


@contextmanager
def _held(place: Path | Secret) -> Iterator[None]:
    """Nobody uses it."""
    if isinstance(place, Path):
        if not place.exists():
            raise StoreFault(f"there is no database at {place}")
        with closing(_Lock(place)):
            yield
        return
    with _server(place, is_write=False) as connection:
        check_alone(connection)
    yield


@contextmanager
def _new_file(path: Path) -> Iterator[None]:
    """A file that is not there yet, and is gone again where the body raises."""
    if path.exists():
        raise StoreFault(f"{path} is there already; it was not touched")
    try:
        yield
    except BaseException:
        for suffix in ("", ".lock", *_SIBLINGS):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    """A transaction that writes to a SQLite file."""
    database = Database.open_file(path)
    try:
        with database.transaction() as connection:
            yield connection
    finally:
        database.close()


@contextmanager
def _migrated(place: Secret, keep_in: Path) -> Iterator[Connection]:
    """A transaction that writes to a server's database of this release's schema."""
    engine = server_engine(place, 1)
    try:
        migrate_server(engine, keep_in)
    finally:
        engine.dispose()
    with _server(place, is_write=True) as connection:
        yield connection


@contextmanager
def _server(place: Secret, is_write: bool) -> Iterator[Connection]:
    engine: Engine = server_engine(place, 1)
    try:
        with engine.connect().execution_options(zerogo_write=is_write) as connection, connection.begin():
            lift_limits(connection)
            yield connection
    except SQLAlchemyError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StoreFault(f"the database at {where} cannot be used: {cause_of(error)}") from error
    finally:
        engine.dispose()


def _install_file(copy: Path, path: Path, taken_at: float, unix_now: float) -> Path | None:
    with closing(_Lock(path)):
        staged = path.with_name(f".{path.name}.restored")
        try:
            kept = _keep(path)
            lost = _known_revisions(path) if kept is not None else {}
            _stage(copy, staged, lost, taken_at, unix_now)
            for suffix in _SIBLINGS:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            staged.replace(path)
            _sync(path.parent)
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
        kept = free_name(wanted)
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
    _sync(staged)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
