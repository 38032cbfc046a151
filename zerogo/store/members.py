# -*- test-case-name: zerogo.test.store.test_members -*-
"""Units of work about members: who they are, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import evolve
from sqlalchemy import Connection, Row, Select, bindparam, delete, select, tuple_, update

from zerogo.control.netmap import MemberRecord, check_name
from zerogo.control.subnets import SUBNETS_LIMIT
from zerogo.errors import ParseError
from zerogo.ids import MacAddress, NetworkId, NodeId
from zerogo.store import audit, networks, subnets, tables
from zerogo.store.addresses import assign_addresses, choose_address, release_addresses
from zerogo.store.errors import Conflict, NotFound, check_tag
from zerogo.store.networks import name_key
from zerogo.store.paging import Paging, Piece
from zerogo.store.tags import checked_tags
from zerogo.store.values import StoredMember, StoredNetwork, StoredState, StoredSubnet

_AT_ONCE = 500


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
    shown: dict[str, list[str]] = {}
    for row in rows:
        shown.setdefault(row.network, []).append(row.node_id)
    addresses, behind = {}, {}
    for name, node_ids in shown.items():
        one = NetworkId.parse(name)
        addresses[name] = _addresses(connection, one, node_ids)
        behind[name] = subnets.subnets_of(connection, one, node_ids)
    found = [
        _member(row, addresses[row.network].get(row.node_id, ()), behind[row.network].get(row.node_id, ()))
        for row in rows
    ]
    return Piece.cut(found, paging, lambda member: (str(member.network), name_key(member.name)))


def find_member(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember:
    """One member; raises `NotFound`."""
    return _existing(connection, network, node_id)


def approved_members(
    connection: Connection, network: NetworkId, known: Mapping[str, tuple[MemberRecord, int]] = MappingProxyType({})
) -> dict[str, tuple[MemberRecord, int]]:
    """The records for the map by node id as text, ascending, each with the revision of its last change. What is `known`
    is not read again as long as its revision is the same: who changes a record raises it."""
    columns = tables.members.c
    approved = select(columns.node_id, columns.revision).where(
        columns.network == str(network), columns.state == StoredState.APPROVED.value
    )
    found: dict[str, tuple[MemberRecord, int]] = {}
    new = []
    for node_id, revision in connection.execute(approved):
        before = known.get(node_id)
        if before is not None and before[1] == revision:
            found[node_id] = before
        else:
            new.append(NodeId.parse(node_id))
    for member in find_members(connection, network, new).values():
        found[str(member.node_id)] = (_record(member), member.revision)
    return {node_id: found[node_id] for node_id in sorted(found)}


def find_members(connection: Connection, network: NetworkId, wanted: Sequence[NodeId]) -> dict[NodeId, StoredMember]:
    """Those of them that there are."""
    found = {}
    for at in range(0, len(wanted), _AT_ONCE):
        some = [str(node_id) for node_id in wanted[at : at + _AT_ONCE]]
        rows = connection.execute(_selection(network).where(tables.members.c.node_id.in_(some))).all()
        if rows:
            addresses = _addresses(connection, network, some)
            behind = subnets.subnets_of(connection, network, some)
            for row in rows:
                member = _member(row, addresses.get(row.node_id, ()), behind.get(row.node_id, ()))
                found[member.node_id] = member
    return found


def strangers(connection: Connection, candidates: Sequence[NodeId]) -> list[NodeId]:
    """Those of them that are members of no network."""
    columns = tables.members.c
    here: set[str] = set()
    for at in range(0, len(candidates), _AT_ONCE):
        some = [str(node_id) for node_id in candidates[at : at + _AT_ONCE]]
        approved = columns.node_id.in_(some) & (columns.state == StoredState.APPROVED.value)
        here.update(connection.scalars(select(columns.node_id).where(approved)))
    return [node_id for node_id in candidates if str(node_id) not in here]


def departed(connection: Connection, limit: int) -> list[NodeId]:
    """Those whom networks remember as removed and who are members of no network; at most so many."""
    approved = select(tables.members.c.node_id).where(tables.members.c.state == StoredState.APPROVED.value)
    gone = select(tables.removals.c.node_id).where(tables.removals.c.node_id.not_in(approved)).distinct()
    return [NodeId.parse(node_id) for node_id in connection.scalars(gone.limit(limit))]


def approve_member(
    connection: Connection, network: NetworkId, node_id: NodeId, actor: str, unix_now: float
) -> StoredMember:
    """Let a pending, denied or blocked machine in; raises `NotFound`, `JoinRefused`."""
    found = _existing(connection, network, node_id)
    if found.state is not StoredState.APPROVED:
        let_in(connection, networks.find_network(connection, network), found, unix_now)
        audit.record(connection, actor, "member.approve", unix_now, network=network, subject=str(node_id))
    return _existing(connection, network, node_id)


def deny_member(
    connection: Connection, network: NetworkId, node_id: NodeId, actor: str, unix_now: float
) -> StoredMember:
    """Keep a machine out, whatever token it comes with; raises `NotFound`."""
    found = _existing(connection, network, node_id)
    if found.state is not StoredState.DENIED:
        update_member(connection, found, state=StoredState.DENIED.value)
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
        update_member(connection, found, state=StoredState.BLOCKED.value)
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
    """Set `name`, `is_bridge`, `tags`, `addresses` and `state`, all or nothing; raises `NotFound`, `Stale`, `Conflict`,
    `JoinRefused` or `ParseError`."""
    found = _existing(connection, network, node_id)
    check_tag(found.tag, expected)
    state = changes.pop("state", None)
    values: dict[str, Any] = {}
    if "name" in changes:
        name = str(changes["name"])
        check_name(name)
        if name_owner(connection, network, name) not in (None, str(node_id)):
            raise Conflict(f"another member is named {name!r}")
        values |= {"name": name, "name_key": name_key(name)}
    if "is_bridge" in changes:
        values["is_bridge"] = int(bool(changes["is_bridge"]))
    if "tags" in changes:
        values["tags"] = " ".join(checked_tags(changes["tags"]))
    if "addresses" in changes:
        _choose_addresses(connection, found, changes["addresses"], unix_now)
    if values or "addresses" in changes:
        update_member(connection, found, **values, revision=networks.raise_revision(connection, network))
        detail = " ".join(f"{key}={value}" for key, value in changes.items())
        audit.record(connection, actor, "member.change", unix_now, network=network, subject=str(node_id), detail=detail)
    decide = _DECISIONS.get(state)
    if decide is not None:
        return decide(connection, network, node_id, actor, unix_now)
    return _existing(connection, network, node_id)


def _choose_addresses(connection: Connection, found: StoredMember, wanted: Sequence[str], unix_now: float) -> None:
    if not found.addresses:
        raise Conflict(f"{found.name} has no addresses: it must be a member first")
    prefixes = networks.find_network(connection, found.network).prefixes
    if len({":" in address for address in wanted}) != len(wanted):
        raise ParseError("a member has one address of each family")
    for address in wanted:
        choose_address(connection, found.network, found.node_id, address, prefixes, unix_now)


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
        values = publication_changes(connection, found, capabilities, announced)
        if values:
            update_member(connection, found, **values)


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


_TOUCH = update(tables.members).where(
    (tables.members.c.network == bindparam("of_network")) & (tables.members.c.node_id == bindparam("of_node"))
)


def touch_members(connection: Connection, seen: Iterable[tuple[NetworkId, NodeId]], unix_now: float) -> None:
    """Note that these members are connected."""
    rows = [{"of_network": str(network), "of_node": str(node_id)} for network, node_id in seen]
    if rows:
        connection.execute(_TOUCH.values(last_seen_at=unix_now), rows)


def let_in(connection: Connection, network: StoredNetwork, found: StoredMember, unix_now: float) -> StoredMember:
    """Make a machine a member, with addresses; raises `JoinRefused` where there are none."""
    addresses = assign_addresses(connection, network.network, found.node_id, network.prefixes, unix_now)
    networks.forget_removal(connection, network.network, found.node_id)
    revision = networks.raise_revision(connection, network.network)
    update_member(connection, found, state=StoredState.APPROVED.value, revision=revision)
    return evolve(found, state=StoredState.APPROVED, addresses=addresses, revision=revision)


def _leave_map(connection: Connection, found: StoredMember, unix_now: float) -> None:
    release_addresses(connection, found.network, found.node_id, unix_now)
    networks.record_removal(connection, found.network, found.node_id)


def publication_changes(
    connection: Connection, found: StoredMember, capabilities: tuple[str, ...], announced: tuple[str, ...]
) -> dict[str, Any]:
    """What to write about a member that says this of itself; its revision too, where others see a change."""
    values: dict[str, Any] = {}
    is_seen = subnets.announce(connection, found.network, found.node_id, announced)
    if found.capabilities != words_of(capabilities):
        values["capabilities"] = " ".join(words_of(capabilities))
        is_seen = True
    if is_seen:
        values["revision"] = networks.raise_revision(connection, found.network)
    return values


def words_of(capabilities: Iterable[str]) -> tuple[str, ...]:
    """Those that are words; a space would make two of one."""
    return tuple(word for word in capabilities if word.isascii() and word.replace("-", "").isalnum())


def name_owner(connection: Connection, network: NetworkId, name: str) -> str | None:
    here = (tables.members.c.network == str(network)) & (tables.members.c.name_key == name_key(name))
    return connection.scalar(select(tables.members.c.node_id).where(here))


def _is(network: NetworkId, node_id: NodeId) -> Any:
    return (tables.members.c.network == str(network)) & (tables.members.c.node_id == str(node_id))


def update_member(connection: Connection, found: StoredMember, **values: Any) -> None:
    connection.execute(update(tables.members).where(_is(found.network, found.node_id)).values(**values))


def _existing(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember:
    found = _find(connection, network, node_id)
    if found is None:
        raise NotFound(f"there is no member {node_id} in this network")
    return found


def _find(connection: Connection, network: NetworkId, node_id: NodeId) -> StoredMember | None:
    return find_members(connection, network, [node_id]).get(node_id)


def _selection(network: NetworkId) -> Select[Any]:
    return select(tables.members).where(tables.members.c.network == str(network))


def _addresses(
    connection: Connection, network: NetworkId, of: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    columns = tables.addresses.c
    query = select(columns.node_id, columns.address).where(
        columns.network == str(network), columns.released_at.is_(None)
    )
    if of is not None:
        # Both families, or no index leads to a node id and all addresses of the network are looked at.
        query = query.where(columns.family.in_((4, 6)), columns.node_id.in_(of))
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
