# -*- test-case-name: zerogo.test.control.test_token -*-
"""The join token: everything a machine needs to join a network, as one URL (docs/PROTOCOL.md, "Join token").

    zerogo://HOST:PORT[,HOST:PORT...]/NETWORK/SECRET?k=KEYHASH[&l=LOCK][&o=ONION][#PSK]

NETWORK is the network id (8 base32 characters), SECRET 160 random bits (32 characters), KEYHASH 160 bits of BLAKE2s
over the controller's two public keys (32 characters), LOCK the public key of the network's lock (52 characters) where
it has one, ONION the key of the clients of the controller's onion service (52 characters) where it is one, PSK the
network's pre-shared key (52 characters) where the controller must not know it: a fragment is never sent to a server.
Base32 is RFC 4648 without padding, read in either case, written in small letters. Because the key hash is pinned here,
joining needs no domain name, no certificate and no authority.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re

from attrs import field, frozen

from zerogo.errors import ParseError
from zerogo.ids import KEY_BYTES, NetworkId

SCHEME = "zerogo://"
DEFAULT_PORT = 9394
KEY_HASH_BYTES = 20
SECRET_BYTES = 20
PSK_BYTES = 32
TOKEN_LIMIT = 2048
"""Longest token that is looked at, characters."""
ADDRESSES_LIMIT = 8
HOST_LIMIT = 253
"""Longest host name, characters (RFC 1035, section 2.3.4)."""

_FORM = f"{SCHEME}HOST:PORT/NETWORK/SECRET?k=HASH"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def controller_key_hash(static_public: bytes, signing_public: bytes) -> bytes:
    """The 20 bytes that pin a controller: BLAKE2s-160 over its X25519 and its Ed25519 public key (32 bytes each)."""
    return hashlib.blake2s(static_public + signing_public, digest_size=KEY_HASH_BYTES, person=b"zg-ctrl").digest()


def emit_base32(raw: bytes) -> str:
    """RFC 4648 base32 without padding, in small letters."""
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def parse_base32(text: str, length: int, what: str) -> bytes:
    """Read `length` bytes of base32 without padding; raises `ParseError` that names `what`, never the text."""
    try:
        raw = base64.b32decode(text.upper().encode("ascii") + b"=" * (-len(text) % 8))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ParseError(f"{what} is damaged: a character does not belong there") from error
    if len(raw) != length or emit_base32(raw) != text.lower():
        raise ParseError(f"{what} is damaged: characters are missing or were added")
    return raw


def split_host_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Read `host`, `host:port` or `[2001:db8::1]:9394` as a host in canonical form (no brackets) and a port; raises
    `ParseError`."""
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ParseError(f"{text[:60]!r} is not a host and a port: the bracket is not closed")
        host, port = _ip_host(inside, text), rest[1:]
    else:
        name, colon, port = text.partition(":")
        if ":" in port:
            raise ParseError(f"{text[:60]!r}: write an IPv6 address in brackets")
        if colon and not port:
            raise ParseError(f"{text[:60]!r} has no port after the colon")
        host = _named_host(name, text)
    return host, _parse_port(port, text) if port else default_port


def join_host_port(host: str, port: int) -> str:
    """The text that `split_host_port` reads, with the port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ip_host(inside: str, text: str) -> str:
    if "%" in inside:
        raise ParseError(f"{text[:60]!r}: an address with a zone means nothing on another machine")
    try:
        return str(ipaddress.IPv6Address(inside))
    except ValueError as error:
        raise ParseError(f"{text[:60]!r} has no IPv6 address in its brackets") from error


def _named_host(name: str, text: str) -> str:
    name = name.lower()
    labels = name.removesuffix(".").split(".")
    if len(name) > HOST_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        raise ParseError(f"{text[:60]!r} is not a host name or an address")
    if labels[-1].isdigit():
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise ParseError(f"{text[:60]!r} is not an IPv4 address") from error
    return name


def _parse_port(port: str, text: str) -> int:
    if not port.isascii() or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        raise ParseError(f"{text[:60]!r} has no port from 1 to 65535")
    return int(port)


@frozen
class JoinToken:
    """A join token. Secret and psk never show in a repr."""

    addresses: tuple[str, ...]
    """Where the controller is dialled, best first, each `host:port` as `join_host_port` writes it."""
    key_hash: bytes
    """20 bytes, see `controller_key_hash`."""
    network: NetworkId
    secret: str = field(repr=False)
    """32 base32 characters; the controller keeps only their hash."""
    psk: bytes | None = field(default=None, repr=False)
    """32 bytes where the network's key does not come from the controller (mode end-to-end)."""
    lock: bytes | None = None
    """32 bytes, the public key of the network's lock (`zerogo.control.lock`)."""
    onion_key: bytes | None = field(default=None, repr=False)
    """32 bytes, without which an onion service among the addresses is not found (`zerogo.net.onion`)."""

    @classmethod
    def parse(cls, text: str) -> JoinToken:
        """Read a token as a user pasted it; raises `ParseError` with a sentence for that user."""
        text = text.strip().strip("'\"")
        if not text.lower().startswith(SCHEME):
            raise ParseError(f"that is not a join token: it must begin with {SCHEME}")
        if len(text) > TOKEN_LIMIT:
            raise ParseError(f"that is not a join token: it is longer than {TOKEN_LIMIT} characters")
        body, _, fragment = text[len(SCHEME) :].partition("#")
        path, _, query = body.partition("?")
        parts = path.split("/")
        if len(parts) != 3:
            raise ParseError(f"the join token is incomplete: it must have the form {_FORM}; was all of it copied?")
        return cls(
            addresses=_parse_addresses(parts[0]),
            key_hash=parse_base32(_find_key_hash(query), KEY_HASH_BYTES, "the join token's key hash"),
            lock=_find_key(query, "l", "lock"),
            onion_key=_find_key(query, "o", "key of the onion service"),
            network=_parse_network(parts[1]),
            secret=emit_base32(parse_base32(parts[2], SECRET_BYTES, "the join token's secret")),
            psk=parse_base32(fragment, PSK_BYTES, "the join token's pre-shared key") if fragment else None,
        )

    def format(self) -> str:
        """The URL that `parse` reads back to an equal value."""
        text = f"{SCHEME}{','.join(self.addresses)}/{self.network}/{self.secret}?k={emit_base32(self.key_hash)}"
        for name, key in (("l", self.lock), ("o", self.onion_key)):
            text += "" if key is None else f"&{name}={emit_base32(key)}"
        return text if self.psk is None else f"{text}#{emit_base32(self.psk)}"


def _parse_addresses(text: str) -> tuple[str, ...]:
    entries = text.split(",")
    if not text or len(entries) > ADDRESSES_LIMIT:
        raise ParseError(f"the join token must name 1 to {ADDRESSES_LIMIT} controller addresses")
    return tuple(join_host_port(*split_host_port(entry)) for entry in entries)


def _parse_network(text: str) -> NetworkId:
    return NetworkId(parse_base32(text, 5, "the join token's network id"))


def _find_key_hash(query: str) -> str:
    found = _parameter(query, "k")
    if not found:
        raise ParseError("the join token is incomplete: its end, ?k=..., is missing; was all of it copied?")
    return found


def _find_key(query: str, name: str, what: str) -> bytes | None:
    found = _parameter(query, name)
    return parse_base32(found, KEY_BYTES, f"the join token's {what}") if found else None


def _parameter(query: str, wanted: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return next((value for name, _, value in pairs if name == wanted and value), "")
