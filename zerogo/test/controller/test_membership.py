from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from zerogo.control.coordinator import Coordinator
from zerogo.control.member import MapUpdated, Member, MemberEvent, MemberState, Pending, Refused, Registered
from zerogo.control.relays import Servers
from zerogo.control.token import emit_base32
from zerogo.controller.membership import Membership
from zerogo.ids import NodeId
from zerogo.noise.identity import Identity
from zerogo.store import join_keys, members, networks
from zerogo.store.errors import StoreFault
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.values import Approval, StoredState
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, NO_RELAYS, seeded
from zerogo.test.controller.stock import PromptStore
from zerogo.test.store.stock import NOW, StoreCase


class AgentEnd:
    """A member whose WebSocket is a function call."""

    def __init__(self, case: "MembershipTests", name: str, secret: bytes | None) -> None:
        self.case = case
        self.identity = Identity.generate(seeded(name))
        self.member = Member(
            identity=self.identity, key_hash=KEY_HASH, network=case.network, name=name, rng=seeded(name)
        )
        if secret is not None:
            self.member.use_token(emit_base32(secret))
        self.events: list[MemberEvent] = []
        self.number = len(case.ends) + 1
        case.ends[self.number] = self
        self.connect()

    def connect(self) -> None:
        self.is_up = True
        self.member.connected(0.0)
        self.case.membership.connection_opened(self.number, "192.0.2.1")
        self.case.settle()


class MembershipTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.unix_now = NOW
        coordinator = Coordinator(CONTROLLER, seeded("c"), NO_RELAYS)
        store = PromptStore(self.database)
        self.membership = Membership(coordinator, store, self.clock, lambda: self.unix_now, Servers(stun=(":3478",)))
        self.membership.attach(self.send, self.close)
        self.addCleanup(self.membership.stop)
        self.ends: dict[int, AgentEnd] = {}
        self.inbox: list[tuple[AgentEnd, bytes]] = []

    def send(self, number: int, data: bytes) -> None:
        self.inbox.append((self.ends[number], data))

    def close(self, number: int, reason: str, is_abrupt: bool) -> None:
        self.settle_inbox()
        self.ends[number].is_up = False
        self.membership.connection_closed(number)

    def settle_inbox(self) -> None:
        while self.inbox:
            end, data = self.inbox.pop(0)
            end.member.receive_message(data, 0.0)
            end.events.extend(end.member.events())

    def settle(self) -> None:
        for _ in range(20):
            self.settle_inbox()
            for end in list(self.ends.values()):
                for frame in list(end.member.outgoing()):
                    self.membership.message_received(end.number, frame)

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.1)):
            self.clock.advance(0.1)
            self.settle()

    def test_an_agent_joins_with_a_token_and_holds_the_map(self) -> None:
        end = AgentEnd(self, "ann", self.invite())
        kinds = [type(event) for event in end.events]
        self.assertEqual(kinds, [Registered, MapUpdated])
        updated = end.events[1]
        assert isinstance(updated, MapUpdated)
        self.assertEqual(updated.network_map.stun_servers, (":3478",))
        self.assertEqual(updated.psk, self.database.read(networks.find_network, self.network).psk)
        self.assertIn(end.identity.node_id, self.membership.presence(self.network))

    def test_a_bad_token_is_refused_with_its_reason(self) -> None:
        end = AgentEnd(self, "ann", bytes(20))
        refused = end.events[0]
        assert isinstance(refused, Refused)
        self.assertEqual((refused.code, refused.is_final), ("token-unknown", True))

    def test_approval_reaches_the_waiting_agent_at_once(self) -> None:
        end = AgentEnd(self, "ann", self.invite(approval=Approval.MANUAL))
        self.assertIsInstance(end.events[0], Pending)
        node_id = end.identity.node_id
        self.database.write(members.approve_member, self.network, node_id, "t", NOW)
        self.membership.decided(self.network, node_id)
        self.settle()
        self.assertIs(end.member.state, MemberState.MEMBER)

    def test_a_blocked_member_is_cut_off_within_a_second_and_let_in_again_as_it_was(self) -> None:
        ann, bob = AgentEnd(self, "ann", self.invite()), AgentEnd(self, "bob", self.invite())
        self.advance(1.0)
        node_id = bob.identity.node_id
        before = self.database.read(members.find_member, self.network, node_id)
        self.change(node_id, StoredState.BLOCKED)
        self.assertIs(bob.member.state, MemberState.PENDING)
        self.assertIsInstance(bob.events[-1], Pending)
        self.assertNotIn(node_id, self.known_to(ann))
        self.assertTrue(bob.is_up)
        bob.member.leave(0.0)
        self.settle()
        self.assertIs(self.database.read(members.find_member, self.network, node_id).state, StoredState.BLOCKED)
        self.change(node_id, StoredState.APPROVED)
        after = self.database.read(members.find_member, self.network, node_id)
        self.assertEqual((after.name, after.addresses, after.mac), (before.name, before.addresses, before.mac))
        self.assertIn(node_id, self.known_to(ann))

    def change(self, node_id: NodeId, state: StoredState) -> None:
        self.database.write(members.change_member, self.network, node_id, {"state": state}, "t", NOW)
        self.membership.decided(self.network, node_id)
        self.advance(1.0)

    def known_to(self, end: AgentEnd) -> set[NodeId]:
        updates = [event for event in end.events if isinstance(event, MapUpdated)]
        return {member.node_id for member in updates[-1].network_map.members}

    def test_an_ephemeral_member_is_forgotten_when_it_was_away_for_long_and_not_while_here(self) -> None:
        new = NewJoinKey(network=self.network, uses=2, is_ephemeral=True)
        secret = self.database.write(join_keys.create_join_key, new, "t", self.rng, NOW)[1]
        here, away = AgentEnd(self, "here", secret), AgentEnd(self, "away", secret)
        self.membership.connection_closed(away.number)
        self.unix_now = NOW + 700
        self.successResultOf(ensureDeferred(self.membership.store_seen()))
        self.clock.advance(600.0)
        self.unix_now = NOW + 1301
        self.successResultOf(ensureDeferred(self.membership.store_seen()))
        found = self.database.read(members.list_members, self.network)
        self.assertEqual([member.node_id for member in found], [here.identity.node_id])

    def test_a_removed_member_is_told_why_and_the_others_forget_it_within_a_second(self) -> None:
        ann, bob = AgentEnd(self, "ann", self.invite()), AgentEnd(self, "bob", self.invite())
        self.advance(1.0)
        self.database.write(members.remove_member, self.network, bob.identity.node_id, "t", NOW)
        self.membership.decided(self.network, bob.identity.node_id)
        self.advance(1.0)
        refused = bob.events[-1]
        assert isinstance(refused, Refused)
        self.assertEqual(refused.code, "removed")
        self.assertEqual([record.name for record in ann.member.network_map.members], ["ann"])  # type: ignore

    def test_a_machine_that_was_denied_cannot_leave_and_come_back(self) -> None:
        secret = self.invite(uses=2)
        bob = AgentEnd(self, "bob", secret)
        node_id = bob.identity.node_id
        self.database.write(members.deny_member, self.network, node_id, "tester", NOW)
        bob.member.leave(0.0)
        self.settle()
        self.assertEqual(self.database.read(members.list_members, self.network)[0].state, StoredState.DENIED)
        self.assertEqual(bob.member.state, MemberState.REFUSED)

    def test_a_database_that_fails_is_no_bug_when_capabilities_change(self) -> None:
        bob = AgentEnd(self, "bob", self.invite())

        def fails(*arguments: object) -> None:
            raise StoreFault("the disk is full")

        self.patch(members, "set_published", fails)
        self.patch(members, "leave", fails)
        bob.member.publish(["relay"], [], 0.0)
        bob.member.leave(0.0)
        self.settle()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(bob.member.state, MemberState.MEMBER)

    def test_a_member_that_leaves_is_removed(self) -> None:
        ann, bob = AgentEnd(self, "ann", self.invite()), AgentEnd(self, "bob", self.invite())
        bob.member.leave(0.0)
        self.advance(1.0)
        self.assertEqual([one.name for one in self.database.read(members.list_members, self.network)], ["ann"])
        self.assertEqual([record.name for record in ann.member.network_map.members], ["ann"])  # type: ignore

    def test_capabilities_are_stored_and_published(self) -> None:
        ann, bob = AgentEnd(self, "ann", self.invite()), AgentEnd(self, "bob", self.invite())
        bob.member.publish(["aes"], [], 0.0)
        self.advance(1.0)
        record = ann.member.network_map.member(bob.identity.node_id)  # type: ignore[union-attr]
        assert record is not None
        self.assertEqual(record.capabilities, ("aes",))

    def test_a_broken_store_asks_the_agent_to_try_again(self) -> None:
        def fail(*_: object) -> None:
            raise StoreFault("disk full")

        self.patch(self.database, "read", fail)
        end = AgentEnd(self, "ann", bytes(20))
        refused = end.events[0]
        assert isinstance(refused, Refused)
        self.assertEqual((refused.code, refused.is_final), ("unavailable", False))
        self.assertNotIn("disk", refused.sentence)

    def test_a_deleted_network_turns_its_members_away(self) -> None:
        end = AgentEnd(self, "ann", self.invite())
        self.database.write(networks.delete_network, self.network, "t", NOW)
        self.membership.network_deleted(self.network)
        self.settle()
        refused = end.events[-1]
        assert isinstance(refused, Refused)
        self.assertEqual(refused.code, "network-unknown")

    def test_who_was_seen_is_written(self) -> None:
        end = AgentEnd(self, "ann", self.invite())
        self.database.write(members.touch_members, [(self.network, end.identity.node_id)], NOW - 9999)
        self.successResultOf(ensureDeferred(self.membership.store_seen()))
        self.assertEqual(self.database.read(members.list_members, self.network)[0].last_seen_at, NOW)
