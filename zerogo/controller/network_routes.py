# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Routes about networks and the invites to them."""

from __future__ import annotations

import msgspec
from attrs import evolve

from zerogo.control.token import (
    SECRET_BYTES,
    TOKEN_LIMIT,
    JoinToken,
    emit_base32,
    join_host_port,
    split_host_port,
)
from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import (
    InviteDocument,
    InviteRequest,
    NetworkChange,
    NetworkDocument,
    NewNetworkRequest,
    Page,
    page,
)
from zerogo.controller.problems import Problem
from zerogo.ids import NetworkId
from zerogo.net.onion import is_onion
from zerogo.store import join_keys, locks, networks
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork
from zerogo.store.values import Role


async def list_networks(desk: Desk, call: Call) -> Answer:
    """All networks, by name."""
    return Answer(200, page(await desk.store.read(networks.page_networks, call.paging), NetworkDocument.of))


async def create_network(desk: Desk, call: Call) -> Answer:
    """Make a network."""
    body = call.body
    assert isinstance(body, NewNetworkRequest)
    new = NewNetwork(
        name=body.name,
        ipv4_prefix=body.ipv4,
        ipv6_prefix=body.ipv6,
        mtu=body.mtu,
        psk_mode=body.psk_mode,
        approval=body.approval,
    )
    made = await desk.store.write(networks.create_network, new, call.actor, desk.rng, desk.unix_time())
    desk.members.network_changed(made.network)
    return Answer(201, NetworkDocument.of(made), made.tag)


async def get_network(desk: Desk, call: Call) -> Answer:
    """One network."""
    found = await desk.store.read(networks.find_network, call.network)
    return Answer(200, NetworkDocument.of(found), found.tag)


async def change_network(desk: Desk, call: Call) -> Answer:
    """Change name, MTU, approval, or whether a log of policy decisions is kept."""
    body = call.body
    assert isinstance(body, NetworkChange)
    changes: dict[str, str | int] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET
    }
    network, now = call.network, desk.unix_time()
    changed = await desk.store.write(networks.change_network, network, changes, call.actor, now, call.expected)
    desk.members.network_changed(network)
    return Answer(200, NetworkDocument.of(changed), changed.tag)


async def delete_network(desk: Desk, call: Call) -> Answer:
    """Delete a network; its members are told at once."""
    await desk.store.write(networks.delete_network, call.network, call.actor, desk.unix_time(), call.expected)
    desk.members.network_deleted(call.network)
    return Answer(204)


async def list_invites(desk: Desk, call: Call) -> Answer:
    """The invites of a network, newest first; never their secrets."""
    found = await desk.store.read(join_keys.page_join_keys, call.network, call.paging)
    return Answer(200, page(found, InviteDocument.of))


async def create_invite(desk: Desk, call: Call) -> Answer:
    """Make an invite; its join URL is in this answer and never again."""
    body = call.body
    assert isinstance(body, InviteRequest)
    addresses = tuple(join_host_port(*split_host_port(text)) for text in body.addresses) or desk.own_addresses()
    if not addresses:
        raise Problem(409, "no-address", "this machine has no address: set public-addresses in controller.yaml")
    network = await desk.store.read(networks.find_network, call.network)
    blank = await _blank_token(desk, network.network, addresses)
    new = NewJoinKey(
        network=network.network,
        uses=body.uses,
        lifetime=body.expires_seconds,
        approval=body.approval,
        tags=tuple(body.tags),
        is_ephemeral=body.is_ephemeral,
    )
    key, secret = await desk.store.write(join_keys.create_join_key, new, call.actor, desk.rng, desk.unix_time())
    return Answer(201, InviteDocument.of(key, evolve(blank, secret=emit_base32(secret)).format()))


async def _blank_token(desk: Desk, network: NetworkId, addresses: tuple[str, ...]) -> JoinToken:
    """A token but for its secret. It names the lock that is in force: whatever this controller says later, the machine
    insists on that one."""
    lock = await desk.store.read(locks.find_lock, network)
    has_onion = any(is_onion(split_host_port(address)[0]) for address in addresses)
    token = JoinToken(
        addresses,
        desk.key_hash,
        network,
        emit_base32(bytes(SECRET_BYTES)),
        lock=lock.public if lock.is_in_force(network) else None,
        onion_key=desk.onion_key if has_onion else None,
    )
    # Nobody could read a token that is too long, and it is shown once.
    if len(token.format()) > TOKEN_LIMIT:
        raise Problem(422, "invalid", "these addresses make the join token too long: give fewer, or shorter ones")
    return token


async def revoke_invite(desk: Desk, call: Call) -> Answer:
    """Let an invite be of no use any more."""
    await desk.store.write(join_keys.revoke_join_key, call.network, call.path["invite"], call.actor, desk.unix_time())
    return Answer(204)


_NETWORK = "/networks/<string:network>"

ROUTES = (
    Route(
        method="GET",
        path="/networks",
        function=list_networks,
        needs=Role.AUDITOR,
        area="networks",
        answer=Page[NetworkDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/networks",
        function=create_network,
        needs=Role.ADMIN,
        area="networks",
        body=NewNetworkRequest,
        answer=NetworkDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path=_NETWORK,
        function=get_network,
        needs=Role.AUDITOR,
        area="networks",
        answer=NetworkDocument,
    ),
    Route(
        method="PATCH",
        path=_NETWORK,
        function=change_network,
        needs=Role.ADMIN,
        area="networks",
        body=NetworkChange,
        answer=NetworkDocument,
        if_match=IfMatch.REQUIRED,
        problems=("conflict",),
    ),
    Route(
        method="DELETE",
        path=_NETWORK,
        function=delete_network,
        needs=Role.ADMIN,
        area="networks",
        status=204,
        if_match=IfMatch.OPTIONAL,
    ),
    Route(
        method="GET",
        path=f"{_NETWORK}/invites",
        function=list_invites,
        needs=Role.AUDITOR,
        area="invites",
        answer=Page[InviteDocument],
        cursor=tuple[float, str],
    ),
    Route(
        method="POST",
        path=f"{_NETWORK}/invites",
        function=create_invite,
        needs=Role.OPERATOR,
        area="invites",
        body=InviteRequest,
        answer=InviteDocument,
        status=201,
        is_creation=True,
        problems=("no-address",),
    ),
    Route(
        method="DELETE",
        path=f"{_NETWORK}/invites/<string:invite>",
        function=revoke_invite,
        needs=Role.OPERATOR,
        area="invites",
        status=204,
    ),
)
