# -*- test-case-name: zerogo.test.mesh.test_relayed_pairs -*-
"""A relay in the simulated internet: the TURN server core with sockets of a simulated host, and a loop for streams.

It is reached by UDP at `address`, as a host with a public address. `stop` and `start` are a restart, which loses all
that was lent.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from zerogo.core import RandomBytes
from zerogo.ids import SocketAddress
from zerogo.mesh.relay import RelaySpec
from zerogo.policy.addresses import AddressRule
from zerogo.secret import Secret
from zerogo.stun.server import BindingResponder
from zerogo.testing.clock import seeded_bytes
from zerogo.testing.internet import Host, Internet
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.client import TurnCredential
from zerogo.turn.credentials import REALM, TimedUsers, timed_password, timed_username
from zerogo.turn.events import RelayReleased, RelayWanted, ToClient, ToPeer
from zerogo.turn.gate import PeerGate
from zerogo.turn.nonce import hand_out
from zerogo.turn.quota import Quota
from zerogo.turn.server import ServerSettings, TurnServer

TURN_PORT = 3478
FIRST_RELAYED_PORT = 50_000
SECRET = Secret("the secret of a simulated relay")
UNIX_AHEAD = 1_800_000_000.0
CREDENTIAL_SECONDS = 4 * 3600.0
_STREAM_LISTENER = 1
ToStream = Callable[[bytes], object]


@define(eq=False)
class VirtualRelay:
    """One relay. Members that cannot use UDP have a stream to it, which is a function."""

    name: str
    internet: Internet
    host: Host
    server: TurnServer = field(init=False)
    is_up: bool = field(default=True, init=False)
    _rng: RandomBytes = field(init=False)
    _streams: dict[SocketAddress, ToStream] = field(factory=dict, init=False)
    _last_port: int = field(default=FIRST_RELAYED_PORT, init=False)

    def __attrs_post_init__(self) -> None:
        """Up from the beginning."""
        self._rng = seeded_bytes(f"relay {self.name} {self.internet.seed}")
        self.start()

    @property
    def address(self) -> SocketAddress:
        """Where it listens."""
        return self.host.address(TURN_PORT)

    @property
    def spec(self) -> RelaySpec:
        """As members know it."""
        return RelaySpec(name=self.name, addresses=(self.address,), has_streams=True)

    def credential(self, user: str) -> TurnCredential:
        """What the controller would give to a member."""
        username = timed_username(user, self._unix_time() + CREDENTIAL_SECONDS)
        return TurnCredential(username, timed_password(SECRET, username), hand_out(SECRET, username, self._unix_time()))

    def start(self) -> None:
        """A fresh process."""
        own = self.host.addresses[0]
        gate = PeerGate(rule=AddressRule(()), own_hosts=(own,), secrets=(SECRET,), unix_time=self._unix_time)
        settings = ServerSettings(
            realm=REALM, authority=TimedUsers((SECRET,)), gate=gate, quota=Quota(channels=1000, permissions=1000)
        )
        self.server = TurnServer(settings, self._rng, self._unix_time, BindingResponder())
        self.host.sockets[TURN_PORT] = self._receive
        self.is_up = True

    def stop(self) -> None:
        """Gone without a word."""
        self.is_up = False
        self.host.sockets.clear()
        self._streams.clear()

    def open_stream(self, client: SocketAddress, to_client: ToStream) -> Callable[[bytes], object]:
        """A stream is there; returns what takes the client's messages."""
        self._streams[client] = to_client
        return lambda data: self._take(data, ClientAddress(_STREAM_LISTENER, ClientTransport.TCP, client))

    def _receive(self, data: bytes, source: SocketAddress) -> None:
        self._take(data, ClientAddress(0, ClientTransport.UDP, source))

    def _take(self, data: bytes, client: ClientAddress) -> None:
        if self.is_up:
            self.server.receive_from_client(data, client, self._now)
            self._drain()

    def _drain(self) -> None:
        for _ in range(4):
            for event in self.server.events():
                if isinstance(event, RelayWanted):
                    self._open(event.ticket)
                elif isinstance(event, RelayReleased):
                    self.host.sockets.pop(event.relayed.port, None)
        for output in self.server.transmits():
            match output:
                case ToClient(client, payload) if client.is_stream:
                    self._to_stream(client.address, payload)
                case ToClient(client, payload):
                    self.internet.send(self.host, TURN_PORT, client.address, payload)
                case ToPeer(relayed, peer, payload):
                    self.internet.send(self.host, relayed.port, peer, payload)

    def _to_stream(self, client: SocketAddress, payload: bytes) -> None:
        to_client = self._streams.get(client)
        if to_client is not None:
            to_client(payload)

    def _open(self, ticket: int) -> None:
        self._last_port += 1
        relayed = self.host.address(self._last_port)

        def from_peer(data: bytes, source: SocketAddress) -> None:
            self.server.receive_from_peer(data, source, relayed, self._now)
            self._drain()

        self.host.sockets[relayed.port] = from_peer
        self.server.relay_opened(ticket, relayed, None, self._now)

    @property
    def _now(self) -> float:
        return self.internet.clock.now

    def _unix_time(self) -> float:
        return self._now + UNIX_AHEAD
