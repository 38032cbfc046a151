from attrs import evolve

from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.store import members, networks
from zerogo.store.errors import Conflict, JoinRefused, NotFound
from zerogo.store.registrations import Held
from zerogo.store.values import Approval, StoredMember, StoredState
from zerogo.test.store.stock import NOW, StoreCase


class RegistrationTests(StoreCase):
    def members(self) -> list[StoredMember]:
        return self.database.read(members.list_members, self.network)

    def test_a_known_member_costs_no_write(self) -> None:
        agent = self.join()
        before = self.revision()
        self.assertIsInstance(self.recognise(agent), Admission)
        self.assertEqual(self.revision(), before)

    def test_a_stranger_without_a_good_token_costs_no_write(self) -> None:
        for secret in (None, bytes(20)):
            self.assertRaises(JoinRefused, self.recognise, self.agent(secret))

    def test_names_are_made_harmless_and_unique(self) -> None:
        for name in ("Büro PC.lan", "Büro PC", "büro-pc", "", "\x1b[2J", "-rf", "x" * 200):
            self.join(name) if len(self.members()) < 6 else None
        names = [member.name for member in self.members()]
        self.assertEqual(len({networks.name_key(name) for name in names}), len(names))
        self.assertIn("Büro-PC", names)
        self.assertIn("node", names)
        self.assertTrue(all("\x1b" not in name and name[0] != "-" for name in names))

    def test_another_signing_key_is_refused(self) -> None:
        agent = self.join()
        other = evolve(agent, signing_public=Identity.generate(self.rng).signing_public)
        error = self.assertRaises(JoinRefused, self.register, other)
        self.assertEqual(error.reason, RefusalCode.BINDING_INVALID)

    def test_an_unknown_network_is_refused(self) -> None:
        error = self.assertRaises(JoinRefused, self.register, evolve(self.agent(), network=NetworkId(b"other")))
        self.assertEqual(error.reason, RefusalCode.NETWORK_UNKNOWN)

    def test_new_capabilities_raise_the_revision_and_the_same_do_not(self) -> None:
        agent = self.join()
        before = self.revision()
        self.register(evolve(agent, capabilities=("aes", "relay", "two words")))
        self.assertEqual(self.members()[0].capabilities, ("aes", "relay"))
        self.assertEqual(self.revision(), before + 1)
        self.database.write(members.set_published, self.network, agent.node_id, ("aes", "relay"), ())
        self.assertEqual(self.revision(), before + 1)


class ApprovalTests(StoreCase):
    def waiting(self) -> StoredMember:
        self.assertIsInstance(self.register(self.agent(self.invite(approval=Approval.MANUAL))), Held)
        return self.database.read(members.list_members, self.network)[0]

    def test_a_machine_that_waits_has_no_address_and_is_in_no_map(self) -> None:
        found = self.waiting()
        self.assertEqual((found.state, found.addresses), (StoredState.PENDING, ()))
        self.assertEqual(self.view().network_map.members, ())

    def test_an_approved_machine_is_in_the_map(self) -> None:
        found = self.waiting()
        approved = self.database.write(members.approve_member, self.network, found.node_id, "t", NOW)
        self.assertEqual((approved.state, len(approved.addresses)), (StoredState.APPROVED, 2))
        view = self.view()
        self.assertEqual([record.node_id for record in view.network_map.members], [found.node_id])
        self.assertEqual(view.changed_at, {found.node_id: view.network_map.revision})

    def test_the_network_can_demand_approval_whatever_the_token_says(self) -> None:
        self.network = self.make_network("strict", approval=Approval.MANUAL).network
        self.assertIsInstance(self.register(self.agent(self.invite())), Held)

    def test_a_machine_that_waits_may_come_again_with_a_better_token(self) -> None:
        agent = self.agent(self.invite(approval=Approval.MANUAL))
        self.assertIsInstance(self.register(agent), Held)
        self.assertIsInstance(self.register(agent), Held)
        self.assertIsInstance(self.register(evolve(agent, secret=self.invite())), Admission)

    def test_a_denied_machine_stays_out_with_any_token(self) -> None:
        agent = self.join()
        self.database.write(members.deny_member, self.network, agent.node_id, "t", NOW)
        for secret in (None, self.invite()):
            error = self.assertRaises(JoinRefused, self.register, evolve(agent, secret=secret))
            self.assertEqual(error.reason, RefusalCode.DENIED)
        view = self.view()
        self.assertEqual((view.network_map.members, set(view.removed_at)), ((), {agent.node_id}))

    def test_a_removed_machine_is_told_and_may_come_back(self) -> None:
        agent = self.join()
        self.database.write(members.remove_member, self.network, agent.node_id, "t", NOW)
        error = self.assertRaises(JoinRefused, self.register, agent)
        self.assertEqual(error.reason, RefusalCode.REMOVED)
        self.assertIsInstance(self.register(evolve(agent, secret=self.invite())), Admission)
        self.assertEqual(self.view().removed_at, {})

    def test_deny_then_approve_brings_it_back(self) -> None:
        agent = self.join()
        self.database.write(members.deny_member, self.network, agent.node_id, "t", NOW)
        self.database.write(members.approve_member, self.network, agent.node_id, "t", NOW)
        self.assertIsInstance(self.register(agent), Admission)


class ChangeTests(StoreCase):
    def test_a_rename_raises_the_revision_and_two_of_one_name_conflict(self) -> None:
        ann, bob = self.join("ann"), self.join("bob")
        before = self.revision()
        self.database.write(members.change_member, self.network, ann.node_id, {"name": "Anna"}, "t", NOW)
        self.assertEqual(self.revision(), before + 1)
        change = members.change_member
        self.assertRaises(Conflict, self.database.write, change, self.network, bob.node_id, {"name": "ANNA"}, "t", NOW)
        self.assertRaises(ParseError, self.database.write, change, self.network, bob.node_id, {"name": "a b"}, "t", NOW)

    def test_a_bridge_is_in_the_map_as_one(self) -> None:
        ann = self.join("ann")
        self.database.write(members.change_member, self.network, ann.node_id, {"is_bridge": True}, "t", NOW)
        view = self.view()
        self.assertTrue(view.network_map.members[0].is_bridge)

    def test_who_was_seen_is_stored_without_raising_the_revision(self) -> None:
        ann = self.join("ann")
        before = self.revision()
        self.database.write(members.touch_members, [(self.network, ann.node_id)], NOW + 500)
        self.assertEqual(self.database.read(members.list_members, self.network)[0].last_seen_at, NOW + 500)
        self.assertEqual(self.revision(), before)

    def test_an_unknown_member_is_not_found(self) -> None:
        node_id = self.agent().node_id
        for unit in (members.approve_member, members.deny_member, members.remove_member):
            self.assertRaises(NotFound, self.database.write, unit, self.network, node_id, "t", NOW)
