"""What the store refuses, and what keeps it from working."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from zerogo.control.messages import RefusalCode
from zerogo.errors import EnvironmentFault, RemoteError

FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
"""SQLite's codes: the file cannot grow, or its file of shared memory."""
DISK_FULL = "53100"
"""SQLSTATE of PostgreSQL."""


class StoreFault(EnvironmentFault):
    """The database cannot be used."""

    code = "E-STORE"


class StoreBusy(StoreFault):
    """The database has too much to do; try again later."""

    code = "E-STORE-BUSY"


class StoreFull(StoreFault):
    """The disk that the database is on is full."""

    code = "E-STORE-FULL"


class DatabaseInUse(StoreFault):
    """Another controller uses this database file."""

    code = "E-STORE-IN-USE"


class DatabaseNewer(StoreFault):
    """The database was written by a newer release."""

    code = "E-STORE-NEWER"


class MigrationFailed(StoreFault):
    """The database could not be brought to this release's schema; it is as it was."""

    code = "E-STORE-MIGRATION"


class NotFound(RemoteError):
    """There is no such thing."""

    code = "not-found"


class Conflict(RemoteError):
    """What was asked for contradicts what is there."""

    code = "conflict"


class Stale(RemoteError):
    """Somebody else changed it in the meantime."""

    code = "changed-meanwhile"


class Forbidden(RemoteError):
    """The caller's role does not reach that far."""

    code = "forbidden"


class JoinRefused(RemoteError):
    """An agent may not be a member."""

    def __init__(self, reason: RefusalCode, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


def cause_of(error: BaseException) -> str:
    """One line about what went wrong, without the statement and its values."""
    if is_full(error):
        return "the disk is full"
    cause = _origin(error)
    return f"{type(cause).__name__}: {' '.join(str(cause).split())[:200]}"


def is_full(error: BaseException) -> bool:
    """Whether the database had no room left on its disk."""
    cause = _origin(error)
    return getattr(cause, "sqlite_errorcode", None) in FULL or getattr(cause, "sqlstate", None) == DISK_FULL


def _origin(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def check_tag(found: str, expected: str | None) -> None:
    """Raise `Stale` where what was found is not what the caller saw; None: the caller does not mind."""
    if expected is not None and found != expected:
        raise Stale("somebody changed it in the meantime: read it again")
