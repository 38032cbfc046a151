# -*- test-case-name: zerogo.test.turn.test_acquaintance -*-
"""What a client knows of a server, which outlives an allocation: its realm, the newest nonce, and how far away it is.

A server that binds nonces to addresses, as ours does, answers the first request from a new address with another nonce
whatever it came with. One that does not, and an address that stayed the same although the network changed, spare the
challenge.

How soon a datagram that is not answered is sent again follows the round trip (RFC 8489 section 6.2.1 with RFC 6298):
the smoothed one and four times its deviation, twice the smoothed one at least. An answer to a request that was sent
more than once proves no round trip; the patience is doubled then until one is measured (Karn), or a way that has become
longer would never be. What was measured is forgotten after `STALE_SECONDS`.
"""

from __future__ import annotations

from attrs import define, field

FIRST_RTO = 0.2
"""Seconds, where nothing was measured."""
LEAST_RTO, MOST_RTO = 0.05, 0.8
"""The RFC's 0.5 s for the least is for links that nobody knows anything about, and is far too slow after a move, when
the first datagrams are lost more often than others."""
DOUBLINGS_LIMIT = 4
STEP_LIMIT = 1.6
"""Seconds that are waited at most between two sends."""
PATIENCE_SECONDS = 4.6
"""A server by UDP is given up after so long."""
STALE_SECONDS = 600.0
_SMOOTH, _DEVIATION = 1 / 8, 1 / 4


@define
class Acquaintance:
    """With one server at one address."""

    realm: str | None = None
    """None: it was never told."""
    nonce: bytes = field(default=b"", repr=False)
    told_at: float = float("-inf")
    """When the nonce came."""
    is_guess: bool = False
    """Whether realm and nonce were told by somebody else, or to us at another address, or what was made with them was
    refused: a further 401 is a challenge."""
    _smoothed: float | None = None
    _deviation: float = 0.0
    _measured_at: float = float("-inf")
    _doublings: int = 0
    """Answers since the last one that proved a round trip."""

    def challenged(self, realm: str, nonce: bytes, now: float) -> None:
        """The server has told these."""
        self.realm, self.nonce, self.told_at, self.is_guess = realm, nonce, now, False

    def moved(self) -> None:
        """Our address is another one, perhaps."""
        self.is_guess = self.realm is not None

    def answered(self, sends: int, rtt: float, now: float) -> None:
        """A request that was sent so often was answered `rtt` seconds after the first time."""
        if sends == 1:
            self._measured(rtt, now)
            self._doublings = 0
        else:
            self._doublings = min(self._doublings + 1, DOUBLINGS_LIMIT)

    def _measured(self, rtt: float, now: float) -> None:
        if self._smoothed is None or now - self._measured_at > STALE_SECONDS:
            self._smoothed, self._deviation = rtt, rtt / 2
        else:
            self._deviation += _DEVIATION * (abs(self._smoothed - rtt) - self._deviation)
            self._smoothed += _SMOOTH * (rtt - self._smoothed)
        self._measured_at = now

    def rto(self, now: float) -> float:
        """Seconds of patience after the first send."""
        return min(MOST_RTO, self._measured_rto(now) * (1 << self._doublings))

    def _measured_rto(self, now: float) -> float:
        if self._smoothed is None or now - self._measured_at > STALE_SECONDS:
            return FIRST_RTO
        return max(LEAST_RTO, 2 * self._smoothed, self._smoothed + 4 * self._deviation)

    def schedule(self, patience: float, now: float) -> tuple[float, ...]:
        """Seconds after each send, doubled each time, `patience` in all."""
        return _doubled(min(self.rto(now), patience / 2), STEP_LIMIT, patience)

    def check_schedule(self, patience: float, now: float) -> tuple[float, ...]:
        """The same for so little patience that losses must not use it up: of its four quarters each has a send, however
        far away the server is. So resends may come before an answer can, and say nothing for `answered`."""
        quarter = patience / 4
        return _doubled(min(self._measured_rto(now), quarter), quarter, patience)


def _doubled(step: float, limit: float, patience: float) -> tuple[float, ...]:
    """Steps from the first one to `limit`; what is left at the end goes with the last."""
    steps, left = [], patience
    while left > step + LEAST_RTO:
        steps.append(step)
        left -= step
        step = min(2 * step, limit)
    return (*steps, left)
