# -*- test-case-name: zerogo.test.mesh.test_late_way -*-
"""Whether urgent datagrams go once more, later, and by which path: what two copies at once may not make up for.

This is forward error correction of the plainest kind, for datagrams that are few, small and far apart: a parity of
several would have to wait for the next ones, 20 ms each in a call. A third copy costs as much as each of the others, so
it goes only while more than `BEARABLE_LOSS` of the datagrams would be lost otherwise: the product of what the probes of
both paths lost, or where there is but one, what its probes lost. Probes get lost on their way back as well, so this is
the upper side of what a datagram meets. Whether it is needed is seen from few probes, so it stays for a minute.
"""

from __future__ import annotations

import math

from attrs import define

from zerogo.mesh.path import Path

BEARABLE_LOSS = 0.001
HELD_FOR_SECONDS = 60.0


@define(eq=False)
class LateWay:
    """Remembers the path of late copies, so that it is another one only where it must be."""

    _path: Path | None = None
    _until: float = -math.inf

    def choose(self, active: Path, twin: Path | None, now: float) -> Path | None:
        """The path for late copies of what goes by `active` and, where there is one, by `twin`; None for no copies."""
        if expected_loss(active, twin) > BEARABLE_LOSS:
            self._until = now + HELD_FOR_SECONDS
        if now >= self._until:
            self._path = None
        elif self._path is None or self._path not in (active, twin):
            self._path = min((active if twin is None else twin, active), key=lambda path: path.measurement.loss)
        return self._path


def expected_loss(active: Path, twin: Path | None) -> float:
    """The share of datagrams that no copy arrives of, as far as losses are independent."""
    if twin is None:
        return active.measurement.certain_loss
    return active.measurement.loss * twin.measurement.loss
