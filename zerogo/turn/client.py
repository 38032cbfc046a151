# -*- test-case-name: zerogo.test.turn.test_client -*-
"""A TURN client core, RFC 8656: borrows an address from a relay and exchanges data with peers through it.

    start -> Allocate -> 401 with realm and nonce -> Allocate with credentials -> Allocated
             (on a stream, where the credential came with a nonce, with credentials at once)
    permit, bind -> CreatePermission, ChannelBind, renewed for as long as they are wanted
    send -> ChannelData where a channel is bound, else a Send indication where there is a permission

Requests are repeated, by UDP as soon as the server's round trip allows (`turn.acquaintance`), on streams rarely: a
stream loses nothing, but what leads to it may (`zerogo.net.relay_bridge`).
A nonce that has become stale is replaced and the request sent anew; so is a credential, with `set_credential`, while
the allocation lives on. The first request is padded, so that a relay that answers a stranger within the strangers'
bytes can answer it.

Answers count only with the transaction id of an open request and, but for 401 and 438, with the credential's
integrity. What the relay passes on from peers is as trustworthy as any datagram from the internet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field, frozen

from zerogo.core import Deadline, RandomBytes, TimerTable, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.secret import Secret
from zerogo.stun.attributes import (
    AlternateServer,
    Attribute,
    ErrorCode,
    Nonce,
    Realm,
    Software,
    Username,
    XorMappedAddress,
)
from zerogo.stun.integrity import long_term_key
from zerogo.stun.message import Message, MessageClass, check_integrity, emit, new_transaction_id
from zerogo.stun.transaction import ClientTransaction
from zerogo.turn.acquaintance import PATIENCE_SECONDS, Acquaintance
from zerogo.turn.attributes import (
    FAMILY_IPV6,
    UDP_PROTOCOL,
    ChannelNumber,
    Data,
    DontFragment,
    Lifetime,
    PeerGrant,
    RequestedAddressFamily,
    RequestedTransport,
    XorPeerAddress,
    XorRelayedAddress,
)
from zerogo.turn.client_events import (
    Allocated,
    AllocateFailed,
    AllocationLost,
    ChannelBound,
    ClientEvent,
    PeerData,
    PeerPermitted,
    PeerRefused,
)
from zerogo.turn.client_peers import Peers
from zerogo.turn.credentials import REALM
from zerogo.turn.errors import Code
from zerogo.turn.message import (
    TurnMethod,
    emit_channel_data,
    is_channel_data,
    parse,
    parse_channel_data,
)

STREAM_SCHEDULE = (1.0, 2.0, 5.0)
"""Seconds of patience after each send."""
CHECK_SECONDS = 1.2
"""Of `check` by UDP: a relay that does not answer is given up after so long."""
RENEW_PEER_SECONDS = 240.0
"""Permissions last 300 s, channels 600 s and renew the permission."""
RENEW_MARGIN_SECONDS = 60.0
YOUNG_NONCE_SECONDS = 500.0
"""Servers take a nonce for 600 s, ours and most others."""
ATTEMPTS = 4
"""So often one request is sent anew with another nonce."""
_PADDING = Software("zerogo".ljust(40))


@frozen
class TurnCredential:
    """A user name and its password."""

    username: str
    password: Secret
    nonce: bytes = field(default=b"", repr=False)
    """For the first request on a connection (`zerogo.turn.nonce`), with `realm`; empty: the relay is asked for one."""
    realm: str = REALM


@define
class _Request:
    """One request on its way, and what it takes to send it anew."""

    method: TurnMethod
    attributes: tuple[Attribute, ...]
    peer: SocketAddress | None
    transaction: ClientTransaction
    key: bytes | None
    is_check: bool
    """Whether it was made by `TurnClient.check`."""
    attempts: int = 1
    host_ahead: str = ""  # that a permission was asked for right behind it


class TurnClient:
    """One allocation on one server, over one transport.

    :param server: where datagrams go; on a stream, the other end.
    :param is_stream: whether the transport is TCP or TLS: its driver cuts the stream into messages.
    :param wants_ipv6: the family of the relayed address.
    :param acquaintance: what an earlier client has learned of the same server; it is kept up to date.
    """

    def __init__(
        self,
        server: SocketAddress,
        credential: TurnCredential,
        rng: RandomBytes,
        *,
        is_stream: bool = False,
        wants_ipv6: bool = False,
        acquaintance: Acquaintance | None = None,
    ) -> None:
        self.relayed: SocketAddress | None = None
        self.acquaintance = Acquaintance() if acquaintance is None else acquaintance
        self._server = server
        self._credential = credential
        self._rng = rng
        self._is_stream = is_stream
        self._wants_ipv6 = wants_ipv6
        if is_stream and credential.nonce and self.acquaintance.realm is None:
            self.acquaintance.realm, self.acquaintance.nonce = credential.realm, credential.nonce
            self.acquaintance.is_guess = True
        self._is_closed = False
        self._has_cleared = False
        self._requests: dict[bytes, _Request] = {}
        self._peers = Peers()
        self._renewals: TimerTable[SocketAddress | None] = TimerTable()
        self._transmits: deque[Transmit] = deque()
        self._events: deque[ClientEvent] = deque()

    def start(self, now: float) -> None:
        """Ask for an address."""
        wanted: tuple[Attribute, ...] = (RequestedTransport(UDP_PROTOCOL),)
        if self._wants_ipv6:
            wanted += (RequestedAddressFamily(FAMILY_IPV6),)
        self._request(TurnMethod.ALLOCATE, wanted, None, now)

    def set_credential(self, credential: TurnCredential, now: float) -> None:
        """Use another credential of the same user from here on, and extend the allocation with it at once."""
        self._credential = credential
        if self.relayed is not None:
            self._request(TurnMethod.REFRESH, (), None, now)

    def check(self, now: float) -> None:
        """Find out at once whether the allocation lives, since what goes through it has fallen silent. A relay that was
        restarted says so within two round trips, one that is gone is given up after 1.2 s: `AllocationLost`."""
        is_asked = any(each.method is TurnMethod.REFRESH for each in self._requests.values())
        if self.relayed is not None and not is_asked:
            self._request(TurnMethod.REFRESH, (), None, now, is_check=True)

    def permit(self, peer: SocketAddress, grant: bytes | None, now: float) -> None:
        """Have data exchanged with a peer, by indications; `grant` vouches for it where the relay is closed. A peer
        that is known is renewed where it comes with another grant than before."""
        before = self._peers.find(peer)
        had = None if before is None else before.grant
        known = self._peers.add(peer, grant)
        if known is not None and (before is None or known.grant != had):
            self._renew(peer, now)

    def bind(self, peer: SocketAddress, grant: bytes | None, now: float) -> None:
        """The same by a channel, which costs 4 bytes for each datagram in place of 36 or more."""
        if self._peers.add(peer, grant) is not None:
            self._peers.choose_channel(peer)
            self._renew(peer, now)

    def forget(self, peer: SocketAddress) -> None:
        """Let permission and channel run out. The channel's number is not used again in this allocation."""
        self._peers.forget(peer)
        self._renewals.cancel(peer)

    def send(self, peer: SocketAddress, payload: bytes, dont_fragment: bool = False) -> bool:
        """Send data to a peer; False where there is neither permission nor channel yet, and nothing was sent."""
        known = self._peers.find(peer)
        if known is None or self.relayed is None:
            return False
        if known.is_bound and known.channel is not None and not dont_fragment:
            self._put(emit_channel_data(known.channel, payload, self._is_stream))
        elif known.is_permitted:
            self._put_indication(XorPeerAddress(peer), Data(payload), *((DontFragment(),) if dont_fragment else ()))
        else:
            return False
        return True

    def send_ahead(self, peer: SocketAddress, payload: bytes) -> bool:
        """Send data to another allocation of the relay right behind the request for ours, which the relay takes first:
        a round trip earlier than `Allocated` lets it go. It may get lost, and nothing tells. False, with nothing sent:
        no such request with credentials is out.
        """
        asked = self._asked()
        if asked is None:
            return False
        if not self._is_stream or asked.host_ahead != peer.host:  # of datagrams, one that is lost takes one along
            asked.host_ahead = peer.host
            self._put(self._signed(TurnMethod.CREATE_PERMISSION, (XorPeerAddress(peer),))[2])
        self._put_indication(XorPeerAddress(peer), Data(payload))
        return True

    def close(self, now: float) -> None:
        """Give the address back, also the one whose loan is on its way: one datagram, whose answer nobody waits for."""
        if (self.relayed is not None or self._asked() is not None) and not self._is_closed:
            self._request(TurnMethod.REFRESH, (Lifetime(0),), None, now)
            self._flush(now)
        self._end()

    def connection_lost(self, now: float) -> None:
        """The stream is closed, and the allocation with it."""
        if not self._is_closed:
            self._lose("the connection to the relay was lost")

    def refresh(self, now: float) -> None:
        """Extend the allocation now: keeps the NAT's mapping, and finds out whether the relay still knows us."""
        if self.relayed is not None:
            self._request(TurnMethod.REFRESH, (), None, now)

    def successor(self) -> TurnClient:
        """A client for the same, after this one's allocation was lost: it needs no challenge of its own."""
        return TurnClient(
            self._server,
            self._credential,
            self._rng,
            is_stream=self._is_stream,
            wants_ipv6=self._wants_ipv6,
            acquaintance=self.acquaintance,
        )

    def channel_of(self, peer: SocketAddress) -> int | None:
        """The channel that `bind` chose for a peer; the relay may not have confirmed it yet."""
        known = self._peers.find(peer)
        return None if known is None else known.channel

    def peer_of(self, channel: int) -> SocketAddress | None:
        """The peer that `bind` chose a channel for."""
        return self._peers.at(channel)

    def owns_transaction(self, transaction_id: bytes) -> bool:
        """Whether an answer with this transaction id is for this client."""
        return transaction_id in self._requests

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        """A datagram, or one message of the stream. Never raises; what is not from the server is dropped."""
        if source != self._server or self._is_closed:
            return
        try:
            if is_channel_data(data):
                received = parse_channel_data(data)
                self._receive_data(self._peers.at(received.number), received.data)
            else:
                self._receive_stun(parse(data), data, now)
        except ParseError:
            return

    def handle_timer(self, now: float) -> None:
        """Repeat requests, give up on others, renew what is wanted."""
        self._flush(now)
        for peer in self._renewals.take_due(now):
            if peer is None:
                self._request(TurnMethod.REFRESH, (), None, now)
            else:
                self._renew(peer, now)
        self._flush(now)

    def next_timer(self) -> Deadline | None:
        """The next of these."""
        deadlines = [Deadline(each.transaction.next_at, "request") for each in self._requests.values()]
        renewal = self._renewals.next()
        if renewal is not None:
            deadlines.append(Deadline(renewal.at, "renewal"))
        return min(deadlines, key=lambda each: each.at, default=None)

    def transmits(self) -> Iterator[Transmit]:
        """Drain what is to be sent to the server."""
        return drain(self._transmits)

    def events(self) -> Iterator[ClientEvent]:
        """Drain what has happened."""
        return drain(self._events)

    def _asked(self) -> _Request | None:
        """The request for an address that is out with credentials, by UDP with a nonce that this address was told."""
        if self.acquaintance.is_guess and not self._is_stream:
            return None
        asked = (each for each in self._requests.values() if each.method is TurnMethod.ALLOCATE)
        return next((each for each in asked if each.key is not None), None)

    def _receive_stun(self, message: Message, raw: bytes, now: float) -> None:
        if message.message_class is MessageClass.INDICATION and message.method == TurnMethod.DATA:
            peer, data = message.get(XorPeerAddress), message.get(Data)
            if peer is not None and data is not None:
                self._receive_data(peer.address, data.data)
            return
        request = self._requests.get(message.transaction_id)
        if request is None or message.method != request.method:
            return
        error = message.get(ErrorCode)
        if message.message_class is MessageClass.ERROR and error is not None:
            self._receive_error(request, message, error, raw, now)
        elif message.message_class is MessageClass.SUCCESS and self._is_authentic(request, raw):
            del self._requests[message.transaction_id]
            self.acquaintance.is_guess = False
            self._measure(request, now)
            self._succeed(request, message, now)

    def _measure(self, request: _Request, now: float) -> None:
        sends = request.transaction.sends
        if sends == 1 or not request.is_check:
            self.acquaintance.answered(sends, request.transaction.rtt(now), now)

    def _is_authentic(self, request: _Request, raw: bytes) -> bool:
        return request.key is not None and check_integrity(raw, request.key)

    def _receive_data(self, peer: SocketAddress | None, data: bytes) -> None:
        if peer is not None and self.relayed is not None:
            self._events.append(PeerData(peer, data))

    def _receive_error(self, request: _Request, message: Message, error: ErrorCode, raw: bytes, now: float) -> None:
        realm, nonce = message.get(Realm), message.get(Nonce)
        is_unasked = request.key is None or self.acquaintance.is_guess
        is_challenge = error.code == Code.STALE_NONCE or (error.code == Code.UNAUTHENTICATED and is_unasked)
        if is_challenge and realm is not None and nonce is not None and request.attempts < ATTEMPTS:
            del self._requests[message.transaction_id]
            self._measure(request, now)
            is_young = now - self.acquaintance.told_at < YOUNG_NONCE_SECONDS
            self.acquaintance.challenged(realm.text, nonce.nonce, now)
            if request.is_check and is_young:
                # The nonce is bound to our address. It cannot be too old, so our address is another, or the relay is.
                self._lose("the relay does not know this address")
                return
            attempts, is_check = request.attempts + 1, request.is_check
            self._request(request.method, request.attributes, request.peer, now, attempts=attempts, is_check=is_check)
        elif error.code == Code.UNAUTHENTICATED or request.key is None or self._is_authentic(request, raw):
            del self._requests[message.transaction_id]
            self.acquaintance.is_guess |= error.code == Code.UNAUTHENTICATED  # perhaps another realm is served there
            is_former = request.method is TurnMethod.ALLOCATE and error.code == Code.ALLOCATION_MISMATCH
            if is_former and not self._has_cleared:
                self._clear_former(now)
                return
            alternate = message.get(AlternateServer)
            self._fail(request, error.code, error.reason, None if alternate is None else alternate.address)

    def _succeed(self, request: _Request, message: Message, now: float) -> None:
        if request.method is TurnMethod.REFRESH and self.relayed is None:
            self.start(now)
            return
        if request.method in (TurnMethod.ALLOCATE, TurnMethod.REFRESH):
            self._extend(request, message, now)
            return
        assert request.peer is not None
        known = self._peers.find(request.peer)
        if known is None:
            return
        self._renewals.set(request.peer, now + RENEW_PEER_SECONDS)
        was_permitted, was_bound = known.is_permitted, known.is_bound
        known.is_permitted = True
        if not was_permitted:
            self._events.append(PeerPermitted(request.peer))
        if request.method is TurnMethod.CHANNEL_BIND and not was_bound:
            known.is_bound = True
            self._events.append(ChannelBound(request.peer))

    def _extend(self, request: _Request, message: Message, now: float) -> None:
        lifetime = message.get(Lifetime)
        seconds = 600.0 if lifetime is None else float(lifetime.value)
        margin = RENEW_MARGIN_SECONDS if seconds > 2 * RENEW_MARGIN_SECONDS else seconds / 2
        if request.method is TurnMethod.ALLOCATE:
            relayed, mapped = message.get(XorRelayedAddress), message.get(XorMappedAddress)
            if relayed is None or mapped is None:
                self._fail(request, 0, "an answer without an address")
                return
            self.relayed = relayed.address
            self._events.append(Allocated(relayed.address, mapped.address, seconds))
            for peer in self._peers:
                self._renew(peer, now)
        self._renewals.set(None, now + max(1.0, seconds - margin))

    def _fail(self, request: _Request, code: int, reason: str, alternate: SocketAddress | None = None) -> None:
        if request.method is TurnMethod.ALLOCATE:
            self._events.append(AllocateFailed(code, reason, alternate))
            self._end()
        elif request.method is TurnMethod.REFRESH or code == Code.ALLOCATION_MISMATCH:
            self._lose(f"{code} {reason}".strip() if code else reason)
        elif request.peer is not None and self._peers.find(request.peer) is not None:
            self.forget(request.peer)
            self._events.append(PeerRefused(request.peer, code, reason))

    def _clear_former(self, now: float) -> None:
        """This address of ours has an allocation that a former process made: give it back, then ask anew."""
        self._has_cleared = True
        self._request(TurnMethod.REFRESH, (Lifetime(0),), None, now)

    def _lose(self, reason: str) -> None:
        lost = AllocationLost(reason) if self.relayed is not None else AllocateFailed(0, reason)
        self._events.append(lost)
        self._end()

    def _end(self) -> None:
        self._is_closed = True
        self.relayed = None
        self._requests.clear()
        self._peers.clear()
        self._renewals = TimerTable()

    def _renew(self, peer: SocketAddress, now: float) -> None:
        known = self._peers.find(peer)
        if known is None or self.relayed is None:
            return
        attributes: tuple[Attribute, ...] = (XorPeerAddress(peer),)
        if known.grant is not None:
            attributes += (PeerGrant(known.grant),)
        if known.channel is None:
            self._request(TurnMethod.CREATE_PERMISSION, attributes, peer, now)
        else:
            self._request(TurnMethod.CHANNEL_BIND, (ChannelNumber(known.channel), *attributes), peer, now)

    def _request(
        self,
        method: TurnMethod,
        attributes: tuple[Attribute, ...],
        peer: SocketAddress | None,
        now: float,
        *,
        attempts: int = 1,
        is_check: bool = False,
    ) -> None:
        identity, key, payload = self._signed(method, attributes)
        transaction = ClientTransaction(payload, self._server, self._schedule(is_check, now), now)
        self._requests[identity] = _Request(method, attributes, peer, transaction, key, is_check, attempts)
        self._flush(now)

    def _schedule(self, is_check: bool, now: float) -> tuple[float, ...]:
        if self._is_stream:
            return STREAM_SCHEDULE
        if is_check:
            return self.acquaintance.check_schedule(CHECK_SECONDS, now)
        return self.acquaintance.schedule(PATIENCE_SECONDS, now)

    def _signed(self, method: TurnMethod, attributes: tuple[Attribute, ...]) -> tuple[bytes, bytes | None, bytes]:
        """A request: its transaction id, the key that it is protected with, if any, and its bytes."""
        key: bytes | None = None
        protected = (*attributes, _PADDING)
        if self.acquaintance.realm is not None:
            name, password = self._credential.username, self._credential.password.reveal()
            key = long_term_key(name, self.acquaintance.realm, password)
            protected = (*attributes, Username(name), Realm(self.acquaintance.realm), Nonce(self.acquaintance.nonce))
        identity = new_transaction_id(self._rng)
        return identity, key, emit(Message(method, MessageClass.REQUEST, identity, protected), key, fingerprint=False)

    def _put_indication(self, *attributes: Attribute) -> None:
        identity = new_transaction_id(self._rng)
        self._put(emit(Message(TurnMethod.SEND, MessageClass.INDICATION, identity, attributes), fingerprint=False))

    def _flush(self, now: float) -> None:
        """Send what is due, and give up on what has waited too long."""
        for identity in list(self._requests):
            request = self._requests.get(identity)
            if request is None:
                continue
            payload = request.transaction.take_due(now)
            if payload is not None:
                self._put(payload)
            elif request.transaction.is_expired(now):
                del self._requests[identity]
                self._fail(request, 0, "the relay does not answer")

    def _put(self, payload: bytes) -> None:
        self._transmits.append(Transmit(self._server, payload))
