# -*- test-case-name: zerogo.test.controller.test_touches -*-
"""Notes in the store that a token or session is used: once in a while, and no request waits for it.

A program sends several requests at once, and all of them find that the last note is a minute old; only the first
writes the next one. A note that is lost is written a minute later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from zerogo.errors import EnvironmentFault
from zerogo.store.threads import StoreAccess

REMEMBERED = 10_000

_log = Logger()


class Touches:
    """When what was noted last, by its id."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def note(
        self, store: StoreAccess, unit: Callable[[Connection, str, float], None], name: str, now: float, seconds: float
    ) -> None:
        """Have the unit note that `name` is used `now` (unix time), where that was not done in so many seconds."""
        if now - self._noted.get(name, float("-inf")) <= seconds:
            return
        self._noted.pop(name, None)
        self._noted[name] = now
        if len(self._noted) > REMEMBERED:
            del self._noted[next(iter(self._noted))]
        done: Deferred[None] = ensureDeferred(_written(store.write(unit, name, now)))
        done.addErrback(lambda failure: _log.failure("A bug in a note of use", failure))


async def _written(note: Awaitable[None]) -> None:
    try:
        await note
    except EnvironmentFault as error:
        _log.warn("That a token or session is used could not be noted: {reason}", reason=str(error))
