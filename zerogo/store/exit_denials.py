# -*- test-case-name: zerogo.test.store.test_exit_denials -*-
"""Ranges of addresses from which the exits take neither users nor edges."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from zerogo.control.gateway_messages import DENIED_RANGES_LIMIT, DeniedRange
from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.policy.addresses import Network
from zerogo.store import audit
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.exit_tables import exit_denials
from zerogo.store.exit_values import StoredDenial
from zerogo.store.paging import Paging, Piece

ID_BYTES = 5
_denials = exit_denials


def create_denial(
    connection: Connection,
    network: Network,
    reason: str,
    lifetime: float | None,
    actor: str,
    rng: RandomBytes,
    unix_now: float,
) -> StoredDenial:
    """Keep a range out, for so many seconds or until it is deleted; raises `Conflict`."""
    connection.execute(delete(_denials).where((_denials.c.ends_at > 0) & (_denials.c.ends_at <= unix_now)))
    if connection.scalar(select(_denials.c.id).where(_denials.c.range == str(network))) is not None:
        raise Conflict(f"{network} is kept out already")
    if (connection.scalar(select(func.count()).select_from(_denials)) or 0) >= DENIED_RANGES_LIMIT:
        raise Conflict(f"{DENIED_RANGES_LIMIT} ranges are kept out already")
    denial_id = emit_base32(rng(ID_BYTES))
    ends_at = 0.0 if lifetime is None else unix_now + lifetime
    connection.execute(
        insert(_denials).values(
            id=denial_id,
            range=str(network),
            reason=reason,
            created_by=actor,
            created_at=unix_now,
            ends_at=ends_at,
        )
    )
    detail = f"range={network} ends_at={ends_at:.0f} reason={reason}"
    audit.record(connection, actor, "exit-denial.create", unix_now, subject=denial_id, detail=detail)
    return _denial(connection.execute(select(_denials).where(_denials.c.id == denial_id)).one())


def list_denials(connection: Connection, paging: Paging, unix_now: float) -> Piece[StoredDenial]:
    """Those that hold, by id."""
    query = select(_denials).where(_holds(unix_now)).order_by(_denials.c.id).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(_denials.c.id > paging.after[0])
    return Piece.cut([_denial(row) for row in connection.execute(query)], paging, lambda one: (one.denial_id,))


def delete_denial(connection: Connection, denial_id: str, actor: str, unix_now: float) -> None:
    """Let a range in again; raises `NotFound`."""
    row = connection.execute(select(_denials).where(_denials.c.id == denial_id)).first()
    if row is None:
        raise NotFound(f"there is no denial {denial_id[:20]!r}")
    connection.execute(delete(_denials).where(_denials.c.id == denial_id))
    audit.record(connection, actor, "exit-denial.delete", unix_now, subject=denial_id, detail=f"range={row.range}")


def denied_ranges(connection: Connection, unix_now: float) -> list[DeniedRange]:
    """What gateways are told."""
    rows = connection.execute(select(_denials).where(_holds(unix_now)).order_by(_denials.c.id))
    return [DeniedRange(row.range, row.ends_at) for row in rows]


def _holds(unix_now: float) -> Any:
    return (_denials.c.ends_at == 0) | (_denials.c.ends_at > unix_now)


def _denial(row: Row[Any]) -> StoredDenial:
    return StoredDenial(
        denial_id=row.id,
        range=row.range,
        reason=row.reason,
        created_by=row.created_by,
        created_at=row.created_at,
        ends_at=row.ends_at,
    )
