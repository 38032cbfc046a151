# -*- test-case-name: zerogo.test.turn.test_client -*-
"""The peers that a client wants to reach, and by which channel."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from zerogo.ids import SocketAddress
from zerogo.turn.message import CHANNEL_FIRST, CHANNEL_LAST

PEERS_LIMIT = 1024


@define
class Peer:
    """One of them."""

    grant: bytes | None
    channel: int | None = None
    is_permitted: bool = False
    is_bound: bool = False


@define
class Peers:
    """Those of one allocation."""

    _peers: dict[SocketAddress, Peer] = field(factory=dict)
    _by_channel: dict[int, SocketAddress] = field(factory=dict)
    _next_channel: int = CHANNEL_FIRST

    def __iter__(self) -> Iterator[SocketAddress]:
        return iter(list(self._peers))

    def find(self, address: SocketAddress) -> Peer | None:
        """What is known of a peer."""
        return self._peers.get(address)

    def at(self, channel: int) -> SocketAddress | None:
        """The peer of a channel."""
        return self._by_channel.get(channel)

    def add(self, address: SocketAddress, grant: bytes | None) -> Peer | None:
        """The peer, a new one where it is not known; None where there is no room. A grant that comes takes the place
        of the one before."""
        known = self._peers.get(address)
        if known is None and len(self._peers) < PEERS_LIMIT:
            known = self._peers[address] = Peer(grant)
        elif known is not None and grant is not None:
            known.grant = grant
        return known

    def choose_channel(self, address: SocketAddress) -> None:
        """Give a peer a channel, unless it has one or all are used up."""
        known = self._peers[address]
        if known.channel is None and self._next_channel <= CHANNEL_LAST:
            known.channel = self._next_channel
            self._by_channel[known.channel] = address
            self._next_channel += 1

    def forget(self, address: SocketAddress) -> None:
        """It is not wanted any more. The channel's number is not used again in this allocation."""
        known = self._peers.pop(address, None)
        if known is not None and known.channel is not None:
            self._by_channel.pop(known.channel, None)

    def clear(self) -> None:
        """Forget all."""
        self._peers.clear()
        self._by_channel.clear()
