# -*- test-case-name: zerogo.test.stun.test_server -*-
"""A STUN server that answers Binding requests and nothing else (RFC 8489 section 6.3).

UDP sources can be forged, so a server must not be worth abusing:

- Only requests are answered, so two servers can never be set on each other. Errors are never sent: a request with an
  unknown comprehension-required attribute, with a CHANGE-REQUEST that cannot be met, or of another method is dropped.
- An answer is XOR-MAPPED-ADDRESS alone, 32 bytes for IPv4 and 44 for IPv6: no SOFTWARE, no second copy of the address.
  FINGERPRINT is added where the request has one and the answer stays no longer than the request.
- Our own clients pad their requests (`binding_request`), so an answer to them is never longer. The bare request of
  RFC 8489 is 20 bytes and has to be answered too; with the IP and UDP headers that is 60 bytes for 48 (1.25 to 1)
  over IPv4 and 92 for 68 (1.35 to 1) over IPv6. What remains is bounded per source by `SourceLimiter`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define

from zerogo.core import Deadline, RandomBytes, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import ChangeRequest, Fingerprint, Software, XorMappedAddress
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


class BindingResponder:
    """The core of a STUN server on one socket; several sockets may share a limiter and counters."""

    def __init__(self, limiter: SourceLimiter | None = None, counters: ResponderCounters | None = None) -> None:
        self.counters = counters or ResponderCounters()
        self._limiter = limiter or SourceLimiter(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._transmits: deque[Transmit] = deque()

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        """Answer a Binding request; anything else costs a counter. Never raises."""
        try:
            request = parse(data)
        except ParseError:
            self.counters.malformed += 1
            return
        if not _is_answerable(request) or source.port == 0:
            self.counters.refused += 1
        elif len(self._transmits) >= ANSWERS_QUEUE_LIMIT or not self._limiter.allows(source, now):
            self.counters.limited += 1
        else:
            self._transmits.append(Transmit(source, _answer(request, source, len(data))))
            self.counters.answered += 1

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


def _is_answerable(message: Message) -> bool:
    if message.method != Method.BINDING or message.message_class is not MessageClass.REQUEST:
        return False
    change = message.get(ChangeRequest)
    if change is not None and (change.change_address or change.change_port):
        return False
    return not message.unknown_required


def _answer(request: Message, source: SocketAddress, request_length: int) -> bytes:
    attributes = (XorMappedAddress(source),)
    answer = Message(Method.BINDING, MessageClass.SUCCESS, request.transaction_id, attributes)
    data = emit(answer, fingerprint=False)
    has_room = len(data) + _FINGERPRINT_BYTES <= request_length
    return emit(answer) if has_room and request.get(Fingerprint) is not None else data
