"""`zerogo netcheck` in a house whose NAT and router are known."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.gateway_site import MINIUPNPD, OUTER, Site
from zerogo.lab.namespaces import load_rules

LIMIT_SECONDS = 4.0
"""The checks end in under three; a busy machine runs their timers late."""
NO_STUN = """
table inet cut {
  chain forward { type filter hook forward priority 1; policy accept; udp dport { 3478, 3479 } drop; }
}
"""


class NetcheckTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"
    elif MINIUPNPD is None:
        skip = "miniupnpd is not installed"

    def site(self, *, is_hard: bool, servers: bool = True) -> tuple[Site, list[str]]:
        site = Site(is_hard=is_hard)
        self.addCleanup(site.close)
        places = site.start_relay() if servers else ["11.22.33.9:3478"]
        return site, [word for place in places for word in ("--server", place)]

    def check(self, site: Site, servers: list[str]) -> tuple[int, dict[str, Any]]:
        """Exit status and report, which come in time."""
        status, printed = site.run_inside("netcheck", "--json", "--state-dir", str(site.directory / "none"), *servers)
        self.assertTrue(printed.startswith("{"), printed)
        found = json.loads(printed)
        self.assertLess(found["seconds"], LIMIT_SECONDS)
        return status, found

    def test_easy_nat_without_a_helpful_router(self) -> None:
        status, found = self.check(*self.site(is_hard=False))
        self.assertEqual((status, found["grade"]), (0, "direct"))
        self.assertEqual((found["mapping"], found["ports"]), ("stable", "preserved"))
        self.assertEqual(found["filtering"], "addresses and ports that were sent to")
        self.assertEqual((found["hairpin"], found["mtu"]), (False, 1500))
        self.assertEqual(found["gateway"]["protocols"], {"PCP": "no", "NAT-PMP": "no", "UPnP": "no"})
        self.assertTrue(found["outer_ipv4"].startswith(f"{OUTER}:"))

    def test_hard_nat_with_a_router_that_maps(self) -> None:
        site, servers = self.site(is_hard=True)
        site.start()
        status, found = self.check(site, servers)
        self.assertEqual((status, found["grade"]), (0, "direct"))
        self.assertEqual((found["mapping"], found["mapping_varies_by_port"]), ("per-destination", True))
        self.assertEqual(found["ports"], "random")
        self.assertEqual(found["gateway"]["protocols"], {"PCP": "yes", "NAT-PMP": "yes", "UPnP": "yes"})
        self.assertTrue(found["gateway"]["outer"].startswith(f"{OUTER}:"))
        self.assertEqual(site.mapped_ports(), [])

    def test_hard_nat_alone_is_told_with_what_would_help(self) -> None:
        site, servers = self.site(is_hard=True)
        status, found = self.check(site, servers)
        self.assertEqual((status, found["grade"]), (1, "relayed"))
        self.assertIn("192.168.7.1", found["advice"][0])
        load_rules(site.router, NO_STUN)
        status, found = self.check(site, servers)
        self.assertEqual((status, found["udp"]), (2, False))
        self.assertTrue(all(server["rtt_ms"] is None for server in found["servers"]))
