# -*- test-case-name: zerogo.test.mesh.test_turns -*-
"""Whose turn it is to be searched: so many searches that this node began go on at once, the others wait."""

from __future__ import annotations

from attrs import define, field

from zerogo.mesh.events import PeerState

SEARCHES_LIMIT = 64


@define(eq=False)
class SearchTurns:
    """Peers by their numbers, in the order in which they came."""

    _searching: dict[int, None] = field(factory=dict, init=False)
    _waiting: dict[int, None] = field(factory=dict, init=False)
    _connected: dict[int, None] = field(factory=dict, init=False)

    @property
    def connected(self) -> int:
        """How many are connected."""
        return len(self._connected)

    def add(self, peer: int) -> None:
        """One more that waits."""
        self._waiting[peer] = None

    def remove(self, peer: int) -> None:
        """Forget one."""
        for numbers in (self._waiting, self._searching, self._connected):
            numbers.pop(peer, None)

    def take(self) -> int | None:
        """The next one to search for, from now on; None where none waits or too many are being searched for."""
        if not self._waiting or len(self._searching) >= SEARCHES_LIMIT:
            return None
        peer = next(iter(self._waiting))
        del self._waiting[peer]
        self._searching[peer] = None
        return peer

    def note(self, peer: int, state: PeerState) -> bool:
        """How a peer stands; True where it was connected and is not any more."""
        if state is not PeerState.WAITING:
            self._waiting.pop(peer, None)
        if state in (PeerState.CONNECTED, PeerState.UNREACHABLE):
            self._searching.pop(peer, None)
        if state is PeerState.CONNECTED:
            self._connected[peer] = None
            return False
        was_connected = peer in self._connected
        self._connected.pop(peer, None)
        return was_connected
