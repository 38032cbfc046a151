"""Tests for zerogo.cli.peers."""

import json

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import peers as module
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.peers import peers
from zerogo.test.cli.fake_agent import FakeAgent


class PeersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def test_it_prints_a_table(self) -> None:
        output = CliRunner().invoke(peers).output
        self.assertEqual(len(output.splitlines()), 3)

    def test_alone_it_says_so(self) -> None:
        self.agent.peer_list = []
        self.assertEqual(CliRunner().invoke(peers).output, "There is no other member yet.\n")

    def test_it_prints_json(self) -> None:
        document = json.loads(CliRunner().invoke(peers, ["--json"]).output)
        self.assertEqual([peer["name"] for peer in document], ["bob", "carol"])

    def test_watching_shows_it_again_until_the_agent_goes(self) -> None:
        naps: list[float] = []

        def nap(seconds: float) -> None:
            naps.append(seconds)
            self.agent.is_running = len(naps) < 3

        self.patch(module.time, "sleep", nap)
        done = CliRunner().invoke(peers, ["--json", "--watch"])
        self.assertEqual(len(done.output.splitlines()), 3)
        self.assertIn("no agent runs here", str(done.exception))
