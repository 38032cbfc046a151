"""The boundary between the plane that decides (Python on Twisted) and the plane that moves frames.

Python installs state with about a dozen verbs; frames never cross. A plane answers with *upcalls*: batches of what it
cannot decide. Verbs return at once and never block; what they ask for takes effect in the order they were called. A
plane owns the descriptors it is given. There are two planes, `reference` (pure Python, a process of its own) and
`native` (Rust, threads); one conformance suite holds both to this page.

Peers are small integers, chosen by the caller and never reused while a plane lives. A plane serves one Ethernet
segment (one TAP) over the data sockets, at most one per address family.

The law of sessions, per peer, three slots: *current* (sends and receives), *previous* (receives), *next* (a responder's
fresh session: receives; its first authentic datagram makes it current, with `SessionConfirmed`). An initiator's session
becomes current at once. A plane stops using a session by itself `REJECT_AFTER_SECONDS` after it was added or
`REJECT_AFTER_MESSAGES` datagrams, and asks for a new one (`RekeyDue`) well before.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from attrs import Factory, field, frozen

from zerogo.ids import MacAddress, SocketAddress
from zerogo.noise.keys import SessionKeys

REKEY_AFTER_SECONDS = 120.0
REJECT_AFTER_SECONDS = 180.0
REKEY_AFTER_MESSAGES = 2**60
REJECT_AFTER_MESSAGES = 2**64 - 2**13 - 1
KEEPALIVE_SECONDS = 10.0
"""A plane that received data and sent nothing for so long sends a keepalive."""
STAGED_BYTES_LIMIT = 256 * 1024
"""Frames kept per peer while it has no session or no path; the oldest are dropped first."""
UPCALLS_LIMIT = 4096
"""Upcalls waiting to be polled; beyond it unauthenticated datagrams are dropped and counted, nothing else is."""


@frozen(kw_only=True)
class Offloads:
    """Switches, all on by default; the plane finds out what the kernel can do and uses what is both on and possible."""

    tap_tso: bool = True
    """Read TCP super-frames from the TAP (TUN_F_TSO4/6)."""
    tap_uso: bool = True
    """Read UDP super-frames from the TAP (TUN_F_USO4/6)."""
    tap_gso_write: bool = True
    """Write merged super-frames to the TAP."""
    udp_gso: bool = True
    """Send trains with UDP_SEGMENT."""
    udp_gro: bool = True
    """Receive trains with UDP_GRO."""
    checksum_elision: bool = True
    """Leave inner TCP and UDP checksums partial from end to end."""


@frozen(kw_only=True)
class PlaneSettings:
    """What a plane is opened with."""

    tap_fd: int
    """A TAP opened with IFF_NO_PI | IFF_VNET_HDR, non-blocking; the plane closes it."""
    udp_fds: Sequence[int]
    """Bound, non-blocking UDP sockets, one per address family; the plane closes them."""
    mac: MacAddress
    """The TAP's own address."""
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
    """Whether it may send frames of other source addresses; those are learned, bounded, and never override a member's."""


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


class Counter(enum.StrEnum):
    """What a plane counts for itself; a snapshot holds all, zero or not. Names are part of `status --json`."""

    TAP_FRAMES_IN = "tap_frames_in"
    TAP_FRAMES_OUT = "tap_frames_out"
    TAP_SUPER_FRAMES_IN = "tap_super_frames_in"
    TAP_SUPER_FRAMES_OUT = "tap_super_frames_out"
    UDP_DATAGRAMS_IN = "udp_datagrams_in"
    UDP_DATAGRAMS_OUT = "udp_datagrams_out"
    UDP_TRAINS_IN = "udp_trains_in"
    UDP_TRAINS_OUT = "udp_trains_out"
    CHECKSUMS_ELIDED = "checksums_elided"
    CHECKSUMS_COMPLETED = "checksums_completed"
    FRAGMENTS_IN = "fragments_in"
    FRAGMENTS_OUT = "fragments_out"
    NEIGHBORS_ANSWERED = "neighbors_answered"
    FLOODED = "flooded"
    DROPPED_UNKNOWN_INDEX = "dropped_unknown_index"
    DROPPED_UNAUTHENTIC = "dropped_unauthentic"
    DROPPED_REPLAY = "dropped_replay"
    DROPPED_MALFORMED = "dropped_malformed"
    DROPPED_FOREIGN_SOURCE = "dropped_foreign_source"
    DROPPED_UNKNOWN_DESTINATION = "dropped_unknown_destination"
    DROPPED_STAGED = "dropped_staged"
    DROPPED_EXPIRED_SESSION = "dropped_expired_session"
    DROPPED_UPCALL_QUEUE = "dropped_upcall_queue"
    DROPPED_TAP_WRITE = "dropped_tap_write"
    DROPPED_UDP_SEND = "dropped_udp_send"
    DROPPED_STORM = "dropped_storm"
    FALLBACK_TAP_TSO = "fallback_tap_tso"
    FALLBACK_TAP_USO = "fallback_tap_uso"
    FALLBACK_TAP_GSO_WRITE = "fallback_tap_gso_write"
    FALLBACK_UDP_GSO = "fallback_udp_gso"
    FALLBACK_UDP_GRO = "fallback_udp_gro"


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
        """Seal a control message in the peer's current session and send it by its path, or straight to `destination`."""

    def counters(self) -> PlaneCounters:
        """The latest snapshot."""

    def close(self) -> None:
        """Stop, close the descriptors, erase the keys; nothing comes up any more. May be called twice."""
