# -*- test-case-name: zerogo.test.store.test_names -*-
"""Names in a network beside those of its members: for what is behind one, or for a second name of one.

They travel in the header of the map, so there are few of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection, delete, func, insert, select

from zerogo.control.netmap import ADDRESSES_OF_NAME_LIMIT, NAMES_LIMIT
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.names.label import LABEL_LIMIT, label_of
from zerogo.store import audit, networks, tables
from zerogo.store.errors import Conflict, NotFound


@frozen
class StoredName:
    """One name."""

    label: str
    """As it stands in front of the network's own, in ASCII."""
    addresses: tuple[str, ...]
    created_at: float


def list_names(connection: Connection, network: NetworkId) -> list[StoredName]:
    """Those of a network, by name; raises `NotFound` where there is no such network."""
    networks.find_network(connection, network)
    here = tables.names.c.network == str(network)
    rows = connection.execute(select(tables.names).where(here).order_by(tables.names.c.label))
    return [StoredName(row.label, tuple(row.addresses.split()), row.created_at) for row in rows]


def set_name(
    connection: Connection, network: NetworkId, name: str, addresses: Sequence[str], actor: str, unix_now: float
) -> StoredName:
    """Give these addresses a name, and this name no others; raises `NotFound`, `ParseError` or `Conflict`."""
    label, checked = checked_label(name), checked_addresses(addresses)
    networks.find_network(connection, network)
    _forget(connection, network, label)
    held = connection.scalar(select(func.count()).where(tables.names.c.network == str(network)))
    if int(held or 0) >= NAMES_LIMIT:
        raise Conflict(f"the network has {NAMES_LIMIT} names already")
    row = {"network": str(network), "label": label, "addresses": " ".join(checked), "created_at": unix_now}
    connection.execute(insert(tables.names).values(row))
    networks.raise_revision(connection, network)
    detail = f"{label} {' '.join(checked)}"
    audit.record(connection, actor, "name.set", unix_now, network=network, subject=label, detail=detail)
    return StoredName(label, checked, unix_now)


def remove_name(connection: Connection, network: NetworkId, name: str, actor: str, unix_now: float) -> None:
    """Forget a name; raises `NotFound`."""
    label = label_of(name)
    if not _forget(connection, network, label):
        raise NotFound(f"the network has no name {name[:LABEL_LIMIT]!r} of its own")
    networks.raise_revision(connection, network)
    audit.record(connection, actor, "name.remove", unix_now, network=network, subject=label)


def checked_label(name: str) -> str:
    """The label of a name; raises `ParseError` where nothing would be left of it, or something else than was typed."""
    label = label_of(name)
    if not label or (name.isascii() and label != name.lower()):
        raise ParseError(f"{name[:LABEL_LIMIT]!r} is no name: use letters, digits and hyphens, at most {LABEL_LIMIT}")
    return label


def checked_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """IPv4 and IPv6 addresses in canonical form; raises `ParseError`."""
    if not 0 < len(addresses) <= ADDRESSES_OF_NAME_LIMIT:
        raise ParseError(f"a name has 1 to {ADDRESSES_OF_NAME_LIMIT} addresses")
    try:
        found = dict.fromkeys(ipaddress.ip_address(text) for text in addresses)
    except ValueError as error:
        raise ParseError(str(error)) from error
    for one in found:
        is_scoped = isinstance(one, ipaddress.IPv6Address) and one.scope_id is not None
        if one.is_multicast or one.is_unspecified or one.is_loopback or is_scoped:
            raise ParseError(f"{one} is no address of one machine in a network")
    return tuple(map(str, found))


def _forget(connection: Connection, network: NetworkId, label: str) -> bool:
    here = (tables.names.c.network == str(network)) & (tables.names.c.label == label)
    return bool(connection.execute(delete(tables.names).where(here)).rowcount)
