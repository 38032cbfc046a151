# -*- test-case-name: zerogo.test.noise.test_session -*-
"""One transport session: seals and opens datagrams with explicit 64-bit counters.

The counter travels in clear (`zerogo.wire.transport`), so that loss and reordering cost nothing. The nonce is Noise's:
4 zero bytes, then the counter, little-endian for ChaChaPoly and big-endian for AESGCM (Noise, section 12). The 16 clear
bytes are the associated data. The order of checks on arrival is: form, receiver index, replay look, tag, and only then
is the counter marked as seen; nothing before the tag changes anything.

Time limits are not here: who owns the session (a data plane) knows its age. See `zerogo.dataplane.interface`.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from zerogo.noise.errors import NotAuthentic, Replayed, SessionExhausted
from zerogo.noise.keys import SessionKeys
from zerogo.noise.replay import REJECT_AFTER_MESSAGES, ReplayWindow
from zerogo.wire.handshake import Suite
from zerogo.wire.route import emit_forward_header, parse_forward_header
from zerogo.wire.transport import HEADER_BYTES, TransportHeader, emit_header, parse_header

Aead = AESGCM | ChaCha20Poly1305


def aead(suite: Suite, key: bytes) -> Aead:
    """The cipher of a suite for one direction, `key` of 32 bytes."""
    return AESGCM(key) if suite is Suite.AESGCM else ChaCha20Poly1305(key)


def nonce(suite: Suite, counter: int) -> bytes:
    """The 12 bytes of a counter, as Noise writes them for this suite."""
    return bytes(4) + counter.to_bytes(8, "big" if suite is Suite.AESGCM else "little")


class TransportSession:
    """Both directions of one session. It never seals twice with one counter, and never shows its keys."""

    def __init__(self, keys: SessionKeys) -> None:
        self._suite = keys.suite
        self._local_index = keys.local_index
        self._remote_index = keys.remote_index
        self._sender = aead(keys.suite, keys.send_key)
        self._receiver = aead(keys.suite, keys.receive_key)
        self._counter = 0
        self._window = ReplayWindow()

    @property
    def sent(self) -> int:
        """Datagrams sealed so far: the next counter."""
        return self._counter

    def seal(self, inner: bytes, lane: int = 0) -> bytes:
        """A datagram of `inner` (inner header and payload); raises `SessionExhausted` at the limit of counters."""
        counter = self._take()
        header = emit_header(TransportHeader(lane, self._remote_index, counter))
        return header + self._sender.encrypt(nonce(self._suite, counter), inner, header)

    def open(self, datagram: bytes) -> bytes:
        """The inner header and payload; raises `ParseError`, `Replayed` or `NotAuthentic`, and then changes nothing."""
        header = parse_header(datagram)
        return self._open_from(HEADER_BYTES, datagram, header.receiver_index, header.counter)

    def seal_forward(self, clear: bytes, plaintext: bytes) -> bytes:
        """A FORWARD datagram (`zerogo.wire.forward`) whose first part stays in clear; raises `SessionExhausted`."""
        counter = self._take()
        header = emit_forward_header(HEADER_BYTES + len(clear), self._remote_index, counter)
        return header + clear + self._sender.encrypt(nonce(self._suite, counter), plaintext, header)

    def open_forward(self, datagram: bytes) -> tuple[bytes, bytes]:
        """What stands in clear in a FORWARD datagram, and what was sealed; raises as `open` does."""
        sealed_at, index, counter = parse_forward_header(datagram)
        return datagram[HEADER_BYTES:sealed_at], self._open_from(sealed_at, datagram, index, counter)

    def _take(self) -> int:
        counter = self._counter
        if counter >= REJECT_AFTER_MESSAGES:
            raise SessionExhausted(f"session {self._local_index:#x} has used its counters up")
        self._counter = counter + 1
        return counter

    def _open_from(self, sealed_at: int, datagram: bytes, index: int, counter: int) -> bytes:
        if index != self._local_index:
            raise NotAuthentic("a datagram for another session")
        if not self._window.accepts(counter):
            raise Replayed(f"counter {counter} was seen or is too old")
        sealed_nonce = nonce(self._suite, counter)
        try:
            opened = self._receiver.decrypt(sealed_nonce, datagram[sealed_at:], datagram[:HEADER_BYTES])
        except InvalidTag as error:
            raise NotAuthentic("a datagram does not authenticate") from error
        self._window.commit(counter)
        return opened

    def __repr__(self) -> str:
        return f"<TransportSession {self._local_index:#x} {self._suite.name}>"
