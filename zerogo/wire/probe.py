# -*- test-case-name: zerogo.test.wire.test_control -*-
"""Probes as bytes: what a data plane needs of control messages, since it answers probes itself (PROTOCOL.md 5.2)."""

from __future__ import annotations

import struct

PROBE = struct.Struct("!BI")
"""Type and probe id."""
TYPE_PROBE = 1
TYPE_PROBE_ANSWER = 2


def answer_to_probe(payload: bytes) -> bytes | None:
    """The payload that answers that of a CONTROL datagram; None where it is no probe. Never longer than the probe."""
    if len(payload) < PROBE.size or payload[0] != TYPE_PROBE:
        return None
    return PROBE.pack(TYPE_PROBE_ANSWER, PROBE.unpack_from(payload)[1])
