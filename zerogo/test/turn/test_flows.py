"""What the TURN server core lets a driver forward by itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.test.turn.bench import OWN, Bench, BenchClient, udp
from zerogo.test.turn.test_server import OPEN, PEER, RELAYED, at_peer
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.attributes import ChannelNumber, Data
from zerogo.turn.events import ClientEnd, FlowPermitted, PeerEnd
from zerogo.turn.message import TurnMethod, emit_channel_data
from zerogo.turn.server import FLOW_SECONDS


class FlowTests(SynchronousTestCase):
    """What a driver may forward by itself."""

    def setUp(self) -> None:
        self.bench = Bench(allowed=OPEN, permits_flows=True)
        self.alice = BenchClient(self.bench)
        self.alice.allocate()

    def bind(self, client: BenchClient, number: int, peer: SocketAddress) -> None:
        self.assertEqual(client.code(TurnMethod.CHANNEL_BIND, ChannelNumber(number), at_peer(peer)), 0)

    def flows(self) -> list[FlowPermitted]:
        return [each for each in self.bench.seen if isinstance(each, FlowPermitted)]

    def send(self, client: BenchClient, number: int) -> None:
        self.bench.from_client(emit_channel_data(number, b"data"), client.address)

    def test_channel_to_a_peer_and_back_while_all_that_allows_it_lasts(self) -> None:
        self.bind(self.alice, 0x4000, PEER)
        self.assertEqual(self.flows(), [])
        self.send(self.alice, 0x4000)
        self.bench.now = 299.0
        self.bench.server.receive_from_peer(b"back", PEER, RELAYED, self.bench.now)
        self.bench.settle()
        out, back = self.flows()
        ours, theirs = ClientEnd(self.alice.address, 0x4000), PeerEnd(RELAYED, PEER)
        self.assertEqual((out.source, out.destination, out.expires_at), (ours, theirs, FLOW_SECONDS))
        self.assertEqual((back.source, back.destination, back.expires_at), (theirs, ours, 300.0))
        self.assertEqual(len(out.payers), 1)
        self.assertIs(out.payers[0], back.payers[0])

    def test_two_clients_by_the_channels_of_both(self) -> None:
        bob = BenchClient(self.bench, udp(port=9), "bob", "password of bob")
        bob.allocate()
        at_bob = SocketAddress(OWN, 50002)
        self.bind(self.alice, 0x4000, at_bob)
        bob.permit(OWN)
        self.send(self.alice, 0x4000)
        self.assertEqual(self.flows(), [])
        self.bind(bob, 0x4FFF, RELAYED)
        self.send(self.alice, 0x4000)
        (flow,) = self.flows()
        self.assertEqual(flow.source, ClientEnd(self.alice.address, 0x4000))
        self.assertEqual(flow.destination, ClientEnd(bob.address, 0x4FFF))
        self.assertEqual(len(flow.payers), 2)

    def test_a_flow_in_use_is_permitted_again_as_long_as_it_would_be(self) -> None:
        bob = BenchClient(self.bench, udp(port=9), "bob", "password of bob")
        bob.allocate()
        self.bind(self.alice, 0x4000, PEER)
        self.bind(self.alice, 0x4001, SocketAddress(OWN, 50002))
        self.bind(bob, 0x4FFF, RELAYED)
        self.send(self.alice, 0x4000)
        self.send(self.alice, 0x4001)
        self.bench.server.receive_from_peer(b"back", PEER, RELAYED, 0)
        self.bench.settle()
        first = self.flows()
        self.bench.now = 250.0
        for flow in first:
            self.bench.server.renew_flow(flow.source, 250.0)
        self.bench.settle()
        again = self.flows()[3:]
        self.assertEqual([(one.source, one.destination) for one in again], [(a.source, a.destination) for a in first])
        self.assertEqual([one.payers for one in again], [one.payers for one in first])
        for flow in first:
            self.bench.server.renew_flow(flow.source, 301.0)
        self.bench.settle()
        self.assertEqual(len(self.flows()), 6)

    def test_streams_indications_and_what_is_not_permitted_are_not_for_it(self) -> None:
        stream = BenchClient(self.bench, ClientAddress(1, ClientTransport.TCP, SocketAddress("192.0.2.9", 1)))
        stream.allocate()
        self.bind(stream, 0x4000, PEER)
        self.send(stream, 0x4000)
        self.alice.permit("8.8.8.8")
        self.alice.indicate(at_peer(), Data(b"out"))
        self.bench.server.receive_from_peer(b"back", PEER, RELAYED, 0)
        self.bench.settle()
        self.send(self.alice, 0x4001)
        self.assertEqual(self.flows(), [])
