# -*- test-case-name: zerogo.test.mesh.test_succession -*-
"""What takes the place of a path in use that has failed, though it is not dead yet: the heir of one peer's path.

Four things may be known of the far end while the path in use misses answers, and each names an heir:

* The peer is heard from another address. A probe that proves this one, or one missing answer fewer than usual, is
  enough. Where the path in use has answered what was asked since, the peer only went both ways.
* The peer is heard from an address that it told itself, while it tells of that of the path in use no more. Nobody waits
  a round trip for what two authentic words of its own say. Yet a member that lies, and can send from addresses that are
  not its own, could have ours sent to somebody else; so this is believed without proof for little more than the round
  trip that the proof takes, `VOUCHED_SECONDS` at least and `LONGEST_VOUCHED_SECONDS` at most, and not again for
  `VOUCHED_GAP_SECONDS`. A path whose time is over is left, which is no failure of it: the proof may come yet.
* The peer has begun anew, as one does that is elsewhere or is mapped anew. Then what was found since, by its own word,
  is where it is; nobody waits for more silence.
* Another path answers while the one in use does not (`zerogo.mesh.doubt`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import define, field

from zerogo.mesh.choice import PathChoice
from zerogo.mesh.doubt import overtaken_by, probes_until_left
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober

ROAMED_FOR_SECONDS = 5.0
VOUCHED_SECONDS = 0.25
LONGEST_VOUCHED_SECONDS = 1.0
VOUCHED_ROUND_TRIPS = 1.5
"""Of the path in use, or of the last that was measured: how much longer the way to the new place is nobody knows."""
VOUCHED_GAP_SECONDS = 5.0


@define(eq=False)
class Succession:
    """One peer's."""

    _prober: Prober
    _choice: PathChoice
    _roamed: Path | None = field(default=None, init=False)
    _roamed_at: float = field(default=0.0, init=False)
    _anew_at: float = field(default=math.inf, init=False)
    _vouched: Path | None = field(default=None, init=False)
    """What is to be taken on the peer's word."""
    _trusted: Path | None = field(default=None, init=False)
    """The same, and then what was taken, until it has to be proven."""
    _vouched_at: float = field(default=-math.inf, init=False)
    _prove_by: float = field(default=-math.inf, init=False)
    _round_trip: float = field(default=0.0, init=False)
    """Of the last path in use that was measured, seconds: one that was just taken for want of another was not."""

    def roamed(self, path: Path, now: float) -> None:
        """The peer was heard by a path that is not proven."""
        self._roamed, self._roamed_at = path, now

    def vouched(self, path: Path, now: float) -> None:
        """The peer was heard where it says it is; that counts while the path in use is not both proven and well."""
        active = self._choice.active
        if active is None or active is path or path.is_usable or now - self._vouched_at < VOUCHED_GAP_SECONDS:
            return
        if active.silent_since is not None or not active.is_verified:
            self._vouched = self._trusted = path
            self._vouched_at, path.is_vouched = now, True
            seconds = max(VOUCHED_ROUND_TRIPS * self._round_trip, VOUCHED_SECONDS)
            self._prove_by = now + min(seconds, LONGEST_VOUCHED_SECONDS)

    def peer_began_anew(self, now: float) -> None:
        """The peer looks for this node anew; that says something only while the path in use is in doubt."""
        active = self._choice.active
        self._anew_at = math.inf if active is None or active.silent_since is None else now

    def forget(self, path: Path | None = None) -> None:
        """The path is dropped; without one, all that are heirs."""
        if path is None or self._roamed is path:
            self._roamed = None
        if path is None or self._trusted is path:
            self._vouched = self._trusted = None

    def handle_timer(self, now: float) -> None:
        """A path that was taken on the peer's word has to be proven by its time."""
        if self._trusted is not None and now >= self._prove_by:
            self._trusted.is_vouched = False
            self._vouched = self._trusted = None

    def next_at(self) -> float | None:
        """When that is."""
        return None if self._trusted is None else self._prove_by

    def heir(self, others: Sequence[Path], now: float) -> Path | None:
        """What takes over at once, if it is of use; `others` are the usable paths beside the one in use."""
        if self._roamed is not None and now - self._roamed_at >= ROAMED_FOR_SECONDS:
            self._roamed = None
        active = self._choice.active
        if active is not None and active.measurement.smoothed is not None:
            self._round_trip = active.measurement.smoothed
        if active is not None and active.asked_at > self._roamed_at:
            self._roamed = None
        roamed = self._roamed
        if self._vouched is not None and self._vouched.is_usable:
            return self._vouched
        if active is None:
            return roamed
        if roamed is not None and self._prober.missing(active) >= probes_until_left(self._prober, active, roamed) - 1:
            return roamed
        if active.silent_since is None:
            self._anew_at = math.inf
            return None
        fresh = [path for path in others if path.is_checked and path.found_at >= self._anew_at]
        proven = [path for path in others if path.is_verified]
        return min(fresh or overtaken_by(self._prober, active, proven, now), key=self._choice.rank, default=None)

    def taken(self) -> None:
        """The heir is in use."""
        self._roamed, self._vouched, self._anew_at = None, None, math.inf
