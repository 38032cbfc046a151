"""What a TURN server wants done, or tells: frozen values that its driver drains."""

from __future__ import annotations

from attrs import frozen

from zerogo.ids import SocketAddress
from zerogo.turn.allocation import ClientAddress
from zerogo.turn.quota import Bandwidth


@frozen
class RelayWanted:
    """A socket is to be opened; the driver answers with `relay_opened` or `relay_refused` and the ticket."""

    ticket: int
    is_ipv6: bool
    needs_even_port: bool = False
    keeps_next_port: bool = False
    """The port after it, which is odd, is to be opened too."""


@frozen
class RelayReleased:
    """The socket of a relayed address is to be closed."""

    relayed: SocketAddress


@frozen
class AllocationMade:
    """A client was lent an address."""

    client: ClientAddress
    user: str
    relayed: SocketAddress


@frozen
class AllocationEnded:
    """A client has its address no more; bytes are payload to and from peers, but for what went by flows."""

    client: ClientAddress
    user: str
    relayed: SocketAddress
    reason: str
    bytes_out: int
    bytes_in: int


@frozen
class ClientEnd:
    """A client's channel."""

    client: ClientAddress
    channel: int


@frozen
class PeerEnd:
    """A peer of a relayed address, outside the relay."""

    relayed: SocketAddress
    peer: SocketAddress


@frozen
class FlowPermitted:
    """What comes from `source` may go to `destination` without being asked about, until `expires_at`, while its payload
    is taken from the bandwidth of all `payers`; told with the first datagram that went so. Ends with either allocation.
    """

    source: ClientEnd | PeerEnd
    destination: ClientEnd | PeerEnd
    payers: tuple[Bandwidth, ...]
    expires_at: float


ServerEvent = RelayWanted | RelayReleased | AllocationMade | AllocationEnded | FlowPermitted


@frozen
class ToClient:
    """A message to a client."""

    client: ClientAddress
    payload: bytes


@frozen
class ToPeer:
    """A datagram from a relayed address to a peer."""

    relayed: SocketAddress
    peer: SocketAddress
    payload: bytes
    dont_fragment: bool = False


Output = ToClient | ToPeer
