# -*- test-case-name: zerogo.test.turn.test_server -*-
"""One allocation: a relayed address lent to one client, and the peers it may exchange data with.

Permissions are for an address with all its ports and last 300 s; a channel is a number for one address and port, lasts
600 s and renews the permission with it (RFC 8656 sections 9 and 12). Both end by being looked at too late; what is out
of date is thrown away when room is needed.
"""

from __future__ import annotations

import enum

from attrs import define, field, frozen

from zerogo.ids import SocketAddress
from zerogo.turn.quota import Quota, Usage

PERMISSION_SECONDS = 300.0
CHANNEL_SECONDS = 600.0


class ClientTransport(enum.Enum):
    """How a client is connected."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@frozen(cache_hash=True)
class ClientAddress:
    """The five-tuple of a client: one of the relay's listeners by number, how, and from where."""

    listener: int
    transport: ClientTransport
    address: SocketAddress

    @property
    def is_stream(self) -> bool:
        """Whether the client is connected, so that its address is proven and messages are padded."""
        return self.transport is not ClientTransport.UDP

    def __str__(self) -> str:
        return f"{self.transport.value} {self.address}"


class Reach(enum.Enum):
    """Where data for a permitted peer may go."""

    INSIDE = "inside"
    """Only to allocations of this relay, without leaving it."""
    OUTSIDE = "outside"


@define
class Permission:
    """For one address."""

    reach: Reach
    expires_at: float


@define
class Channel:
    """A number bound to a peer."""

    number: int
    peer: SocketAddress
    expires_at: float


@define
class Allocation:
    """What one client has been lent."""

    client: ClientAddress
    relayed: SocketAddress
    user: str
    usage: Usage
    transaction_id: bytes
    """Of the request that made it, so that a repeated request gets the same answer."""
    expires_at: float
    credential_ends: float | None = None
    """Unix seconds at which the newest credential ends that it was made or refreshed with; None: never."""
    bytes_out: int = 0
    """Payload to peers."""
    bytes_in: int = 0
    """Payload from peers."""
    _permissions: dict[str, Permission] = field(factory=dict)
    _channels: dict[int, Channel] = field(factory=dict)
    _channel_of: dict[SocketAddress, Channel] = field(factory=dict)

    @property
    def entries(self) -> int:
        """Permissions and channels that take memory, expired ones too."""
        return len(self._permissions) + len(self._channels)

    def lacks(self, hosts: set[str], number: int | None) -> int:
        """How many entries these permissions, and a channel, would add."""
        return len(hosts - self._permissions.keys()) + (number is not None and number not in self._channels)

    def forget_expired(self, now: float) -> None:
        """Drop permissions and channels that are over."""
        self._permissions = {host: each for host, each in self._permissions.items() if now < each.expires_at}
        for expired in [each for each in self._channels.values() if each.expires_at <= now]:
            self._forget(expired)

    def permission(self, host: str, now: float) -> Permission | None:
        """The permission for an address, while it lasts."""
        found = self._permissions.get(host)
        return found if found is not None and now < found.expires_at else None

    def has_room_for(self, hosts: set[str], quota: Quota, now: float) -> bool:
        """Whether permissions for these addresses fit under the quota."""
        if len(self._permissions.keys() | hosts) > quota.permissions:
            self.forget_expired(now)
        return len(self._permissions.keys() | hosts) <= quota.permissions

    def permit(self, host: str, reach: Reach, now: float) -> None:
        """Install or renew a permission."""
        self._permissions[host] = Permission(reach, now + PERMISSION_SECONDS)

    def channel(self, number: int, now: float) -> Channel | None:
        """The channel of a number, while it lasts."""
        found = self._channels.get(number)
        return found if found is not None and now < found.expires_at else None

    def channel_to(self, peer: SocketAddress, now: float) -> Channel | None:
        """The channel to a peer, while it lasts."""
        found = self._channel_of.get(peer)
        return found if found is not None and now < found.expires_at else None

    def may_bind(self, number: int, peer: SocketAddress, now: float) -> bool:
        """Whether number and peer are bound to each other or both to nothing."""
        of_number, of_peer = self.channel(number, now), self.channel_to(peer, now)
        return of_number is of_peer if of_number is None or of_peer is None else of_number.peer == peer

    def has_room_for_channel(self, number: int, quota: Quota, now: float) -> bool:
        """Whether one more channel fits under the quota."""
        if number in self._channels or len(self._channels) < quota.channels:
            return True
        self.forget_expired(now)
        return len(self._channels) < quota.channels

    def bind(self, number: int, peer: SocketAddress, now: float) -> None:
        """Install or renew a channel, which `may_bind`."""
        for outdated in (self._channels.get(number), self._channel_of.get(peer)):
            if outdated is not None:
                self._forget(outdated)
        channel = Channel(number, peer, now + CHANNEL_SECONDS)
        self._channels[number] = self._channel_of[peer] = channel

    def _forget(self, channel: Channel) -> None:
        self._channels.pop(channel.number, None)
        self._channel_of.pop(channel.peer, None)
