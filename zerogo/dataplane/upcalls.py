# -*- test-case-name: zerogo.test.dataplane.test_upcalls -*-
"""What waits to be told to the agent, bounded: strangers can fill neither the queue nor the agent's time.

Datagrams of strangers (STUN, handshakes) pass a budget per second and wait in at most `UPCALLS_LIMIT` places; control
messages of peers may use twice as many. What has no place is dropped and counted.
"""

from __future__ import annotations

from collections import deque

from zerogo.dataplane.limits import UPCALLS_LIMIT
from zerogo.dataplane.messages import CONTROL_RECEIVED, DATAGRAM_RECEIVED, Message
from zerogo.dataplane.tally import Tally
from zerogo.switch.storm import StormBudget

STRANGERS_PER_SECOND = 2000.0
"""Datagrams; a Noise message 1 costs the agent about 0.3 ms, STUN less."""
STRANGERS_BURST = 1000.0


class UpcallQueue:
    """Messages for the agent, oldest first."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._handshakes = StormBudget(STRANGERS_PER_SECOND, STRANGERS_BURST)
        self._checks = StormBudget(STRANGERS_PER_SECOND, STRANGERS_BURST)
        self.waiting: deque[Message] = deque()

    def add(self, message: Message) -> None:
        """Queue what only peers that authenticated, or the kernel, can cause."""
        if message[0] == CONTROL_RECEIVED and len(self.waiting) >= 2 * UPCALLS_LIMIT:
            self._tally.dropped_upcall_queue += 1
            return
        self.waiting.append(message)

    def add_stranger(self, source: tuple[str, int], payload: bytes, is_handshake: bool, now: float) -> None:
        """Queue a datagram of somebody unknown. Handshakes have a budget, STUN and relayed signals another, so that
        none of the latter can starve the former."""
        budget = self._handshakes if is_handshake else self._checks
        if len(self.waiting) >= UPCALLS_LIMIT or not budget.spend(1, now):
            self._tally.dropped_upcall_queue += 1
            return
        self.waiting.append((DATAGRAM_RECEIVED, source, payload))
