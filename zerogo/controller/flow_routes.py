# -*- test-case-name: zerogo.test.controller.test_flow_routes -*-
"""The log of policy decisions, and its document."""

from __future__ import annotations

from typing import Literal

import msgspec

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page, page, rfc3339
from zerogo.controller.problems import Problem
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.policy.decisions import REST, UNREADABLE
from zerogo.policy.document import PROTOCOLS, protocol_name
from zerogo.policy.filter import PORT_MAX, PROTOCOL_MAX
from zerogo.store import flow_log, members
from zerogo.store.flow_log import FlowFilter, StoredFlows
from zerogo.store.values import Role

OUTCOMES = {"": None, "opened": False, "refused": True}
_OTHERS = {"unreadable": UNREADABLE, "rest": REST}


class FlowsDocument(msgspec.Struct, frozen=True):
    """What one member decided of one kind of traffic with another, in an interval."""

    ended_at: str
    seconds: float
    """Length of the interval."""
    reported_by: str
    peer: str | None
    """The other end; null: several, which found no place in the report."""
    direction: Literal["out", "in"]
    """Whether it went to the peer, or came from it."""
    protocol: str
    """Such as `tcp`; `unreadable` for frames that are not IP or do not parse, `rest` for what has no row of its own."""
    port: int | None
    """Destination port, where the protocol has ports."""
    opened: int
    """Flows that were let be opened."""
    refused: int
    """Frames that were refused."""

    @classmethod
    def of(cls, flows: StoredFlows) -> FlowsDocument:
        """As stored."""
        return cls(
            ended_at=rfc3339(flows.at),
            seconds=round(flows.seconds, 1),
            reported_by=flows.reporter,
            peer=flows.peer or None,
            direction="out" if flows.is_outbound else "in",
            protocol=_name(flows.protocol),
            port=flows.port or None,
            opened=flows.opened,
            refused=flows.refused,
        )


async def list_flows(desk: Desk, call: Call) -> Answer:
    """What members decided by the policy, newest first, where the network keeps a log (`flow_log`). `member` (name or
    node id) is at either end, `outcome` is `opened` or `refused`, `protocol` a name or number, `since` unix seconds."""
    wanted = FlowFilter(
        member=await _member(desk, call),
        is_refused=_outcome(call.words.get("outcome", "")),
        protocols=_protocols(call.words.get("protocol", "")),
        port=_port(call.query.get("port")),
        since=call.query.get("since"),
    )
    return Answer(
        200, page(await desk.store.read(flow_log.page_flows, call.network, wanted, call.paging), FlowsDocument.of)
    )


async def _member(desk: Desk, call: Call) -> str | None:
    text = call.words.get("member", "")
    if not text:
        return None
    try:
        return str(NodeId.parse(text))
    except ParseError:
        found = await desk.store.read(members.name_owner, call.network, text)
        if found is None:
            raise Problem(404, "not-found", f"there is no member {text[:63]!r}") from None
        return found


def _outcome(text: str) -> bool | None:
    if text not in OUTCOMES:
        raise Problem(422, "invalid", "outcome is opened or refused")
    return OUTCOMES[text]


def _port(port: float | None) -> int | None:
    if port is not None and not (port.is_integer() and port <= PORT_MAX):
        raise Problem(422, "invalid", f"port is a whole number from 0 to {PORT_MAX}")
    return None if port is None else int(port)


def _name(protocol: int) -> str:
    named = {number: name for name, number in _OTHERS.items()}
    return named.get(protocol) or protocol_name(protocol)


def _protocols(text: str) -> tuple[int, ...] | None:
    if not text:
        return None
    if text in _OTHERS:
        return (_OTHERS[text],)
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= PROTOCOL_MAX:
        return (int(text),)
    if text not in PROTOCOLS:
        raise Problem(422, "invalid", f"{text[:20]!r} is neither a protocol's name nor its number")
    return PROTOCOLS[text]


ROUTES = (
    Route(
        method="GET",
        path="/networks/<string:network>/flows",
        function=list_flows,
        needs=Role.AUDITOR,
        but_not=frozenset({Role.OPERATOR}),
        area="flows",
        answer=Page[FlowsDocument],
        cursor=tuple[int],
        query=("port", "since"),
        words=("member", "outcome", "protocol"),
    ),
)
