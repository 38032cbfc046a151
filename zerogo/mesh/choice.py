# -*- test-case-name: zerogo.test.mesh.test_choice -*-
"""Which of a peer's paths to use: the cheapest living one, and not another one for every millisecond.

`cost` is a pure function of a path; a scorer with the same signature takes its place. A path in use is left at once
when it is dead; for a cheaper one only when that is better by max(15 %, 5 ms) and has been so for 3 seconds. From a
relay to a direct path that was proven it changes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define

from zerogo.ice.checklist import far_address
from zerogo.mesh.path import Path

BETTER_BY_SHARE = 0.15
BETTER_BY_SECONDS = 0.005
HELD_FOR_SECONDS = 3.0
UNMEASURED_COST_SECONDS = 1.0
_LOSS_COST_SECONDS = 0.5
_HOST_BONUS_SECONDS = 0.005
_IPV6_BONUS_SECONDS = 0.003
_RELAY_COST_SHARE = 0.5
_RELAY_COST_SECONDS = 0.03
"""A relay carries for many, and somebody pays for it: any direct path that is not much worse is preferred."""


def cost(path: Path) -> float:
    """What a path costs, in seconds: smoothed RTT, charges for loss and relays, less a bonus for LAN and for IPv6."""
    round_trip = path.measurement.smoothed
    total = UNMEASURED_COST_SECONDS if round_trip is None else round_trip
    if path.is_relayed:
        return total * (1 + _RELAY_COST_SHARE) + _RELAY_COST_SECONDS + path.measurement.loss * _LOSS_COST_SECONDS
    total += path.measurement.loss * _LOSS_COST_SECONDS
    total -= _HOST_BONUS_SECONDS if path.remote_candidate == "host" else 0.0
    total -= _IPV6_BONUS_SECONDS if far_address(path.destination).is_ipv6 else 0.0
    return total


Scorer = Callable[[Path], float]


@define
class PathChoice:
    """Remembers the path in use and since when another one was better."""

    active: Path | None = None
    scorer: Scorer = cost
    _rival: Path | None = None
    _rival_since: float = 0.0

    def choose(self, paths: Iterable[Path], now: float) -> Path | None:
        """The path to use from now on out of `paths`; None where none is usable. Becomes `active`."""
        usable = [path for path in paths if path.is_usable]
        best = min(usable, key=self._rank, default=None)
        if best is None or self.active not in usable or self._is_held(best, now):
            self._switch(best)
        return self.active

    def force(self, path: Path | None) -> None:
        """Use `path`, whatever it costs."""
        self._switch(path)

    def _rank(self, path: Path) -> tuple[bool, float]:
        return (not path.is_verified, self.scorer(path))

    def _is_held(self, best: Path, now: float) -> bool:
        assert self.active is not None
        if best is self.active:
            self._rival = None
            return False
        if self.active.is_relayed and not best.is_relayed and best.is_verified:
            return True
        gain = self.scorer(self.active) - self.scorer(best)
        needed = max(BETTER_BY_SHARE * self.scorer(self.active), BETTER_BY_SECONDS)
        if gain < needed:
            self._rival = None
            return False
        if self._rival is not best:
            self._rival, self._rival_since = best, now
        return now - self._rival_since >= HELD_FOR_SECONDS

    def _switch(self, path: Path | None) -> None:
        self.active, self._rival = path, None
