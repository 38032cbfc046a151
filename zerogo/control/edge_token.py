# -*- test-case-name: zerogo.test.control.test_edge_token -*-
"""The tokens with which an edge joins a gateway, and a gateway its controller, each as one URL (docs/PROTOCOL.md, "Edge
token" and "Gateway token").

    zerogo-edge://HOST:PORT[,HOST:PORT...]/SECRET?k=KEYHASH[&tls=1]
    zerogo-gateway://HOST:PORT[,HOST:PORT...]/SECRET?k=KEYHASH[&tls=1]

As in a join token, KEYHASH pins the keys of whoever is dialled, so that no certificate is needed to know who it is.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Self

from attrs import field, frozen

from zerogo.control import token
from zerogo.control.token import (
    ADDRESSES_LIMIT,
    KEY_HASH_BYTES,
    SECRET_BYTES,
    TOKEN_LIMIT,
    emit_base32,
    join_host_port,
    parse_base32,
    split_host_port,
)
from zerogo.errors import ParseError

_HASH_LABEL = b"zerogo exit key 1\x00"
SCHEME = "zerogo-edge://"
DEFAULT_PORT = 9396


@frozen
class EdgeToken:
    """An edge token. The secret never shows in a repr."""

    scheme: ClassVar[str] = SCHEME
    kind: ClassVar[str] = "edge token"
    default_port: ClassVar[int] = DEFAULT_PORT

    addresses: tuple[str, ...]
    """Where the gateway takes edges, best first, each `host:port`."""
    key_hash: bytes
    secret: bytes = field(repr=False)
    """20 bytes."""
    is_tls: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token as a person pasted it; raises `ParseError` with a sentence for them."""
        text = text.strip().strip("'\"")
        if not text.lower().startswith(cls.scheme) or len(text) > TOKEN_LIMIT:
            raise ParseError(f"that is not the {cls.kind}: it must begin with {cls.scheme}")
        path, _, query = text[len(cls.scheme) :].partition("?")
        hosts, slash, secret = path.partition("/")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
        entries = hosts.split(",")
        if not slash or not hosts or "k" not in pairs or len(entries) > ADDRESSES_LIMIT:
            raise ParseError(f"the {cls.kind} is incomplete: it has the form {cls.scheme}HOST:PORT/SECRET?k=HASH")
        return cls(
            addresses=tuple(join_host_port(*split_host_port(entry, cls.default_port)) for entry in entries),
            key_hash=parse_base32(pairs["k"], KEY_HASH_BYTES, f"the {cls.kind}'s key hash"),
            secret=parse_base32(secret, SECRET_BYTES, f"the {cls.kind}'s secret"),
            is_tls=pairs.get("tls") == "1",
        )

    def format(self) -> str:
        """The URL that `parse` reads back to an equal value."""
        text = f"{self.scheme}{','.join(self.addresses)}/{emit_base32(self.secret)}?k={emit_base32(self.key_hash)}"
        return f"{text}&tls=1" if self.is_tls else text


@frozen
class GatewayToken(EdgeToken):
    """A gateway token: where the controller is, and the secret that lets a gateway join it."""

    scheme: ClassVar[str] = "zerogo-gateway://"
    kind: ClassVar[str] = "gateway token"
    default_port: ClassVar[int] = token.DEFAULT_PORT


def hash_secret(secret: bytes) -> bytes:
    """What a controller stores of a token's secret, and gateways compare with: 160 random bits need no slow hash."""
    return hashlib.sha256(_HASH_LABEL + secret).digest()
