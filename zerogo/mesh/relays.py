# -*- test-case-name: zerogo.test.mesh.test_relayed_pairs -*-
"""All relays of a network as one node uses them: which is its home, and which it needs for a peer's sake.

The *home relay* is the one that lends an address first when all are asked at once: the nearest that works at this
moment. The others give theirs back, unless a peer is to be met there. There is another race when the network changed,
or when the home relay was lost and does not come back within `HOME_PATIENCE_SECONDS`.

`relayed` is what peers are told: our relayed addresses, the one at home first.

An owner who does not want relays gets none: nothing is asked of them, so that peers have no way through one either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field

from zerogo.ids import ChannelAddress, Endpoint, SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.relay import Relay, RelaySpec
from zerogo.mesh.signal import RELAYED_LIMIT, Relayed, is_relayed_signal
from zerogo.routing.policy import verdict
from zerogo.routing.score import PathType
from zerogo.turn.client import TurnCredential
from zerogo.turn.client_events import PeerData
from zerogo.wire.datagram import DatagramKind, classify

RELAYS_LIMIT = 8
HOME_PATIENCE_SECONDS = 2.0
EARLY_LIMIT = 16
_CLASS_BITS = 0x0110
_BINDING = 0x0001


@define(eq=False)
class Relays:
    """One node's. Call `settle` after each verb."""

    _context: NodeContext
    _relays: dict[str, Relay] = field(factory=dict, init=False)
    _home: str | None = field(default=None, init=False)
    _wanted: dict[str, dict[int, None]] = field(factory=dict, init=False)
    """By relay, the peers that are to be met there."""
    _are_forgone: bool = field(default=False, init=False)
    """Whether the network has relays that the owner of this node does not want."""
    _race_at: float | None = field(default=None, init=False)
    version: int = field(default=0, init=False)
    """Grows whenever what peers are told, or whom a relay refuses, has changed."""
    is_touched: bool = field(default=False, init=False)
    """Whether `next_at` may have become earlier outside of `settle`."""
    _early: dict[SocketAddress, bytes] = field(factory=dict, init=False)
    _ready: list[tuple[bytes, ChannelAddress]] = field(factory=list, init=False)
    _signals: list[tuple[bytes, ChannelAddress, Relayed]] = field(factory=list, init=False)
    """Those that came in channels."""
    _told: object = field(default=None, init=False)

    @property
    def home(self) -> str | None:
        """The name of the home relay; None while there is none."""
        return self._home

    @property
    def are_any(self) -> bool:
        """Whether the network has relays."""
        return bool(self._relays)

    @property
    def complaint(self) -> str:
        """Why the network's relays are not used; empty where they are, or where there are none."""
        broken = self._context.policy.broken_by_type(PathType.SERVER)
        return verdict([broken]) if broken is not None and self._are_forgone else ""

    @property
    def relayed(self) -> tuple[Relayed, ...]:
        """Our relayed addresses, the one at home first."""
        found = [Relayed(name, relay.relayed) for name, relay in self._relays.items() if relay.relayed is not None]
        found.sort(key=lambda each: each.relay != self._home)
        return tuple(found[:RELAYED_LIMIT])

    def relayed_at(self, name: str) -> SocketAddress | None:
        """What the relay of that name lends us."""
        relay = self._relays.get(name)
        return None if relay is None else relay.relayed

    def bind(self, name: str, peer: SocketAddress, now: float) -> ChannelAddress | None:
        """A channel of that relay to another's relayed address there; None where there cannot be one."""
        relay = self._relays.get(name)
        self.is_touched = True
        channel = None if relay is None else relay.bind(peer, now)
        if channel is not None and peer in self._early:
            self._ready.append((self._early.pop(peer), channel))
        return channel

    def is_without_address(self, name: str) -> bool:
        """Whether the relay of that name is asked for an address, and lends us none yet."""
        relay = self._relays.get(name)
        return relay is not None and relay.is_begun and relay.relayed is None

    def send_ahead(self, place: Relayed, payload: bytes) -> bool:
        """Send to a peer's allocation although we have none there yet, but have asked for one; whether it went."""
        relay = self._relays.get(place.relay)
        return relay is not None and relay.send_ahead(place.address, payload)

    def take_ready(self) -> list[tuple[bytes, ChannelAddress]]:
        """Initiations that came before we knew whose they are, and how to answer them."""
        ready, self._ready = self._ready, []
        return ready

    def forget(self, name: str, peer: SocketAddress) -> None:
        """The channel is not wanted any more."""
        relay = self._relays.get(name)
        if relay is not None:
            relay.forget(peer)

    def named_like(self, endpoint: Endpoint) -> str:
        """The name of the relay that an endpoint leads through; empty where it leads through none of ours."""
        if isinstance(endpoint, ChannelAddress):
            for name, relay in self._relays.items():
                if relay.server == endpoint.relay:
                    return name
        return ""

    def use(self, specs: Sequence[RelaySpec], now: float) -> None:
        """The relays of the network, all of them."""
        is_allowed = self._context.policy.uses_relays
        self._are_forgone = bool(specs) and not is_allowed
        wanted = {spec.name: spec for spec in specs[:RELAYS_LIMIT]} if is_allowed else {}
        for name in [name for name in self._relays if name not in wanted]:
            self._relays.pop(name).end(now)
        for name, spec in wanted.items():
            relay = self._relays.get(name)
            if relay is None:
                self._relays[name] = Relay(self._context, spec)
            elif relay.spec != spec:
                relay.change(spec, now)
        if self._home is None or self._home not in self._relays:
            self._race(now)

    def use_credentials(self, credentials: Mapping[str, TurnCredential], now: float) -> None:
        """How the relays, by name, may be used from here on."""
        for name, credential in credentials.items():
            relay = self._relays.get(name)
            if relay is not None:
                relay.use_credential(credential, now)

    def network_changed(self, now: float) -> None:
        """This machine is elsewhere: nothing that was lent can be reached from here."""
        for relay in self._relays.values():
            relay.begin_anew(now)
        self._race(now)

    def doubt(self, now: float) -> None:
        """Perhaps a NAT maps us anew, or a relay was restarted: ask those in use."""
        for relay in self._relays.values():
            relay.doubt(now)

    def want(self, peer: int, names: Sequence[str], now: float) -> None:
        """That peer is to be met at these relays and at no others."""
        self.is_touched = True
        for name in [name for name in self._wanted if name not in names]:
            self._wanted[name].pop(peer, None)
            if not self._wanted[name]:
                del self._wanted[name]
        for name in names:
            relay = self._relays.get(name)
            if relay is not None:
                self._wanted.setdefault(name, {})[peer] = None
                relay.begin(now)
        if self._home is not None:
            self._let_go(now)

    def stream_opened(self, name: str, address: SocketAddress, now: float) -> None:
        """The driver has a stream to that relay."""
        relay = self._relays.get(name)
        if relay is not None:
            relay.stream_opened(address, now)

    def stream_closed(self, name: str, address: SocketAddress, now: float) -> None:
        """That stream is gone."""
        relay = self._relays.get(name)
        if relay is not None:
            relay.stream_closed(address, now)

    def receive(self, data: bytes, source: Endpoint, now: float) -> bool:
        """A datagram that is not of a session; whether it was one of TURN from a relay, or a signal in a channel of
        ours, and so is taken care of. Never raises."""
        if isinstance(source, ChannelAddress):
            return is_relayed_signal(data) and self._keep_signal(data, source)
        if not isinstance(source, SocketAddress) or not _is_turn(data):
            return False
        # Relays may share an address, behind one NAT for instance; a client takes only what it asked for.
        return any([relay.receive(data, source, now) for relay in self._relays.values()])

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for relay in self._relays.values():
            relay.handle_timer(now)
        if self._race_at is not None and self._race_at <= now:
            self._race(now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        times = [self._race_at, *(relay.next_at() for relay in self._relays.values())]
        return min((at for at in times if at is not None), default=None)

    def settle(self, now: float) -> list[tuple[bytes, ChannelAddress | None, Relayed]]:
        """Send and act; returns signals, and other datagrams of peers that came outside of channels, how to answer
        them, and from which allocation they came."""
        received: list[tuple[bytes, ChannelAddress | None, Relayed]] = [*self._signals]
        self._signals.clear()
        for name, relay in self._relays.items():
            for data in relay.settle(now):
                channel = relay.channel_of(data.peer)
                if channel is not None or is_relayed_signal(data.payload):
                    received.append((data.payload, channel, Relayed(name, data.peer)))
                else:
                    self._keep_early(data)
        self._settle_home(now)
        told = (self.relayed, [(relay.server, tuple(relay.refused)) for relay in self._relays.values()])
        if told != self._told:
            self._told = told
            self.version += 1
        return received

    def close(self, now: float) -> None:
        """Give everything back."""
        for relay in self._relays.values():
            relay.end(now)

    def _keep_signal(self, data: bytes, channel: ChannelAddress) -> bool:
        """Whether the channel is one of ours."""
        for name, relay in self._relays.items():
            if relay.server == channel.relay and (peer := relay.peer_of(channel.channel)) is not None:
                self._signals.append((data, channel, Relayed(name, peer)))
                return True
        return False

    def _keep_early(self, data: PeerData) -> None:
        """A peer was faster than its signal: its initiation waits for the channel that it is to be answered by."""
        if classify(data.payload) is DatagramKind.INITIATION:
            self._early.pop(data.peer, None)
            self._early[data.peer] = data.payload
            if len(self._early) > EARLY_LIMIT:
                del self._early[next(iter(self._early))]

    def _race(self, now: float) -> None:
        self._home, self._race_at = None, None
        for relay in self._relays.values():
            relay.begin(now)

    def _settle_home(self, now: float) -> None:
        home = None if self._home is None else self._relays.get(self._home)
        if home is not None and home.relayed is not None:
            self._race_at = None
            return
        if home is not None:
            self._race_at = now + HOME_PATIENCE_SECONDS if self._race_at is None else self._race_at
            return
        first = next((name for name, relay in self._relays.items() if relay.relayed is not None), None)
        if first is not None:
            self._home, self._race_at = first, None
            self._let_go(now)

    def _let_go(self, now: float) -> None:
        for name, relay in self._relays.items():
            if relay.is_begun and name != self._home and name not in self._wanted:
                relay.end(now)


def _is_turn(data: bytes) -> bool:
    """Whether a STUN message has another method than Binding, which our peers and STUN servers use."""
    return int.from_bytes(data[:2], "big") & ~_CLASS_BITS != _BINDING
