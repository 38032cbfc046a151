# -*- test-case-name: zerogo.test.exit.test_claim_book -*-
"""What gateways have to agree on about sessions and exclusive edges: what one claims, and what it is answered.

A *session's* edge and minutes belong to the gateway that began it first; any other one is told them. When its minutes
are over, whoever can name the edge and the turn that are over begins the next turn; who cannot is told them and claims
again. An *exclusive edge* (route mode `custom`) is held by one user, wherever the user is, for `EDGE_SECONDS` after the
claim that was made last. One that its user lost stays the user's until then: not every gateway knows of the loss, and
one that does not would go on to give it to the user.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from zerogo.exit.username import MINUTES_LIMIT

EDGE_SECONDS = 300.0
"""How long an exclusive edge is held after it was claimed."""
SETTLING_SECONDS = 10.0
"""After all claims were lost, those who hold an edge have so long to say so; until then nobody gets another one."""
SESSIONS_LIMIT = 200_000
"""Further sessions are of each gateway alone."""
HOLDERS_LIMIT = 100_000
"""Exclusive edges that are held at one time; nobody is given a further one."""
EDGES_IN_CLAIM = 64
CLAIMS_LIMIT = 200
"""Sessions in one request, and edges in a quarter of it."""
LASTS_SECONDS = MINUTES_LIMIT * 60.0
"""Of a session, at most."""
TURNS = 2**31 - 1
"""After so many the first one comes again."""

_User = Annotated[str, msgspec.Meta(max_length=64)]
_Session = Annotated[str, msgspec.Meta(max_length=17, pattern=r"\A-?[A-Za-z0-9]*\Z")]
_Edge = Annotated[str, msgspec.Meta(max_length=16, pattern=r"\A[a-z0-9]+\Z")]
_NoEdge = Annotated[str, msgspec.Meta(max_length=16, pattern=r"\A[a-z0-9]*\Z")]
"""Or one."""
_Turn = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
_Lasts = Annotated[float, msgspec.Meta(ge=1, le=LASTS_SECONDS)]
_Age = Annotated[float, msgspec.Meta(ge=0, le=2 * LASTS_SECONDS)]
_Left = Annotated[float, msgspec.Meta(ge=-LASTS_SECONDS, le=LASTS_SECONDS)]


class SessionClaim(msgspec.Struct, frozen=True, array_like=True):
    """A session has this edge here, or is to have it."""

    user: _User
    session: _Session
    edge: _Edge
    turn: _Turn
    lasts: _Lasts
    """Seconds from its beginning."""
    age: _Age = 0.0
    """Seconds since then; zero: it begins by this claim."""
    over_edge: _NoEdge = ""
    """The edge of the turn that is known to be over; empty: none is known."""
    over_turn: _Turn = 0


class SessionHeld(msgspec.Struct, frozen=True, array_like=True):
    """What a session has, at all gateways."""

    edge: _Edge
    turn: _Turn
    lasts: _Lasts
    left: _Left
    """Seconds; at most zero: it is over, and to be claimed anew."""


class EdgeClaim(msgspec.Struct, frozen=True, array_like=True):
    """A user wants an exclusive edge, or goes on to hold one."""

    user: _User
    edges: Annotated[list[_Edge], msgspec.Meta(max_length=EDGES_IN_CLAIM)]
    """The first one that nobody else holds is wanted."""
    is_held: bool = False
    """Whether the user holds it already, as far as is known here."""
    lost: _NoEdge = ""
    """The edge that the user had, and cannot use any more."""


class EdgeHeld(msgspec.Struct, frozen=True, array_like=True):
    """The user's exclusive edge, at all gateways; empty: none of those was free."""

    edge: _NoEdge = ""
    is_settling: bool = False
    """Whether none was given since it is not known yet who holds which."""
