"""A TURN server core on a bench: clients that know the protocol byte by byte, sockets that open when they are told."""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import define, field

from zerogo.ids import SocketAddress
from zerogo.policy.addresses import AddressRule, Network
from zerogo.secret import Secret
from zerogo.stun.attributes import Attribute, ErrorCode, Nonce, Realm, Username
from zerogo.stun.integrity import long_term_key
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.message import Message, MessageClass, check_integrity, emit
from zerogo.stun.server import BindingResponder, ResponderCounters
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.attributes import RequestedTransport, XorPeerAddress
from zerogo.turn.credentials import Authorities, StaticUsers, TimedUsers
from zerogo.turn.events import RelayReleased, RelayWanted, ServerEvent, ToClient, ToPeer
from zerogo.turn.gate import PeerGate
from zerogo.turn.message import TurnMethod, is_channel_data, parse
from zerogo.turn.quota import Quota
from zerogo.turn.server import ServerSettings, TurnServer

OWN = "5.5.5.5"
SECRET = Secret("a secret of the bench")
UDP = RequestedTransport(17)
UNIX = 1_000_000.0


def udp(host: str = "192.0.2.1", port: int = 4000) -> ClientAddress:
    return ClientAddress(0, ClientTransport.UDP, SocketAddress(host, port))


@define
class Bench:
    """One server; `now` is moved by the tests."""

    quota: Quota = field(factory=Quota)
    allowed: Sequence[Network] = ()
    has_ipv6: bool = False
    now: float = 0.0
    next_port: int = 50000
    has_free_ports: bool = True
    permits_flows: bool = False
    server: TurnServer = field(init=False)
    seen: list[ServerEvent] = field(factory=list)
    to_clients: list[ToClient] = field(factory=list)
    to_peers: list[ToPeer] = field(factory=list)
    open_relays: list[SocketAddress] = field(factory=list)
    _random: random.Random = field(factory=lambda: random.Random(5))

    def __attrs_post_init__(self) -> None:
        users = {name: Secret(f"password of {name}") for name in ("alice", "bob")}
        settings = ServerSettings(
            realm="realm",
            authority=Authorities([StaticUsers(users), TimedUsers([SECRET])]),
            gate=PeerGate(
                rule=AddressRule(tuple(self.allowed)), own_hosts=(OWN,), secrets=(SECRET,), unix_time=self.unix
            ),
            quota=self.quota,
            has_ipv6=self.has_ipv6,
            permits_flows=self.permits_flows,
        )
        binding = BindingResponder(SourceLimiter(20, 40), ResponderCounters())
        self.server = TurnServer(settings, self._random.randbytes, self.unix, binding)

    def unix(self) -> float:
        return UNIX + self.now

    def settle(self) -> None:
        """Do what the server asks for until it asks for nothing."""
        for event in self.server.events():
            self.seen.append(event)
            if isinstance(event, RelayWanted):
                self._open(event)
            elif isinstance(event, RelayReleased):
                self.open_relays.remove(event.relayed)
        for output in self.server.transmits():
            if isinstance(output, ToClient):
                self.to_clients.append(output)
            else:
                self.to_peers.append(output)

    def _open(self, wanted: RelayWanted) -> None:
        if not self.has_free_ports:
            self.server.relay_refused(wanted.ticket, self.now)
            return
        host = "2606:4700::5" if wanted.is_ipv6 else OWN
        opened = [SocketAddress(host, self.next_port)]
        if wanted.keeps_next_port:
            opened.append(SocketAddress(host, self.next_port + 1))
        self.next_port += 2
        self.open_relays += opened
        self.server.relay_opened(wanted.ticket, opened[0], opened[1] if len(opened) > 1 else None, self.now)

    def pass_time(self, seconds: float) -> None:
        """Let the server's timers run for `seconds`."""
        end = self.now + seconds
        while (due := self.server.next_timer()) is not None and due.at <= end:
            self.now = max(self.now, due.at)
            self.server.handle_timer(self.now)
            self.settle()
        self.now = end

    def from_client(self, data: bytes, client: ClientAddress) -> list[bytes]:
        """What the server sends to that client in return."""
        before = len(self.to_clients)
        self.server.receive_from_client(data, client, self.now)
        self.settle()
        return [each.payload for each in self.to_clients[before:] if each.client == client]

    def transaction_id(self) -> bytes:
        return self._random.randbytes(12)


@define
class BenchClient:
    """A client that computes its messages from the RFC, with no state but nonce and key."""

    bench: Bench
    address: ClientAddress = field(factory=udp)
    username: str = "alice"
    password: str = "password of alice"
    nonce: bytes | None = None

    @property
    def key(self) -> bytes:
        return long_term_key(self.username, "realm", self.password)

    def message(
        self, method: TurnMethod, attributes: tuple[Attribute, ...], transaction_id: bytes | None = None
    ) -> bytes:
        """A request with credentials, once there is a nonce."""
        identity = transaction_id or self.bench.transaction_id()
        if self.nonce is None:
            return emit(Message(method, MessageClass.REQUEST, identity, attributes), fingerprint=False)
        attributes += (Username(self.username), Realm("realm"), Nonce(self.nonce))
        return emit(Message(method, MessageClass.REQUEST, identity, attributes), self.key, fingerprint=False)

    def greet(self) -> None:
        """Fetch a nonce."""
        self.nonce = None
        (answer,) = self.bench.from_client(self.message(TurnMethod.ALLOCATE, (UDP,)), self.address)
        nonce = parse(answer).get(Nonce)
        assert nonce is not None
        self.nonce = nonce.nonce

    def ask(self, method: TurnMethod, *attributes: Attribute, transaction_id: bytes | None = None) -> Message:
        """The response, whose integrity is right."""
        if self.nonce is None:
            self.greet()
        (raw,) = self.bench.from_client(self.message(method, attributes, transaction_id), self.address)
        assert check_integrity(raw, self.key), raw
        return parse(raw)

    def code(self, method: TurnMethod, *attributes: Attribute) -> int:
        """The error code of the response; 0 for success."""
        error = self.ask(method, *attributes).get(ErrorCode)
        return 0 if error is None else error.code

    def allocate(self, *attributes: Attribute) -> int:
        return self.code(TurnMethod.ALLOCATE, UDP, *attributes)

    def permit(self, *hosts: str) -> int:
        peers = (XorPeerAddress(SocketAddress(host, 1)) for host in hosts)
        return self.code(TurnMethod.CREATE_PERMISSION, *peers)

    def indicate(self, *attributes: Attribute) -> list[bytes]:
        """Send a Send indication; what comes back."""
        message = Message(TurnMethod.SEND, MessageClass.INDICATION, self.bench.transaction_id(), attributes)
        return self.bench.from_client(emit(message, fingerprint=False), self.address)


def stun_of(outputs: Sequence[ToClient]) -> list[Message]:
    """The STUN messages among what was sent to clients."""
    return [parse(each.payload) for each in outputs if not is_channel_data(each.payload)]
