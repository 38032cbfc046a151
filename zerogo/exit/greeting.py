# -*- test-case-name: zerogo.test.exit.test_greeting -*-
"""What edge and gateway say to each other on a fresh channel, before the first packet: msgpack maps with `t` as type.

    edge      join      what it is, what it can do, the secret of its token, and the tunnel that it wants to go on with
    gateway   welcome   the name of the tunnel, and from where it goes on; or
              refusal   why not, and when to come back

Who the edge is, its key has proven; none of the rest is believed where it matters: the exit's address is the one that
the gateway sees. The name of a tunnel is bound to the key of the edge that it was given to.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from zerogo.errors import ParseError

SECRET_BYTES = 20
TUNNEL_NAME_BYTES = 16
GREETING_LIMIT = 16 * 1024
PORT_RANGES_LIMIT = 128

_PLAIN = r"\A[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"
_Label = Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[a-z0-9._-]*\Z")]
_Sentence = Annotated[str, msgspec.Meta(max_length=300, pattern=_PLAIN)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Join(msgspec.Struct, frozen=True, omit_defaults=True, tag="join", tag_field="t"):
    """The edge's first message. `ports` are the ranges that its policy lets through to the internet at large."""

    secret: Annotated[bytes, msgspec.Meta(min_length=SECRET_BYTES, max_length=SECRET_BYTES)] | None = None
    name: _Label = ""
    version: Annotated[str, msgspec.Meta(max_length=32, pattern=r"\A[!-~]*\Z")] = ""
    country: _Label = ""
    region: _Label = ""
    city: _Label = ""
    asn: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 0
    tags: Annotated[list[_Label], msgspec.Meta(max_length=16)] = []
    has_udp: bool = msgspec.field(default=True, name="udp")
    has_bind: bool = msgspec.field(default=False, name="bind")
    has_ipv6: bool = msgspec.field(default=False, name="ipv6")
    ports: Annotated[list[tuple[_Port, _Port]], msgspec.Meta(max_length=PORT_RANGES_LIMIT)] = []
    streams: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 1024
    """How many it carries at a time."""
    tunnel: Annotated[bytes, msgspec.Meta(min_length=TUNNEL_NAME_BYTES, max_length=TUNNEL_NAME_BYTES)] | None = None
    """To go on with."""
    received: _Position = 0
    consent_at: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 0.0
    """When the owner agreed that others' traffic leaves here, unix time; 0: not told."""

    def __repr__(self) -> str:
        return f"Join(name={self.name!r}, resumes={self.tunnel is not None})"


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True, tag="welcome", tag_field="t"):
    """The edge is taken; packets follow. Where `is_resumed` is false, the tunnel is a new one."""

    tunnel: Annotated[bytes, msgspec.Meta(min_length=TUNNEL_NAME_BYTES, max_length=TUNNEL_NAME_BYTES)]
    is_resumed: bool = msgspec.field(default=False, name="resumed")
    received: _Position = 0
    seen: Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[0-9a-f.:]*\Z")] = ""
    """The address that the gateway sees the edge at."""

    def __repr__(self) -> str:
        return f"Welcome(is_resumed={self.is_resumed}, seen={self.seen!r})"


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True, tag="refusal", tag_field="t"):
    """The edge is not taken. `is_final` ones need a person."""

    sentence: _Sentence
    is_final: bool = msgspec.field(default=False, name="final")
    retry_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0


Answer = Welcome | Refusal

_encoder = msgspec.msgpack.Encoder()
_joins = msgspec.msgpack.Decoder(Join)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Welcome | Refusal)


def emit_greeting(message: Join | Answer) -> bytes:
    """The bytes."""
    return _encoder.encode(message)


def parse_join(data: bytes) -> Join:
    """Read an edge's first message; raises `ParseError`, which quotes nothing."""
    try:
        if len(data) > GREETING_LIMIT:
            raise ParseError("the greeting is too long")
        return _joins.decode(data)
    except msgspec.MsgspecError as error:
        raise ParseError("that is not the greeting of an edge") from error


def parse_answer(data: bytes) -> Answer:
    """Read a gateway's first message; raises `ParseError`."""
    try:
        if len(data) > GREETING_LIMIT:
            raise ParseError("the answer is too long")
        return _answers.decode(data)
    except msgspec.MsgspecError as error:
        raise ParseError("that is not the answer of a gateway") from error
