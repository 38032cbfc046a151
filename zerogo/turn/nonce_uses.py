# -*- test-case-name: zerogo.test.turn.test_nonce_uses -*-
"""The one connection of each nonce that was handed out.

Such a nonce names no address (`zerogo.turn.nonce`), so a request that it came with would be as good on another
connection, for whoever has overheard it. The relay therefore remembers the first connection whose request with it was
authentic, and takes it from no other one from then on. When that connection is closed the nonce is spent, since
another may come from the same port. A connection has one such nonce.

Only who has a key gets a place in the table. It has `USES_LIMIT` places, and none is given away before its nonce is
over: where there is no room, clients begin with a challenge. A relay that is started again has forgotten, and another
with the same secret has never known: there, what was overheard is good once, as it is for whoever comes before the
original.
"""

from __future__ import annotations

from attrs import define

from zerogo.turn.allocation import ClientAddress
from zerogo.turn.nonce import CLOCKS_SECONDS, NONCE_SECONDS

USES_LIMIT = 16_384
USE_SECONDS = NONCE_SECONDS + CLOCKS_SECONDS
"""The longest that a nonce can be good for after it was taken once."""


@define
class _Use:
    client: ClientAddress | None
    """None: the connection is closed."""
    ends_at: float


class NonceUses:
    """Which connection each nonce belongs to."""

    def __init__(self) -> None:
        self._uses: dict[bytes, _Use] = {}  # the oldest first
        self._by_client: dict[ClientAddress, bytes] = {}

    def __len__(self) -> int:
        return len(self._uses)

    def may_use(self, nonce: bytes, client: ClientAddress, now: float) -> bool:
        """Whether this connection may come with it. Nothing is remembered of the question."""
        self._forget_ended(now)
        use = self._uses.get(nonce)
        if use is None:
            return client not in self._by_client and len(self._uses) < USES_LIMIT
        return use.client == client

    def use(self, nonce: bytes, client: ClientAddress, now: float) -> None:
        """An authentic request came with it, on a connection that may use it."""
        if nonce not in self._uses:
            self._uses[nonce] = _Use(client, now + USE_SECONDS)
            self._by_client[client] = nonce

    def connection_lost(self, client: ClientAddress) -> None:
        """That connection is closed: its nonce is spent."""
        nonce = self._by_client.pop(client, None)
        if nonce is not None:
            self._uses[nonce].client = None

    def _forget_ended(self, now: float) -> None:
        while self._uses:
            nonce, use = next(iter(self._uses.items()))
            if now <= use.ends_at:
                return
            del self._uses[nonce]
            if use.client is not None:
                del self._by_client[use.client]
