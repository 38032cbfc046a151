# -*- test-case-name: zerogo.test.store.test_members -*-
"""Units of work about members: what becomes of an agent that registers, and what people decide about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, Select, delete, insert, select, tuple_, update

from zerogo.control.connection import Registration
from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.control.netmap import MEMBERS_LIMIT, NAME_LIMIT, MemberRecord, check_name
from zerogo.control.subnets import SUBNETS_LIMIT
from zerogo.ids import MacAddress, NetworkId, NodeId
from zerogo.store import audit, join_keys, networks, subnets, tables
from zerogo.store.addresses import assign_addresses, release_addresses
from zerogo.store.errors import Conflict, JoinRefused, NotFound, check_tag
from zerogo.store.networks import name_key
from zerogo.store.paging import Paging, Piece
from zerogo.store.tags import checked_tags
from zerogo.store.values import Approval, StoredJoinKey, StoredMember, StoredNetwork, StoredState, StoredSubnet

WAITING_SENTENCE = "the network's owner must approve this machine with `zerogo members approve`"
DENIED_SENTENCE = "the network's owner denied this machine"
BLOCKED_SENTENCE = "the network's owner blocked this machine"
REMOVED_SENTENCE = "this machine was removed from the network: join again with a new token"
_CODE_BY_SPELLING = str.maketrans({" ": "-"})


@frozen
class Held:
    """The agent must wait for a person."""

    sentence: str


def recognise(connection: Connection, registration: Registration, unix_now: float) -> Admission | Held | None:
    """What becomes of an agent about which nothing has to be written; None where `register` must decide. Raises
    `JoinRefused`; so a stranger without a good token costs no write."""
    network = _network(connection, registration.network)
    found = _find(connection, registration.network, registration.node_id)
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


def register(connection: Connection, registration: Registration, unix_now: float) -> Admission | Held:
    """What becomes of an agent; makes it a member where its join token is good. Raises `JoinRefused`."""
    network = _network(connection, registration.network)
    found = _find(connection, registration.network, registration.node_id)
    if found is None:
        return _register_new(connection, network, registration, unix_now)
    if found.signing_public != registration.signing_public:
        raise JoinRefused(RefusalCode.BINDING_INVALID, "this machine's signing key is not the one it joined with")
    if found.state is StoredState.DENIED:
        raise JoinRefused(RefusalCode.DENIED, DENIED_SENTENCE)
    _refresh(connection, found, registration, unix_now)
    if found.state is StoredState.BLOCKED:
        return Held(BLOCKED_SENTENCE)
    if found.state is StoredState.PENDING:
        if not _is_pre_approved(connection, network, registration):
            return Held(WAITING_SENTENCE)
        key = join_keys.redeem(connection, network.network, registration.secret or b"", unix_now)
        _approve(connection, network, found, unix_now)
        audit.record(
            connection, f"invite:{key.key_id}", "member.approve", unix_now, network=network.network, subject=found.name
        )
    return _admission(_existing(connection, network.network, registration.node_id), network)


def list_members(connection: Connection, network: NetworkId) -> list[StoredMember]:
    """All members, pending and denied too, by name; raises `NotFound`."""
    networks.find_network(connection, network)
    rows = connection.execute(_selection(network).order_by(tables.members.c.name_key))
    addresses = _addresses(connection, network)
    behind = subnets.subnets_of(connection, network)
    return [_member(row, addresses.get(row.node_id, ()), behind.get(row.node_id, ())) for row in rows]


def page_members(connection: Connection, network: NetworkId | None, paging: Paging) -> Piece[StoredMember]:
    """Members of a network by name, or of all networks; raises `NotFound`."""
    columns = tables.members.c
    query = select(tables.members).order_by(columns.network, columns.name_key).limit(paging.limit + 1)
    if network is not None:
        networks.find_network(connection, network)
        query = query.where(columns.network == str(network))
    if paging.after is not None:
        query = query.where(tuple_(columns.network, columns.name_key) > tuple_(*paging.after))
    rows = connection.execute(query).all()
    addresses, behind = {}, {}
    for name in dict.fromkeys(row.network for row in rows):
        one = NetworkId.parse(name)
        addresses[name], behind[name] = _addresses(connection, one), subnets.subnets_of(connection, one)
    found = [
        _member(row, addresses[row.network].get(row.node_id, ()), behind[row.network].get(row.node_id, ()))
        for row in rows
    ]
    return Piece.cut(found, paging, lambda member: (str(member.network), name_key(member.name)))


def find_member(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember:
    """One member; raises `NotFound`."""
    return _existing(connection, network, node_id)


def approved_members(connection: Connection, network: NetworkId) -> list[tuple[MemberRecord, int]]:
    """The records for the map, each with the revision of its last change."""
    rows = connection.execute(_selection(network).where(tables.members.c.state == StoredState.APPROVED.value))
    addresses = _addresses(connection, network)
    behind = subnets.subnets_of(connection, network)
    found = [(_member(row, addresses.get(row.node_id, ()), behind.get(row.node_id, ())), row.revision) for row in rows]
    return [(_record(member), revision) for member, revision in found]


def approve_member(
    connection: Connection, network: NetworkId, node_id: NodeId, actor: str, unix_now: float
) -> StoredMember:
    """Let a pending, denied or blocked machine in; raises `NotFound`, `JoinRefused`."""
    found = _existing(connection, network, node_id)
    if found.state is not StoredState.APPROVED:
        _approve(connection, networks.find_network(connection, network), found, unix_now)
        audit.record(connection, actor, "member.approve", unix_now, network=network, subject=str(node_id))
    return _existing(connection, network, node_id)


def deny_member(
    connection: Connection, network: NetworkId, node_id: NodeId, actor: str, unix_now: float
) -> StoredMember:
    """Keep a machine out, whatever token it comes with; raises `NotFound`."""
    found = _existing(connection, network, node_id)
    if found.state is not StoredState.DENIED:
        _update(connection, found, state=StoredState.DENIED.value)
        _leave_map(connection, found, unix_now)
        audit.record(connection, actor, "member.deny", unix_now, network=network, subject=str(node_id))
    return _existing(connection, network, node_id)


def block_member(
    connection: Connection, network: NetworkId, node_id: NodeId, actor: str, unix_now: float
) -> StoredMember:
    """Cut a member off; it keeps its name and addresses, and stays in touch to be let in again. Raises `NotFound` or
    `Conflict`."""
    found = _existing(connection, network, node_id)
    if found.state in (StoredState.PENDING, StoredState.DENIED):
        raise Conflict(f"only a member can be blocked; this machine is {found.state}")
    if found.state is StoredState.APPROVED:
        _update(connection, found, state=StoredState.BLOCKED.value)
        networks.record_removal(connection, network, node_id)
        audit.record(connection, actor, "member.block", unix_now, network=network, subject=str(node_id))
    return _existing(connection, network, node_id)


def remove_member(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    actor: str,
    unix_now: float,
    expected: str | None = None,
) -> StoredMember:
    """Forget a machine; it may come back with a new token. Raises `NotFound` or `Stale`."""
    found = _existing(connection, network, node_id)
    check_tag(found.tag, expected)
    connection.execute(delete(tables.members).where(_is(network, node_id)))
    _leave_map(connection, found, unix_now)
    audit.record(connection, actor, "member.remove", unix_now, network=network, subject=str(node_id), detail=found.name)
    return found


def leave(connection: Connection, network: NetworkId, node_id: NodeId, unix_now: float) -> None:
    """A machine leaves by itself; one that was denied or blocked meanwhile stays so. Raises `NotFound`."""
    if _existing(connection, network, node_id).state not in (StoredState.DENIED, StoredState.BLOCKED):
        remove_member(connection, network, node_id, f"node:{node_id}", unix_now)


def change_member(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    changes: dict[str, Any],
    actor: str,
    unix_now: float,
    expected: str | None = None,
) -> StoredMember:
    """Set `name`, `is_bridge`, `tags` and `state`, all or nothing; raises `NotFound`, `Stale`, `Conflict`,
    `JoinRefused` or `ParseError`."""
    found = _existing(connection, network, node_id)
    check_tag(found.tag, expected)
    state = changes.pop("state", None)
    values: dict[str, Any] = {}
    if "name" in changes:
        name = str(changes["name"])
        check_name(name)
        if _name_owner(connection, network, name) not in (None, str(node_id)):
            raise Conflict(f"another member is named {name!r}")
        values |= {"name": name, "name_key": name_key(name)}
    if "is_bridge" in changes:
        values["is_bridge"] = int(bool(changes["is_bridge"]))
    if "tags" in changes:
        values["tags"] = " ".join(checked_tags(changes["tags"]))
    if values:
        _update(connection, found, **values, revision=networks.raise_revision(connection, network))
        detail = " ".join(f"{key}={value}" for key, value in changes.items())
        audit.record(connection, actor, "member.change", unix_now, network=network, subject=str(node_id), detail=detail)
    decide = _DECISIONS.get(state)
    if decide is not None:
        return decide(connection, network, node_id, actor, unix_now)
    return _existing(connection, network, node_id)


_DECISIONS = {
    StoredState.APPROVED: approve_member,
    StoredState.DENIED: deny_member,
    StoredState.BLOCKED: block_member,
}


def set_published(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    capabilities: tuple[str, ...],
    announced: tuple[str, ...],
) -> None:
    """Store what a member says it can do and has behind it; nothing happens where it is gone."""
    found = _find(connection, network, node_id)
    if found is not None:
        values = _publication(connection, found, capabilities, announced)
        if values:
            _update(connection, found, **values)


def decide_subnet(
    connection: Connection,
    network: NetworkId,
    node_id: NodeId,
    subnet: str,
    is_approved: bool,
    actor: str,
    unix_now: float,
) -> StoredMember:
    """Let a network be reached through a member, or not; raises `NotFound`, `Conflict` or `ParseError`."""
    _existing(connection, network, node_id)
    subnets.decide(connection, network, node_id, subnet, is_approved, actor, unix_now)
    return _existing(connection, network, node_id)


def touch_members(connection: Connection, seen: Iterable[tuple[NetworkId, NodeId]], unix_now: float) -> None:
    """Note that these members are connected."""
    for network, node_id in seen:
        connection.execute(update(tables.members).where(_is(network, node_id)).values(last_seen_at=unix_now))


def _register_new(
    connection: Connection, network: StoredNetwork, registration: Registration, unix_now: float
) -> Admission | Held:
    _check_stranger(connection, registration, unix_now)
    if network.members + network.pending >= MEMBERS_LIMIT:
        raise JoinRefused(RefusalCode.NETWORK_FULL, f"the network has {MEMBERS_LIMIT} members already")
    key = join_keys.redeem(connection, network.network, registration.secret or b"", unix_now)
    _insert(connection, registration, key, unix_now)
    joined = _existing(connection, network.network, registration.node_id)
    actor = f"invite:{key.key_id}"
    audit.record(connection, actor, "member.join", unix_now, network=network.network, subject=str(joined.node_id))
    if Approval.MANUAL in (key.approval, network.approval):
        return Held(WAITING_SENTENCE)
    _approve(connection, network, joined, unix_now)
    return _admission(_existing(connection, network.network, registration.node_id), network)


def _insert(connection: Connection, registration: Registration, key: StoredJoinKey, unix_now: float) -> None:
    mac = MacAddress.for_node(registration.network, registration.static_public)
    name = _free_name(connection, registration)
    taken = select(tables.members.c.node_id).where(
        tables.members.c.network == str(registration.network), tables.members.c.mac == mac.raw
    )
    if connection.scalar(taken) is not None:
        raise JoinRefused(RefusalCode.DENIED, f"the Ethernet address {mac} is taken: make a new identity")
    connection.execute(
        insert(tables.members).values(
            network=str(registration.network),
            node_id=str(registration.node_id),
            static_public=registration.static_public,
            signing_public=registration.signing_public,
            mac=mac.raw,
            name=name,
            name_key=name_key(name),
            state=StoredState.PENDING.value,
            capabilities=" ".join(_words(registration.capabilities)),
            is_bridge=0,
            version=registration.version[:32],
            join_key=key.key_id,
            revision=0,
            created_at=unix_now,
            last_seen_at=unix_now,
            tags=" ".join(key.tags),
            is_ephemeral=int(key.is_ephemeral),
        )
    )
    subnets.announce(connection, registration.network, registration.node_id, registration.subnets)


def _approve(connection: Connection, network: StoredNetwork, found: StoredMember, unix_now: float) -> None:
    assign_addresses(connection, network.network, found.node_id, network.prefixes, unix_now)
    networks.forget_removal(connection, network.network, found.node_id)
    revision = networks.raise_revision(connection, network.network)
    _update(connection, found, state=StoredState.APPROVED.value, revision=revision)


def _leave_map(connection: Connection, found: StoredMember, unix_now: float) -> None:
    release_addresses(connection, found.network, found.node_id, unix_now)
    networks.record_removal(connection, found.network, found.node_id)


def _refresh(connection: Connection, found: StoredMember, registration: Registration, unix_now: float) -> None:
    values: dict[str, Any] = {"last_seen_at": unix_now, "version": registration.version[:32]}
    values |= _publication(connection, found, registration.capabilities, registration.subnets)
    _update(connection, found, **values)


def _publication(
    connection: Connection, found: StoredMember, capabilities: tuple[str, ...], announced: tuple[str, ...]
) -> dict[str, Any]:
    """What to write about a member that says this of itself; its revision too, where others see a change."""
    values: dict[str, Any] = {}
    is_seen = subnets.announce(connection, found.network, found.node_id, announced)
    if found.capabilities != _words(capabilities):
        values["capabilities"] = " ".join(_words(capabilities))
        is_seen = True
    if is_seen:
        values["revision"] = networks.raise_revision(connection, found.network)
    return values


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
        _words(registration.capabilities),
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


def _words(capabilities: Iterable[str]) -> tuple[str, ...]:
    """Those that are words; a space would make two of one."""
    return tuple(word for word in capabilities if word.isascii() and word.replace("-", "").isalnum())


def _free_name(connection: Connection, registration: Registration) -> str:
    """The name the agent would like, in the letters that names have; with a piece of its node id where it is taken."""
    letters = registration.name.split(".")[0].translate(_CODE_BY_SPELLING)
    wanted = "".join(c for c in letters if c.isalnum() or c in "-_").lstrip("-")[: NAME_LIMIT - 17] or "node"
    node_id = str(registration.node_id)
    for suffix in ("", *(f"-{node_id[:length]}" for length in (4, 8, 16))):
        if _name_owner(connection, registration.network, wanted + suffix) is None:
            return wanted + suffix
    return node_id


def _name_owner(connection: Connection, network: NetworkId, name: str) -> str | None:
    here = (tables.members.c.network == str(network)) & (tables.members.c.name_key == name_key(name))
    return connection.scalar(select(tables.members.c.node_id).where(here))


def _is(network: NetworkId, node_id: NodeId) -> Any:
    return (tables.members.c.network == str(network)) & (tables.members.c.node_id == str(node_id))


def _update(connection: Connection, found: StoredMember, **values: Any) -> None:
    connection.execute(update(tables.members).where(_is(found.network, found.node_id)).values(**values))


def _existing(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember:
    found = _find(connection, network, node_id)
    if found is None:
        raise NotFound(f"there is no member {node_id} in this network")
    return found


def _find(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember | None:
    row = connection.execute(_selection(network).where(tables.members.c.node_id == str(node_id))).first()
    if row is None:
        return None
    addresses = _addresses(connection, network, node_id).get(row.node_id, ())
    return _member(row, addresses, subnets.subnets_of(connection, network, node_id).get(row.node_id, ()))


def _selection(network: NetworkId) -> Select[Any]:
    return select(tables.members).where(tables.members.c.network == str(network))


def _addresses(connection: Connection, network: NetworkId, node_id: NodeId | None = None) -> dict[str, tuple[str, ...]]:
    columns = tables.addresses.c
    query = select(columns.node_id, columns.address).where(
        columns.network == str(network), columns.released_at.is_(None)
    )
    if node_id is not None:
        query = query.where(columns.node_id == str(node_id))
    found: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(query.order_by(columns.family)):
        found[row.node_id] = (*found.get(row.node_id, ()), row.address)
    return found


def _member(row: Row[Any], addresses: tuple[str, ...], behind: tuple[StoredSubnet, ...]) -> StoredMember:
    return StoredMember(
        network=NetworkId.parse(row.network),
        node_id=NodeId.parse(row.node_id),
        name=row.name,
        state=StoredState(row.state),
        static_public=row.static_public,
        signing_public=row.signing_public,
        mac=MacAddress(row.mac),
        addresses=addresses,
        capabilities=tuple(row.capabilities.split()),
        is_bridge=bool(row.is_bridge),
        version=row.version,
        revision=row.revision,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        tags=tuple(row.tags.split()),
        is_ephemeral=bool(row.is_ephemeral),
        subnets=behind,
    )


def _record(member: StoredMember) -> MemberRecord:
    return MemberRecord(
        node_id=member.node_id,
        static_public=member.static_public,
        signing_public=member.signing_public,
        name=member.name,
        mac=member.mac,
        addresses=member.addresses,
        capabilities=member.capabilities,
        is_bridge=member.is_bridge,
        subnets=tuple(one.subnet for one in member.subnets if one.is_reachable)[:SUBNETS_LIMIT],
    )
