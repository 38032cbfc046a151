# -*- test-case-name: zerogo.test.store.test_exit_users -*-
"""Users of the exits, and their traffic packages. Passwords arrive here hashed (argon2id).

Every change of an account counts one up in the accounts' revision (`exits.revision` of the settings), by which gateways
know whether what they hold is the newest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zerogo.errors import ParseError
from zerogo.exit.account import NAME_PATTERN, Account
from zerogo.store import audit, exit_tables, tables
from zerogo.store.errors import Conflict, NotFound, check_tag
from zerogo.store.exit_values import StoredExitUser, StoredPackage
from zerogo.store.paging import Paging, Piece

USERS_LIMIT = 100_000
PACKAGES_LIMIT = 1000
BYTES_LIMIT = 2**53
_REVISION = "exits.revision"
_users, _packages, _leases = exit_tables.exit_users, exit_tables.exit_packages, exit_tables.exit_leases


# ----- packages


def create_package(connection: Connection, package: StoredPackage, actor: str, unix_now: float) -> StoredPackage:
    """Make a package; raises `Conflict` or `ParseError`."""
    _check_package(package)
    if connection.scalar(select(_packages.c.name).where(_packages.c.name == package.name)) is not None:
        raise Conflict(f"there is a package {package.name!r} already")
    if int(connection.scalar(select(func.count()).select_from(_packages)) or 0) >= PACKAGES_LIMIT:
        raise Conflict(f"there are {PACKAGES_LIMIT} packages already")
    connection.execute(insert(_packages).values(name=package.name, bytes=package.size, seconds=package.seconds))
    detail = f"bytes={package.size} seconds={package.seconds:.0f}"
    audit.record(connection, actor, "exit-package.create", unix_now, subject=package.name, detail=detail)
    return package


def list_packages(connection: Connection, paging: Paging) -> Piece[StoredPackage]:
    """All packages, by name."""
    query = select(_packages).order_by(_packages.c.name).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(_packages.c.name > paging.after[0])
    return Piece.cut([_package(row) for row in connection.execute(query)], paging, lambda one: (one.name,))


def find_package(connection: Connection, name: str) -> StoredPackage:
    """A package; raises `NotFound`."""
    row = connection.execute(select(_packages).where(_packages.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no package {name[:64]!r}")
    return _package(row)


def change_package(
    connection: Connection, name: str, changes: dict[str, Any], actor: str, unix_now: float, expected: str | None = None
) -> tuple[StoredPackage, list[str]]:
    """Set `size` and `seconds`; gives the users whose package it is, too. Raises `NotFound`, `Stale`, `ParseError`."""
    found = find_package(connection, name)
    check_tag(found.tag, expected)
    changed = StoredPackage(
        name=name, size=changes.get("size", found.size), seconds=changes.get("seconds", found.seconds)
    )
    _check_package(changed)
    where = _packages.c.name == name
    connection.execute(update(_packages).where(where).values(bytes=changed.size, seconds=changed.seconds))
    count_up(connection)
    detail = f"bytes={changed.size} seconds={changed.seconds:.0f}"
    audit.record(connection, actor, "exit-package.change", unix_now, subject=name, detail=detail)
    users = [row.name for row in connection.execute(select(_users.c.name).where(_users.c.package == name))]
    return changed, users


def delete_package(connection: Connection, name: str, actor: str, unix_now: float, expected: str | None = None) -> None:
    """Remove a package that nobody has; raises `NotFound`, `Stale` or `Conflict`."""
    check_tag(find_package(connection, name).tag, expected)
    if connection.scalar(select(_users.c.name).where(_users.c.package == name).limit(1)) is not None:
        raise Conflict(f"users have the package {name!r}")
    connection.execute(delete(_packages).where(_packages.c.name == name))
    audit.record(connection, actor, "exit-package.delete", unix_now, subject=name)


# ----- users


def create_user(
    connection: Connection, account: Account, package: str | None, actor: str, unix_now: float
) -> StoredExitUser:
    """Make a user; raises `Conflict`, `NotFound` (the package) or `ParseError`."""
    if not re.match(NAME_PATTERN, account.name):
        raise ParseError("a name has 1 to 64 letters, digits and . _ @ +, and no hyphen")
    if connection.scalar(select(_users.c.name).where(_users.c.name == account.name)) is not None:
        raise Conflict(f"there is a user {account.name!r} already")
    if int(connection.scalar(select(func.count()).select_from(_users)) or 0) >= USERS_LIMIT:
        raise Conflict(f"there are {USERS_LIMIT} users already")
    if package is not None:
        find_package(connection, package)
    connection.execute(
        insert(_users).values(
            name=account.name,
            account=_encode(account, package),
            package=package,
            window_at=unix_now,
            used=0,
            total_up=0,
            total_down=0,
            created_at=unix_now,
        )
    )
    count_up(connection)
    detail = f"package={package or '-'}"
    audit.record(connection, actor, "exit-user.create", unix_now, subject=account.name, detail=detail)
    return find_user(connection, account.name)


def list_users(connection: Connection, paging: Paging) -> Piece[StoredExitUser]:
    """All users, by name."""
    query = select(_users).order_by(_users.c.name).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(_users.c.name > paging.after[0])
    found = [_user(connection, row) for row in connection.execute(query).all()]
    return Piece.cut(found, paging, lambda user: (user.account.name,))


def find_user(connection: Connection, name: str) -> StoredExitUser:
    """A user; raises `NotFound`."""
    row = connection.execute(select(_users).where(_users.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no user {name[:64]!r} of the exits")
    return _user(connection, row)


def change_user(
    connection: Connection, name: str, changes: dict[str, Any], actor: str, unix_now: float, expected: str | None = None
) -> StoredExitUser:
    """Set fields of the account, `package` (a name or None), and with `used` what is used of it. Raises `NotFound`,
    `Stale` or `ParseError`."""
    found = find_user(connection, name)
    check_tag(found.tag, expected)
    given = dict(changes)
    package = given.pop("package", found.package.name if found.package is not None else None)
    values: dict[str, Any] = {"package": package}
    if package is not None:
        find_package(connection, package)
    if package != (found.package and found.package.name):
        values |= {"used": 0, "window_at": unix_now}
    if "used" in given:
        values |= {"used": given.pop("used"), "window_at": unix_now}
    account = msgspec.structs.replace(found.account, **given)
    values["account"] = _encode(account, package)
    connection.execute(update(_users).where(_users.c.name == name).values(**values))
    count_up(connection)
    shown = {key: "changed" if key == "password_hash" else value for key, value in changes.items()}
    detail = " ".join(f"{key}={value}" for key, value in shown.items())
    audit.record(connection, actor, "exit-user.change", unix_now, subject=name, detail=detail)
    return find_user(connection, name)


def delete_user(connection: Connection, name: str, actor: str, unix_now: float, expected: str | None = None) -> None:
    """Remove a user; what was counted stays in the statistics. Raises `NotFound` or `Stale`."""
    check_tag(find_user(connection, name).tag, expected)
    connection.execute(delete(_users).where(_users.c.name == name))
    count_up(connection)
    audit.record(connection, actor, "exit-user.delete", unix_now, subject=name)


def all_accounts(connection: Connection) -> tuple[int, list[Account]]:
    """The accounts' revision, and all of them, by name."""
    query = select(_users.c.account).order_by(_users.c.name)
    return revision(connection), [_decode(row.account) for row in connection.execute(query)]


def some_accounts(connection: Connection, names: Sequence[str]) -> tuple[int, list[Account]]:
    """The accounts' revision, and those of these users that there are."""
    query = select(_users.c.account).where(_users.c.name.in_(list(names))).order_by(_users.c.name)
    return revision(connection), [_decode(row.account) for row in connection.execute(query)]


def revision(connection: Connection) -> int:
    """Of the accounts."""
    found = connection.scalar(select(tables.settings.c.value).where(tables.settings.c.key == _REVISION))
    return int(found or 0)


def count_up(connection: Connection) -> None:
    """The accounts are others."""
    number = revision(connection) + 1
    if number == 1:
        connection.execute(insert(tables.settings).values(key=_REVISION, value="1"))
    else:
        where = tables.settings.c.key == _REVISION
        connection.execute(update(tables.settings).where(where).values(value=str(number)))


def _check_package(package: StoredPackage) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", package.name):
        raise ParseError("the name of a package has 1 to 64 letters, digits and . _ -")
    if not 0 <= package.size <= BYTES_LIMIT or not 0 <= package.seconds <= 1e10:
        raise ParseError("a package has 0 or more bytes, in windows of 0 or more seconds")


def _encode(account: Account, package: str | None) -> str:
    return msgspec.json.encode(msgspec.structs.replace(account, has_package=package is not None)).decode()


def _decode(text: str) -> Account:
    return msgspec.json.decode(text, type=Account)


def _user(connection: Connection, row: Row[Any]) -> StoredExitUser:
    leased = connection.scalar(select(func.sum(_leases.c.bytes)).where(_leases.c.user == row.name))
    return StoredExitUser(
        account=_decode(row.account),
        package=None if row.package is None else find_package(connection, row.package),
        window_at=row.window_at,
        used=row.used,
        leased=int(leased or 0),
        total_up=row.total_up,
        total_down=row.total_down,
        created_at=row.created_at,
    )


def _package(row: Row[Any]) -> StoredPackage:
    return StoredPackage(name=row.name, size=row.bytes, seconds=row.seconds)
