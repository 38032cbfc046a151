# -*- test-case-name: zerogo.test.controller.test_link_routes -*-
"""Routes about links between members: as they are, their course, their paths; and what happened in a network."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from zerogo.control.messages import RELAY_TEST_SECONDS_MOST
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page, RequestBody, page
from zerogo.controller.link_book import Pair, node_text, pair_of
from zerogo.controller.link_documents import EventDocument, HistoryDocument, LinkDocument, PathChangeDocument
from zerogo.controller.network_course import CourseDocument
from zerogo.controller.problems import Problem
from zerogo.ids import NodeId
from zerogo.store import audit, link_history, networks
from zerogo.store.link_history import STEP_SECONDS
from zerogo.store.paging import Piece
from zerogo.store.values import Role

HOUR = 3600.0


async def list_links(desk: Desk, call: Call) -> Answer:
    """The links of a network that its members report, in the order of their ids; pairs that never tried are missing."""
    await desk.store.read(networks.find_network, call.network)
    links = desk.links.book.links(call.network)
    if call.paging.after is not None:
        links = [link for link in links if link.names > call.paging.after]
    piece = Piece.cut(links[: call.paging.limit + 1], call.paging, lambda link: link.names)
    return Answer(200, page(piece, LinkDocument.of))


async def get_link(desk: Desk, call: Call) -> Answer:
    """One link; the two members may be named in any order."""
    link = desk.links.book.find(call.network, _pair(call))
    if link is None:
        raise Problem(404, "not-found", "these two members report no link between them")
    return Answer(200, LinkDocument.of(link))


async def get_link_history(desk: Desk, call: Call) -> Answer:
    """The figures of a link from `from` to `to`, unix seconds; the last hour if left out. One value a second while a
    dashboard looked in the last hour, one in ten seconds in the last day, means of five minutes before."""
    end = call.query.get("to", desk.unix_time())
    begin = call.query.get("from", end - HOUR)
    await desk.store.read(networks.find_network, call.network)
    pair = _pair(call)
    course = desk.links.rings.read(call.network, pair, begin, end)
    names = (node_text(pair[0]), node_text(pair[1]))
    stored = await desk.store.read(link_history.read, call.network, names, begin, end)
    return Answer(200, HistoryDocument.of(course.with_means(stored, STEP_SECONDS)))


async def list_link_changes(desk: Desk, call: Call) -> Answer:
    """Which paths a link took, and why; the newest first, at most 64."""
    await desk.store.read(networks.find_network, call.network)
    changes = desk.links.book.changes(call.network, _pair(call))
    return Answer(200, Page([PathChangeDocument.of(change) for change in changes]))


class RelayTestRequest(RequestBody, frozen=True):
    """For how many seconds two members are to reach each other by relays only; 0 ends it."""

    seconds: Annotated[float, Meta(ge=0, le=RELAY_TEST_SECONDS_MOST)] = 30.0


async def test_relay(desk: Desk, call: Call) -> Answer:
    """Have two members reach each other by relays only for a while, to see whether these carry. Where none carries, all
    stays as it is; afterwards they go back to the best path."""
    body, network, pair = call.body, call.network, _nodes(call)
    assert isinstance(body, RelayTestRequest)
    here = desk.members.presence(network, pair)
    if not all(node_id in here for node_id in pair):
        raise Problem(409, "conflict", "one of these members is not connected")
    await desk.store.write(
        audit.record,
        call.actor,
        "link.relay-test",
        desk.unix_time(),
        network=network,
        subject=" ".join(map(str, pair)),
        detail=f"{body.seconds:g} s",
    )
    desk.members.test_relay(network, pair, body.seconds)
    return Answer(204)


async def get_network_course(desk: Desk, call: Call) -> Answer:
    """How a network went in the last hour, a row in ten seconds: members online, links, median round trip, traffic."""
    await desk.store.read(networks.find_network, call.network)
    return Answer(200, CourseDocument.of(desk.links.courses.read(call.network)))


async def list_events(desk: Desk, call: Call) -> Answer:
    """What happened in a network since the controller started; the newest first, at most 1,000."""
    await desk.store.read(networks.find_network, call.network)
    return Answer(200, page(desk.links.events.page(call.network, call.paging), EventDocument.of))


def _pair(call: Call) -> Pair:
    return pair_of(*_nodes(call))


def _nodes(call: Call) -> tuple[NodeId, NodeId]:
    one, other = NodeId.parse(call.path["a"]), NodeId.parse(call.path["b"])
    if one == other:
        raise Problem(422, "invalid", "a link is between two members")
    return one, other


_LINKS = "/networks/<string:network>/links"
_LINK = f"{_LINKS}/<string:a>/<string:b>"

ROUTES = (
    Route(
        method="GET",
        path=_LINKS,
        function=list_links,
        needs=Role.AUDITOR,
        area="links",
        answer=Page[LinkDocument],
        cursor=tuple[str, str],
    ),
    Route(
        method="GET",
        path=_LINK,
        function=get_link,
        needs=Role.AUDITOR,
        area="links",
        answer=LinkDocument,
    ),
    Route(
        method="GET",
        path=f"{_LINK}/history",
        function=get_link_history,
        needs=Role.AUDITOR,
        area="links",
        answer=HistoryDocument,
        query=("from", "to"),
    ),
    Route(
        method="POST",
        path=f"{_LINK}/relay-test",
        function=test_relay,
        needs=Role.OPERATOR,
        area="members",
        body=RelayTestRequest,
        status=204,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path=f"{_LINK}/changes",
        function=list_link_changes,
        needs=Role.AUDITOR,
        area="links",
        answer=Page[PathChangeDocument],
    ),
    Route(
        method="GET",
        path="/networks/<string:network>/course",
        function=get_network_course,
        needs=Role.AUDITOR,
        area="links",
        answer=CourseDocument,
    ),
    Route(
        method="GET",
        path="/networks/<string:network>/events",
        function=list_events,
        needs=Role.AUDITOR,
        area="events",
        answer=Page[EventDocument],
        cursor=tuple[int],
    ),
)
