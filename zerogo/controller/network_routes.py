# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Routes about networks and the invites to them."""

from __future__ import annotations

import msgspec

from zerogo.control.token import (
    SECRET_BYTES,
    TOKEN_LIMIT,
    JoinToken,
    emit_base32,
    join_host_port,
    split_host_port,
)
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import (
    InviteDocument,
    InviteRequest,
    NetworkChange,
    NetworkDocument,
    NewNetworkRequest,
    Page,
)
from zerogo.controller.problems import Problem
from zerogo.ids import NetworkId
from zerogo.store import join_keys, networks
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork
from zerogo.store.values import Role


async def list_networks(desk: Desk, call: Call) -> Answer:
    """All networks, by name."""
    found = await desk.store.read(networks.list_networks)
    return Answer(200, Page([NetworkDocument.of(network) for network in found]))


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
    return Answer(201, NetworkDocument.of(made))


async def get_network(desk: Desk, call: Call) -> Answer:
    """One network."""
    return Answer(200, NetworkDocument.of(await desk.store.read(networks.find_network, call.network)))


async def change_network(desk: Desk, call: Call) -> Answer:
    """Change name, MTU or approval."""
    body = call.body
    assert isinstance(body, NetworkChange)
    changes: dict[str, str | int] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET
    }
    changed = await desk.store.write(networks.change_network, call.network, changes, call.actor, desk.unix_time())
    desk.members.network_changed(call.network)
    return Answer(200, NetworkDocument.of(changed))


async def delete_network(desk: Desk, call: Call) -> Answer:
    """Delete a network; its members are told at once."""
    await desk.store.write(networks.delete_network, call.network, call.actor, desk.unix_time())
    desk.members.network_deleted(call.network)
    return Answer(204)


async def list_invites(desk: Desk, call: Call) -> Answer:
    """The invites of a network, newest first; never their secrets."""
    found = await desk.store.read(join_keys.list_join_keys, call.network)
    return Answer(200, Page([InviteDocument.of(key) for key in found]))


async def create_invite(desk: Desk, call: Call) -> Answer:
    """Make an invite; its join URL is in this answer and never again."""
    body = call.body
    assert isinstance(body, InviteRequest)
    addresses = tuple(join_host_port(*split_host_port(text)) for text in body.addresses) or desk.own_addresses()
    if not addresses:
        raise Problem(409, "no-address", "this machine has no address: set public-addresses in controller.yaml")
    network = await desk.store.read(networks.find_network, call.network)
    _check_length(desk, network.network, addresses)
    new = NewJoinKey(network=network.network, uses=body.uses, lifetime=body.expires_seconds, approval=body.approval)
    key, secret = await desk.store.write(join_keys.create_join_key, new, call.actor, desk.rng, desk.unix_time())
    token = JoinToken(addresses, desk.key_hash, network.network, emit_base32(secret))
    return Answer(201, InviteDocument.of(key, token.format()))


def _check_length(desk: Desk, network: NetworkId, addresses: tuple[str, ...]) -> None:
    """Nobody could read a token that is too long, and it is shown once."""
    blank = JoinToken(addresses, desk.key_hash, network, emit_base32(bytes(SECRET_BYTES)))
    if len(blank.format()) > TOKEN_LIMIT:
        raise Problem(422, "invalid", "these addresses make the join token too long: give fewer, or shorter ones")


async def revoke_invite(desk: Desk, call: Call) -> Answer:
    """Let an invite be of no use any more."""
    await desk.store.write(join_keys.revoke_join_key, call.network, call.path["invite"], call.actor, desk.unix_time())
    return Answer(204)


_NETWORK = "/networks/<string:network>"

ROUTES = (
    Route(method="GET", path="/networks", function=list_networks, needs=Role.AUDITOR),
    Route(method="POST", path="/networks", function=create_network, needs=Role.ADMIN, body=NewNetworkRequest),
    Route(method="GET", path=_NETWORK, function=get_network, needs=Role.AUDITOR),
    Route(method="PATCH", path=_NETWORK, function=change_network, needs=Role.ADMIN, body=NetworkChange),
    Route(method="DELETE", path=_NETWORK, function=delete_network, needs=Role.ADMIN),
    Route(method="GET", path=f"{_NETWORK}/invites", function=list_invites, needs=Role.AUDITOR),
    Route(method="POST", path=f"{_NETWORK}/invites", function=create_invite, needs=Role.OPERATOR, body=InviteRequest),
    Route(method="DELETE", path=f"{_NETWORK}/invites/<string:invite>", function=revoke_invite, needs=Role.OPERATOR),
)
