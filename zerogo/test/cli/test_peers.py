"""Tests for zerogo.cli.peers."""

import json

import msgspec
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import peers as module
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.peers import peers
from zerogo.test.cli.fake_agent import BOB, CAROL, FakeAgent


class PeersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def test_it_prints_a_table(self) -> None:
        output = CliRunner().invoke(peers).output
        self.assertEqual(len(output.splitlines()), 4)

    def test_a_long_reason_stands_whole_below_the_table(self) -> None:
        reason = "no answer from any address, and no relay is known: " + "192.0.2.1:9993, " * 20 + "[2001:db8::1]:9993"
        self.agent.peer_list = [BOB] + [msgspec.structs.replace(CAROL, name=name, reason=reason) for name in "xy"]
        lines = CliRunner().invoke(peers).output.splitlines()
        self.assertIn("direct 192.0.2.7:9993 host-srflx", lines[1])
        self.assertEqual(lines[4:], [f"x, y: {reason}"])

    def test_on_a_narrow_terminal_paths_are_whole_and_lesser_columns_go(self) -> None:
        self.patch(module, "terminal_width", lambda: 60)
        output = CliRunner().invoke(peers).output
        self.assertIn("direct 192.0.2.7:9993 host-srflx", output)
        self.assertNotIn("JITTER", output)
        self.assertNotIn("HANDSHAKE", output)

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
