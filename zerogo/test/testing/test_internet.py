"""Datagrams find their way, or do not."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.testing.clock import VirtualClock
from zerogo.testing.internet import CARRIER_BASE, Host, Internet, LinkQuality
from zerogo.testing.nat import FULL_CONE, PORT_RESTRICTED


class InternetTests(SynchronousTestCase):
    """Hosts with one socket each, port 9."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.internet = Internet(self.clock, seed=1)
        self.arrived: list[tuple[float, str, SocketAddress, bytes]] = []

    def listen(self, host: Host) -> Host:
        """Note what arrives at the host."""
        host.sockets[9] = lambda payload, source: self.arrived.append((self.clock.now, host.name, source, payload))
        return host

    def host(self, name: str, **more: object) -> Host:
        """A host at a site of its own."""
        return self.listen(self.internet.add_host(name, self.internet.add_site(name, **more)))  # type: ignore[arg-type]

    def send(self, host: Host, to: SocketAddress, payload: bytes = b"x") -> None:
        """Send and let a second pass."""
        self.internet.send(host, 9, to, payload)
        self.clock.run_for(1.0)

    def test_two_links_lie_between_two_hosts(self) -> None:
        ann, bob = self.host("ann"), self.host("bob")
        self.send(ann, bob.address(9))
        self.assertEqual(self.arrived, [(0.020, "bob", ann.address(9), b"x")])

    def test_a_nat_hides_the_inside_and_lets_answers_in(self) -> None:
        ann, bob = self.host("ann", behaviour=PORT_RESTRICTED), self.host("bob")
        self.send(bob, SocketAddress("198.18.0.1", 9))
        self.assertEqual(self.arrived, [])
        self.send(ann, bob.address(9))
        source = self.arrived[0][2]
        self.assertEqual(source.host, "198.18.0.1")
        self.send(bob, source)
        self.assertEqual(self.arrived[1][1], "ann")
        self.assertEqual(self.internet.dropped, 1)

    def test_inside_a_site_datagrams_do_not_cross_the_nat(self) -> None:
        site = self.internet.add_site("home", FULL_CONE)
        ann, bob = (self.listen(self.internet.add_host(name, site)) for name in ("ann", "bob"))
        self.send(ann, bob.address(9))
        self.assertEqual(self.arrived[0][2], ann.address(9))
        self.assertLess(self.arrived[0][0], 0.001)
        assert site.nat is not None
        self.assertEqual(site.nat.mapping_count, 0)

    def test_only_a_hairpin_turns_back(self) -> None:
        for hairpin in (False, True):
            self.arrived.clear()
            site = self.internet.add_site("home", evolve(FULL_CONE, hairpin=hairpin))
            ann, bob = (self.listen(self.internet.add_host(name, site)) for name in ("ann", "bob"))
            assert site.nat is not None
            outside = site.nat.outbound(bob.address(9), ann.address(1), self.clock.now)
            self.send(ann, outside)
            self.assertEqual([name for _, name, _, _ in self.arrived], ["bob"] if hairpin else [])

    def test_two_nats_in_a_row_translate_twice(self) -> None:
        carrier = self.internet.add_site("carrier", PORT_RESTRICTED)
        carrier.base = CARRIER_BASE
        ann = self.host("ann", behaviour=PORT_RESTRICTED, upstream=carrier)
        bob = self.host("bob")
        self.send(ann, bob.address(9))
        assert carrier.nat is not None
        self.assertEqual(self.arrived[0][2].host, carrier.nat.address)
        self.send(bob, self.arrived[0][2])
        self.assertEqual(self.arrived[1][1], "ann")

    def test_ipv6_goes_past_the_nat(self) -> None:
        ann = self.listen(self.internet.add_host("ann", self.internet.add_site("a", PORT_RESTRICTED), ipv6=True))
        bob = self.listen(self.internet.add_host("bob", self.internet.add_site("b", PORT_RESTRICTED), ipv6=True))
        self.send(ann, SocketAddress(bob.addresses[1], 9))
        self.assertEqual(self.arrived[0][2], SocketAddress(ann.addresses[1], 9))

    def test_a_host_that_moved_is_not_at_its_old_address(self) -> None:
        ann, bob = self.host("ann"), self.host("bob")
        old = bob.address(9)
        self.internet.move_host(bob, self.internet.add_site("cafe"))
        self.send(ann, old)
        self.assertEqual(self.arrived, [])
        self.send(ann, bob.address(9))
        self.assertEqual(len(self.arrived), 1)

    def test_what_comes_faster_than_a_link_carries_waits_and_what_finds_no_room_is_dropped(self) -> None:
        self.internet.quality = LinkQuality(delay=0.0, rate=1000.0, queue=0.25)
        ann, bob = self.host("ann"), self.host("bob")
        bob.site.downlink.quality = LinkQuality(delay=0.0)
        for size in (72, 72, 72, 22):
            self.internet.send(ann, 9, bob.address(9), bytes(size))
        self.clock.run_for(1.0)
        self.assertEqual([len(payload) for _, _, _, payload in self.arrived], [72, 72, 22])
        for (at, *_), expected in zip(self.arrived, (0.1, 0.2, 0.25), strict=True):
            self.assertAlmostEqual(at, expected)

    def test_links_lose_reorder_and_duplicate_about_as_often_as_they_should(self) -> None:
        self.internet.quality = LinkQuality(loss=0.1, reorder=0.1, duplicate=0.1)
        ann, bob = self.host("ann"), self.host("bob")
        for number in range(2000):
            self.internet.send(ann, 9, bob.address(9), number.to_bytes(2, "big"))
            self.clock.run_for(0.01)
        self.clock.run_for(1.0)
        numbers = [int.from_bytes(payload, "big") for _, _, _, payload in self.arrived]
        self.assertTrue(0.77 < len(set(numbers)) / 2000 < 0.85, len(set(numbers)))
        self.assertTrue(1.16 < len(numbers) / len(set(numbers)) < 1.26, len(numbers))
        overtaken = sum(1 for one, other in pairwise(numbers) if other < one)
        self.assertGreater(overtaken, 100)

    def test_jitter_alone_keeps_the_order(self) -> None:
        self.internet.quality = LinkQuality(jitter=0.1)
        ann, bob = self.host("ann"), self.host("bob")
        for number in range(200):
            self.internet.send(ann, 9, bob.address(9), bytes([number]))
            self.clock.run_for(0.001)
        self.clock.run_for(1.0)
        self.assertEqual([payload[0] for _, _, _, payload in self.arrived], list(range(200)))

    def test_what_is_larger_than_the_mtu_vanishes(self) -> None:
        self.internet.quality = LinkQuality(mtu=1280)
        ann, bob = self.host("ann"), self.host("bob")
        self.send(ann, bob.address(9), bytes(1252))
        self.send(ann, bob.address(9), bytes(1253))
        self.assertEqual(len(self.arrived), 1)

    def test_a_cut_link_carries_nothing(self) -> None:
        ann, bob = self.host("ann"), self.host("bob")
        bob.site.downlink.is_cut = True
        self.send(ann, bob.address(9))
        self.assertEqual(self.arrived, [])
