# -*- test-case-name: zerogo.test.testing.test_plane -*-
"""A data plane in memory: the law of `zerogo.dataplane.interface` over `TransportSession`, in virtual time.

Frames enter by `write_frame` (as if read from a TAP) and leave to `on_frame`. There are no descriptors, threads,
offloads, fragments or timers of its own: `tick` does once a second what a plane does with time. All endpoints work:
channels, routes (once `open` said who we are), and side sockets, of which only the numbers are known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field

from zerogo.dataplane.band import band_of, flow_hash
from zerogo.dataplane.door import is_for_us
from zerogo.dataplane.interface import (
    KEEPALIVE_SECONDS,
    REJECT_AFTER_SECONDS,
    REKEY_AFTER_SECONDS,
    STAGED_BYTES_LIMIT,
    UPCALLS_LIMIT,
    ControlReceived,
    Counter,
    DatagramReceived,
    PathPlan,
    PeerCounters,
    PeerEntry,
    PeerRoamed,
    PlaneCounters,
    PlaneSettings,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.dataplane.packet import network_offset
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.ids import ChannelAddress, Endpoint, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.noise.session import TransportSession
from zerogo.policy.decisions import Decided, DecisionTable
from zerogo.policy.filter import PeerFilter
from zerogo.switch.gate import Gate
from zerogo.switch.storm import StormBudget
from zerogo.turn.message import emit_channel_data, parse_channel_data
from zerogo.wire.datagram import TYPE_FORWARD, DatagramKind, classify
from zerogo.wire.forward import Forward, emit_forward, first_forward, parse_forward
from zerogo.wire.probe import answer_to_probe
from zerogo.wire.route import overhead_bytes, parse_forward_header
from zerogo.wire.transport import (
    INNER_BYTES,
    Band,
    InnerHeader,
    Kind,
    emit_inner,
    parse_header,
    parse_inner,
)

_MAC_BYTES = 6
FORWARD_BURST_BYTES = 65536.0


def _is_node(entry: _Peer, node_id: NodeId) -> bool:
    return entry.entry is not None and entry.entry.node_id == node_id


@define(eq=False)
class _Session:
    peer: int
    keys: SessionKeys = field(repr=False)
    transport: TransportSession
    added_at: float


@define(eq=False)
class _Tally:
    bytes_in: int = 0
    bytes_out: int = 0
    datagrams_in: int = 0
    datagrams_out: int = 0
    forwarded_bytes: int = 0

    def counters(self) -> PeerCounters:
        return PeerCounters(
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            datagrams_in=self.datagrams_in,
            datagrams_out=self.datagrams_out,
            forwarded_bytes=self.forwarded_bytes,
        )


@define(eq=False)
class _Peer:
    entry: PeerEntry | None = None
    plan: PathPlan | None = None
    previous: _Session | None = None
    current: _Session | None = None
    next: _Session | None = None
    staged: deque[bytes] = field(factory=deque)
    tally: _Tally = field(factory=_Tally)
    sent_at: float = float("-inf")
    frame_received_at: float | None = None
    roamed_at: float = float("-inf")
    wants_keys: bool = False


class MemoryPlane:
    """Implements `IDataplane`.

    :param clock: gives the time, seconds.
    :param send: takes destination and datagram.
    :param on_frame: takes the sending peer and the frame.
    :param on_wakeup: called when there are upcalls to poll.
    :param send_side: takes the number of a side socket, destination and datagram.
    """

    name = "memory"

    def __init__(
        self,
        clock: Callable[[], float],
        send: Callable[[SocketAddress, bytes], object],
        on_frame: Callable[[int, bytes], object],
        on_wakeup: Callable[[], object],
        send_side: Callable[[int, SocketAddress, bytes], object] = lambda number, destination, datagram: None,
    ) -> None:
        self._clock = clock
        self._send = send
        self._on_frame = on_frame
        self._on_wakeup = on_wakeup
        self._send_side = send_side
        self._sides: set[int] = set()
        self._forwarding = 0
        self._forward_budget = StormBudget(1.0, 1.0)
        self._settings: PlaneSettings | None = None
        self._peers: dict[int, _Peer] = {}
        self._sessions: dict[int, _Session] = {}
        self._upcalls: deque[Upcall] = deque()
        self._counts = dict.fromkeys(Counter, 0)
        self._gate = Gate()

    def open(self, settings: PlaneSettings) -> None:
        """Begin; the descriptors are not used."""
        self._settings = settings

    def wakeup_fd(self) -> int:
        """There is none; `on_wakeup` is called."""
        return -1

    def poll_upcalls(self, limit: int = 256) -> list[Upcall]:
        """Up to `limit`, oldest first."""
        return [self._upcalls.popleft() for _ in range(min(limit, len(self._upcalls)))]

    def set_peer(self, entry: PeerEntry) -> None:
        """Make a member known."""
        self._peer(entry.peer).entry = entry

    def remove_peer(self, peer: int) -> None:
        """Forget a member and all of it."""
        self._peers.pop(peer, None)
        self._gate.set_filter(peer, None)
        for index in [index for index, session in self._sessions.items() if session.peer == peer]:
            del self._sessions[index]

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        """Hold the peer's frames against these rules."""
        if peer in self._peers:
            self._gate.set_filter(peer, peer_filter)

    def set_decision_log(self, is_on: bool) -> None:
        """Count what filters decide, or do not."""
        self._gate.decisions = DecisionTable() if is_on else None

    def take_decisions(self) -> list[Decided]:
        """What was decided since."""
        return [] if self._gate.decisions is None else self._gate.decisions.take()

    def add_session(self, peer: int, keys: SessionKeys) -> None:
        """An initiator's becomes current, a responder's next."""
        session = _Session(peer, keys, TransportSession(keys), self._clock())
        self._sessions[keys.local_index] = session
        entry = self._peer(peer)
        if not keys.is_initiator:
            self._drop(entry.next)
            entry.next = session
            return
        if entry.next is not None:
            self._drop(entry.current)
            entry.current, entry.next = entry.next, None
        self._make_current(entry, session)

    def retire_session(self, local_index: int) -> None:
        """Erase a session."""
        self._drop(self._sessions.get(local_index))

    def set_path(self, peer: int, plan: PathPlan | None) -> None:
        """Send that way from now on."""
        entry = self._peer(peer)
        entry.plan = plan
        self._flush(entry)

    def set_forwarding(self, bytes_per_second: int) -> None:
        """Carry others' datagrams up to this rate."""
        self._forwarding = bytes_per_second
        self._forward_budget = StormBudget(float(bytes_per_second), max(bytes_per_second / 4, FORWARD_BURST_BYTES))

    def add_side_socket(self, number: int, fd: int) -> None:
        """There is a socket of that number; the descriptor is not used."""
        self._sides.add(number)

    def remove_side_socket(self, number: int) -> None:
        """It is gone."""
        self._sides.discard(number)

    def send_datagram(self, destination: Endpoint, payload: bytes) -> None:
        """As it is."""
        self._send_out(destination, payload)

    def send_control(self, peer: int, payload: bytes, destination: Endpoint | None = None) -> None:
        """Sealed in the current session."""
        entry = self._peer(peer)
        target = destination or (entry.plan.best.endpoint if entry.plan else None)
        if target is not None:
            self._seal(entry, Kind.CONTROL, payload, (target,))

    def counters(self) -> PlaneCounters:
        """What happened so far."""
        return PlaneCounters(
            plane=dict(self._counts), peers={peer: each.tally.counters() for peer, each in self._peers.items()}
        )

    def close(self) -> None:
        """Erase everything."""
        self._peers.clear()
        self._sessions.clear()
        self._upcalls.clear()

    @property
    def session_count(self) -> int:
        """Sessions installed."""
        return len(self._sessions)

    def write_frame(self, frame: bytes) -> None:
        """A frame as the TAP would give it: to the peer with its destination address, a group's to all."""
        self._counts[Counter.TAP_FRAMES_IN] += 1
        for entry in self._peers.values():
            if entry.entry is not None and (frame[0] & 1 or entry.entry.mac.raw == frame[:_MAC_BYTES]):
                self._send_frame(entry, frame)

    def receive_datagram(self, data: bytes, source: SocketAddress | SideAddress) -> None:
        """What arrived at the socket, or at a side socket."""
        self._counts[Counter.UDP_DATAGRAMS_IN] += 1
        self._take(data, source)

    def _take(self, data: bytes, source: Endpoint) -> None:
        kind = classify(data)
        stray = None if isinstance(source, ChannelAddress) else DatagramKind.RELAYED_SIGNAL
        if kind in (DatagramKind.TRANSPORT, DatagramKind.FORWARD):
            self._open(data, source)
        elif kind is DatagramKind.CHANNEL_DATA and isinstance(source, SocketAddress):
            self._take_out_of_channel(data, source)
        elif kind in (DatagramKind.CHANNEL_DATA, DatagramKind.UNKNOWN, stray):
            self._counts[Counter.DROPPED_MALFORMED] += 1
        elif kind in (DatagramKind.INITIATION, DatagramKind.RESPONSE) and not self._is_meant_for_us(data):
            self._counts[Counter.DROPPED_MAC1] += 1
        else:
            self._pass_up(DatagramReceived(source, data))

    def _take_out_of_channel(self, data: bytes, relay: SocketAddress) -> None:
        try:
            channel_data = parse_channel_data(data)
        except ParseError:
            self._counts[Counter.DROPPED_MALFORMED] += 1
            return
        self._take(channel_data.data, ChannelAddress(relay, channel_data.number))

    def _is_meant_for_us(self, handshake: bytes) -> bool:
        return self._settings is None or is_for_us(self._settings.mac1_key, handshake)

    def _open(self, data: bytes, source: Endpoint) -> None:
        is_forward = data[0] == TYPE_FORWARD
        try:
            index = parse_forward_header(data)[1] if is_forward else parse_header(data).receiver_index
            session = self._session_for(index)
            if session is None:
                return
            transport = session.transport
            clear, inner = transport.open_forward(data) if is_forward else (b"", transport.open(data))
            header = None if is_forward else parse_inner(inner)
        except ParseError:
            self._counts[Counter.DROPPED_MALFORMED] += 1
        except RemoteError:
            self._counts[Counter.DROPPED_UNAUTHENTIC] += 1
        else:
            self._confirm(session)
            if header is None:
                self._take_forwarded(session.peer, clear, inner)
            else:
                self._authentic(session.peer, header, inner[INNER_BYTES:], source)
            self._note_source(session.peer, source)

    def _session_for(self, index: int) -> _Session | None:
        session = self._sessions.get(index)
        if session is not None and self._clock() - session.added_at < REJECT_AFTER_SECONDS:
            return session
        self._counts[Counter.DROPPED_UNKNOWN_INDEX if session is None else Counter.DROPPED_EXPIRED_SESSION] += 1
        return None

    def tick(self) -> None:
        """Expire sessions, ask for fresh ones, keep alive. Call once a second."""
        now = self._clock()
        for session in list(self._sessions.values()):
            if now - session.added_at >= REJECT_AFTER_SECONDS:
                self._drop(session)
        for peer, entry in self._peers.items():
            current = entry.current
            is_old = current is not None and current.keys.is_initiator and now - current.added_at >= REKEY_AFTER_SECONDS
            if entry.wants_keys or (is_old and now - entry.sent_at < 1.0):
                entry.wants_keys = False
                self._pass_up(RekeyDue(peer))
            heard_at = entry.frame_received_at
            if heard_at is not None and heard_at > entry.sent_at and now - heard_at >= KEEPALIVE_SECONDS and entry.plan:
                self._seal(entry, Kind.KEEPALIVE, b"", (entry.plan.best.endpoint,))

    def _peer(self, peer: int) -> _Peer:
        return self._peers.setdefault(peer, _Peer())

    def _send_out(self, destination: Endpoint, payload: bytes) -> None:
        match destination:
            case RouteAddress(hops):
                self._send_by_route(hops, payload)
                return
            case SideAddress(number, remote) if number in self._sides:
                self._send_side(number, remote, payload)
            case SideAddress():
                self._counts[Counter.DROPPED_NO_ENDPOINT] += 1
                return
            case ChannelAddress(relay, channel):
                self._send(relay, emit_channel_data(channel, payload))
            case SocketAddress():
                self._send(destination, payload)
        self._counts[Counter.UDP_DATAGRAMS_OUT] += 1

    def _send_by_route(self, hops: tuple[NodeId, ...], payload: bytes) -> None:
        if self._settings is None:
            raise LocalError("a plane that was not opened does not know who it is")
        try:
            forward = parse_forward(*emit_forward(first_forward(self._settings.node_id, hops, payload)))
        except ParseError:
            self._counts[Counter.DROPPED_FORWARD_INVALID] += 1
            return
        self._hand_on(forward, Counter.DROPPED_NO_ENDPOINT)

    def _hand_on(self, forward: Forward, if_no_way: Counter) -> bool:
        """Seal a forwarded datagram for the member at its position; whether it went."""
        entry = next((each for each in self._peers.values() if _is_node(each, forward.route[forward.position])), None)
        plan = entry.plan if entry else None
        ways = () if plan is None else (*(() if plan.hop is None else (plan.hop,)), *plan.ways)
        way = next((way for way in ways if not isinstance(way.endpoint, RouteAddress)), None)
        session = None if entry is None else self._usable(entry)
        if entry is None or way is None or session is None:
            self._counts[if_no_way] += 1
            return False
        if len(forward.datagram) + overhead_bytes(len(forward.route)) > way.mtu:
            self._counts[Counter.DROPPED_FORWARD_TOO_LONG] += 1
            return False
        entry.sent_at = self._clock()
        entry.tally.datagrams_out += 1
        self._send_out(way.endpoint, session.transport.seal_forward(*emit_forward(forward)))
        return True

    def _take_forwarded(self, peer: int, clear: bytes, opened: bytes) -> None:
        """A datagram of another pair, or for us, that came sealed by `peer`."""
        entry = self._peers[peer].entry
        try:
            forward = parse_forward(clear, opened)
        except ParseError:
            self._counts[Counter.DROPPED_FORWARD_INVALID] += 1
            return
        is_right = self._settings and entry and forward.is_rightful(self._settings.node_id, entry.node_id)
        if not is_right:
            self._counts[Counter.DROPPED_FORWARD_INVALID] += 1
        elif forward.is_last:
            self._counts[Counter.FORWARD_DELIVERED] += 1
            self._take(forward.datagram, RouteAddress(forward.back))
        elif not self._forwarding or not self._forward_budget.spend(len(forward.datagram), self._clock()):
            self._counts[Counter.DROPPED_FORWARD_RATE] += 1
        elif self._hand_on(forward.onward(), Counter.DROPPED_FORWARD_NO_WAY):
            self._counts[Counter.FORWARD_CARRIED] += 1
            self._peers[peer].tally.forwarded_bytes += len(forward.datagram)

    def _ways_of(self, plan: PathPlan, frame: bytes) -> tuple[Endpoint, ...]:
        """Where a frame goes: its flow's way, and the twin if it is of the real-time band."""
        network = network_offset(frame, 0, len(frame))
        ways = (plan.best, *plan.spread)
        way = ways[flow_hash(frame, network, len(frame)) % len(ways)]
        if plan.twin is None or plan.twin == way or band_of(frame, network, len(frame)) != Band.REALTIME:
            return (way.endpoint,)
        self._counts[Counter.TWINS_OUT] += 1
        return way.endpoint, plan.twin.endpoint

    def _send_frame(self, entry: _Peer, frame: bytes) -> None:
        if entry.entry is not None and not self._gate.passes(entry.entry.peer, frame, True, self._clock()):
            self._counts[Counter.DROPPED_POLICY_OUT] += 1
            return
        if entry.plan is not None and self._seal(entry, Kind.ETHERNET, frame, self._ways_of(entry.plan, frame)):
            return
        entry.wants_keys = entry.current is None
        entry.staged.append(frame)
        while sum(map(len, entry.staged)) > STAGED_BYTES_LIMIT:
            entry.staged.popleft()
            self._counts[Counter.DROPPED_STAGED] += 1

    def _seal(self, entry: _Peer, kind: Kind, payload: bytes, destinations: tuple[Endpoint, ...]) -> bool:
        session = self._usable(entry)
        if session is None:
            return False
        entry.sent_at = self._clock()
        entry.tally.datagrams_out += 1
        entry.tally.bytes_out += len(payload) if kind is Kind.ETHERNET else 0
        sealed = session.transport.seal(emit_inner(InnerHeader(kind)) + payload)
        for destination in destinations:
            self._send_out(destination, sealed)
        return True

    def _usable(self, entry: _Peer) -> _Session | None:
        session = entry.current
        is_usable = session is not None and self._clock() - session.added_at < REJECT_AFTER_SECONDS
        return session if is_usable else None

    def _flush(self, entry: _Peer) -> None:
        if entry.current is None or entry.plan is None:
            return
        frames, entry.staged = entry.staged, deque()
        for frame in frames:
            self._send_frame(entry, frame)

    def _authentic(self, peer: int, header: InnerHeader, payload: bytes, source: Endpoint) -> None:
        if header.kind is Kind.CONTROL:
            answer = answer_to_probe(payload)
            if answer is not None:
                self.send_control(peer, answer, source)
            self._pass_up(ControlReceived(peer, source, payload))
        elif header.kind is Kind.ETHERNET:
            self._receive_frame(self._peers[peer], peer, payload)

    def _confirm(self, session: _Session) -> None:
        entry = self._peers[session.peer]
        if entry.next is session:
            entry.next = None
            self._make_current(entry, session)
            self._pass_up(SessionConfirmed(session.peer, session.keys.local_index))

    def _note_source(self, peer: int, source: Endpoint) -> None:
        entry, now = self._peers[peer], self._clock()
        places = [way.endpoint for way in entry.plan.ways] if entry.plan else [source]
        if source not in places and now - entry.roamed_at >= 1.0:
            entry.roamed_at = now
            self._pass_up(PeerRoamed(peer, source))

    def _receive_frame(self, entry: _Peer, peer: int, frame: bytes) -> None:
        if not self._gate.passes(peer, frame, False, self._clock()):
            self._counts[Counter.DROPPED_POLICY_IN] += 1
            return
        if entry.entry is None or frame[_MAC_BYTES : 2 * _MAC_BYTES] != entry.entry.mac.raw:
            self._counts[Counter.DROPPED_FOREIGN_SOURCE] += 1
            return
        entry.tally.datagrams_in += 1
        entry.tally.bytes_in += len(frame)
        entry.frame_received_at = self._clock()
        self._counts[Counter.TAP_FRAMES_OUT] += 1
        self._on_frame(peer, frame)

    def _make_current(self, entry: _Peer, session: _Session) -> None:
        self._drop(entry.previous)
        entry.previous, entry.current = entry.current, session
        self._flush(entry)

    def _drop(self, session: _Session | None) -> None:
        if session is None:
            return
        self._sessions.pop(session.keys.local_index, None)
        entry = self._peers.get(session.peer)
        if entry is not None:
            entry.previous = None if entry.previous is session else entry.previous
            entry.current = None if entry.current is session else entry.current
            entry.next = None if entry.next is session else entry.next

    def _pass_up(self, upcall: Upcall) -> None:
        if len(self._upcalls) >= UPCALLS_LIMIT and isinstance(upcall, DatagramReceived):
            self._counts[Counter.DROPPED_UPCALL_QUEUE] += 1
            return
        self._upcalls.append(upcall)
        self._on_wakeup()
