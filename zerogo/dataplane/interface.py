"""The boundary between the plane that decides (Python on Twisted) and the plane that moves frames.

Python installs state with about a dozen verbs; frames never cross. A plane answers with *upcalls*: batches of what it
cannot decide. Verbs return at once and never block; what they ask for takes effect in the order they were called. A
plane owns the descriptors it is given. There are two planes, `reference` (pure Python, a process of its own) and
`native` (Rust, threads); one conformance suite holds both to this page.

Peers are small integers, chosen by the caller and never reused while a plane lives. A plane serves one Ethernet
segment (one TAP) over the data sockets, at most one per address family.

The law of sessions, per peer, three slots: *current* (sends and receives), *previous* (receives), *next* (a responder's
fresh session: receives; its first authentic datagram makes it current, with `SessionConfirmed`). An initiator's session
becomes current at once; a next one that waits then becomes previous, for handshakes have crossed. A plane stops using a
session by itself `REJECT_AFTER_SECONDS` after it was added or `REJECT_AFTER_MESSAGES` datagrams, and asks for a new one
(`RekeyDue`) well before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import Factory, field, frozen

from zerogo.dataplane.counter import Counter as Counter
from zerogo.dataplane.limits import KEEPALIVE_SECONDS as KEEPALIVE_SECONDS
from zerogo.dataplane.limits import REJECT_AFTER_MESSAGES as REJECT_AFTER_MESSAGES
from zerogo.dataplane.limits import REJECT_AFTER_SECONDS as REJECT_AFTER_SECONDS
from zerogo.dataplane.limits import REKEY_AFTER_MESSAGES as REKEY_AFTER_MESSAGES
from zerogo.dataplane.limits import REKEY_AFTER_SECONDS as REKEY_AFTER_SECONDS
from zerogo.dataplane.limits import STAGED_BYTES_LIMIT as STAGED_BYTES_LIMIT
from zerogo.dataplane.limits import UPCALLS_LIMIT as UPCALLS_LIMIT
from zerogo.dataplane.offloads import Offloads as Offloads
from zerogo.ids import MacAddress, SocketAddress
from zerogo.noise.keys import SessionKeys


@frozen(kw_only=True)
class PlaneSettings:
    """What a plane is opened with."""

    tap_fd: int
    """A TAP opened with IFF_NO_PI | IFF_VNET_HDR, non-blocking; the plane closes it."""
    udp_fds: Sequence[int]
    """Bound, non-blocking UDP sockets, one per address family; the plane closes them."""
    mac: MacAddress
    """The TAP's own address."""
    addresses: Sequence[str] = ()
    """Our own IPv4 and IPv6 addresses in the segment; no peer may claim them."""
    mtu: int
    """Of the segment: bytes of a frame after its Ethernet header."""
    is_bridge: bool = False
    """Whether frames of other source addresses than `mac` may enter from the TAP."""
    offloads: Offloads = Factory(Offloads)


@frozen(kw_only=True)
class PeerEntry:
    """What the switch must know of a member."""

    peer: int
    mac: MacAddress
    addresses: Sequence[str] = ()
    """Its IPv4 and IPv6 addresses in the segment; ARP and ND for them are answered locally."""
    is_bridge: bool = False
    """Whether it may send frames of other source addresses; those are learned, bounded, and override no member's."""


@frozen
class DirectPath:
    """To a peer by one datagram from our data socket."""

    destination: SocketAddress
    mtu: int
    """Largest UDP payload that the path carries whole, bytes."""


PeerPath = DirectPath
"""Union of all kinds of path; paths through relays and members join it with those features."""


@frozen
class DatagramReceived:
    """A datagram that is not a sealed one of a known session: STUN, a handshake. Nothing about it is authentic."""

    source: SocketAddress
    payload: bytes


@frozen
class ControlReceived:
    """An authentic control message of a peer; `source` is where this copy came from."""

    peer: int
    source: SocketAddress
    payload: bytes


@frozen
class SessionConfirmed:
    """The first authentic datagram came in on this session; from now on it is the current one."""

    peer: int
    local_index: int


@frozen
class RekeyDue:
    """The current session of this peer is old, used up, or gone while there is data to send."""

    peer: int


@frozen
class PeerRoamed:
    """Authentic datagrams of this peer now come from another address than its path; at most one upcall a second."""

    peer: int
    source: SocketAddress


@frozen
class PathRefused:
    """The kernel refuses to send to this path (no route, message too long); at most one upcall a second and peer."""

    peer: int
    errno: int


@frozen
class PlaneFault:
    """The plane cannot go on; the role must stop."""

    reason: str


Upcall = DatagramReceived | ControlReceived | SessionConfirmed | RekeyDue | PeerRoamed | PathRefused | PlaneFault


@frozen(kw_only=True)
class PeerCounters:
    """Since the plane was opened. Ages are seconds, None where it never happened."""

    bytes_in: int = 0
    """Payload bytes of authentic datagrams, frames as they enter the TAP."""
    bytes_out: int = 0
    datagrams_in: int = 0
    datagrams_out: int = 0
    last_receive_age: float | None = None
    session_age: float | None = None
    """Of the current session."""


@frozen(kw_only=True)
class PlaneCounters:
    """A snapshot, at most one second old."""

    plane: dict[Counter, int] = field(factory=dict)
    peers: dict[int, PeerCounters] = field(factory=dict)
    offloads: Offloads = Factory(Offloads)
    """What is in use, after probing and fallbacks."""


class IDataplane(Protocol):
    """The verbs. All return at once; a verb about a peer or session that is gone is ignored."""

    name: str
    """`reference` or `native`."""

    def open(self, settings: PlaneSettings) -> None:
        """Take over the descriptors and begin; raises `EnvironmentFault`."""

    def wakeup_fd(self) -> int:
        """A descriptor that is readable while upcalls wait."""

    def poll_upcalls(self, limit: int = 256) -> list[Upcall]:
        """Take up to `limit` upcalls, oldest first."""

    def set_peer(self, entry: PeerEntry) -> None:
        """Make a member known to the switch, or change it."""

    def remove_peer(self, peer: int) -> None:
        """Forget a member with its sessions, path, staged frames and learned addresses."""

    def add_session(self, peer: int, keys: SessionKeys) -> None:
        """Install a fresh session (see the law above); it retires the peer's oldest where three are in use."""

    def retire_session(self, local_index: int) -> None:
        """Erase a session's keys."""

    def set_path(self, peer: int, path: PeerPath | None) -> None:
        """Send this peer's datagrams that way from now on; None holds them back (staged)."""

    def send_datagram(self, destination: SocketAddress, payload: bytes) -> None:
        """Send as it is (STUN, handshakes)."""

    def send_control(self, peer: int, payload: bytes, destination: SocketAddress | None = None) -> None:
        """Seal a control message in the peer's session; it goes by its path, or straight to `destination`."""

    def counters(self) -> PlaneCounters:
        """The latest snapshot."""

    def close(self) -> None:
        """Stop, close the descriptors, erase the keys; nothing comes up any more. May be called twice."""
