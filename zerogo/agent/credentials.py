# -*- test-case-name: zerogo.test.agent.test_credentials -*-
"""The file of relay credentials, which lets an agent that starts while its controller is down use the relays at once.

Credentials are for this node alone, and die by themselves after some hours: the file holds when, in Unix time. What is
over, or damaged, is left out: the controller gives new ones as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from zerogo.control.relays import NAME_PATTERN, RELAYS_LIMIT, RelayCredential
from zerogo.errors import ParseError
from zerogo.secret import Secret
from zerogo.turn.client import TurnCredential

CREDENTIALS_BYTES = 16 * 1024
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class _Stored(msgspec.Struct, frozen=True):
    relay: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    username: _Text
    password: _Text
    expires: float


_decode = msgspec.json.Decoder(Annotated[list[_Stored], msgspec.Meta(max_length=RELAYS_LIMIT)]).decode


def emit_credentials(credentials: Iterable[RelayCredential], unix_offset: float) -> bytes:
    """The bytes of the file; `unix_offset` is Unix time less the agent's clock, seconds."""
    stored = [
        _Stored(each.relay, each.credential.username, each.credential.password.reveal(), each.expires_at + unix_offset)
        for each in credentials
    ]
    return msgspec.json.encode(stored[:RELAYS_LIMIT]) + b"\n"


def parse_credentials(data: bytes, unix_offset: float, now: float) -> tuple[RelayCredential, ...]:
    """Read what `emit_credentials` wrote, without what is over at `now` of the agent's clock; raises `ParseError`."""
    try:
        stored = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError("the file of relay credentials is damaged") from error
    return tuple(
        RelayCredential(each.relay, TurnCredential(each.username, Secret(each.password)), each.expires - unix_offset)
        for each in stored
        if each.expires - unix_offset > now
    )
