# -*- test-case-name: zerogo.test.store.test_migrate -*-
"""Bringing a database to this release's schema, with a verified copy of the file before the first step.

All steps run in one transaction, which ends only after SQLite found the result whole: a step that fails, a disk that is
full or a process that is killed leaves the file as it was. A database whose schema this release does not know was
written by a newer one and is refused untouched. Foreign keys are not enforced while steps run, since a table that is
made anew is dropped first, and its rows would take those that refer to them along; all references are checked after.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zerogo.store.errors import DatabaseNewer, MigrationFailed, StoreFault, StoreFull, cause_of, is_full

MIGRATIONS = Path(__file__).parent / "migrations"
SPACE_FACTOR = 3
"""A migration wants this many times the file's size free: the copy, the tables made anew, and their log."""
SPACE_LEAST = 16 * 1024 * 1024
"""Bytes."""


def newest_schema() -> str:
    """The schema of this release."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def known_schemas() -> set[str]:
    """Those that this release can open."""
    return {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}


def schema_of(connection: Connection) -> str | None:
    """The schema of a database; None: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate_file(engine: Engine, path: Path) -> Path | None:
    """Bring a SQLite file up to date; returns the copy that was made before, if one was. Raises `DatabaseNewer`,
    `MigrationFailed` or `StoreFault`."""
    try:
        with engine.connect() as connection, connection.begin():
            schema = schema_of(connection)
    except SQLAlchemyError as error:
        if is_full(error):
            raise StoreFull(f"{path} cannot be opened: {cause_of(error)}") from error
        raise StoreFault(f"{path} is not a database of a controller: {cause_of(error)}") from error
    head = newest_schema()
    if schema == head:
        return None
    check_known(schema, str(path))
    backup = None
    if schema is not None:
        _check_space(path)
        backup = back_up(path, path.with_name(f"{path.name}.before-{head}"))
    _upgrade(engine, path, backup)
    return backup


def check_known(schema: str | None, where: str) -> None:
    """Raise `DatabaseNewer` for a schema that this release does not know."""
    if schema is not None and schema not in known_schemas():
        head = newest_schema()
        raise DatabaseNewer(
            f"{where} has schema {schema}, this release knows up to {head}: install the release that wrote it, or newer"
        )


def upgrade(connection: Connection, schema: str = "head") -> None:
    """Run the steps up to `schema` in the transaction of `connection`."""
    command.upgrade(_config(connection), schema)


def _upgrade(engine: Engine, path: Path, backup: Path | None) -> None:
    try:
        with engine.connect() as connection, _unenforced(connection):
            connection = connection.execution_options(zerogo_write=True)
            with connection.begin():
                upgrade(connection)
                _check_result(connection)
    except Exception as error:
        if backup is None:
            raise MigrationFailed(f"{path} could not be made: {cause_of(error)}") from error
        kept = f"; a copy from before is at {backup}"
        raise MigrationFailed(f"{path} could not be migrated and is as it was{kept}: {cause_of(error)}") from error


@contextmanager
def _unenforced(connection: Connection) -> Iterator[None]:
    """Without foreign keys, on SQLite's own connection: it ignores the setting inside a transaction."""
    own: Any = connection.connection.driver_connection
    own.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        own.execute("PRAGMA foreign_keys=ON")


def _check_result(connection: Connection) -> None:
    faults = file_faults(connection)
    if faults:
        raise StoreFault(f"the steps left damage: {faults[0]}")


def file_faults(connection: Connection) -> list[str]:
    """What SQLite finds wrong with a file: damage, and references to what is not there."""
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)") if row[0] != "ok"]
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(10):
        found.append(f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there")
    return found


def _check_space(path: Path) -> None:
    wanted = SPACE_FACTOR * path.stat().st_size + SPACE_LEAST
    free = shutil.disk_usage(path.parent).free
    if free < wanted:
        raise MigrationFailed(
            f"{path} was not migrated: that wants {wanted // 2**20} MB of free space in {path.parent}, there are "
            f"{free // 2**20} MB"
        )


def back_up(path: Path, destination: Path) -> Path:
    """Copy a live SQLite file and check the copy; where `destination` exists a number is added. Raises `StoreFault`."""
    free = free_name(destination)
    try:
        free.touch(mode=0o600, exist_ok=False)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(free)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            free.unlink()
        raise StoreFault(f"{path} could not be copied to {free}: {error}") from error
    if verdict != "ok":
        free.unlink(missing_ok=True)
        raise StoreFault(f"the copy {free} of {path} is damaged: {verdict}")
    return free


def free_name(wanted: Path) -> Path:
    """That path, or with a number added where there is something already."""
    number, free = 0, wanted
    while free.exists():
        number += 1
        free = wanted.with_name(f"{wanted.name}-{number}")
    return free


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
