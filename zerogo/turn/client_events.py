"""What a TURN client tells: frozen values that its driver drains."""

from __future__ import annotations

from attrs import frozen

from zerogo.ids import SocketAddress


@frozen
class Allocated:
    """The relay lends us an address."""

    relayed: SocketAddress
    mapped: SocketAddress
    """Ours, as the relay sees it."""
    lifetime: float
    """Seconds."""


@frozen
class AllocateFailed:
    """The relay lends us nothing; `code` is its error, 0 where it did not answer."""

    code: int
    reason: str
    alternate: SocketAddress | None = None
    """The relay that it names in its place (error 300)."""


@frozen
class AllocationLost:
    """What was lent is gone."""

    reason: str


@frozen
class PeerPermitted:
    """Data can be sent to this peer."""

    peer: SocketAddress


@frozen
class ChannelBound:
    """Data to and from this peer goes by a channel."""

    peer: SocketAddress


@frozen
class PeerRefused:
    """The relay does not let us reach this peer."""

    peer: SocketAddress
    code: int
    reason: str


@frozen
class PeerData:
    """A peer sent this."""

    peer: SocketAddress
    payload: bytes


ClientEvent = Allocated | AllocateFailed | AllocationLost | PeerPermitted | ChannelBound | PeerRefused | PeerData
