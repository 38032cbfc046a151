"""Networks behind members, in the lab: reached through a gateway, by the other one when it dies, and given back."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh
from zerogo.lab.scenario import Role

GATEWAYS = """
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  lima: {nat: open, hosts: [alice]}
  oslo:
    nat: port-restricted
    lan: 192.168.77.0/24
    hosts:
      bob: {role: agent, settings: {announce: [192.168.77.0/24]}}
      bea: {role: agent, settings: {announce: [192.168.77.0/24]}}
      printer: {role: none}
"""


def until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Seconds until the condition held; None where it did not."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.05)
    return time.monotonic() - begun


def answers(lab: Lab, source: str, address: str) -> bool:
    argv = ["ping", "-n", "-c", "1", "-W", "1", address]
    return lab.popen(source, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait() == 0


class SubnetTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def test_two_gateways_lead_to_one_network_and_one_takes_over(self) -> None:
        with Lab(parse_scenario(GATEWAYS, name="subnet", file="subnet.yaml")) as lab:
            mesh = Mesh(lab)
            try:
                rules = lab.run("alice", ["ip", "rule"])
                printer = lab.host("printer").addresses[0]
                self.assertFalse(answers(lab, "alice", printer))
                mesh.start_all()
                self.assertIsNotNone(until(lambda: answers(lab, "alice", printer), 20))
                seen = lab.run("alice", ["ip", "route", "get", printer])
                used = next(name for name in ("bob", "bea") if f"via {mesh.address(name)} " in seen)
                spare = "bea" if used == "bob" else "bob"
                mesh.kill(used, Role.AGENT)
                outage = until(lambda: answers(lab, "alice", printer), 15)
                self.assertIsNotNone(outage)
                self.assertIn(f"via {mesh.address(spare)} ", lab.run("alice", ["ip", "route", "get", printer]))
                self.assertNotIn(
                    "192.168.77.0", lab.run(spare, ["ip", "route", "show", "table", "all", "dev", "zerogo0"])
                )
                mesh.stop("alice", Role.AGENT)
                self.assertEqual(lab.run("alice", ["ip", "rule"]), rules)
                mesh.stop(spare, Role.AGENT)
                self.assertEqual(lab.run(spare, ["nft", "list", "tables"]), "")
            finally:
                mesh.close()
