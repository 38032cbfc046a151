# -*- test-case-name: zerogo.test.mesh.test_relayed_pairs -*-
"""Where a pair meets by relays: at which ones both have an allocation, and the channels between these.

The rule: the pair meets at the home relay of the end that leads, where the other end gets an allocation too. So both
know the place from each other's signals, nobody has to agree to anything, and it always works where both reach that
relay at all: allocations of one relay may talk to each other, no grant and no check is needed. Where that has not led
to a common place after `PATIENCE_SECONDS` (a firewall at one end, for instance), both also go to the other's home.

Each end binds a channel to the other's relayed address as soon as it is told of it. The channel is a path at once: the
relay takes the request before what follows it, so the handshake goes out in the same moment.
"""

from __future__ import annotations

from attrs import define, field, frozen

from zerogo.ids import ChannelAddress, SocketAddress
from zerogo.mesh.relays import Relays
from zerogo.mesh.signal import Relayed

PATIENCE_SECONDS = 2.0
PLACES_LIMIT = 2


@frozen
class _Place:
    relay: str
    ours: SocketAddress
    theirs: SocketAddress
    channel: ChannelAddress


@define(eq=False)
class Meeting:
    """One pair's, at one end. Call `settle` whenever anything may have changed."""

    _relays: Relays
    _peer: int
    _leads: bool
    _places: dict[str, _Place] = field(factory=dict, init=False)
    _apart_since: float | None = field(default=None, init=False)
    _wanted: tuple[str, ...] = field(default=(), init=False)
    _seen: object = field(default=None, init=False)

    def settle(self, theirs: tuple[Relayed, ...], now: float) -> tuple[list[ChannelAddress], list[_Place]]:
        """Follow what both ends have told; returns channels that are void, and new places."""
        seen = (self._relays.version, theirs)
        if seen == self._seen and not self._is_out_of_patience(now):
            return [], []
        ours = self._relays.relayed
        self._want(ours, theirs, now)
        places = self._common(ours, theirs, now)
        gone, new = self._change(places)
        self._seen = (self._relays.version, theirs)
        return gone, new

    def next_at(self) -> float | None:
        """When `settle` is wanted, whatever happens."""
        if self._apart_since is None or len(self._wanted) > 1:
            return None
        return self._apart_since + PATIENCE_SECONDS

    def clear(self, now: float) -> None:
        """Meet nowhere."""
        self._change({})
        self._seen = None
        self._apart_since = None
        if self._wanted:
            self._wanted = ()
            self._relays.want(self._peer, (), now)

    def _is_out_of_patience(self, now: float) -> bool:
        at = self.next_at()
        return at is not None and at <= now

    def _want(self, ours: tuple[Relayed, ...], theirs: tuple[Relayed, ...], now: float) -> None:
        leader, follower = (ours, theirs) if self._leads else (theirs, ours)
        common = {each.relay: None for each in ours if any(each.relay == other.relay for other in theirs)}
        if common or not ours or not theirs:
            self._apart_since = None
        elif self._apart_since is None:
            self._apart_since = now
        homes = [each[0].relay for each in (leader, follower) if each]
        is_impatient = self._apart_since is not None and now >= self._apart_since + PATIENCE_SECONDS
        is_second_in_use = len(self._wanted) > 1 and homes[1:] == [self._wanted[1]]
        wanted = tuple(dict.fromkeys(homes if is_impatient or is_second_in_use else homes[:1]))
        if wanted != self._wanted:
            self._wanted = wanted
            self._relays.want(self._peer, wanted, now)

    def _common(self, ours: tuple[Relayed, ...], theirs: tuple[Relayed, ...], now: float) -> dict[str, _Place]:
        places: dict[str, _Place] = {}
        told = {each.relay: each.address for each in reversed(theirs)}
        for own in ours:
            address = told.get(own.relay)
            if address is None or len(places) >= PLACES_LIMIT or own.relay not in self._wanted:
                continue
            channel = self._relays.bind(own.relay, address, now)
            if channel is not None:
                places[own.relay] = _Place(own.relay, own.address, address, channel)
        return places

    def _change(self, places: dict[str, _Place]) -> tuple[list[ChannelAddress], list[_Place]]:
        before, self._places = self._places, places
        kept = [place.channel for place in places.values()]
        gone = [place.channel for place in before.values() if place.channel not in kept]
        for name, place in before.items():
            is_same_allocation = self._relays.relayed_at(name) == place.ours
            if is_same_allocation and place.theirs not in [each.theirs for each in places.values()]:
                self._relays.forget(name, place.theirs)
        return gone, [place for place in places.values() if place not in before.values()]
