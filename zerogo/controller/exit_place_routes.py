# -*- test-case-name: zerogo.test.controller.test_exit_routes -*-
"""Routes about gateways and edges, the keys that they join with, and what passed through them."""

from __future__ import annotations

import msgspec

from zerogo.control.edge_token import EdgeToken, GatewayToken
from zerogo.control.gateway_messages import GatewayPlace as Place
from zerogo.control.gateway_messages import Kick
from zerogo.control.token import join_host_port, split_host_port
from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import Page, page
from zerogo.controller.exit_documents import (
    EdgeChange,
    EdgeDocument,
    ExitKeyDocument,
    ExitKeysDocument,
    GatewayChange,
    GatewayDocument,
    KickDocument,
    LiveDocument,
    NewExitKeyRequest,
    StatsDocument,
    StreamDocument,
)
from zerogo.controller.exit_routes import check_number
from zerogo.controller.problems import Problem
from zerogo.ids import NodeId
from zerogo.store import exit_gateways, exit_usage
from zerogo.store.exit_values import KeyKind, Period, StatsKind, StreamFilter
from zerogo.store.values import Role

EXPLAINED_TARGET = "example.com:443"
SHOWN_PERIODS = 1000
"""So many minutes, hours or days are shown."""


def _gateway(call: Call) -> NodeId:
    return NodeId.parse(call.path["gateway"])


async def list_exit_gateways(desk: Desk, call: Call) -> Answer:
    """All gateways, by id."""
    found = await desk.store.read(exit_gateways.list_gateways, call.paging)
    here = desk.exits.presence()
    return Answer(200, page(found, lambda one: GatewayDocument.of(one, here.get(one.gateway))))


async def get_exit_gateway(desk: Desk, call: Call) -> Answer:
    """One gateway."""
    found = await desk.store.read(exit_gateways.find_gateway, _gateway(call))
    return Answer(200, GatewayDocument.of(found, desk.exits.presence().get(found.gateway)), found.tag)


async def change_exit_gateway(desk: Desk, call: Call) -> Answer:
    """Have edges leave a gateway, or come back."""
    body = call.body
    assert isinstance(body, GatewayChange)
    changed = await desk.store.write(
        exit_gateways.change_gateway, _gateway(call), body.is_draining, call.actor, desk.unix_time(), call.expected
    )
    desk.exits.settings_changed()
    return Answer(200, GatewayDocument.of(changed, desk.exits.presence().get(changed.gateway)), changed.tag)


async def delete_exit_gateway(desk: Desk, call: Call) -> Answer:
    """Remove a gateway; it is turned away from then on."""
    gateway = _gateway(call)
    await desk.store.write(exit_gateways.delete_gateway, gateway, call.actor, desk.unix_time(), call.expected)
    desk.exits.gateway_removed(gateway)
    return Answer(204)


async def kick_stream(desk: Desk, call: Call) -> Answer:
    """End one live stream of a gateway."""
    gateway, number = _gateway(call), check_number(call.path["stream"])
    if gateway not in desk.exits.presence() and desk.exits.tell_fellows is None:
        raise Problem(404, "not-found", f"gateway {gateway} is not here")
    desk.exits.kick_stream(gateway, number)
    return Answer(204)


async def list_exit_edges(desk: Desk, call: Call) -> Answer:
    """All edges that ever came, by id."""
    found, here = await desk.store.read(exit_gateways.list_edges, call.paging), desk.exits.edges()
    return Answer(200, page(found, lambda edge: EdgeDocument.of(edge, here.get(edge.edge))))


async def get_exit_edge(desk: Desk, call: Call) -> Answer:
    """One edge."""
    found = await desk.store.read(exit_gateways.find_edge, call.path["edge"])
    return Answer(200, EdgeDocument.of(found, desk.exits.edges().get(found.edge)), found.tag)


async def change_exit_edge(desk: Desk, call: Call) -> Answer:
    """Keep an edge out, or let it in again."""
    body = call.body
    assert isinstance(body, EdgeChange)
    changed = await desk.store.write(
        exit_gateways.deny_edge, call.path["edge"], body.is_denied, call.actor, desk.unix_time(), call.expected
    )
    desk.exits.settings_changed()
    return Answer(200, EdgeDocument.of(changed, desk.exits.edges().get(changed.edge)), changed.tag)


async def delete_exit_edge(desk: Desk, call: Call) -> Answer:
    """Forget an edge and send it away; with a good key it can come again."""
    edge = call.path["edge"]
    await desk.store.write(exit_gateways.delete_edge, edge, call.actor, desk.unix_time(), call.expected)
    desk.exits.kick(Kick(edge=edge))
    return Answer(204)


async def kick_edge(desk: Desk, call: Call) -> Answer:
    """Break off an edge's tunnels with all their streams; it may come again."""
    edge = await desk.store.read(exit_gateways.find_edge, call.path["edge"])
    desk.exits.kick(Kick(edge=edge.edge))
    return Answer(200, KickDocument(len(desk.exits.presence())))


async def list_exit_keys(desk: Desk, call: Call) -> Answer:
    """Keys with which gateways and edges may join; never their secrets."""
    found = await desk.store.read(exit_gateways.list_keys, desk.unix_time())
    return Answer(200, ExitKeysDocument([ExitKeyDocument.of(key) for key in found]))


async def create_exit_key(desk: Desk, call: Call) -> Answer:
    """Make a key; the token for gateways or edges is in this answer and never again."""
    body = call.body
    assert isinstance(body, NewExitKeyRequest)
    addresses = [join_host_port(*split_host_port(text)) for text in body.addresses]
    places = (await desk.store.read(exit_gateways.read_settings, desk.unix_time())).places
    if body.kind is KeyKind.EDGE and not places:
        raise Problem(409, "conflict", "no gateway has joined yet, and edges join by a gateway")
    if body.kind is KeyKind.GATEWAY:
        addresses = addresses or list(desk.own_addresses())
    else:
        place = _best_place(desk, places)
        addresses = addresses or list(place.addresses)
    if not addresses:
        raise Problem(409, "conflict", "it is not known how to reach whom is joined: name it, as --address HOST:PORT")
    key, secret = await desk.store.write(
        exit_gateways.create_key, body.kind, body.expires_seconds, call.actor, desk.rng, desk.unix_time()
    )
    desk.exits.settings_changed()
    if body.kind is KeyKind.GATEWAY:
        token: EdgeToken = GatewayToken(tuple(addresses), desk.key_hash, secret)
    else:
        token = EdgeToken(tuple(addresses), place.key_hash, secret, place.is_tls)
    return Answer(201, ExitKeyDocument.of(key, token.format()))


def _best_place(desk: Desk, places: list[Place]) -> Place:
    """A gateway that is here and takes edges, or else any."""
    here = {str(gateway) for gateway in desk.exits.presence()}
    return min(places, key=lambda place: (place.is_draining, place.gateway not in here, place.gateway))


async def delete_exit_key(desk: Desk, call: Call) -> Answer:
    """Let a key be of no use any more; edges that join with it are refused from then on."""
    await desk.store.write(exit_gateways.delete_key, call.path["key"], call.actor, desk.unix_time())
    desk.exits.settings_changed()
    return Answer(204)


async def get_exit_stats(desk: Desk, call: Call) -> Answer:
    """What passed of all users, edges or countries, by minute, hour or day."""
    return await _stats(desk, call, None)


async def get_exit_stats_of(desk: Desk, call: Call) -> Answer:
    """What passed of one user, edge or country, by minute, hour or day."""
    return await _stats(desk, call, call.path["subject"])


async def _stats(desk: Desk, call: Call, subject: str | None) -> Answer:
    try:
        kind, period = StatsKind(call.path["kind"]), Period(call.path["period"])
    except ValueError as error:
        raise Problem(404, "not-found", "there are user, edge and country, by minute, hour and day") from error
    until = desk.unix_time() + 1
    since = until - SHOWN_PERIODS * period.seconds
    rows = await desk.store.read(exit_usage.read_stats, kind, period, subject, since, until)
    return Answer(200, StatsDocument.of(rows))


async def list_exit_streams(desk: Desk, call: Call) -> Answer:
    """Streams that are over, newest first: who went where by which exit. `exit_address` and `at` (unix time) ask who it
    was that left from that address at that moment."""
    where = StreamFilter(exit_address=call.words.get("exit_address"), at=call.query.get("at"))
    return Answer(200, page(await desk.store.read(exit_usage.list_streams, where, call.paging), StreamDocument.of))


async def list_streams_of(desk: Desk, call: Call) -> Answer:
    """A user's streams that are over, newest first."""
    where = StreamFilter(user=call.path["user"])
    return Answer(200, page(await desk.store.read(exit_usage.list_streams, where, call.paging), StreamDocument.of))


async def get_live_streams(desk: Desk, call: Call) -> Answer:
    """Streams that are open at this moment, as each gateway says; of each at most 200."""
    return Answer(200, await _asked(desk, "streams", ""))


async def explain_choice(desk: Desk, call: Call) -> Answer:
    """Which edge each gateway would take for a user name (as a client sends it, `alice-country-de`) and a target, and
    why."""
    username, target = call.words.get("username", ""), call.words.get("target", EXPLAINED_TARGET)
    if not username or " " in username:
        raise Problem(422, "invalid", "say for which user name, as in ?username=alice-country-de")
    return Answer(200, await _asked(desk, "explain", f"{username} {target}"))


async def _asked(desk: Desk, what: str, argument: str) -> LiveDocument:
    answers = await desk.exits.ask(what, argument)
    found = {}
    for gateway, document in answers.items():
        try:
            found[str(gateway)] = msgspec.json.decode(document)
        except msgspec.MsgspecError:
            found[str(gateway)] = None
    return LiveDocument(found)


_NOT_OPERATORS = frozenset({Role.OPERATOR})


def _get(
    path: str,
    function: object,
    answer: object,
    cursor: object = None,
    but_not: frozenset[Role] = frozenset(),
    query: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
) -> Route:
    return Route(
        method="GET",
        path=path,
        function=function,  # type: ignore[arg-type]
        needs=Role.AUDITOR,
        but_not=but_not,
        area="exits",
        answer=answer,
        cursor=cursor,  # type: ignore[arg-type]
        query=query,
        words=words,
    )


def _change(path: str, function: object, body: type[msgspec.Struct], answer: object) -> Route:
    return Route(
        method="PATCH",
        path=path,
        function=function,  # type: ignore[arg-type]
        needs=Role.OPERATOR,
        area="exits",
        body=body,
        answer=answer,
        if_match=IfMatch.OPTIONAL,
        problems=("conflict",),
    )


def _delete(path: str, function: object, needs: Role = Role.OPERATOR, if_match: IfMatch = IfMatch.OPTIONAL) -> Route:
    return Route(
        method="DELETE",
        path=path,
        function=function,  # type: ignore[arg-type]
        needs=needs,
        area="exits",
        status=204,
        if_match=if_match,
    )


ROUTES = (
    _get("/exits/gateways", list_exit_gateways, Page[GatewayDocument], tuple[str]),
    _get("/exits/gateways/<string:gateway>", get_exit_gateway, GatewayDocument),
    _change("/exits/gateways/<string:gateway>", change_exit_gateway, GatewayChange, GatewayDocument),
    _delete("/exits/gateways/<string:gateway>", delete_exit_gateway, Role.ADMIN),
    _delete("/exits/gateways/<string:gateway>/streams/<string:stream>", kick_stream, if_match=IfMatch.NONE),
    _get("/exits/edges", list_exit_edges, Page[EdgeDocument], tuple[str]),
    _get("/exits/edges/<string:edge>", get_exit_edge, EdgeDocument),
    _change("/exits/edges/<string:edge>", change_exit_edge, EdgeChange, EdgeDocument),
    _delete("/exits/edges/<string:edge>", delete_exit_edge),
    Route(
        method="POST",
        path="/exits/edges/<string:edge>/kick",
        function=kick_edge,
        needs=Role.OPERATOR,
        area="exits",
        answer=KickDocument,
    ),
    _get("/exits/keys", list_exit_keys, ExitKeysDocument),
    Route(
        method="POST",
        path="/exits/keys",
        function=create_exit_key,
        needs=Role.ADMIN,
        area="exits",
        body=NewExitKeyRequest,
        answer=ExitKeyDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    _delete("/exits/keys/<string:key>", delete_exit_key, Role.ADMIN, IfMatch.NONE),
    _get("/exits/stats/<string:kind>/<string:period>", get_exit_stats, StatsDocument),
    _get("/exits/stats/<string:kind>/<string:period>/<string:subject>", get_exit_stats_of, StatsDocument),
    _get(
        "/exits/streams",
        list_exit_streams,
        Page[StreamDocument],
        tuple[int],
        _NOT_OPERATORS,
        query=("at",),
        words=("exit_address",),
    ),
    _get("/exits/users/<string:user>/streams", list_streams_of, Page[StreamDocument], tuple[int], _NOT_OPERATORS),
    _get("/exits/live", get_live_streams, LiveDocument),
    _get("/exits/select/explain", explain_choice, LiveDocument, words=("username", "target")),
)
