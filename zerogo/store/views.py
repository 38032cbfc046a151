# -*- test-case-name: zerogo.test.store.test_members -*-
"""The view of a network that its members are shown, read in one transaction."""

from __future__ import annotations

from attrs import evolve
from sqlalchemy import Connection, select

from zerogo.control.netmap import MapName, NetworkMap
from zerogo.control.publication import MapView
from zerogo.control.relays import Servers
from zerogo.ids import NetworkId, NodeId
from zerogo.store import policies, tables
from zerogo.store.errors import NotFound
from zerogo.store.locks import find_lock, with_signatures
from zerogo.store.members import approved_members
from zerogo.store.names import list_names


def read_view(connection: Connection, network: NetworkId, servers: Servers) -> MapView:
    """What members of a network are shown; raises `NotFound`."""
    found = connection.execute(select(tables.networks).where(tables.networks.c.id == str(network))).first()
    if found is None:
        raise NotFound(f"there is no network {network}")
    records = with_signatures(connection, network, approved_members(connection, network))
    lock = find_lock(connection, network)
    policy = policies.carry_out(connection, network, [record for record, _ in records])
    removals = connection.execute(select(tables.removals).where(tables.removals.c.network == str(network)))
    prefixes = tuple(prefix for prefix in (found.ipv4_prefix, found.ipv6_prefix) if prefix is not None)
    network_map = NetworkMap(
        network=network,
        name=found.name,
        revision=found.revision,
        prefixes=prefixes,
        mtu=found.mtu,
        stun_servers=servers.stun,
        relays=servers.relays,
        names=tuple(MapName(one.label, one.addresses) for one in list_names(connection, network)),
        lock=lock.public,
        lock_end=lock.end,
        policy=policy.revision,
        members=tuple(evolve(record, policy_class=policy.classes.get(record.node_id, b"")) for record, _ in records),
    )
    return MapView(
        network_map=network_map,
        changed_at={record.node_id: revision for record, revision in records},
        removed_at={NodeId.parse(row.node_id): row.revision for row in removals},
        complete_since=found.complete_since,
        filters=policy.filters,
    )
