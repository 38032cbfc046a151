# -*- test-case-name: zerogo.test.store.test_check -*-
"""What can be found wrong with a controller's database: the file, the schema, the audit log, addresses, revisions.

Nothing here writes, so it may look at a database that a controller uses. Every part says one sentence if all is well,
and one for each fault if not, at most `FAULTS_LIMIT`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, func, select

from zerogo.ids import MacAddress, NetworkId, NodeId
from zerogo.store import audit, tables
from zerogo.store.migrate import file_faults, known_schemas, newest_schema, schema_of
from zerogo.store.values import StoredState

FAULTS_LIMIT = 20
"""Of one part; a table that is wrong throughout needs no line for each row."""
_WITH_ADDRESSES = (StoredState.APPROVED.value, StoredState.BLOCKED.value)


@frozen
class Finding:
    """One sentence."""

    part: str
    """`file`, `schema`, `audit`, `members`, `addresses` or `revisions`."""
    sentence: str
    is_fault: bool = False


def examine(connection: Connection) -> Iterator[Finding]:
    """All parts; where the schema is not the newest, no further than that."""
    if connection.dialect.name == "sqlite":
        yield from _part("file", "the file is whole", file_faults(connection))
    schema, newest = schema_of(connection), newest_schema()
    if schema != newest:
        yield _schema_finding(schema, newest)
        return
    yield Finding("schema", f"the schema is {newest}, the newest")
    verdict = audit.check_chain(connection)
    broken = [] if verdict.broken_at is None else [f"line {verdict.broken_at} does not fit the ones before"]
    yield from _part("audit", f"{verdict.lines} lines of the audit log, none changed", broken)
    for part, sound, faults in _PARTS:
        yield from _part(part, sound(connection), faults(connection))


def _schema_finding(schema: str | None, newest: str) -> Finding:
    if schema is None:
        return Finding("schema", "this is not a database of a controller", True)
    if schema in known_schemas():
        return Finding("schema", f"the schema is {schema}; the next start of the controller makes it {newest}")
    return Finding("schema", f"the schema {schema} is of a newer release; this one knows up to {newest}", True)


def _part(part: str, sound: str, faults: Iterator[str] | list[str]) -> Iterator[Finding]:
    found = list(islice(faults, FAULTS_LIMIT))
    if not found:
        yield Finding(part, sound)
    for sentence in found:
        yield Finding(part, sentence, True)


def _members_sound(connection: Connection) -> str:
    return f"{_count(connection, tables.members)} members, each with the keys that its id is made of"


def _member_faults(connection: Connection) -> Iterator[str]:
    """Ids and Ethernet addresses follow from keys."""
    for row in connection.execute(select(tables.members).order_by(tables.members.c.network, tables.members.c.node_id)):
        network = NetworkId.parse(row.network)
        if str(NodeId.from_key(row.static_public)) != row.node_id:
            yield f"member {row.node_id} of {row.network} has a key of another node"
        elif MacAddress.for_node(network, row.static_public).raw != row.mac:
            yield f"member {row.node_id} of {row.network} has an Ethernet address of another node"


def _addresses_sound(connection: Connection) -> str:
    return f"{_count(connection, tables.addresses)} addresses, each in its range and with one owner"


def _address_faults(connection: Connection) -> Iterator[str]:
    ranges = {row.id: _ranges(row) for row in connection.execute(select(tables.networks))}
    columns = tables.addresses.c
    held: dict[tuple[str, str], set[int]] = {}
    for row in connection.execute(select(tables.addresses).order_by(columns.network, columns.family, columns.position)):
        prefix = ranges.get(row.network, {}).get(row.family)
        if prefix is None or not _is_at(prefix, row):
            yield f"the address {row.address} is not number {row.position} of a range of network {row.network}"
        if row.released_at is None:
            held.setdefault((row.network, row.node_id), set()).add(row.family)
    members = select(tables.members.c.network, tables.members.c.node_id, tables.members.c.state)
    for row in connection.execute(members.order_by(tables.members.c.network, tables.members.c.node_id)):
        wanted = set(ranges.get(row.network, {})) if row.state in _WITH_ADDRESSES else set()
        found = held.pop((row.network, row.node_id), set())
        if found != wanted:
            who = f"member {row.node_id} of {row.network}"
            yield f"{who} is {row.state} and holds {len(found)} of {len(wanted)} addresses"
    for network, node_id in held:
        yield f"an address of {network} is held by {node_id}, which is no member"


def _ranges(row: Row[Any]) -> dict[int, ipaddress.IPv4Network | ipaddress.IPv6Network]:
    texts = {4: row.ipv4_prefix, 6: row.ipv6_prefix}
    return {family: ipaddress.ip_network(text) for family, text in texts.items() if text is not None}


def _is_at(prefix: ipaddress.IPv4Network | ipaddress.IPv6Network, row: Row[Any]) -> bool:
    return bool(0 < row.position < prefix.num_addresses and str(prefix[row.position]) == row.address)


def _revisions_sound(connection: Connection) -> str:
    return f"{_count(connection, tables.networks)} networks, no change newer than the network's revision"


def _revision_faults(connection: Connection) -> Iterator[str]:
    networks = tables.networks.c
    for changed, what in ((tables.members, "a member"), (tables.removals, "a removal")):
        late = (
            select(networks.id, networks.revision, func.max(changed.c.revision).label("last"))
            .join(changed, changed.c.network == networks.id)
            .group_by(networks.id, networks.revision)
            .having(func.max(changed.c.revision) > networks.revision)
        )
        for row in connection.execute(late.order_by(networks.id)):
            yield f"network {row.id} is at revision {row.revision}, but {what} is at {row.last}"
    for row in connection.execute(select(networks.id).where(networks.complete_since > networks.revision)):
        yield f"network {row.id} knows its removals only since a revision that is yet to come"


def _count(connection: Connection, table: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


_PARTS: tuple[tuple[str, Callable[[Connection], str], Callable[[Connection], Iterator[str]]], ...] = (
    ("members", _members_sound, _member_faults),
    ("addresses", _addresses_sound, _address_faults),
    ("revisions", _revisions_sound, _revision_faults),
)
