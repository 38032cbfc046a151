"""Translators against the words of RFC 4787."""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.testing.nat import (
    ADDRESS_RESTRICTED,
    FULL_CONE,
    PORT_RESTRICTED,
    SYMMETRIC_RANDOM,
    SYMMETRIC_SEQUENTIAL,
    Nat,
    NatBehaviour,
)

INSIDE = SocketAddress.of("192.168.1.2", 9993)
OTHER_INSIDE = SocketAddress.of("192.168.1.3", 9993)
PEER = SocketAddress.of("198.51.100.1", 1000)
SAME_HOST = SocketAddress.of("198.51.100.1", 2000)
STRANGER = SocketAddress.of("203.0.113.9", 1000)


def nat(behaviour: NatBehaviour) -> Nat:
    """A translator."""
    return Nat("192.0.2.1", behaviour, random.Random(1))


class MappingTests(SynchronousTestCase):
    """Section 4."""

    def test_endpoint_independent_mappings_keep_the_port_and_are_one_for_all(self) -> None:
        router = nat(PORT_RESTRICTED)
        seen = [router.outbound(INSIDE, to, 0.0) for to in (PEER, SAME_HOST, STRANGER)]
        self.assertEqual(seen, [SocketAddress("192.0.2.1", 9993)] * 3)

    def test_a_port_that_is_taken_is_not_given_twice(self) -> None:
        router = nat(PORT_RESTRICTED)
        self.assertNotEqual(router.outbound(INSIDE, PEER, 0.0), router.outbound(OTHER_INSIDE, PEER, 0.0))

    def test_sequential_symmetric_ports_step_by_one(self) -> None:
        router = nat(SYMMETRIC_SEQUENTIAL)
        ports = [router.outbound(INSIDE, to, 0.0).port for to in (PEER, SAME_HOST, STRANGER, PEER)]
        self.assertEqual(ports, [20000, 20001, 20002, 20000])

    def test_random_symmetric_ports_differ_per_destination(self) -> None:
        router = nat(SYMMETRIC_RANDOM)
        ports = [router.outbound(INSIDE, to, 0.0).port for to in (PEER, SAME_HOST, STRANGER)]
        self.assertEqual(len(set(ports)), 3)
        self.assertNotEqual([ports[0] + 1, ports[0] + 2], ports[1:])

    def test_an_unused_mapping_ends_and_inbound_does_not_refresh_it(self) -> None:
        router = nat(FULL_CONE)
        outside = router.outbound(INSIDE, PEER, 0.0)
        self.assertEqual(router.inbound(outside, PEER, 119.0), INSIDE)
        self.assertIsNone(router.inbound(outside, PEER, 121.0))

    def test_after_a_reboot_nothing_is_known(self) -> None:
        router = nat(FULL_CONE)
        outside = router.outbound(INSIDE, PEER, 0.0)
        router.reboot()
        self.assertIsNone(router.inbound(outside, PEER, 0.0))
        self.assertEqual(router.mapping_count, 0)
        self.assertNotEqual(router.outbound(INSIDE, PEER, 0.0), outside)


class FilteringTests(SynchronousTestCase):
    """Section 5."""

    def admitted(self, behaviour: NatBehaviour) -> list[bool]:
        """Who gets in after the inside wrote to PEER: PEER, another port of its host, a stranger."""
        router = nat(behaviour)
        outside = router.outbound(INSIDE, PEER, 0.0)
        return [router.inbound(outside, source, 1.0) is not None for source in (PEER, SAME_HOST, STRANGER)]

    def test_each_kind_lets_in_what_its_name_says(self) -> None:
        self.assertEqual(self.admitted(FULL_CONE), [True, True, True])
        self.assertEqual(self.admitted(ADDRESS_RESTRICTED), [True, True, False])
        self.assertEqual(self.admitted(PORT_RESTRICTED), [True, False, False])
        self.assertEqual(self.admitted(SYMMETRIC_RANDOM), [True, False, False])

    def test_what_comes_from_outside_makes_no_mapping(self) -> None:
        router = nat(FULL_CONE)
        self.assertIsNone(router.inbound(SocketAddress("192.0.2.1", 9993), PEER, 0.0))
        self.assertEqual(router.mapping_count, 0)

    def test_a_mapping_lives_as_long_as_the_behaviour_says(self) -> None:
        router = nat(evolve(FULL_CONE, mapping_seconds=2.0))
        outside = router.outbound(INSIDE, PEER, 0.0)
        self.assertIsNone(router.inbound(outside, PEER, 2.5))
