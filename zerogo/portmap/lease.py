# -*- test-case-name: zerogo.test.portmap.test_mapper -*-
"""What the three protocols have in common: where to map, what a gateway may answer, a request that is sent again."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence

from attrs import define, field, frozen

from zerogo.ids import SocketAddress

LIFETIME_LIMIT_SECONDS = 7 * 86_400.0
"""A gateway that promises more is taken at this."""


class MappingProtocol(enum.StrEnum):
    """Best first; the values are part of `--json` output."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


class Transport(enum.StrEnum):
    """Whose port is mapped; the values are UPnP's words."""

    UDP = "UDP"
    TCP = "TCP"


@frozen
class Site:
    """Where a mapping is wanted: by which gateway, for which of our addresses and ports."""

    gateway: str
    """IP address, canonical text."""
    inner: SocketAddress
    """Our own address on the way to the gateway, with the port."""
    transport: Transport = Transport.UDP


@frozen
class Present:
    """The gateway speaks the protocol."""

    epoch: int | None = None
    """Seconds since it began to keep mappings, where it tells."""


@frozen
class Granted:
    """The gateway made, or renewed, the mapping."""

    outer: SocketAddress
    lifetime: float
    """Seconds from now on."""
    epoch: int | None = None


@frozen
class Withdrawn:
    """The gateway removed the mapping, as we asked."""


@frozen
class Declined:
    """The gateway does not do it, for this reason."""

    reason: str
    is_absent: bool = False
    """It does not speak this protocol at all."""


@frozen
class Forgotten:
    """The gateway began anew, or has another outer address: what it granted is void."""


Outcome = Present | Granted | Withdrawn | Declined | Forgotten
SILENT = "it does not answer"


def is_useful_outer(outer: SocketAddress) -> bool:
    """Whether an address may be told to peers as ours: of one host, with a port."""
    ip = ipaddress.ip_address(outer.host)
    is_one_host = not (ip.is_unspecified or ip.is_multicast or ip.is_loopback or ip.is_link_local)
    return outer.port != 0 and is_one_host and outer.host != "255.255.255.255"


@define(eq=False)
class Request:
    """A datagram on its way, and when to send it again: after each of `schedule` (seconds), the last of which is the
    patience after the last send."""

    payload: bytes
    schedule: Sequence[float]
    next_at: float
    sends: int = field(default=0, init=False)

    @property
    def is_given_up(self) -> bool:
        """Whether it was sent as often as it ever is."""
        return self.sends >= len(self.schedule)

    def take_due(self, now: float) -> bytes | None:
        """The datagram, where it is time to send it; counts as sent."""
        if now < self.next_at or self.is_given_up:
            return None
        self.next_at = now + self.schedule[self.sends]
        self.sends += 1
        return self.payload
