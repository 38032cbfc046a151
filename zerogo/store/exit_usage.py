# -*- test-case-name: zerogo.test.store.test_exit_usage -*-
"""What passed through the exits: batches of gateways, leases of credit, statistics, the audit of streams.

A batch is stored once, however often it is sent: its number is kept in the same transaction. What it says was used is
taken from the package and from the gateway's lease at the same moment, so that used and leased together never exceed a
package but for the piece of data that a gateway had in hand (`zerogo.exit.credit`). What is held to be leased to a
gateway is what it says it is whenever it asks for more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zerogo.control.gateway_messages import ClosedStream, Lease, LeaseRequest, Usage
from zerogo.exit.credit import lease_size
from zerogo.ids import NodeId
from zerogo.store import exit_tables, exit_users
from zerogo.store.errors import NotFound
from zerogo.store.exit_values import Period, StatsKind, StatsRow, StoredExitUser, StreamFilter, StreamRow
from zerogo.store.paging import Paging, Piece

RETRY_SECONDS = 60.0
RETRY_LIMIT_SECONDS = 3600.0
WAITING_SECONDS = 1.0
"""Until gateways that hold what is left may have used it or handed it back."""
STREAMS_LIMIT = 5_000_000
"""Lines of the audit of streams; the oldest make room."""
_users, _leases = exit_tables.exit_users, exit_tables.exit_leases
_gateways, _stats, _streams = exit_tables.exit_gateways, exit_tables.exit_stats, exit_tables.exit_streams
_NOBODY = ""


def store_usage(connection: Connection, gateway: NodeId, boot: bytes, usage: Usage, unix_now: float) -> None:
    """Store a batch, if it is not stored already."""
    row = connection.execute(select(_gateways).where(_gateways.c.id == str(gateway))).first()
    if row is None or row.boot != boot or usage.number <= row.batch:
        return
    connection.execute(update(_gateways).where(_gateways.c.id == row.id).values(batch=usage.number))
    used: dict[str, tuple[int, int]] = {}
    counts: dict[tuple[StatsKind, str], list[int]] = {}
    for one in usage.rows:
        up, down = used.get(one.user, (0, 0))
        used[one.user] = (up + one.up, down + one.down)
        for kind, subject in (
            (StatsKind.USER, one.user),
            (StatsKind.EDGE, one.edge),
            (StatsKind.COUNTRY, one.country or _NOBODY),
        ):
            count = counts.setdefault((kind, subject), [0, 0, 0])
            count[0] += one.up
            count[1] += one.down
            count[2] += one.streams
    for user, (up, down) in used.items():
        _charge(connection, user, up, down, unix_now)
        _take_from_lease(connection, str(gateway), user, up + down)
    for back in usage.returned:
        _take_from_lease(connection, str(gateway), back.user, back.count)
    for (kind, subject), (up, down, streams) in counts.items():
        _count(connection, kind, subject, (up, down, streams), unix_now)
    _write_streams(connection, str(gateway), usage.closed)


def lease(connection: Connection, gateway: NodeId, request: LeaseRequest, gateways: int, unix_now: float) -> Lease:
    """Credit for a user at a gateway; `gateways` is how many are here."""
    user, number = request.user, request.number
    try:
        found = exit_users.find_user(connection, user)
    except NotFound:
        return Lease(user, number, 0, RETRY_SECONDS)
    found = _renewed(connection, found, unix_now)
    left = found.left(unix_now)
    if left is None:
        return Lease(user, number, 0, RETRY_SECONDS)
    elsewhere = (_leases.c.user == user) & (_leases.c.gateway != str(gateway))
    others = int(connection.scalar(select(func.sum(_leases.c.bytes)).where(elsewhere)) or 0)
    count = lease_size(max(0, left - others - request.held), gateways)
    _set_lease(connection, str(gateway), user, request.held + count)
    if count:
        return Lease(user, number, count)
    if left > 0:
        return Lease(user, number, 0, WAITING_SECONDS, is_waiting=True)
    ends_at = found.window_ends_at
    wait = RETRY_LIMIT_SECONDS if ends_at is None else max(1.0, ends_at - unix_now)
    return Lease(user, number, 0, min(wait, RETRY_LIMIT_SECONDS))


def read_stats(
    connection: Connection,
    kind: StatsKind,
    period: Period,
    subject: str | None,
    since: float,
    until: float,
) -> list[StatsRow]:
    """What passed, oldest first, at most 10,000 rows."""
    query = select(_stats).where(
        _stats.c.kind == kind.value,
        _stats.c.period == period.value,
        _stats.c.began_at >= since,
        _stats.c.began_at < until,
    )
    if subject is not None:
        query = query.where(_stats.c.subject == subject)
    rows = connection.execute(query.order_by(_stats.c.began_at, _stats.c.subject).limit(10_000))
    return [
        StatsRow(subject=row.subject, began_at=row.began_at, up=row.up, down=row.down, streams=row.streams)
        for row in rows
    ]


def list_streams(connection: Connection, wanted: StreamFilter, paging: Paging) -> Piece[StreamRow]:
    """Streams that are over, newest first."""
    query = select(_streams).order_by(_streams.c.id.desc()).limit(paging.limit + 1)
    if wanted.user is not None:
        query = query.where(_streams.c.user == wanted.user)
    if wanted.exit_address is not None:
        query = query.where(_streams.c.exit_address == wanted.exit_address)
    if wanted.at is not None:
        began_at = _streams.c.ended_at - _streams.c.seconds
        query = query.where((_streams.c.ended_at >= wanted.at) & (began_at <= wanted.at))
    if paging.after is not None:
        query = query.where(_streams.c.id < paging.after[0])
    return Piece.cut([_stream(row) for row in connection.execute(query)], paging, lambda one: (one.number,))


def forget_old(connection: Connection, audit_seconds: float, unix_now: float) -> None:
    """Remove statistics and lines of the audit whose time is over."""
    for period in Period:
        since = unix_now - period.kept_seconds
        connection.execute(delete(_stats).where(_stats.c.period == period.value, _stats.c.began_at < since))
    connection.execute(delete(_streams).where(_streams.c.ended_at < unix_now - audit_seconds))
    newest = connection.scalar(select(func.max(_streams.c.id)))
    if newest is not None:
        connection.execute(delete(_streams).where(_streams.c.id <= newest - STREAMS_LIMIT))


def _charge(connection: Connection, user: str, up: int, down: int, unix_now: float) -> None:
    try:
        found = exit_users.find_user(connection, user)
    except NotFound:
        return
    _renewed(connection, found, unix_now)
    count = up + down
    connection.execute(
        update(_users)
        .where(_users.c.name == user)
        .values(
            used=_users.c.used + (0 if found.package is None else count),
            total_up=_users.c.total_up + up,
            total_down=_users.c.total_down + down,
        )
    )


def _take_from_lease(connection: Connection, gateway: str, user: str, count: int) -> None:
    where = (_leases.c.gateway == gateway) & (_leases.c.user == user)
    held = connection.scalar(select(_leases.c.bytes).where(where))
    if held is not None:
        _set_lease(connection, gateway, user, held - count)


def _set_lease(connection: Connection, gateway: str, user: str, count: int) -> None:
    """What more was used than leased is no lease: the gateway says so when it asks."""
    where = (_leases.c.gateway == gateway) & (_leases.c.user == user)
    if count <= 0:
        connection.execute(delete(_leases).where(where))
    elif not connection.execute(update(_leases).where(where).values(bytes=count)).rowcount:
        connection.execute(insert(_leases).values(gateway=gateway, user=user, bytes=count))


def _renewed(connection: Connection, user: StoredExitUser, unix_now: float) -> StoredExitUser:
    """The user, in the window that it is by now."""
    ends_at = user.window_ends_at
    if ends_at is None or unix_now < ends_at or user.package is None:
        return user
    began_at = user.window_at + (unix_now - user.window_at) // user.package.seconds * user.package.seconds
    where = _users.c.name == user.account.name
    connection.execute(update(_users).where(where).values(window_at=began_at, used=0))
    return exit_users.find_user(connection, user.account.name)


def _count(
    connection: Connection, kind: StatsKind, subject: str, counts: tuple[int, int, int], unix_now: float
) -> None:
    up, down, streams = counts
    for period in Period:
        key: dict[str, Any] = {
            "kind": kind.value,
            "subject": subject,
            "period": period.value,
            "began_at": unix_now // period.seconds * period.seconds,
        }
        changed = connection.execute(
            update(_stats)
            .where(*(_stats.c[name] == value for name, value in key.items()))
            .values(up=_stats.c.up + up, down=_stats.c.down + down, streams=_stats.c.streams + streams)
        )
        if not changed.rowcount:
            connection.execute(insert(_stats).values(up=up, down=down, streams=streams, **key))


def _write_streams(connection: Connection, gateway: str, closed: Iterable[ClosedStream]) -> None:
    lines = [
        {
            "gateway": gateway,
            "user": one.user,
            "source": one.source,
            "edge": one.edge,
            "exit_address": one.exit_address,
            "target": one.target,
            "command": one.command,
            "ended_at": one.ended_at,
            "seconds": one.seconds,
            "up": one.up,
            "down": one.down,
            "reason": one.reason,
        }
        for one in closed
    ]
    if lines:
        connection.execute(insert(_streams), lines)


def _stream(row: Row[Any]) -> StreamRow:
    return StreamRow(
        number=row.id,
        gateway=row.gateway,
        user=row.user,
        source=row.source,
        edge=row.edge,
        exit_address=row.exit_address,
        target=row.target,
        command=row.command,
        ended_at=row.ended_at,
        seconds=row.seconds,
        up=row.up,
        down=row.down,
        reason=row.reason,
    )
