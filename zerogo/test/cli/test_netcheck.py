"""`zerogo netcheck`: whom it asks, and what it prints of what was found."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
from attrs import evolve
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.reports import PortMappingReport
from zerogo.agent.state_dir import StateDir
from zerogo.cli import netcheck as module
from zerogo.cli.netcheck import make_plan, netcheck
from zerogo.config.agent import AgentConfig
from zerogo.errors import ParseError
from zerogo.net.netcheck import Plan
from zerogo.reach.network import NetworkFacts
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import STATUS, FakeAgent
from zerogo.test.reach.test_network import DEAF, FACTS, HARD


class PlanTests(SynchronousTestCase):
    """Whom to ask."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.config = evolve(AgentConfig(), state_dir=Path(directory.name) / "agent")

    def test_without_a_membership_only_named_servers_are_asked(self) -> None:
        plan = make_plan(self.config, ["192.0.2.1:3478"])
        self.assertEqual((plan.servers, plan.controllers), ((("192.0.2.1", 3478),), ()))
        self.assertIn("zerogo0", plan.ignored)

    def test_a_membership_names_the_controller_and_its_keys(self) -> None:
        StateDir(self.config.state_dir).save_membership(Membership.of_token(TOKEN))
        plan = make_plan(self.config, [])
        self.assertEqual([address.host for address in plan.controllers][:1], [TOKEN.addresses[0].rpartition(":")[0]])
        self.assertEqual(plan.key_hash, TOKEN.key_hash)

    def test_a_server_that_is_none_is_one_sentence(self) -> None:
        self.assertRaises(ParseError, make_plan, self.config, ["::"])


class NetcheckTests(SynchronousTestCase):
    """What is printed."""

    def setUp(self) -> None:
        self.facts: NetworkFacts = FACTS
        self.agent = FakeAgent()
        self.patch(module, "find_out", lambda plan: self.facts)
        self.patch(module, "make_plan", lambda config, servers: Plan())
        self.patch(module, "AgentClient", lambda path, state_dir: self.agent)

    def run_netcheck(self, *arguments: str) -> Result:
        return CliRunner().invoke(netcheck, list(arguments), standalone_mode=False)

    def test_the_report_ends_with_what_to_expect(self) -> None:
        done = self.run_netcheck()
        self.assertIn("member of home, port 9993", done.output)
        self.assertIn("one outer port for all destinations, the same as inside", done.output)
        self.assertIn("The NAT here is an easy one", done.output)
        self.assertIn("  - To be reached by everybody, switch on UPnP", done.output)
        self.assertEqual(done.return_value, 0)

    def test_the_exit_status_is_the_grade(self) -> None:
        for survey, status in ((HARD, 1), (DEAF, 1)):
            self.facts = evolve(FACTS, survey=survey)
            self.assertEqual(self.run_netcheck().return_value, status)
        self.facts = NetworkFacts()
        self.assertEqual(self.run_netcheck().return_value, 2)

    def test_an_agent_that_does_not_run_is_no_error(self) -> None:
        self.agent.is_running = False
        self.assertIn("not running", self.run_netcheck().output)

    def test_a_mapping_of_the_agent_is_shown(self) -> None:
        mapped = PortMappingReport(
            gateway="192.168.1.1", protocols={}, used="PCP", outer="203.0.113.5:9993", seconds_left=1.0
        )
        self.agent.report = msgspec.structs.replace(STATUS, port_mapping=mapped)
        self.assertIn("reached at 203.0.113.5:9993 by PCP", self.run_netcheck().output)

    def test_a_router_that_refuses_the_tcp_port_is_named_with_its_reason(self) -> None:
        asked = PortMappingReport(
            gateway="192.168.1.1", protocols={"PCP": "asked"}, used="", outer="", seconds_left=None
        )
        for protocols, words in (
            ({"PCP": "no", "UPnP": "its owner does not allow it"}, "not map that port: its owner does not allow it)"),
            ({"PCP": "no", "UPnP": "no"}, "not map that port: it does not speak PCP or UPnP)"),
            ({"PCP": "asked", "UPnP": "no"}, "port 9993 addresses"),
        ):
            refused = msgspec.structs.replace(asked, protocols=protocols)
            self.agent.report = msgspec.structs.replace(STATUS, tcp_mapping=refused)
            self.assertIn(words, " ".join(self.run_netcheck().output.split()))

    def test_json_holds_everything(self) -> None:
        document = json.loads(self.run_netcheck("--json").output)
        self.assertEqual((document["grade"], document["mapping"], document["udp"]), ("direct", "stable", True))
        self.assertEqual(document["relays"], [{"name": "fra", "udp_ms": 12.0, "tcp_ms": 13.0, "tls_ms": 30.0}])
        self.assertEqual(document["controllers"][0]["answers"], "genuine")
        self.assertEqual(document["gateway"]["protocols"], {"PCP": "no", "NAT-PMP": "no", "UPnP": "no"})
        self.assertEqual(document["servers"][0]["outer"], "203.0.113.5:40000")
