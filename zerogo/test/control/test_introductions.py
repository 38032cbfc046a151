from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.coordinator_events import Elsewhere, RegistrationWanted
from zerogo.control.introductions import FELLOW_SECONDS, PUNCH_MARGIN
from zerogo.control.member import MapUpdated, MemberState, PeersGranted, PunchAt, Refused, SignalReceived
from zerogo.control.relay_access import RelayAccess, RelaySecret
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.secret import Secret
from zerogo.test.control.pair import NETWORK, Pair, Wire


def node_id(wire: Wire) -> NodeId:
    return wire.member._identity.node_id


class TwoControllersTests(SynchronousTestCase):
    """Two coordinators over one store; what is for the other one is carried by hand."""

    def setUp(self) -> None:
        access = RelayAccess([RelaySecret("r", Secret("s" * 32))], lambda: 0.0)
        self.left, self.right = Pair(access), Pair(access)
        self.right.records, self.right.changed_at = self.left.records, self.left.changed_at
        self.right.removed_at = self.left.removed_at
        self.ann, self.bob = self.left.agent("ann"), self.right.agent("bob", delay=0.02)
        self.left.connect(self.ann, "198.51.100.7")
        self.right.revision = self.left.revision
        self.right.connect(self.bob, "9.9.9.9")
        self.left.revision = self.right.revision
        for pair in (self.left, self.right):
            pair.coordinator.network_changed(NETWORK, pair.now)
            pair.advance(4.0)

    def carry(self, bus_seconds: float = 0.0) -> int:
        """All that is for members elsewhere, until there is nothing more; returns how much it was."""
        count = 0
        for _ in range(4):
            for source, target in ((self.left, self.right), (self.right, self.left)):
                source.run()
                waiting = [event for event in source.events if isinstance(event, Elsewhere)]
                source.events = [event for event in source.events if not isinstance(event, Elsewhere)]
                for event in waiting:
                    count += 1
                    target.coordinator.receive_elsewhere(event.network, event.node_id, event.content, target.now)
                target.run()
        return count

    def last(self, wire: Wire, kind: type) -> object:
        return [event for event in wire.events if isinstance(event, kind)][-1]

    def test_a_signal_reaches_a_member_at_the_other_controller(self) -> None:
        self.ann.member.signal(node_id(self.bob), b"here I am", self.left.now)
        self.carry()
        self.assertEqual(self.last(self.bob, SignalReceived), SignalReceived(node_id(self.ann), b"here I am"))

    def test_both_are_told_to_punch_at_one_moment(self) -> None:
        self.ann.member.request_punch(node_id(self.bob), self.left.now)
        self.carry()
        at_ann, at_bob = self.last(self.ann, PunchAt), self.last(self.bob, PunchAt)
        assert isinstance(at_ann, PunchAt) and isinstance(at_bob, PunchAt)
        self.assertEqual((at_ann.peer, at_bob.peer), (node_id(self.bob), node_id(self.ann)))
        moments = (FELLOW_SECONDS + self.ann.delay + at_ann.delay, self.bob.delay + at_bob.delay)
        self.assertAlmostEqual(*moments, delta=0.002)
        self.assertGreater(at_bob.delay, PUNCH_MARGIN / 2)
        self.assertLess(moments[0], FELLOW_SECONDS + self.bob.delay + 2 * PUNCH_MARGIN)

    def test_the_moment_waits_for_an_asking_member_that_is_further_away(self) -> None:
        self.bob.member.request_punch(node_id(self.ann), self.right.now)
        self.carry()
        at_ann, at_bob = self.last(self.ann, PunchAt), self.last(self.bob, PunchAt)
        assert isinstance(at_ann, PunchAt) and isinstance(at_bob, PunchAt)
        moments = (self.ann.delay + at_ann.delay, FELLOW_SECONDS + self.bob.delay + at_bob.delay)
        self.assertAlmostEqual(*moments, delta=0.002)
        self.assertGreater(at_bob.delay, PUNCH_MARGIN / 2)

    def test_grants_are_made_where_the_address_is_known(self) -> None:
        self.ann.member.request_grants(node_id(self.bob), self.left.now)
        self.carry()
        granted = self.last(self.ann, PeersGranted)
        assert isinstance(granted, PeersGranted)
        self.assertEqual([(one.peer, one.host) for one in granted.grants], [(node_id(self.bob), "9.9.9.9")])

    def test_what_is_for_a_member_that_is_nowhere_is_lost_without_an_answer(self) -> None:
        nowhere = NodeId(bytes(10))
        self.ann.member.signal(nowhere, b"x", self.left.now)
        self.ann.member.request_punch(nowhere, self.left.now)
        self.ann.member.request_grants(nowhere, self.left.now)
        before = len(self.ann.events)
        self.assertEqual(self.carry(), 3)
        self.assertEqual(len(self.ann.events), before)

    def test_a_member_that_moved_has_no_connection_left_here(self) -> None:
        self.left.coordinator.connected_elsewhere(NETWORK, node_id(self.ann), self.left.now)
        self.left.run()
        refused = self.last(self.ann, Refused)
        assert isinstance(refused, Refused)
        self.assertFalse(refused.is_final)
        self.assertEqual(self.left.coordinator.presence(NETWORK, None, self.left.now), {})

    def test_who_comes_with_a_newer_map_is_not_sent_an_older_one(self) -> None:
        self.left.revision += 5
        self.left.changed_at[node_id(self.ann)] = self.left.revision
        self.left.coordinator.network_changed(NETWORK, self.left.now)
        self.left.advance(4.0)
        self.left.disconnect(self.ann)
        held = self.ann.member.network_map
        assert held is not None
        self.right.wires.append(self.ann)
        self.right.revision = self.left.revision
        self.right.connect(self.ann)
        self.right.advance(1.0)
        self.assertIs(self.ann.member.state, MemberState.MEMBER)
        newest = self.last(self.ann, MapUpdated)
        assert isinstance(newest, MapUpdated)
        self.assertEqual(newest.network_map.revision, held.revision)

    def test_a_member_that_was_removed_elsewhere_is_asked_about_when_the_map_shows_it(self) -> None:
        self.right.remove(node_id(self.bob))
        self.right.answers = False
        self.right.coordinator.network_changed(NETWORK, self.right.now)
        self.right.advance(4.0)
        question = [event for event in self.right.events if isinstance(event, RegistrationWanted)][-1]
        self.assertEqual(question.registration.node_id, node_id(self.bob))

    def test_a_member_that_was_approved_elsewhere_is_asked_about_too(self) -> None:
        cid = self.right.agent("cid")
        self.right.answers = False
        self.right.connect(cid)
        question = [event for event in self.right.events if isinstance(event, RegistrationWanted)][-1]
        self.right.coordinator.hold(question.connection, "wait", self.right.now)
        self.right.run()
        self.assertIs(cid.member.state, MemberState.PENDING)
        self.right.add(cid)
        self.right.answers = True
        self.right.coordinator.network_changed(NETWORK, self.right.now)
        self.right.advance(4.0)
        self.assertIs(cid.member.state, MemberState.MEMBER)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200))
    def test_garbage_from_elsewhere_is_a_parse_error(self, data: bytes) -> None:
        self.assertRaises(
            ParseError, self.left.coordinator.receive_elsewhere, NETWORK, node_id(self.ann), b"\xc1" + data, 0.0
        )
