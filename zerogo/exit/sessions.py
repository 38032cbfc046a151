# -*- test-case-name: zerogo.test.exit.test_sessions -*-
"""Which edge a user's next stream should take, before chance decides: sessions and route modes.

A *session* (`alice-session-k7`) holds its edge for its minutes from the first stream on, then it has another; sessions
are private to their user. When the edge is gone, a strict session fails and any other one takes a new edge. `manual`
names the edge; `timed` is a session of the user's that begins anew every so many minutes; `custom` leases an edge that
no other user with this mode has, until it was idle for `LEASE_IDLE_SECONDS`; `polling` goes round all edges. Bounded:
the session that was idle longest makes room.

A session's edge is no chance: it belongs to the words of the session (`zerogo.exit.ring`), the first one to user and
session, each later one to those, the edge that it began with before and how many there were: without the count, the
first edge that came a second time would begin a cycle, of few edges with most words. So a user who comes to several
gateways leaves by the same edge, as long as they have the same edges and the session began there at the same time.

Where there are other gateways, sessions and leases are common (`zerogo.exit.claims`): `question` says what is to be
claimed before `edge_for` is called, and `take_session` and `take_edge` what came of it. A session that was not
claimed begins by itself; a leased edge is given to nobody without a claim. A session that moves since its edge failed
keeps its minutes.

An edge that is silent keeps those who named it or have it for themselves: `manual`, strict sessions, `custom`. Other
sessions move where another edge answers, and stay where none does: then it is most likely the gateway's own line. A
question that is answered None changes no session and no lease.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from copy import copy

from attrs import define, evolve

from zerogo.exit.choose import Demand, Pool, misfit
from zerogo.exit.claims import (
    EDGE_SECONDS,
    EDGES_IN_CLAIM,
    LASTS_SECONDS,
    TURNS,
    EdgeClaim,
    EdgeHeld,
    SessionClaim,
    SessionHeld,
)
from zerogo.exit.edges import EdgeState
from zerogo.exit.grant import Grant, RouteMode

SESSIONS_LIMIT = 100_000
LEASE_IDLE_SECONDS = 180.0
LEASE_RENEW_SECONDS = 60.0
"""After the last claim; of a lease that is in use."""
LEAST_AGE_SECONDS = 0.001
"""Of a session that has begun, so that its claim is none of a new one."""
TIMED, CUSTOM = "-timed", "-custom"
"""Names of sessions that no user can give one."""


@define
class _Hold:
    edge: str
    began_at: float
    ends_at: float
    is_lease: bool = False
    used_at: float = 0.0
    turn: int = 0
    """How many times the session began anew without a pause."""
    first: str = ""
    """The edge that it began with."""


class Routes:
    """All users' sessions at a gateway."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._holds: OrderedDict[tuple[str, str], _Hold] = OrderedDict()
        self._leased: dict[str, tuple[str, str]] = {}
        self._turns: dict[str, int] = {}

        self.is_alone = True
        """Whether there is no other gateway, so that nothing is to be claimed."""

    def __len__(self) -> int:
        return len(self._holds)

    # ----- what all gateways have to agree on

    def question(self, grant: Grant, demand: Demand, now: float) -> SessionClaim | EdgeClaim | None:
        """What to claim before `edge_for`; None: nothing."""
        if self.is_alone:
            return None
        if not demand.wish.session and grant.route.mode is RouteMode.CUSTOM:
            return self._edge_question(grant.user, demand, now)
        session = _session_of(grant, demand)
        if session is None:
            return None
        key, seconds = session
        hold = self._holds.get(key)
        if hold is not None and now < hold.ends_at:
            return None
        state, turn = self._next(key, hold, demand, now)
        if state is None:
            return None
        over = (hold.first, hold.turn) if hold is not None and turn else ("", 0)
        return SessionClaim(*key, state.profile.edge, turn, seconds, 0.0, *over)

    def _edge_question(self, user: str, demand: Demand, now: float) -> EdgeClaim | None:
        key = (user, CUSTOM)
        hold = self._holds.get(key)
        if hold is not None and now >= hold.ends_at:
            hold = None
        if hold is not None and (demand.must_answer or self._fitting(hold.edge, demand) is not None):
            return None
        lost = "" if hold is None else hold.edge
        demand = evolve(demand, excluded=(*demand.excluded, lost)) if lost else demand
        first = self._pool.owner(key, demand, now)
        if first is None:
            return None
        others = sorted(self._pool.some(demand, EDGES_IN_CLAIM), key=lambda state: state.is_avoided(now))
        edges = list(dict.fromkeys(state.profile.edge for state in (first, *others)))[:EDGES_IN_CLAIM]
        return EdgeClaim(user, edges, lost=lost)

    def take_session(self, claim: SessionClaim, held: SessionHeld, now: float) -> None:
        """What came of a claim that was made at `now`."""
        key = (claim.user, claim.session)
        hold = self._holds.get(key)
        began_at, ends_at = now + held.left - held.lasts, now + held.left
        if hold is not None and (hold.first, hold.turn) == (held.edge, held.turn):
            hold.began_at, hold.ends_at = began_at, ends_at
        elif hold is None or held.left > 0 or now >= hold.ends_at:
            self._keep(key, _Hold(held.edge, began_at, ends_at, turn=held.turn, first=held.edge))

    def take_edge(self, claim: EdgeClaim, held: EdgeHeld, now: float) -> None:
        """What came of a claim that was made at `now`."""
        key = (claim.user, CUSTOM)
        hold = self._holds.get(key)
        if held.edge:
            used_at = now if hold is None else hold.used_at
            self._lease(key, held.edge, now, now + EDGE_SECONDS, used_at)
        elif claim.is_held and hold is not None and hold.edge in claim.edges:
            self._release(key)

    def others_came(self, now: float) -> None:
        """There are other gateways from now on: what is leased is leased for as long as a claim would be."""
        if self.is_alone:
            self.is_alone = False
            for key in self._leased.values():
                hold = self._holds[key]
                hold.ends_at = now + EDGE_SECONDS if now - hold.used_at < LEASE_IDLE_SECONDS else now

    def renewals(self, in_use: Collection[tuple[str, str]], now: float) -> list[tuple[str, str]]:
        """Leases for `again`: those with streams since they were claimed, or at the moment, as `in_use` says, which
        holds users and edges."""
        found = []
        for edge, key in self._leased.items():
            hold = self._holds[key]
            claimed_at = hold.ends_at - EDGE_SECONDS
            is_due = claimed_at + LEASE_RENEW_SECONDS <= now < hold.ends_at
            if is_due and (hold.used_at > claimed_at or (key[0], edge) in in_use):
                found.append(key)
        return found

    def held(self, now: float) -> list[tuple[str, str]]:
        """All sessions and leases, for `again`; leases first."""
        held = [(key, hold.is_lease) for key, hold in self._holds.items() if now < hold.ends_at]
        return [key for key, is_lease in held if is_lease] + [key for key, is_lease in held if not is_lease]

    def again(self, key: tuple[str, str], now: float) -> SessionClaim | EdgeClaim | None:
        """The claim of a session or lease that is held at `now`, when it is sent: a session's age is in it; None: it is
        over."""
        hold = self._holds.get(key)
        if hold is None or now >= hold.ends_at:
            return None
        if hold.is_lease:
            return EdgeClaim(key[0], [hold.edge], is_held=True)
        # Both times may be rounded, and what is beyond the bounds would be refused.
        lasts = max(1.0, min(LASTS_SECONDS, hold.ends_at - hold.began_at))
        return SessionClaim(*key, hold.first, hold.turn, lasts, min(lasts, max(LEAST_AGE_SECONDS, now - hold.began_at)))

    # ----- choosing

    def edge_for(self, grant: Grant, demand: Demand, now: float) -> EdgeState | None:
        """An edge for a stream of that user, and from then on for the session; None where none fits."""
        session = _session_of(grant, demand)
        if session is not None:
            is_strict = demand.wish.is_strict and bool(demand.wish.session)
            return self._held(*session, demand, now, is_strict=is_strict)
        match grant.route.mode:
            case RouteMode.MANUAL:
                return self._fitting(grant.route.edge, demand)
            case RouteMode.CUSTOM:
                return self._leased_edge((grant.user, CUSTOM), demand, now)
            case RouteMode.POLLING:
                return self._in_turn(grant.user, demand, now)
            case _:
                return self._pool.choose(demand, now)

    def would_take(self, grant: Grant, demand: Demand, now: float) -> EdgeState | None:
        """What `edge_for` would give, without taking it; of what would have to be claimed first, what is wanted."""
        trial = Routes(self._pool)
        trial.is_alone = self.is_alone or self.question(grant, demand, now) is not None
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
        if state is not None:
            hold.edge = state.profile.edge
            self._holds.move_to_end(key)
        return state

    def _begin(
        self, key: tuple[str, str], before: _Hold | None, seconds: float, demand: Demand, now: float
    ) -> EdgeState | None:
        state, turn = self._next(key, before, demand, now)
        if state is not None:
            edge = state.profile.edge
            self._keep(key, _Hold(edge, now, now + seconds, turn=turn, first=edge))
        return state

    def _next(
        self, key: tuple[str, str], before: _Hold | None, demand: Demand, now: float
    ) -> tuple[EdgeState | None, int]:
        """A session's first edge, or the one after `before`, and which turn it is. One that was not used for as long as
        it lasts is new."""
        state, turn = None, 0
        if before is not None and now < 2 * before.ends_at - before.began_at:
            turn = before.turn % TURNS + 1
            others = evolve(demand, excluded=(*demand.excluded, before.edge))
            state = self._pool.owner((*key, before.first, str(turn)), others, now)
        return state or self._pool.owner(key, demand, now), turn

    def _leased_edge(self, key: tuple[str, str], demand: Demand, now: float) -> EdgeState | None:
        hold = self._holds.get(key)
        is_held = hold is not None and (
            now - hold.used_at < LEASE_IDLE_SECONDS if self.is_alone else now < hold.ends_at
        )
        if hold is not None and is_held:
            kept = self._fitting(hold.edge, demand)
            if kept is not None:
                hold.used_at = now
            if kept is not None or demand.must_answer:
                return kept
        if not self.is_alone:
            return None
        taken = tuple(edge for edge, by in self._leased.items() if not self._is_free(edge, by, now))
        chosen = self._pool.owner(key, evolve(demand, excluded=demand.excluded + taken), now)
        if chosen is not None:
            self._lease(key, chosen.profile.edge, now, float("inf"), now)
        return chosen

    def _lease(self, key: tuple[str, str], edge: str, now: float, ends_at: float, used_at: float) -> None:
        self._release(key)
        self._keep(key, _Hold(edge, now, ends_at, is_lease=True, used_at=used_at))
        self._leased[edge] = key

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

    def _keep(self, key: tuple[str, str], hold: _Hold) -> None:
        self._holds[key] = hold
        self._holds.move_to_end(key)
        while len(self._holds) > SESSIONS_LIMIT:
            self._release(next(iter(self._holds)))

    def _release(self, key: tuple[str, str]) -> None:
        hold = self._holds.pop(key, None)
        if hold is not None and hold.is_lease and self._leased.get(hold.edge) == key:
            del self._leased[hold.edge]


def _session_of(grant: Grant, demand: Demand) -> tuple[tuple[str, str], float] | None:
    """User and name of the session that a stream belongs to, and how many seconds it lasts."""
    if demand.wish.session:
        return (grant.user, demand.wish.session), demand.wish.minutes * 60.0
    if grant.route.mode is RouteMode.TIMED:
        return (grant.user, TIMED), grant.route.minutes * 60.0
    return None
