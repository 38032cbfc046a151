"""The open TCP port of an agent and those of its peers: what is announced, dialled and passed on."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.streams import Streams, StreamsWish
from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import StreamKey
from zerogo.mesh.streaming import HEAD_START_SECONDS, PeerStream
from zerogo.portmap.lease import Transport
from zerogo.test.agent.parts import MemoryStreams
from zerogo.test.agent.world import Machine, World

PLACE = SocketAddress("127.0.0.1", 40001)


class StreamsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.close)
        self.anna = Machine(self.world, "anna", "192.0.2.11")
        self.bob = Machine(self.world, "bob", "192.0.2.12")
        self.bob.config = evolve(self.bob.config, listen_tcp=443, tcp_addresses=("198.51.100.7:8443",))

    def start(self) -> None:
        for machine in (self.bob, self.anna):
            machine.start(self.world.controller.token)
            self.world.pass_time(0.2)

    def offered(self, machine: Machine) -> list[str]:
        assert machine.agent is not None and machine.agent.presence.segment is not None
        return [str(each.address) for each in machine.agent.presence.segment.offer().streams]

    def test_places_that_are_configured_and_own_addresses_are_announced(self) -> None:
        self.start()
        self.assertEqual(self.bob.streams.port, 443)
        self.assertEqual(self.offered(self.bob), ["198.51.100.7:8443", "192.0.2.12:443"])
        self.bob.change_address("192.0.2.99")
        self.world.pass_time(0.2)
        self.assertEqual(self.offered(self.bob), ["198.51.100.7:8443", "192.0.2.99:443"])

    def test_what_the_router_maps_to_the_port_is_announced_before_own_addresses(self) -> None:
        self.start()
        wish = self.bob.mappings[Transport.TCP].wish
        self.assertEqual(wish.inner_of("192.0.2.12"), SocketAddress("192.0.2.12", 443))
        wish.on_change(SocketAddress("203.0.113.9", 50443))
        self.assertEqual(self.offered(self.bob), ["198.51.100.7:8443", "203.0.113.9:50443", "192.0.2.12:443"])
        wish.on_change(SocketAddress("198.51.100.7", 8443))
        self.assertEqual(self.offered(self.bob), ["198.51.100.7:8443", "192.0.2.12:443"])
        wish.on_change(None)
        self.assertEqual(self.offered(self.bob), ["198.51.100.7:8443", "192.0.2.12:443"])

    def test_without_the_key_nothing_listens_and_nothing_is_announced(self) -> None:
        self.start()
        self.assertIsNone(self.anna.streams.port)
        self.assertEqual(self.offered(self.anna), [])

    def test_a_peer_without_a_direct_path_is_dialled_and_its_stream_becomes_a_path(self) -> None:
        self.world.has_udp = False
        self.start()
        self.world.pass_time(HEAD_START_SECONDS + 0.5)
        ((key, places),) = self.anna.streams.dialled.values()
        self.assertEqual(places, [SocketAddress("198.51.100.7", 8443), SocketAddress("192.0.2.12", 443)])
        found = self.bob.streams.wish.find(key.fragment)
        assert found is not None
        self.assertEqual(found.key, key.key)
        stream = PeerStream(address=PLACE, far="198.51.100.7:8443", is_dialled=True)
        self.anna.streams.wish.opened(key.peer, stream)
        assert self.anna.agent is not None and self.anna.agent.presence.segment is not None
        (peer,) = self.anna.agent.presence.segment.peers()
        self.assertEqual([(path.kind.value, path.far) for path in peer.paths], [("tcp", "198.51.100.7:8443")])
        self.anna.streams.wish.closed(key.peer, PLACE)
        (peer,) = self.anna.agent.presence.segment.peers()
        self.assertEqual(peer.paths, ())

    def test_of_many_places_the_best_for_this_machine_are_dialled(self) -> None:
        self.bob.config = evolve(self.bob.config, tcp_addresses=tuple(f"10.0.{n}.7:443" for n in range(4)))
        self.world.has_udp = False
        self.start()
        self.bob.mappings[Transport.TCP].wish.on_change(SocketAddress("203.0.113.9", 50443))
        self.world.pass_time(HEAD_START_SECONDS + 5.0)
        ((_, places),) = self.anna.streams.dialled.values()
        self.assertEqual([place.host for place in places], ["203.0.113.9", "192.0.2.12", "10.0.0.7", "10.0.1.7"])

    def test_without_a_controller_a_peer_is_dialled_where_it_was_last(self) -> None:
        self.world.has_udp = False
        self.start()
        self.world.pass_time(HEAD_START_SECONDS + 0.5)
        self.world.controller.die()
        self.anna.stop()
        self.assertEqual(self.anna.streams.dialled, {})
        self.anna.start()
        self.world.pass_time(HEAD_START_SECONDS + 0.5)
        ((key, places),) = self.anna.streams.dialled.values()
        self.assertEqual(places, [SocketAddress("198.51.100.7", 8443), SocketAddress("192.0.2.12", 443)])
        found = self.bob.streams.wish.find(key.fragment)
        assert found is not None
        self.assertEqual(found.key, key.key)

    def test_stopped_agent_lets_nobody_in(self) -> None:
        self.start()
        assert self.bob.agent is not None
        self.bob.stop()
        self.assertIsNone(self.bob.streams.port)
        self.assertIsNone(self.bob.streams.wish.find(b"fragment9"))


class DialTests(SynchronousTestCase):
    """A peer that names six private places."""

    def setUp(self) -> None:
        self.driver: MemoryStreams | None = None
        self.streams = Streams(self.make, lambda _: succeed([]), lambda: [], port=None, places=())
        self.streams.use_hosts(["10.0.0.9"])
        places = [SocketAddress(f"10.0.{n}.7", 443) for n in range(6)]
        self.streams.dial(StreamKey(1, b"fragment9", bytes(32)), places)

    def make(self, wish: StreamsWish) -> MemoryStreams:
        self.driver = MemoryStreams(wish)
        return self.driver

    def dialled(self) -> list[list[str]]:
        assert self.driver is not None
        return [[place.host for place in places] for _, places in self.driver.dialled.values()]

    def test_it_is_dialled_at_the_places_that_are_best_from_each_network(self) -> None:
        self.assertEqual(self.dialled(), [["10.0.0.7", "10.0.1.7", "10.0.2.7", "10.0.3.7"]])
        self.streams.use_hosts(["10.0.5.9"])
        self.assertEqual(self.dialled(), [["10.0.5.7", "10.0.0.7", "10.0.1.7", "10.0.2.7"]])

    def test_it_is_not_told_again_where_the_same_places_are_best(self) -> None:
        assert self.driver is not None
        self.driver.dialled.clear()
        self.streams.use_hosts(["10.0.0.10", "10.0.1.10"])
        self.assertEqual(self.dialled(), [])

    def test_after_its_end_it_is_not_dialled_again(self) -> None:
        ends: list[Callable[[Streams], None]] = [lambda one: one.undial(1), lambda one: one.forget(1), Streams.detach]
        for end in ends:
            self.setUp()
            end(self.streams)
            self.assertEqual(self.dialled(), [])
            self.streams.use_hosts(["10.0.5.9"])
            self.assertEqual(self.dialled(), [])
