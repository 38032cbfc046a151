# -*- test-case-name: zerogo.test.store.test_networks -*-
"""Who changed what, written in the transaction of the change."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from zerogo.ids import NetworkId
from zerogo.store import tables

DETAIL_LIMIT = 500


def record(
    connection: Connection,
    actor: str,
    action: str,
    unix_now: float,
    *,
    network: NetworkId | None = None,
    subject: str = "",
    detail: str = "",
) -> None:
    """Add a line: `actor` (a user, `node:ID`, `owner`) did `action` (`member.approve`) to `subject`."""
    connection.execute(
        insert(tables.audit).values(
            at=unix_now,
            actor=actor,
            action=action,
            network="" if network is None else str(network),
            subject=subject,
            detail=detail[:DETAIL_LIMIT],
        )
    )
