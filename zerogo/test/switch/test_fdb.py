from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.fdb import AGE_SECONDS, LEARNED_LIMIT, LEARNED_PER_PEER_LIMIT, ForwardingDatabase

OWN = b"\x02own\0\0"
MACS = [b"\x02mac\0" + bytes([number]) for number in range(6)] + [OWN, b"\xff" * 6]
PEERS = range(4)


def station(number: int) -> bytes:
    return b"\x02" + number.to_bytes(5, "big")


class SlowFdb:
    """The same table as a list of facts that is searched from one end to the other."""

    def __init__(self) -> None:
        self.members: list[tuple[int, bytes, bool]] = []
        self.learned: list[tuple[bytes, int, float]] = []

    def set_member(self, peer: int, mac: bytes, is_bridge: bool) -> None:
        places = [place for place, member in enumerate(self.members) if member[0] == peer]
        # The order of becoming known stays; who has an address is decided by the order of setting.
        if places:
            self.members[places[0]] = (peer, mac, is_bridge)
        else:
            self.members.append((peer, mac, is_bridge))
        self.setting = [one for one in getattr(self, "setting", []) if one[0] != peer]
        self.setting = [one for one in self.setting if one[1] != mac] + ([(peer, mac)] if mac != OWN else [])
        self.learned = [fact for fact in self.learned if fact[0] != mac and (is_bridge or fact[1] != peer)]

    def remove_member(self, peer: int) -> None:
        self.members = [member for member in self.members if member[0] != peer]
        self.setting = [one for one in getattr(self, "setting", []) if one[0] != peer]
        self.learned = [fact for fact in self.learned if fact[1] != peer]

    def lookup(self, mac: bytes, now: float) -> int | None:
        for peer, address in getattr(self, "setting", []):
            if address == mac:
                return peer
        for address, peer, expires_at in self.learned:
            if address == mac and expires_at > now:
                return peer
        return None

    def accepts_source(self, peer: int, mac: bytes, now: float) -> bool:
        for number, own, is_bridge in self.members:
            if number == peer:
                if own == mac:
                    return True
                is_taken = any(address == mac for _, address in getattr(self, "setting", []))
                if not is_bridge or mac[0] & 1 or mac == OWN or is_taken:
                    return False
                self.learned = [fact for fact in self.learned if fact[0] != mac]
                self.learned.append((mac, peer, now + AGE_SECONDS))
                return True
        return False


class FdbMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, the table says what the slow one says."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.fast, self.slow = ForwardingDatabase(OWN), SlowFdb()

    @rule(peer=st.sampled_from(PEERS), mac=st.sampled_from(MACS[:-1]), is_bridge=st.booleans())
    def set_member(self, peer: int, mac: bytes, is_bridge: bool) -> None:
        self.fast.set_member(peer, mac, is_bridge)
        self.slow.set_member(peer, mac, is_bridge)

    @rule(peer=st.sampled_from(PEERS))
    def remove_member(self, peer: int) -> None:
        self.fast.remove_member(peer)
        self.slow.remove_member(peer)

    @rule(peer=st.sampled_from(PEERS), mac=st.sampled_from(MACS))
    def frame_came(self, peer: int, mac: bytes) -> None:
        assert self.fast.accepts_source(peer, mac, self.now) == self.slow.accepts_source(peer, mac, self.now)

    @rule(mac=st.sampled_from(MACS))
    def station_is_local(self, mac: bytes) -> None:
        self.fast.station_is_local(mac)
        self.slow.learned = [fact for fact in self.slow.learned if fact[0] != mac]

    @rule(seconds=st.sampled_from([1.0, 100.0, 299.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def every_lookup_agrees(self) -> None:
        for mac in MACS:
            assert self.fast.lookup(mac, self.now) == self.slow.lookup(mac, self.now), mac
        assert self.fast.members() == [peer for peer, _, _ in self.slow.members]
        assert self.fast.bridges() == [peer for peer, _, is_bridge in self.slow.members if is_bridge]


FdbMachine.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)


class ModelTests(FdbMachine.TestCase, SynchronousTestCase):
    """Run by trial."""


class BoundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.fdb = ForwardingDatabase(OWN)

    def test_a_bridge_cannot_fill_the_table(self) -> None:
        self.fdb.set_member(1, MACS[0], True)
        for number in range(LEARNED_PER_PEER_LIMIT + 50):
            self.assertTrue(self.fdb.accepts_source(1, station(number), 0.0))
        known = [number for number in range(1000) if self.fdb.lookup(station(number), 1.0) is not None]
        self.assertEqual(list(range(LEARNED_PER_PEER_LIMIT)), known)

    def test_many_bridges_cannot_fill_the_table(self) -> None:
        bridges = LEARNED_LIMIT // LEARNED_PER_PEER_LIMIT + 3
        for peer in range(bridges):
            self.fdb.set_member(peer, b"\x06" + peer.to_bytes(5, "big"), True)
            for number in range(LEARNED_PER_PEER_LIMIT):
                self.fdb.accepts_source(peer, station(peer * 1000 + number), 0.0)
        total = bridges * 1000
        known = sum(self.fdb.lookup(station(number), 1.0) is not None for number in range(total))
        self.assertEqual(LEARNED_LIMIT, known)

    def test_room_comes_back_with_age(self) -> None:
        self.fdb.set_member(1, MACS[0], True)
        for number in range(LEARNED_PER_PEER_LIMIT):
            self.fdb.accepts_source(1, station(number), 0.0)
        self.fdb.accepts_source(1, station(9999), AGE_SECONDS + 1)
        self.assertEqual(1, self.fdb.lookup(station(9999), AGE_SECONDS + 2))

    def test_a_members_address_cannot_be_stolen(self) -> None:
        self.fdb.set_member(1, MACS[0], False)
        self.fdb.set_member(2, MACS[1], True)
        self.assertFalse(self.fdb.accepts_source(2, MACS[0], 0.0))
        self.assertEqual(1, self.fdb.lookup(MACS[0], 0.0))

    def test_our_own_address_cannot_be_stolen(self) -> None:
        self.fdb.set_member(2, MACS[1], True)
        self.assertFalse(self.fdb.accepts_source(2, OWN, 0.0))

    def test_a_station_that_becomes_a_member_is_the_members(self) -> None:
        self.fdb.set_member(2, MACS[1], True)
        self.fdb.accepts_source(2, MACS[3], 0.0)
        self.fdb.set_member(3, MACS[3], False)
        self.assertEqual(3, self.fdb.lookup(MACS[3], 0.0))
        self.assertFalse(self.fdb.accepts_source(2, MACS[3], 0.0))

    def test_random_churn_keeps_the_count_of_each_peer_right(self) -> None:
        generator = random.Random(7)
        for peer in range(3):
            self.fdb.set_member(peer, MACS[peer], True)
        for step in range(3000):
            self.fdb.accepts_source(generator.randrange(3), station(generator.randrange(400)), step * 0.1)
        learned = self.fdb._learned
        for peer in range(3):
            owned = sum(owner == peer for owner, _ in learned.values())
            self.assertEqual(owned, self.fdb._learned_per_peer[peer])
