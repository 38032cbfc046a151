# -*- test-case-name: zerogo.test.mesh.test_stream_proof -*-
"""How both ends of a TCP or TLS connection show each other who they are, before anything is made for it.

    dials                                              listens
      |--- hello: whose pair, nonce A, tag ------------>|   a stranger ends here, unanswered
      |<-- answer: nonce B, tag over hello too ---------|   a connection elsewhere ends here
      |--- confirm: tag over both --------------------->|   a copy of somebody's hello ends here
      |=== datagrams ==================================>|

The key is the pair's, one for each end that dials, so no end can be shown its own words. Datagrams may follow the
confirmation at once: it costs one round trip. What follows is sealed from member to member anyway; the proof is for the
listener's sake, which is open to everybody, and so that no foreign service is taken for a way to a peer. TLS below
it hides the three messages and proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

from attrs import field, frozen

from zerogo.core import RandomBytes
from zerogo.noise.errors import NotAuthentic
from zerogo.wire.stream import (
    ANSWER_BYTES,
    CONFIRM_BYTES,
    HELLO_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    Answer,
    Confirm,
    Hello,
    emit_opening,
    parse_answer,
    parse_confirm,
    parse_hello,
)

KEY_BYTES = 32


@frozen
class StreamKey:
    """What proves a stream of a pair in one direction."""

    peer: int
    """The peer's number."""
    fragment: bytes
    """Of the end that listens, 9 bytes."""
    key: bytes = field(repr=False)
    """Of the end that dials, 32 bytes."""


FindKey = Callable[[bytes], StreamKey | None]
"""The key of the peer that dials us with this fragment."""


def fragment_of(ufrag: str) -> bytes:
    """A pair's ICE user name fragment as bytes."""
    return base64.b64decode(ufrag)


def ufrag_of(fragment: bytes) -> str:
    """The same as text."""
    return base64.b64encode(fragment).decode("ascii")


def _tag(key: bytes, *covered: bytes) -> bytes:
    return hashlib.blake2s(b"".join(covered), key=key, digest_size=TAG_BYTES, person=b"zg-strm").digest()


def _check(found: bytes, wanted: bytes) -> None:
    if not hmac.compare_digest(found, wanted):
        raise NotAuthentic("a stream's proof is none")


class DiallingProof:
    """The end that dials. `greeting` goes out first; then feed it the one frame that is due."""

    due = ANSWER_BYTES

    def __init__(self, key: StreamKey, rng: RandomBytes) -> None:
        hello = Hello(key.fragment, rng(NONCE_BYTES))
        self.greeting = hello.covered + _tag(key.key, hello.covered)
        self.peer: int | None = None
        """The peer's number, once it is proven."""
        self._key = key

    def receive(self, frame: bytes) -> bytes | None:
        """The answer; returns what to send. Raises `ParseError` or `NotAuthentic`."""
        answer = parse_answer(frame)
        _check(answer.tag, _tag(self._key.key, self.greeting, answer.covered))
        self.peer = self._key.peer
        confirm = Confirm()
        return emit_opening(Confirm(_tag(self._key.key, self.greeting, frame, confirm.covered)))


class AcceptingProof:
    """The end that listens; it says nothing before somebody did who is a member."""

    greeting = b""

    def __init__(self, find: FindKey, rng: RandomBytes) -> None:
        self.due = HELLO_BYTES
        self.peer: int | None = None
        """The peer's number, once it is proven."""
        self._find = find
        self._rng = rng
        self._key: StreamKey | None = None
        """What the hello was right by."""
        self._said = b""

    def receive(self, frame: bytes) -> bytes | None:
        """A hello, then a confirmation; returns what to send. Raises `ParseError` or `NotAuthentic`."""
        if self._key is None:
            return self._receive_hello(frame)
        confirm = parse_confirm(frame)
        if self._find(self._key.fragment) != self._key:
            raise NotAuthentic("whose hello it was is no member any more")
        _check(confirm.tag, _tag(self._key.key, self._said, confirm.covered))
        self.peer = self._key.peer
        return None

    def _receive_hello(self, frame: bytes) -> bytes:
        hello = parse_hello(frame)
        key = self._find(hello.fragment)
        if key is None:
            raise NotAuthentic("a stream's proof is none")
        _check(hello.tag, _tag(key.key, hello.covered))
        answer = Answer(self._rng(NONCE_BYTES))
        emitted = emit_opening(Answer(answer.nonce, _tag(key.key, frame, answer.covered)))
        self._key, self._said, self.due = key, frame + emitted, CONFIRM_BYTES
        return emitted


Proof = DiallingProof | AcceptingProof
