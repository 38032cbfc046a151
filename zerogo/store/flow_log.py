# -*- test-case-name: zerogo.test.store.test_flow_log -*-
"""Units of work about the log of policy decisions: what members' data planes opened and refused, as they told it.

Kept for as long as the controller's configuration says, and at most `ROWS_OF_MEMBER` rows of one member and
`ROWS_OF_NETWORK` of a network, the newest: a member that tells much pushes out its own rows first. Rows are numbered in
the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, delete, func, insert, or_, select

from zerogo.control.messages import FlowsReport
from zerogo.ids import NetworkId, NodeId
from zerogo.policy.decisions import REST
from zerogo.store import tables
from zerogo.store.networks import find_network
from zerogo.store.paging import Paging, Piece

ROWS_OF_MEMBER = 10_000
ROWS_OF_NETWORK = 200_000
_log = tables.flow_log


@frozen(kw_only=True)
class Told:
    """What a member told, and when it came, unix seconds."""

    network: NetworkId
    reporter: NodeId
    at: float
    report: FlowsReport


@frozen(kw_only=True)
class StoredFlows:
    """A row of the log."""

    number: int
    reporter: str
    at: float
    seconds: float
    """The interval that the counts are of; it ended at `at`."""
    peer: str
    """Empty: several."""
    is_outbound: bool
    protocol: int
    """IP protocol number, or of `zerogo.policy.decisions`."""
    port: int
    opened: int
    refused: int


@frozen(kw_only=True)
class FlowFilter:
    """Which rows are wanted; None: all."""

    member: str | None = None
    """Node id, at either end."""
    is_refused: bool | None = None
    """Rows with frames that were refused, or with flows that were opened."""
    protocols: tuple[int, ...] | None = None
    port: int | None = None
    since: float | None = None


def keep(connection: Connection, told: Iterable[Told]) -> None:
    """Write down what members of networks that keep a log told; the rest is left out."""
    keeping = {
        row.id for row in connection.execute(select(tables.networks.c.id).where(tables.networks.c.flow_log == 1))
    }
    rows = [row for each in told if str(each.network) in keeping for row in _rows(each)]
    first = int(connection.scalar(select(func.max(_log.c.number))) or 0) + 1
    if rows:
        connection.execute(insert(_log), [{"number": first + place, **row} for place, row in enumerate(rows)])


def _rows(told: Told) -> list[dict[str, Any]]:
    report = told.report
    common = {"network": str(told.network), "reporter": str(told.reporter), "at": told.at, "seconds": report.seconds}
    rows = [
        common
        | {
            "peer": str(NodeId(row.peer)),
            "is_outbound": int(row.is_outbound),
            "protocol": row.protocol,
            "port": row.port,
            "opened": row.opened,
            "refused": row.refused,
        }
        for row in report.rows
    ]
    if report.rest_opened or report.rest_refused:
        rest = {"peer": "", "is_outbound": 0, "protocol": REST, "port": 0}
        rows.append(common | rest | {"opened": report.rest_opened, "refused": report.rest_refused})
    return rows


def page_flows(connection: Connection, network: NetworkId, wanted: FlowFilter, paging: Paging) -> Piece[StoredFlows]:
    """A piece of a network's log, newest first; raises `NotFound`."""
    find_network(connection, network)
    query = select(_log).where(_log.c.network == str(network)).order_by(_log.c.number.desc()).limit(paging.limit + 1)
    if wanted.member is not None:
        query = query.where(or_(_log.c.reporter == wanted.member, _log.c.peer == wanted.member))
    if wanted.is_refused is not None:
        query = query.where((_log.c.refused if wanted.is_refused else _log.c.opened) > 0)
    if wanted.protocols is not None:
        query = query.where(_log.c.protocol.in_(wanted.protocols))
    if wanted.port is not None:
        query = query.where(_log.c.port == wanted.port)
    if wanted.since is not None:
        query = query.where(_log.c.at >= wanted.since)
    if paging.after is not None:
        query = query.where(_log.c.number < paging.after[0])
    return Piece.cut([_flows(row) for row in connection.execute(query)], paging, lambda one: (one.number,))


def forget_old(
    connection: Connection,
    kept_seconds: float,
    unix_now: float,
    limits: tuple[int, int] = (ROWS_OF_MEMBER, ROWS_OF_NETWORK),
) -> None:
    """Remove rows whose time is over, and those of members and networks that have too many."""
    connection.execute(delete(_log).where(_log.c.at < unix_now - kept_seconds))
    for columns, limit in zip(((_log.c.network, _log.c.reporter), (_log.c.network,)), limits, strict=True):
        full = select(*columns).group_by(*columns).having(func.count() > limit)
        for row in connection.execute(full).all():
            here = [column == value for column, value in zip(columns, row, strict=True)]
            numbers = select(_log.c.number).where(*here).order_by(_log.c.number.desc())
            newest_gone = connection.scalar(numbers.limit(1).offset(limit))
            connection.execute(delete(_log).where(*here, _log.c.number <= newest_gone))


def _flows(row: Row[Any]) -> StoredFlows:
    return StoredFlows(
        number=row.number,
        reporter=row.reporter,
        at=row.at,
        seconds=row.seconds,
        peer=row.peer,
        is_outbound=bool(row.is_outbound),
        protocol=row.protocol,
        port=row.port,
        opened=row.opened,
        refused=row.refused,
    )
