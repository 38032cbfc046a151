# -*- test-case-name: zerogo.test.turn.test_message -*-
"""TURN's own attributes as frozen values: RFC 8656 section 18, and ours for peer grants and revocations."""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import evolve

from zerogo.stun.attributes import (
    KnownAttribute,
    NumberAttribute,
    OpaqueAttribute,
    UnknownAttribute,
    XorAddressAttribute,
)
from zerogo.stun.message import Message

UDP_PROTOCOL = 17
"""The protocol number that REQUESTED-TRANSPORT takes."""
FAMILY_IPV4 = 1
FAMILY_IPV6 = 2


class LeadingNumberAttribute(NumberAttribute):
    """Base of attributes of 32 bits whose number stands in the first bytes, before reserved ones."""

    width = 4
    number_bytes: ClassVar[int]

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The number, then zeros."""
        return self.value.to_bytes(self.number_bytes, "big").ljust(self.width, b"\0")

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the number, whatever the reserved bytes hold; raises `ParseError`."""
        whole = super().parse_value(value, transaction_id)
        return evolve(whole, value=whole.value >> 8 * (cls.width - cls.number_bytes))


class ChannelNumber(LeadingNumberAttribute):
    """The number that stands for a peer in ChannelData."""

    type = 0x000C
    number_bytes = 2


class Lifetime(NumberAttribute):
    """Seconds until an allocation ends."""

    type = 0x000D
    width = 4


class XorPeerAddress(XorAddressAttribute):
    """A peer, as the relay sees it."""

    type = 0x0012


class Data(OpaqueAttribute):
    """What is relayed."""

    type = 0x0013


class XorRelayedAddress(XorAddressAttribute):
    """The address that the relay lends."""

    type = 0x0016


class RequestedAddressFamily(LeadingNumberAttribute):
    """Which family the lent address should have: `FAMILY_IPV4` or `FAMILY_IPV6`."""

    type = 0x0017
    number_bytes = 1


class EvenPort(NumberAttribute):
    """Asks for an even port; with 0x80 also for the next one to be kept for later."""

    type = 0x0018
    width = 1
    RESERVE = 0x80


class RequestedTransport(LeadingNumberAttribute):
    """The protocol between relay and peers; only `UDP_PROTOCOL` is known here."""

    type = 0x0019
    number_bytes = 1


class DontFragment(OpaqueAttribute):
    """The datagram to the peer must not be fragmented; has no value."""

    type = 0x001A
    width = 0


class ReservationToken(OpaqueAttribute):
    """Names a port that was kept."""

    type = 0x0022
    width = 8


class PeerGrant(OpaqueAttribute):
    """Ours, may be ignored by others: somebody who knows the relay's secret vouches for a peer (`turn.grant`)."""

    type = 0xE5A0


class Revoked(OpaqueAttribute):
    """Ours, may be ignored by others: users whose credentials are void (`turn.revocation`)."""

    type = 0xE5A1


class Epoch(OpaqueAttribute):
    """Ours, may be ignored by others: random for each start of a relay (`turn.revocation`)."""

    type = 0xE5A2
    width = 8


_KNOWN: tuple[type[KnownAttribute], ...] = (
    ChannelNumber,
    Lifetime,
    XorPeerAddress,
    Data,
    XorRelayedAddress,
    RequestedAddressFamily,
    EvenPort,
    RequestedTransport,
    DontFragment,
    ReservationToken,
    PeerGrant,
    Revoked,
    Epoch,
)
_BY_TYPE: dict[int, type[KnownAttribute]] = {known.type: known for known in _KNOWN}


def with_turn_attributes(message: Message) -> Message:
    """The message with TURN's attributes read, which the STUN codec keeps as unknown; raises `ParseError`."""
    attributes = tuple(
        known.parse_value(each.value, message.transaction_id)
        if isinstance(each, UnknownAttribute) and (known := _BY_TYPE.get(each.type)) is not None
        else each
        for each in message.attributes
    )
    return evolve(message, attributes=attributes)
