# -*- test-case-name: zerogo.test.dataplane.test_places -*-
"""Endpoints as the worker process has them: plain tuples, which it compares, keeps as keys and passes on as they are.

    (host, port)                     by the main socket of the family
    (SIDE, number, host, port)       by a side socket
    (CHANNEL, number, host, port)    in a channel of the relay there
    (ROUTE, id, ...)                 by members, the last of them the end; raw ids of 10 bytes

`zerogo.dataplane.places` makes them from the agent's values and back.
"""

from __future__ import annotations

import struct
from typing import Any

SIDE, CHANNEL, ROUTE = 1, 2, 3

Place = tuple[Any, ...]
Address = tuple[str, int]

CHANNEL_HEADER = struct.Struct("!HH")
"""Channel number and length of what follows (RFC 8656 section 12.4)."""
CHANNEL_HEADER_BYTES = 4
CHANNEL_FIRST_BYTE = 0x40
CHANNEL_LAST_BYTE = 0x4F
"""Numbers 0x4000 to 0x4fff."""


def is_route(place: Place) -> bool:
    """Whether it is reached by other members."""
    return bool(place[0] == ROUTE)
