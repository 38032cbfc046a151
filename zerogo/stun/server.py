# -*- test-case-name: zerogo.test.stun.test_server -*-
"""A STUN server that answers Binding requests and nothing else (RFC 8489 section 6.3).

UDP sources can be forged, so a server must not be worth abusing:

- Only requests are answered, so two servers can never be set on each other. Errors are never sent: a request with an
  unknown comprehension-required attribute, with a CHANGE-REQUEST that cannot be met, or of another method is dropped.
- An answer is XOR-MAPPED-ADDRESS alone, 32 bytes for IPv4 and 44 for IPv6. FINGERPRINT is added where the request has
  one, then what `zerogo.stun.discovery` tells, while the answer stays no longer than the request.
- Our own clients pad their requests (`binding_request`), so an answer to them is never longer. The bare request of
  RFC 8489 is 20 bytes and has to be answered too; with the IP and UDP headers that is 60 bytes for 48 (1.25 to 1)
  over IPv4 and 92 for 68 (1.35 to 1) over IPv6. What remains is bounded per source by `SourceLimiter`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, frozen

from zerogo.core import Deadline, RandomBytes, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    Attribute,
    ChangeRequest,
    Fingerprint,
    MappedAddress,
    OtherAddress,
    ResponseOrigin,
    Software,
    XorMappedAddress,
)
from zerogo.stun.discovery import Places
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.message import Message, MessageClass, Method, emit, new_transaction_id, parse

ANSWERS_PER_SECOND = 20.0
ANSWERS_BURST = 40.0
ANSWERS_QUEUE_LIMIT = 256
"""Answers waiting to be drained; more are not made."""
_FINGERPRINT_BYTES = 8
_PADDING = Software("zerogo".ljust(20))
"""Makes a request 52 bytes, as long as the longest answer. SOFTWARE, since every server may ignore it, whereas the
PADDING attribute of RFC 5780 makes servers that do not know it refuse."""


@define
class ResponderCounters:
    """What came in, by what became of it."""

    answered: int = 0
    malformed: int = 0
    """Not STUN, or broken STUN."""
    refused: int = 0
    """Not a Binding request that can be answered as it asks."""
    limited: int = 0
    """Over the source's rate, or over the queue's bound."""


@frozen
class Answer:
    """What to send back, and from which listener."""

    payload: bytes
    listener: int


class BindingResponder:
    """The core of a STUN server: `answer` where there are several listeners, `receive_datagram` on one socket.

    `places` are the listeners; without them no answer comes from another address than was asked.
    """

    def __init__(self, limiter: SourceLimiter | None = None, counters: ResponderCounters | None = None) -> None:
        self.counters = counters or ResponderCounters()
        self.places = Places()
        self._limiter = limiter or SourceLimiter(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._transmits: deque[Transmit] = deque()

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        """Answer a Binding request; anything else costs a counter. Never raises."""
        if len(self._transmits) >= ANSWERS_QUEUE_LIMIT:
            self.counters.limited += 1
            return
        answer = self.answer(data, source, 0, now)
        if answer is not None:
            self._transmits.append(Transmit(source, answer.payload))

    def answer(self, data: bytes, source: SocketAddress, listener: int, now: float) -> Answer | None:
        """The answer to a Binding request that came to `listener`; anything else costs a counter. Never raises."""
        try:
            request = parse(data)
        except ParseError:
            self.counters.malformed += 1
            return None
        sender = self._sender(request, listener)
        if sender is None or source.port == 0:
            self.counters.refused += 1
            return None
        if not self._limiter.allows(source, now):
            self.counters.limited += 1
            return None
        self.counters.answered += 1
        return Answer(self._emit(request, source, sender, len(data)), sender)

    def _sender(self, request: Message, listener: int) -> int | None:
        """Who is to answer; None where nobody is."""
        is_request = request.message_class is MessageClass.REQUEST and request.method == Method.BINDING
        if not is_request or request.unknown_required:
            return None
        return self.places.changed(listener, request.get(ChangeRequest) or ChangeRequest())

    def _emit(self, request: Message, source: SocketAddress, sender: int, limit: int) -> bytes:
        """As much as fits into as many bytes as the request has."""
        attributes: tuple[Attribute, ...] = (XorMappedAddress(source),)
        data = _emit_answer(request, attributes, False)
        has_fingerprint = request.get(Fingerprint) is not None and len(data) + _FINGERPRINT_BYTES <= limit
        if has_fingerprint:
            data = _emit_answer(request, attributes, True)
        for more in self._told(source, sender):
            longer = _emit_answer(request, (*attributes, more), has_fingerprint)
            if len(longer) > limit:
                break
            attributes, data = (*attributes, more), longer
        return data

    def _told(self, source: SocketAddress, sender: int) -> Iterator[Attribute]:
        """What a server of RFC 5780 adds, the most useful first."""
        origin, other = self.places.addresses.get(sender), self.places.other(sender)
        if other is not None:
            yield OtherAddress(other)
        if origin is not None:
            yield ResponseOrigin(origin)
            yield MappedAddress(source)

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def next_timer(self) -> Deadline | None:
        """None: a server of Binding keeps no state that ages."""
        return None

    def transmits(self) -> Iterator[Transmit]:
        """Drain the answers."""
        return drain(self._transmits)

    def events(self) -> Iterator[None]:
        """Nothing happens that anyone must know of."""
        return iter(())


def binding_request(rng: RandomBytes) -> bytes:
    """A request to a STUN server, as long as the longest answer to it."""
    message = Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(rng), (_PADDING,))
    return emit(message)


def _emit_answer(request: Message, attributes: tuple[Attribute, ...], has_fingerprint: bool) -> bytes:
    answer = Message(Method.BINDING, MessageClass.SUCCESS, request.transaction_id, attributes)
    return emit(answer, fingerprint=has_fingerprint)
