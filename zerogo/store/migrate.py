# -*- test-case-name: zerogo.test.store.test_migrate -*-
"""Bringing a database to this release's schema, with a verified copy of the file before the first step.

All steps run in one transaction, so a step that fails, or a process that is killed, leaves the file as it was. A
database whose schema this release does not know was written by a newer one and is refused untouched.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zerogo.store.errors import DatabaseNewer, MigrationFailed, StoreFault

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_schema() -> str:
    """The schema of this release."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def migrate_file(engine: Engine, path: Path) -> Path | None:
    """Bring a SQLite file up to date; returns the copy that was made before, if one was. Raises `DatabaseNewer`,
    `MigrationFailed` or `StoreFault`."""
    try:
        with engine.connect() as connection, connection.begin():
            schema = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise StoreFault(f"{path} is not a database of a controller: {error}") from error
    head = newest_schema()
    if schema == head:
        return None
    if schema is not None and schema not in {one.revision for one in _scripts().walk_revisions()}:
        raise DatabaseNewer(
            f"{path} has schema {schema}, this release knows up to {head}: install the release that wrote it, or newer"
        )
    backup = None if schema is None else back_up(path, path.with_name(f"{path.name}.before-{head}"))
    _upgrade(engine, path, backup)
    return backup


def _upgrade(engine: Engine, path: Path, backup: Path | None) -> None:
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(zerogo_write=True)
            with connection.begin():
                command.upgrade(_config(connection), "head")
    except Exception as error:
        kept = "" if backup is None else f"; a copy from before is at {backup}"
        raise MigrationFailed(f"{path} could not be migrated and is as it was{kept}: {error}") from error


def back_up(path: Path, destination: Path) -> Path:
    """Copy a live SQLite file and check the copy; where `destination` exists a number is added. Raises `StoreFault`."""
    number = 0
    free = destination
    while free.exists():
        number += 1
        free = destination.with_name(f"{destination.name}-{number}")
    try:
        free.touch(mode=0o600, exist_ok=False)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(free)) as copy:
            source.backup(copy)
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        raise StoreFault(f"{path} could not be copied to {free}: {error}") from error
    if verdict != "ok":
        raise StoreFault(f"the copy {free} of {path} is damaged: {verdict}")
    return free


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
