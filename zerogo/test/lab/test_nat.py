"""The texts of the rules; what they do is tested in namespaces (integration.netns.test_lab_nat)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.nat import BLOCK_PORTS, SEQUENTIAL_PORTS, Router, conntrack_timeouts, ruleset
from zerogo.lab.scenario import NatKind

INSIDES = ("192.168.1.10", "192.168.1.11")


def router(nat: NatKind, **more: Any) -> Router:
    return evolve(Router(nat=nat, wan="5.10.1.1", lan="192.168.1.0/24", insides=INSIDES), **more)


class RulesetTests(SynchronousTestCase):
    def test_every_nat_drops_new_packets_to_the_router_itself(self) -> None:
        for nat in NatKind:
            self.assertEqual('iifname "wan0" ct state new' in ruleset(router(nat)), nat is not NatKind.OPEN)

    def test_braces_balance_and_keywords_are_no_names(self) -> None:
        for nat in NatKind:
            for hairpin in (False, nat.maps_by_source):
                text = ruleset(router(nat, hairpin=hairpin))
                self.assertEqual(text.count("{"), text.count("}"))
                self.assertNotIn("chain fwd", text)

    def test_rules_replace_those_before(self) -> None:
        self.assertTrue(ruleset(router(NatKind.OPEN)).startswith("table ip lab\ndelete table ip lab\n"))

    def test_without_ipv4_there_are_only_ipv6_rules(self) -> None:
        self.assertNotIn("masquerade", ruleset(router(NatKind.FULL_CONE, wan=None)))

    def test_only_cones_and_hairpins_know_owners(self) -> None:
        self.assertIn("@owners", ruleset(router(NatKind.FULL_CONE)))
        self.assertIn("@heard", ruleset(router(NatKind.ADDRESS_RESTRICTED)))
        self.assertNotIn("@owners", ruleset(router(NatKind.PORT_RESTRICTED)))
        self.assertIn("ct status dnat", ruleset(router(NatKind.PORT_RESTRICTED, hairpin=True)))

    def test_sequential_ports_come_from_a_map(self) -> None:
        text = ruleset(router(NatKind.SYMMETRIC_SEQUENTIAL))
        self.assertIn(f"numgen inc mod {SEQUENTIAL_PORTS} map {{ 0: 20000, 1: 20001,", text)
        self.assertNotIn("offset", text)

    def test_blocks_do_not_overlap(self) -> None:
        text = ruleset(router(NatKind.SYMMETRIC_PORT_BLOCK))
        self.assertIn(f":20000-{20000 + BLOCK_PORTS - 1} random", text)
        self.assertIn(f":{20000 + BLOCK_PORTS}-{20000 + 2 * BLOCK_PORTS - 1} random", text)

    def test_second_host_of_a_cone_has_ports_of_its_own(self) -> None:
        text = ruleset(router(NatKind.FULL_CONE))
        self.assertNotIn(f"ip saddr {INSIDES[0]} meta", text)
        self.assertIn(f"ip saddr {INSIDES[1]} meta l4proto {{ tcp, udp }} masquerade to :21000-21999", text)

    def test_each_rebind_takes_other_ports(self) -> None:
        texts = [ruleset(router(NatKind.PORT_RESTRICTED, generation=n)) for n in range(3)]
        self.assertEqual(len(dict.fromkeys(texts)), 3)

    def test_timeouts_are_whole_seconds_and_four_times_that_once_answered(self) -> None:
        values = list(conntrack_timeouts(router(NatKind.OPEN, udp_timeout=0.2)).values())
        self.assertEqual(values, ["1", "4"])
