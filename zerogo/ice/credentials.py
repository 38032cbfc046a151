# -*- test-case-name: zerogo.test.ice.test_credentials -*-
"""Short-term credentials of ICE: a name fragment and a password per agent (RFC 8445 section 5.3)."""

from __future__ import annotations

import re

from attrs import field, frozen

from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.stun.integrity import short_term_key

ICE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
UFRAG_CHARACTERS = 8
PASSWORD_CHARACTERS = 24
"""Of six bits each: 48 and 144 bits; the RFC asks for at least 24 and 128."""

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}", re.ASCII)
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}", re.ASCII)


def ice_text(random: bytes) -> str:
    """One ICE character for each byte."""
    return "".join(ICE_CHARACTERS[each & 0x3F] for each in random)


@frozen
class Credentials:
    """What one agent's messages are addressed and protected with."""

    ufrag: str
    pwd: str = field(repr=False)

    @classmethod
    def generate(cls, rng: RandomBytes) -> Credentials:
        """Fresh credentials."""
        return cls(ice_text(rng(UFRAG_CHARACTERS)), ice_text(rng(PASSWORD_CHARACTERS)))

    @classmethod
    def of(cls, ufrag: str, pwd: str) -> Credentials:
        """Credentials as another agent gave them; raises `ParseError`."""
        if not _UFRAG.fullmatch(ufrag):
            raise ParseError("an ICE ufrag has 4 to 256 letters, digits, + and /")
        if not _PASSWORD.fullmatch(pwd):
            raise ParseError("an ICE password has 22 to 256 letters, digits, + and /")
        return cls(ufrag, pwd)

    @property
    def key(self) -> bytes:
        """The HMAC key."""
        return short_term_key(self.pwd)
