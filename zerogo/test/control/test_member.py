from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.channel import Hello
from zerogo.control.member import (
    OPENING_SECONDS,
    SILENCE_SECONDS,
    ChannelFailed,
    ControllersTold,
    MapUpdated,
    MemberState,
    Pending,
    Refused,
    Registered,
)
from zerogo.control.messages import BLOB_LIMIT, LinksReport, RefusalCode
from zerogo.control.netmap import ForgedMap, SignedMap
from zerogo.errors import LocalError, ParseError
from zerogo.noise.identity import Identity
from zerogo.test.control.pair import KEY_HASH, NETWORK, Pair, Wire, seeded
from zerogo.test.control.test_netmap import RECORDS, make_map


class MemberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.wire = self.pair.agent("ann")

    def events_of(self, wire: Wire, kind: type) -> list[object]:
        return [event for event in wire.events if isinstance(event, kind)]

    def test_a_member_is_welcomed_and_holds_a_verified_map(self) -> None:
        self.pair.connect(self.wire)
        registered, updated = self.wire.events
        assert isinstance(registered, Registered) and isinstance(updated, MapUpdated)
        self.assertEqual((registered.name, registered.addresses), ("ann", ("10.1.0.1", "fd00::1")))
        self.assertEqual(updated.psk, bytes(32))
        self.assertEqual(updated.network_map.member(self.wire.member._identity.node_id).name, "ann")  # type: ignore
        SignedMap.decode(updated.signed_blob).verify(KEY_HASH, NETWORK)
        self.assertIs(self.wire.member.state, MemberState.MEMBER)

    def test_the_secret_goes_out_until_the_welcome_and_never_after(self) -> None:
        secrets = []
        self.pair.connect(self.wire)
        self.pair.disconnect(self.wire)
        self.pair.connect(self.wire)
        for event in self.pair.events:
            registration = getattr(event, "registration", None)
            if registration is not None:
                secrets.append(registration.secret)
        self.assertEqual(secrets, [bytes(range(20)), None])

    def test_a_returning_member_is_told_that_its_map_is_the_newest(self) -> None:
        self.pair.connect(self.wire)
        first = self.events_of(self.wire, MapUpdated)
        self.pair.disconnect(self.wire)
        self.pair.connect(self.wire)
        again = self.events_of(self.wire, MapUpdated)
        self.assertEqual(len(again), 2)
        self.assertEqual(again[1], first[0])

    def test_it_is_told_where_controllers_are_and_members_begin_at_different_ones(self) -> None:
        places = ("a.example.net:9394", "192.0.2.7:9394", "[2001:db8::7]:9394")
        pair = Pair(controllers=("A.example.net:9394", "192.0.2.7", "192.0.2.7:9394", "what is this", places[2]))
        wires = [pair.agent(f"m{number}") for number in range(30)]
        for wire in wires:
            pair.connect(wire)
        told = [self.events_of(wire, ControllersTold) for wire in wires]
        self.assertEqual([len(events) for events in told], [1] * 30)
        lists = [events[0].places for events in told]  # type: ignore[attr-defined]
        self.assertEqual({frozenset(each) for each in lists}, {frozenset(places)})
        self.assertEqual({each[0] for each in lists}, set(places))

    def test_the_tokens_psk_wins_over_the_controllers(self) -> None:
        self.wire.member.use_token("a" * 32, psk=b"\x07" * 32)
        self.pair.connect(self.wire)
        updated = self.events_of(self.wire, MapUpdated)[0]
        self.assertEqual(updated.psk, b"\x07" * 32)  # type: ignore[attr-defined]

    def test_a_stored_map_is_believed_only_with_the_pinned_signature(self) -> None:
        good = SignedMap.sign(make_map(5, RECORDS[:2]), Identity.generate(seeded("controller"))).encode()
        self.assertEqual(self.wire.member.use_stored_map(good, None).revision, 5)
        self.assertEqual(self.wire.member.network_map, make_map(5, RECORDS[:2]))
        forged = SignedMap.sign(make_map(6, RECORDS[:2]), Identity.generate(seeded("stranger"))).encode()
        self.assertRaises(ForgedMap, self.wire.member.use_stored_map, forged, None)
        self.assertRaises(ParseError, self.wire.member.use_stored_map, forged[:-3], None)

    def test_an_older_map_than_the_held_one_is_refused(self) -> None:
        newer = SignedMap.sign(make_map(99, RECORDS[:2]), Identity.generate(seeded("controller"))).encode()
        self.wire.member.use_stored_map(newer, None)
        self.pair.connect(self.wire)
        failed = self.events_of(self.wire, ChannelFailed)[0]
        self.assertIn("we hold 99", failed.reason)  # type: ignore[attr-defined]
        self.assertEqual(self.wire.member.network_map.revision, 99)  # type: ignore[union-attr]

    def test_a_map_that_does_not_fit_is_asked_for_whole(self) -> None:
        self.pair.connect(self.wire)
        self.wire.member._held = SignedMap.sign(make_map(1, []), Identity.generate(seeded("controller")))
        other = self.pair.agent("bob")
        self.pair.advance(1.0)
        self.pair.connect(other)
        self.pair.advance(1.0)
        names = [record.name for record in self.wire.member.network_map.members]  # type: ignore[union-attr]
        self.assertEqual(sorted(names), ["ann", "bob"])

    def test_waiting_then_welcome(self) -> None:
        self.pair.answers = False
        self.pair.connect(self.wire)
        question = self.pair.events[-1]
        self.pair.coordinator.hold(question.connection, "wait", self.pair.now)  # type: ignore[attr-defined]
        self.pair.run()
        self.assertEqual(self.wire.events, [Pending("wait")])
        self.assertIs(self.wire.member.state, MemberState.PENDING)
        self.pair.answers = True
        self.pair.coordinator.reconsider(NETWORK, self.wire.member._identity.node_id, self.pair.now)
        self.pair.run()
        self.assertIs(self.wire.member.state, MemberState.MEMBER)

    def test_a_refusal_says_why_and_whether_to_come_back(self) -> None:
        for code, is_final in ((RefusalCode.TOKEN_USED, True), (RefusalCode.UNAVAILABLE, False)):
            self.setUp()
            self.pair.answers = False
            self.pair.connect(self.wire)
            question = self.pair.events[-1]
            self.pair.coordinator.refuse(question.connection, code, "because", self.pair.now)  # type: ignore
            self.pair.run()
            self.assertEqual(self.wire.events, [Refused(code.value, "because", is_final)])
            self.assertFalse(self.wire.is_up)

    def test_a_silent_controller_is_given_up(self) -> None:
        member = self.wire.member
        member.connected(0.0)
        self.assertEqual(member.next_timer().at, OPENING_SECONDS)  # type: ignore[union-attr]
        member.handle_timer(OPENING_SECONDS)
        self.assertEqual(list(member.events()), [ChannelFailed("the controller does not answer")])

    def test_a_member_notices_that_the_controller_fell_silent(self) -> None:
        self.pair.connect(self.wire)
        self.wire.member.handle_timer(self.pair.now + SILENCE_SECONDS - 1)
        self.assertEqual(list(self.wire.member.events()), [])
        self.wire.member.handle_timer(self.pair.now + SILENCE_SECONDS)
        self.assertEqual(list(self.wire.member.events()), [ChannelFailed("the controller fell silent")])

    def test_garbage_ends_the_connection_and_raises_nothing(self) -> None:
        for data in (b"", b"garbage", bytes(70_000), b"ZGC\x01\x01" + bytes(64)):
            self.wire.member.connected(0.0)
            self.wire.member.receive_message(data, 0.0)
            self.assertIsInstance(next(self.wire.member.events()), ChannelFailed)

    def test_a_controller_with_other_keys_is_told_from_one_that_is_broken(self) -> None:
        stranger = Identity.generate(seeded("stranger"))
        for hello, is_foreign in (
            (Hello(1, 1, stranger.static_public, stranger.signing_public).emit(), True),
            (b"garbage", False),
        ):
            self.wire.member.connected(0.0)
            self.wire.member.receive_message(hello, 0.0)
            failed = next(self.wire.member.events())
            assert isinstance(failed, ChannelFailed)
            self.assertEqual(failed.is_foreign, is_foreign)

    def test_verbs_without_a_connection_say_so_and_queue_nothing(self) -> None:
        member, other = self.wire.member, RECORDS[0].node_id
        sent = [
            member.signal(other, b"x", 0.0),
            member.request_punch(other, 0.0),
            member.report(LinksReport(), 0.0),
            member.leave(0.0),
        ]
        self.assertEqual(sent, [False] * 4)
        self.pair.connect(self.wire)
        self.assertEqual(len(self.wire.events), 2)

    def test_a_signal_over_the_limit_is_our_bug(self) -> None:
        self.assertRaises(LocalError, self.wire.member.signal, RECORDS[0].node_id, bytes(BLOB_LIMIT + 1), 0.0)
