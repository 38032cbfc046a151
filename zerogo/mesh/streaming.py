# -*- test-case-name: zerogo.test.mesh.test_streaming -*-
"""When the open TCP port of a peer is dialled: at the start, a moment after UDP, and for as long as UDP does not get
through.

The peer's port is dialled `HEAD_START_SECONDS` after it is known, if there is no direct path by then, and again when a
direct path was lost. So where UDP is blocked it costs no time, and where UDP takes the usual way at most one short
connection. It is closed when a direct path has been in use for `LINGER_SECONDS`: datagrams in a TCP stream wait for
those that were lost before them.
"""

from __future__ import annotations

from attrs import define, field, frozen

from zerogo.ice.candidate import Candidate, is_reachable_form
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import PeerStreamUnwanted, PeerStreamWanted
from zerogo.mesh.stream_proof import StreamKey

HEAD_START_SECONDS = 0.1
"""Of UDP: between machines of one house, where it gets through at once, nothing is dialled."""
LINGER_SECONDS = 10.0


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
    _due_at: float | None = field(default=None, init=False)
    """When to begin, or to end."""

    def settle(self, offered: tuple[Candidate, ...], now: float, *, is_direct: bool) -> None:
        """Follow what the peer offers, and whether datagrams go straight to it."""
        if offered is not self._offered:
            self._offered = offered
            self._places = tuple(each.address for each in offered if is_reachable_form(each.address))
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
        elif is_due or (is_dialled and places != self._dialled):
            self._due_at = None if is_due else self._due_at
            self._dialled = places
            self._context.outbox.tell(PeerStreamWanted(self._key, places))

    def renew(self) -> None:
        """The peer began anew: where no connection came about, this is the time for another try."""
        if self._dialled:
            self._context.outbox.tell(PeerStreamWanted(self._key, self._dialled))

    def clear(self) -> None:
        """Dial nothing."""
        self._due_at = None
        if self._dialled:
            self._dialled = ()
            self._context.outbox.tell(PeerStreamUnwanted(self._key.peer))

    def next_at(self) -> float | None:
        """When `settle` is wanted, whatever happens."""
        return self._due_at
