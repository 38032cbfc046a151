"""A site that lets out nothing but TCP to an HTTP proxy: its member reaches another one's open TCP port through that,
although the proxy refuses some of its places, hangs up or swallows, and reaches the internet through it.

There is no relay, so the open port is all there is; and the exit takes every route but those that must go beside it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.rude_proxy import HUNG_UP, OPEN_PORT, REFUSED, SLOW, SWALLOWING
from integration.netns.seen import seen_by_shop, until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.namespaces import load_rules
from zerogo.lab.roles import Mesh

GATE, BOB, PROXY_PORT = "5.20.1.11", "5.20.3.10", 3128
PLACES = ", ".join(f"'{BOB}:{port}'" for port in (REFUSED, HUNG_UP, SWALLOWING, SLOW))
SCENARIO = f"""
defaults: {{link: {{delay: 5ms}}}}
sites:
  cloud: {{nat: open, hosts: {{server: {{role: controller}}, gate: {{role: none}}}}}}
  bank:
    nat: udp-blocked
    hosts: {{alice: {{role: agent, settings: {{exit-via: bob, proxy: 'http://{GATE}:{PROXY_PORT}'}}}}}}
  oslo:
    nat: open
    hosts:
      bob: {{role: agent, settings: {{exit-node: true, listen-tcp: {OPEN_PORT}, tcp-addresses: [{PLACES}]}}}}
  rome: {{nat: open, hosts: {{shop: {{role: none}}}}}}
"""
STRICT = f"""
table inet strict {{
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname "lan0" ip daddr != {GATE} drop
  }}
}}
"""


class ProxiedPortTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def path_to_bob(self, mesh: Mesh) -> str:
        """As alice says; empty where she says nothing."""
        found = mesh.peers("alice").get("bob") if mesh.address("bob") else None
        return "" if found is None else found.path

    def start_proxy(self, lab: Lab) -> subprocess.Popen[bytes]:
        """The proxy, whose words are in `proxy.log`."""
        command = [sys.executable, "-m", "integration.netns.rude_proxy", str(PROXY_PORT)]
        with (lab.directory / "proxy.log").open("ab") as log:
            proxy = lab.popen("gate", command, stdout=log, stderr=log)
        self.addCleanup(proxy.wait, 5)
        self.addCleanup(proxy.kill)
        return proxy

    def test_an_open_port_is_reached_through_a_rude_proxy_and_is_the_way_to_an_exit(self) -> None:
        with Lab(parse_scenario(SCENARIO, name="proxied", file="proxied.yaml")) as lab:
            self.assertEqual((lab.host("gate").addresses[0], lab.host("bob").addresses[0]), (GATE, BOB))
            load_rules(lab.site("bank").namespace, STRICT)
            proxy = self.start_proxy(lab)
            mesh = Mesh(lab)
            self.addCleanup(mesh.close)
            mesh.start_all()
            self.assertIsNotNone(until(lambda: seen_by_shop(lab) == BOB, 40))
            self.assertIsNotNone(until(lambda: self.path_to_bob(mesh) == "tcp", 40))
            asked = (lab.directory / "proxy.log").read_text(encoding="utf-8").split()
            self.assertLessEqual({str(port) for port in (REFUSED, HUNG_UP, SWALLOWING, SLOW)}, set(asked))
            proxy.send_signal(signal.SIGUSR1)
            self.assertIsNotNone(until(lambda: seen_by_shop(lab) == "", 10))
            self.assertIsNotNone(until(lambda: seen_by_shop(lab) == BOB, 40))
            again = (lab.directory / "proxy.log").read_text(encoding="utf-8").split()
            self.assertGreater(again.count(str(SLOW)), asked.count(str(SLOW)))
