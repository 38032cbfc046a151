# -*- test-case-name: zerogo.test.mesh.test_doubt -*-
"""Whether the path in use has failed, or the line below all paths is only full: what the other paths say meanwhile.

A full line holds up, and drops, what goes by any path over it, so that one path misses answers while another has just
given one proves nothing. A path is left for another on two kinds of evidence together:

* Order. A queue keeps it. What counts are probes that were sent before one that the other path has answered, and that
  are missing although all that was then in the queue has come out of it.
* Number. So many of them in a row as the path's usual loss explains once in a thousand times; one less on a path that
  lost nothing lately, as the other one vouches for the far end. Where the other path lost probes too since then, or
  where both took longer than they need, they may share the line, whose loss nobody knows yet: six.
"""

from __future__ import annotations

from collections.abc import Iterable

from zerogo.mesh.measure import LATE_MARGIN_SECONDS
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober

SHARED_PROBES_UNTIL_LEFT = 6
"""Of a line that drops three in ten, a living path misses so many once in a thousand times."""
INFLATED_SECONDS = 0.02
"""Two paths that take so much longer than the least of lately have a queue on them."""
SUDDENLY_INFLATED_SECONDS = 0.05
"""The same of one path alone: the queue may have filled since the other one answered."""


def may_share(prober: Prober, active: Path, other: Path) -> bool:
    """Whether what the path in use suffers from, the other one seems to suffer from as well."""
    if active.silent_since is not None and prober.has_lost(other, active.silent_since):
        return True
    waits = max(active.measurement.inflation, active.measurement.queueing)
    is_inflated = waits > INFLATED_SECONDS and other.measurement.queueing > INFLATED_SECONDS
    return is_inflated or other.measurement.queueing > SUDDENLY_INFLATED_SECONDS


def probes_until_left(prober: Prober, active: Path, other: Path) -> int:
    """How many probes in a row the path in use must miss, that the other one may take its place."""
    needed = active.measurement.probes_until_dead
    if may_share(prober, active, other):
        return max(needed, SHARED_PROBES_UNTIL_LEFT)
    return needed - 1 if active.measurement.was_clean else needed


def overtaken_by(prober: Prober, active: Path, others: Iterable[Path], now: float) -> list[Path]:
    """Those of the `others` that have proven that the path in use failed."""
    if active.silent_since is None:
        return []
    return [other for other in others if _has_overtaken(prober, active, other, now)]


def _has_overtaken(prober: Prober, active: Path, other: Path, now: float) -> bool:
    if other.measurement.unanswered or other.asked_at < active.asked_at:
        return False
    least = active.measurement.minimum or 0.0
    if now <= other.asked_at + other.measurement.queueing + least + 2 * LATE_MARGIN_SECONDS:
        return False
    return prober.open_until(active, other.asked_at) >= probes_until_left(prober, active, other)
