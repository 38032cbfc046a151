# -*- test-case-name: zerogo.test.controller.test_link_sampler -*-
"""Takes the figures of links at even times: every second while somebody looks, every ten seconds always, and a mean of
each five minutes, which goes into the store.

Members tell only what moved, so what a link said last is so until it says something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from zerogo.controller.link_book import Link, LinkBook, main_end, node_text
from zerogo.controller.link_documents import traffic
from zerogo.controller.link_rings import TIERS, LinkRings
from zerogo.store.link_history import STEP_SECONDS, LinkMean


class LinkSampler:
    """From the book into the rings."""

    def __init__(
        self,
        book: LinkBook,
        rings: LinkRings,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        is_watched: Callable[[], bool],
        keep: Callable[[list[LinkMean]], object],
    ) -> None:
        self._book = book
        self._rings = rings
        self._unix_time = unix_time
        self._is_watched = is_watched
        self._keep = keep
        self.coarse_taken: Callable[[float], object] = lambda now: None
        """Is told of each sample that is taken always, with its time."""
        self._mean_slot = int(unix_time() // STEP_SECONDS)
        self._coarse_slot = 0
        self._loop = LoopingCall(self._take)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin."""
        self._loop.start(TIERS[0].step, now=False)

    def stop(self) -> None:
        """End."""
        if self._loop.running:
            self._loop.stop()

    def _take(self) -> None:
        now = self._unix_time()
        slot = int(now // TIERS[1].step)
        is_coarse_due = slot != self._coarse_slot
        self._coarse_slot = slot
        tiers = [TIERS[0]] * self._is_watched() + [TIERS[1]] * is_coarse_due
        if tiers:
            for link in self._book.all_links():
                self._rings.put(link.network, link.pair, now, _values(link), tiers)
        if is_coarse_due:
            self.coarse_taken(now)
        self._take_means(now)

    def _take_means(self, now: float) -> None:
        slot = int(now // STEP_SECONDS)
        if slot == self._mean_slot:
            return
        begin, self._mean_slot = self._mean_slot * STEP_SECONDS, slot
        means = [
            LinkMean(network, node_text(pair[0]), node_text(pair[1]), begin, figures)
            for network, pair, figures in self._rings.means(begin, begin + STEP_SECONDS)
        ]
        if means:
            self._keep(means)


def _values(link: Link) -> list[float]:
    sample = main_end(link)[1].sample
    figures = (sample.rtt_ms, sample.jitter_ms, sample.loss)
    return [*(math.nan if each is None else each for each in figures), *traffic(link)]
