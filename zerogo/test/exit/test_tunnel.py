"""A tunnel outlives its carrier, notices when it is dead, and keeps no more than it must."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.events import CarrierSilent, RttMeasured, SilenceChanged, TunnelLost
from zerogo.exit.frames import Command
from zerogo.exit.target import Target
from zerogo.exit.tunnel import (
    ACK,
    ACK_DELAY_SECONDS,
    GRACE_SECONDS,
    MESSAGE_BYTES,
    MESSAGE_LIMIT,
    PACKET,
    PING,
    PING_LEAST_SECONDS,
    PONG,
    PONG_LEAST_SECONDS,
    PONG_SECONDS,
    REPLAY_LIMIT,
    SILENCE_SECONDS,
    Tunnel,
)
from zerogo.test.exit.wires import End, pair

TARGET = Target("example.net", 443)


class TunnelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = pair()
        self.gateway, self.edge = self.wire.ends
        self.number = self.gateway.mux.open(Command.CONNECT, TARGET, 0.0)
        self.wire.run()

    def test_messages_that_were_lost_with_the_carrier_are_sent_again_once(self) -> None:
        self.edge.mux.write(self.number, bytes(range(256)) * 800, 0.0)
        self.wire.run(6, lost_after=2)
        self.wire.cut()
        self.assertIsNone(self.gateway.tunnel.next_message(0.0))
        self.wire.connect()
        self.wire.run()
        self.assertEqual(bytes(self.gateway.data[self.number]), bytes(range(256)) * 800)

    def test_without_a_carrier_for_the_grace_time_it_is_over(self) -> None:
        self.wire.cut()
        self.wire.pass_time(GRACE_SECONDS - 1)
        self.assertEqual(self.gateway.mux.streams, 1)
        self.wire.pass_time(1.1)
        self.assertIn(TunnelLost(), self.gateway.others)
        self.assertEqual((self.gateway.mux.streams, self.gateway.tunnel.next_timer()), (0, None))

    def test_what_was_acknowledged_is_not_kept(self) -> None:
        self.gateway.mux.write(self.number, bytes(100_000), 0.0)
        self.wire.run()
        self.assertGreater(self.gateway.tunnel.replayable, 0)
        self.wire.pass_time(0.3)
        self.assertEqual(self.gateway.tunnel.replayable, 0)

    def test_the_log_is_bounded_and_writers_wait(self) -> None:
        self.gateway.mux._streams[self.number].credit = 10**9
        self.edge.tunnel.mux._streams[self.number].allowed = 10**9
        self.gateway.mux.write(self.number, bytes(2 * REPLAY_LIMIT), 0.0)
        while self.gateway.tunnel.next_message(0.0):
            pass
        self.assertLess(self.gateway.tunnel.replayable, REPLAY_LIMIT + MESSAGE_LIMIT)
        self.assertFalse(self.gateway.tunnel.has_work)

    def test_messages_grow_with_the_speed_of_the_carrier_and_never_beyond_the_limit(self) -> None:
        def longest(seconds: float) -> int:
            lengths = []
            for _ in range(8):
                self.edge.mux.write(self.number, bytes(2 * MESSAGE_LIMIT), 0.0)
                while message := self.edge.tunnel.next_message(self.wire.now):
                    lengths.append(len(message))
                    self.gateway.tunnel.receive(message, self.wire.now)
                self.gateway.take_events(self.wire.now)
                self.wire.pass_time(seconds)
            return max(lengths[len(lengths) // 2 :])

        self.edge.tunnel.mux._streams[self.number].credit = 10**9
        self.gateway.tunnel.mux._streams[self.number].allowed = 10**9
        self.assertEqual(longest(1.0), MESSAGE_BYTES)
        self.assertEqual(longest(0.0), MESSAGE_LIMIT)

    def test_pings_measure_and_a_silent_carrier_is_noticed(self) -> None:
        self.live(3.0)
        self.assertTrue(any(isinstance(event, RttMeasured) for event in self.gateway.others))
        self.assertLess(self.seconds_until_given_up(), PING_LEAST_SECONDS + PONG_LEAST_SECONDS + 0.5)

    def live(self, seconds: float) -> None:
        """Time passes, and all arrives."""
        for _ in range(round(seconds / 0.1)):
            self.wire.pass_time(0.1)

    def seconds_until_given_up(self) -> float:
        """From here on nothing arrives at either end."""
        began = self.wire.now
        gateway = self.wire.ends[0]
        while CarrierSilent() not in gateway.others and self.wire.now < began + 100:
            self.wire.now += 0.1
            gateway.tunnel.handle_timer(self.wire.now)
            while gateway.tunnel.next_message(self.wire.now) is not None:
                pass
            gateway.take_events(self.wire.now)
        return self.wire.now - began

    def test_a_stream_that_nothing_passes_on_is_asked_about_seldom_until_something_does(self) -> None:
        self.live(120.0)
        pings = sum(isinstance(event, RttMeasured) for event in self.gateway.others)
        self.assertLess(pings, 24)
        self.gateway.mux.write(self.number, b"x", self.wire.now)
        self.assertLess(self.seconds_until_given_up(), PONG_LEAST_SECONDS + 0.5)

    def test_who_opens_a_stream_on_a_dead_idle_tunnel_learns_it_soon(self) -> None:
        for quiet in (1.0, 20.0):
            self.wire = pair()
            self.live(30.0)
            self.live(quiet)
            self.wire.ends[0].mux.open(Command.CONNECT, TARGET, self.wire.now)
            self.assertLess(self.seconds_until_given_up(), 2 * PING_LEAST_SECONDS + PONG_LEAST_SECONDS)

    def test_who_does_not_answer_is_said_to_be_silent_before_it_is_given_up_and_only_until_it_answers(self) -> None:
        self.live(30.0)
        gateway, edge = self.wire.ends
        edge.mux.confirm = lambda *arguments: None  # type: ignore[method-assign]
        gateway.mux.open(Command.CONNECT, TARGET, self.wire.now)
        self.live(5.0)
        self.assertFalse(gateway.tunnel.is_silent, "it answers, though it does not say what became of the stream")
        gateway.mux.open(Command.CONNECT, TARGET, self.wire.now)
        asked, began = [], self.wire.now
        while not gateway.tunnel.is_silent and self.wire.now < began + 10:
            asked += list(iter(lambda: gateway.tunnel.next_message(self.wire.now), None))
            self.wire.now += 0.05
            gateway.tunnel.handle_timer(self.wire.now)
            gateway.take_events(self.wire.now)
        self.assertLess(self.wire.now - began, SILENCE_SECONDS + ACK_DELAY_SECONDS + 0.2)
        self.assertNotIn(CarrierSilent(), gateway.others)
        edge.tunnel.receive(asked[0], self.wire.now)
        self.live(1.0)
        changes = [event.is_silent for event in gateway.others if isinstance(event, SilenceChanged)]
        self.assertEqual(changes, [True, False])

    def test_an_idle_carrier_is_given_more_time(self) -> None:
        self.wire = pair()
        self.live(3.0)
        self.assertGreater(self.seconds_until_given_up(), PONG_SECONDS)

    def test_anything_that_arrives_is_a_sign_of_life(self) -> None:
        self.live(3.0)
        for _ in range(200):
            self.wire.now += 0.1
            self.gateway.tunnel.handle_timer(self.wire.now)
            while self.gateway.tunnel.next_message(self.wire.now) is not None:
                pass
            self.gateway.tunnel.receive(PACKET, self.wire.now)
            self.gateway.take_events(self.wire.now)
        self.assertNotIn(CarrierSilent(), self.gateway.others)

    def test_who_was_held_up_itself_gives_the_carrier_another_while(self) -> None:
        self.live(3.0)
        self.wire.now += 2 * PING_LEAST_SECONDS
        self.gateway.tunnel.handle_timer(self.wire.now)
        ping = [message for message in iter(lambda: self.gateway.tunnel.next_message(self.wire.now), None)]
        self.assertEqual([message[:1] for message in ping], [PING])
        self.wire.now += 60.0
        self.gateway.tunnel.handle_timer(self.wire.now)
        self.gateway.tunnel.receive(PONG + ping[0][1:], self.wire.now)
        self.live(1.0)
        self.assertNotIn(CarrierSilent(), self.gateway.others)

    def test_an_idle_tunnel_pings_seldom(self) -> None:
        wire = pair()
        wire.pass_time(0.3)
        deadline = wire.ends[0].tunnel.next_timer()
        assert deadline is not None
        self.assertGreater(deadline.at - wire.now, 15)

    def test_positions_that_cannot_be_end_the_tunnel(self) -> None:
        self.assertRaises(ParseError, self.edge.tunnel.attach, 10**6, 0.0)
        self.assertRaises(ParseError, self.edge.tunnel.receive, ACK + (10**6).to_bytes(8, "big"), 0.0)

    @given(st.binary(max_size=100))
    @settings(deadline=None, max_examples=150)
    def test_garbage_raises_parse_error_or_nothing(self, garbage: bytes) -> None:
        tunnel: Tunnel = End(False).tunnel
        tunnel.attach(0, 0.0)
        with contextlib.suppress(ParseError):
            tunnel.receive(garbage, 0.0)
