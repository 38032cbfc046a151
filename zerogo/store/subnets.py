# -*- test-case-name: zerogo.test.store.test_subnets -*-
"""Networks behind members: what machines announce, and what a person approved of it.

Members see what is both announced and approved. An approval stays when the announcement goes, so a machine that comes
back with the same network need not be looked at again; what nobody approved is forgotten.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from zerogo.control.subnets import is_exit, order_of, parse_subnet
from zerogo.ids import NetworkId, NodeId
from zerogo.store import audit, networks, tables
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.values import StoredSubnet

APPROVALS_LIMIT = 64
"""Of one member."""


def subnets_of(
    connection: Connection, network: NetworkId, of: Sequence[str] | None = None
) -> dict[str, tuple[StoredSubnet, ...]]:
    """What is known of the members of a network, or of some, by node id as text."""
    columns = tables.subnets.c
    query = select(tables.subnets).where(columns.network == str(network))
    if of is not None:
        query = query.where(columns.node_id.in_(of))
    found: dict[str, tuple[StoredSubnet, ...]] = {}
    for row in sorted(connection.execute(query), key=lambda row: order_of(row.subnet)):
        one = StoredSubnet(row.subnet, bool(row.is_announced), bool(row.is_approved))
        found[row.node_id] = (*found.get(row.node_id, ()), one)
    return found


def announce(connection: Connection, network: NetworkId, node_id: NodeId, announced: Iterable[str]) -> bool:
    """A member says that these networks are behind it, and no others; whether that changes what members see."""
    held = {one.subnet: one for one in subnets_of(connection, network, [str(node_id)]).get(str(node_id), ())}
    wanted = dict.fromkeys(announced)
    for subnet in wanted:
        if subnet not in held:
            _insert(connection, network, node_id, subnet, is_announced=1, is_approved=0)
        elif not held[subnet].is_announced:
            _set(connection, network, node_id, subnet, is_announced=1)
    for one in held.values():
        if one.is_announced and one.subnet not in wanted:
            _set(connection, network, node_id, one.subnet, is_announced=0)
    _forget_unwanted(connection, network, node_id)
    return {one.subnet for one in held.values() if one.is_reachable} != {
        one.subnet for one in held.values() if one.is_approved and one.subnet in wanted
    }


def decide(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    text: str,
    is_approved: bool,
    actor: str,
    unix_now: float,
) -> None:
    """Let others reach a network through a member, announced or not yet, or let them not; raises `NotFound`,
    `Conflict` or `ParseError`."""
    subnet = parse_subnet(text)
    held = {one.subnet: one for one in subnets_of(connection, network, [str(node_id)]).get(str(node_id), ())}
    if is_approved:
        _check_approval(connection, network, node_id, subnet)
    elif subnet not in held:
        raise NotFound(f"the member has no network {subnet}")
    if subnet in held:
        _set(connection, network, node_id, subnet, is_approved=int(is_approved))
    else:
        _insert(connection, network, node_id, subnet, is_announced=0, is_approved=1)
    _forget_unwanted(connection, network, node_id)
    here = (tables.members.c.network == str(network)) & (tables.members.c.node_id == str(node_id))
    revision = networks.raise_revision(connection, network)
    connection.execute(update(tables.members).where(here).values(revision=revision))
    action = "subnet.approve" if is_approved else "subnet.refuse"
    audit.record(connection, actor, action, unix_now, network=network, subject=str(node_id), detail=subnet)


def _check_approval(connection: Connection, network: NetworkId, node_id: NodeId, subnet: str) -> None:
    own = networks.find_network(connection, network).prefixes
    wanted = ipaddress.ip_network(subnet)
    for prefix in map(ipaddress.ip_network, own):
        if not is_exit(subnet) and prefix.version == wanted.version and prefix.overlaps(wanted):
            raise Conflict(f"{subnet} overlaps {prefix}, the addresses of the members themselves")
    approved = _here(network, node_id) & (tables.subnets.c.is_approved == 1)
    count = connection.scalar(select(func.count()).select_from(tables.subnets).where(approved)) or 0
    if count >= APPROVALS_LIMIT:
        raise Conflict(f"the member has {APPROVALS_LIMIT} approved networks already: refuse one first")


def _insert(
    connection: Connection, network: NetworkId, node_id: NodeId, subnet: str, *, is_announced: int, is_approved: int
) -> None:
    connection.execute(
        insert(tables.subnets).values(
            network=str(network),
            node_id=str(node_id),
            subnet=subnet,
            is_announced=is_announced,
            is_approved=is_approved,
        )
    )


def _set(connection: Connection, network: NetworkId, node_id: NodeId, subnet: str, **values: int) -> None:
    here = _here(network, node_id) & (tables.subnets.c.subnet == subnet)
    connection.execute(update(tables.subnets).where(here).values(**values))


def _forget_unwanted(connection: Connection, network: NetworkId, node_id: NodeId) -> None:
    columns = tables.subnets.c
    unwanted = _here(network, node_id) & (columns.is_announced == 0) & (columns.is_approved == 0)
    connection.execute(delete(tables.subnets).where(unwanted))


def _here(network: NetworkId, node_id: NodeId) -> Any:
    return (tables.subnets.c.network == str(network)) & (tables.subnets.c.node_id == str(node_id))
