"""Two members behind random symmetric NATs, a pair that cannot be direct, are so where one router maps ports. A third,
whose network lets no UDP through, reaches the TCP port that the same router maps, and does so again when it was
restarted and neither the controller nor the relay is there. That the member at home goes to the internet through
another one is no hindrance.

The routers are those of the lab; at home Debian's miniupnpd runs beside its rules. `zerogo why`, `ping` and `netcheck`
are asked what they make of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.gateway_site import MINIUPNPD
from integration.netns.seen import until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.namespaces import load_rules
from zerogo.lab.roles import Mesh
from zerogo.lab.scenario import Role
from zerogo.lab.topology import SitePlan

CONNECT_SECONDS = 30.0
SCENARIO = """
defaults: {link: {delay: 5ms}}
sites:
  hub: {nat: open, hosts: {server: {role: [controller, relay]}}}
  home: {nat: symmetric-random, hosts: {alice: {role: agent, settings: {listen-tcp: 8443, exit-via: bob}}}}
  office: {nat: symmetric-random, hosts: {bob: {role: agent, settings: {exit-node: true}}}}
  bank: {nat: udp-blocked, hosts: [carol]}
"""
HOOKS = """
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain forward { type filter hook forward priority -5; policy accept; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority dstnat - 5; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority srcnat - 5; policy accept; jump postrouting_miniupnpd; }
}
insert rule ip lab forwarding iifname "wan0" ct status dnat accept
"""


class MappedPairTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"
    elif MINIUPNPD is None:
        skip = "miniupnpd is not installed"

    def gateway(self, lab: Lab, site: SitePlan) -> None:
        """Start the daemon on a site's router."""
        assert MINIUPNPD is not None
        load_rules(site.namespace, HOOKS)
        directory = Path(tempfile.mkdtemp(prefix="miniupnpd", dir=lab.directory))
        path = directory / "miniupnpd.conf"
        path.write_text(
            "ext_ifname=wan0\nlistening_ip=lan0\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\n"
            f"lease_file={directory}/l\nallow 1024-65535 {site.lan4} 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n",
            encoding="ascii",
        )
        with (directory / "log").open("ab") as log:
            daemon = lab.popen(
                "home", [MINIUPNPD, "-d", "-f", str(path), "-P", f"{directory}/p"], stdout=log, stderr=log
            )
        self.addCleanup(daemon.wait, 5)
        self.addCleanup(daemon.kill)

    def ask(self, lab: Lab, *arguments: str, host: str = "alice") -> tuple[int, dict[str, Any]]:
        """What a command on a host says."""
        program = str(Path(sys.executable).with_name("zerogo"))
        config = str(lab.directory / host / "agent" / "agent.yaml")
        argv = lab.argv(host, [program, *arguments, "--json", "--config", config])
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        self.assertTrue(done.stdout.startswith("{"), done.stdout + done.stderr)
        return done.returncode, json.loads(done.stdout)

    def is_pinged_by_tcp(self, lab: Lab) -> bool:
        """Whether carol hears of alice by TCP."""
        _, ping = self.ask(lab, "ping", "alice", "-c", "1", host="carol")
        return (ping["received"], ping["path"][:3]) == (1, "tcp")

    def await_path(self, mesh: Mesh, host: str, peer: str, path: str) -> None:
        """Until a host reaches a peer that way."""
        until = time.monotonic() + CONNECT_SECONDS
        seen: object = None
        while time.monotonic() < until:
            mesh.check()
            if mesh.address(host) and mesh.address(peer):
                seen = mesh.peers(host).get(peer)
                if seen is not None and seen.path == path:
                    return
            time.sleep(0.2)
        self.fail(f"not {path}: {seen}")

    def test_a_router_that_maps_makes_hopeless_pairs_direct(self) -> None:
        with Lab(parse_scenario(SCENARIO, name="mapped", file="mapped.yaml")) as lab:
            self.gateway(lab, lab.site("home"))
            mesh = Mesh(lab)
            self.addCleanup(mesh.close)
            mesh.start_all()
            self.await_path(mesh, "alice", "bob", "direct")
            _, why = self.ask(lab, "why", "bob")
            self.assertIn("bob is reached directly, through a port that this machine's gateway maps", why["sentence"])
            _, ping = self.ask(lab, "ping", "bob", "-c", "2")
            self.assertEqual((ping["received"], ping["path"][:6]), (2, "direct"))
            status, found = self.ask(lab, "netcheck")
            self.assertEqual((status, found["mapping"]), (0, "per-destination"))
            self.assertEqual(found["controllers"][0]["answers"], "genuine")
            self.assertLess(abs(found["controllers"][0]["clock_skew_seconds"]), 3)
            self.assertIn(f"reached at {lab.site('home').wan4}:9993", found["agent"])
            route = ["ip", "route", "get", "9.9.9.9"]
            self.assertIsNotNone(until(lambda: " dev zerogo0 " in lab.run("alice", route), CONNECT_SECONDS))
            self.await_path(mesh, "carol", "alice", "tcp")
            place = f"{lab.site('home').wan4}:8443"
            self.assertIn(f", takes TCP at {place}, ", found["agent"])
            sentence = f"alice is reached through its TCP port {place}, "
            self.assertIsNotNone(
                until(lambda: sentence in self.ask(lab, "why", "alice", host="carol")[1]["sentence"], CONNECT_SECONDS)
            )
            for role in (Role.CONTROLLER, Role.RELAY):
                mesh.kill("server", role)
            mesh.stop("carol", Role.AGENT)
            mesh.start("carol", Role.AGENT)
            self.await_path(mesh, "carol", "alice", "tcp")
            self.assertIsNotNone(until(lambda: self.is_pinged_by_tcp(lab), CONNECT_SECONDS))
            mesh.close()
            rules = lab.run("home", ["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"])
            self.assertNotIn("dport", rules)
