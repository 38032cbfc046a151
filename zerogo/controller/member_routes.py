# -*- test-case-name: zerogo.test.controller.test_member_routes -*-
"""Routes about members: who they are, whether they are here, and what people decide about them."""

from __future__ import annotations

from typing import Any

import msgspec

from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import MemberChange, MemberDocument, Page, SubnetDecision, page
from zerogo.ids import NetworkId, NodeId
from zerogo.store import members
from zerogo.store.values import Role, StoredMember, StoredState


async def list_members(desk: Desk, call: Call) -> Answer:
    """The members of a network by name, also those that wait or are kept out."""
    return await _list(desk, call, call.network)


async def list_peers(desk: Desk, call: Call) -> Answer:
    """The members of all networks, with presence and links."""
    return await _list(desk, call, None)


async def get_member(desk: Desk, call: Call) -> Answer:
    """One member."""
    found = await desk.store.read(members.find_member, call.network, call.node_id)
    return Answer(200, _document(desk, found), found.tag)


async def change_member(desk: Desk, call: Call) -> Answer:
    """Approve, deny, block, rename, tag, let be a bridge, or give addresses; all are told at once."""
    body = call.body
    assert isinstance(body, MemberChange)
    given = msgspec.structs.asdict(body).items()
    changes: dict[str, Any] = {name: value for name, value in given if value is not msgspec.UNSET}
    if "state" in changes:
        changes["state"] = StoredState(changes["state"])
    network, node_id, now = call.network, call.node_id, desk.unix_time()
    changed = await desk.store.write(members.change_member, network, node_id, changes, call.actor, now, call.expected)
    desk.members.decided(network, node_id)
    return Answer(200, _document(desk, changed), changed.tag)


async def decide_subnet(desk: Desk, call: Call) -> Answer:
    """Let others reach a network through a member, or not any more; all are told at once."""
    body = call.body
    assert isinstance(body, SubnetDecision)
    network, node_id = call.network, call.node_id
    changed = await desk.store.write(
        members.decide_subnet, network, node_id, body.subnet, body.is_approved, call.actor, desk.unix_time()
    )
    desk.members.decided(network, node_id)
    return Answer(200, _document(desk, changed), changed.tag)


async def remove_member(desk: Desk, call: Call) -> Answer:
    """Remove a member; it is told at once, and so are the others."""
    network, node_id = call.network, call.node_id
    await desk.store.write(members.remove_member, network, node_id, call.actor, desk.unix_time(), call.expected)
    desk.members.decided(network, node_id)
    return Answer(204)


async def _list(desk: Desk, call: Call, network: NetworkId | None) -> Answer:
    piece = await desk.store.read(members.page_members, network, call.paging)
    asked: dict[NetworkId, list[NodeId]] = {}
    for member in piece.items:
        asked.setdefault(member.network, []).append(member.node_id)
    presence = {one: desk.members.presence(one, node_ids) for one, node_ids in asked.items()}
    return Answer(200, page(piece, lambda one: MemberDocument.of(one, presence[one.network].get(one.node_id))))


def _document(desk: Desk, member: StoredMember) -> MemberDocument:
    return MemberDocument.of(member, desk.members.presence(member.network, [member.node_id]).get(member.node_id))


_MEMBERS = "/networks/<string:network>/members"
_MEMBER = f"{_MEMBERS}/<string:node>"

ROUTES = (
    Route(
        method="GET",
        path=_MEMBERS,
        function=list_members,
        needs=Role.AUDITOR,
        area="members",
        answer=Page[MemberDocument],
        cursor=tuple[str, str],
    ),
    Route(
        method="GET",
        path=_MEMBER,
        function=get_member,
        needs=Role.AUDITOR,
        area="members",
        answer=MemberDocument,
    ),
    Route(
        method="PATCH",
        path=_MEMBER,
        function=change_member,
        needs=Role.OPERATOR,
        area="members",
        body=MemberChange,
        answer=MemberDocument,
        if_match=IfMatch.OPTIONAL,
        problems=("conflict", "network-full"),
    ),
    Route(
        method="POST",
        path=f"{_MEMBER}/subnets",
        function=decide_subnet,
        needs=Role.OPERATOR,
        area="members",
        body=SubnetDecision,
        answer=MemberDocument,
        problems=("conflict",),
    ),
    Route(
        method="DELETE",
        path=_MEMBER,
        function=remove_member,
        needs=Role.OPERATOR,
        area="members",
        status=204,
        if_match=IfMatch.OPTIONAL,
    ),
    Route(
        method="GET",
        path="/peers",
        function=list_peers,
        needs=Role.AUDITOR,
        area="members",
        answer=Page[MemberDocument],
        cursor=tuple[str, str],
    ),
)
