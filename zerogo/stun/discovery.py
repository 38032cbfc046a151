# -*- test-case-name: zerogo.test.stun.test_discovery -*-
"""NAT behaviour discovery, RFC 5780: the addresses of a server that can answer from another one than it was asked at.

A client that asks two addresses learns how its NAT maps; one that has itself answered from an address it never sent to
learns how its NAT filters. A server with two IP addresses and two ports can do all of it; with one IP address it can
change the port alone, and then does not name an OTHER-ADDRESS: a client that trusted it would take its NAT for better
or worse than it is. RESPONSE-PORT is not understood, since it would have us send where nobody asked from.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from zerogo.core import RandomBytes
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import ChangeRequest, Software
from zerogo.stun.message import Message, MessageClass, Method, emit, new_transaction_id

_PADDING = Software("zerogo".ljust(88))
"""Makes a request 120 bytes or more, as long as the longest answer: four addresses of IPv6 and a fingerprint."""


@frozen
class Places:
    """Where a server listens: the number of each listener, and its address as clients see it."""

    addresses: Mapping[int, SocketAddress] = field(factory=dict)

    def changed(self, listener: int, change: ChangeRequest) -> int | None:
        """The listener that answers what came in at `listener`; None where there is none such."""
        if not (change.change_address or change.change_port):
            return listener
        asked = self.addresses.get(listener)
        if asked is None:
            return None
        for number, place in self.addresses.items():
            is_same_family = place.is_ipv6 is asked.is_ipv6
            changes = (place.host != asked.host, place.port != asked.port)
            if is_same_family and changes == (change.change_address, change.change_port):
                return number
        return None

    def other(self, listener: int) -> SocketAddress | None:
        """The address that shares neither host nor port with the listener's, where all four combinations exist."""
        numbers = [self.changed(listener, ChangeRequest(*both)) for both in ((True, False), (False, True))]
        opposite = self.changed(listener, ChangeRequest(True, True))
        return None if opposite is None or None in numbers else self.addresses[opposite]


def discovery_request(rng: RandomBytes, *, change_address: bool = False, change_port: bool = False) -> bytes:
    """A request as long as the longest answer, so that the server may say all it knows."""
    change = ChangeRequest(change_address, change_port)
    attributes = (change, _PADDING) if change_address or change_port else (_PADDING,)
    return emit(Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(rng), attributes))
