# -*- test-case-name: zerogo.test.store.test_exit_gateways -*-
"""Gateways and edges of the exits, and the keys that they join with, of which only the SHA-256 is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from zerogo.control.edge_token import hash_secret
from zerogo.control.gateway_messages import EdgeHere, Enter, Settings
from zerogo.control.gateway_messages import GatewayPlace as Place
from zerogo.control.token import SECRET_BYTES, controller_key_hash, emit_base32
from zerogo.core import RandomBytes
from zerogo.ids import NodeId
from zerogo.store import audit, exit_denials, exit_tables
from zerogo.store.errors import Conflict, NotFound, check_tag
from zerogo.store.exit_values import KeyKind, StoredEdge, StoredExitKey, StoredGateway
from zerogo.store.paging import Paging, Piece

KEYS_LIMIT = 64
KEY_ID_BYTES = 5
DENIED_LIMIT = 10_000
_JOIN, _KEY = "exit-gateway.join", "key="
"""What the audit log says of a gateway that joined, and with which key."""
_gateways, _edges, _keys = exit_tables.exit_gateways, exit_tables.exit_edges, exit_tables.exit_keys
_leases = exit_tables.exit_leases


# ----- keys


def create_key(
    connection: Connection, kind: KeyKind, lifetime: float, actor: str, rng: RandomBytes, unix_now: float
) -> tuple[StoredExitKey, bytes]:
    """Make a key; its secret (20 bytes) is returned here and never again. Raises `Conflict`."""
    live = [key for key in list_keys(connection, unix_now) if key.kind is kind]
    if len(live) >= KEYS_LIMIT:
        raise Conflict(f"there are {KEYS_LIMIT} keys already: revoke some")
    connection.execute(delete(_keys).where(_keys.c.expires_at <= unix_now))
    secret, key_id = rng(SECRET_BYTES), emit_base32(rng(KEY_ID_BYTES))
    connection.execute(
        insert(_keys).values(
            id=key_id,
            kind=kind.value,
            secret_hash=hash_secret(secret),
            created_by=actor,
            created_at=unix_now,
            expires_at=unix_now + lifetime,
        )
    )
    detail = f"kind={kind} lifetime={lifetime:.0f}"
    audit.record(connection, actor, "exit-key.create", unix_now, subject=key_id, detail=detail)
    row = connection.execute(select(_keys).where(_keys.c.id == key_id)).one()
    return _key(row), secret


def list_keys(connection: Connection, unix_now: float) -> list[StoredExitKey]:
    """Keys that are good, newest first."""
    query = select(_keys).where(_keys.c.expires_at > unix_now).order_by(_keys.c.created_at.desc(), _keys.c.id)
    return [_key(row) for row in connection.execute(query)]


def delete_key(connection: Connection, key_id: str, actor: str, unix_now: float) -> None:
    """Let a key be of no use any more; raises `NotFound`."""
    if not connection.execute(delete(_keys).where(_keys.c.id == key_id)).rowcount:
        raise NotFound(f"there is no key {key_id[:20]!r}")
    audit.record(connection, actor, "exit-key.delete", unix_now, subject=key_id)


# ----- gateways


def enter(
    connection: Connection, gateway: NodeId, static_public: bytes, said: Enter, unix_now: float
) -> StoredGateway | None:
    """A gateway with a proven key wants in: one that is known, or one with a key to join. None: neither."""
    row = connection.execute(select(_gateways).where(_gateways.c.id == str(gateway))).first()
    if row is None:
        key_id = None if said.secret is None else _find_good(connection, KeyKind.GATEWAY, said.secret, unix_now)
        if key_id is None:
            return None
        _add_gateway(connection, gateway, static_public, said, unix_now)
        subject, detail = str(gateway), f"{_KEY}{key_id}"
        audit.record(connection, f"gateway:{gateway}", _JOIN, unix_now, subject=subject, detail=detail)
        return find_gateway(connection, gateway)
    if row.boot != said.boot:
        # What it had leased and had not told before it was stopped: no byte of it can pass any more.
        connection.execute(delete(_leases).where(_leases.c.gateway == str(gateway)))
        connection.execute(update(_gateways).where(_gateways.c.id == row.id).values(boot=said.boot, batch=0))
    connection.execute(
        update(_gateways)
        .where(_gateways.c.id == row.id)
        .values(signing_public=said.signing, last_seen_at=unix_now, **_said(said))
    )
    return find_gateway(connection, gateway)


def list_gateways(connection: Connection, paging: Paging) -> Piece[StoredGateway]:
    """All gateways, by id."""
    query = select(_gateways).order_by(_gateways.c.id).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(_gateways.c.id > paging.after[0])
    return Piece.cut([_gateway(row) for row in connection.execute(query)], paging, lambda one: (str(one.gateway),))


def find_gateway(connection: Connection, gateway: NodeId) -> StoredGateway:
    """A gateway; raises `NotFound`."""
    row = connection.execute(select(_gateways).where(_gateways.c.id == str(gateway))).first()
    if row is None:
        raise NotFound(f"there is no gateway {gateway}")
    return _gateway(row)


def change_gateway(
    connection: Connection, gateway: NodeId, is_draining: bool, actor: str, unix_now: float, expected: str | None = None
) -> StoredGateway:
    """Have edges leave it, or come back; raises `NotFound` or `Stale`."""
    check_tag(find_gateway(connection, gateway).tag, expected)
    where = _gateways.c.id == str(gateway)
    connection.execute(update(_gateways).where(where).values(is_draining=int(is_draining)))
    detail = f"is_draining={is_draining}"
    audit.record(connection, actor, "exit-gateway.change", unix_now, subject=str(gateway), detail=detail)
    return find_gateway(connection, gateway)


def delete_gateway(
    connection: Connection, gateway: NodeId, actor: str, unix_now: float, expected: str | None = None
) -> None:
    """Remove a gateway with its leases, and the key that it joined with; raises `NotFound` or `Stale`.

    Whoever has its files has the key, and could join with it under another name. Other gateways that joined with the
    same key stay: they need none any more.
    """
    check_tag(find_gateway(connection, gateway).tag, expected)
    connection.execute(delete(_gateways).where(_gateways.c.id == str(gateway)))
    audit.record(connection, actor, "exit-gateway.delete", unix_now, subject=str(gateway))
    joined = audit.newest_detail(connection, _JOIN, str(gateway))
    # It may have expired, or been revoked.
    with contextlib.suppress(NotFound):
        delete_key(connection, joined.removeprefix(_KEY), actor, unix_now)


# ----- edges


def note_edges(connection: Connection, here: Iterable[EdgeHere], unix_now: float) -> None:
    """Edges came to a gateway."""
    for edge in here:
        values: dict[str, Any] = {
            "name": edge.name,
            "country": edge.country,
            "region": edge.region,
            "city": edge.city,
            "asn": edge.asn,
            "address": edge.address,
            "version": edge.version,
            "consent_at": edge.consent_at,
            "last_seen_at": unix_now,
        }
        if not connection.execute(update(_edges).where(_edges.c.id == edge.edge).values(**values)).rowcount:
            connection.execute(
                insert(_edges).values(id=edge.edge, is_denied=0, created_at=unix_now, discrepancy=0, **values)
            )


def note_discrepancy(connection: Connection, edge: str, count: int) -> None:
    """An edge counted so many bytes otherwise than its gateway."""
    where = _edges.c.id == edge
    connection.execute(update(_edges).where(where).values(discrepancy=_edges.c.discrepancy + count))


def list_edges(connection: Connection, paging: Paging) -> Piece[StoredEdge]:
    """All edges that ever came, by id."""
    query = select(_edges).order_by(_edges.c.id).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(_edges.c.id > paging.after[0])
    return Piece.cut([_edge(row) for row in connection.execute(query)], paging, lambda one: (one.edge,))


def find_edge(connection: Connection, edge: str) -> StoredEdge:
    """An edge; raises `NotFound`."""
    row = connection.execute(select(_edges).where(_edges.c.id == edge)).first()
    if row is None:
        raise NotFound(f"there is no edge {edge[:20]!r}")
    return _edge(row)


def deny_edge(
    connection: Connection, edge: str, is_denied: bool, actor: str, unix_now: float, expected: str | None = None
) -> StoredEdge:
    """Keep an edge out, or let it in again; raises `NotFound`, `Stale` or `Conflict`."""
    check_tag(find_edge(connection, edge).tag, expected)
    if is_denied and len(_denied(connection)) >= DENIED_LIMIT:
        raise Conflict(f"{DENIED_LIMIT} edges are denied already: revoke their keys instead")
    connection.execute(update(_edges).where(_edges.c.id == edge).values(is_denied=int(is_denied)))
    audit.record(connection, actor, "exit-edge.change", unix_now, subject=edge, detail=f"is_denied={is_denied}")
    return find_edge(connection, edge)


def delete_edge(connection: Connection, edge: str, actor: str, unix_now: float, expected: str | None = None) -> None:
    """Forget an edge; with a good key it can come again. Raises `NotFound` or `Stale`."""
    check_tag(find_edge(connection, edge).tag, expected)
    connection.execute(delete(_edges).where(_edges.c.id == edge))
    audit.record(connection, actor, "exit-edge.delete", unix_now, subject=edge)


# ----- what gateways are told


def read_settings(connection: Connection, unix_now: float) -> Settings:
    """Keys, denials and places."""
    where = (_keys.c.kind == KeyKind.EDGE.value) & (_keys.c.expires_at > unix_now)
    hashes = connection.execute(select(_keys.c.secret_hash).where(where).order_by(_keys.c.id))
    rows = connection.execute(select(_gateways).order_by(_gateways.c.id))
    return Settings(
        secret_hashes=[row.secret_hash for row in hashes],
        denied_edges=_denied(connection),
        denied_ranges=exit_denials.denied_ranges(connection, unix_now),
        places=[_place(_gateway(row)) for row in rows],
    )


def _place(gateway: StoredGateway) -> Place:
    return Place(
        gateway=str(gateway.gateway),
        addresses=list(gateway.addresses),
        key_hash=controller_key_hash(gateway.static_public, gateway.signing_public),
        is_tls=gateway.is_tls,
        region=gateway.region,
        edges_limit=gateway.edges_limit,
        is_draining=gateway.is_draining,
    )


def _denied(connection: Connection) -> list[str]:
    query = select(_edges.c.id).where(_edges.c.is_denied == 1).order_by(_edges.c.id)
    return [row.id for row in connection.execute(query)]


def _find_good(connection: Connection, kind: KeyKind, secret: bytes, unix_now: float) -> str | None:
    where = (_keys.c.secret_hash == hash_secret(secret)) & (_keys.c.kind == kind.value)
    return connection.scalar(select(_keys.c.id).where(where & (_keys.c.expires_at > unix_now)))


def _add_gateway(connection: Connection, gateway: NodeId, static_public: bytes, said: Enter, unix_now: float) -> None:
    connection.execute(
        insert(_gateways).values(
            id=str(gateway),
            static_public=static_public,
            signing_public=said.signing,
            is_draining=0,
            boot=said.boot,
            batch=0,
            created_at=unix_now,
            last_seen_at=unix_now,
            **_said(said),
        )
    )


def _said(said: Enter) -> dict[str, Any]:
    return {
        "name": said.name,
        "addresses": json.dumps(said.addresses),
        "is_tls": int(said.is_tls),
        "region": said.region,
        "edges_limit": said.edges_limit,
    }


def _key(row: Row[Any]) -> StoredExitKey:
    return StoredExitKey(
        key_id=row.id,
        kind=KeyKind(row.kind),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _gateway(row: Row[Any]) -> StoredGateway:
    return StoredGateway(
        gateway=NodeId.parse(row.id),
        name=row.name,
        static_public=row.static_public,
        signing_public=row.signing_public,
        addresses=tuple(json.loads(row.addresses)),
        is_tls=bool(row.is_tls),
        region=row.region,
        edges_limit=row.edges_limit,
        is_draining=bool(row.is_draining),
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
    )


def _edge(row: Row[Any]) -> StoredEdge:
    return StoredEdge(
        edge=row.id,
        name=row.name,
        country=row.country,
        region=row.region,
        city=row.city,
        asn=row.asn,
        address=row.address,
        version=row.version,
        is_denied=bool(row.is_denied),
        consent_at=row.consent_at,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        discrepancy=row.discrepancy,
    )
