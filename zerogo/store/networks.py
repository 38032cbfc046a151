# -*- test-case-name: zerogo.test.store.test_networks -*-
"""Units of work about networks."""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, select, update

from zerogo.control.netmap import DEFAULT_MTU, check_name
from zerogo.control.relays import Servers
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.ids import NETWORK_ID_BYTES, NetworkId, NodeId
from zerogo.store import audit, tables
from zerogo.store.errors import Conflict, NotFound, check_tag
from zerogo.store.paging import Paging, Piece
from zerogo.store.values import Approval, PskMode, StoredNetwork, StoredState

NETWORKS_LIMIT = 1000
IPV4_PREFIX_LENGTH = 20
"""Of a range chosen at random: 4,094 members, one of 4,096 ranges in 10.0.0.0/8."""
REMOVALS_KEPT = 4096
PSK_BYTES = 32
_SERVERS_KEY = "servers"
_NOT_FOR_MEMBERS: dict[int, tuple[Any, ...]] = {
    4: tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))),
    6: tuple(map(ipaddress.ip_network, ("::/96", "fe80::/10", "ff00::/8", "::ffff:0:0/96"))),
}
"""Ranges that mean something else to every host: this host, loopback, link-local, multicast and what is above."""


@frozen(kw_only=True)
class NewNetwork:
    """What to make. A range that is None is chosen at random."""

    name: str
    ipv4_prefix: str | None = None
    ipv6_prefix: str | None = None
    mtu: int = DEFAULT_MTU
    psk_mode: PskMode = PskMode.MANAGED
    approval: Approval = Approval.AUTOMATIC


def name_key(name: str) -> str:
    """Two names with one key are the same to a person who reads them."""
    return unicodedata.normalize("NFKC", name).casefold()


def create_network(
    connection: Connection, new: NewNetwork, actor: str, rng: RandomBytes, unix_now: float
) -> StoredNetwork:
    """Make a network; raises `Conflict` or `ParseError`."""
    check_name(new.name)
    if (connection.scalar(select(func.count()).select_from(tables.networks)) or 0) >= NETWORKS_LIMIT:
        raise Conflict(f"there are {NETWORKS_LIMIT} networks already")
    _check_name_is_free(connection, new.name, None)
    network = NetworkId(rng(NETWORK_ID_BYTES))
    connection.execute(
        insert(tables.networks).values(
            id=str(network),
            name=new.name,
            name_key=name_key(new.name),
            ipv4_prefix=_checked_prefix(new.ipv4_prefix, 4) or _random_ipv4(rng),
            ipv6_prefix=_checked_prefix(new.ipv6_prefix, 6) or _random_ipv6(rng),
            mtu=new.mtu,
            psk_mode=new.psk_mode.value,
            psk=rng(PSK_BYTES) if new.psk_mode is PskMode.MANAGED else None,
            approval=new.approval.value,
            revision=1,
            complete_since=1,
            created_at=unix_now,
        )
    )
    audit.record(connection, actor, "network.create", unix_now, network=network, subject=new.name)
    return find_network(connection, network)


def find_network(connection: Connection, network: NetworkId) -> StoredNetwork:
    """One network; raises `NotFound`."""
    row = connection.execute(_ONE, {"network": str(network)}).first()
    if row is None:
        raise NotFound(f"there is no network {network}")
    return _network(row)


def list_networks(connection: Connection) -> list[StoredNetwork]:
    """All networks, by name."""
    return [_network(row) for row in connection.execute(_COUNTED.order_by(tables.networks.c.name_key))]


def page_networks(connection: Connection, paging: Paging) -> Piece[StoredNetwork]:
    """A piece of all networks, by name."""
    query = _COUNTED.order_by(tables.networks.c.name_key).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(tables.networks.c.name_key > paging.after[0])
    found = [_network(row) for row in connection.execute(query)]
    return Piece.cut(found, paging, lambda network: (name_key(network.name),))


def change_network(
    connection: Connection,
    network: NetworkId,
    changes: Mapping[str, str | int],
    actor: str,
    unix_now: float,
    expected: str | None = None,
) -> StoredNetwork:
    """Set `name`, `mtu`, `approval` or `flow_log`; raises `NotFound`, `Stale`, `Conflict` or `ParseError`."""
    check_tag(find_network(connection, network).tag, expected)
    values: dict[str, str | int] = dict(changes)
    if "name" in values:
        name = str(values["name"])
        check_name(name)
        _check_name_is_free(connection, name, network)
        values["name_key"] = name_key(name)
    if "flow_log" in values:
        values["flow_log"] = int(values["flow_log"])
    if values:
        connection.execute(update(tables.networks).where(tables.networks.c.id == str(network)).values(**values))
        raise_revision(connection, network)
        detail = " ".join(f"{key}={value}" for key, value in changes.items())
        audit.record(connection, actor, "network.change", unix_now, network=network, detail=detail)
    return find_network(connection, network)


def delete_network(
    connection: Connection, network: NetworkId, actor: str, unix_now: float, expected: str | None = None
) -> None:
    """Remove a network with all that belongs to it; raises `NotFound` or `Stale`."""
    found = find_network(connection, network)
    check_tag(found.tag, expected)
    connection.execute(delete(tables.networks).where(tables.networks.c.id == str(network)))
    audit.record(connection, actor, "network.delete", unix_now, network=network, subject=found.name)


_RAISE = (
    update(tables.networks)
    .where(tables.networks.c.id == bindparam("network"))
    .values(revision=tables.networks.c.revision + 1)
    .returning(tables.networks.c.revision)
)


def raise_revision(connection: Connection, network: NetworkId) -> int:
    """Count a change that members see; returns the new revision."""
    return int(connection.scalar(_RAISE, {"network": str(network)}) or 0)


def use_servers(connection: Connection, servers: Servers) -> None:
    """The servers that all maps name are these: where they are others than before, every network has a new revision,
    or members that hold the last one would not be told."""
    value = hashlib.sha256(repr(servers).encode()).hexdigest()
    here = tables.settings.c.key == _SERVERS_KEY
    if connection.scalar(select(tables.settings.c.value).where(here)) == value:
        return
    connection.execute(delete(tables.settings).where(here))
    connection.execute(insert(tables.settings).values(key=_SERVERS_KEY, value=value))
    connection.execute(update(tables.networks).values(revision=tables.networks.c.revision + 1))


def record_removal(connection: Connection, network: NetworkId, node_id: NodeId) -> None:
    """A node is in the map no more; the oldest removals are forgotten beyond `REMOVALS_KEPT`."""
    revision = raise_revision(connection, network)
    forget_removal(connection, network, node_id)
    connection.execute(insert(tables.removals).values(network=str(network), node_id=str(node_id), revision=revision))
    here = tables.removals.c.network == str(network)
    newest = select(tables.removals.c.revision).where(here).order_by(tables.removals.c.revision.desc())
    oldest_kept = connection.scalar(newest.limit(1).offset(REMOVALS_KEPT))
    if oldest_kept is not None:
        connection.execute(delete(tables.removals).where(here, tables.removals.c.revision <= oldest_kept))
        connection.execute(
            update(tables.networks).where(tables.networks.c.id == str(network)).values(complete_since=oldest_kept)
        )


def forget_removal(connection: Connection, network: NetworkId, node_id: NodeId) -> None:
    """A node is back."""
    connection.execute(
        delete(tables.removals).where(
            tables.removals.c.network == str(network), tables.removals.c.node_id == str(node_id)
        )
    )


def _counted() -> Any:
    def count(state: StoredState) -> Any:
        here = and_(tables.members.c.network == tables.networks.c.id, tables.members.c.state == state.value)
        return select(func.count()).select_from(tables.members).where(here).scalar_subquery()

    approved, pending = count(StoredState.APPROVED), count(StoredState.PENDING)
    return select(tables.networks, approved.label("approved_count"), pending.label("pending_count"))


_COUNTED = _counted()
_ONE = _COUNTED.where(tables.networks.c.id == bindparam("network"))
"""Made once: it is read at every registration and by most requests."""


def _network(row: Row[Any]) -> StoredNetwork:
    return StoredNetwork(
        network=NetworkId.parse(row.id),
        name=row.name,
        ipv4_prefix=row.ipv4_prefix,
        ipv6_prefix=row.ipv6_prefix,
        mtu=row.mtu,
        psk_mode=PskMode(row.psk_mode),
        psk=row.psk,
        approval=Approval(row.approval),
        revision=row.revision,
        created_at=row.created_at,
        members=row.approved_count,
        pending=row.pending_count,
        flow_log=bool(row.flow_log),
    )


def _check_name_is_free(connection: Connection, name: str, but: NetworkId | None) -> None:
    taken = connection.scalar(select(tables.networks.c.id).where(tables.networks.c.name_key == name_key(name)))
    if taken is not None and taken != str(but):
        raise Conflict(f"there is a network {name!r} already")


def _checked_prefix(text: str | None, version: int) -> str | None:
    if text is None:
        return None
    try:
        prefix = ipaddress.ip_network(text)
    except ValueError as error:
        raise ParseError(f"{text[:50]!r} is not a range of addresses such as 10.20.0.0/20") from error
    shortest, longest = (8, 30) if version == 4 else (32, 120)
    is_right = prefix.version == version and shortest <= prefix.prefixlen <= longest
    if not is_right or "%" in text or any(prefix.overlaps(kept) for kept in _NOT_FOR_MEMBERS[version]):
        raise ParseError(f"{text[:50]!r} is not an IPv{version} range for members, from /{shortest} to /{longest}")
    return str(prefix)


def _random_ipv4(rng: RandomBytes) -> str:
    value = 10 << 24 | int.from_bytes(rng(3), "big")
    return str(ipaddress.ip_network((value, IPV4_PREFIX_LENGTH), strict=False))


def _random_ipv6(rng: RandomBytes) -> str:
    """A unique local range (RFC 4193, section 3.2.2): fd, 40 random bits, subnet 0."""
    return str(ipaddress.IPv6Network((b"\xfd" + rng(5) + bytes(10), 64)))
