import struct

from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.arrivals import ARRIVALS_BURST, UNPROVEN_PER_SOURCE_LIMIT
from zerogo.control.connection import (
    FLOWS_BURST,
    PUBLISHES_BURST,
    REPORTS_BURST,
    SIGNALS_BURST,
    ConnectionState,
    origin_of,
)
from zerogo.control.coordinator import UNPROVEN_SECONDS, Coordinator
from zerogo.control.coordinator_events import (
    CapabilitiesChanged,
    CloseWanted,
    FlowsReported,
    LeaveWanted,
    LinksReported,
    MapWanted,
    MemberConnected,
    MemberDisconnected,
    RegistrationWanted,
)
from zerogo.control.member import MapUpdated, MemberState, PunchAt, Refused, Registered, SignalReceived
from zerogo.control.messages import (
    AgentFacts,
    FlowRow,
    FlowsReport,
    LinkReport,
    LinkSample,
    LinksReport,
    Ping,
    RefusalCode,
    emit_message,
)
from zerogo.mesh.search import START_ALONE_SECONDS
from zerogo.test.control.pair import CONTROLLER, NETWORK, NO_RELAYS, Pair, Wire, seeded

PRESENCE = (MemberConnected, MemberDisconnected)


class CoordinatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()

    def joined(self, *names: str) -> list[Wire]:
        wires = [self.pair.agent(name) for name in names]
        for wire in wires:
            self.pair.connect(wire)
        self.pair.advance(1.0)
        return wires

    def told(self, wire: Wire, kind: type) -> list[object]:
        return [event for event in wire.events if isinstance(event, kind)]

    def events(self, kind: type) -> list[object]:
        return [event for event in self.pair.events if isinstance(event, kind)]

    def names(self, wire: Wire) -> list[str]:
        network_map = wire.member.network_map
        assert network_map is not None
        return sorted(record.name for record in network_map.members)

    def test_every_member_learns_of_every_other(self) -> None:
        wires = self.joined("ann", "bob", "cid")
        self.assertEqual([self.names(wire) for wire in wires], [["ann", "bob", "cid"]] * 3)
        self.assertEqual(len(self.pair.coordinator.presence(NETWORK, None, self.pair.now)), 3)
        self.assertEqual(len(self.events(MemberConnected)), 3)

    def test_the_first_change_after_quiet_is_pushed_at_once(self) -> None:
        ann, _ = self.joined("ann", "bob")
        self.pair.advance(5.0)
        before = len(ann.events)
        self.pair.connect(self.pair.agent("cid"))
        self.assertEqual(len(self.told(ann, MapUpdated)), len(ann.events) - 1)
        self.assertEqual(len(ann.events), before + 1)

    def test_a_burst_of_changes_is_pushed_together(self) -> None:
        (ann,) = self.joined("ann")
        self.pair.advance(5.0)
        maps = len(self.events(MapWanted))
        for number in range(20):
            self.pair.connect(self.pair.agent(f"node-{number}"))
        self.pair.advance(1.0)
        self.assertLessEqual(len(self.events(MapWanted)) - maps, 3)
        self.assertEqual(len(self.names(ann)), 21)

    def test_a_removed_member_is_told_and_the_others_forget_it_within_a_second(self) -> None:
        ann, bob = self.joined("ann", "bob")
        node_id = bob.member._identity.node_id
        self.pair.remove(node_id)
        self.pair.answers = False
        self.pair.coordinator.reconsider(NETWORK, node_id, self.pair.now)
        self.pair.coordinator.network_changed(NETWORK, self.pair.now)
        self.pair.run()
        question = self.events(RegistrationWanted)[-1]
        assert isinstance(question, RegistrationWanted)
        self.assertIsNone(question.registration.secret)
        self.pair.coordinator.refuse(question.connection, RefusalCode.REMOVED, "removed", self.pair.now)
        self.pair.advance(0.9)
        self.assertEqual(bob.events[-1], Refused("removed", "removed", True))
        self.assertFalse(bob.is_up)
        self.assertEqual(self.names(ann), ["ann"])
        self.assertEqual(len(self.events(MemberDisconnected)), 1)

    def test_a_returning_member_gets_a_delta(self) -> None:
        ann, _, _ = self.joined("ann", "bob", "cid")
        self.pair.disconnect(ann)
        self.pair.connect(self.pair.agent("dan"))
        self.pair.advance(1.0)
        sent: list[int] = []
        receive = ann.member.receive_message
        ann.member.receive_message = lambda data, now: (sent.append(len(data)), receive(data, now))  # type: ignore
        self.pair.connect(ann)
        self.assertEqual(self.names(ann), ["ann", "bob", "cid", "dan"])
        whole = len(self.pair.coordinator._pushes._publications[NETWORK].signed.encode())
        self.assertLess(max(sent), whole)

    def test_signals_reach_a_present_member_of_the_same_network(self) -> None:
        ann, bob = self.joined("ann", "bob")
        self.assertTrue(ann.member.signal(bob.member._identity.node_id, b"hello", self.pair.now))
        self.pair.run()
        self.assertEqual(bob.events[-1], SignalReceived(ann.member._identity.node_id, b"hello"))
        self.pair.disconnect(bob)
        ann.member.signal(bob.member._identity.node_id, b"hello", self.pair.now)
        self.pair.run()
        self.assertEqual(len(self.told(bob, SignalReceived)), 1)

    def test_a_flood_of_signals_is_cut_and_the_member_stays(self) -> None:
        ann, bob = self.joined("ann", "bob")
        for _ in range(3000):
            ann.member.signal(bob.member._identity.node_id, b"x", self.pair.now)
            self.pair.run()
        self.assertEqual(len(self.told(bob, SignalReceived)), SIGNALS_BURST)
        self.assertIs(ann.member.state, MemberState.MEMBER)

    def test_a_flood_of_messages_ends_the_connection(self) -> None:
        ann, _ = self.joined("ann", "bob")
        for _ in range(5000):
            ann.member.report(LinksReport(), self.pair.now)
        self.pair.run()
        self.assertEqual(ann.events[-1], Refused("too-many", "you send too many messages", False))

    def test_pieces_that_never_make_a_message_are_counted_too(self) -> None:
        ann, _ = self.joined("ann", "bob")
        channel = ann.member._channel
        assert channel is not None and channel._seal is not None
        for _ in range(5000):
            channel._outgoing.append(channel._seal.encrypt(struct.pack("<4xQ", channel._sent), b"\x01x", None))
            channel._sent += 1
        self.pair.run()
        self.assertEqual(ann.events[-1], Refused("too-many", "you send too many messages", False))

    def test_capabilities_that_change_all_the_time_end_the_connection(self) -> None:
        (ann,) = self.joined("ann")
        for number in range(50):
            ann.member.publish([f"a{number}"], [], self.pair.now)
        self.pair.run()
        self.assertEqual(len(self.events(CapabilitiesChanged)), PUBLISHES_BURST)
        self.assertEqual(ann.events[-1], Refused("too-many", "you change your capabilities too often", False))

    def test_of_a_flood_of_reports_only_some_are_looked_at(self) -> None:
        (ann,) = self.joined("ann")
        node_id = ann.member._identity.node_id
        for number in range(100):
            ann.member.report(LinksReport(samples=[LinkSample(bytes(10), float(number))]), self.pair.now)
        self.pair.run()
        told = self.events(LinksReported)
        self.assertEqual((len(told), told[-1].node_id), (REPORTS_BURST, node_id))
        self.assertIs(ann.member.state, MemberState.MEMBER)

    def test_what_members_decide_is_passed_on_and_not_too_often(self) -> None:
        self.pair.flow_log = True
        (ann,) = self.joined("ann")
        report = FlowsReport(60.0, [FlowRow(bytes(10), True, 6, 443, 1, 0)])
        for _ in range(50):
            ann.member.report(report, self.pair.now)
        self.pair.run()
        told = FlowsReported(NETWORK, ann.member._identity.node_id, report)
        self.assertEqual([told] * int(FLOWS_BURST), self.events(FlowsReported))
        self.assertIs(ann.member.state, MemberState.MEMBER)

    def test_what_members_decide_is_ignored_where_no_log_is_kept(self) -> None:
        (ann,) = self.joined("ann")
        ann.member.report(FlowsReport(60.0, [FlowRow(bytes(10), True, 6, 443, 1, 0)]), self.pair.now)
        self.pair.run()
        self.assertEqual([], self.events(FlowsReported))
        self.assertIs(ann.member.state, MemberState.MEMBER)

    def test_a_node_that_waits_has_one_connection(self) -> None:
        self.pair.answers = False
        twins = [self.pair.agent("ann") for _ in range(5)]
        for twin in twins:
            self.pair.connect(twin)
            self.pair.coordinator.hold(twin.number, "wait", self.pair.now)
            self.pair.run()
        self.assertEqual([twin.is_up for twin in twins], [False] * 4 + [True])

    def test_no_punch_is_sent_to_who_does_not_read(self) -> None:
        ann, bob = self.joined("ann", "bob")
        self.pair.coordinator.set_congested(bob.number, True, self.pair.now)
        ann.member.request_punch(bob.member._identity.node_id, self.pair.now)
        self.pair.run()
        self.assertEqual(self.told(ann, PunchAt) + self.told(bob, PunchAt), [])

    def test_a_punch_falls_on_the_same_moment_at_both_ends(self) -> None:
        near, far = self.pair.agent("near", delay=0.005), self.pair.agent("far", delay=0.100)
        for wire in (near, far):
            self.pair.connect(wire)
        self.pair.advance(4.0)
        near.member.request_punch(far.member._identity.node_id, self.pair.now)
        self.pair.run()
        at_near, at_far = near.events[-1], far.events[-1]
        assert isinstance(at_near, PunchAt) and isinstance(at_far, PunchAt)
        self.assertEqual((at_near.peer, at_far.peer), (far.member._identity.node_id, near.member._identity.node_id))
        self.assertAlmostEqual(near.delay + at_near.delay, far.delay + at_far.delay, delta=0.002)
        self.assertGreaterEqual(min(at_near.delay, at_far.delay), 0.01)

    def test_the_first_punch_is_timed_by_the_handshake(self) -> None:
        near, far = self.pair.agent("near", delay=0.005), self.pair.agent("far", delay=0.100)
        self.pair.answers = False
        for wire in (near, far):
            self.pair.connect(wire)
            wire.delay *= 3  # As one that is busy with its first map answers the first ping.
        for event in self.events(RegistrationWanted):
            assert isinstance(event, RegistrationWanted)
            self.pair.admit(event)
        self.pair.run()
        near.member.request_punch(far.member._identity.node_id, self.pair.now)
        self.pair.run()
        at_near, at_far = near.events[-1], far.events[-1]
        assert isinstance(at_near, PunchAt) and isinstance(at_far, PunchAt)
        self.assertAlmostEqual(0.005 + at_near.delay, 0.100 + at_far.delay, delta=0.002)

    def test_who_answers_late_has_nobody_wait_longer_than_without_a_word(self) -> None:
        near, slow = self.pair.agent("near"), self.pair.agent("slow", delay=9.0)
        for wire in (near, slow):
            self.pair.connect(wire)
        slow.member.request_punch(near.member._identity.node_id, self.pair.now)
        self.pair.run()
        told = near.events[-1]
        assert isinstance(told, PunchAt)
        self.assertLess(told.delay, START_ALONE_SECONDS)

    def test_a_congested_member_is_left_out_and_gets_one_delta_later(self) -> None:
        ann, _ = self.joined("ann", "bob")
        before = len(ann.events)
        self.pair.coordinator.set_congested(ann.number, True, self.pair.now)
        for name in ("cid", "dan"):
            self.pair.connect(self.pair.agent(name))
            self.pair.advance(1.0)
        self.assertEqual(len(ann.events), before)
        self.pair.coordinator.set_congested(ann.number, False, self.pair.now)
        self.pair.run()
        self.assertEqual(len(ann.events), before + 1)
        self.assertEqual(self.names(ann), ["ann", "bob", "cid", "dan"])

    def test_a_second_connection_of_a_node_ends_the_first(self) -> None:
        (ann,) = self.joined("ann")
        twin = self.pair.agent("ann")
        self.pair.connect(twin)
        self.assertFalse(ann.is_up)
        refused = ann.events[-1]
        assert isinstance(refused, Refused)
        self.assertEqual((refused.code, refused.is_final), ("replaced", False))
        self.assertTrue(twin.is_up)
        self.assertEqual(len(self.pair.coordinator.presence(NETWORK, None, self.pair.now)), 1)

    def test_a_connection_that_was_opened_first_and_registers_last_ends_the_other(self) -> None:
        slow = self.pair.agent("ann")
        self.pair.open(slow)
        ((_, greeting),) = self.pair.coordinator.outgoing()
        (fast,) = self.joined("ann")
        slow.member.connected(self.pair.now)
        slow.member.receive_message(greeting, self.pair.now)
        self.pair.run()
        self.assertEqual((slow.is_up, fast.is_up), (True, False))
        came_and_went = [type(event) for event in self.pair.events if isinstance(event, PRESENCE)]
        self.assertEqual(came_and_went, [MemberConnected, MemberDisconnected, MemberConnected])

    def test_what_is_decided_while_the_store_is_asked_makes_its_answer_void(self) -> None:
        self.pair.answers = False
        ann = self.pair.agent("ann")
        self.pair.connect(ann)
        first = self.events(RegistrationWanted)[0]
        assert isinstance(first, RegistrationWanted)
        self.pair.coordinator.reconsider(NETWORK, first.registration.node_id, self.pair.now)
        self.pair.admit(first)
        self.pair.run()
        self.assertEqual(ann.events, [])
        second = self.events(RegistrationWanted)[1]
        assert isinstance(second, RegistrationWanted)
        self.pair.coordinator.refuse(second.connection, RefusalCode.DENIED, "denied", self.pair.now)
        self.pair.run()
        self.assertEqual(ann.events, [Refused("denied", "denied", True)])

    def test_leave_and_capabilities_are_passed_on(self) -> None:
        (ann,) = self.joined("ann")
        node_id = ann.member._identity.node_id
        ann.member.publish(["aes", "relay"], ["192.168.7.0/24", "127.0.0.0/8"], self.pair.now)
        ann.member.leave(self.pair.now)
        self.pair.run()
        said = CapabilitiesChanged(NETWORK, node_id, ("aes", "relay"), ("192.168.7.0/24",))
        self.assertEqual(self.events(CapabilitiesChanged), [said])
        self.assertEqual(self.events(LeaveWanted), [LeaveWanted(NETWORK, node_id)])

    def test_the_round_trip_is_shown_and_links_are_passed_on(self) -> None:
        ann = self.pair.agent("ann", delay=0.02)
        self.pair.connect(ann)
        facts = AgentFacts("native")
        report = LinksReport(is_whole=True, links=[LinkReport(bytes(10), "direct")], about=facts)
        ann.member.report(report, self.pair.now)
        ann.member.report(LinksReport(), self.pair.now)
        self.pair.advance(1.0)
        presence = self.pair.coordinator.presence(NETWORK, None, self.pair.now)[ann.member._identity.node_id]
        told = [LinksReported(NETWORK, ann.member._identity.node_id, each) for each in (report, LinksReport())]
        self.assertEqual((self.events(LinksReported), presence.facts), (told, facts))
        self.assertAlmostEqual(presence.rtt or 0.0, 0.04, delta=0.001)
        self.assertEqual(presence.source, "192.0.2.1")

    def test_a_member_that_stops_answering_is_absent_after_a_minute(self) -> None:
        (ann,) = self.joined("ann")
        ann.member.receive_message = lambda data, now: None  # type: ignore[method-assign]
        self.pair.advance(85.0)
        self.assertEqual(self.pair.coordinator.presence(NETWORK, None, self.pair.now), {})
        self.assertIn("fell silent", [e.reason for e in self.pair.events if isinstance(e, CloseWanted)])

    def test_a_second_registration_on_one_connection_ends_it(self) -> None:
        (ann,) = self.joined("ann")
        channel = ann.member._channel
        assert channel is not None
        ann.member._register(channel)
        self.pair.run()
        self.assertFalse(ann.is_up)

    def test_a_deleted_network_turns_its_members_away(self) -> None:
        ann, bob = self.joined("ann", "bob")
        self.pair.coordinator.network_removed(NETWORK, "deleted", self.pair.now)
        self.pair.run()
        for wire in (ann, bob):
            self.assertEqual(wire.events[-1], Refused("network-unknown", "deleted", True))

    def test_a_map_that_could_not_be_read_is_asked_for_again(self) -> None:
        coordinator = Coordinator(CONTROLLER, seeded("c"), NO_RELAYS)
        coordinator.network_changed(NETWORK, 0.0)
        self.assertEqual(list(coordinator.events()), [MapWanted(NETWORK)])
        coordinator.map_failed(NETWORK, 0.0)
        self.assertEqual(coordinator.next_timer().at, 1.0)  # type: ignore[union-attr]
        coordinator.handle_timer(1.0)
        self.assertEqual(list(coordinator.events()), [MapWanted(NETWORK)])

    def test_a_rename_is_told_to_the_member_itself(self) -> None:
        (ann,) = self.joined("ann")
        self.pair.coordinator.reconsider(NETWORK, ann.member._identity.node_id, self.pair.now)
        self.pair.run()
        self.assertEqual(len(self.told(ann, Registered)), 2)


class StrangerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.coordinator = Coordinator(CONTROLLER, seeded("c"), NO_RELAYS)

    def closed(self) -> list[int]:
        return [output.connection for output in self.coordinator.outgoing() if isinstance(output, CloseWanted)]

    def test_strangers_are_limited_per_source_and_others_are_not_kept_out(self) -> None:
        for number in range(1, UNPROVEN_PER_SOURCE_LIMIT + 3):
            self.coordinator.connection_opened(number, "192.0.2.9", 0.0)
        self.assertEqual(self.closed(), [UNPROVEN_PER_SOURCE_LIMIT + 1, UNPROVEN_PER_SOURCE_LIMIT + 2])
        self.coordinator.connection_opened(1000, "192.0.2.10", 0.0)
        self.assertEqual(self.closed(), [])

    def test_hosts_of_one_ipv6_network_count_as_one(self) -> None:
        for number in range(1, UNPROVEN_PER_SOURCE_LIMIT + 2):
            self.coordinator.connection_opened(number, f"2001:db8::{number:x}", 0.0)
        self.assertEqual(self.closed(), [UNPROVEN_PER_SOURCE_LIMIT + 1])
        self.coordinator.connection_closed(1, 0.0)
        self.coordinator.connection_opened(1000, "2001:db8::abcd", 0.0)
        self.assertEqual(self.closed(), [])

    def test_ipv4_hosts_on_an_ipv6_socket_count_each_for_itself(self) -> None:
        self.assertEqual(origin_of("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertNotEqual(origin_of("::ffff:192.0.2.1"), origin_of("::ffff:192.0.2.2"))
        self.assertEqual(origin_of("x" * 100), "x" * 60)

    def test_a_source_that_connects_again_and_again_is_slowed(self) -> None:
        for number in range(1, int(ARRIVALS_BURST) + 2):
            self.coordinator.connection_opened(number, "192.0.2.9", 0.0)
            self.coordinator.connection_closed(number, 0.0)
        self.assertEqual(self.closed(), [int(ARRIVALS_BURST) + 1])

    def test_a_stranger_that_does_not_register_is_closed(self) -> None:
        self.coordinator.connection_opened(1, "192.0.2.9", 0.0)
        self.coordinator.handle_timer(UNPROVEN_SECONDS)
        self.assertEqual(self.closed(), [1])
        self.coordinator.connection_closed(1, UNPROVEN_SECONDS)
        self.assertEqual(self.coordinator._arrivals._unproven, {})

    def test_garbage_closes_the_connection_and_asks_nothing(self) -> None:
        for number, data in enumerate((b"", b"x", bytes(97), b"\x01" + bytes(96), bytes(70_000)), start=1):
            self.coordinator.connection_opened(number, "192.0.2.9", 0.0)
            self.coordinator.receive_message(number, data, 0.0)
            self.coordinator.receive_message(number, data, 0.0)
            self.assertEqual(self.closed(), [number])
            self.assertEqual(list(self.coordinator.events()), [])

    def test_a_replayed_first_message_proves_nothing(self) -> None:
        pair = Pair()
        ann = pair.agent("ann")
        pair.connect(ann)
        self.coordinator.connection_opened(1, "192.0.2.9", 0.0)
        list(self.coordinator.outgoing())
        for frame in ann.frames:
            self.coordinator.receive_message(1, frame, 0.0)
        self.assertEqual(list(self.coordinator.events()), [])
        self.assertEqual(self.closed(), [1])

    def test_messages_before_registration_do_nothing(self) -> None:
        pair = Pair()
        pair.answers = False
        ann = pair.agent("ann")
        pair.connect(ann)
        connection = pair.coordinator._connections[ann.number]
        self.assertIs(connection.state, ConnectionState.ASKING)
        ann.member.state = MemberState.MEMBER
        ann.member.leave(0.0)
        pair.run()
        self.assertFalse(any(isinstance(event, LeaveWanted) for event in pair.events))

    def test_a_controllers_message_from_an_agent_is_ignored(self) -> None:
        pair = Pair()
        ann = pair.agent("ann")
        pair.connect(ann)
        assert ann.member._channel is not None
        ann.member._channel.send(emit_message(Ping(1)))
        pair.run()
        self.assertTrue(ann.is_up)
