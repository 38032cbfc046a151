"""Networks behind members, in the lab: reached through a gateway, by the other one when it dies, and given back."""

from __future__ import annotations

import os
import subprocess
import time

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.seen import seen_by_shop, until
from zerogo.agent.reports import StatusReport
from zerogo.cli.agent_client import AgentClient, AgentRefused, AgentSilent
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


EXIT = """
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  lima: {nat: open, hosts: [alice]}
  oslo: {nat: open, hosts: {bob: {role: agent, settings: {exit-node: true}}}}
  rome: {nat: open, hosts: {shop: {role: none}}}
"""


class ExitTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def test_a_member_goes_to_the_internet_through_another(self) -> None:
        with Lab(parse_scenario(EXIT, name="exit", file="exit.yaml")) as lab:
            mesh = Mesh(lab)
            agent = lab.directory / "alice" / "agent" / "agent.sock"
            alice, bob = lab.host("alice").addresses[0], lab.host("bob").addresses[0]
            try:
                rules = lab.run("alice", ["ip", "rule"])
                mesh.start_all()

                def chosen() -> bool:
                    try:
                        return AgentClient(agent).ask("exit", StatusReport, {"via": "bob"}).exit == "bob"
                    except (AgentSilent, AgentRefused):
                        return False

                self.assertIsNotNone(until(chosen, 20))
                self.assertIsNotNone(until(lambda: seen_by_shop(lab) == bob, 5))
                # The mesh itself stays where it was: through itself it would break after the keys' life at the latest.
                time.sleep(3)
                self.assertEqual(seen_by_shop(lab), bob)
                mesh.kill("alice", Role.AGENT)
                self.assertEqual(seen_by_shop(lab), alice)
                mesh.start("alice", Role.AGENT)
                self.assertIsNotNone(until(lambda: seen_by_shop(lab) == bob, 10))
                mesh.stop("alice", Role.AGENT)
                self.assertEqual((seen_by_shop(lab), lab.run("alice", ["ip", "rule"])), (alice, rules))
            finally:
                mesh.close()

    def test_an_exit_that_fails_closed_is_not_gone_around(self) -> None:
        chosen = "hosts: {alice: {role: agent, settings: {exit-via: bob, exit-fail-closed: true}}}"
        text = EXIT.replace("hosts: [alice]", chosen)
        with Lab(parse_scenario(text, name="closed", file="closed.yaml")) as lab:
            mesh = Mesh(lab)
            alice, bob = lab.host("alice").addresses[0], lab.host("bob").addresses[0]
            try:
                mesh.start_all()
                self.assertIsNotNone(until(lambda: seen_by_shop(lab) == bob, 20))
                mesh.kill("bob", Role.AGENT)
                self.assertEqual(seen_by_shop(lab), "")
                mesh.kill("alice", Role.AGENT)
                self.assertEqual(seen_by_shop(lab), "")
                mesh.start("bob", Role.AGENT)
                mesh.start("alice", Role.AGENT)
                self.assertIsNotNone(until(lambda: seen_by_shop(lab) == bob, 20))
                mesh.stop("alice", Role.AGENT)
                self.assertEqual(seen_by_shop(lab), alice)
            finally:
                mesh.close()
