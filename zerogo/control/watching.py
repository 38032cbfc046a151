# -*- test-case-name: zerogo.test.control.test_watching -*-
"""How often members are asked to report their links: seldom, except while somebody looks.

While somebody looks, each connected member is told so for `WATCH_SECONDS` and again before that is over; an agent whose
controller dies falls back by itself. Interval and number of links follow from how many members there are, so that all
reports together stay below `LINKS_PER_SECOND` and `REPORTS_PER_SECOND`, whatever the size of the network.
"""

from __future__ import annotations

from collections.abc import Callable

from zerogo.control.connection import Connection
from zerogo.control.messages import LINKS_LIMIT, Watch

WATCH_SECONDS = 60.0
RENEW_SECONDS = 20.0
INTERVAL_SECONDS = 1.0
"""Between two reports of a member, in a network of at most `REPORTS_PER_SECOND` members."""
INTERVAL_MOST = 30.0
REPORTS_PER_SECOND = 200
LINKS_PER_SECOND = 800
LINKS_LEAST = 4


class Watching:
    """Whether somebody looks, and who was told."""

    def __init__(self) -> None:
        self._is_watched = False

    def change(self, is_watched: bool) -> bool:
        """Somebody looks, or nobody does any more; True where that is new."""
        is_new = is_watched != self._is_watched
        self._is_watched = is_watched
        return is_new

    def tell(self, connection: Connection, members: Callable[[], int], now: float) -> None:
        """Tell a connected member what it has to be told; `members` counts those that are connected."""
        if self._is_watched:
            if connection.watch_at is None or connection.watch_at <= now:
                connection.watch_at = now + RENEW_SECONDS
                connection.send(_request(members()))
        elif connection.watch_at is not None:
            connection.watch_at = None
            connection.send(Watch(0.0))


def _request(members: int) -> Watch:
    interval = min(INTERVAL_MOST, max(INTERVAL_SECONDS, members / REPORTS_PER_SECOND))
    links = int(LINKS_PER_SECOND * interval / max(1, members))
    return Watch(WATCH_SECONDS, interval, max(LINKS_LEAST, min(LINKS_LIMIT, links)))
