"""A policy on running members, and a member that is blocked, with real agents in the lab: one on each plane. Run by
trial, as root."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.native import is_built
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh, _program
from zerogo.lab.scenario import Role

LIMIT_SECONDS = 10.0
"""For a change to be felt; it takes tenths of a second, but the machine may have a lot else to do."""
PLANES = ("native", "reference") if is_built() else ("reference", "reference")
SCENARIO = """
sites:
  cloud: {{nat: open, hosts: {{server: {{role: [controller, relay]}}}}}}
  lima: {{nat: open, hosts: {{alice: {{role: agent, settings: {{data-plane: {}}}}}}}}}
  oslo: {{nat: open, hosts: {{bob: {{role: agent, settings: {{data-plane: {}}}}}}}}}
"""
ONE_WAY = (
    "rules: [{from: alice, to: bob, protocol: icmp}]\ntests: [{from: bob, to: alice, protocol: icmp, expect: deny}]\n"
)


class PolicyTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def setUp(self) -> None:
        self.lab = Lab(parse_scenario(SCENARIO.format(*PLANES), name="policy", file="policy.yaml"))
        self.lab.__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.mesh = Mesh(self.lab)
        self.addCleanup(self.mesh.close)
        self.mesh.start_all()

    def pings(self, source: str, target: str) -> bool:
        argv = ["ping", "-n", "-c", "1", "-W", "0.3", str(self.mesh.address(target))]
        return self.lab.popen(source, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait() == 0

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        begun = time.monotonic()
        while not condition():
            self.assertLess(time.monotonic() - begun, seconds)

    def zerogo(self, host: str, role: Role, *arguments: str, text: str = "") -> subprocess.CompletedProcess[bytes]:
        place = self.lab.directory / host / role.value
        where = ["--config", str(place / "agent.yaml")] if role is Role.AGENT else ["--state-dir", str(place / "state")]
        process = self.lab.popen(
            host,
            [_program("zerogo"), *arguments, *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = process.communicate(text.encode(), timeout=30)
        return subprocess.CompletedProcess([], process.returncode, output)

    def set_policy(self, text: str) -> None:
        done = self.zerogo("server", Role.CONTROLLER, "policy", "set", "-", text=text)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertNotIn(b"not enforced", done.stdout)

    def refusals(self, host: str) -> int:
        """Frames that the plane of a host did not send because of the policy."""
        status = json.loads(self.zerogo(host, Role.AGENT, "status", "--json").stdout)
        return int(status["plane"]["counters"]["dropped_policy_out"])

    def test_a_policy_takes_effect_on_running_sessions_and_outlives_the_controller(self) -> None:
        for source, target in (("alice", "bob"), ("bob", "alice")):
            self.until(lambda source=source, target=target: self.pings(source, target), 40)
        self.set_policy("default: deny\n")
        for source, target in (("alice", "bob"), ("bob", "alice")):
            self.until(lambda source=source, target=target: not self.pings(source, target), LIMIT_SECONDS)
            self.until(lambda source=source: self.refusals(source) > 0, LIMIT_SECONDS)
        why = self.zerogo("alice", Role.AGENT, "why", "bob").stdout.decode()
        self.assertIn("lets nothing pass between this machine and bob", why)

        self.set_policy(ONE_WAY)
        self.until(lambda: self.pings("alice", "bob"), LIMIT_SECONDS)
        self.assertFalse(self.pings("bob", "alice"))
        explained = self.zerogo("server", Role.CONTROLLER, "policy", "explain", "bob", "alice")
        self.assertEqual((1, b"deny"), (explained.returncode, explained.stdout[:4]), explained.stdout)

        self.see_a_block("bob")

        self.mesh.kill("server", Role.CONTROLLER)
        self.mesh.stop("alice", Role.AGENT)
        self.mesh.start("alice", Role.AGENT)
        self.until(lambda: self.pings("alice", "bob"), 40)
        self.assertFalse(self.pings("bob", "alice"))

    def see_a_block(self, name: str) -> None:
        """Whoever is blocked is cut off in the middle of a session, and back in it when it is let in again."""
        api = self.mesh.owner_api()
        path = f"/networks/{api.request('GET', '/networks')['items'][0]['id']}/members"
        node = next(each["id"] for each in api.request("GET", path)["items"] if each["name"] == name)
        began = time.monotonic()
        api.request("PATCH", f"{path}/{node}", {"state": "blocked"})
        self.until(lambda: not self.pings("alice", name), LIMIT_SECONDS)
        print(f"a member was cut off {time.monotonic() - began:.2f} s after it was blocked")
        api.request("PATCH", f"{path}/{node}", {"state": "approved"})
        self.until(lambda: self.pings("alice", name), 40)
