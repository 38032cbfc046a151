# -*- test-case-name: zerogo.test.agent.test_record -*-
"""A machine's membership of a network: what it must remember to come back without a join token or a controller.

As a file it is one JSON object (mode 0600: it holds the network's pre-shared key and, until the controller has
welcomed us, the secret of the join token).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from attrs import evolve, field, frozen

from zerogo.control.netmap import REVISION_LIMIT
from zerogo.control.token import KEY_HASH_BYTES, PSK_BYTES, SECRET_BYTES, JoinToken, emit_base32, parse_base32
from zerogo.errors import ParseError
from zerogo.ids import NetworkId

FORMAT_VERSION = 1
RECORD_LIMIT = 16 * 1024
"""Longest file, bytes."""


@frozen(kw_only=True)
class Membership:
    """What is remembered. Secrets never show in a repr."""

    network: NetworkId
    key_hash: bytes
    """Pins the controller, 20 bytes."""
    controllers: tuple[str, ...]
    """Where the controller is dialled, each `host:port`."""
    told: tuple[str, ...] = ()
    """Where the controller says that the network's controllers are, each `host:port`, best first."""
    name: str = ""
    """Our name in the network, once we are a member."""
    addresses: tuple[str, ...] = ()
    """Ours in the network."""
    secret: str | None = field(default=None, repr=False)
    """Of the join token, until it is used."""
    token_psk: bytes | None = field(default=None, repr=False)
    """The network's key where it came with the token; the controller does not know it then."""
    psk: bytes | None = field(default=None, repr=False)
    """The network's key in use."""
    lock: bytes | None = None
    """The public key of the network's lock, once it is known, 32 bytes."""
    onion_key: bytes | None = field(default=None, repr=False)
    """Opens the controller's onion service, 32 bytes."""
    revision: int = 0
    """Of the newest map that was seen; an older one on disk is not believed."""
    refusal: str = ""
    """Why the controller turned us away the last time; one sentence."""

    @classmethod
    def of_token(cls, token: JoinToken) -> Membership:
        """A membership that is yet to be asked for."""
        return cls(
            network=token.network,
            key_hash=token.key_hash,
            controllers=token.addresses,
            secret=token.secret,
            token_psk=token.psk,
            lock=token.lock,
            onion_key=token.onion_key,
        )

    @property
    def is_joined(self) -> bool:
        """Whether the controller has welcomed us."""
        return self.name != ""

    def with_token(self, token: JoinToken) -> Membership:
        """This membership, to be asked for again with a fresh token of the same network."""
        return evolve(
            self,
            key_hash=token.key_hash,
            controllers=token.addresses,
            told=(),
            secret=token.secret,
            token_psk=token.psk if token.psk is not None else self.token_psk,
            lock=token.lock if token.lock is not None else self.lock,
            onion_key=token.onion_key,
            refusal="",
        )

    @classmethod
    def parse(cls, data: bytes) -> Membership:
        """Read what `emit` wrote; raises `ParseError`, which never quotes a secret."""
        try:
            stored = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ParseError("the file of the membership is damaged") from None
        if stored.version != FORMAT_VERSION:
            raise ParseError(f"the membership has format {stored.version}; this release reads {FORMAT_VERSION}")
        return cls(
            network=NetworkId.parse(stored.network),
            key_hash=parse_base32(stored.key_hash, KEY_HASH_BYTES, "the controller's key hash"),
            controllers=tuple(stored.controllers),
            told=tuple(stored.told),
            name=stored.name,
            addresses=tuple(stored.addresses),
            secret=_checked_secret(stored.secret),
            token_psk=_key(stored.token_psk),
            psk=_key(stored.psk),
            lock=_key(stored.lock),
            onion_key=_key(stored.onion_key),
            revision=stored.revision,
            refusal=stored.refusal,
        )

    def emit(self) -> bytes:
        """The bytes of the file."""
        stored = _Stored(
            version=FORMAT_VERSION,
            network=str(self.network),
            key_hash=emit_base32(self.key_hash),
            controllers=list(self.controllers),
            told=list(self.told),
            name=self.name,
            addresses=list(self.addresses),
            secret=self.secret,
            token_psk=None if self.token_psk is None else emit_base32(self.token_psk),
            psk=None if self.psk is None else emit_base32(self.psk),
            lock=None if self.lock is None else emit_base32(self.lock),
            onion_key=None if self.onion_key is None else emit_base32(self.onion_key),
            revision=self.revision,
            refusal=self.refusal,
        )
        return msgspec.json.format(msgspec.json.encode(stored)) + b"\n"


_Line = Annotated[str, msgspec.Meta(max_length=500)]


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    network: str
    key_hash: str
    controllers: Annotated[list[_Line], msgspec.Meta(min_length=1, max_length=8)]
    told: Annotated[list[_Line], msgspec.Meta(max_length=8)] = []
    name: _Line = ""
    addresses: Annotated[list[_Line], msgspec.Meta(max_length=16)] = []
    secret: str | None = None
    token_psk: str | None = None
    psk: str | None = None
    lock: str | None = None
    onion_key: str | None = None
    revision: Annotated[int, msgspec.Meta(ge=0, le=REVISION_LIMIT)] = 0
    refusal: _Line = ""


_decode = msgspec.json.Decoder(_Stored).decode


def _key(text: str | None) -> bytes | None:
    return None if text is None else parse_base32(text, PSK_BYTES, "the network's key")


def _checked_secret(text: str | None) -> str | None:
    if text is not None:
        parse_base32(text, SECRET_BYTES, "the join secret")
    return text
