"""The boundary between the plane that decides (Python on Twisted) and the plane that moves frames.

Python installs state with about a dozen verbs; frames never cross. A plane answers with *upcalls*: batches of what it
cannot decide. Verbs return at once and never block; what they ask for takes effect in the order they were called. A
plane owns the descriptors it is given. There are two planes, `reference` (pure Python, a process of its own) and
`native` (Rust, threads); one conformance suite holds both to this page.

Peers are small integers, chosen by the caller and never reused while a plane lives. A plane serves one Ethernet
segment (one TAP) over the data sockets: one per address family, and a few *side sockets*.

Where a datagram goes, or came from, is an `Endpoint`: a socket address; one by a side socket; a channel of a TURN relay
(the plane adds and takes off the ChannelData header); a route through members (the plane wraps the datagram in FORWARD,
sealed for the first of them). Datagrams of other members' pairs that come in as FORWARD are carried on by the plane
itself, within `set_forwarding`.

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
from zerogo.dataplane.limits import SIDE_SOCKETS_LIMIT as SIDE_SOCKETS_LIMIT
from zerogo.dataplane.limits import STAGED_BYTES_LIMIT as STAGED_BYTES_LIMIT
from zerogo.dataplane.limits import UPCALLS_LIMIT as UPCALLS_LIMIT
from zerogo.dataplane.offloads import Offloads as Offloads
from zerogo.ids import Endpoint, MacAddress, NodeId
from zerogo.noise.keys import SessionKeys
from zerogo.policy.decisions import Decided
from zerogo.policy.filter import PeerFilter


@frozen(kw_only=True)
class PlaneSettings:
    """What a plane is opened with."""

    tap_fd: int
    """A TAP opened with IFF_NO_PI | IFF_VNET_HDR, non-blocking; the plane closes it."""
    udp_fds: Sequence[int]
    """Bound, non-blocking UDP sockets, one per address family; the plane closes them."""
    node_id: NodeId
    """Ours: what a FORWARD names us by."""
    mac1_key: bytes = field(repr=False)
    """32 bytes; a handshake message whose mac1 is not right under it is dropped at the door, before any budget."""
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
    node_id: NodeId
    mac: MacAddress
    addresses: Sequence[str] = ()
    """Its IPv4 and IPv6 addresses in the segment; ARP and ND for them are answered locally."""
    subnets: Sequence[str] = ()
    """IP prefixes behind it: packets from there, but from no other member's address, it may send as well."""
    is_bridge: bool = False
    """Whether it may send frames of other source addresses; those are learned, bounded, and override no member's."""


@frozen
class PeerPath:
    """One way to a peer."""

    endpoint: Endpoint
    mtu: int
    """Largest sealed datagram of ours that arrives whole this way, bytes; what the way itself adds is not in it."""


@frozen
class PathPlan:
    """How a peer's datagrams go."""

    best: PeerPath
    twin: PeerPath | None = None
    """Datagrams of the real-time band go this way too; the receiver's replay window drops the later copy."""
    spread: tuple[PeerPath, ...] = ()
    """Flows are spread over `best` and these by a hash of their addresses and ports; one flow keeps to one way."""
    late: PeerPath | None = None
    """Datagrams of the real-time band go this way once more, 10 milliseconds later: small ones, and not too many."""
    hop: PeerPath | None = None
    """FORWARD goes this way; without it, by the first of the others that is no route."""

    @property
    def ways(self) -> tuple[PeerPath, ...]:
        """All of them, the best first; one may be there twice."""
        beside = tuple(path for path in (self.twin, self.late, self.hop) if path is not None)
        return (self.best, *beside, *self.spread)

    @classmethod
    def by(cls, endpoint: Endpoint, mtu: int) -> PathPlan:
        """All of it goes one way."""
        return cls(PeerPath(endpoint, mtu))


@frozen
class DatagramReceived:
    """A datagram that is not a sealed one of a known session: STUN, a handshake. Nothing about it is authentic."""

    source: Endpoint
    payload: bytes


@frozen
class ControlReceived:
    """An authentic control message of a peer; `source` is where this copy came from. A probe has been answered by the
    plane itself, the way it came, so that a path is not taken for dead because a reactor was busy."""

    peer: int
    source: Endpoint
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
    source: Endpoint


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
    forwarded_bytes: int = 0
    """Of other pairs' datagrams that came from this peer and were carried on."""
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
        """Forget a member with its sessions, path, filter, staged frames and learned addresses."""

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        """Hold what passes to and from this peer against these rules from now on; None, as a peer begins, lets
        everything pass. What the filter before let be opened and this one does not ends at once."""

    def set_decision_log(self, is_on: bool) -> None:
        """Count from now on which flows filters let be opened and which frames they refuse; or, as a plane begins, do
        not. What was counted and not taken is forgotten."""

    def take_decisions(self) -> list[Decided]:
        """What filters decided since this was called last, at most one second ago; of peers that are gone as well."""

    def add_session(self, peer: int, keys: SessionKeys) -> None:
        """Install a fresh session (see the law above); it retires the peer's oldest where three are in use."""

    def retire_session(self, local_index: int) -> None:
        """Erase a session's keys."""

    def set_path(self, peer: int, plan: PathPlan | None) -> None:
        """Send this peer's datagrams that way from now on; None holds them back (staged)."""

    def set_forwarding(self, bytes_per_second: int) -> None:
        """Carry other pairs' datagrams up to this rate; 0, as a plane begins, carries none."""

    def add_side_socket(self, number: int, fd: int) -> None:
        """Take over a bound, non-blocking UDP socket; it is `SideAddress.socket` `number`. At most 64 at a time:
        one more is closed at once."""

    def remove_side_socket(self, number: int) -> None:
        """Close a side socket; what would go by it is counted and dropped."""

    def send_datagram(self, destination: Endpoint, payload: bytes) -> None:
        """Send as it is (STUN, handshakes); into a channel or a route wrapped as that asks."""

    def send_control(self, peer: int, payload: bytes, destination: Endpoint | None = None) -> None:
        """Seal a control message in the peer's session; it goes by its path, or straight to `destination`."""

    def counters(self) -> PlaneCounters:
        """The latest snapshot."""

    def close(self) -> None:
        """Stop, close the descriptors, erase the keys; nothing comes up any more. May be called twice."""
