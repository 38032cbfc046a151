# -*- test-case-name: zerogo.test.mesh.test_streaming -*-
"""When the open TCP port of a peer is dialled: at the start, a moment after UDP, and for as long as UDP does not get
through.

The peer's port is dialled `HEAD_START_SECONDS` after it is known, if there is no direct path by then, and again when a
direct path was lost. So where UDP is blocked it costs no time, and where UDP takes the usual way at most one short
connection. It is closed when a direct path has been in use for `LINGER_SECONDS`: datagrams in a TCP stream wait for
those that were lost before them.

A connection may be of no use and yet be there for long: where a proxy lies in between, TCP never learns that the peer
is gone. So when the connection is dead by what probes say it is given up and another one dialled, and when it is only
in doubt, that is done on the peer's word that it is elsewhere or began anew.

Where to dial, and that it is time for it, are the peer's words, and the connections are ours: so there are only so many
places, and so many times.
"""

from __future__ import annotations

import ipaddress

from attrs import define, field, frozen

from zerogo.ice.candidate import Candidate, is_reachable_form
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import PeerStreamUnwanted, PeerStreamWanted
from zerogo.mesh.path import Path
from zerogo.mesh.stream_proof import StreamKey
from zerogo.routing.allowance import Allowance

HEAD_START_SECONDS = 0.1
"""Of UDP: between machines of one house, where it gets through at once, nothing is dialled."""
LINGER_SECONDS = 10.0
UNPROVEN_SECONDS = 2.0
"""A connection by which no probe was answered for so long is in doubt."""
PLACES_LIMIT = 8
"""Of a peer, as the driver is told; it dials the most promising of them at once (`stream_places`)."""
DIAL_RATE, DIAL_BURST = 0.5, 3.0
"""How often the driver is told to dial a peer, in spite of its own delays between tries."""


@frozen(kw_only=True)
class PeerStream:
    """A connection to a peer, whose ends have shown each other who they are."""

    address: SocketAddress
    """What stands for the peer, on the loopback interface."""
    far: str
    """Where the connection leads to, or comes from, for people."""
    is_dialled: bool
    """Whether this end made it."""


@define(eq=False)
class Streaming:
    """One peer's, as the end that dials. Call `settle` whenever anything may have changed."""

    _context: NodeContext
    _key: StreamKey = field(repr=False)
    _offered: tuple[Candidate, ...] = field(default=(), init=False)
    _places: tuple[SocketAddress, ...] = field(default=(), init=False)
    """Of what was offered last, where a peer may be."""
    _dialled: tuple[SocketAddress, ...] = field(default=(), init=False)
    """What the driver was told last; empty while it dials nothing."""
    _given_up: Path | None = field(default=None, init=False)
    """The connection that the driver was told to close last."""
    _is_renewed: bool = field(default=False, init=False)
    """Whether the peer began anew, and the driver was not told yet."""
    _allowance: Allowance = field(factory=lambda: Allowance(DIAL_RATE, DIAL_BURST), init=False)
    _due_at: float | None = field(default=None, init=False)
    """When to begin, or to end."""

    def settle(self, offered: tuple[Candidate, ...], now: float, *, is_direct: bool, used: Path | None = None) -> None:
        """Follow what the peer offers, whether datagrams go straight to it, and how the connection is, if there is one.

        :param used: the connection that this end made.
        """
        if offered is not self._offered:
            self._offered = offered
            self._places = tuple(each.address for each in offered if _may_be_dialled(each.address))[:PLACES_LIMIT]
        places = self._places
        if not places:
            self.clear()
            return
        is_dialled = bool(self._dialled)
        if is_direct is not is_dialled:
            self._due_at = None
        elif self._due_at is None:
            self._due_at = now + (LINGER_SECONDS if is_dialled else HEAD_START_SECONDS)
        is_due = self._due_at is not None and self._due_at <= now
        if is_due and is_dialled:
            self.clear()
        elif is_due and self._may_dial(now):
            self._dial()
        elif is_dialled and not is_direct:
            self._redial(None if used is self._given_up else used, now)

    def renew(self) -> None:
        """The peer began anew: unless there is a connection that is well, this is the time for another try."""
        self._is_renewed = bool(self._dialled)

    def _redial(self, used: Path | None, now: float) -> None:
        is_dead = used is not None and not used.is_alive
        if not (is_dead or self._is_renewed or self._places != self._dialled):
            return
        if not self._may_dial(now):
            return
        if used is not None and (is_dead or _is_in_doubt(used, now)):
            self._given_up = used
            self._context.outbox.tell(PeerStreamUnwanted(self._key.peer))
        self._dial()

    def _may_dial(self, now: float) -> bool:
        """Whether it may be now; else it is due later."""
        may = self._allowance.take(1, now)
        self._due_at = None if may else now + max(self._allowance.wait(1, now), HEAD_START_SECONDS)
        return may

    def _dial(self) -> None:
        self._dialled, self._is_renewed = self._places, False
        self._context.outbox.tell(PeerStreamWanted(self._key, self._places))

    def clear(self) -> None:
        """Dial nothing."""
        self._due_at, self._is_renewed = None, False
        if self._dialled:
            self._dialled = ()
            self._context.outbox.tell(PeerStreamUnwanted(self._key.peer))

    def next_at(self) -> float | None:
        """When `settle` is wanted, whatever happens."""
        return self._due_at


def _may_be_dialled(place: SocketAddress) -> bool:
    """Whether a peer may be there. At addresses that only count on one link there are services of clouds, and no peer
    that UDP would not reach."""
    return is_reachable_form(place) and not ipaddress.ip_address(place.host).is_link_local


def _is_in_doubt(path: Path, now: float) -> bool:
    return path.measurement.unanswered > 0 or not (path.is_verified or now < path.found_at + UNPROVEN_SECONDS)
