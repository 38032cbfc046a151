# -*- test-case-name: zerogo.test.control.test_edge_token -*-
"""The token with which an edge joins a gateway, as one URL (docs/PROTOCOL.md, "Edge token").

    zerogo-edge://HOST:PORT[,HOST:PORT...]/SECRET?k=KEYHASH[&tls=1]

As in a join token, KEYHASH pins the gateway's keys, so that an edge needs no certificate to know whom it talks to.
"""

from __future__ import annotations

from attrs import field, frozen

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

SCHEME = "zerogo-edge://"
DEFAULT_PORT = 9396


@frozen
class EdgeToken:
    """An edge token. The secret never shows in a repr."""

    addresses: tuple[str, ...]
    """Where the gateway takes edges, best first, each `host:port`."""
    key_hash: bytes
    secret: bytes = field(repr=False)
    """20 bytes."""
    is_tls: bool = False

    @classmethod
    def parse(cls, text: str) -> EdgeToken:
        """Read a token as a person pasted it; raises `ParseError` with a sentence for them."""
        text = text.strip().strip("'\"")
        if not text.lower().startswith(SCHEME) or len(text) > TOKEN_LIMIT:
            raise ParseError(f"that is not an edge token: it must begin with {SCHEME}")
        path, _, query = text[len(SCHEME) :].partition("?")
        hosts, slash, secret = path.partition("/")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
        entries = hosts.split(",")
        if not slash or not hosts or "k" not in pairs or len(entries) > ADDRESSES_LIMIT:
            raise ParseError(f"the edge token is incomplete: it has the form {SCHEME}HOST:PORT/SECRET?k=HASH")
        return cls(
            addresses=tuple(join_host_port(*split_host_port(entry, DEFAULT_PORT)) for entry in entries),
            key_hash=parse_base32(pairs["k"], KEY_HASH_BYTES, "the edge token's key hash"),
            secret=parse_base32(secret, SECRET_BYTES, "the edge token's secret"),
            is_tls=pairs.get("tls") == "1",
        )

    def format(self) -> str:
        """The URL that `parse` reads back to an equal value."""
        text = f"{SCHEME}{','.join(self.addresses)}/{emit_base32(self.secret)}?k={emit_base32(self.key_hash)}"
        return f"{text}&tls=1" if self.is_tls else text
