# -*- test-case-name: zerogo.test.mesh.test_node -*-
"""What a `Node` tells its driver: frozen past facts, drained by `Node.events()`.

Most map to one verb of the data plane (`zerogo.dataplane.interface`): `PeerAdded` and `PeerChanged` to `set_peer`,
`PeerRemoved` to `remove_peer`, `SessionReady` to `add_session`, `SessionRetired` to `retire_session`, `PathSelected` to
`set_path`, `ControlToSend` to `send_control`, `DatagramToSend` to `send_datagram`. Three are about the controller:
`SignalToSend`, `PunchWanted` and `SurroundingsDoubted`; three about sockets that are opened for hard NATs:
`SideSocketsWanted`, `SideSocketKept` (which becomes `add_side_socket`) and `SideSocketsDropped`. `RelayStreamWanted`
and `RelayStreamUnwanted`, `PeerStreamWanted` and `PeerStreamUnwanted` are for whoever can dial TCP and TLS.
`HandshakeMarkChanged` goes to the disk; `PeerStateChanged` is for the log and for people.
"""

from __future__ import annotations

import enum

from attrs import field, frozen

from zerogo.ids import Endpoint, NodeId, SocketAddress
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.stream_proof import StreamKey
from zerogo.noise.keys import SessionKeys


class PeerState(enum.StrEnum):
    """Where a peer is on its way to being connected; the values are part of `status --json`."""

    WAITING = "waiting"
    """Not begun: too many others are connecting, or a failed try waits for its next turn."""
    CONNECTING = "connecting"
    """Candidates are exchanged and checked."""
    HANDSHAKING = "handshaking"
    """A path carries datagrams both ways; keys are being agreed."""
    CONNECTED = "connected"
    """Frames flow."""
    UNREACHABLE = "unreachable"
    """The last try failed; the reason is in the status, the next try is planned."""


class PathKind(enum.StrEnum):
    """What lies between two peers."""

    DIRECT = "direct"
    TCP = "tcp"
    """A TCP or TLS connection between the two."""
    PEER = "peer"
    """Other members."""
    RELAY = "relay"
    """A relay of the network."""


@frozen
class PeerAdded:
    """A peer entered the table; `peer` is never used again for another."""

    peer: int
    spec: PeerSpec


@frozen
class PeerChanged:
    """A peer's record (name, addresses, MAC ...) is another; its keys and sessions are not touched."""

    peer: int
    spec: PeerSpec


@frozen
class PeerRemoved:
    """A peer left the table; its sessions and paths are void."""

    peer: int


@frozen
class SessionReady:
    """Keys were agreed. An initiator's session is in use at once, a responder's after `session_confirmed`."""

    peer: int
    keys: SessionKeys = field(repr=False)


@frozen
class SessionRetired:
    """The session that the peer addresses by `local_index` is over; erase its keys."""

    local_index: int


@frozen
class Way:
    """One more way to a peer beside the best."""

    endpoint: Endpoint
    mtu: int
    """Largest UDP payload that it carries whole, bytes."""


@frozen(kw_only=True)
class PathSelected:
    """Send this peer's datagrams that way from now on; destination None: there is no way."""

    peer: int
    destination: Endpoint | None
    mtu: int
    """Largest UDP payload that the path carries whole, bytes."""
    kind: PathKind = PathKind.DIRECT
    local_candidate: str = ""
    """`host`, `srflx`, `prflx` or `relay`."""
    remote_candidate: str = ""
    relay: str = ""
    """The relay's name, where it goes by one."""
    twin: Way | None = None
    """Urgent datagrams go this way too."""
    spread: tuple[Way, ...] = ()
    """Flows are spread over these and the best."""
    late: Way | None = None
    """Urgent datagrams go this way once more, a little later."""
    hop: Way | None = None
    """What is carried for others goes this way, where the best is none that it may go."""


@frozen
class ControlToSend:
    """Seal `payload` as a control message of the peer's session; send it by its path, or straight to `destination`."""

    peer: int
    payload: bytes
    destination: Endpoint | None = None


@frozen
class DatagramToSend:
    """Send a datagram from the data socket before the events that follow are acted on: a relay has to be told of a
    channel before anything goes into it."""

    destination: Endpoint
    payload: bytes


@frozen
class SignalToSend:
    """Have the controller pass `blob` to that node."""

    to: NodeId
    blob: bytes


@frozen
class PunchWanted:
    """Have the controller start the checks of that node and of this one at the same time."""

    to: NodeId


@frozen
class SurroundingsDoubted:
    """This node's NAT or address may have changed unnoticed: find out whether the controller is still in reach."""


@frozen
class RelayStreamWanted:
    """Nothing comes back from that relay by UDP: have a stream to it, and say so by `relay_stream_opened`."""

    relay: str


@frozen
class RelayStreamUnwanted:
    """No stream to that relay is needed any more."""

    relay: str


@frozen
class PeerStreamWanted:
    """Have a TCP or TLS connection to one of these addresses of the peer, and say so by `peer_stream_opened`; another
    one when it is lost. Takes the place of what was wanted of that peer before."""

    key: StreamKey
    places: tuple[SocketAddress, ...]


@frozen
class PeerStreamUnwanted:
    """No connection that we dial to that peer is needed any more."""

    peer: int


@frozen
class SideSocketsWanted:
    """Open so many UDP sockets by IPv4 for this peer, and call `side_sockets_opened` with their numbers."""

    peer: int
    count: int


@frozen
class SideSocketKept:
    """This side socket carries a path: the data plane is to have it."""

    number: int


@frozen
class SideSocketsDropped:
    """These side sockets are of no use any more, be they with the data plane or not."""

    numbers: tuple[int, ...]


@frozen
class HandshakeMarkChanged:
    """Keep this mark (12 bytes) on disk and give it to the next `Node` of this identity; timestamps stay below it."""

    mark: bytes


@frozen(kw_only=True)
class PeerStateChanged:
    """A peer is in another state; for the log."""

    peer: int
    name: str
    state: PeerState
    reason: str = ""
    """Why, where the state is not good news; one sentence."""
    kind: PathKind | None = None
    """How it is connected; None: it is not."""
    relay: str = ""
    """The relay's name, where it is connected by one."""

    @property
    def sentence(self) -> str:
        """`bob is connected by the relay fra, not directly: REASON`."""
        told = f"{self.name} is {self.state.value}"
        if self.kind is PathKind.RELAY:
            told += f" by the relay {self.relay}"
        elif self.kind is PathKind.PEER:
            told += " by other members"
        elif self.kind is PathKind.TCP:
            told += " by TCP"
        if not self.reason:
            return told
        return f"{told}: {self.reason}" if self.kind is None else f"{told}, not directly: {self.reason}"


NodeEvent = (
    PeerAdded
    | PeerChanged
    | PeerRemoved
    | SessionReady
    | SessionRetired
    | PathSelected
    | ControlToSend
    | DatagramToSend
    | SignalToSend
    | PunchWanted
    | SurroundingsDoubted
    | RelayStreamWanted
    | RelayStreamUnwanted
    | PeerStreamWanted
    | PeerStreamUnwanted
    | SideSocketsWanted
    | SideSocketKept
    | SideSocketsDropped
    | HandshakeMarkChanged
    | PeerStateChanged
)
