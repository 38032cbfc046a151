# -*- test-case-name: zerogo.test.gateway.test_two_controllers -*-
"""Gateways that are connected to other controllers of the same database, as these told of them last.

Each controller tells of its gateways once a second. Where words stop without a farewell, for want of what carries them
or since a controller died, what was told last holds for `KEPT_SECONDS`: rates stay divided as they were meanwhile.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.control.fellow_words import GatewayTold
from zerogo.control.gateway_events import GatewayPresence
from zerogo.control.gateway_messages import UserActivity
from zerogo.ids import NodeId

KEPT_SECONDS = 60.0
LIMIT = 256
"""Gateways; further ones are left out."""


@frozen
class _Far:
    told: GatewayTold
    users: dict[str, UserActivity]
    told_at: float


class FarGateways:
    """What is known of them."""

    def __init__(self) -> None:
        self._gateways: dict[NodeId, _Far] = {}
        self._coming: dict[NodeId, list[GatewayTold]] = {}
        """Of what is told in several words, those that came; none where one was lost."""

    def told(self, word: GatewayTold, now: float) -> None:
        """Its controller told of one."""
        if word.gateway not in self._gateways and len({*self._gateways, *self._coming, word.gateway}) > LIMIT:
            return
        words = [*(self._coming.pop(word.gateway, []) if word.part else []), word]
        if word.part != len(words) - 1:
            return
        if word.is_more:
            self._coming[word.gateway] = words
        else:
            self._gateways[word.gateway] = _Far(word, {one.user: one for each in words for one in each.users}, now)

    def forget(self, gateway: NodeId) -> None:
        """It has left, or is here."""
        self._gateways.pop(gateway, None)
        self._coming.pop(gateway, None)

    def forget_old(self, now: float) -> None:
        """Those that nobody told of for too long."""
        for gateway in [gateway for gateway, far in self._gateways.items() if now - far.told_at >= KEPT_SECONDS]:
            del self._gateways[gateway]

    @property
    def present(self) -> tuple[NodeId, ...]:
        """All of them."""
        return tuple(self._gateways)

    def users(self) -> dict[NodeId, dict[str, UserActivity]]:
        """Who is busy at each."""
        return {gateway: far.users for gateway, far in self._gateways.items()}

    def streams_of(self, user: str) -> int:
        """A user's live streams at all of them."""
        return sum(far.users[user].streams for far in self._gateways.values() if user in far.users)

    def presence(self, now: float) -> dict[NodeId, GatewayPresence]:
        """As `GatewayOffice.presence` says of its own."""
        return {gateway: _presence(far, now) for gateway, far in self._gateways.items()}


def _presence(far: _Far, now: float) -> GatewayPresence:
    told = far.told
    return GatewayPresence(
        gateway=told.gateway,
        source=told.source,
        connected_seconds=told.connected_seconds + now - far.told_at,
        version=told.version,
        streams=told.streams,
        users=len(far.users),
        edges=told.edges,
        is_draining=told.is_draining,
    )
