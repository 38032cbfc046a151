# -*- test-case-name: zerogo.test.noise.test_cookie -*-
"""The two MACs of a handshake datagram, the cookies of a responder under load, and its rate limits.

mac1 shows that the sender knows the receiver's public key and the network; a stranger who does not gets silence, for
the price of one BLAKE2s. mac2 shows that the sender receives what is sent to its address and port: it is keyed with a
cookie that only came there. A responder asks for it while it is under load, so a flood with forged sources cannot make
it do Diffie-Hellman. Cookies are MACs over the source under a secret of the responder, so issuing one stores nothing.

    mac1 key    BLAKE2s-256(network id 5 | receiver's X25519 key 32), person `zg-mac1`
    cookie key  BLAKE2s-256(network id 5 | responder's X25519 key 32), person `zg-cooky`
    mac1, mac2  BLAKE2s-128 keyed with the mac1 key, with the cookie
    cookie      BLAKE2s-128 keyed with the secret, over the address (4 or 16 bytes) and the port (2), or the node id
    reply       XChaCha20-Poly1305 of the cookie under the cookie key; associated data: mac1 of what it answers
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

from attrs import define, field, frozen
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from zerogo.core import RandomBytes
from zerogo.ids import NetworkId, NodeId, SocketAddress
from zerogo.noise.errors import NotAuthentic
from zerogo.wire.handshake import COOKIE_BYTES, COOKIE_NONCE_BYTES, MAC_BYTES, CookieReply, emit_cookie_reply

SECRET_LIFETIME_SECONDS = 120.0
COOKIE_LIFETIME_SECONDS = 120.0
"""How long a receiver of a cookie may use it. The issuer accepts it at least so long, and never over twice that."""
SOURCE_RATE = 20.0
"""Initiations per second from one IPv4 address or IPv6 /64 that are worked on under load."""
SOURCE_BURST = 5
SOURCES_LIMIT = 4096
"""Sources remembered at a time; while all are busy, new ones wait."""
LOAD_RATE = 100.0
"""Initiations per second, of all sources, beyond which a node is under load."""
LOAD_BURST = 50
LOAD_SECONDS = 1.0
NO_MAC = bytes(MAC_BYTES)
HandshakeSource = SocketAddress | NodeId
"""Where an initiation came from, or the member that the controller vouches for where it carried it."""


def mac1_key(network: NetworkId, receiver_static: bytes) -> bytes:
    """The key of mac1 in datagrams for the node with this X25519 key, 32 bytes."""
    return hashlib.blake2s(network.raw + receiver_static, person=b"zg-mac1").digest()


def cookie_key(network: NetworkId, responder_static: bytes) -> bytes:
    """The key that seals the cookie replies of this node, 32 bytes."""
    return hashlib.blake2s(network.raw + responder_static, person=b"zg-cooky").digest()


def mac(key: bytes, covered: bytes) -> bytes:
    """mac1 (with the mac1 key) or mac2 (with a cookie) over the bytes before it, 16 bytes."""
    return hashlib.blake2s(covered, key=key, digest_size=MAC_BYTES).digest()


def check_mac1(network: NetworkId, receiver_static: bytes, datagram: bytes) -> None:
    """Check mac1 of an initiation or response, whole with both MACs; raises `NotAuthentic`."""
    expected = mac(mac1_key(network, receiver_static), datagram[: -2 * MAC_BYTES])
    if not hmac.compare_digest(expected, datagram[-2 * MAC_BYTES : -MAC_BYTES]):
        raise NotAuthentic("mac1 is wrong")


def open_cookie_reply(network: NetworkId, responder_static: bytes, reply: CookieReply, mac1: bytes) -> bytes:
    """The cookie (16 bytes) in the answer to the datagram that carried `mac1`; raises `NotAuthentic`."""
    key = cookie_key(network, responder_static)
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(reply.sealed_cookie, mac1, reply.nonce, key)
    except CryptoError as error:
        raise NotAuthentic("a cookie reply does not authenticate") from error


class CookieIssuer:
    """A responder's cookies: given out sealed, known again by source address and port, nothing stored per source."""

    def __init__(self, network: NetworkId, local_static: bytes, rng: RandomBytes) -> None:
        self._key = cookie_key(network, local_static)
        self._rng = rng
        self._secrets: list[bytes] = []
        self._rotate_at = float("-inf")

    def reply(self, datagram: bytes, receiver_index: int, source: HandshakeSource, now: float) -> bytes:
        """The cookie reply to an initiation whose mac1 is right; `receiver_index` is the initiation's sender index."""
        nonce = self._rng(COOKIE_NONCE_BYTES)
        mac1 = datagram[-2 * MAC_BYTES : -MAC_BYTES]
        cookie = _cookie(self._current_secrets(now)[0], source)
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(cookie, mac1, nonce, self._key)
        return emit_cookie_reply(CookieReply(receiver_index, nonce, sealed))

    def has_valid_mac2(self, datagram: bytes, source: HandshakeSource, now: float) -> bool:
        """Whether mac2 of this initiation was made with a cookie of ours for this very source."""
        covered, mac2 = datagram[:-MAC_BYTES], datagram[-MAC_BYTES:]
        if mac2 == NO_MAC:
            return False
        cookies = [_cookie(secret, source) for secret in self._current_secrets(now)]
        return any([hmac.compare_digest(mac(cookie, covered), mac2) for cookie in cookies])

    def is_valid_cookie(self, cookie: bytes, source: HandshakeSource, now: float) -> bool:
        """Whether this is a cookie of ours for this very source, not older than twice the lifetime."""
        if len(cookie) != COOKIE_BYTES:
            return False
        return any([hmac.compare_digest(_cookie(secret, source), cookie) for secret in self._current_secrets(now)])

    def _current_secrets(self, now: float) -> list[bytes]:
        """The secret in use and, where it is not too old, the one before; renewed when it is time."""
        if now >= self._rotate_at:
            keeps_last = now < self._rotate_at + SECRET_LIFETIME_SECONDS
            self._secrets = [self._rng(32), *(self._secrets[:1] if keeps_last else [])]
            self._rotate_at = now + SECRET_LIFETIME_SECONDS
        return self._secrets

    def __repr__(self) -> str:
        return "<CookieIssuer>"


def _cookie(secret: bytes, source: HandshakeSource) -> bytes:
    return hashlib.blake2s(_place(source), key=secret, digest_size=COOKIE_BYTES).digest()


def _place(source: HandshakeSource) -> bytes:
    """6, 10 or 18 bytes: the length tells which it is."""
    if isinstance(source, NodeId):
        return source.raw
    return ipaddress.ip_address(source.host).packed + source.port.to_bytes(2, "big")


@frozen
class _Rate:
    per_second: float
    burst: float


@define
class _Bucket:
    tokens: float
    filled_at: float

    def take(self, rate: _Rate, now: float) -> bool:
        """Refill for the time that passed, then take one token; False where there is none."""
        self.tokens = min(rate.burst, self.tokens + max(0.0, now - self.filled_at) * rate.per_second)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@define
class HandshakeLimiter:
    """How many initiations are worked on: all together (that tells load), and per source while under load.

    The table of sources is bounded, and only sources that proved their address (mac2) enter it, so forged ones cannot
    fill it. A source whose bucket is full again is forgotten; while there is no room, new sources are refused.
    """

    _source_rate: _Rate = field(default=_Rate(SOURCE_RATE, SOURCE_BURST), init=False)
    _load_rate: _Rate = field(default=_Rate(LOAD_RATE, LOAD_BURST), init=False)
    _sources: dict[bytes, _Bucket] = field(factory=dict, init=False, repr=False)
    _all: _Bucket | None = field(default=None, init=False)
    _loaded_until: float = field(default=float("-inf"), init=False)

    def note_initiation(self, now: float) -> None:
        """Count an initiation whose mac1 is right towards the load of this node."""
        if self._all is None:
            self._all = _Bucket(LOAD_BURST, now)
        if not self._all.take(self._load_rate, now):
            self._loaded_until = now + LOAD_SECONDS

    def under_load(self, now: float) -> bool:
        """Whether initiations must carry mac2; stays so for a second after the last one too many."""
        return now < self._loaded_until

    def allows(self, source: HandshakeSource, now: float) -> bool:
        """Take one from the budget of this source (IPv4 address, IPv6 /64, or node id); False where it is used up."""
        key = _source_key(source)
        bucket = self._sources.pop(key, None)
        if bucket is None:
            self._forget_idle(now)
            if len(self._sources) >= SOURCES_LIMIT:
                return False
            bucket = _Bucket(SOURCE_BURST, now)
        self._sources[key] = bucket
        return bucket.take(self._source_rate, now)

    def _forget_idle(self, now: float) -> None:
        """Drop, oldest use first, the sources whose buckets have had the time to fill."""
        idle_before = now - SOURCE_BURST / SOURCE_RATE
        while self._sources:
            oldest = next(iter(self._sources))
            if self._sources[oldest].filled_at > idle_before:
                return
            del self._sources[oldest]

    @property
    def source_count(self) -> int:
        """Sources remembered."""
        return len(self._sources)


def _source_key(source: HandshakeSource) -> bytes:
    if isinstance(source, NodeId):
        return source.raw
    packed = ipaddress.ip_address(source.host).packed
    return packed[:8] if len(packed) == 16 else packed
