# -*- test-case-name: zerogo.test.turn.test_server -*-
"""The four requests of TURN, once their sender is known: Allocate, Refresh, CreatePermission, ChannelBind.

Each returns the attributes of its success response or raises `Refusal` before anything has changed. Allocate returns
None while its socket is being opened; `opened` makes the response then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from zerogo.ids import SocketAddress
from zerogo.stun.attributes import AlternateServer, Attribute, UnknownAttributes, XorMappedAddress
from zerogo.stun.message import Message
from zerogo.turn.allocation import Allocation, ClientAddress, Reach
from zerogo.turn.attributes import (
    FAMILY_IPV4,
    FAMILY_IPV6,
    UDP_PROTOCOL,
    ChannelNumber,
    EvenPort,
    Lifetime,
    PeerGrant,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
    XorPeerAddress,
    XorRelayedAddress,
)
from zerogo.turn.door import Admitted
from zerogo.turn.errors import Code, Refusal
from zerogo.turn.events import AllocationEnded, AllocationMade, RelayReleased, RelayWanted, ServerEvent
from zerogo.turn.gate import PeerGate
from zerogo.turn.ledger import Ledger, Waiting
from zerogo.turn.message import TurnMethod, is_channel_number
from zerogo.turn.quota import Usage

LIFETIME_SECONDS = 600.0
LIFETIME_LIMIT_SECONDS = 3600.0

Answer = tuple[Attribute, ...]


class RequestDesk:
    """Carries requests out. `families` are those that addresses can be lent of; `unix_time` gives Unix seconds."""

    def __init__(
        self,
        ledger: Ledger,
        gate: PeerGate,
        families: tuple[int, ...],
        unix_time: Callable[[], float],
        events: deque[ServerEvent],
    ) -> None:
        self.is_draining = False
        self.alternates: tuple[SocketAddress, ...] = ()
        """Where clients are sent while we drain."""
        self._ledger = ledger
        self._gate = gate
        self._families = families
        self._unix_time = unix_time
        self._events = events

    def answer(self, request: Message, admitted: Admitted, client: ClientAddress, now: float) -> Answer | None:
        """Carry a request out; raises `Refusal`."""
        if request.unknown_required:
            unknown = UnknownAttributes(request.unknown_required)
            raise Refusal(Code.UNKNOWN_ATTRIBUTE, "unknown attribute", (unknown,))
        outdated = self._ledger.outdated(client, now)
        if outdated is not None:
            self.end(outdated, "expired")
        allocation = self._ledger.of_client(client, now)
        if request.method == TurnMethod.ALLOCATE:
            return self._allocate(request, admitted, client, allocation, now)
        if allocation is None:
            raise Refusal(Code.ALLOCATION_MISMATCH, "no allocation")
        if allocation.user != admitted.account.user:
            raise Refusal(Code.WRONG_CREDENTIALS, "another user's allocation")
        if request.method == TurnMethod.REFRESH:
            return self._refresh(request, admitted, allocation, now)
        before = allocation.entries
        try:
            if request.method == TurnMethod.CREATE_PERMISSION:
                return self._create_permission(request, allocation, now)
            if request.method == TurnMethod.CHANNEL_BIND:
                return self._bind_channel(request, allocation, now)
        finally:
            self._ledger.books.entries += allocation.entries - before
        raise Refusal(Code.BAD_REQUEST, "unknown method")

    def opened(self, waiting: Waiting, relayed: SocketAddress, kept: SocketAddress | None, now: float) -> Answer:
        """The socket of a waiting request is there, and that of the next port where it was asked for."""
        extra: Answer = ()
        if kept is not None:
            usage = self._ledger.books.open(waiting.usage.user, now)
            if usage is None:
                self._events.append(RelayReleased(kept))
            else:
                extra = (ReservationToken(self._ledger.reserve(kept, usage, now)),)
        return self._lend(waiting, relayed, now) + extra

    def end(self, allocation: Allocation, reason: str) -> None:
        """Take an allocation back."""
        self._ledger.remove(allocation)
        self._events.append(RelayReleased(allocation.relayed))
        self._events.append(
            AllocationEnded(
                allocation.client,
                allocation.user,
                allocation.relayed,
                reason,
                allocation.bytes_out,
                allocation.bytes_in,
            )
        )

    def release(self, relayed: SocketAddress) -> None:
        """A kept port is not kept any longer."""
        self._events.append(RelayReleased(relayed))

    def _allocate(
        self, request: Message, admitted: Admitted, client: ClientAddress, existing: Allocation | None, now: float
    ) -> Answer | None:
        if existing is not None:
            if existing.transaction_id == request.transaction_id and existing.user == admitted.account.user:
                return _lent(existing, now)
            if existing.user == admitted.account.user:
                raise Refusal(Code.ALLOCATION_MISMATCH, "there is an allocation")
            # Its nonce proves that this user is the one who receives at this address: a NAT has given the mapping of
            # another machine, or of another identity on the same one, to this user. RFC 8656 section 7.2 would have
            # it wait until the allocation of whoever cannot be reached there any more has run out.
            self.end(existing, "its address is another user's by now")
        if self._ledger.is_waiting(client):
            return None
        self._check_draining(client)
        family = self._check_allocate(request)
        usage = self._ledger.books.open(admitted.account.user, now)
        if usage is None:
            raise Refusal(Code.ALLOCATION_QUOTA, "quota reached")
        waiting = Waiting(request, client, admitted, usage, self._lifetime(request, admitted))
        token = request.get(ReservationToken)
        if token is not None:
            return self._allocate_reserved(waiting, token.data, usage, now)
        even = request.get(EvenPort)
        keeps_next = even is not None and bool(even.value & EvenPort.RESERVE)
        ticket = self._ledger.wait(waiting)
        self._events.append(RelayWanted(ticket, family == FAMILY_IPV6, even is not None, keeps_next))
        return None

    def _check_draining(self, client: ClientAddress) -> None:
        if not self.is_draining:
            return
        alternate = next((each for each in self.alternates if each.is_ipv6 is client.address.is_ipv6), None)
        if alternate is None:
            raise Refusal(Code.INSUFFICIENT_CAPACITY, "shutting down")
        raise Refusal(Code.TRY_ALTERNATE, "shutting down", (AlternateServer(alternate),))

    def _check_allocate(self, request: Message) -> int:
        """The family that is wanted, where nothing speaks against the request."""
        transport = request.get(RequestedTransport)
        if transport is None:
            raise Refusal(Code.BAD_REQUEST, "no transport requested")
        if transport.value != UDP_PROTOCOL:
            raise Refusal(Code.UNSUPPORTED_TRANSPORT, "UDP only")
        wanted = request.get(RequestedAddressFamily)
        has_token = request.get(ReservationToken) is not None
        if has_token and (request.get(EvenPort) is not None or wanted is not None):
            raise Refusal(Code.BAD_REQUEST, "a token comes alone")
        family = FAMILY_IPV4 if wanted is None else wanted.value
        if family not in self._families and not has_token:
            raise Refusal(Code.ADDRESS_FAMILY_NOT_SUPPORTED, "address family not supported")
        return family

    def _allocate_reserved(self, waiting: Waiting, token: bytes, usage: Usage, now: float) -> Answer:
        reservation = self._ledger.take_reservation(token, usage.user, now)
        self._ledger.books.close(usage)
        if reservation is None:
            raise Refusal(Code.INSUFFICIENT_CAPACITY, "no such reservation")
        return self._lend(waiting, reservation.relayed, now)

    def _lend(self, waiting: Waiting, relayed: SocketAddress, now: float) -> Answer:
        allocation = Allocation(
            client=waiting.client,
            relayed=relayed,
            user=waiting.usage.user,
            usage=waiting.usage,
            transaction_id=waiting.request.transaction_id,
            expires_at=now + waiting.lifetime,
            credential_ends=waiting.admitted.account.expires_at,
        )
        self._ledger.add(allocation)
        self._events.append(AllocationMade(allocation.client, allocation.user, relayed))
        return _lent(allocation, now)

    def _lifetime(self, request: Message, admitted: Admitted) -> float:
        """Seconds: what is asked for, within limits, and not beyond the end of the credential."""
        asked = request.get(Lifetime)
        wanted = LIFETIME_SECONDS if asked is None else max(LIFETIME_SECONDS, float(asked.value))
        lifetime = min(wanted, LIFETIME_LIMIT_SECONDS)
        if admitted.account.expires_at is not None:
            lifetime = min(lifetime, max(1.0, admitted.account.expires_at - self._unix_time()))
        return lifetime

    def _refresh(self, request: Message, admitted: Admitted, allocation: Allocation, now: float) -> Answer:
        family = request.get(RequestedAddressFamily)
        if family is not None and family.value != (FAMILY_IPV6 if allocation.relayed.is_ipv6 else FAMILY_IPV4):
            raise Refusal(Code.PEER_FAMILY_MISMATCH, "another address family")
        asked = request.get(Lifetime)
        if asked is not None and asked.value == 0:
            self.end(allocation, "given back")
            return (Lifetime(0),)
        lifetime = self._lifetime(request, admitted)
        allocation.expires_at = now + lifetime
        allocation.credential_ends = admitted.account.expires_at
        return (Lifetime(int(lifetime)),)

    def _create_permission(self, request: Message, allocation: Allocation, now: float) -> Answer:
        peers = [each.address for each in request.attributes if isinstance(each, XorPeerAddress)]
        if not peers:
            raise Refusal(Code.BAD_REQUEST, "no peer")
        reaches = {peer.host: self._reach(request, allocation, peer) for peer in peers}
        self._check_room(allocation, set(reaches), now)
        for host, reach in reaches.items():
            allocation.permit(host, reach, now)
        return ()

    def _bind_channel(self, request: Message, allocation: Allocation, now: float) -> Answer:
        number, peer = request.get(ChannelNumber), request.get(XorPeerAddress)
        if number is None or peer is None or not is_channel_number(number.value):
            raise Refusal(Code.BAD_REQUEST, "a channel has a number and a peer")
        if not allocation.may_bind(number.value, peer.address, now):
            raise Refusal(Code.BAD_REQUEST, "channel or peer is bound already")
        reach = self._reach(request, allocation, peer.address)
        self._check_room(allocation, {peer.address.host}, now, number.value)
        if not allocation.has_room_for_channel(number.value, self._ledger.books.quota, now):
            raise Refusal(Code.INSUFFICIENT_CAPACITY, "too many channels")
        allocation.permit(peer.address.host, reach, now)
        allocation.bind(number.value, peer.address, now)
        return ()

    def _reach(self, request: Message, allocation: Allocation, peer: SocketAddress) -> Reach:
        if peer.is_ipv6 != allocation.relayed.is_ipv6:
            raise Refusal(Code.PEER_FAMILY_MISMATCH, "another address family")
        grants = [each.data for each in request.attributes if isinstance(each, PeerGrant)]
        reach = self._gate.reach(peer.host, allocation.user, grants)
        if reach is None:
            raise Refusal(Code.FORBIDDEN, "peer not allowed")
        return reach

    def _check_room(self, allocation: Allocation, hosts: set[str], now: float, number: int | None = None) -> None:
        before, books = allocation.entries, self._ledger.books
        if books.entries + allocation.lacks(hosts, number) > books.quota.total_entries:
            # Who has entries that are over makes room with these.
            allocation.forget_expired(now)
            freed, lacking = before - allocation.entries, allocation.lacks(hosts, number)
            if lacking and books.entries - freed + lacking > books.quota.total_entries:
                raise Refusal(Code.INSUFFICIENT_CAPACITY, "the relay is full")
        if not allocation.has_room_for(hosts, self._ledger.books.quota, now):
            raise Refusal(Code.INSUFFICIENT_CAPACITY, "too many permissions")


def _lent(allocation: Allocation, now: float) -> Answer:
    return (
        XorRelayedAddress(allocation.relayed),
        Lifetime(max(0, int(allocation.expires_at - now))),
        XorMappedAddress(allocation.client.address),
    )
