# -*- test-case-name: zerogo.test.control.test_watching -*-
"""How often members are asked to report their links: seldom, except while somebody looks.

While somebody looks, each connected member is told so for `WATCH_SECONDS` and again before that is over; an agent whose
controller dies falls back by itself. Interval and number of links follow from how many members there are, so that all
reports together stay below `LINKS_PER_SECOND` and `REPORTS_PER_SECOND`, whatever the size of the network. A member
reports when it is told and then at its interval: so that not all do it in the same second, `AT_ONCE` are told at once
and the others `REPORTS_PER_SECOND` a second, and each is told again as long after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zerogo.control.connection import Connection
from zerogo.control.messages import LINKS_LIMIT, Watch

WATCH_SECONDS = 60.0
RENEW_SECONDS = 20.0
INTERVAL_SECONDS = 1.0
"""Between two reports of a member, in a network of at most `REPORTS_PER_SECOND` members."""
INTERVAL_MOST = 30.0
REPORTS_PER_SECOND = 200
AT_ONCE = 32
LINKS_PER_SECOND = 800
LINKS_LEAST = 4


class Watching:
    """Whether somebody looks, and who was told."""

    def __init__(self) -> None:
        self._is_watched = False

    def change(self, is_watched: bool, connected: Iterable[Connection], now: float) -> None:
        """Somebody looks, or nobody does any more: `connected` members are to `tell` soon."""
        if is_watched == self._is_watched:
            return
        self._is_watched = is_watched
        for position, connection in enumerate(connected):
            connection.watch_at = now + max(0, position + 1 - AT_ONCE) / REPORTS_PER_SECOND

    def tell(self, connection: Connection, members: Callable[[], int], now: float) -> None:
        """Tell a connected member what it has to be told; `members` counts those that are connected."""
        if connection.watch_at is None and not self._is_watched:
            return
        if connection.watch_at is not None and connection.watch_at > now:
            return
        connection.watch_at = now + RENEW_SECONDS if self._is_watched else None
        connection.send(_request(members()) if self._is_watched else Watch(0.0))


def _request(members: int) -> Watch:
    interval = min(INTERVAL_MOST, max(INTERVAL_SECONDS, members / REPORTS_PER_SECOND))
    links = int(LINKS_PER_SECOND * interval / max(1, members))
    return Watch(WATCH_SECONDS, interval, max(LINKS_LEAST, min(LINKS_LIMIT, links)))
