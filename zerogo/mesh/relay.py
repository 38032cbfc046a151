# -*- test-case-name: zerogo.test.mesh.test_relayed_pairs -*-
"""One relay as a node uses it: the ways to it, the one that is in use, our allocation there, channels to peers.

All ways by UDP (IPv4, IPv6, several addresses) are tried at once, and the first that lends an address is used; the
others are given back. Where nothing was heard by UDP after `STREAMS_AFTER_SECONDS`, the driver is asked for streams
(`RelayStreamWanted`): TCP, TLS, whatever it has; it is told to stop when UDP is heard before they are there. A stream
is, to this core, a socket address on the loopback interface that carries datagrams to the relay. UDP is tried again
while a stream is in use, later and later, and takes over when it works.

Data from other allocations of the relay is let in from the first moment on: a permission is for a host, and all
relayed addresses of a relay are on one. Until both ends have bound channels, handshakes come as Data indications.
"""

from __future__ import annotations

import enum

from attrs import define, field, frozen

from zerogo.core import TimerTable
from zerogo.ids import ChannelAddress, SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import RelayStreamUnwanted, RelayStreamWanted
from zerogo.turn.acquaintance import Acquaintance
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import Allocated, AllocateFailed, AllocationLost, PeerData, PeerRefused
from zerogo.turn.errors import Code

STREAMS_AFTER_SECONDS = 0.01
"""Less than most relays' round trip: when the relay is heard by UDP after all, a connection is half open at most."""
KEEPALIVE_SECONDS = 20.0
KEEPALIVE_JITTER_SHARE = 0.2
DOUBT_GAP_SECONDS = 1.5
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
REFUSED_AGAIN_LIMIT = 8
"""So many peers that a relay refused, for want of room perhaps, are tried again with each keepalive."""
REFUSED_RETRY_SECONDS = 60.0
"""After an answer that trying again will not change soon, such as a wrong credential."""
UDP_AGAIN_SECONDS = (30.0, 60.0, 120.0, 300.0, 600.0)
"""While a stream is in use."""
ADDRESSES_LIMIT = 4
_SETTLING_ROUNDS = 3
"""An event may make another client, whose first request is sent in the next round."""


@frozen(kw_only=True)
class RelaySpec:
    """A relay of the network, and how this node may get to it."""

    name: str
    """Stable; members name relays to each other by it."""
    addresses: tuple[SocketAddress, ...] = ()
    """By UDP."""
    has_streams: bool = False
    """Whether the driver can carry datagrams to it in a stream."""


class _Timer(enum.StrEnum):
    STREAMS = "streams to the relay"
    KEEPALIVE = "keepalive of the relay"
    RETRY = "relay again"
    UDP_AGAIN = "relay by UDP again"


@define(eq=False)
class _Way:
    address: SocketAddress
    client: TurnClient
    is_stream: bool
    was_heard: bool = False
    is_surplus: bool = False
    """Whether what it may still be lent is given back at once."""
    is_closed: bool = False
    """Whether the driver's stream is gone, and another one under way."""


@define(eq=False)
class Relay:
    """One relay's. All verbs take monotonic seconds last; call `settle` after each."""

    _context: NodeContext
    spec: RelaySpec
    failure: str = field(default="", init=False)
    """Why the last try ended without an address; empty while nothing failed."""
    refused: dict[SocketAddress, str] = field(factory=dict, init=False)
    """Peers that the relay does not let us reach, and why."""
    _credential: TurnCredential | None = field(default=None, init=False, repr=False)
    _is_begun: bool = field(default=False, init=False)
    _ways: dict[SocketAddress, _Way] = field(factory=dict, init=False)
    _in_use: _Way | None = field(default=None, init=False)
    _wants_streams: bool = field(default=False, init=False)
    _is_stream_spent: bool = field(default=False, init=False)
    """Whether the stream that the driver has is of no use any more, though it is not closed."""
    _wants_ipv6: bool = field(default=False, init=False)
    _failures: int = field(default=0, init=False)
    _udp_tries: int = field(default=0, init=False)
    _acquaintances: dict[SocketAddress, Acquaintance] = field(factory=dict, init=False)
    """With the relay at each of its addresses by UDP, which outlive what it lends."""
    _refreshed_at: float = field(default=float("-inf"), init=False)
    _timers: TimerTable[_Timer] = field(factory=TimerTable, init=False)

    @property
    def server(self) -> SocketAddress | None:
        """Where the way in use leads; None while there is no allocation."""
        return None if self._in_use is None else self._in_use.address

    @property
    def relayed(self) -> SocketAddress | None:
        """What the relay lends us."""
        return None if self._in_use is None else self._in_use.client.relayed

    @property
    def is_begun(self) -> bool:
        """Whether an allocation is wanted."""
        return self._is_begun

    @property
    def is_stream(self) -> bool:
        """Whether the way in use is a stream."""
        return self._in_use is not None and self._in_use.is_stream

    def change(self, spec: RelaySpec, now: float) -> None:
        """It is to be found elsewhere; what is in use goes on."""
        self.spec = spec
        known = self._acquaintances.items()
        self._acquaintances = {address: each for address, each in known if address in spec.addresses}
        if self._is_begun and self._in_use is None:
            self._try_all(now)

    def use_credential(self, credential: TurnCredential, now: float) -> None:
        """Use this credential from here on."""
        had_none, self._credential = self._credential is None, credential
        for way in self._ways.values():
            way.client.set_credential(credential, now)
        if self._is_begun and self._in_use is None and (had_none or self._timers.is_set(_Timer.RETRY)):
            self._try_all(now)

    def begin(self, now: float) -> None:
        """Have an allocation from now on."""
        if not self._is_begun:
            self._is_begun, self._failures = True, 0
            self._try_all(now)

    def begin_anew(self, now: float) -> None:
        """The network is another one: what was lent is out of reach, and another way may be open."""
        if self._is_begun:
            self.end(now)
            for acquaintance in self._acquaintances.values():
                acquaintance.moved()
            self.begin(now)

    def end(self, now: float) -> None:
        """Give everything back."""
        for way in list(self._ways.values()):
            way.client.close(now)
            self._flush(way)
            del self._ways[way.address]
        self._is_begun, self._in_use = False, None
        self.refused.clear()
        self._timers = TimerTable()
        self._want_streams(False)

    def stream_opened(self, address: SocketAddress, now: float) -> None:
        """The driver has a stream to the relay; what is sent to `address` goes into it."""
        if self._wants_streams and address not in self._ways:
            self._start(address, now, is_stream=True)

    def stream_closed(self, address: SocketAddress, now: float) -> None:
        """That stream is gone."""
        way = self._ways.get(address)
        if way is not None and way.is_stream:
            way.is_closed = True
            way.client.connection_lost(now)

    def doubt(self, now: float) -> None:
        """Something hints that the relay or the way to it is gone: ask."""
        if self._in_use is not None and now - self._refreshed_at >= DOUBT_GAP_SECONDS:
            self._refreshed_at = now
            self._in_use.client.check(now)

    def receive(self, data: bytes, source: SocketAddress, now: float) -> bool:
        """A STUN message from `source`; False where that is no way to this relay. Never raises."""
        way = self._ways.get(source)
        if way is None:
            return False
        way.was_heard = True
        if not (way.is_stream or self._failures or any(each.is_stream for each in self._ways.values())):
            self._want_streams(False)
        way.client.receive_datagram(data, source, now)
        return True

    def bind(self, peer: SocketAddress, now: float) -> ChannelAddress | None:
        """A channel to another allocation, of use from the moment on that what this sends has reached the relay."""
        if self._in_use is None or peer in self.refused:
            return None
        client = self._in_use.client
        if client.channel_of(peer) is None:
            client.bind(peer, None, now)
            self._flush(self._in_use)
        channel = client.channel_of(peer)
        return None if channel is None else ChannelAddress(self._in_use.address, channel)

    def send_ahead(self, peer: SocketAddress, payload: bytes) -> bool:
        """Send to another allocation while ours is being asked for; False where that cannot be."""
        ways = [way for way in self._ways.values() if way.client.send_ahead(peer, payload)]
        for way in ways:
            self._flush(way)
        return bool(ways)

    def channel_of(self, peer: SocketAddress) -> ChannelAddress | None:
        """The channel that was bound to a peer."""
        channel = None if self._in_use is None else self._in_use.client.channel_of(peer)
        return None if self._in_use is None or channel is None else ChannelAddress(self._in_use.address, channel)

    def peer_of(self, channel: int) -> SocketAddress | None:
        """The peer that a channel was bound to."""
        return None if self._in_use is None else self._in_use.client.peer_of(channel)

    def forget(self, peer: SocketAddress) -> None:
        """That peer is not wanted any more."""
        self.refused.pop(peer, None)
        if self._in_use is not None:
            self._in_use.client.forget(peer)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.take_due(now):
            match timer:
                case _Timer.STREAMS:
                    if not any(way.was_heard for way in self._ways.values() if not way.is_stream):
                        self._want_streams(True)
                case _Timer.KEEPALIVE if self._in_use is not None:
                    self._refresh(self._in_use, now)
                    for peer in list(self.refused)[:REFUSED_AGAIN_LIMIT]:
                        del self.refused[peer]
                case _Timer.RETRY:
                    self._try_all(now)
                case _Timer.UDP_AGAIN if self.is_stream:
                    self._start_udp(now)
                    self._arm_udp_again(now)
        for way in list(self._ways.values()):
            deadline = way.client.next_timer()
            if deadline is not None and deadline.at <= now:
                way.client.handle_timer(now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        deadlines = [self._timers.next(), *(way.client.next_timer() for way in self._ways.values())]
        return min((each.at for each in deadlines if each is not None), default=None)

    def settle(self, now: float) -> list[PeerData]:
        """Send what the clients want sent, act on what they tell; returns data that came outside of channels."""
        received: list[PeerData] = []
        for _ in range(_SETTLING_ROUNDS):
            for way in list(self._ways.values()):
                for event in way.client.events():
                    match event:
                        case PeerData():
                            received += [event] if way is self._in_use else []
                        case Allocated(relayed=relayed):
                            self._allocated(way, relayed, now)
                        case AllocateFailed(code=code, reason=reason):
                            self._failed(way, code, reason, now)
                        case AllocationLost():
                            self._lost(way, now)
                        case PeerRefused(peer=peer, reason=reason):
                            self.refused[peer] = reason
                self._flush(way)
        return received

    def _try_all(self, now: float) -> None:
        self._timers.cancel(_Timer.RETRY)
        if self._credential is None:
            return
        if self._is_stream_spent:
            self._want_streams(False)
        self._start_udp(now)
        if self.spec.has_streams:
            if not self.spec.addresses:
                self._want_streams(True)
            elif not self._wants_streams:
                self._timers.set(_Timer.STREAMS, now + STREAMS_AFTER_SECONDS)

    def _start_udp(self, now: float) -> None:
        for address in self.spec.addresses[:ADDRESSES_LIMIT]:
            if address not in self._ways:
                self._start(address, now, is_stream=False)

    def _start(self, address: SocketAddress, now: float, *, is_stream: bool) -> None:
        assert self._credential is not None
        client = TurnClient(
            address,
            self._credential,
            self._context.rng,
            is_stream=is_stream,
            wants_ipv6=self._wants_ipv6,
            acquaintance=None if is_stream else self._acquaintances.setdefault(address, Acquaintance()),
        )
        self._run(_Way(address, client, is_stream), now)

    def _run(self, way: _Way, now: float) -> None:
        self._ways[way.address] = way
        way.client.start(now)
        self._flush(way)

    def _allocated(self, way: _Way, relayed: SocketAddress, now: float) -> None:
        before = self._in_use
        is_better = before is None or (before.is_stream and not way.is_stream)
        if way.is_surplus or not is_better:
            self._close(way, now)
            return
        self._in_use, self.failure, self._failures = way, "", 0
        self.refused.clear()
        if before is not None:
            self._close(before, now)
        for other in self._ways.values():
            other.is_surplus = other is not way and (other.is_stream or not way.is_stream)
        way.client.permit(relayed, None, now)
        self._arm_keepalive(now)
        self._timers.cancel(_Timer.STREAMS)
        if way.is_stream:
            self._udp_tries = 0
            self._arm_udp_again(now)
        else:
            self._want_streams(False)

    def _failed(self, way: _Way, code: int, reason: str, now: float) -> None:
        self._ways.pop(way.address, None)
        if code == Code.ADDRESS_FAMILY_NOT_SUPPORTED and not self._wants_ipv6:
            self._wants_ipv6 = True
            self._start(way.address, now, is_stream=way.is_stream)
            return
        self._spend(way)
        if self._in_use is None:
            self.failure = reason
        if self._in_use is None and not self._ways and self._is_begun:
            delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
            self._failures += 1
            if not way.is_stream and code != Code.UNAUTHENTICATED:
                # What stands in the way may belong to our address, which a stream does not come from.
                self._want_streams(True)
            self._timers.set(_Timer.RETRY, now + (REFUSED_RETRY_SECONDS if code == Code.UNAUTHENTICATED else delay))

    def _lost(self, way: _Way, now: float) -> None:
        self._ways.pop(way.address, None)
        self._spend(way)
        if way is not self._in_use:
            return
        self._in_use = None
        self._timers.cancel(_Timer.KEEPALIVE)
        self._timers.cancel(_Timer.UDP_AGAIN)
        if not way.is_stream:
            self._run(_Way(way.address, way.client.successor(), way.is_stream), now)
        self._try_all(now)

    def _spend(self, way: _Way) -> None:
        """A way is over that we did not end: what is tried next by a stream is tried by another one."""
        if way.is_stream and not way.is_closed:
            self._is_stream_spent = True

    def _close(self, way: _Way, now: float) -> None:
        way.client.close(now)
        self._flush(way)
        self._ways.pop(way.address, None)

    def _flush(self, way: _Way) -> None:
        for transmit in way.client.transmits():
            self._context.outbox.send_ahead(transmit.destination, transmit.payload)

    def _refresh(self, way: _Way, now: float) -> None:
        way.client.refresh(now)
        self._arm_keepalive(now)

    def _arm_keepalive(self, now: float) -> None:
        jitter = 1 + KEEPALIVE_JITTER_SHARE * (self._context.fraction() - 0.5)
        self._timers.set(_Timer.KEEPALIVE, now + KEEPALIVE_SECONDS * jitter)

    def _arm_udp_again(self, now: float) -> None:
        delay = UDP_AGAIN_SECONDS[min(self._udp_tries, len(UDP_AGAIN_SECONDS) - 1)]
        self._udp_tries += 1
        self._timers.set(_Timer.UDP_AGAIN, now + delay)

    def _want_streams(self, wanted: bool) -> None:
        if wanted != self._wants_streams and (self.spec.has_streams or not wanted):
            self._wants_streams, self._is_stream_spent = wanted, False
            name = self.spec.name
            self._context.outbox.tell(RelayStreamWanted(name) if wanted else RelayStreamUnwanted(name))
