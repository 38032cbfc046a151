# -*- test-case-name: zerogo.test.wire.test_tagged -*-
"""Messages as msgpack maps whose key `t` names their type; types of later releases are told from garbage."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from zerogo.errors import ParseError

Message = TypeVar("Message", bound=msgspec.Struct)


class _Tagged(msgspec.Struct):
    t: str


_decode_tag = msgspec.msgpack.Decoder(_Tagged).decode
emit_tagged = msgspec.msgpack.Encoder().encode
"""The bytes of a message."""


class TaggedReader(Generic[Message]):
    """Reads one side's messages.

    :param name: of what is read, for people: `a control message`.
    :param limit: bytes of the longest.
    :param types: structures with a tag in the field `t`.
    """

    def __init__(self, name: str, limit: int, *types: type[Message]) -> None:
        self._name = name
        self._limit = limit
        self._decoders = {str(one.__struct_config__.tag): msgspec.msgpack.Decoder(one) for one in types}

    def read(self, data: bytes) -> Message | None:
        """A message; None for a type that is not known; raises `ParseError`."""
        if len(data) > self._limit:
            raise ParseError(f"{self._name} of {len(data)} bytes; the limit is {self._limit}")
        try:
            decoder = self._decoders.get(_decode_tag(data).t)
            return None if decoder is None else decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ParseError(f"{self._name} is malformed: {error}") from error
