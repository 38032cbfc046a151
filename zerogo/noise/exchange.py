# -*- test-case-name: zerogo.test.noise.test_exchange -*-
"""The handshake between two nodes as datagrams: initiation, response, cookie reply (docs/PROTOCOL.md, "Handshake").

    prologue           "ZeroGo" | network id 5 | the first 8 bytes of the initiation (type, version, suite, 0, index 4)
    payload 1          timestamp 12 | cookie 16 or zeros | capabilities (opaque here)
    payload 2          responder's sender index 4 | capabilities (opaque here)

So version, network, suite and both indexes are authenticated by the handshake itself, beyond mac1, which anybody can
compute who knows the public key. There is never user data in a payload: psk2 does not protect payload 1.

An initiator holds one attempt. A response that fails leaves the attempt as it was. A responder holds nothing: what it
learned from an initiation is a `ReceivedInitiation`, to be dropped or answered once. The caller's order of work:
`Admission.admit` (mac1, load), `Responder.consume_initiation`, is the node a member?, `Admission.check_fresh`,
`Responder.create_response`.
"""

from __future__ import annotations

import hmac

from attrs import define, field, frozen

from zerogo.core import RandomBytes
from zerogo.errors import LocalError
from zerogo.ids import NetworkId
from zerogo.noise.cookie import NO_MAC, check_mac1, mac, mac1_key, open_cookie_reply
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.handshake import IKPSK2_AESGCM, IKPSK2_CHACHAPOLY, NoiseHandshake
from zerogo.noise.identity import Identity
from zerogo.noise.keys import SessionKeys
from zerogo.noise.timestamp import TIMESTAMP_BYTES
from zerogo.wire.handshake import (
    COOKIE_BYTES,
    PAYLOAD_LIMIT,
    Initiation,
    Suite,
    initiation_body,
    parse_cookie_reply,
    parse_initiation,
    parse_response,
    response_body,
)

INDEX_BYTES = 4
CAPABILITIES_LIMIT = PAYLOAD_LIMIT - TIMESTAMP_BYTES - COOKIE_BYTES
"""Bytes of capabilities in either message, at most: 484."""

_PATTERNS = {Suite.CHACHAPOLY: IKPSK2_CHACHAPOLY, Suite.AESGCM: IKPSK2_AESGCM}
_PROLOGUE_LABEL = b"ZeroGo"
_NO_COOKIE = bytes(COOKIE_BYTES)


def prologue(network: NetworkId, suite: Suite, sender_index: int) -> bytes:
    """What both ends must agree on before a handshake, 19 bytes."""
    return _PROLOGUE_LABEL + network.raw + initiation_body(suite, sender_index, b"")


def _check_index(index: int) -> None:
    if not 0 <= index < 2**32:
        raise LocalError(f"{index} is not an index of 32 bits")


def _check_capabilities(payload: bytes) -> None:
    if len(payload) > CAPABILITIES_LIMIT:
        raise LocalError(f"{len(payload)} bytes of capabilities; {CAPABILITIES_LIMIT} fit")


@frozen(eq=False)
class _Attempt:
    """An initiation on its way."""

    noise: NoiseHandshake
    sender_index: int
    mac1: bytes


@define(eq=False, repr=False)
class Initiator:
    """The end that begins. One attempt at a time: a new initiation takes the place of the last."""

    local: Identity
    remote_static: bytes
    network: NetworkId
    psk: bytes
    suite: Suite
    rng: RandomBytes
    _attempt: _Attempt | None = field(default=None, init=False)

    def create_initiation(
        self, sender_index: int, timestamp: bytes, payload: bytes = b"", cookie: bytes | None = None
    ) -> bytes:
        """Message 1 as a datagram. Timestamp: 12 bytes of a `HandshakeClock`; cookie: of a reply, 16 bytes, or None.

        Raises `LocalError` on arguments of a wrong size and `NotAuthentic` where the remote key is of low order.
        """
        _check_index(sender_index)
        _check_capabilities(payload)
        if len(timestamp) != TIMESTAMP_BYTES or len(cookie or _NO_COOKIE) != COOKIE_BYTES:
            raise LocalError(f"a timestamp has {TIMESTAMP_BYTES} bytes, a cookie {COOKIE_BYTES}")
        noise = NoiseHandshake.initiator(
            _PATTERNS[self.suite],
            self.local,
            self.remote_static,
            prologue(self.network, self.suite, sender_index),
            self.psk,
            self.rng,
        )
        message = noise.write_message(timestamp + (cookie or _NO_COOKIE) + payload)
        body = initiation_body(self.suite, sender_index, message)
        mac1 = mac(mac1_key(self.network, self.remote_static), body)
        mac2 = mac(cookie, body + mac1) if cookie else NO_MAC
        self._attempt = _Attempt(noise, sender_index, mac1)
        return body + mac1 + mac2

    def consume_response(self, datagram: bytes) -> tuple[SessionKeys, bytes]:
        """The session's keys and the responder's capabilities; ends the attempt.

        Raises `ParseError` or `NotAuthentic`, and then the attempt goes on.
        """
        response = parse_response(datagram)
        attempt = self._awaited(response.receiver_index)
        if response.suite is not self.suite:
            raise NotAuthentic("a response of another suite")
        check_mac1(self.network, self.local.static_public, datagram)
        trial = attempt.noise.fork()
        payload = trial.read_message(response.noise)
        if payload[:INDEX_BYTES] != response.sender_index.to_bytes(INDEX_BYTES, "big"):
            raise NotAuthentic("a response whose index was changed")
        self._attempt = None
        keys = _session_keys(trial, self.suite, attempt.sender_index, response.sender_index, is_initiator=True)
        return keys, payload[INDEX_BYTES:]

    def consume_cookie_reply(self, datagram: bytes) -> bytes:
        """The cookie to put into the next initiation, 16 bytes; the attempt goes on. Raises as `consume_response`."""
        reply = parse_cookie_reply(datagram)
        attempt = self._awaited(reply.receiver_index)
        return open_cookie_reply(self.network, self.remote_static, reply, attempt.mac1)

    def _awaited(self, receiver_index: int) -> _Attempt:
        if self._attempt is None or self._attempt.sender_index != receiver_index:
            raise NotAuthentic("an answer to nothing that was asked")
        return self._attempt

    def __repr__(self) -> str:
        return f"<Initiator {self.suite.name} {'waiting' if self._attempt else 'idle'}>"


@frozen(eq=False, kw_only=True)
class ReceivedInitiation:
    """What a responder learned from an authentic initiation. It holds key material; drop it or answer it, once."""

    remote_static: bytes
    """X25519 key of the initiator, proven by the handshake, but replayable until key confirmation."""
    timestamp: bytes
    cookie: bytes | None = field(repr=False)
    """The cookie that the initiator put inside the sealed payload: proof that the initiation is fresh."""
    payload: bytes
    """The initiator's capabilities."""
    sender_index: int
    suite: Suite
    _noise: NoiseHandshake = field(repr=False)


@define(eq=False, repr=False)
class Responder:
    """The end that answers. It keeps no state per initiator."""

    local: Identity
    network: NetworkId
    psk: bytes
    rng: RandomBytes

    def consume_initiation(self, datagram: bytes) -> ReceivedInitiation:
        """Check mac1, then message 1; raises `ParseError` or `NotAuthentic`. Two Diffie-Hellman if mac1 holds."""
        initiation = parse_initiation(datagram)
        check_mac1(self.network, self.local.static_public, datagram)
        noise, payload = self._read(initiation)
        if len(payload) < TIMESTAMP_BYTES + COOKIE_BYTES:
            raise NotAuthentic("an initiation without a timestamp")
        if hmac.compare_digest(noise.remote_static, self.local.static_public):
            raise NotAuthentic("an initiation with this node's own key")
        cookie = payload[TIMESTAMP_BYTES : TIMESTAMP_BYTES + COOKIE_BYTES]
        return ReceivedInitiation(
            remote_static=noise.remote_static,
            timestamp=payload[:TIMESTAMP_BYTES],
            cookie=None if cookie == _NO_COOKIE else cookie,
            payload=payload[TIMESTAMP_BYTES + COOKIE_BYTES :],
            sender_index=initiation.sender_index,
            suite=initiation.suite,
            noise=noise,
        )

    def _read(self, initiation: Initiation) -> tuple[NoiseHandshake, bytes]:
        agreed = prologue(self.network, initiation.suite, initiation.sender_index)
        noise = NoiseHandshake.responder(_PATTERNS[initiation.suite], self.local, agreed, self.psk, self.rng)
        return noise, noise.read_message(initiation.noise)

    def create_response(
        self, received: ReceivedInitiation, sender_index: int, payload: bytes = b""
    ) -> tuple[bytes, SessionKeys]:
        """Message 2 as a datagram, and the session's keys. Raises `LocalError` the second time."""
        _check_index(sender_index)
        _check_capabilities(payload)
        noise = received._noise
        message = noise.write_message(sender_index.to_bytes(INDEX_BYTES, "big") + payload)
        body = response_body(received.suite, sender_index, received.sender_index, message)
        datagram = body + mac(mac1_key(self.network, received.remote_static), body) + NO_MAC
        return datagram, _session_keys(noise, received.suite, sender_index, received.sender_index, is_initiator=False)

    def __repr__(self) -> str:
        return f"<Responder {self.local.node_id}>"


def _session_keys(
    noise: NoiseHandshake, suite: Suite, local_index: int, remote_index: int, *, is_initiator: bool
) -> SessionKeys:
    split = noise.split()
    return SessionKeys(
        local_index=local_index,
        remote_index=remote_index,
        send_key=split.send_key,
        receive_key=split.receive_key,
        suite=suite,
        is_initiator=is_initiator,
        handshake_hash=split.handshake_hash,
    )
