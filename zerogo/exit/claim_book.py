# -*- test-case-name: zerogo.test.exit.test_claim_book -*-
"""Sessions and exclusive edges that gateways claim (`zerogo.exit.claims`), kept in memory.

A session that is over is remembered for as long as it lasted, so that its next turn has another edge. Of exclusive
edges each user has one and each edge has one user. Who began to keep this knows of nobody: for `SETTLING_SECONDS` only
those who hold an edge already, as they say, are given it. `zerogo.net.redis_claims` does the same in Redis.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from zerogo.exit.claims import (
    EDGE_SECONDS,
    HOLDERS_LIMIT,
    SESSIONS_LIMIT,
    SETTLING_SECONDS,
    EdgeClaim,
    EdgeHeld,
    SessionClaim,
    SessionHeld,
)

FORGET_SECONDS = 60.0
"""Between two looks for what is over."""


@define
class _Session:
    edge: str
    turn: int
    lasts: float
    began_at: float


@define
class _Held:
    by: str
    """The user of an edge, or the edge of a user."""
    until: float


class ClaimBook:
    """All claims. Each is settled before the next one is looked at."""

    def __init__(self, now: float, sessions_limit: int = SESSIONS_LIMIT, holders_limit: int = HOLDERS_LIMIT) -> None:
        self._limit = sessions_limit
        self._holders_limit = holders_limit
        self._settled_at = now + SETTLING_SECONDS
        self._forget_at = now + FORGET_SECONDS
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._edges: dict[str, _Held] = {}
        self._users: dict[str, _Held] = {}

    def settle(
        self, sessions: Sequence[SessionClaim], edges: Sequence[EdgeClaim], now: float
    ) -> tuple[list[SessionHeld], list[EdgeHeld]]:
        """What is held, claim by claim."""
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            self._forget_old(now)
        return [self._session(claim, now) for claim in sessions], [self._edge(claim, now) for claim in edges]

    def _session(self, claim: SessionClaim, now: float) -> SessionHeld:
        key = (claim.user, claim.session)
        held = self._sessions.get(key)
        if held is not None and now < held.began_at + 2 * held.lasts:
            left = held.began_at + held.lasts - now
            is_next = claim.age > 0 or (held.edge, held.turn) == (claim.over_edge, claim.over_turn)
            if left > 0 or not is_next:
                # The sum may be rounded to more than its minutes, which are all that a session may last.
                return SessionHeld(held.edge, held.turn, held.lasts, max(-held.lasts, min(held.lasts, left)))
        if held is not None or len(self._sessions) < self._limit:
            self._sessions[key] = _Session(claim.edge, claim.turn, claim.lasts, now - claim.age)
        return SessionHeld(claim.edge, claim.turn, claim.lasts, max(-claim.lasts, claim.lasts - claim.age))

    def _edge(self, claim: EdgeClaim, now: float) -> EdgeHeld:
        wanted: Sequence[str] = claim.edges
        mine = self._held(self._users, claim.user, now)
        if mine is not None and mine != claim.lost:
            wanted = [mine]
        elif not claim.is_held and now < self._settled_at:
            return EdgeHeld("", is_settling=True)
        for edge in wanted:
            has_room = self._has_room(self._edges, edge) and self._has_room(self._users, claim.user)
            if has_room and self._held(self._edges, edge, now) in (None, claim.user):
                self._edges[edge] = _Held(claim.user, now + EDGE_SECONDS)
                self._users[claim.user] = _Held(edge, now + EDGE_SECONDS)
                return EdgeHeld(edge)
        return EdgeHeld()

    def _has_room(self, where: dict[str, _Held], key: str) -> bool:
        return key in where or len(where) < self._holders_limit

    @staticmethod
    def _held(where: dict[str, _Held], key: str, now: float) -> str | None:
        held = where.get(key)
        return held.by if held is not None and now < held.until else None

    def _forget_old(self, now: float) -> None:
        self._sessions = {key: one for key, one in self._sessions.items() if now < one.began_at + 2 * one.lasts}
        self._edges = {edge: held for edge, held in self._edges.items() if now < held.until}
        self._users = {user: held for user, held in self._users.items() if now < held.until}
