"""The network lock in whole agents: a controller that invents a member is not believed, and only the key ends it."""

from __future__ import annotations

from attrs import evolve

from zerogo.agent.commands import LocalCommands
from zerogo.agent.state_dir import StateDir
from zerogo.control.lock import OwnerLock
from zerogo.noise.fingerprint import fingerprint
from zerogo.test.agent.test_service import AgentTestCase
from zerogo.test.agent.world import NETWORK, Machine

LOCK = OwnerLock(b"l" * 32)


class LockTests(AgentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.anna, self.bob = self.pair()

    def signed(self, *machines: Machine) -> dict[bytes, object]:
        """All records, those of these machines signed."""
        names = {machine.config.name for machine in machines}
        return {
            raw: evolve(
                record,
                lock=LOCK.sign_member(NETWORK, record.static_public, record.signing_public)
                if record.name in names
                else None,
            )
            for raw, record in self.controller.members.items()
        }

    def lock(self, *machines: Machine, **changes: object) -> None:
        self.controller.change(members=self.signed(*machines), lock=LOCK.public, **changes)
        self.world.pass_time(1.0)

    def peers(self, machine: Machine) -> list[str]:
        assert machine.agent is not None
        return [peer.name for peer in LocalCommands(machine.agent).peers({})]

    def test_a_member_that_the_owner_did_not_sign_is_none(self) -> None:
        self.lock(self.anna, self.bob)
        eve = self.machine("eve", "192.0.2.13")
        eve.start(self.controller.token)
        self.world.pass_time(3.0)
        self.assertEqual((self.peers(self.anna), self.peers(eve)), (["bob"], ["anna", "bob"]))
        self.assertEqual((self.status(self.anna).connected, self.status(eve).connected), (1, 0))
        assert self.anna.agent is not None and eve.agent is not None
        report = LocalCommands(self.anna.agent).status({}).lock
        self.assertEqual((report.is_signed, report.refused), (True, ["eve"]))
        self.assertFalse(LocalCommands(eve.agent).status({}).lock.is_signed)
        self.lock(self.anna, self.bob, eve)
        self.world.until(lambda: self.are_connected(self.anna, self.bob, eve), 20)
        self.assertTrue(self.are_connected(self.anna, self.bob, eve))

    def test_a_member_that_is_signed_no_more_is_cut_off(self) -> None:
        self.lock(self.anna, self.bob)
        self.assertEqual(self.peers(self.anna), ["bob"])
        self.lock(self.anna)
        self.assertEqual(self.peers(self.anna), [])

    def test_the_lock_is_kept_on_disk_and_outlives_a_controller_that_denies_it(self) -> None:
        self.lock(self.anna, self.bob)
        self.assertEqual(StateDir(self.anna.config.state_dir).membership().lock, LOCK.public)  # type: ignore[union-attr]
        self.anna.stop()
        self.controller.change(members=self.signed(self.anna), lock=None)
        self.anna.start()
        self.world.pass_time(3.0)
        self.assertEqual(self.peers(self.anna), [])

    def test_the_key_ends_it(self) -> None:
        self.lock(self.anna)
        self.assertEqual(self.peers(self.anna), [])
        self.controller.change(lock_end=bytes(64))
        self.world.pass_time(1.0)
        self.assertEqual(self.peers(self.anna), [])
        self.controller.change(lock_end=LOCK.sign_end(NETWORK))
        self.world.pass_time(1.0)
        self.assertEqual(self.peers(self.anna), ["bob"])
        self.assertIsNone(StateDir(self.anna.config.state_dir).membership().lock)  # type: ignore[union-attr]

    def test_a_token_that_names_the_lock_is_believed_before_the_map(self) -> None:
        carol = self.machine("carol", "192.0.2.14")
        carol.start(evolve(self.controller.token, lock=LOCK.public))
        self.world.pass_time(2.0)
        self.assertEqual(self.peers(carol), [])

    def test_status_shows_the_fingerprint_that_the_owner_compares(self) -> None:
        assert self.anna.agent is not None
        record = self.controller.members[self.anna.agent.identity.node_id.raw]
        shown = LocalCommands(self.anna.agent).status({}).fingerprint
        self.assertEqual(shown, fingerprint(self.anna.agent.identity.public))
        self.assertEqual(record.static_public, self.anna.agent.identity.static_public)
