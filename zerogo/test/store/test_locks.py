"""Locks as they are stored: checked, shown in the map, and gone with their network."""

from __future__ import annotations

from zerogo.control.connection import Registration
from zerogo.control.lock import OwnerLock
from zerogo.control.netmap import NetworkMap
from zerogo.store import locks, networks
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.members import find_member
from zerogo.test.store.stock import NOW, StoreCase

LOCK, OTHER = OwnerLock(b"l" * 32), OwnerLock(b"o" * 32)


class LockTests(StoreCase):
    def shown(self) -> NetworkMap:
        return self.view().network_map

    def revision(self) -> int:
        return self.database.read(networks.find_network, self.network).revision

    def member(self) -> Registration:
        agent = self.agent(self.invite())
        self.register(agent)
        return agent

    def sign(self, agent: Registration, lock: OwnerLock = LOCK) -> bytes:
        found = self.database.read(find_member, self.network, agent.node_id)
        signature = lock.sign_member(self.network, found.static_public, found.signing_public)
        self.keep(agent, lock, signature)
        return signature

    def keep(self, agent: Registration, lock: OwnerLock, signature: bytes) -> None:
        self.database.write(locks.sign_member, self.network, agent.node_id, lock.public, signature, "tester", NOW)

    def set(self, lock: OwnerLock) -> None:
        self.database.write(locks.set_lock, self.network, lock.public, "tester", NOW)

    def end(self, end: bytes) -> None:
        self.database.write(locks.end_lock, self.network, end, "tester", NOW)

    def test_the_map_shows_the_lock_and_what_it_signed(self) -> None:
        agent, other = self.member(), self.member()
        signature = self.sign(agent)
        before = self.revision()
        self.set(LOCK)
        self.assertEqual(self.revision(), before + 1)
        shown = self.shown()
        self.assertEqual((shown.lock, shown.lock_end), (LOCK.public, None))
        self.assertEqual(
            {one.node_id: one.lock for one in shown.members}, {agent.node_id: signature, other.node_id: None}
        )

    def test_a_signature_is_news_of_its_member(self) -> None:
        agent = self.member()
        self.sign(agent)
        view = self.view()
        self.assertEqual(view.changed_at[agent.node_id], view.network_map.revision)

    def test_a_slip_is_told_at_once(self) -> None:
        agent, other = self.member(), self.member()
        good = self.sign(other)
        for signature in (good, bytes(64)):
            self.assertRaises(Conflict, self.keep, agent, LOCK, signature)
        self.assertIsNone(next(one.lock for one in self.shown().members if one.node_id == agent.node_id))
        self.set(LOCK)
        self.assertRaises(Conflict, self.sign, agent, OTHER)
        self.assertRaises(Conflict, self.set, OTHER)
        self.set(LOCK)

    def test_the_end_is_the_locks_own_word(self) -> None:
        self.set(LOCK)
        for end in (bytes(64), OTHER.sign_end(self.network)):
            self.assertRaises(Conflict, self.end, end)
        word = LOCK.sign_end(self.network)
        self.end(word)
        self.assertEqual((self.shown().lock, self.shown().lock_end), (LOCK.public, word))
        self.assertRaises(Conflict, self.set, LOCK)
        self.set(OTHER)
        self.assertEqual((self.shown().lock, self.shown().lock_end), (OTHER.public, word))
        self.assertTrue(self.database.read(locks.find_lock, self.network).is_in_force(self.network))

    def test_it_goes_with_its_network(self) -> None:
        agent = self.member()
        self.sign(agent)
        self.set(LOCK)
        self.database.write(networks.delete_network, self.network, "tester", NOW)
        self.assertRaises(NotFound, self.database.read, locks.find_lock, self.network)
        self.assertEqual(self.database.read(locks.signatures, self.network), {})
