"""Ranges of addresses are kept out until their time is over or somebody lets them in."""

from __future__ import annotations

import ipaddress

from zerogo.control.gateway_messages import DENIED_RANGES_LIMIT, DeniedRange
from zerogo.store import audit, exit_denials, exit_gateways
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.exit_values import StoredDenial
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase


class ExitDenialTests(StoreCase):
    def deny(self, network: str, lifetime: float | None = None, now: float = NOW) -> StoredDenial:
        parsed = ipaddress.ip_network(network)
        return self.database.write(exit_denials.create_denial, parsed, "abuse", lifetime, "ada", self.rng, now)

    def ranges(self, now: float = NOW) -> list[DeniedRange]:
        return self.database.read(exit_gateways.read_settings, now).denied_ranges

    def test_gateways_are_told_until_it_is_over_or_deleted(self) -> None:
        kept = self.deny("192.0.2.0/24")
        self.deny("2001:db8::/32", 60.0)
        self.assertEqual({one.range for one in self.ranges()}, {"192.0.2.0/24", "2001:db8::/32"})
        self.assertEqual(self.ranges(NOW + 60), [DeniedRange("192.0.2.0/24")])
        self.database.write(exit_denials.delete_denial, kept.denial_id, "ada", NOW)
        self.assertEqual(len(self.database.read(exit_denials.list_denials, Paging(), NOW).items), 1)
        self.assertRaises(NotFound, self.database.write, exit_denials.delete_denial, kept.denial_id, "ada", NOW)
        actions = [line.action for line in self.database.read(audit.list_lines, Paging()).items]
        self.assertEqual(actions[:3], ["exit-denial.delete", "exit-denial.create", "exit-denial.create"])

    def test_a_range_is_kept_out_once_and_again_when_its_time_was_over(self) -> None:
        self.deny("192.0.2.0/24", 60.0)
        self.assertRaises(Conflict, self.deny, "192.0.2.0/24")
        self.deny("192.0.2.0/24", 60.0, NOW + 61)

    def test_there_is_a_limit(self) -> None:
        self.patch(exit_denials, "DENIED_RANGES_LIMIT", 3)
        for number in range(3):
            self.deny(f"192.0.2.{number}/32")
        self.assertRaises(Conflict, self.deny, "192.0.2.9/32")
        self.assertEqual(DENIED_RANGES_LIMIT, 1000)
