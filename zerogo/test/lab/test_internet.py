"""The middle of the lab: routing, delays, cuts, MTU, bounds and determinism, in virtual time."""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab import internet as module
from zerogo.lab.errors import LabMisuse
from zerogo.lab.internet import Internet
from zerogo.lab.scenario import Link
from zerogo.test.lab.packets import ipv4, ipv6

A, B = "5.10.1.1", "5.10.2.1"


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def two_sites(link: Link | None = None, seed: int = 1) -> Internet:
    """Ports 0 and 1, with IPv4 addresses A and B and an IPv6 network each."""
    internet = Internet(seed)
    for port in range(2):
        internet.add_port(link or Link(delay=0.01), link or Link(delay=0.01))
        internet.set_route(packed(f"5.10.{port + 1}.1"), port)
        internet.set_route(packed(f"2a10:5a:{port + 1}:1::")[:8], port)
    return internet


def arrivals(internet: Internet, until: float) -> list[tuple[float, int, bytes]]:
    """Everything delivered by `until`, with the time it was due."""
    found = []
    while (at := internet.next_at()) is not None and at <= until:
        found += [(at, port, packet) for port, packet in internet.deliver(at)]
    return found


class InternetTests(SynchronousTestCase):
    def test_packet_crosses_both_links(self) -> None:
        internet = two_sites()
        internet.receive(0, ipv4(A, B, b"hello"), 1.0)
        self.assertEqual(list(internet.deliver(1.0199)), [])
        self.assertEqual(list(internet.deliver(1.0201)), [(1, ipv4(A, B, b"hello"))])
        self.assertIsNone(internet.next_at())

    def test_networks_are_routed_by_prefix(self) -> None:
        internet = two_sites()
        internet.set_route(packed("5.20.2.0")[:3], 1)
        for packet in (ipv4(A, "5.20.2.77"), ipv6("2a10:5a:1:1::9", "2a10:5a:2:1::9")):
            internet.receive(0, packet, 0.0)
        self.assertEqual([port for _, port, _ in arrivals(internet, 1.0)], [1, 1])

    def test_unknown_addresses_are_counted(self) -> None:
        internet = two_sites()
        internet.receive(0, ipv4(A, "9.9.9.9"), 0.0)
        internet.receive(0, b"\x00garbage", 0.0)
        internet.remove_route(packed(B))
        internet.receive(0, ipv4(A, B), 0.0)
        self.assertEqual((internet.counters.unroutable, internet.next_at()), (3, None))

    def test_route_of_odd_length_is_refused(self) -> None:
        with self.assertRaises(LabMisuse):
            Internet(1).set_route(b"12", 0)

    def test_rate_of_the_way_down_applies_to_all_senders(self) -> None:
        internet = Internet(1)
        for port, down in enumerate((Link(), Link(), Link(rate=8e6, queue=1.0))):
            internet.add_port(Link(), down)
            internet.set_route(packed(f"5.10.{port}.1"), port)
        for sender in (0, 1):
            internet.receive(sender, ipv4(f"5.10.{sender}.1", "5.10.2.1", bytes(980)), 0.0)
        self.assertEqual([round(at, 6) for at, _, _ in arrivals(internet, 1.0)], [0.001, 0.002])

    def test_path_between_two_sites_adds_its_delay(self) -> None:
        internet = two_sites()
        internet.set_between(0, 1, Link(delay=0.1))
        internet.receive(1, ipv4(B, A), 0.0)
        self.assertAlmostEqual(arrivals(internet, 1.0)[0][0], 0.12)

    def test_changed_link_counts_for_the_next_packet(self) -> None:
        internet = two_sites()
        internet.set_link(0, up=Link(delay=0.2))
        internet.receive(0, ipv4(A, B), 0.0)
        self.assertAlmostEqual(arrivals(internet, 1.0)[0][0], 0.21)

    def test_cut_site_neither_sends_nor_receives_until_healed(self) -> None:
        internet = two_sites()
        internet.receive(0, ipv4(A, B), 0.0)
        internet.cut(1)
        internet.receive(1, ipv4(B, A), 0.0)
        internet.receive(0, ipv4(A, B), 0.0)
        self.assertEqual(arrivals(internet, 1.0), [])
        self.assertEqual(internet.counters.cut, 3)
        internet.heal(1)
        internet.receive(0, ipv4(A, B), 2.0)
        self.assertEqual(len(arrivals(internet, 3.0)), 1)

    def test_parted_sites_still_reach_others(self) -> None:
        internet = two_sites()
        internet.add_port(Link(), Link())
        internet.set_route(packed("5.10.3.1"), 2)
        internet.cut(1, 0)
        internet.receive(0, ipv4(A, B), 0.0)
        internet.receive(0, ipv4(A, "5.10.3.1"), 0.0)
        self.assertEqual([port for _, port, _ in arrivals(internet, 1.0)], [2])
        internet.heal(0, 1)
        internet.receive(0, ipv4(A, B), 1.0)
        self.assertEqual(len(arrivals(internet, 2.0)), 1)

    def test_too_big_packet_is_answered(self) -> None:
        internet = two_sites(Link(delay=0.01, mtu=1280))
        internet.receive(0, ipv4(A, B, bytes(1400)), 0.0)
        ((_, port, error),) = arrivals(internet, 1.0)
        self.assertEqual((port, error[9], error[20]), (0, 1, 3))
        self.assertEqual(internet.counters.too_big, 1)

    def test_narrow_way_down_is_answered_too(self) -> None:
        internet = two_sites(Link())
        internet.set_link(1, down=Link(mtu=1300))
        internet.receive(0, ipv6("2a10:5a:1:1::9", "2a10:5a:2:1::9", bytes(1400)), 0.0)
        ((_, port, error),) = arrivals(internet, 1.0)
        self.assertEqual((port, error[40]), (0, 2))

    def test_black_hole_is_silent(self) -> None:
        internet = two_sites(Link(mtu=1280, mtu_signals=False))
        internet.receive(0, ipv4(A, B, bytes(1400)), 0.0)
        internet.receive(0, ipv4(A, B, bytes(1200)), 0.0)
        self.assertEqual([len(packet) for _, _, packet in arrivals(internet, 1.0)], [1220])

    def test_packet_without_df_arrives_in_pieces(self) -> None:
        internet = two_sites(Link(mtu=1280))
        internet.receive(0, ipv4(A, B, bytes(2000), df=False), 0.0)
        pieces = [packet for _, _, packet in arrivals(internet, 1.0)]
        self.assertEqual(sum(len(piece) - 20 for piece in pieces), 2000)
        self.assertEqual(len(pieces), 2)

    def test_packets_in_flight_are_bounded(self) -> None:
        self.patch(module, "IN_FLIGHT_LIMIT", 10)
        internet = two_sites()
        for _ in range(25):
            internet.receive(0, ipv4(A, B), 0.0)
        self.assertEqual((len(arrivals(internet, 1.0)), internet.counters.overflowed), (10, 15))

    def test_watched_pattern_is_counted_also_if_the_packet_is_lost(self) -> None:
        internet = two_sites(Link(loss=1.0))
        internet.watch(b"canary")
        internet.receive(0, ipv4(A, B, b"a canary sings"), 0.0)
        internet.receive(0, ipv4(A, B, b"silence"), 0.0)
        self.assertEqual((internet.seen(b"canary"), internet.seen(b"unwatched")), (1, 0))

    def test_capture_sees_what_enters(self) -> None:
        seen: list[tuple[bytes, float]] = []
        internet = two_sites()
        internet.capture = lambda packet, at: seen.append((packet, at))
        internet.receive(0, ipv4(A, B, b"x"), 3.5)
        self.assertEqual(seen, [(ipv4(A, B, b"x"), 3.5)])

    def test_same_seed_same_run(self) -> None:
        link = Link(delay=0.02, jitter=0.01, loss=0.1, reorder=0.1, duplicate=0.1)

        def run(seed: int) -> list[tuple[float, int, bytes]]:
            internet = two_sites(link, seed)
            for number in range(300):
                ends = (A, B) if number % 2 else (B, A)
                internet.receive(0 if number % 2 else 1, ipv4(*ends, bytes([number % 256])), number * 0.001)
            return arrivals(internet, 10.0)

        self.assertEqual(run(5), run(5))
        self.assertNotEqual(run(5), run(6))

    def test_traffic_of_others_does_not_change_a_links_fate(self) -> None:
        link = Link(delay=0.02, loss=0.3)

        def lost(with_noise: bool) -> list[int]:
            internet = two_sites(link, 9)
            internet.add_port(link, link)
            internet.set_route(packed("5.10.3.1"), 2)
            for number in range(200):
                internet.receive(0, ipv4(A, B, bytes([number])), number * 0.001)
                if with_noise:
                    internet.receive(2, ipv4("5.10.3.1", A), number * 0.001)
            return [packet[-1] for _, port, packet in arrivals(internet, 10.0) if port == 1]

        self.assertEqual(lost(False), lost(True))
