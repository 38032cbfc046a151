"""`zerogo policy` against the whole API."""

from __future__ import annotations

import json

from click.testing import Result

from zerogo.cli.networks import networks
from zerogo.cli.policy import policy
from zerogo.control.messages import FlowRow, FlowsReport
from zerogo.ids import NodeId
from zerogo.store import flow_log, members
from zerogo.store.flow_log import Told
from zerogo.test.cli.test_networks import CommandCase
from zerogo.test.store.stock import NOW

SSH = "rules: [{from: ann, to: bob, ports: 22}]\n"


class PolicyTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.join("ann")
        self.join("bob")

    def given(self, text: str, *arguments: str) -> Result:
        return self.invoke(policy, *arguments, answer=text)

    def test_a_policy_is_set_and_shown_as_it_was_written(self) -> None:
        self.assertIn("no policy was ever set", self.invoke(policy, "show").stderr)
        saved = self.given(SSH, "set", "-", "-m", "first")
        self.assertEqual("revision 1 is in force\n", saved.stdout)
        self.assertIn("not enforced at ann, bob", saved.stderr)
        self.assertEqual(SSH, self.run_ok(policy, "show"))
        self.assertEqual(1, json.loads(self.run_ok(policy, "show", "--json"))["revision"])

    def test_what_is_not_right_is_one_sentence(self) -> None:
        self.assertIn("line 1, column 9", str(self.given("rules: [x]", "set", "-").exception))
        failing = SSH + "tests: [{from: bob, to: ann, port: 1}]"
        self.assertIn("test 1 (bob to ann", str(self.given(failing, "set", "-").exception))
        self.assertIn("not UTF-8", str(self.invoke(policy, "set", "-", answer=b"\xff").exception))  # type: ignore[arg-type]
        self.assertIn("in the meantime", str(self.given(SSH, "set", "-", "--on", "7").exception))

    def test_a_text_is_checked(self) -> None:
        shown = self.given("rules: [{from: eve, to: bob}]\ntests: [{from: eve, to: bob, port: 1}]", "check", "-").output
        self.assertIn("warning: line 1, column 9: rule 1: 'eve' is no member of this network", shown)
        self.assertIn("passes", shown)
        self.assertIn("this policy is right", shown)
        result = self.given(SSH + "tests: [{from: bob, to: ann, port: 1}]", "check", "-", "--json")
        self.assertFalse(json.loads(result.stdout)["is_right"])
        self.assertIn("cannot be put in force", str(result.exception))

    def test_who_gains_and_loses(self) -> None:
        shown = self.given(SSH, "diff", "-").stdout
        self.assertIn("LOSES", shown)
        self.assertIn("everything", shown)
        self.assertEqual("nobody gains or loses access\n", self.given("default: allow", "diff", "-").stdout)
        self.assertIn("-default: allow\n+rules:", self.given(SSH, "diff", "-", "--text").stdout)

    def test_what_was_decided_is_listed_with_names(self) -> None:
        self.assertIn("home keeps no such log", self.invoke(policy, "flows").stderr)
        self.assertIn("flow-log     True", self.run_ok(networks, "change", "home", "--flow-log"))
        ann, bob = (self.agent_of(name) for name in ("ann", "bob"))
        report = FlowsReport(60.0, [FlowRow(bob.raw, False, 6, 22, 0, 7), FlowRow(bob.raw, True, 1, 0, 1, 0)])
        self.database.write(flow_log.keep, [Told(network=self.network, reporter=ann, at=NOW, report=report)])
        heading, first, second = self.run_ok(policy, "flows").splitlines()
        self.assertEqual(["UNTIL", "FROM", "TO", "WHAT", "OPENED", "REFUSED", "TOLD", "BY"], heading.split())
        self.assertEqual(["ann", "bob", "icmp", "1", "0", "ann"], first.split()[1:])
        self.assertEqual(["bob", "ann", "tcp", "22", "0", "7", "ann"], second.split()[1:])
        self.assertEqual("nothing was told\n", self.run_ok(policy, "flows", "--opened", "--port", "22"))
        (row,) = json.loads(self.run_ok(policy, "flows", "--refused", "--member", "bob", "--json"))
        self.assertEqual(("in", 22, 7), (row["direction"], row["port"], row["refused"]))

    def agent_of(self, name: str) -> NodeId:
        found = self.database.read(members.name_owner, self.network, name)
        assert found is not None
        return NodeId.parse(found)

    def test_a_packet_is_explained(self) -> None:
        self.given(SSH, "set", "-")
        self.assertEqual(
            "allow: ann to bob: rule 1 (line 1) allows tcp port 22\n",
            self.run_ok(policy, "explain", "ann", "bob", "22"),
        )
        for port in ("udp/53", "gre", "ethernet"):
            refused = self.invoke(policy, "explain", "ann", "bob", port)
            self.assertEqual((1, "deny"), (refused.exit_code, refused.stdout.partition(":")[0]))
        self.assertEqual("deny", json.loads(self.invoke(policy, "explain", "bob", "ann", "--json").stdout)["verdict"])
        self.assertIn("no member 'eve'", self.refusal(policy, "explain", "eve", "ann"))
        self.assertIn("neither a port", self.refusal(policy, "explain", "ann", "bob", "tcp/ssh"))

    def test_the_history_is_gone_back_to(self) -> None:
        self.assertEqual("no policy was ever set\n", self.run_ok(policy, "history"))
        for text in (SSH, "default: allow\n"):
            self.given(text, "set", "-", "-m", "a change")
        self.assertIn("a change", self.run_ok(policy, "history"))
        self.assertEqual("revision 3 is in force\n", self.run_ok(policy, "rollback", "1"))
        self.assertEqual(SSH, self.run_ok(policy, "show"))
        self.assertEqual([3, 2, 1], [one["revision"] for one in json.loads(self.run_ok(policy, "history", "--json"))])
