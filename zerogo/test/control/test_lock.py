"""The network lock: what a controller that lies can and cannot make of a map."""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.lock import END_CONTEXT, MEMBER_CONTEXT, MemberLock, OwnerLock, is_ended, is_signed
from zerogo.control.netmap import MemberRecord, NetworkMap, SignedMap
from zerogo.ids import MacAddress, NetworkId
from zerogo.noise.identity import Identity

NETWORK = NetworkId(b"net01")
LOCK = OwnerLock(b"l" * 32)
OTHER = OwnerLock(b"o" * 32)


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rng = random.Random(7).randbytes
        self.controller = Identity.generate(self.rng)
        self.anna, self.bob, self.eve = (self.member(name) for name in ("anna", "bob", "eve"))

    def member(self, name: str, lock: OwnerLock | None = None) -> MemberRecord:
        public = Identity.generate(self.rng).public
        record = MemberRecord(
            node_id=public.node_id,
            static_public=public.static_public,
            signing_public=public.signing_public,
            name=name,
            mac=MacAddress.for_node(NETWORK, public.static_public),
        )
        return record if lock is None else self.signed(record, lock)

    def signed(self, record: MemberRecord, lock: OwnerLock = LOCK) -> MemberRecord:
        return evolve(record, lock=lock.sign_member(NETWORK, record.static_public, record.signing_public))

    def map_of(self, *members: MemberRecord, lock: bytes | None = LOCK.public, end: bytes | None = None) -> NetworkMap:
        return NetworkMap(network=NETWORK, name="home", revision=1, members=members, lock=lock, lock_end=end)

    def names(self, keeper: MemberLock, network_map: NetworkMap) -> list[str]:
        return [one.name for one in keeper.admit(network_map, self.anna.node_id).members]

    def test_only_signed_members_are_members(self) -> None:
        keeper = MemberLock(LOCK.public)
        anna, bob = self.signed(self.anna), self.signed(self.bob)
        self.assertEqual(self.names(keeper, self.map_of(anna, bob, self.eve)), ["anna", "bob"])
        self.assertEqual([one.name for one in keeper.refused], ["eve"])
        self.assertTrue(keeper.is_own_signed)

    def test_signatures_of_others_for_others_and_of_other_networks_are_worth_nothing(self) -> None:
        bob = self.signed(self.bob)
        stranger = evolve(self.eve, lock=bob.lock)
        foreign = self.signed(self.eve, OTHER)
        elsewhere = evolve(
            self.eve,
            lock=LOCK.sign_member(NetworkId(b"net02"), self.eve.static_public, self.eve.signing_public),
        )
        swapped = evolve(bob, signing_public=self.eve.signing_public)
        for record in (stranger, foreign, elsewhere, swapped, evolve(self.eve, lock=bytes(64))):
            self.assertFalse(is_signed(LOCK.public, NETWORK, record))
            self.assertEqual(self.names(MemberLock(LOCK.public), self.map_of(record)), [])

    def test_a_signature_that_was_good_once_is_looked_at_again_when_it_changes(self) -> None:
        keeper, bob = MemberLock(LOCK.public), self.signed(self.bob)
        self.assertEqual(self.names(keeper, self.map_of(bob)), ["bob"])
        self.assertEqual(self.names(keeper, self.map_of(evolve(bob, lock=bytes(64)))), [])

    def test_we_stay_in_our_own_map_and_know_that_others_refuse_us(self) -> None:
        keeper = MemberLock(LOCK.public)
        self.assertEqual(self.names(keeper, self.map_of(self.anna, self.signed(self.bob))), ["anna", "bob"])
        self.assertFalse(keeper.is_own_signed)
        self.assertEqual(keeper.refused, ())

    def test_the_first_lock_that_is_seen_is_kept_for_good(self) -> None:
        keeper = MemberLock(None)
        self.assertEqual(self.names(keeper, self.map_of(self.bob, lock=None)), ["bob"])
        self.assertIsNone(keeper.held)
        self.assertEqual(self.names(keeper, self.map_of(self.bob)), [])
        self.assertEqual(keeper.held, LOCK.public)
        for lock in (None, OTHER.public):
            self.assertEqual(self.names(keeper, self.map_of(self.signed(self.bob, OTHER), lock=lock)), [])
            self.assertEqual(keeper.held, LOCK.public)

    def test_only_the_key_ends_the_lock(self) -> None:
        keeper = MemberLock(LOCK.public)
        for end in (OTHER.sign_end(NETWORK), LOCK.sign_end(NetworkId(b"net02")), bytes(64)):
            self.assertEqual(self.names(keeper, self.map_of(self.bob, end=end)), [])
        end = LOCK.sign_end(NETWORK)
        self.assertEqual(self.names(keeper, self.map_of(self.bob, end=end)), ["bob"])
        self.assertIsNone(keeper.held)
        self.assertEqual(self.names(keeper, self.map_of(self.bob, end=end)), ["bob"])
        self.assertIsNone(keeper.held)

    def test_after_its_end_another_lock_is_taken(self) -> None:
        keeper = MemberLock(LOCK.public)
        end = LOCK.sign_end(NETWORK)
        bob = self.signed(self.bob, OTHER)
        self.assertEqual(self.names(keeper, self.map_of(bob, self.eve, lock=OTHER.public, end=end)), ["bob", "eve"])
        self.assertEqual(self.names(keeper, self.map_of(bob, self.eve, lock=OTHER.public, end=end)), ["bob"])

    def test_the_words_are_as_in_the_protocol(self) -> None:
        key = LOCK.sign_member(NETWORK, b"x" * 32, b"e" * 32)
        self.assertEqual(MEMBER_CONTEXT, b"zerogo member lock 1\0")
        self.assertEqual(END_CONTEXT, b"zerogo lock end 1\0")
        self.assertEqual((len(key), len(LOCK.public)), (64, 32))
        self.assertTrue(is_ended(LOCK.public, NETWORK, LOCK.sign_end(NETWORK)))
        for wrong in (None, b"", LOCK.sign_end(NETWORK)[:-1], LOCK.sign_end(NETWORK) + b"\0", bytes(64)):
            self.assertFalse(is_ended(LOCK.public, NETWORK, wrong))
        self.assertNotIn("6c6c", repr(LOCK))
        self.assertNotIn("llll", repr(LOCK))

    def test_a_signed_map_carries_it(self) -> None:
        signed = SignedMap.sign(self.map_of(self.signed(self.bob), self.eve, end=bytes(64)), self.controller)
        read = SignedMap.decode(signed.encode()).network_map
        self.assertEqual((read.lock, read.lock_end), (LOCK.public, bytes(64)))
        by_name = {record.name: record.lock for record in read.members}
        self.assertEqual(by_name, {"bob": self.signed(self.bob).lock, "eve": None})
