"""The router of Linux that takes what comes in: flows keep their ports unless somebody outside was faster."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.testing.conntrack import REPLIED_SECONDS, UNREPLIED_SECONDS, ConntrackNat
from zerogo.testing.nat import OPEN_INPUT

INSIDE = SocketAddress.of("192.168.1.2", 9993)
OTHER_INSIDE = SocketAddress.of("192.168.1.3", 9993)
OUTSIDE = SocketAddress.of("192.0.2.1", 9993)
PEER = SocketAddress.of("198.51.100.1", 9993)
SERVER = SocketAddress.of("203.0.113.9", 3478)


class ConntrackNatTests(SynchronousTestCase):
    """One router, and one host inside."""

    def setUp(self) -> None:
        self.router = ConntrackNat("192.0.2.1", OPEN_INPUT, random.Random(1))

    def test_a_flow_keeps_its_port_and_lets_in_its_answers_only(self) -> None:
        self.assertEqual(self.router.outbound(INSIDE, PEER, 0.0), OUTSIDE)
        self.assertEqual(self.router.outbound(INSIDE, SERVER, 0.0), OUTSIDE)
        self.assertEqual(self.router.inbound(OUTSIDE, PEER, 0.1), INSIDE)
        self.assertIsNone(self.router.inbound(OUTSIDE, SocketAddress(PEER.host, 1), 0.1))

    def test_who_is_faster_outside_costs_the_port_towards_it_and_towards_nobody_else(self) -> None:
        self.assertIsNone(self.router.inbound(OUTSIDE, PEER, 0.0))
        mapped = self.router.outbound(INSIDE, PEER, 0.1)
        self.assertNotEqual(mapped, OUTSIDE)
        self.assertIsNone(self.router.inbound(OUTSIDE, PEER, 0.2))
        self.assertEqual(self.router.inbound(mapped, PEER, 0.2), INSIDE)
        self.assertEqual(self.router.outbound(INSIDE, SERVER, 0.2), OUTSIDE)

    def test_the_port_is_free_again_when_all_were_quiet_for_long_enough(self) -> None:
        self.router.inbound(OUTSIDE, PEER, 0.0)
        mapped = self.router.outbound(INSIDE, PEER, 0.1)
        self.router.inbound(OUTSIDE, PEER, 20.0)
        self.assertEqual(self.router.outbound(INSIDE, PEER, 20.0), mapped)
        self.assertNotEqual(self.router.outbound(INSIDE, PEER, 20.0 + UNREPLIED_SECONDS), OUTSIDE)
        self.assertEqual(self.router.outbound(INSIDE, PEER, 20.1 + 2 * UNREPLIED_SECONDS), OUTSIDE)

    def test_a_flow_that_was_answered_lives_longer(self) -> None:
        self.router.outbound(INSIDE, PEER, 0.0)
        self.router.inbound(OUTSIDE, PEER, 1.0)
        self.assertEqual(self.router.inbound(OUTSIDE, PEER, REPLIED_SECONDS), INSIDE)
        self.assertIsNone(self.router.inbound(OUTSIDE, PEER, 2 * REPLIED_SECONDS + 1.0))

    def test_two_hosts_inside_have_one_port_towards_different_places_only(self) -> None:
        self.router.outbound(INSIDE, PEER, 0.0)
        self.assertEqual(self.router.outbound(OTHER_INSIDE, SERVER, 0.0), OUTSIDE)
        self.assertNotEqual(self.router.outbound(OTHER_INSIDE, PEER, 0.0), OUTSIDE)

    def test_after_a_reboot_nothing_is_known(self) -> None:
        self.router.inbound(OUTSIDE, PEER, 0.0)
        mapped = self.router.outbound(INSIDE, PEER, 0.0)
        self.router.reboot()
        self.assertEqual(self.router.mapping_count, 0)
        self.assertIsNone(self.router.inbound(mapped, PEER, 0.1))
        self.assertEqual(self.router.outbound(INSIDE, PEER, 0.1).port, INSIDE.port)
