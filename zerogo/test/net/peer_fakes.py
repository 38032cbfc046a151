"""Two members and what lies between them, in memory: for the tests of the streams between members."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from zerogo.ids import NetworkId, SocketAddress
from zerogo.mesh.credentials import PairSecrets, derive_pair_secrets
from zerogo.mesh.stream_proof import StreamKey, fragment_of, ufrag_of
from zerogo.net.loopback import LOOPBACK
from zerogo.net.peer_stream import StreamTools
from zerogo.noise.identity import Identity
from zerogo.testing.clock import seeded_bytes

NETWORK = NetworkId(b"abcde")
ANN, BOB, EVE = (Identity.generate(seeded_bytes(name)) for name in ("ann", "bob", "eve"))
DATA_PORT = 9993
FIRST_LOOPBACK = 40001


def secrets_of(one: Identity, other: Identity) -> PairSecrets:
    return derive_pair_secrets(one, other.static_public, NETWORK)


def dial_key(one: Identity, other: Identity, peer: int = 7) -> StreamKey:
    """What `one` dials `other` with."""
    secrets = secrets_of(one, other)
    return StreamKey(peer, fragment_of(secrets.remote.ufrag), secrets.stream_dial_key)


def find_for(listener: Identity, *members: Identity):  # type: ignore[no-untyped-def]
    """What a listener looks its members up by; they are numbered from 1."""
    known = {secrets_of(listener, one).local.ufrag: (n, secrets_of(listener, one)) for n, one in enumerate(members, 1)}

    def find(fragment: bytes) -> StreamKey | None:
        found = known.get(ufrag_of(fragment))
        return None if found is None else StreamKey(found[0], fragment, found[1].stream_accept_key)

    return find


class Transport(StringTransport):
    """Written bytes wait in it; closing it is noticed in a later turn of the clock, or at once where there is none."""

    clock: Clock | None = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.has_no_delay = enabled

    def abortConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            if self.clock is None:
                self._lose()
            else:
                self.clock.callLater(0, self._lose)

    def _lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def take(self) -> bytes:
        data = self.value()
        self.clear()
        return data


def connect(protocol: object, host: str = "192.0.2.9", clock: Clock | None = None) -> Transport:
    """A connection from there."""
    transport = Transport(peerAddress=IPv4Address("TCP", host, 50000))
    transport.clock = clock
    transport.protocol = protocol
    protocol.makeConnection(transport)  # type: ignore[attr-defined]
    return transport


def exchange(one: Transport, other: Transport) -> None:
    """Until neither has anything to say any more."""
    while (first := one.take()) + (second := other.take()):
        for data, to in ((first, other), (second, one)):
            if data and not to.disconnecting:
                to.protocol.dataReceived(data)


@define(eq=False)
class LoopbackSocket:
    """One that `Reactor.listenUDP` opened."""

    protocol: object
    port: int
    written: list[tuple[bytes, tuple[str, int]]] = field(factory=list)
    is_open: bool = True

    def getHost(self) -> SocketAddress:
        return SocketAddress(LOOPBACK, self.port)

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        self.written.append((data, address))

    def stopListening(self) -> None:
        self.is_open = False

    def receive(self, data: bytes, port: int = DATA_PORT) -> None:
        """The data socket sends something there."""
        self.protocol.datagramReceived(data, (LOOPBACK, port))  # type: ignore[attr-defined]


class Reactor(Clock):
    """A clock that opens loopback sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: list[LoopbackSocket] = []

    def listenUDP(self, port: int, protocol: object, interface: str, maxPacketSize: int) -> LoopbackSocket:
        assert interface == LOOPBACK
        opened = LoopbackSocket(protocol, FIRST_LOOPBACK + len(self.sockets))
        protocol.transport = opened  # type: ignore[attr-defined]
        self.sockets.append(opened)
        return opened

    def tools(self, seed: str) -> StreamTools:
        return StreamTools(reactor=self, data_ports=lambda: [DATA_PORT], rng=seeded_bytes(seed))


@define(eq=False)
class Endpoint:
    """Connects when it is told to."""

    dialled: list[tuple[IProtocolFactory, Deferred]] = field(factory=list)  # type: ignore[type-arg]

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred:  # type: ignore[type-arg]
        self.dialled.append((protocolFactory, Deferred(lambda _: None)))
        return self.dialled[-1][1]

    def accept(self) -> Transport:
        factory, done = self.dialled[-1]
        protocol = factory.buildProtocol(None)
        transport = connect(protocol)
        done.callback(protocol)
        return transport

    def refuse(self) -> None:
        self.dialled[-1][1].errback(ConnectionRefusedError())
