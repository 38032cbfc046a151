# -*- test-case-name: zerogo.test.exit.test_sessions -*-
"""Which edge a user's next stream should take, before chance decides: sessions and route modes.

A *session* (`alice-session-k7`) holds its edge for its minutes from the first stream on, then it has another; sessions
are private to their user. When the edge is gone, a strict session fails and any other one takes a new edge. `manual`
names the edge; `timed` is a session of the user's that begins anew every so many minutes; `custom` leases an edge that
no other user with this mode has, until it was idle for `LEASE_IDLE_SECONDS`; `polling` goes round all edges. Bounded:
the session that was idle longest makes room.

A session's edge is no chance: it belongs to the words of the session (`zerogo.exit.ring`), the first one to user and
session, each later one to those, the edge before it and how many there were: without the count, the first edge that
came a second time would begin a cycle, of few edges with most words. So a user who comes to several gateways, which
need not know of each other, leaves by the same edge, as long as they have the same edges and the session began there at
about the same time. A leased edge is found likewise, but a gateway knows its own leases only.

An edge that is silent keeps those who named it or have it for themselves: `manual`, strict sessions, `custom`. Other
sessions move where another edge answers, and stay where none does: then it is most likely the gateway's own line. A
question that is answered None changes no session and no lease.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import copy

from attrs import define, evolve

from zerogo.exit.choose import Demand, Pool, misfit
from zerogo.exit.edges import EdgeState
from zerogo.exit.grant import Grant, RouteMode

SESSIONS_LIMIT = 100_000
LEASE_IDLE_SECONDS = 180.0


@define
class _Hold:
    edge: str
    began_at: float
    ends_at: float
    is_lease: bool = False
    used_at: float = 0.0
    turn: int = 0
    """How many times the session began anew without a pause."""


class Routes:
    """All users' sessions at a gateway."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._holds: OrderedDict[tuple[str, str], _Hold] = OrderedDict()
        self._leased: dict[str, tuple[str, str]] = {}
        self._turns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def edge_for(self, grant: Grant, demand: Demand, now: float) -> EdgeState | None:
        """An edge for a stream of that user, and from then on for the session; None where none fits."""
        if demand.wish.session:
            key, seconds = (grant.user, demand.wish.session), demand.wish.minutes * 60.0
            return self._held(key, seconds, demand, now, is_strict=demand.wish.is_strict)
        match grant.route.mode:
            case RouteMode.MANUAL:
                return self._fitting(grant.route.edge, demand)
            case RouteMode.TIMED:
                return self._held((grant.user, "-timed"), grant.route.minutes * 60.0, demand, now)
            case RouteMode.CUSTOM:
                return self._leased_edge((grant.user, "-custom"), demand, now)
            case RouteMode.POLLING:
                return self._in_turn(grant.user, demand, now)
            case _:
                return self._pool.choose(demand, now)

    def would_take(self, grant: Grant, demand: Demand, now: float) -> EdgeState | None:
        """What `edge_for` would give, without taking it."""
        trial = Routes(self._pool)
        trial._leased, trial._turns = dict(self._leased), dict(self._turns)
        trial._holds = OrderedDict(
            (key, copy(hold) if key[0] == grant.user else hold) for key, hold in self._holds.items()
        )
        return trial.edge_for(grant, demand, now)

    def _held(
        self, key: tuple[str, str], seconds: float, demand: Demand, now: float, is_strict: bool = False
    ) -> EdgeState | None:
        hold = self._holds.get(key)
        if hold is None or now >= hold.ends_at:
            return self._begin(key, hold, seconds, demand, now)
        kept = self._fitting(hold.edge, demand)
        is_doubtful = kept is not None and kept.is_silent and not is_strict
        other = self._pool.owner(key, evolve(demand, must_answer=True), now) if is_doubtful else None
        if other is None and (kept is not None or is_strict):
            self._holds.move_to_end(key)
            return kept
        state = other or self._pool.owner(key, demand, now)
        return None if state is None else self._hold(key, state, seconds, now, hold.turn)

    def _begin(
        self, key: tuple[str, str], before: _Hold | None, seconds: float, demand: Demand, now: float
    ) -> EdgeState | None:
        """A session's first edge, or the one after `before`. One that was not used for as long as it lasts is new."""
        state, turn = None, 0
        if before is not None and now < 2 * before.ends_at - before.began_at:
            turn = before.turn + 1
            others = evolve(demand, excluded=(*demand.excluded, before.edge))
            state = self._pool.owner((*key, before.edge, str(turn)), others, now)
        state = state or self._pool.owner(key, demand, now)
        return None if state is None else self._hold(key, state, seconds, now, turn)

    def _leased_edge(self, key: tuple[str, str], demand: Demand, now: float) -> EdgeState | None:
        hold = self._holds.get(key)
        if hold is not None and now - hold.used_at < LEASE_IDLE_SECONDS:
            kept = self._fitting(hold.edge, demand)
            if kept is not None:
                hold.used_at = now
            if kept is not None or demand.must_answer:
                return kept
        taken = tuple(edge for edge, by in self._leased.items() if not self._is_free(edge, by, now))
        chosen = self._pool.owner(key, evolve(demand, excluded=demand.excluded + taken), now)
        if chosen is not None:
            self._release(key)
            self._keep(key, _Hold(chosen.profile.edge, now, float("inf"), is_lease=True, used_at=now))
            self._leased[chosen.profile.edge] = key
        return chosen

    def _fitting(self, edge: str, demand: Demand) -> EdgeState | None:
        state = self._pool.get(edge)
        return None if state is None or misfit(state, demand) is not None else state

    def _is_free(self, edge: str, by: tuple[str, str], now: float) -> bool:
        hold = self._holds.get(by)
        return hold is None or now - hold.used_at >= LEASE_IDLE_SECONDS

    def _in_turn(self, user: str, demand: Demand, now: float) -> EdgeState | None:
        fitting = [s for s in self._pool.states() if misfit(s, demand) is None and not s.is_avoided(now)]
        if not fitting:
            return self._pool.choose(demand, now)
        turn = self._turns.get(user, -1) + 1
        self._turns[user] = turn
        return fitting[turn % len(fitting)]

    def _hold(self, key: tuple[str, str], state: EdgeState, seconds: float, now: float, turn: int) -> EdgeState:
        self._keep(key, _Hold(state.profile.edge, now, now + seconds, turn=turn))
        return state

    def _keep(self, key: tuple[str, str], hold: _Hold) -> None:
        self._holds[key] = hold
        self._holds.move_to_end(key)
        while len(self._holds) > SESSIONS_LIMIT:
            self._release(next(iter(self._holds)))

    def _release(self, key: tuple[str, str]) -> None:
        hold = self._holds.pop(key, None)
        if hold is not None and hold.is_lease and self._leased.get(hold.edge) == key:
            del self._leased[hold.edge]
