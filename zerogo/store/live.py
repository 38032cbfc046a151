# -*- test-case-name: zerogo.test.store.test_live -*-
"""What a dashboard shows of networks, each read in one transaction."""

from __future__ import annotations

from attrs import frozen
from sqlalchemy import Connection

from zerogo.ids import NetworkId
from zerogo.store import members, networks
from zerogo.store.errors import NotFound
from zerogo.store.values import StoredMember, StoredNetwork


@frozen
class StoredPicture:
    """A network and all its members."""

    network: StoredNetwork
    members: tuple[StoredMember, ...]


def read_pictures(connection: Connection) -> list[StoredPicture]:
    """All networks."""
    return [
        StoredPicture(network, tuple(members.list_members(connection, network.network)))
        for network in networks.list_networks(connection)
    ]


def read_picture(connection: Connection, network: NetworkId) -> StoredPicture | None:
    """One network; None where there is no such network any more."""
    try:
        found = networks.find_network(connection, network)
    except NotFound:
        return None
    return StoredPicture(found, tuple(members.list_members(connection, network)))
