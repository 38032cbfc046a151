# -*- test-case-name: zerogo.test.store.test_locks -*-
"""Network locks as members see them: the lock's public key, its signatures of members, and the word that it ended.

The key itself is never here. What is stored was checked against the lock's public key, so that a slip is told to the
person at once; agents check again and believe nothing of it.
"""

from __future__ import annotations

from attrs import frozen
from sqlalchemy import Connection, delete, insert, select, update

from zerogo.control.lock import is_ended, is_signed
from zerogo.control.netmap import MemberRecord
from zerogo.ids import NetworkId, NodeId
from zerogo.store import audit, networks, tables
from zerogo.store.errors import Conflict
from zerogo.store.members import find_member


@frozen
class StoredLock:
    """Of one network."""

    public: bytes | None = None
    """32 bytes; None where there never was a lock."""
    end: bytes | None = None
    """The word by which this lock, or one before it, ended, 64 bytes."""

    def is_in_force(self, network: NetworkId) -> bool:
        """Whether there is a lock that did not end."""
        return self.public is not None and not is_ended(self.public, network, self.end)


def find_lock(connection: Connection, network: NetworkId) -> StoredLock:
    """The lock of a network; raises `NotFound` where there is no such network."""
    networks.find_network(connection, network)
    row = connection.execute(select(tables.locks).where(tables.locks.c.network == str(network))).first()
    return StoredLock() if row is None else StoredLock(row.public, row.end)


def signatures(connection: Connection, network: NetworkId) -> dict[str, bytes]:
    """Those of the lock that is in force, by node id as text."""
    rows = connection.execute(select(tables.lock_signatures).where(tables.lock_signatures.c.network == str(network)))
    return {row.node_id: row.signature for row in rows}


def set_lock(connection: Connection, network: NetworkId, public: bytes, actor: str, unix_now: float) -> StoredLock:
    """Lock a network that is not, or not any more; the signatures of another lock go. Raises `NotFound` or
    `Conflict`."""
    held = find_lock(connection, network)
    if held.is_in_force(network):
        if held.public == public:
            return held
        raise Conflict("the network is locked with another key: only that key can end its lock")
    here = tables.locks.c.network == str(network)
    if is_ended(public, network, held.end):
        raise Conflict("that lock ended for good: make another key")
    connection.execute(delete(tables.locks).where(here))
    # The word that an older lock ended stays: members that were away are yet to hear it.
    connection.execute(insert(tables.locks).values(network=str(network), public=public, end=held.end))
    networks.raise_revision(connection, network)
    audit.record(connection, actor, "lock.set", unix_now, network=network)
    return find_lock(connection, network)


def end_lock(connection: Connection, network: NetworkId, end: bytes, actor: str, unix_now: float) -> StoredLock:
    """Pass on a lock's word that it ended; raises `NotFound` or `Conflict`."""
    held = find_lock(connection, network)
    if held.public is None or not is_ended(held.public, network, end):
        raise Conflict("that is not the word of this network's lock")
    here = tables.locks.c.network == str(network)
    connection.execute(update(tables.locks).where(here).values(end=end))
    networks.raise_revision(connection, network)
    audit.record(connection, actor, "lock.end", unix_now, network=network)
    return find_lock(connection, network)


def sign_member(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    lock: bytes,
    signature: bytes,
    actor: str,
    unix_now: float,
) -> None:
    """Keep the signature that `lock` (its public key) made of a member, also before the lock is set; raises `NotFound`
    or `Conflict`."""
    held, member = find_lock(connection, network), find_member(connection, network, node_id)
    if held.is_in_force(network) and held.public != lock:
        raise Conflict("the network is locked with another key")
    record = MemberRecord(
        node_id=node_id,
        static_public=member.static_public,
        signing_public=member.signing_public,
        name=member.name,
        mac=member.mac,
        lock=signature,
    )
    if not is_signed(lock, network, record):
        raise Conflict(f"the signature is not one of that key over the keys of {member.name}")
    columns = tables.lock_signatures.c
    here = (columns.network == str(network)) & (columns.node_id == str(node_id))
    connection.execute(delete(tables.lock_signatures).where(here))
    row = {"network": str(network), "node_id": str(node_id), "signature": signature}
    connection.execute(insert(tables.lock_signatures).values(row))
    revision = networks.raise_revision(connection, network)
    is_member = (tables.members.c.network == str(network)) & (tables.members.c.node_id == str(node_id))
    connection.execute(update(tables.members).where(is_member).values(revision=revision))
    audit.record(connection, actor, "lock.sign", unix_now, network=network, subject=str(node_id), detail=member.name)
