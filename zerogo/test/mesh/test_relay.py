# -*- test-case-name: zerogo.test.mesh.test_relay -*-
"""One relay as a node uses it, against the server core."""

from __future__ import annotations

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import Endpoint, SocketAddress
from zerogo.mesh.events import DatagramToSend, RelayStreamUnwanted, RelayStreamWanted
from zerogo.mesh.relay import Relay, RelaySpec
from zerogo.secret import Secret
from zerogo.test.mesh.parts import context
from zerogo.test.turn.bench import OWN, Bench, udp
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.client import TurnCredential
from zerogo.turn.quota import Quota

SERVER = SocketAddress(OWN, 3478)
STREAM = SocketAddress("127.0.0.1", 5000)
BY_STREAM = ClientAddress(1, ClientTransport.TCP, SocketAddress("192.0.2.1", 4000))


@define
class Line:
    """A relay's server core, and a node at the other end; `refuses_udp` has the server out of room for UDP alone."""

    bench: Bench
    relay: Relay
    refuses_udp: bool = True
    wants: list[bool] = field(factory=list)

    def settle(self) -> None:
        """Carry everything there and back, and note whether streams are wanted."""
        outbox = self.relay._context.outbox
        for _ in range(8):
            self.relay.settle(self.bench.now)
            for event in outbox.events():
                if isinstance(event, DatagramToSend):
                    self.carry(event.destination, event.payload)
                elif isinstance(event, RelayStreamWanted | RelayStreamUnwanted):
                    self.wants.append(isinstance(event, RelayStreamWanted))
            for sent in outbox.transmits():
                self.carry(sent.destination, sent.payload)

    def carry(self, destination: Endpoint, payload: bytes) -> None:
        """To the relay, and its answers back."""
        assert isinstance(destination, SocketAddress)
        is_stream = destination == STREAM
        self.bench.has_free_ports = is_stream or not self.refuses_udp
        for answer in self.bench.from_client(payload, BY_STREAM if is_stream else udp()):
            self.relay.receive(answer, destination, self.bench.now)

    def pass_time(self, seconds: float) -> None:
        end = self.bench.now + seconds
        while (at := self.relay.next_at()) is not None and at <= end:
            self.bench.pass_time(max(0.0, at - self.bench.now))
            self.relay.handle_timer(self.bench.now)
            self.settle()
        self.bench.pass_time(end - self.bench.now)


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        spec = RelaySpec(name="near", addresses=(SERVER,), has_streams=True)
        self.line = Line(Bench(quota=Quota()), Relay(context(), spec))
        self.line.relay.use_credential(TurnCredential("alice", Secret("password of alice")), 0.0)
        self.line.relay.begin(0.0)
        self.line.settle()

    def test_a_relay_that_refuses_by_udp_is_asked_by_a_stream(self) -> None:
        self.assertEqual((self.line.relay.relayed, self.line.wants), (None, [True]))
        self.line.pass_time(3.0)
        self.assertEqual(self.line.wants, [True])
        self.line.relay.stream_opened(STREAM, self.line.bench.now)
        self.line.settle()
        self.assertIsNotNone(self.line.relay.relayed)
        self.assertTrue(self.line.relay.is_stream)

    def test_udp_takes_over_when_it_is_not_refused_any_more(self) -> None:
        self.line.relay.stream_opened(STREAM, self.line.bench.now)
        self.line.settle()
        self.line.refuses_udp = False
        self.line.pass_time(61.0)
        self.assertIsNotNone(self.line.relay.relayed)
        self.assertFalse(self.line.relay.is_stream)
        self.assertEqual(self.line.wants, [True, False])


class MoveTests(SynchronousTestCase):
    def test_what_is_known_of_a_relay_outlives_a_move_and_its_address_does_not(self) -> None:
        spec = RelaySpec(name="near", addresses=(SERVER,))
        line = Line(Bench(quota=Quota()), Relay(context(), spec), refuses_udp=False)
        relay, seen = line.relay, line.bench.server.counters
        relay.use_credential(TurnCredential("alice", Secret("password of alice")), 0.0)
        relay.begin(0.0)
        line.settle()
        self.assertEqual(seen.challenged, 1)
        relay.begin_anew(line.bench.now)
        line.settle()
        self.assertIsNotNone(relay.relayed)
        self.assertEqual(seen.challenged, 1)
        relay.change(RelaySpec(name="near"), line.bench.now)
        relay.change(spec, line.bench.now)
        relay.begin_anew(line.bench.now)
        line.settle()
        self.assertEqual(seen.challenged, 2)
