# -*- test-case-name: zerogo.test.store.test_ephemeral -*-
"""Members that are forgotten when they have been away for a while: machines that are made and thrown away."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from zerogo.ids import NetworkId, NodeId
from zerogo.store import tables
from zerogo.store.members import remove_member
from zerogo.store.values import StoredState

AWAY_SECONDS = 600.0


def ephemeral_members(connection: Connection) -> list[tuple[NetworkId, NodeId]]:
    """All of them."""
    columns = tables.members.c
    query = select(columns.network, columns.node_id).where(columns.is_ephemeral == 1)
    return [(NetworkId.parse(row.network), NodeId.parse(row.node_id)) for row in connection.execute(query)]


def forget_ephemeral(
    connection: Connection, present: Iterable[tuple[NetworkId, NodeId]], seen_before: float, unix_now: float
) -> list[tuple[NetworkId, NodeId]]:
    """Remove ephemeral members that are not present and were last seen before that time; returns who is gone. One that
    is blocked stays, or it could come back by leaving."""
    here = {(str(network), str(node_id)) for network, node_id in present}
    columns = tables.members.c
    query = select(columns.network, columns.node_id).where(
        columns.is_ephemeral == 1,
        columns.last_seen_at < seen_before,
        columns.state.in_([StoredState.PENDING.value, StoredState.APPROVED.value]),
    )
    gone = []
    for row in connection.execute(query.order_by(columns.network, columns.node_id)).all():
        if (row.network, row.node_id) not in here:
            network, node_id = NetworkId.parse(row.network), NodeId.parse(row.node_id)
            remove_member(connection, network, node_id, "ephemeral", unix_now)
            gone.append((network, node_id))
    return gone
