# -*- test-case-name: zerogo.test.controller.test_live_state -*-
"""The picture that dashboards have, and what changed in it since they were told.

Things are documents by kind, network and id; one that is put a second time as it was is no change. What happened
between two messages is told as its result: the last document of a thing, or that it is gone. Events are told and not
kept; where too many wait, the oldest are dropped, since they can be read by REST.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from attrs import frozen

from zerogo.controller.live_documents import Change, Changes, Kind, Outdated, Snapshot

EVENTS_LIMIT = 1000
"""Events that wait for the next message."""

_Key = tuple[Kind, str, str]


class LiveState:
    """Documents, a revision, and the changes since."""

    def __init__(self) -> None:
        self.revision = 0
        """Grows with each message of changes; says nothing after a restart."""
        self._documents: dict[_Key, msgspec.Struct] = {}
        self._changed: dict[_Key, None] = {}
        self._events: deque[Change] = deque(maxlen=EVENTS_LIMIT)
        self._outdated: dict[tuple[str, str], None] = {}

    def put(self, kind: Kind, network: str, name: str, document: msgspec.Struct) -> None:
        """A thing is so now."""
        key = (kind, network, name)
        if self._documents.get(key) != document:
            self._documents[key] = document
            self._changed[key] = None

    def drop(self, kind: Kind, network: str, name: str) -> None:
        """A thing is gone."""
        key = (kind, network, name)
        if self._documents.pop(key, None) is not None:
            self._changed[key] = None

    def keep_only(self, kind: Kind, network: str, names: Iterable[str]) -> None:
        """Things of this kind in a network that are not among these are gone."""
        kept = set(names)
        for name in [name for found, here, name in self._documents if (found, here) == (kind, network)]:
            if name not in kept:
                self.drop(kind, network, name)

    def drop_network(self, network: str) -> None:
        """A network and all in it are gone."""
        for kind, here, name in [key for key in self._documents if key[1] == network]:
            self.drop(kind, here, name)

    def tell(self, network: str, name: str, event: msgspec.Struct) -> None:
        """Something happened."""
        self._events.append(Change(Kind.EVENT, network, name, event))

    def outdate(self, area: str, network: str) -> None:
        """What is not pushed is other than it was."""
        self._outdated[area, network] = None

    @property
    def is_changed(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._changed or self._events or self._outdated)

    def take_changes(self) -> list[Change]:
        """Drain what changed; the revision grows."""
        found = [Change(*key, self._documents.get(key)) for key in self._changed]
        found += self._events
        self._changed.clear()
        self._events.clear()
        self.revision += 1
        return found

    def take_outdated(self) -> list[Outdated]:
        """Drain what is to be read again."""
        found = [Outdated(area, network) for area, network in self._outdated]
        self._outdated.clear()
        return found

    def snapshot(self, kinds: frozenset[Kind]) -> Snapshot:
        """Everything of these kinds. Changes that were not drained are in it and come again, which changes nothing."""
        return Snapshot(
            revision=self.revision,
            networks=list(self._of(Kind.NETWORK, kinds)),
            members=list(self._of(Kind.MEMBER, kinds)),
            links=list(self._of(Kind.LINK, kinds)),
            relays=list(self._of(Kind.RELAY, kinds)),
        )

    def _of(self, kind: Kind, kinds: frozenset[Kind]) -> Iterator[Any]:
        if kind in kinds:
            yield from (document for key, document in self._documents.items() if key[0] is kind)


@frozen
class Sight:
    """What somebody may see: kinds of documents, and areas of the API."""

    kinds: frozenset[Kind] = frozenset()
    areas: frozenset[str] = frozenset()

    def of(self, revision: int, changes: Iterable[Change], outdated: Iterable[Outdated]) -> Changes | None:
        """The message for who may see that; None: there is nothing in it."""
        seen = [change for change in changes if change.kind in self.kinds]
        stale = [one for one in outdated if one.area in self.areas]
        return Changes(revision, seen, stale) if seen or stale else None
