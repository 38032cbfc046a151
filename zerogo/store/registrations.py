# -*- test-case-name: zerogo.test.store.test_registrations -*-
"""What becomes of agents that register: of those that are known by a look, of others by a write.

Many are answered in one unit of work, with one transaction and one sync to the disk for all of them. Each stands for
itself, as if it were alone: what one of them is refused for undoes nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import Connection, insert, select

from zerogo.control.connection import Registration
from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.control.netmap import MEMBERS_LIMIT, NAME_LIMIT
from zerogo.ids import MacAddress, NetworkId, NodeId
from zerogo.store import audit, join_keys, networks, subnets, tables
from zerogo.store.errors import JoinRefused, NotFound
from zerogo.store.members import (
    find_members,
    let_in,
    name_owner,
    publication_changes,
    update_member,
    words_of,
)
from zerogo.store.networks import name_key
from zerogo.store.values import Approval, StoredJoinKey, StoredMember, StoredNetwork, StoredState

AT_ONCE = 64
"""Registrations of one unit: the next writer waits no longer than these take."""
WAITING_SENTENCE = "the network's owner must approve this machine with `zerogo members approve`"
DENIED_SENTENCE = "the network's owner denied this machine"
BLOCKED_SENTENCE = "the network's owner blocked this machine"
REMOVED_SENTENCE = "this machine was removed from the network: join again with a new token"
_CODE_BY_SPELLING = str.maketrans({" ": "-"})


@frozen
class Held:
    """The agent must wait for a person."""

    sentence: str


Outcome = Admission | Held | JoinRefused


def register(connection: Connection, registration: Registration, unix_now: float) -> Admission | Held:
    """What becomes of an agent; makes it a member where its join token is good. Raises `JoinRefused`."""
    network = _network(connection, registration.network)
    found = _find(connection, registration)
    if found is None:
        return _register_new(connection, network, registration, unix_now)
    if found.signing_public != registration.signing_public:
        raise JoinRefused(RefusalCode.BINDING_INVALID, "this machine's signing key is not the one it joined with")
    if found.state is StoredState.DENIED:
        raise JoinRefused(RefusalCode.DENIED, DENIED_SENTENCE)
    found = _refresh(connection, found, registration, unix_now)
    if found.state is StoredState.BLOCKED:
        return Held(BLOCKED_SENTENCE)
    if found.state is StoredState.PENDING:
        if not _is_pre_approved(connection, network, registration):
            return Held(WAITING_SENTENCE)
        key = join_keys.redeem(connection, network.network, registration.secret or b"", unix_now)
        found = let_in(connection, network, found, unix_now)
        audit.record(
            connection, f"invite:{key.key_id}", "member.approve", unix_now, network=network.network, subject=found.name
        )
    return _admission(found, network)


def recognise_all(
    connection: Connection, registrations: Sequence[Registration], unix_now: float
) -> list[Outcome | None]:
    """What becomes of agents about which nothing has to be written, a refusal being an outcome; None where `register`
    must decide. So a stranger without a good token costs no write."""
    wanted: dict[NetworkId, list[Registration]] = {}
    for registration in registrations:
        wanted.setdefault(registration.network, []).append(registration)
    known = {network: _known(connection, network, some) for network, some in wanted.items()}
    return [_judged(connection, known[one.network], one, unix_now) for one in registrations]


def register_all(connection: Connection, registrations: Sequence[Registration], unix_now: float) -> list[Outcome]:
    """As `register` of each, in order, a refusal being an outcome."""
    found: list[Outcome] = []
    for registration in registrations:
        try:
            with connection.begin_nested():
                outcome: Outcome = register(connection, registration, unix_now)
        except JoinRefused as refusal:
            outcome = refusal
        found.append(outcome)
    return found


@frozen
class _Known:
    """A network that agents name, and those of them that are in it."""

    network: StoredNetwork
    members: dict[NodeId, StoredMember]


def _known(connection: Connection, network: NetworkId, some: Sequence[Registration]) -> _Known | JoinRefused:
    try:
        found = _network(connection, network)
    except JoinRefused as refusal:
        return refusal
    return _Known(found, find_members(connection, network, [one.node_id for one in some]))


def _judged(
    connection: Connection, known: _Known | JoinRefused, registration: Registration, unix_now: float
) -> Outcome | None:
    if isinstance(known, JoinRefused):
        return known
    try:
        return _judge(connection, known.network, known.members.get(registration.node_id), registration, unix_now)
    except JoinRefused as refusal:
        return refusal


def _judge(
    connection: Connection,
    network: StoredNetwork,
    found: StoredMember | None,
    registration: Registration,
    unix_now: float,
) -> Admission | Held | None:
    """What becomes of one whose member, if it is one, was found; raises `JoinRefused`."""
    if found is None:
        _check_stranger(connection, registration, unix_now)
        return None
    if found.state is StoredState.DENIED:
        raise JoinRefused(RefusalCode.DENIED, DENIED_SENTENCE)
    if _is_changed(found, registration):
        return None
    if found.state is StoredState.BLOCKED:
        return Held(BLOCKED_SENTENCE)
    if found.state is StoredState.PENDING:
        return Held(WAITING_SENTENCE) if registration.secret is None else None
    return _admission(found, network)


def _find(connection: Connection, registration: Registration) -> StoredMember | None:
    return find_members(connection, registration.network, [registration.node_id]).get(registration.node_id)


def _network(connection: Connection, network: NetworkId) -> StoredNetwork:
    try:
        return networks.find_network(connection, network)
    except NotFound as error:
        raise JoinRefused(RefusalCode.NETWORK_UNKNOWN, f"this controller has no network {network}") from error


def _check_stranger(connection: Connection, registration: Registration, unix_now: float) -> None:
    if registration.secret is not None:
        join_keys.check_secret(connection, registration.network, registration.secret, unix_now)
        return
    here = (tables.removals.c.network == str(registration.network)) & (
        tables.removals.c.node_id == str(registration.node_id)
    )
    if connection.execute(select(tables.removals.c.revision).where(here)).first() is not None:
        raise JoinRefused(RefusalCode.REMOVED, REMOVED_SENTENCE)
    raise JoinRefused(RefusalCode.NOT_A_MEMBER, "this machine is not a member of the network: join with a token")


def _register_new(
    connection: Connection, network: StoredNetwork, registration: Registration, unix_now: float
) -> Admission | Held:
    if registration.secret is None:
        _check_stranger(connection, registration, unix_now)
    if network.members + network.pending >= MEMBERS_LIMIT:
        raise JoinRefused(RefusalCode.NETWORK_FULL, f"the network has {MEMBERS_LIMIT} members already")
    key = join_keys.redeem(connection, network.network, registration.secret or b"", unix_now)
    joined = _insert(connection, registration, key, unix_now)
    actor = f"invite:{key.key_id}"
    audit.record(connection, actor, "member.join", unix_now, network=network.network, subject=str(joined.node_id))
    if Approval.MANUAL in (key.approval, network.approval):
        return Held(WAITING_SENTENCE)
    return _admission(let_in(connection, network, joined, unix_now), network)


def _insert(connection: Connection, registration: Registration, key: StoredJoinKey, unix_now: float) -> StoredMember:
    joined = StoredMember(
        network=registration.network,
        node_id=registration.node_id,
        name=_free_name(connection, registration),
        state=StoredState.PENDING,
        static_public=registration.static_public,
        signing_public=registration.signing_public,
        mac=MacAddress.for_node(registration.network, registration.static_public),
        addresses=(),
        capabilities=words_of(registration.capabilities),
        is_bridge=False,
        version=registration.version[:32],
        revision=0,
        created_at=unix_now,
        last_seen_at=unix_now,
        tags=key.tags,
        is_ephemeral=key.is_ephemeral,
    )
    columns = tables.members.c
    taken = select(columns.node_id).where(columns.network == str(joined.network), columns.mac == joined.mac.raw)
    if connection.scalar(taken) is not None:
        raise JoinRefused(RefusalCode.DENIED, f"the Ethernet address {joined.mac} is taken: make a new identity")
    connection.execute(insert(tables.members).values(_columns(joined, key)))
    if registration.subnets:
        subnets.announce(connection, joined.network, joined.node_id, registration.subnets)
    return joined


def _columns(joined: StoredMember, key: StoredJoinKey) -> dict[str, Any]:
    return {
        "network": str(joined.network),
        "node_id": str(joined.node_id),
        "static_public": joined.static_public,
        "signing_public": joined.signing_public,
        "mac": joined.mac.raw,
        "name": joined.name,
        "name_key": name_key(joined.name),
        "state": joined.state.value,
        "capabilities": " ".join(joined.capabilities),
        "is_bridge": int(joined.is_bridge),
        "version": joined.version,
        "join_key": key.key_id,
        "revision": joined.revision,
        "created_at": joined.created_at,
        "last_seen_at": joined.last_seen_at,
        "tags": " ".join(joined.tags),
        "is_ephemeral": int(joined.is_ephemeral),
    }


def _refresh(connection: Connection, found: StoredMember, registration: Registration, unix_now: float) -> StoredMember:
    values: dict[str, Any] = {"last_seen_at": unix_now, "version": registration.version[:32]}
    values |= publication_changes(connection, found, registration.capabilities, registration.subnets)
    update_member(connection, found, **values)
    return evolve(found, revision=values.get("revision", found.revision))


def _is_pre_approved(connection: Connection, network: StoredNetwork, registration: Registration) -> bool:
    """A machine that waits may come again with a better token; with the one it waits by, no use is taken again."""
    if registration.secret is None or network.approval is Approval.MANUAL:
        return False
    key = join_keys.find_by_secret(connection, registration.secret)
    return key is not None and key.approval is Approval.AUTOMATIC


def _is_changed(found: StoredMember, registration: Registration) -> bool:
    announced = tuple(one.subnet for one in found.subnets if one.is_announced)
    return (found.signing_public, found.capabilities, announced, found.version) != (
        registration.signing_public,
        words_of(registration.capabilities),
        registration.subnets,
        registration.version[:32],
    )


def _admission(found: StoredMember, network: StoredNetwork) -> Admission:
    return Admission(
        name=found.name,
        addresses=found.addresses,
        psk=network.psk,
        revision=found.revision,
        network_revision=max(network.revision, found.revision),
    )


def _free_name(connection: Connection, registration: Registration) -> str:
    """The name the agent would like, in the letters that names have; with a piece of its node id where it is taken."""
    letters = registration.name.split(".")[0].translate(_CODE_BY_SPELLING)
    wanted = "".join(c for c in letters if c.isalnum() or c in "-_").lstrip("-")[: NAME_LIMIT - 17] or "node"
    node_id = str(registration.node_id)
    for suffix in ("", *(f"-{node_id[:length]}" for length in (4, 8, 16))):
        if name_owner(connection, registration.network, wanted + suffix) is None:
            return wanted + suffix
    return node_id
