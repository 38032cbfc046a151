"""Tests for zerogo.cli.leave."""

import tempfile
from pathlib import Path

from attrs import evolve
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.joining import NoNetwork
from zerogo.agent.record import Membership
from zerogo.agent.state_dir import StateDir
from zerogo.cli import leave as module
from zerogo.cli.agent_client import AgentRefused, AgentSilent
from zerogo.cli.leave import leave
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import FakeAgent


class LeaveTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "agent"
        self.state = StateDir(self.path)
        self.state.save_membership(evolve(Membership.of_token(TOKEN), name="anna", secret=None))
        self.agent = FakeAgent()
        self.patch(module, "AgentClient", lambda path: self.agent)

    def run_leave(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(leave, [*arguments, "--state-dir", str(self.path)], input=answer)

    def test_it_asks_first(self) -> None:
        done = self.run_leave(answer="n\n")
        self.assertIn("Take anna out of the network home?", done.output)
        self.assertEqual((done.exit_code, self.agent.left), (1, []))
        self.assertIsNotNone(self.state.membership())

    def test_it_tells_the_agent_and_forgets(self) -> None:
        done = self.run_leave("--yes")
        self.assertIn("has left the network home.", done.output)
        self.assertIsNone(self.state.membership())

    def test_a_controller_that_cannot_be_told_keeps_the_membership(self) -> None:
        self.agent.refusal = "the controller cannot be told"
        self.assertIsInstance(self.run_leave("--yes").exception, AgentRefused)
        self.assertIsNotNone(self.state.membership())

    def test_without_an_agent_it_must_be_forced(self) -> None:
        self.agent.is_running = False
        self.assertIsInstance(self.run_leave("--yes").exception, AgentSilent)
        self.assertIsNotNone(self.state.membership())
        self.assertIn("was not told", self.run_leave("--yes", "--force").output)
        self.assertIsNone(self.state.membership())

    def test_one_that_is_in_no_network_is_told(self) -> None:
        self.state.forget_network()
        self.assertIsInstance(self.run_leave("--yes").exception, NoNetwork)
