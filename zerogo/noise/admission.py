# -*- test-case-name: zerogo.test.noise.test_admission -*-
"""The front door of a responder: which initiations are worked on, which are asked for a cookie, which are dropped.

Nothing is kept for a stranger. The price of a datagram without the right mac1 is one BLAKE2s, and it gets no answer.
A cookie reply (64 bytes) is smaller than the initiation it answers (at least 164), so it amplifies nothing.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.core import RandomBytes
from zerogo.ids import NetworkId
from zerogo.noise.cookie import CookieIssuer, HandshakeLimiter, HandshakeSource, check_mac1
from zerogo.noise.errors import StaleInitiation, TooManyInitiations
from zerogo.noise.exchange import ReceivedInitiation
from zerogo.noise.timestamp import ReplayGuard
from zerogo.wire.handshake import parse_initiation


@frozen
class CookieDemanded:
    """Do not work on the initiation; send `reply` to its source."""

    reply: bytes


class Admission:
    """One responder's load, cookies and timestamps. `now` is monotonic seconds."""

    def __init__(self, network: NetworkId, local_static: bytes, rng: RandomBytes) -> None:
        self._network = network
        self._local_static = local_static
        self._issuer = CookieIssuer(network, local_static, rng)
        self._limiter = HandshakeLimiter()
        self._guard = ReplayGuard()

    def admit(self, datagram: bytes, source: HandshakeSource, now: float) -> CookieDemanded | None:
        """Decide before any Diffie-Hellman: None says go on, `CookieDemanded` says answer with that and stop.

        Raises `ParseError`, `NotAuthentic` (mac1) and, under load, `TooManyInitiations`.
        """
        initiation = parse_initiation(datagram)
        check_mac1(self._network, self._local_static, datagram)
        self._limiter.note_initiation(now)
        if not self._limiter.under_load(now):
            return None
        if not self._issuer.has_valid_mac2(datagram, source, now):
            return CookieDemanded(self._issuer.reply(datagram, initiation.sender_index, source, now))
        if not self._limiter.allows(source, now):
            raise TooManyInitiations(f"{source} sends too many initiations")
        return None

    def check_fresh(
        self, received: ReceivedInitiation, datagram: bytes, source: HandshakeSource, now: float
    ) -> CookieDemanded | None:
        """Decide about an authentic initiation of a member: None says answer it, `CookieDemanded` as in `admit`.

        The latter means that its timestamp is stale; the next try proves with the cookie that it is fresh. Raises
        `Replayed`. Call it only about members, once per initiation.
        """
        is_proven_fresh = received.cookie is not None and self._issuer.is_valid_cookie(received.cookie, source, now)
        try:
            self._guard.accept(received.remote_static, received.timestamp, is_proven_fresh=is_proven_fresh, now=now)
        except StaleInitiation:
            return CookieDemanded(self._issuer.reply(datagram, received.sender_index, source, now))
        return None

    def forget(self, remote_static: bytes) -> None:
        """A node is no member any more."""
        self._guard.forget(remote_static)
