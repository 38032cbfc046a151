# -*- test-case-name: zerogo.test.ice.test_consent -*-
"""Consent freshness (RFC 7675): a pair may be used only as long as the peer keeps answering checks on it.

Consent is renewed by an authentic answer to a check and by nothing else: data that arrives from the peer does not show
that the peer wants ours. The pair in use is asked every 5 s, give or take 20 %, and is lost after 30 s without an
answer. Pairs held in reserve are asked a third as often, which also keeps their NAT bindings open. A fresh pair is
asked at short intervals first, for samples of its round trip.
"""

from __future__ import annotations

from zerogo.core import RandomBytes

CONSENT_SECONDS = 5.0
CONSENT_EXPIRES_SECONDS = 30.0
RESERVE_SECONDS = 15.0
RESERVE_EXPIRES_SECONDS = 50.0
JITTER = 0.2
SAMPLING_SECONDS = (0.2, 0.4, 0.8)
"""Intervals of the first checks on a pair that has just come up; they fall into the 2 s in which pairs are compared."""


class Consent:
    """The consent for one pair."""

    def __init__(self, rng: RandomBytes, now: float) -> None:
        """Granted at `now`."""
        self._rng = rng
        self._granted_at = now
        self._asked = 0
        self._asked_at = now
        self._interval = SAMPLING_SECONDS[0]

    def grant(self, now: float) -> None:
        """An authentic answer has come."""
        self._granted_at = now

    def ask(self, now: float) -> None:
        """A check is being sent."""
        self._asked += 1
        self._asked_at = now
        if self._asked < len(SAMPLING_SECONDS):
            self._interval = SAMPLING_SECONDS[self._asked]
        else:
            self._interval = 1 + JITTER * (2 * self._rng(1)[0] / 255 - 1)

    def next_ask_at(self, is_selected: bool) -> float:
        """When the next check is due."""
        if self._asked < len(SAMPLING_SECONDS):
            return self._asked_at + self._interval
        return self._asked_at + self._interval * (CONSENT_SECONDS if is_selected else RESERVE_SECONDS)

    def expires_at(self, is_selected: bool) -> float:
        """When the pair counts as lost unless consent is renewed."""
        return self._granted_at + (CONSENT_EXPIRES_SECONDS if is_selected else RESERVE_EXPIRES_SECONDS)
