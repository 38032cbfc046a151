# -*- test-case-name: zerogo.test.switch.test_fdb -*-
"""The forwarding database: which peer an Ethernet address is behind.

Members come from the map and are static: no frame can move them. Addresses behind members that are bridges are
learned from the frames they send, age out five minutes after the last one, and are bounded per peer and in all; where
the table is full a frame still passes, only its source is not remembered (its answers are then flooded to bridges).
A learned address may move from one bridge to another, as a station does that walks from one port to the next.

A source address is refused where it is ours, another member's, a group address, or anything but the member's own and
the member is no bridge. Addresses are 6 bytes, peers small integers, times monotonic seconds.
"""

from __future__ import annotations

from zerogo.switch.frame import is_group

AGE_SECONDS = 300.0
"""IEEE 802.1Q's recommended ageing time."""
LEARNED_PER_PEER_LIMIT = 256
LEARNED_LIMIT = 4096


class ForwardingDatabase:
    """Static members and learned stations of one segment."""

    def __init__(self, own_mac: bytes) -> None:
        self._own_mac = own_mac
        self._members: dict[int, tuple[bytes, bool]] = {}
        self._static: dict[bytes, int] = {}
        self._learned: dict[bytes, tuple[int, float]] = {}
        self._learned_per_peer: dict[int, int] = {}

    def set_member(self, peer: int, mac: bytes, is_bridge: bool) -> None:
        """Know a member by its address. Two members of one address: the one set last has it, as the map says."""
        self._forget_static(peer)
        if not is_bridge:
            self._forget_learned_of(peer)
        self._members[peer] = (mac, is_bridge)
        self._forget_learned(mac)
        if mac != self._own_mac:
            self._static[mac] = peer

    def remove_member(self, peer: int) -> None:
        """Forget a member and what was learned from it."""
        self._forget_static(peer)
        self._forget_learned_of(peer)
        self._members.pop(peer, None)

    def members(self) -> list[int]:
        """All members, in the order they became known."""
        return list(self._members)

    def bridges(self) -> list[int]:
        """The members that may hide further stations."""
        return [peer for peer, (_, is_bridge) in self._members.items() if is_bridge]

    def static_addresses(self) -> dict[bytes, int]:
        """Members by address; the live table, to be read only."""
        return self._static

    def lookup(self, mac: bytes, now: float) -> int | None:
        """The peer that `mac` is behind, if known."""
        peer = self._static.get(mac)
        if peer is not None:
            return peer
        entry = self._learned.get(mac)
        if entry is None:
            return None
        if entry[1] <= now:
            self._forget_learned(mac)
            return None
        return entry[0]

    def accepts_source(self, peer: int, mac: bytes, now: float) -> bool:
        """Whether `peer` may send frames from `mac`; learns it where the peer is a bridge."""
        entry = self._members.get(peer)
        if entry is None:
            return False
        if mac == entry[0]:
            return True
        if not entry[1] or is_group(mac) or mac == self._own_mac or mac in self._static:
            return False
        self._learn(peer, mac, now)
        return True

    def station_is_local(self, mac: bytes) -> None:
        """A frame from `mac` came out of our own TAP: it is behind no peer (any more)."""
        self._forget_learned(mac)

    def _learn(self, peer: int, mac: bytes, now: float) -> None:
        if mac in self._learned:
            if self._learned[mac][0] == peer:
                self._learned[mac] = (peer, now + AGE_SECONDS)
                return
            self._forget_learned(mac)
        if not self._has_room(peer):
            self._age_out(now)
            if not self._has_room(peer):
                return
        self._learned[mac] = (peer, now + AGE_SECONDS)
        self._learned_per_peer[peer] = self._learned_per_peer.get(peer, 0) + 1

    def _has_room(self, peer: int) -> bool:
        return len(self._learned) < LEARNED_LIMIT and self._learned_per_peer.get(peer, 0) < LEARNED_PER_PEER_LIMIT

    def _age_out(self, now: float) -> None:
        for mac in [mac for mac, (_, expires_at) in self._learned.items() if expires_at <= now]:
            self._forget_learned(mac)

    def _forget_learned(self, mac: bytes) -> None:
        entry = self._learned.pop(mac, None)
        if entry is not None:
            self._learned_per_peer[entry[0]] -= 1

    def _forget_learned_of(self, peer: int) -> None:
        for mac in [mac for mac, (owner, _) in self._learned.items() if owner == peer]:
            del self._learned[mac]
        self._learned_per_peer.pop(peer, None)

    def _forget_static(self, peer: int) -> None:
        entry = self._members.get(peer)
        if entry is not None and self._static.get(entry[0]) == peer:
            del self._static[entry[0]]
