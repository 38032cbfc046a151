# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Routes about members: who they are, whether they are here, and what people decide about them."""

from __future__ import annotations

import msgspec

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import MemberChange, MemberDocument, Page, SubnetDecision
from zerogo.controller.problems import Problem
from zerogo.ids import NetworkId
from zerogo.store import members, networks
from zerogo.store.values import Role, StoredMember, StoredState


async def list_members(desk: Desk, call: Call) -> Answer:
    """The members of a network, pending and denied ones too, by name."""
    found = await desk.store.read(members.list_members, call.network)
    return Answer(200, Page(_documents(desk, call.network, found)))


async def list_peers(desk: Desk, call: Call) -> Answer:
    """The members of all networks, with presence and links."""
    documents: list[MemberDocument] = []
    for network in await desk.store.read(networks.list_networks):
        found = await desk.store.read(members.list_members, network.network)
        documents += _documents(desk, network.network, found)
    return Answer(200, Page(documents))


async def change_member(desk: Desk, call: Call) -> Answer:
    """Approve, deny, rename, or let be a bridge; the member and its network are told at once."""
    body = call.body
    assert isinstance(body, MemberChange)
    if body.state is StoredState.PENDING:
        raise Problem(422, "invalid", "a member's state can be set to approved or denied")
    changes: dict[str, str | bool] = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if name != "state" and value is not msgspec.UNSET
    }
    network, node_id, now = call.network, call.node_id, desk.unix_time()
    state = None if body.state is msgspec.UNSET else body.state
    changed = await desk.store.write(members.change_member, network, node_id, changes, call.actor, now, state)
    desk.members.decided(network, node_id)
    return Answer(200, _documents(desk, network, [changed])[0])


async def decide_subnet(desk: Desk, call: Call) -> Answer:
    """Let others reach a network through a member, or not any more; all are told at once."""
    body = call.body
    assert isinstance(body, SubnetDecision)
    network, node_id = call.network, call.node_id
    changed = await desk.store.write(
        members.decide_subnet, network, node_id, body.subnet, body.is_approved, call.actor, desk.unix_time()
    )
    desk.members.decided(network, node_id)
    return Answer(200, _documents(desk, network, [changed])[0])


async def remove_member(desk: Desk, call: Call) -> Answer:
    """Remove a member; it is told at once, and so are the others."""
    network, node_id = call.network, call.node_id
    await desk.store.write(members.remove_member, network, node_id, call.actor, desk.unix_time())
    desk.members.decided(network, node_id)
    return Answer(204)


def _documents(desk: Desk, network: NetworkId, found: list[StoredMember]) -> list[MemberDocument]:
    presence = desk.members.presence(network)
    return [MemberDocument.of(member, presence.get(member.node_id)) for member in found]


_MEMBERS = "/networks/<string:network>/members"

ROUTES = (
    Route(method="GET", path=_MEMBERS, function=list_members, needs=Role.AUDITOR),
    Route(
        method="PATCH",
        path=f"{_MEMBERS}/<string:node>",
        function=change_member,
        needs=Role.OPERATOR,
        body=MemberChange,
    ),
    Route(
        method="POST",
        path=f"{_MEMBERS}/<string:node>/subnets",
        function=decide_subnet,
        needs=Role.OPERATOR,
        body=SubnetDecision,
    ),
    Route(method="DELETE", path=f"{_MEMBERS}/<string:node>", function=remove_member, needs=Role.OPERATOR),
    Route(method="GET", path="/peers", function=list_peers, needs=Role.AUDITOR),
)
