# -*- test-case-name: zerogo.test.routing.test_router -*-
"""What a node knows of routes, and how it comes to know it: the core that asks, tells, remembers and proposes.

The driver says which members are neighbours (`set_link`: reached directly, with their measured figures), which of them
carry for others (`set_willing`), and which destinations want a route (`set_wanted`); it hands over what other members
sent, and reports what became of routes that it tried (`route_answered`, `route_failed`). It drains `messages()` and
`events()`, reads `next_timer()` and takes `routes()`. All that this node sends together stays within
`BYTES_PER_SECOND`, and each sender's adverts and requests within `MESSAGES_PER_SECOND`, beyond which they are dropped
unread.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from zerogo.core import Deadline, drain
from zerogo.errors import RemoteError
from zerogo.ids import NetworkId, NodeId
from zerogo.routing.allowance import Allowance
from zerogo.routing.asking import Asking
from zerogo.routing.links import TOLD_FOR_SECONDS, LinkState, ToldLinks
from zerogo.routing.routes import Route, RouteSearch, best_routes
from zerogo.routing.telling import Telling
from zerogo.routing.trust import TrustBook
from zerogo.wire.links import AdvertisedLink, LinkAdvert, LinkRequest, emit_advert, emit_request, signed_part

ROUTES_PROPOSED = 3
BYTES_PER_SECOND = 8192
BURST_BYTES = 65536
MESSAGE_OVERHEAD_BYTES = 64
"""Inner header, tag, clear header, UDP and IPv4."""
MESSAGES_PER_SECOND = 32
BURST_MESSAGES = 128
USEFUL_NEIGHBOURS = 8
"""Asked again about a node that routes are known to."""
NEIGHBOURS_PER_ROUND = 64
"""Asked about a node that no route is known to, after the first three rounds; and on behalf of others."""
FULL_ROUNDS = 3
ASK_AGAIN_SECONDS = 1.0
"""Until the second round of questions about a node that no route is known to; doubles up to the update interval."""
ENOUGH_NEIGHBOURS = 4
"""With a link to a node, told lately: questions about it that wait are dropped."""
FRESH_SECONDS = 15.0
LONGEST_INTERVAL_SECONDS = 30.0
"""Between renewals, whatever the settings say: what is told holds for 90 seconds."""
ON_BEHALF_GAP_SECONDS = 1.0
"""Between two rounds of questions on behalf of others about one node."""
WANTED_LIMIT = 1024
EVENTS_LIMIT = 4096

Sign = Callable[[bytes], bytes]
"""This node's signature (64 bytes) over a message."""
Verify = Callable[[NodeId, bytes, bytes], None]
"""Checks a member's signature over a message; raises a `RemoteError` where it is wrong or the member is unknown."""


@frozen
class RoutesChanged:
    """What `routes(node)` returns may be another."""

    node: NodeId


class RouterRefusal(enum.StrEnum):
    """Input that was dropped, by reason."""

    FLOOD = "route_flood"
    FOREIGN = "route_foreign"
    """About nothing that was asked, or of a member that is no neighbour or does not carry."""
    STALE = "route_stale"
    FORGED = "route_forged"


@frozen(kw_only=True)
class RouterSettings:
    """What a router is and stays."""

    node_id: NodeId
    network: NetworkId
    sign: Sign = field(repr=False)
    verify: Verify = field(repr=False)
    carriers_limit: int
    """Members that a route may go through, 0 to 2; with 0 nothing is asked."""
    carries: bool
    """Whether this node carries for others; if not, it tells nothing."""
    update_interval: float
    """Seconds between renewals."""


@define(eq=False)
class _Want:
    """A destination that routes are looked for to."""

    rounds: int = 0
    """Of questions, since a route was known last."""
    asked_at: float = -math.inf
    again_at: float = math.inf


@define(eq=False)
class Router:
    """The core; one per network."""

    _settings: RouterSettings
    _unix_offset: float
    """Unix seconds minus monotonic seconds: sequence numbers have to grow over restarts."""
    trust: TrustBook = field(factory=TrustBook, init=False)
    refusals: dict[RouterRefusal, int] = field(init=False)
    bytes_sent: int = field(default=0, init=False)
    """Of all messages, with what carries them."""
    _own: dict[NodeId, LinkState] = field(factory=dict, init=False)
    _own_told: dict[NodeId, AdvertisedLink] = field(factory=dict, init=False)
    _willing: dict[NodeId, None] = field(factory=dict, init=False)
    _wanted: dict[NodeId, _Want] = field(factory=dict, init=False)
    _behalf: dict[NodeId, float] = field(factory=dict, init=False)
    """When neighbours were asked last about a node that others want."""
    _told: ToldLinks = field(factory=ToldLinks, init=False)
    _search: RouteSearch = field(init=False)
    _telling: Telling = field(init=False)
    _asking: Asking = field(factory=Asking, init=False)
    _allowance: Allowance = field(factory=lambda: Allowance(BYTES_PER_SECOND, BURST_BYTES), init=False)
    _senders: dict[NodeId, Allowance] = field(factory=dict, init=False)
    _sequence: int = field(default=0, init=False)
    _renew_at: float = field(default=math.inf, init=False)
    _wait_until: float = field(default=0.0, init=False)
    _messages: deque[tuple[NodeId, bytes]] = field(factory=deque, init=False)
    _events: deque[RoutesChanged] = field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is known of anybody."""
        self.refusals = dict.fromkeys(RouterRefusal, 0)
        self._telling = Telling(self._own_told)
        self._search = RouteSearch(self._settings.node_id, self._own, self._told, self._willing.__contains__)

    def set_unix_offset(self, unix_offset: float) -> None:
        """The wall clock was set."""
        self._unix_offset = unix_offset

    def set_willing(self, node: NodeId, *, is_willing: bool) -> None:
        """Whether a member carries for others, as its signed record says."""
        if is_willing:
            self._willing[node] = None
        else:
            self._willing.pop(node, None)

    def remove_member(self, node: NodeId, now: float) -> None:
        """That node is no member any more."""
        self.set_willing(node, is_willing=False)
        self.set_link(node, None, now)
        self._wanted.pop(node, None)
        self._senders.pop(node, None)

    def set_link(self, node: NodeId, state: LinkState | None, now: float) -> None:
        """A neighbour's figures; None: it is no neighbour (any more)."""
        before = self._own.get(node)
        if state is None:
            if before is not None:
                del self._own[node], self._own_told[node]
                self._neighbour_lost(node, now)
            return
        self._own[node], told = state, state.advertised(node)
        if before is not None and self._own_told[node] == told:
            return
        self._own_told[node] = told
        if self._settings.carries:
            self._telling.link_changed(node, now)
        if before is None:
            self._neighbour_found(node, now)
            self._tell_routes_through(node, now)
        self._flush(now)

    def set_wanted(self, node: NodeId, now: float, *, is_wanted: bool) -> None:
        """Whether routes to `node` are looked for."""
        if not is_wanted:
            self._wanted.pop(node, None)
        elif node not in self._wanted and len(self._wanted) < WANTED_LIMIT and self._settings.carriers_limit:
            self._wanted[node] = _Want()
            self._ask_round(node, now)
            self._tell_changed(node)
            self._flush(now)

    def is_wanted(self, node: NodeId) -> bool:
        """Whether routes to `node` are looked for."""
        return node in self._wanted

    def receive_request(self, sender: NodeId, request: LinkRequest, now: float) -> None:
        """A member asks about links."""
        if not self._settings.carries:
            return self._refuse(RouterRefusal.FOREIGN)
        if not self._may_send(sender, now):
            return self._refuse(RouterRefusal.FLOOD)
        for node in request.nodes:
            if node in (sender, self._settings.node_id):
                continue
            interest = self._telling.ask(sender, node, now, asks_on=request.ask_on)
            if interest is None or not request.ask_on or node in self._own:
                continue
            for _, told in list(self._told.towards(node, now)):
                self._telling.pass_on(sender, node, interest, told.advert, now)
            if now - self._behalf.get(node, -math.inf) >= ON_BEHALF_GAP_SECONDS:
                self._ask_on_behalf(node, now)
        self._arm(now + self._interval)
        self._flush(now)

    def receive_advert(self, sender: NodeId, advert: LinkAdvert, now: float) -> None:
        """A member tells of links, its own or those of another one."""
        origin = advert.origin
        if not self._may_send(sender, now):
            return self._refuse(RouterRefusal.FLOOD)
        nodes = self._nodes_of_interest(sender, advert, now)
        if origin == self._settings.node_id or origin not in self._willing or not nodes:
            return self._refuse(RouterRefusal.FOREIGN)
        if self._told.is_stale(advert):
            return self._refuse(RouterRefusal.STALE)
        try:
            body = signed_part(self._settings.network, origin, advert.sequence, advert.links)
            self._settings.verify(origin, body, advert.signature)
        except RemoteError:
            return self._refuse(RouterRefusal.FORGED)
        changed = self._told.learn(advert, nodes, now)
        for node in changed:
            self.trust.rest_is_over(node) if self._told.told(origin, node, now) else None
            self._tell_changed(node)
            self._tell_routes_through(node, now)
        if sender == origin:
            self._telling.neighbour_told(advert, list(nodes), now)
        self._flush(now)

    def routes(self, node: NodeId, now: float) -> list[Route]:
        """The best routes to a node that do not rest, at most `ROUTES_PROPOSED`, by what is claimed of them."""
        found = self._search.routes(node, self._settings.carriers_limit, now)
        awake = (route for route in found if not self.trust.is_resting(route.hops, now))
        return best_routes(awake, ROUTES_PROPOSED, lambda carriers: self.trust.handicap(carriers, now))

    def claimed(self, hops: tuple[NodeId, ...], now: float) -> Route | None:
        """What is claimed of that route, where all its links are still told of."""
        found = self._search.routes(hops[-1], self._settings.carriers_limit, now)
        return next((route for route in found if route.hops == hops), None)

    def route_answered(self, hops: tuple[NodeId, ...], latency: float, now: float) -> None:
        """A route that was tried answered for the first time, or still does after a while."""
        route = self.claimed(hops, now)
        if route is not None and route.facts.latency is not None:
            self.trust.kept(hops, route.facts.latency, latency, now)

    def route_failed(self, hops: tuple[NodeId, ...], now: float) -> None:
        """A route that was tried or used does not answer."""
        self.trust.broke(hops, now, is_still_claimed=self.claimed(hops, now) is not None)
        node = hops[-1]
        want = self._wanted.get(node)
        if want is not None and not self.routes(node, now):
            want.rounds = 0
            want.again_at = max(now, want.asked_at + ASK_AGAIN_SECONDS)
            self._arm(want.again_at)
        self._arm(self.trust.next_rest_end(node, now) or math.inf)
        self._tell_changed(node)
        self._flush(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._renew_at <= now:
            self._renew(now)
        self._flush(now)

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        times = [self._renew_at]
        waiting = [at for at in (self._asking.next_at(), self._telling.next_at()) if at is not None]
        if waiting:
            times.append(max(min(waiting), self._wait_until))
        at = min(times)
        return None if at == math.inf else Deadline(at, "routes")

    def messages(self) -> Iterator[tuple[NodeId, bytes]]:
        """Drain the control messages to send, each to a neighbour."""
        return drain(self._messages)

    def events(self) -> Iterator[RoutesChanged]:
        """Drain what happened."""
        return drain(self._events)

    def _neighbour_found(self, node: NodeId, now: float) -> None:
        if node not in self._willing:
            return
        for wanted in self._wanted:
            self._asking.ask((node,), wanted, ask_on=self._asks_on)
        for sought in self._telling.sought(now):
            self._asking.ask((node,), sought, ask_on=False)

    def _neighbour_lost(self, node: NodeId, now: float) -> None:
        self._asking.neighbour_lost(node)
        if self._settings.carries:
            self._telling.link_changed(node, now)
            if self._telling.asks_on(node, now):
                self._ask_on_behalf(node, now)
        self._tell_routes_through(node, now)
        self._flush(now)

    def _tell_routes_through(self, node: NodeId, now: float) -> None:
        """Routes that this member, or its link to a neighbour, is part of may be others."""
        for wanted in self._wanted:
            nexts = (wanted, *(last for last, _ in self._told.towards(wanted, now)))
            if any(self._told.told(node, each, now) is not None for each in nexts):
                self._tell_changed(wanted)

    def _tell_changed(self, node: NodeId) -> None:
        if node in self._wanted and len(self._events) < EVENTS_LIMIT:
            self._events.append(RoutesChanged(node))

    def _nodes_of_interest(self, sender: NodeId, advert: LinkAdvert, now: float) -> dict[NodeId, None]:
        if sender == advert.origin and (self._wanted or len(self._telling)):
            return {link.node: None for link in advert.links}
        return {link.node: None for link in advert.links if link.node in self._wanted}

    def _carriers(self) -> list[NodeId]:
        return [node for node in self._own if node in self._willing]

    @property
    def _interval(self) -> float:
        return min(self._settings.update_interval, LONGEST_INTERVAL_SECONDS)

    @property
    def _asks_on(self) -> bool:
        return self._settings.carriers_limit > 1

    def _ask_round(self, node: NodeId, now: float) -> None:
        """Ask about a wanted node: everybody at first, then as many as is bearable, those too that were not asked."""
        want = self._wanted[node]
        carriers = self._carriers()
        if want.rounds >= FULL_ROUNDS and len(carriers) > NEIGHBOURS_PER_ROUND:
            start = want.rounds * NEIGHBOURS_PER_ROUND % len(carriers)
            carriers = (carriers[start:] + carriers[:start])[:NEIGHBOURS_PER_ROUND]
        self._asking.ask(carriers, node, ask_on=self._asks_on)
        wait = min(ASK_AGAIN_SECONDS * 2.0**want.rounds, self._interval)
        want.rounds, want.asked_at, want.again_at = min(want.rounds + 1, 1000), now, now + wait
        self._arm(want.again_at)

    def _ask_on_behalf(self, node: NodeId, now: float) -> None:
        self._behalf[node] = now
        self._asking.ask(self._carriers()[:NEIGHBOURS_PER_ROUND], node, ask_on=False)

    def _arm(self, at: float) -> None:
        self._renew_at = min(self._renew_at, at)

    def _renew(self, now: float) -> None:
        self._told.forget(now)
        self._telling.forget(now)
        self._renew_at = math.inf
        for node, want in self._wanted.items():
            if self.trust.take_rested(node, now):
                self._tell_changed(node)
            if want.again_at <= now:
                self._ask_again(node, want, now)
            self._arm(min(want.again_at, self.trust.next_rest_end(node, now) or math.inf))
        self._renew_sought(now)

    def _ask_again(self, node: NodeId, want: _Want, now: float) -> None:
        known = self.routes(node, now)
        if not known:
            self._ask_round(node, now)
            return
        near = [origin for origin, _ in self._told.towards(node, now) if origin in self._own]
        useful = list(dict.fromkeys((*(route.hops[0] for route in known), *near)))[:USEFUL_NEIGHBOURS]
        self._asking.ask(useful, node, ask_on=self._asks_on)
        want.rounds, want.again_at = 0, now + self._interval

    def _renew_sought(self, now: float) -> None:
        sought = dict.fromkeys(self._telling.sought(now))
        self._behalf = {node: at for node, at in self._behalf.items() if node in sought}
        for node in sought:
            at = self._behalf.get(node, now) + self._interval
            if at <= now:
                self._ask_on_behalf(node, now)
                at = now + self._interval
            self._arm(at)
        if len(self._telling):
            self._arm(now + self._interval)

    def _flush(self, now: float) -> None:
        """Send what is due, as far as the allowance goes."""
        if now < self._wait_until:
            return
        while (first := next(self._telling.passing(), None)) is not None:
            if not self._send(first[0], emit_advert(first[1]), now):
                return
            self._telling.pop_passing()
        for asker in self._telling.due(now):
            if not self._can_send(1024, now):
                return
            self._tell(asker, now)
        if not self._asking.is_due(now):
            return
        self._asking.answered([node for node in self._asking.nodes() if self._is_enough_known(node, now)])
        for neighbour, requests in self._asking.first(self._in_order(now), now):
            for request in requests:
                if not self._send(neighbour, emit_request(request), now):
                    return

    def _is_enough_known(self, node: NodeId, now: float) -> bool:
        """Whether so many neighbours told of a link to `node` that no more need to be asked."""
        fresh = now + TOLD_FOR_SECONDS - FRESH_SECONDS
        near = (origin for origin, told in self._told.towards(node, now) if origin in self._own and told.until > fresh)
        usable = (origin for origin in near if not self.trust.is_resting((origin, node), now))
        return len(list(itertools.islice(usable, ENOUGH_NEIGHBOURS))) == ENOUGH_NEIGHBOURS

    def _in_order(self, now: float) -> list[NodeId]:
        carriers = self._carriers()
        carriers.sort(key=lambda node: (self.trust.is_distrusted(node, now), self._own[node].latency))
        return carriers

    def _tell(self, asker: NodeId, now: float) -> None:
        news = self._telling.take_news(asker, now)
        if not news:
            return
        self._sequence = max(self._sequence + 1, round((now + self._unix_offset) * 1000))
        body = signed_part(self._settings.network, self._settings.node_id, self._sequence, news)
        signature = self._settings.sign(body)
        advert = LinkAdvert(self._settings.node_id, self._sequence, tuple(news), signature)
        self._send(asker, emit_advert(advert), now)

    def _can_send(self, size: int, now: float) -> bool:
        wait = self._allowance.wait(size, now)
        self._wait_until = now + wait if wait else self._wait_until
        return not wait

    def _send(self, to: NodeId, payload: bytes, now: float) -> bool:
        size = len(payload) + MESSAGE_OVERHEAD_BYTES
        if not self._can_send(size, now):
            return False
        self._allowance.take(size, now)
        self.bytes_sent += size
        self._messages.append((to, payload))
        return True

    def _may_send(self, sender: NodeId, now: float) -> bool:
        allowance = self._senders.get(sender)
        if allowance is None:
            allowance = self._senders[sender] = Allowance(MESSAGES_PER_SECOND, BURST_MESSAGES)
        return allowance.take(1, now)

    def _refuse(self, refusal: RouterRefusal) -> None:
        self.refusals[refusal] += 1
