# -*- test-case-name: zerogo.test.mesh.test_peer -*-
"""One peer of a node: the search for it, its keys and its paths, and how they move each other.

The parts know nothing of each other; after each verb `settle` passes on what changed, in one order: pairs found by ICE
become paths; usable paths are where handshakes may go; a session in use lets paths be probed; the choice among paths is
told to the data plane. When a connected peer's last path dies, it is searched anew, and fresh keys are agreed on over
whatever pair still answers checks, since the peer may have been restarted.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.core import Transmit
from zerogo.errors import ParseError
from zerogo.ice.agent import ChecksFailed, PairLost, PairSelected, PairValid
from zerogo.ids import ChannelAddress, Endpoint
from zerogo.mesh import reasons
from zerogo.mesh.context import NodeContext
from zerogo.mesh.credentials import PairSecrets
from zerogo.mesh.events import ControlToSend, PeerState, PeerStateChanged
from zerogo.mesh.keying import Keying
from zerogo.mesh.meeting import Meeting
from zerogo.mesh.paths import Paths
from zerogo.mesh.relays import Relays
from zerogo.mesh.search import Search
from zerogo.mesh.signal import BySignal, Offer, Relayed, emit_relayed_signal
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import PeerStatus, Refusal
from zerogo.mesh.stream_proof import StreamKey, fragment_of
from zerogo.mesh.streaming import Streaming
from zerogo.routing.allowance import Allowance
from zerogo.wire.control import Close, CloseReason, Probe, ProbeAnswer, emit_control, parse_control
from zerogo.wire.handshake import Suite
from zerogo.wire.links import LinkAdvert, LinkRequest

DOUBT_SECONDS = 0.7
"""A peer that began anew, or whose paths died, has lost its keys if it answers no probe in this time."""
FOLLOWER_DOUBT_SECONDS = 1.2
"""The same at the end that does not lead, so that both do not open handshakes at once."""
SIGNALLED_RATE, SIGNALLED_BURST = 2.0, 8.0
"""Initiations of one peer by the controller that are looked at."""


@define(eq=False)
class Peer:
    """All verbs take monotonic seconds last and write to the node's outbox; call `settle` after each."""

    number: int
    spec: PeerSpec
    _context: NodeContext
    secrets: PairSecrets = field(repr=False)
    leads: bool
    """Whether this end opens the handshake, names the place to meet, and controls ICE at first: the one whose static
    key is smaller."""
    _suite: Suite
    _relays: Relays
    state: PeerState = field(default=PeerState.WAITING, init=False)
    search: Search = field(init=False)
    keying: Keying = field(init=False)
    paths: Paths = field(init=False)
    meeting: Meeting = field(init=False)
    streaming: Streaming = field(init=False)
    signalled: Allowance = field(factory=lambda: Allowance(SIGNALLED_RATE, SIGNALLED_BURST), init=False)
    """Of the peer's initiations that come by the controller."""
    _doubt_at: float | None = field(default=None, init=False)
    _told_reason: str = field(default="", init=False)
    _was_direct: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """The parts of a peer that nothing is known of."""
        self.search = Search(self._context, self.spec, self.secrets, self.leads, self.number)
        self.keying = Keying(self._context, self.number, self.spec.static_public, self._suite, self.leads)
        self.paths = Paths(self._context, self.number)
        self.meeting = Meeting(self._relays, self.number, self.leads)
        fragment = fragment_of(self.secrets.remote.ufrag)
        self.streaming = Streaming(self._context, StreamKey(self.number, fragment, self.secrets.stream_dial_key))

    def change(self, spec: PeerSpec, suite: Suite) -> None:
        """Another record of the same node; the suite is for its next handshakes."""
        self.spec = self.search.spec = spec
        self.keying.suite = suite

    def network_changed(self, offer: Offer, now: float) -> None:
        """This node is elsewhere: paths must prove themselves, and the peer must learn of it."""
        self.search.set_offer(offer, now)
        self.paths.moved(now)
        self.streaming.clear()
        if self.search.is_begun:
            self.search.begin_anew(now)
            self.search.signalling.hasten(now)
            self.paths.probe_all(now)

    def controller_connected(self, now: float) -> None:
        """The controller is in reach again: begin anew with a peer that is not well connected."""
        if self.search.is_begun and not self._is_well:
            self.search.controller_connected(now)

    def receive_signal(self, blob: bytes, now: float, *, place: Relayed | None = None) -> None:
        """A signal of this peer, by the controller or from an allocation of a relay; raises `ParseError`."""
        known = self.search.signalling.remote_offer.candidates
        is_anew = self.search.receive_signal(blob, now, place=place)
        if is_anew and self.search.signalling.remote_offer.relayed and not self._relays.relayed:
            self.keying.leave_to_peer(now)
        self.paths.limit_carriers(self.search.signalling.remote_offer.carriers)
        if self.search.signalling.remote_offer.candidates != known:
            self.paths.moved(now)
        if is_anew and self.state is PeerState.CONNECTED:
            self.search.ice.suspect(now)
            self.paths.peer_began_anew(now)
            self.paths.probe_all(now)
            self._doubt(now)
        if is_anew:
            self.streaming.renew()

    def receive_control(self, payload: bytes, source: Endpoint, now: float) -> LinkRequest | LinkAdvert | None:
        """An authentic control message of the peer; returned is what is not about this pair."""
        try:
            message = parse_control(payload)
        except ParseError:
            self._context.outbox.refuse(Refusal.MALFORMED_CONTROL)
            return None
        match message:
            case ProbeAnswer(probe_id):
                if self.paths.answered(probe_id, now):
                    self._doubt_at = None
            case Close():
                self._closed_by_peer(now)
            case LinkRequest() | LinkAdvert():
                self.heard(source, now)
                return message
            case Probe() | None:
                # The data plane has answered a probe; an unknown message is of a later release.
                self.heard(source, now)
        return None

    def heard(self, source: Endpoint, now: float) -> None:
        """An authentic datagram of the peer came from `source`."""
        told = [each.address for each in self.search.signalling.remote_offer.candidates]
        active = self.paths.active
        is_vouched = source in told and active is not None and active.destination not in told
        self.paths.heard(source, now, is_vouched=is_vouched and self._context.policy.p2p_enabled)

    def shut_down(self, now: float) -> None:
        """Tell the peer that the session ends, and end it."""
        if self.keying.has_session:
            self._context.outbox.tell(ControlToSend(self.number, emit_control(Close(CloseReason.SHUTDOWN))))
        self.clear(now)

    def clear(self, now: float) -> None:
        """Drop sessions and paths."""
        self._doubt_at = None
        self.search.punching.clear()
        self.meeting.clear(now)
        self.streaming.clear()
        self.keying.clear()
        self.paths.stop_probing()
        self.paths.clear()

    def handle_timer(self, now: float) -> None:
        """Do what is due, in all parts."""
        self.search.handle_timer(now, is_well_connected=self._is_well)
        if self._doubt_at is not None and self._doubt_at <= now:
            self._doubt_at = None
            self.keying.renew(now)
        self.keying.handle_timer(now)
        self.paths.handle_timer(now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        times = [self.search.next_at(), self._doubt_at, self.keying.next_at(), self.paths.next_at()]
        times += [self.meeting.next_at(), self.streaming.next_at()]
        return min((at for at in times if at is not None), default=None)

    def settle(self, now: float) -> list[Transmit]:
        """Pass on what changed between the parts; returns what the ICE agent wants sent."""
        self._take_ice_events(now)
        self.search.punching.settle(self.search.ice)
        self._signal_ahead()
        self._meet(now)
        self.paths.is_awaited = self.keying.slots.next is not None
        if self.keying.has_session != self.paths.can_probe:
            if self.keying.has_session:
                self.paths.start_probing(now)
            else:
                self.paths.stop_probing()
        if self.keying.take_fresh():
            self._doubt_at = None
            self.paths.revive(now)
        self._settle_paths(now)
        self._settle_state(now)
        self._settle_stream(now)
        return list(self.search.transmits(now))

    def status(self, now: float) -> PeerStatus:
        """A snapshot for people."""
        paths = self.paths.statuses()
        established_at = self.keying.established_at
        return PeerStatus(
            peer=self.number,
            node_id=self.spec.node_id,
            name=self.spec.name,
            addresses=self.spec.addresses,
            state=self.state,
            reason=self._reason(),
            path=next((path for path in paths if path.is_active), None),
            paths=paths,
            handshake_age=None if established_at is None else now - established_at,
            seconds_to_direct=self.search.seconds_to_direct,
            seconds_to_offer=self.search.seconds_to_offer,
            seconds_to_checks=self.search.seconds_to_checks,
            next_try_in=self.search.next_try_in(now),
            at=now,
            history=tuple(self.paths.history),
            theirs=self.search.signalling.remote_offer,
        )

    @property
    def _is_well(self) -> bool:
        return self.keying.has_session and self.paths.is_well and self._doubt_at is None

    def _take_ice_events(self, now: float) -> None:
        for event in self.search.events():
            match event:
                case PairValid() | PairSelected():
                    self.search.pair_found()
                    self.search.punching.found(event.remote, self.search.ice)
                    kinds = (event.local_kind.value, event.remote_kind.value)
                    self.paths.found(event.remote, *kinds, event.rtt, now)
                case PairLost(remote):
                    self.paths.lost(remote, now)
                    self.search.punching.lost(remote)
                case ChecksFailed(verdict):
                    self.search.checks_failed(verdict, now)

    def _meet(self, now: float) -> None:
        gone, places = self.meeting.settle(self.search.signalling.remote_offer.relayed, now)
        for channel in gone:
            self.paths.void(channel)
        for place in places:
            self._signal_by(place.channel)
            self.paths.relayed(place.channel, place.relay, now)

    def _signal_ahead(self) -> None:
        """Send what was told to the controller also where the peer is met, while we get an address there ourselves: who
        is elsewhere has lost the controller as well, and that comes back later."""
        blob = self.search.signalling.told
        if blob is None:
            return
        theirs = self.search.signalling.remote_offer.relayed
        places = [place for place in theirs if self._relays.is_without_address(place.relay)]
        signal = emit_relayed_signal(self._context.identity.node_id, blob)
        if not places or any([self._relays.send_ahead(place, signal) for place in places]):
            self.search.signalling.told = None

    def _signal_by(self, channel: ChannelAddress) -> None:
        """Tell the peer what it needs for the way back, before anything else goes there: that beats the controller."""
        blob = self.search.compose_signal()
        if blob is not None:
            self._context.outbox.send_ahead(channel, emit_relayed_signal(self._context.identity.node_id, blob))

    def _settle_paths(self, now: float) -> None:
        active = self.paths.choose(now)
        self.paths.handle_timer(now)
        self.paths.tell()
        self.keying.is_heard = self.search.signalling.remote is not None
        self.keying.set_destinations(self.paths.destinations() or self._by_signal(), now)
        if active is not None and active.measurement.smoothed is not None:
            self.keying.round_trip = active.measurement.smoothed

    def _settle_stream(self, now: float) -> None:
        is_wanted = self.search.is_begun and self._context.policy.p2p_enabled
        told = self.search.signalling.remote
        offered = self.spec.streams if told is None else told.offer.streams
        is_direct = self.keying.has_session and self.paths.is_direct
        self.streaming.settle(offered if is_wanted else (), now, is_direct=is_direct, used=self.paths.dialled)

    def _by_signal(self) -> tuple[BySignal, ...]:
        """While a peer is looked for, keys are agreed on by way of the controller, as signals go."""
        is_wanted = self.search.is_begun and not self.search.failure and (self.keying.is_busy or self._opens)
        return (BySignal(self.spec.node_id),) if is_wanted else ()

    @property
    def _opens(self) -> bool:
        """Whether this end begins. Who opens a session may use it first, and the end that is at a relay already is the
        one that learns last of a common place there; where both are or neither is, it is the one that leads."""
        is_at_relay = bool(self._relays.relayed)
        if not self.keying.is_heard:
            return self.leads and (is_at_relay or not self._relays.are_any)
        is_peer_at_relay = bool(self.search.signalling.remote_offer.relayed)
        return self.leads if is_at_relay == is_peer_at_relay else is_at_relay

    def _settle_state(self, now: float) -> None:
        state = self._current_state()
        is_connected = state is PeerState.CONNECTED
        is_direct = is_connected and self.paths.is_direct
        if self._was_direct and not is_direct:
            self.search.lost(now)
            if not self.search.failure:
                self.search.begin_anew(now)
        elif is_direct and not self._was_direct:
            self.search.found(now)
        if self.state is PeerState.CONNECTED and not is_connected and not self.search.failure:
            self._doubt(now)
        self._was_direct = is_direct
        self._tell_state(state)

    def _tell_state(self, state: PeerState) -> None:
        was_connected, self.state = self.state is PeerState.CONNECTED, state
        reason = self._reason()
        if was_connected and not reason and state is not PeerState.CONNECTED:
            reason = reasons.PATHS_DEAD
        told = f"{state} {reason}"
        if told != self._told_reason:
            self._told_reason = told
            used = self.paths.active if state is PeerState.CONNECTED else None
            event = PeerStateChanged(
                peer=self.number,
                name=self.spec.name,
                state=state,
                reason=reason,
                kind=None if used is None else used.kind,
                relay="" if used is None else used.relay,
            )
            self._context.outbox.tell(event)

    def _current_state(self) -> PeerState:
        if self.keying.has_session and self.paths.active is not None:
            return PeerState.CONNECTED
        if self.search.failure or self.keying.has_given_up:
            return PeerState.UNREACHABLE
        if self.paths.destinations():
            return PeerState.HANDSHAKING
        return PeerState.CONNECTING if self.search.is_begun else PeerState.WAITING

    def _reason(self) -> str:
        if self.state is PeerState.CONNECTED:
            return "" if self.paths.is_direct else self.search.failure
        forgone = self._relays.complaint if self.search.has_verdict else ""
        return self.paths.complaint or forgone or self.search.failure or self.keying.complaint

    def _doubt(self, now: float) -> None:
        if self._doubt_at is None:
            self._doubt_at = now + (DOUBT_SECONDS if self.leads else FOLLOWER_DOUBT_SECONDS)

    def _closed_by_peer(self, now: float) -> None:
        self.clear(now)
        self.search.renew_agent(now)
        self.search.fail(reasons.SHUT_DOWN, now)
