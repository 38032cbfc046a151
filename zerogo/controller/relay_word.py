# -*- test-case-name: zerogo.test.controller.test_relay_word -*-
"""Word to the relays of those who are members no more, so that these are served no longer.

    a map is read, a network is deleted  ->  who went?  ->  of no other network either?  ->  void for the relays

After a start all are named whom the store remembers, since nobody knows what the relays were told. It remembers nothing
of a network that was deleted, so its members are told only by a controller that had read its map.

Every controller of a database does this by itself: a relay that is told twice takes it once, and each vouches for what
it has given out by its own clock. What the store cannot answer is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from zerogo.control.departures import Departures
from zerogo.control.publication import MapView
from zerogo.control.relay_access import RelayAccess
from zerogo.errors import ZeroGoError
from zerogo.ids import NetworkId, NodeId
from zerogo.store import members
from zerogo.store.threads import StoreAccess
from zerogo.turn.revocation import KNOWN_LIMIT, Revocation

RETRY_SECONDS = 2.0
DEPARTED_LIMIT = KNOWN_LIMIT
"""Of those whom the store remembers so many are told after a start: more than that a relay does not keep."""

_log = Logger()


class Teller(Protocol):
    """Tells one relay."""

    def revoke(self, revocations: Iterable[Revocation]) -> None: ...

    def stop(self) -> Deferred[Any]: ...


class RelayWord:
    """Watches who leaves. `clock` is IReactorTime."""

    def __init__(self, access: RelayAccess, tellers: Sequence[Teller], store: StoreAccess, clock: Any) -> None:
        self._access = access
        self._tellers = tuple(tellers)
        self._store = store
        self._clock = clock
        self._departures = Departures()
        self._waiting: dict[NodeId, None] = {}
        """Those who went from a network, of whom the store is to be asked."""
        self._is_recalled = True
        """Whether all are told whom the store remembers from before the start."""
        self._is_asking = False
        self._retry: IDelayedCall | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Tell whom the store remembers."""
        if self._tellers:
            self._is_recalled = False
            self._go_on()

    def view_read(self, view: MapView) -> None:
        """A network was read."""
        self._went(self._departures.see(view))

    def network_gone(self, network: NetworkId) -> None:
        """A network was deleted."""
        self._went(self._departures.network_gone(network))

    def stop(self) -> Deferred[Any]:
        """Tell nothing any more."""
        self._is_stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        return gatherResults([teller.stop() for teller in self._tellers])

    def _went(self, node_ids: Iterable[NodeId]) -> None:
        if self._tellers:
            self._waiting |= dict.fromkeys(node_ids)
            self._go_on()

    def _go_on(self) -> None:
        self._retry = None
        if (self._waiting or not self._is_recalled) and not self._is_asking and not self._is_stopped:
            self._is_asking = True
            deferred: Deferred[None] = ensureDeferred(self._tell())
            deferred.addErrback(lambda failure: _log.failure("A bug in word to the relays", failure))

    async def _tell(self) -> None:
        asked, recalls = list(self._waiting), not self._is_recalled
        self._waiting.clear()
        try:
            out = await self._store.read(members.strangers, asked)
            if recalls:
                out = [*await self._store.read(members.departed, DEPARTED_LIMIT), *out]
        except ZeroGoError as error:
            _log.error("Who is no member any more cannot be read: {reason}", reason=str(error))
            self._waiting = dict.fromkeys(asked) | self._waiting
            self._is_asking = False
            if not self._is_stopped and self._retry is None:
                self._retry = self._clock.callLater(RETRY_SECONDS, self._go_on)
            return
        self._is_asking, self._is_recalled = False, self._is_recalled or recalls
        if out and not self._is_stopped:
            revocations = self._access.revoke(out)
            for teller in self._tellers:
                teller.revoke(revocations)
        self._go_on()
