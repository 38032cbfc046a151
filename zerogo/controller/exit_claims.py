# -*- test-case-name: zerogo.test.gateway.test_commons -*-
"""Where sessions and exclusive edges are kept that gateways claim: with one controller in its memory, with several in
Redis, so that they hold at the gateways of all of them.

Several controllers without Redis keep them each for its own gateways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from zerogo.config.controller import ControllerConfig
from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.exit.claim_book import ClaimBook
from zerogo.noise.identity import Identity
from zerogo.secret import Secret

_PERSON = b"zg-claim"


class Claims(Protocol):
    """Settles what gateways claim, one request after the other."""

    on_forgotten: Callable[[], object]
    """Called when what was claimed may be lost."""

    def start(self) -> None: ...

    def stop(self) -> Any: ...

    def settle(self, request: ClaimRequest) -> Deferred[Claimed]:
        """What is held, claim by claim, or that nobody can say; never fails."""


class OwnClaims:
    """In memory."""

    def __init__(self, clock: IReactorTime) -> None:
        self.on_forgotten: Callable[[], object] = lambda: None
        self._clock = clock
        self._book = ClaimBook(clock.seconds())

    def start(self) -> None:
        """Nothing has to be opened."""

    def stop(self) -> None:
        """Nothing has to be closed."""

    def settle(self, request: ClaimRequest) -> Deferred[Claimed]:
        """What is held."""
        return succeed(
            Claimed(request.number, *self._book.settle(request.sessions, request.edges, self._clock.seconds()))
        )


def claims_of(config: ControllerConfig, identity: Identity, reactor: Any) -> Claims:
    """Where the configuration has them kept."""
    if config.redis is None or not isinstance(config.database, Secret):
        return OwnClaims(reactor)
    # Twisted's Redis client brings the reactor along.
    from zerogo.net.redis_claims import RedisClaims

    key = hashlib.blake2s(identity.export().encode(), person=_PERSON).digest()
    return RedisClaims(config.redis, reactor, key)
