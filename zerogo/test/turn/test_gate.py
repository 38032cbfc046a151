"""Which peers may be sent to."""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.addresses import AddressRule, parse_address
from zerogo.secret import Secret
from zerogo.test.policy.test_addresses import REFUSED
from zerogo.turn.allocation import Reach
from zerogo.turn.gate import PeerGate
from zerogo.turn.grant import emit_grant

SECRET = Secret("north")
OWN = "5.5.5.5"


def gate(*ranges: str) -> PeerGate:
    rule = AddressRule(tuple(ipaddress.ip_network(each) for each in ranges))
    return PeerGate(rule=rule, own_hosts=(OWN,), secrets=(SECRET,), unix_time=lambda: 100.0)


class PeerGateTests(SynchronousTestCase):
    def test_nothing_is_open_by_default_but_the_relays_own_allocations(self) -> None:
        self.assertIsNone(gate().reach("8.8.8.8", "node", ()))
        self.assertIs(gate().reach(OWN, "node", ()), Reach.INSIDE)

    def test_open_ranges_are_open_to_all(self) -> None:
        self.assertIs(gate("8.0.0.0/8").reach("8.8.8.8", "node", ()), Reach.OUTSIDE)

    def test_neither_wide_range_nor_grant_opens_the_relays_own_machine(self) -> None:
        self.assertIs(gate("0.0.0.0/0").reach(OWN, "node", ()), Reach.INSIDE)
        granted = [emit_grant(SECRET, "node", parse_address(OWN), 200)]
        self.assertIs(gate("0.0.0.0/0").reach(OWN, "node", granted), Reach.INSIDE)

    def test_grant_opens_one_address(self) -> None:
        grants = [b"garbage", emit_grant(SECRET, "node", parse_address("8.8.8.8"), 200)]
        self.assertIs(gate().reach("8.8.8.8", "node", grants), Reach.OUTSIDE)
        self.assertIsNone(gate().reach("8.8.4.4", "node", grants))
        self.assertIsNone(gate().reach("8.8.8.8", "other", grants))

    def test_expired_grant_opens_nothing(self) -> None:
        grant = emit_grant(SECRET, "node", parse_address("8.8.8.8"), 100)
        self.assertIsNone(gate().reach("8.8.8.8", "node", [grant]))

    def test_no_grant_opens_a_special_place_in_any_spelling(self) -> None:
        for text in REFUSED:
            grant = emit_grant(SECRET, "node", parse_address(text), 200)
            self.assertIsNone(gate("0.0.0.0/0", "::/0").reach(text, "node", [grant]), text)
