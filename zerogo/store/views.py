# -*- test-case-name: zerogo.test.store.test_views -*-
"""The view of a network that its members are shown, read in one transaction.

A change of one member in a thousand reads one member: the records that were read before are kept in memory, and are
good as long as their revision in the database is the same, which is what deltas to members rest on too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from sqlalchemy import Connection, Row, select

from zerogo.control.netmap import MapName, MemberRecord, NetworkMap
from zerogo.control.publication import MapView
from zerogo.control.relays import Servers
from zerogo.ids import NetworkId, NodeId
from zerogo.store import policies, tables
from zerogo.store.errors import NotFound
from zerogo.store.locks import find_lock, signatures
from zerogo.store.members import approved_members
from zerogo.store.names import list_names


class Views:
    """Reads views, and remembers what it read last of each network. `read` may be called in any thread."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._known: dict[NetworkId, Mapping[str, tuple[MemberRecord, int]]] = {}

    def read(self, connection: Connection, network: NetworkId) -> MapView:
        """What members of a network are shown; raises `NotFound`."""
        found = connection.execute(select(tables.networks).where(tables.networks.c.id == str(network))).first()
        if found is None:
            self._known.pop(network, None)
            raise NotFound(f"there is no network {network}")
        records = approved_members(connection, network, self._known.get(network, {}))
        policy = policies.carry_out(connection, network, [record for record, _ in records.values()])
        locked = signatures(connection, network)
        shown = {
            node_id: (_shown(record, locked.get(node_id), policy.classes.get(record.node_id, b"")), revision)
            for node_id, (record, revision) in records.items()
        }
        self._known[network] = shown
        removals = connection.execute(select(tables.removals).where(tables.removals.c.network == str(network)))
        return MapView(
            network_map=self._map(connection, found, policy.revision, tuple(record for record, _ in shown.values())),
            changed_at={record.node_id: revision for record, revision in shown.values()},
            removed_at={NodeId.parse(row.node_id): row.revision for row in removals},
            complete_since=found.complete_since,
            filters=policy.filters,
        )

    def _map(
        self, connection: Connection, found: Row[Any], policy: int, members: tuple[MemberRecord, ...]
    ) -> NetworkMap:
        network = NetworkId.parse(found.id)
        lock = find_lock(connection, network)
        return NetworkMap(
            network=network,
            name=found.name,
            revision=found.revision,
            prefixes=tuple(prefix for prefix in (found.ipv4_prefix, found.ipv6_prefix) if prefix is not None),
            mtu=found.mtu,
            stun_servers=self._servers.stun,
            relays=self._servers.relays,
            names=tuple(MapName(one.label, one.addresses) for one in list_names(connection, network)),
            lock=lock.public,
            lock_end=lock.end,
            policy=policy,
            flow_log=bool(found.flow_log),
            members=members,
        )


def _shown(record: MemberRecord, lock: bytes | None, policy_class: bytes) -> MemberRecord:
    """The record with what does not stand in the member's own row; the same object where it held that already."""
    if (record.lock, record.policy_class) == (lock, policy_class):
        return record
    return evolve(record, lock=lock, policy_class=policy_class)
