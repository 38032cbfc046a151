# -*- test-case-name: zerogo.test.dataplane.test_messages -*-
"""What the agent's process and its worker say to each other: one record of a SOCK_SEQPACKET pair is one message.

A message is a tuple, its first item a number below; `marshal` writes it. Both ends are this very program and
interpreter, joined by a socket pair that nobody else can reach, which is the case marshal is made for; it costs the
worker no import. Endpoints are tuples (see `zerogo.dataplane.place`), keys, ids and MACs bytes, times monotonic seconds
(one clock in both). With ADD_SIDE_SOCKET goes a descriptor.
"""

from __future__ import annotations

import marshal
from typing import Any

(
    OPEN,
    SET_PEER,
    REMOVE_PEER,
    ADD_SESSION,
    RETIRE_SESSION,
    SET_PATH,
    SEND_DATAGRAM,
    SEND_CONTROL,
    SET_FORWARDING,
    ADD_SIDE_SOCKET,
    REMOVE_SIDE_SOCKET,
    SET_FILTER,
    SET_DECISION_LOG,
    CLOSE,
) = range(1, 15)
(
    DATAGRAM_RECEIVED,
    CONTROL_RECEIVED,
    SESSION_CONFIRMED,
    REKEY_DUE,
    PEER_ROAMED,
    PATH_REFUSED,
    PLANE_FAULT,
    PLANE_COUNTERS,
    PEER_COUNTERS,
    DECISIONS,
) = range(101, 111)

RECORD_LIMIT = 128 * 1024
"""Bytes of the longest record."""
PEERS_PER_RECORD = 256
DECISIONS_PER_RECORD = 1024

Message = tuple[Any, ...]


def encode(message: Message) -> bytes:
    """The record of a message."""
    return marshal.dumps(message)


def decode(record: bytes) -> Message:
    """The message of a record."""
    message: Message = marshal.loads(record)  # noqa: S302 (see the module's docstring)
    return message
