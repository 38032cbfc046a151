# -*- test-case-name: zerogo.test.store.test_addresses -*-
"""Giving out addresses of a network. That one is not given twice is the primary key of the table, not this code.

A node gets the address it had, as long as nobody else was given it; otherwise the one after the last given out; where
that is the last of the range, the lowest never given out, which people's choices left over; otherwise the one that was
released longest ago, but not sooner than `REUSE_SECONDS` after its release, because members that were offline may still
send to its old owner.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, func, insert, select, update

from zerogo.control.messages import RefusalCode
from zerogo.errors import ParseError
from zerogo.ids import NetworkId, NodeId
from zerogo.store import tables
from zerogo.store.errors import Conflict, JoinRefused

REUSE_SECONDS = 24 * 3600.0
POSITIONS_LIMIT = 2**31 - 1

_Pool = ipaddress.IPv4Network | ipaddress.IPv6Network
_columns = tables.addresses.c
_own = (_columns.network == bindparam("of_network")) & (_columns.node_id == bindparam("of_node"))
# Made once: each machine that joins asks all of them.
_HELD = select(_columns.family, _columns.address).where(_own)
_TAKE_BACK = update(tables.addresses).where(_own, _columns.family == bindparam("of_family")).values(released_at=None)
_LAST_GIVEN = select(func.max(_columns.position)).where(
    _columns.network == bindparam("of_network"), _columns.family == bindparam("of_family")
)

_GIVEN = (
    select(_columns.position)
    .where(_columns.network == bindparam("of_network"), _columns.family == bindparam("of_family"))
    .order_by(_columns.position)
)


def assign_addresses(
    connection: Connection, network: NetworkId, node_id: NodeId, prefixes: tuple[str, ...], unix_now: float
) -> tuple[str, ...]:
    """One address of each prefix for a node; raises `JoinRefused` where there is none."""
    held = {row.family: row.address for row in connection.execute(_HELD, _who(network, node_id))}
    return tuple(
        _keep(connection, network, node_id, ipaddress.ip_network(prefix), held)
        or _assign(connection, network, node_id, ipaddress.ip_network(prefix), unix_now)
        for prefix in prefixes
    )


def choose_address(
    connection: Connection, network: NetworkId, node_id: NodeId, address: str, prefixes: Sequence[str], unix_now: float
) -> None:
    """Give a node this address in place of the one it holds in that family; raises `ParseError` or `Conflict`."""
    pool, position = _place_of(address, prefixes)
    here = (_columns.network == str(network)) & (_columns.family == pool.version)
    wanted = str(pool[position])
    taken = connection.execute(
        select(_columns.node_id, _columns.released_at).where(here, _columns.address == wanted)
    ).first()
    if taken is not None and taken.node_id == str(node_id):
        return
    if taken is not None and taken.released_at is None:
        raise Conflict(f"{wanted} is the address of the member {taken.node_id}")
    own = here & (_columns.node_id == str(node_id))
    held = connection.scalar(select(_columns.address).where(own))
    # Nobody's until its time of rest is over: a node has one row in a family.
    rest = {"node_id": f"{node_id} {held}", "released_at": unix_now}
    connection.execute(update(tables.addresses).where(own).values(**rest))
    given = {"node_id": str(node_id), "released_at": None}
    if taken is not None:
        connection.execute(update(tables.addresses).where(here, _columns.address == wanted).values(**given))
    else:
        row = {"network": str(network), "address": wanted, "family": pool.version, "position": position}
        connection.execute(insert(tables.addresses).values(**row, **given))


def _place_of(text: str, prefixes: Sequence[str]) -> tuple[_Pool, int]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ParseError(f"{text[:50]!r} is not an address") from error
    for pool in map(ipaddress.ip_network, prefixes):
        position = int(address) - int(pool.network_address)
        if pool.version == address.version and 0 < position <= _last_position(pool):
            return pool, position
    raise ParseError(f"{address} is none of the addresses that members of this network may have: {', '.join(prefixes)}")


def release_addresses(connection: Connection, network: NetworkId, node_id: NodeId, unix_now: float) -> None:
    """The node does not hold its addresses any more."""
    connection.execute(
        update(tables.addresses)
        .where(
            tables.addresses.c.network == str(network),
            tables.addresses.c.node_id == str(node_id),
            tables.addresses.c.released_at.is_(None),
        )
        .values(released_at=unix_now)
    )


def _who(network: NetworkId, node_id: NodeId) -> dict[str, str]:
    return {"of_network": str(network), "of_node": str(node_id)}


def _keep(connection: Connection, network: NetworkId, node_id: NodeId, pool: _Pool, held: dict[int, str]) -> str | None:
    """The address that the node had, if nobody else was given it."""
    kept = held.get(pool.version)
    if kept is not None:
        connection.execute(_TAKE_BACK, {**_who(network, node_id), "of_family": pool.version})
    return kept


def _assign(connection: Connection, network: NetworkId, node_id: NodeId, pool: _Pool, unix_now: float) -> str:
    here = {"of_network": str(network), "of_family": pool.version}
    position = (connection.scalar(_LAST_GIVEN, here) or 0) + 1
    if position > _last_position(pool):
        left_over = _lowest_free(connection, here)
        if left_over > _last_position(pool):
            return _reuse(connection, network, node_id, pool, unix_now)
        position = left_over
    address = str(pool[position])
    row = {
        "network": str(network),
        "address": address,
        "family": pool.version,
        "position": position,
        "node_id": str(node_id),
    }
    connection.execute(insert(tables.addresses), row)
    return address


def _lowest_free(connection: Connection, here: Mapping[str, object]) -> int:
    position = 0
    for given in connection.execute(_GIVEN, here).scalars():
        if given != position + 1:
            break
        position = given
    return position + 1


def _last_position(pool: _Pool) -> int:
    """Position 0 is the network's own address, and the last of IPv4 is broadcast."""
    last = pool.num_addresses - (2 if pool.version == 4 else 1)
    return min(last, POSITIONS_LIMIT)


def _reuse(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    pool: _Pool,
    unix_now: float,
) -> str:
    here = (tables.addresses.c.network == str(network)) & (tables.addresses.c.family == pool.version)
    free = select(tables.addresses.c.address, tables.addresses.c.released_at).where(
        here, tables.addresses.c.released_at.is_not(None)
    )
    oldest = connection.execute(free.order_by(tables.addresses.c.released_at).limit(1)).first()
    if oldest is None:
        raise JoinRefused(RefusalCode.NETWORK_FULL, f"the network has no free address: all of {pool} are in use")
    wait = oldest.released_at + REUSE_SECONDS - unix_now
    if wait > 0:
        sentence = f"the network has no free address in {pool}: the next one is free in {wait / 3600:.1f} hours"
        raise JoinRefused(RefusalCode.NETWORK_FULL, sentence)
    connection.execute(
        update(tables.addresses)
        .where(here, tables.addresses.c.address == oldest.address)
        .values(node_id=str(node_id), released_at=None)
    )
    return str(oldest.address)
