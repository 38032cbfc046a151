# -*- test-case-name: zerogo.test.ice.test_rounds -*-
"""When all pairs that do not work are tried again: 5 s, 15 s and 60 s after the start, then every 5 minutes, for ever.

Both agents compute the same times: the jitter (20 %) comes from a hash over both ufrags, and both count from the moment
at which the controller had them start. In the first round both send at once, so that their datagrams cross and each
finds the other's NAT open. Some routers confirm an early datagram from outside as a flow of their own and then map ours
to another port; there, it helps that one side is 150 ms late. So in the following rounds the sides are late in turn.
"""

from __future__ import annotations

import hashlib

ROUND_SECONDS = (0.0, 5.0, 15.0, 60.0)
REPEAT_SECONDS = 300.0
JITTER = 0.2
LATE_SECONDS = 0.15


class Rounds:
    """The times of one agent's rounds."""

    def __init__(self, local_ufrag: str, remote_ufrag: str) -> None:
        self._shared = ":".join(sorted((local_ufrag, remote_ufrag)))

    def offset(self, number: int, is_controlling: bool) -> float:
        """Seconds from the start to the round of that number (0 is the first)."""
        if number == 0:
            return 0.0
        is_late = is_controlling == (number % 2 == 0)
        return self._common_offset(number) + (LATE_SECONDS if is_late else 0.0)

    def _common_offset(self, number: int) -> float:
        last = len(ROUND_SECONDS) - 1
        if number <= last:
            return ROUND_SECONDS[number] * (1 + self._jitter(number))
        return ROUND_SECONDS[last] + REPEAT_SECONDS * (number - last + self._jitter(number))

    def _jitter(self, number: int) -> float:
        """Between -JITTER and JITTER, the same on both sides."""
        digest = hashlib.blake2s(f"{self._shared}:{number}".encode(), digest_size=4).digest()
        return JITTER * (2 * int.from_bytes(digest, "big") / 0xFFFFFFFF - 1)
