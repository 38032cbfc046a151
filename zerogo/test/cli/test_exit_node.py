"""Tests for zerogo.cli.exit_node."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from click.testing import CliRunner, Result
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.reports import StatusReport
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.exit_node import exit_node
from zerogo.test.cli.fake_agent import FakeAgent


@define
class AskedAgent:
    """Answers with its status, changed as it was asked."""

    complaint: str = ""
    asked: list[dict[str, Any]] = field(factory=list)

    def ask(self, command: str, kind: type, arguments: dict[str, Any]) -> StatusReport:
        assert (command, kind) == ("exit", StatusReport)
        self.asked.append(arguments)
        return replace(FakeAgent().status(), exit=arguments.get("via", ""), complaint=self.complaint)


class ExitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = AskedAgent()
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def run_exit(self, *arguments: str) -> Result:
        return CliRunner().invoke(exit_node, list(arguments))

    def test_it_says_by_whom_and_that_names_are_looked_up_as_before(self) -> None:
        done = self.run_exit("use", "bob")
        self.assertIn("through bob", done.output)
        self.assertIn("resolv.conf", done.output)
        self.assertEqual(self.agent.asked, [{"via": "bob"}])

    def test_off_ends_it(self) -> None:
        self.assertIn("by itself", self.run_exit("off").output)
        self.assertEqual(self.agent.asked, [{"via": ""}])

    def test_an_offer_tells_what_the_owner_has_to_do(self) -> None:
        self.assertIn("zerogo members approve-exit", self.run_exit("offer").output)
        self.assertEqual(self.run_exit("withdraw").exit_code, 0)
        self.assertEqual(self.agent.asked, [{"is_offered": True}, {"is_offered": False}])

    def test_what_is_not_as_wanted_is_told(self) -> None:
        self.agent.complaint = "this machine does not forward"
        done = self.run_exit("offer")
        self.assertIn("But this machine does not forward.", done.output)
        self.assertNotIn("approve-exit", done.output)
