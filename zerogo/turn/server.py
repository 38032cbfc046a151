# -*- test-case-name: zerogo.test.turn.test_server -*-
"""A TURN server core, RFC 8656: told what clients and peers send, it says what to send and which sockets to open.

    clients  --Allocate, Refresh, ...-->  door (who?)  -->  desk (may they? do it)  -->  ledger
             --Send, ChannelData------->  permission?  -->  ToPeer, or straight to another allocation of this relay
    peers    --datagram---------------->  permission?  -->  Data or ChannelData to the client

What keeps it from being abused:

- Before a client has proven its address with a nonce of ours and its identity with a key, it costs counters, nothing
  else: no table has a place for it (`turn.nonce`).
- To strangers it says 401 and 438 only, without SOFTWARE or reason phrase, at a bounded rate for each source. Over UDP
  such an answer is about 60 bytes, with realm and nonce; our own client pads its first request so that the answer is
  not longer. Other clients' first request is 28 bytes or more, and RFC 8656 gives no way to answer it in less.
- Indications, responses and what is not STUN are never answered.
- It is closed: a permission needs a reason (`turn.gate`). Data for the relay's own addresses never touches a socket.
- Who shares its secret can revoke a time-limited credential (`turn.revocation`): what was lent by it ends at once.
- Everything a user can have is counted (`turn.quota`), and what waits to be sent is bounded: the newest is dropped.

Sockets are the driver's: `RelayWanted` asks for one. Times of permissions and channels are looked at when they are
used; a sweep every `SWEEP_SECONDS` gives back what has expired.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from attrs import define, evolve, field, frozen

from zerogo.core import Deadline, RandomBytes, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import Attribute, ErrorCode, Fingerprint, Nonce, Realm
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.message import Message, MessageClass, Method, emit, new_transaction_id
from zerogo.stun.server import BindingResponder
from zerogo.turn.allocation import Allocation, Channel, ClientAddress, Permission, Reach
from zerogo.turn.attributes import FAMILY_IPV4, FAMILY_IPV6, Data, DontFragment, XorPeerAddress
from zerogo.turn.credentials import Authority
from zerogo.turn.door import Admitted, Challenge, Door
from zerogo.turn.errors import Code, Refusal
from zerogo.turn.events import ClientEnd, FlowPermitted, Output, PeerEnd, ServerEvent, ToClient, ToPeer
from zerogo.turn.gate import PeerGate
from zerogo.turn.ledger import Ledger
from zerogo.turn.message import TurnMethod, emit_channel_data, is_channel_data, parse, parse_channel_data
from zerogo.turn.quota import Bandwidth, Quota, make_bandwidth
from zerogo.turn.requests import RequestDesk

SWEEP_SECONDS = 2.0
FLOW_SECONDS = 5.0
"""A flow is looked at again after so long at the latest."""
STREAM_LISTENER = -1
"""What a connection is to the discovery of NATs: no place that another could answer for."""
OUTPUTS_LIMIT = 4096
CHALLENGES_PER_SECOND = 10.0
CHALLENGES_BURST = 20.0
STREAM_CHALLENGES_PER_SECOND = 100.0
"""A connected client's address is proven: this only bounds the guessing of passwords."""
STREAM_CHALLENGES_BURST = 200.0


@frozen(kw_only=True)
class ServerSettings:
    """What a server is made of."""

    realm: str
    authority: Authority
    gate: PeerGate
    quota: Quota
    has_ipv4: bool = True
    has_ipv6: bool = False
    alternates: tuple[SocketAddress, ...] = ()
    """Where clients are sent that come while we drain, one of each family at most."""
    permits_flows: bool = False
    """Whether the driver can forward by itself what a channel carries (`FlowPermitted`)."""
    make_bandwidth: Callable[[float, float], Bandwidth] = make_bandwidth
    """A new user's bandwidth from bytes a second and the time."""


@define
class ServerCounters:
    """What came in, by what became of it."""

    malformed: int = 0
    ignored: int = 0
    """Well-formed, but nothing that is ever answered or carried out."""
    challenged: int = 0
    limited: int = 0
    """Challenges that a source had too many of."""
    refused: int = 0
    """Error responses to authentic requests."""
    refusals: dict[Code, int] = field(factory=dict)
    """The same by their code."""
    answered: int = 0
    """Success responses."""
    to_peers: int = 0
    to_clients: int = 0
    bytes_to_peers: int = 0
    bytes_to_clients: int = 0
    unpermitted: int = 0
    """Data without a permission, without an allocation, or for a place within the relay that is no allocation."""
    over_bandwidth: int = 0
    revoked: int = 0
    """Allocations that ended since their user is to be served no longer."""
    overflowed: int = 0
    """Outputs dropped because too many waited."""


@frozen
class _Way:
    """A channel that carries data, and what allows it to."""

    allocation: Allocation
    channel: Channel
    permission: Permission

    @property
    def end(self) -> ClientEnd:
        return ClientEnd(self.allocation.client, self.channel.number)

    @property
    def expires_at(self) -> float:
        return min(self.allocation.expires_at, self.channel.expires_at, self.permission.expires_at)


class TurnServer:
    """The server.

    :param rng: makes the nonces' key, tokens and transaction ids.
    :param unix_time: gives Unix seconds.
    :param binding: answers plain STUN on the same ports.
    """

    def __init__(
        self,
        settings: ServerSettings,
        rng: RandomBytes,
        unix_time: Callable[[], float],
        binding: BindingResponder,
    ) -> None:
        self.counters = ServerCounters()
        self._rng = rng
        self._binding = binding
        self._unix_time = unix_time
        self._door = Door(settings.realm, settings.authority, rng, unix_time, settings.gate.secrets)
        self._ledger = Ledger(settings.quota, rng, settings.make_bandwidth)
        self._permits_flows = settings.permits_flows
        self._outputs: deque[Output] = deque()
        self._events: deque[ServerEvent] = deque()
        families = (FAMILY_IPV4,) * settings.has_ipv4 + (FAMILY_IPV6,) * settings.has_ipv6
        self._desk = RequestDesk(self._ledger, settings.gate, families, unix_time, self._events)
        self._desk.alternates = settings.alternates
        self._challenges = SourceLimiter(CHALLENGES_PER_SECOND, CHALLENGES_BURST)
        self._stream_challenges = SourceLimiter(STREAM_CHALLENGES_PER_SECOND, STREAM_CHALLENGES_BURST)
        self._sweep_at: float | None = None

    def receive_from_client(self, data: bytes, client: ClientAddress, now: float) -> None:
        """One datagram, or one message of a stream. Never raises."""
        try:
            if is_channel_data(data):
                self._receive_channel_data(data, client, now)
            else:
                self._receive_stun(parse(data), data, client, now)
        except ParseError:
            self.counters.malformed += 1

    def client_lost(self, client: ClientAddress, now: float) -> None:
        """The connection of a client is closed: its allocation ends."""
        self._door.connection_lost(client)
        self._ledger.cancel_waiting(client)
        allocation = self._ledger.of_client(client, now)
        if allocation is not None:
            self._desk.end(allocation, "connection closed")

    def serves(self, client: ClientAddress, now: float) -> bool:
        """Whether this client has an allocation, or one under way."""
        return self._ledger.of_client(client, now) is not None or self._ledger.is_waiting(client)

    def _receive_stun(self, message: Message, raw: bytes, client: ClientAddress, now: float) -> None:
        if message.message_class is MessageClass.REQUEST and client.address.port:
            if message.method == Method.BINDING:
                self._receive_binding(raw, client, now)
            elif message.method == TurnMethod.REVOKE:
                self._receive_revocation(message, raw, client, now)
            else:
                self._receive_request(message, raw, client, now)
        elif message.message_class is MessageClass.INDICATION and message.method == TurnMethod.SEND:
            self._receive_send(message, client, now)
        else:
            self.counters.ignored += 1

    def _receive_binding(self, raw: bytes, client: ClientAddress, now: float) -> None:
        listener = STREAM_LISTENER if client.is_stream else client.listener
        answer = self._binding.answer(raw, client.address, listener, now)
        if answer is not None:
            answering = client if client.is_stream else evolve(client, listener=answer.listener)
            self._put(ToClient(answering, answer.payload))

    def _receive_revocation(self, request: Message, raw: bytes, client: ClientAddress, now: float) -> None:
        """Whoever shares our secret says whom to serve no longer (`turn.revocation`)."""
        received = self._door.revocations.receive(request, raw, self._unix_time())
        if received is None:
            self.counters.ignored += 1
            return
        answer, new = received
        for revocation in new:
            for allocation in self._ledger.of_user(revocation.user):
                if self._door.revocations.is_void(allocation.user, allocation.credential_ends):
                    self.counters.revoked += 1
                    self._desk.end(allocation, "revoked")
        self._put(ToClient(client, answer))

    def _receive_request(self, request: Message, raw: bytes, client: ClientAddress, now: float) -> None:
        judged = self._door.judge(request, raw, client, now)
        if judged is None:
            self.counters.ignored += 1
        elif isinstance(judged, Challenge):
            self._send_challenge(request, judged, client, now)
        else:
            self._carry_out(request, judged, client, now)

    def _carry_out(self, request: Message, admitted: Admitted, client: ClientAddress, now: float) -> None:
        try:
            attributes = self._desk.answer(request, admitted, client, now)
        except Refusal as refusal:
            self._send_refusal(request, refusal, admitted, client)
            return
        if attributes is not None:
            self._send_success(request, attributes, admitted, client)
        self._arm(now)

    def _receive_send(self, message: Message, client: ClientAddress, now: float) -> None:
        """A Send indication (RFC 8656 section 11.2): relayed or dropped, never answered."""
        peer, data = message.get(XorPeerAddress), message.get(Data)
        allocation = self._ledger.of_client(client, now)
        if peer is None or data is None or message.unknown_required:
            self.counters.ignored += 1
        elif allocation is None:
            self.counters.unpermitted += 1
        else:
            is_whole = message.get(DontFragment) is not None
            self._relay(allocation, ToPeer(allocation.relayed, peer.address, data.data, is_whole), now)

    def _receive_channel_data(self, data: bytes, client: ClientAddress, now: float) -> None:
        received = parse_channel_data(data)
        allocation = self._ledger.of_client(client, now)
        channel = None if allocation is None else allocation.channel(received.number, now)
        if allocation is None or channel is None:
            self.counters.unpermitted += 1
        else:
            self._relay(allocation, ToPeer(allocation.relayed, channel.peer, received.data), now, channel)

    def receive_from_peer(self, data: bytes, peer: SocketAddress, relayed: SocketAddress, now: float) -> None:
        """A datagram came to a relayed address from outside. Never raises."""
        self._deliver(data, peer, relayed, Reach.OUTSIDE, now, None)

    def _relay(self, allocation: Allocation, datagram: ToPeer, now: float, channel: Channel | None = None) -> None:
        permission = allocation.permission(datagram.peer.host, now)
        if permission is None or not datagram.peer.port:
            self.counters.unpermitted += 1
            return
        if not allocation.usage.bandwidth.takes(len(datagram.payload), now):
            self.counters.over_bandwidth += 1
            return
        if self._ledger.at(datagram.peer, now) is not None:
            allocation.bytes_out += len(datagram.payload)
            origin = None if channel is None else _Way(allocation, channel, permission)
            self._deliver(datagram.payload, datagram.relayed, datagram.peer, Reach.INSIDE, now, origin)
        elif permission.reach is Reach.OUTSIDE:
            allocation.bytes_out += len(datagram.payload)
            self.counters.to_peers += 1
            self.counters.bytes_to_peers += len(datagram.payload)
            self._put(datagram)
            if channel is not None:
                way = _Way(allocation, channel, permission)
                self._permit_flow(way.end, PeerEnd(datagram.relayed, datagram.peer), (way,), now)
        else:
            self.counters.unpermitted += 1

    def _deliver(
        self,
        data: bytes,
        peer: SocketAddress,
        relayed: SocketAddress,
        source: Reach,
        now: float,
        origin: _Way | None,
    ) -> None:
        """Data that came from inside or outside for the client of a relayed address; `origin` is the channel of
        another client that it came by."""
        allocation = self._ledger.at(relayed, now)
        permission = None if allocation is None else allocation.permission(peer.host, now)
        if allocation is None or permission is None or (source, permission.reach) == (Reach.OUTSIDE, Reach.INSIDE):
            self.counters.unpermitted += 1
            return
        if not allocation.usage.bandwidth.takes(len(data), now):
            self.counters.over_bandwidth += 1
            return
        allocation.bytes_in += len(data)
        self.counters.to_clients += 1
        self.counters.bytes_to_clients += len(data)
        channel = allocation.channel_to(peer, now)
        if channel is not None:
            payload = emit_channel_data(channel.number, data, allocation.client.is_stream)
            way = _Way(allocation, channel, permission)
            if origin is not None:
                self._permit_flow(origin.end, way.end, (origin, way), now)
            elif source is Reach.OUTSIDE:
                self._permit_flow(PeerEnd(relayed, peer), way.end, (way,), now)
        else:
            payload = self._data_indication(data, peer)
        self._put(ToClient(allocation.client, payload))

    def renew_flow(self, source: ClientEnd | PeerEnd, now: float) -> None:
        """Decide again about a flow that is in use and about to end: `FlowPermitted` as before, or nothing."""
        if isinstance(source, PeerEnd):
            way = self._way_to(source.peer, source.relayed, now)
            if way is not None and way.permission.reach is Reach.OUTSIDE:
                self._permit_flow(source, way.end, (way,), now)
            return
        allocation = self._ledger.of_client(source.client, now)
        channel = None if allocation is None else allocation.channel(source.channel, now)
        permission = None if allocation is None or channel is None else allocation.permission(channel.peer.host, now)
        if allocation is None or channel is None or permission is None:
            return
        origin = _Way(allocation, channel, permission)
        target = self._way_to(allocation.relayed, channel.peer, now)
        if target is not None:
            self._permit_flow(source, target.end, (origin, target), now)
        elif permission.reach is Reach.OUTSIDE and self._ledger.at(channel.peer, now) is None:
            self._permit_flow(source, PeerEnd(allocation.relayed, channel.peer), (origin,), now)

    def _way_to(self, peer: SocketAddress, relayed: SocketAddress, now: float) -> _Way | None:
        """The channel by which the client of `relayed` gets what `peer` sends."""
        allocation = self._ledger.at(relayed, now)
        permission = None if allocation is None else allocation.permission(peer.host, now)
        channel = None if allocation is None else allocation.channel_to(peer, now)
        if allocation is None or permission is None or channel is None:
            return None
        return _Way(allocation, channel, permission)

    def _permit_flow(
        self, source: ClientEnd | PeerEnd, destination: ClientEnd | PeerEnd, ways: tuple[_Way, ...], now: float
    ) -> None:
        if not self._permits_flows or any(way.allocation.client.is_stream for way in ways):
            return
        expires_at = min(now + FLOW_SECONDS, *(way.expires_at for way in ways))
        payers = tuple(way.allocation.usage.bandwidth for way in ways)
        self._events.append(FlowPermitted(source, destination, payers, expires_at))

    def _data_indication(self, data: bytes, peer: SocketAddress) -> bytes:
        attributes = (XorPeerAddress(peer), Data(data))
        indication = Message(TurnMethod.DATA, MessageClass.INDICATION, new_transaction_id(self._rng), attributes)
        return emit(indication, fingerprint=False)

    def relay_opened(self, ticket: int, relayed: SocketAddress, kept: SocketAddress | None, now: float) -> None:
        """The socket that `RelayWanted` asked for is there (its address as peers see it), and the kept one."""
        waiting = self._ledger.take_waiting(ticket)
        if waiting is None:
            for opened in (relayed, *(() if kept is None else (kept,))):
                self._desk.release(opened)
            return
        attributes = self._desk.opened(waiting, relayed, kept, now)
        self._send_success(waiting.request, attributes, waiting.admitted, waiting.client)
        self._arm(now)

    def relay_refused(self, ticket: int, now: float) -> None:
        """There is no socket for it."""
        waiting = self._ledger.take_waiting(ticket)
        if waiting is not None:
            self._ledger.books.close(waiting.usage)
            refusal = Refusal(Code.INSUFFICIENT_CAPACITY, "no free port")
            self._send_refusal(waiting.request, refusal, waiting.admitted, waiting.client)

    def drain(self, now: float) -> None:
        """Lend nothing new, and name another relay where there is one; what is lent goes on."""
        self._desk.is_draining = True

    @property
    def is_draining(self) -> bool:
        """Whether nothing new is lent."""
        return self._desk.is_draining

    @property
    def is_idle(self) -> bool:
        """Whether nothing is lent."""
        return self._ledger.is_empty

    @property
    def allocations(self) -> int:
        """How many there are."""
        return len(self._ledger)

    @property
    def revocations(self) -> int:
        """How many users are known that are to be served no longer."""
        return len(self._door.revocations)

    @property
    def users(self) -> int:
        """How many are on the books."""
        return len(self._ledger.books)

    def handle_timer(self, now: float) -> None:
        """Give back what has expired."""
        for allocation in self._ledger.expired(now):
            self._desk.end(allocation, "expired")
        for relayed in self._ledger.release_reservations(now):
            self._desk.release(relayed)
        self._sweep_at = None
        self._arm(now)

    def next_timer(self) -> Deadline | None:
        """The next sweep, while anything is lent."""
        return None if self._sweep_at is None else Deadline(self._sweep_at, "sweep")

    def transmits(self) -> Iterator[Output]:
        """Drain what is to be sent."""
        return drain(self._outputs)

    def events(self) -> Iterator[ServerEvent]:
        """Drain what is to be done."""
        return drain(self._events)

    def _arm(self, now: float) -> None:
        if self._sweep_at is None and not self._ledger.is_empty:
            self._sweep_at = now + SWEEP_SECONDS

    def _put(self, output: Output) -> None:
        if len(self._outputs) < OUTPUTS_LIMIT:
            self._outputs.append(output)
        else:
            self.counters.overflowed += 1

    def _send_challenge(self, request: Message, challenge: Challenge, client: ClientAddress, now: float) -> None:
        limiter = self._stream_challenges if client.is_stream else self._challenges
        if not limiter.allows(client.address, now):
            self.counters.limited += 1
            return
        self.counters.challenged += 1
        attributes = (ErrorCode(challenge.code), Realm(challenge.realm), Nonce(challenge.nonce))
        response = Message(request.method, MessageClass.ERROR, request.transaction_id, attributes)
        self._put(ToClient(client, emit(response, fingerprint=False)))

    def _send_refusal(self, request: Message, refusal: Refusal, admitted: Admitted, client: ClientAddress) -> None:
        self.counters.refused += 1
        self.counters.refusals[refusal.number] = self.counters.refusals.get(refusal.number, 0) + 1
        attributes = (ErrorCode(refusal.number, refusal.reason), *refusal.attributes)
        self._respond(request, MessageClass.ERROR, attributes, admitted, client)

    def _send_success(
        self, request: Message, attributes: tuple[Attribute, ...], admitted: Admitted, client: ClientAddress
    ) -> None:
        self.counters.answered += 1
        self._respond(request, MessageClass.SUCCESS, attributes, admitted, client)

    def _respond(
        self,
        request: Message,
        message_class: MessageClass,
        attributes: tuple[Attribute, ...],
        admitted: Admitted,
        client: ClientAddress,
    ) -> None:
        response = Message(request.method, message_class, request.transaction_id, attributes)
        has_fingerprint = request.get(Fingerprint) is not None
        payload = emit(response, admitted.account.key, has_fingerprint, admitted.integrity)
        self._put(ToClient(client, payload))
