# -*- test-case-name: zerogo.test.exit.test_tally -*-
"""Compares what gateway and edge counted, stream by stream, of streams that ended well at both.

Bytes of a stream that broke may be counted at one end and be lost before the other, so those are not compared; of the
others every byte must agree. Up to `TOLERANCE` is let pass, of all that is compared at a time.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import frozen

TOLERANCE = 0.001
LIMIT = 4096
"""Streams of one tunnel that wait for the other count; the oldest are not compared."""


@frozen
class Compared:
    """Both counts of some streams."""

    streams: int
    gateway_bytes: int
    edge_bytes: int
    difference: int
    """Sum of the streams' differences, in either direction."""

    @property
    def is_suspicious(self) -> bool:
        """Whether it is more than the tolerance."""
        return self.difference > TOLERANCE * max(self.gateway_bytes, self.edge_bytes)


class TallyBook:
    """Of one tunnel."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bool, int], tuple[int, int]] = OrderedDict()
        self._pairs: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def gateway(self, stream: int, up: int, down: int) -> None:
        """What we counted."""
        self._add(True, stream, (up, down))

    def edge(self, stream: int, up: int, down: int) -> None:
        """What the edge counted."""
        self._add(False, stream, (up, down))

    def take(self) -> Compared:
        """What could be compared since the last time."""
        pairs, self._pairs = self._pairs, []
        return Compared(
            streams=len(pairs),
            gateway_bytes=sum(ours[0] + ours[1] for ours, _ in pairs),
            edge_bytes=sum(theirs[0] + theirs[1] for _, theirs in pairs),
            difference=sum(abs(ours[0] - theirs[0]) + abs(ours[1] - theirs[1]) for ours, theirs in pairs),
        )

    def _add(self, is_ours: bool, stream: int, counts: tuple[int, int]) -> None:
        other = self._waiting.pop((not is_ours, stream), None)
        if other is not None:
            self._pairs.append((counts, other) if is_ours else (other, counts))
            return
        self._waiting[is_ours, stream] = counts
        while len(self._waiting) > LIMIT:
            self._waiting.popitem(last=False)
