# -*- test-case-name: zerogo.test.gateway.test_commons -*-
"""Sessions and exclusive edges that are common to all gateways: what is claimed of the controller, before a stream is
opened and afterwards.

A gateway that is the only one asks nobody. Where there are others, the first stream of a session here, and of a user
who has no exclusive edge here, waits for the controller, but no longer than `WAIT_SECONDS`, however many wait; those
that come meanwhile wait along. One request is under way at a time, and holds all that came since the one before. Where
no answer comes, a session begins by itself, and an exclusive edge is not given. Whenever the controller is back, or
says that it forgot, everything that is held here is claimed again, behind what streams wait for.

A stream that goes on may begin another one at once, so whatever calls `then` takes what waits out of the books first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from itertools import takewhile

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zerogo.control.connection import TokenBucket
from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.exit.choose import Demand
from zerogo.exit.claims import CLAIMS_LIMIT, EdgeClaim, SessionClaim
from zerogo.exit.grant import Grant
from zerogo.exit.sessions import CUSTOM, Routes

WAIT_SECONDS = 1.0
SLACK_SECONDS = 0.001
"""A sum of times may be rounded, and a call come as much too early."""
LOST_SECONDS = 10.0
"""After so long without an answer another request is sent."""
RENEW_SECONDS = 10.0
"""Between two looks for leases that are to be renewed."""
WAITING_LIMIT = 10_000
"""Sessions for which streams wait; streams of further ones do not."""
REQUESTS_PER_SECOND, REQUESTS_BURST = 200.0, 100.0
"""The controller closes on a gateway that sends more than 500 messages a second."""
PAUSE_SECONDS = 0.01
"""Until it is looked whether another request may be sent."""
ROUNDS_LIMIT = 3
"""So often a session is claimed for the same streams: as a new one, after the turn that is over, and once to spare."""
EDGE_ROUNDS_LIMIT = 2
"""So often an exclusive edge is: another one where that which the user has elsewhere is of no use here."""

_Key = tuple[str, str]
_Claim = SessionClaim | EdgeClaim


@define(eq=False)
class _Waiting:
    grant: Grant
    demand: Demand
    claim: _Claim
    began_at: float
    then: list[Callable[[], object]] = field(factory=list)
    rounds: int = 1

    def go_on(self) -> None:
        """Its streams wait no more."""
        for then in self.then:
            then()


@define(eq=False)
class _UnderWay:
    number: int
    sessions: list[SessionClaim]
    edges: list[EdgeClaim]
    sent_at: float


class Commons:
    """Of one gateway. `send` gives the controller a request, and is false where it is not here."""

    def __init__(self, routes: Routes, send: Callable[[ClaimRequest], bool], clock: IReactorTime) -> None:
        self._routes = routes
        self._send_request = send
        self._clock = clock
        self._waiting: dict[_Key, _Waiting] = {}
        self._queue: deque[_Waiting] = deque()
        """Those whose claims are to be sent, and some that do not wait any more."""
        self._telling: deque[_Key] = deque()
        """What is held here and to be claimed again."""
        self._under_way: _UnderWay | None = None
        self._late: IDelayedCall | None = None
        self._pause: IDelayedCall | None = None
        self._requests = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_BURST, clock.seconds())
        self._number = 0
        self._renewed_at = clock.seconds()

    def others(self, are_there: bool) -> None:
        """Whether there are other gateways."""
        if are_there and self._routes.is_alone:
            self._routes.others_came(self._clock.seconds())
            self.tell_all()
        elif not are_there:
            self._routes.is_alone = True

    def ask_first(self, grant: Grant, demand: Demand, then: Callable[[], object]) -> bool:
        """Whether the controller is asked first; `then` is called when a stream need not wait for it any more."""
        claim = self._routes.question(grant, demand, self._clock.seconds())
        if claim is None or self._is_late or len(self._waiting) >= WAITING_LIMIT:
            return False
        waiting = self._waiting.get(_key(claim))
        if waiting is None:
            waiting = self._waiting[_key(claim)] = _Waiting(grant, demand, claim, self._clock.seconds())
            self._queue.append(waiting)
            if not self._send():
                return False
            self._watch()
        waiting.then.append(then)
        return True

    def answered(self, found: Claimed) -> None:
        """The controller says what is held."""
        asked = self._under_way
        if asked is None or found.number != asked.number:
            return
        self._end_request()
        is_whole = len(found.sessions) == len(asked.sessions) and len(found.edges) == len(asked.edges)
        if found.is_away or not is_whole:
            self._telling.clear()
            claims: list[_Claim] = [*asked.sessions, *asked.edges]
            for claim in claims:
                self._settled(claim)
        else:
            for session, held in zip(asked.sessions, found.sessions, strict=True):
                self._routes.take_session(session, held, asked.sent_at)
                self._look_again(session)
            for edge, exclusive in zip(asked.edges, found.edges, strict=True):
                self._routes.take_edge(edge, exclusive, asked.sent_at)
                self._look_again(edge)
        self._end_late()
        self._send()

    def admitted(self) -> None:
        """The controller is here, on a new connection: what was asked on the one before is asked again."""
        self._end_request()
        self._queue = deque(self._waiting.values())
        self.tell_all()
        self._send()

    def tell_all(self) -> None:
        """The controller may know of nothing: claim all that is held here."""
        if not self._routes.is_alone:
            self._telling = deque(self._routes.held(self._clock.seconds()))
            self._send()

    def tick(self, in_use: Callable[[], Collection[tuple[str, str]]]) -> None:
        """Once a second; `in_use` says which users have streams by which edges."""
        now = self._clock.seconds()
        if self._under_way is not None and now - self._under_way.sent_at >= LOST_SECONDS:
            self._end_request()
        if not self._routes.is_alone and now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self._telling = deque(dict.fromkeys([*self._telling, *self._routes.renewals(in_use(), now)]))
        self._send()

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._end_request()
        for call in (self._late, self._pause):
            if call is not None and call.active():
                call.cancel()

    @property
    def _is_late(self) -> bool:
        """Whether the controller takes so long to answer that nobody waits for it."""
        asked = self._under_way
        return asked is not None and self._clock.seconds() - asked.sent_at >= WAIT_SECONDS

    def _send(self) -> bool:
        """Send what waits, unless a request is under way; false where the controller is not here."""
        if self._under_way is not None or not (self._queue or self._telling) or self._is_pausing:
            return True
        if not self._requests.take(self._clock.seconds()):
            self._pause = self._clock.callLater(PAUSE_SECONDS, self._send)
            return True
        sessions, edges = self._take()
        if not sessions and not edges:
            return True
        self._number += 1
        self._under_way = _UnderWay(self._number, sessions, edges, self._clock.seconds())
        if not self._send_request(ClaimRequest(self._number, sessions, edges)):
            self._under_way = None
            self._telling.clear()
            self._go_on_all()
            return False
        return True

    @property
    def _is_pausing(self) -> bool:
        return self._pause is not None and self._pause.active()

    def _take(self) -> tuple[list[SessionClaim], list[EdgeClaim]]:
        """As many claims as fit a request, those that streams wait for first."""
        sessions: list[SessionClaim] = []
        edges: list[EdgeClaim] = []
        while self._queue or self._telling:
            claim = self._next_claim()
            if isinstance(claim, SessionClaim):
                if len(sessions) >= CLAIMS_LIMIT:
                    break
                sessions.append(claim)
            elif claim is not None:
                if len(edges) >= CLAIMS_LIMIT // 4:
                    break
                edges.append(claim)
            if self._queue:
                self._queue.popleft()
            else:
                self._telling.popleft()
        return sessions, edges

    def _next_claim(self) -> _Claim | None:
        """The first one; None: nobody waits for it any more, or it is over."""
        if not self._queue:
            return self._routes.again(self._telling[0], self._clock.seconds())
        first = self._queue[0]
        return first.claim if self._waiting.get(_key(first.claim)) is first else None

    def _end_request(self) -> None:
        """The answer came, or is not awaited any more."""
        self._under_way = None

    def _look_again(self, claim: _Claim) -> None:
        """What came of it may be that the session is over, and is to be claimed as the next turn, or that the user has
        an edge that is of no use here."""
        waiting = self._waiting.get(_key(claim))
        if waiting is None or waiting.claim is not claim:
            return
        again = self._routes.question(waiting.grant, waiting.demand, self._clock.seconds())
        limit = ROUNDS_LIMIT if isinstance(claim, SessionClaim) else EDGE_ROUNDS_LIMIT
        is_refused = isinstance(again, EdgeClaim) and not again.lost
        if again is None or is_refused or waiting.rounds >= limit:
            self._finish(_key(claim))
            return
        waiting.rounds += 1
        waiting.claim = again
        self._queue.append(waiting)

    def _settled(self, claim: _Claim) -> None:
        """Streams that wait for this claim, and not for a later one, wait no more."""
        waiting = self._waiting.get(_key(claim))
        if waiting is not None and waiting.claim is claim:
            self._finish(_key(claim))

    def _watch(self) -> None:
        """Have those who wait go on when they have waited for long enough, the first one first."""
        if self._waiting and (self._late is None or not self._late.active()):
            first = next(iter(self._waiting.values()))
            due = first.began_at + WAIT_SECONDS - self._clock.seconds()
            self._late = self._clock.callLater(max(0.0, due), self._look_for_late)

    def _look_for_late(self) -> None:
        if self._is_late:
            self._go_on_all()
        else:
            self._end_late()
        self._watch()

    def _end_late(self) -> None:
        """Those who came so long ago wait no more."""
        until = self._clock.seconds() - WAIT_SECONDS + SLACK_SECONDS
        for key in list(takewhile(lambda key: self._waiting[key].began_at <= until, self._waiting)):
            self._finish(key)

    def _go_on_all(self) -> None:
        """The answer takes too long, or there will be none: nobody waits for it any more."""
        self._queue.clear()
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.go_on()

    def _finish(self, key: _Key) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            waiting.go_on()


def _key(claim: _Claim) -> _Key:
    return (claim.user, claim.session) if isinstance(claim, SessionClaim) else (claim.user, CUSTOM)
