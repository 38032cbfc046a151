from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.channel import ChannelInitiator
from zerogo.control.coordinator_events import CloseWanted
from zerogo.control.gateway_events import EnterWanted, GatewayGone, GatewayHere, UsageReported
from zerogo.control.gateway_messages import (
    ACTIVE_USERS_LIMIT,
    GATEWAY,
    ROWS_LIMIT,
    Activity,
    EdgeHere,
    Enter,
    Forgotten,
    Kick,
    OfficeMessage,
    Presence,
    Refused,
    Settings,
    Shares,
    Usage,
    UserActivity,
    emit,
    parse_office_message,
)
from zerogo.control.gateways import UNANSWERED_SECONDS, UNPROVEN_PER_SOURCE_LIMIT, UNPROVEN_SECONDS, GatewayOffice
from zerogo.control.messages import Ping
from zerogo.noise.identity import Identity
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, seeded

ENTER = Enter(signing=bytes(32), boot=bytes(8), name="fra")


class OfficeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.office = GatewayOffice(CONTROLLER, seeded("office"))
        self.now = 0.0
        self.channels: dict[int, ChannelInitiator] = {}
        self.heard: dict[int, list[OfficeMessage | None]] = {}
        self.closed: list[CloseWanted] = []

    def connect(self, number: int, name: str = "gateway") -> Identity:
        identity = Identity.generate(seeded(name))
        self.channels[number] = ChannelInitiator(identity, KEY_HASH, seeded(name + "-rng"), GATEWAY)
        self.heard[number] = []
        self.office.connection_opened(number, "192.0.2.1", self.now)
        self.run_through()
        return identity

    def run_through(self) -> None:
        is_busy = True
        while is_busy:
            is_busy = False
            for output in list(self.office.outgoing()):
                is_busy = True
                if isinstance(output, CloseWanted):
                    self.closed.append(output)
                elif output[0] in self.channels:
                    for message in self.channels[output[0]].receive(output[1]):
                        self.heard[output[0]].append(parse_office_message(message))
            for number, channel in self.channels.items():
                for frame in channel.outgoing():
                    is_busy = True
                    self.office.receive_message(number, frame, self.now)

    def say(self, number: int, *messages: object) -> None:
        for message in messages:
            self.channels[number].send(emit(message))  # type: ignore[arg-type]
        self.run_through()

    def events(self, kind: type) -> list[object]:
        return [event for event in self.office.events() if isinstance(event, kind)]

    def enter(self, number: int = 1, name: str = "gateway") -> Identity:
        identity = self.connect(number, name)
        self.say(number, ENTER)
        self.assertEqual(len(self.events(EnterWanted)), 1)
        self.office.admit(number, "fra", self.now)
        self.run_through()
        return identity

    def wait(self, seconds: Iterable[float]) -> None:
        for _ in seconds:
            self.now += 1.0
            self.office.handle_timer(self.now)
            self.run_through()

    def test_a_gateway_is_here_once_it_is_admitted_and_who_it_is_its_key_says(self) -> None:
        identity = self.enter()
        self.assertEqual([type(event) for event in self.office.events()], [GatewayHere])
        self.assertEqual(self.office.present, (identity.node_id,))
        self.office.connection_closed(1, self.now)
        self.assertEqual(len(self.events(GatewayGone)), 1)
        self.assertEqual(self.office.present, ())

    def test_before_that_nothing_it_says_counts(self) -> None:
        self.connect(1)
        self.say(1, Usage(1), ENTER, Usage(2), Presence([EdgeHere("e" * 16)]))
        self.assertEqual([type(event) for event in self.office.events()], [EnterWanted])
        self.assertEqual(self.office.edges(), {})

    def test_a_refusal_is_told_and_ends_it(self) -> None:
        self.connect(1)
        self.say(1, ENTER)
        self.office.refuse(1, "no", True, self.now)
        self.run_through()
        self.assertEqual(self.heard[1], [Refused("no", is_final=True)])
        self.assertEqual([close.connection for close in self.closed], [1])

    def test_the_newest_connection_of_a_gateway_is_the_one(self) -> None:
        self.enter(1)
        self.enter(2)
        self.assertEqual([close.connection for close in self.closed], [1])
        self.assertEqual(len(self.office.present), 1)
        self.say(2, Usage(1))
        (reported,) = self.events(UsageReported)
        assert isinstance(reported, UsageReported)
        self.assertEqual(reported.connection, 2)

    def test_who_does_not_say_who_it_is_or_falls_silent_is_closed(self) -> None:
        self.connect(1)
        self.wait(range(int(UNPROVEN_SECONDS) + 1))
        self.assertEqual([close.connection for close in self.closed], [1])
        self.enter(2, "other")
        self.wait(range(int(UNANSWERED_SECONDS) + 2))
        self.assertIn(Ping(1), self.heard[2])
        self.assertEqual([close.connection for close in self.closed], [1, 2])

    def test_many_connections_of_one_host_that_prove_nothing_are_turned_away(self) -> None:
        for number in range(UNPROVEN_PER_SOURCE_LIMIT + 1):
            self.connect(number)
        self.assertEqual(
            [(close.connection, close.is_abrupt) for close in self.closed], [(UNPROVEN_PER_SOURCE_LIMIT, True)]
        )

    def test_edges_come_and_go(self) -> None:
        self.enter()
        self.say(1, Presence([EdgeHere("a" * 16), EdgeHere("b" * 16)], [], True), Presence(gone=["a" * 16]))
        self.assertEqual(list(self.office.edges()), ["b" * 16])
        self.say(1, Presence([EdgeHere("c" * 16)], [], True))
        self.assertEqual(list(self.office.edges()), ["c" * 16])

    def test_garbage_ends_the_connection_and_nothing_else(self) -> None:
        self.enter(1)
        self.connect(2, "other")
        self.office.receive_message(2, b"garbage", self.now)
        self.run_through()
        self.assertEqual([close.connection for close in self.closed], [2])
        self.assertEqual(len(self.office.present), 1)

    def test_shares_are_told_on_each_new_connection_once_it_said_who_is_busy(self) -> None:
        self.enter()
        self.wait(range(3))
        self.assertNotIn(Shares([]), self.heard[1])
        self.say(1, Activity())
        self.wait(range(3))
        self.assertEqual(self.heard[1].count(Shares([])), 1)

    def test_an_activity_in_several_messages_counts_as_one_when_it_is_whole(self) -> None:
        identity = self.enter()
        ann, ben, eve = (UserActivity(name, 1, 0, 0, False, False) for name in ("ann", "ben", "eve"))
        self.say(1, Activity([ann], streams=1))
        self.say(1, Activity([ben], streams=2, is_more=True))
        self.assertEqual([self.office.streams_of(name) for name in ("ann", "ben", "eve")], [1, 0, 0])
        self.say(1, Activity([eve], streams=2))
        self.assertEqual([self.office.streams_of(name) for name in ("ann", "ben", "eve")], [0, 1, 1])
        self.assertEqual(self.office.presence(self.now)[identity.node_id].streams, 2)

    def test_of_more_users_than_a_gateway_may_tell_of_the_first_are_kept(self) -> None:
        identity = self.enter()
        for part in range(ACTIVE_USERS_LIMIT // ROWS_LIMIT + 2):
            rows = [UserActivity(f"{part}-{number}", 1, 0, 0, False, False) for number in range(ROWS_LIMIT)]
            self.say(1, Activity(rows, is_more=True))
        self.say(1, Activity())
        self.assertEqual(self.office.presence(self.now)[identity.node_id].users, ACTIVE_USERS_LIMIT)

    def test_a_congested_gateway_has_orders_at_once_and_what_is_large_when_it_has_room(self) -> None:
        self.enter()
        self.office.set_congested(1, True, self.now)
        for message in (Settings(), Forgotten(), Kick(user="ann")):
            self.office.tell_all(message, self.now)
        self.run_through()
        self.assertEqual(self.heard[1][1:], [Forgotten(), Kick(user="ann")])
        self.events(GatewayHere)
        self.office.set_congested(1, False, self.now)
        self.assertEqual(len(self.events(GatewayHere)), 1)
