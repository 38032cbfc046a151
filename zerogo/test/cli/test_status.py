"""Tests for zerogo.cli.status."""

import json

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.agent_client import AgentClient
from zerogo.cli.status import status
from zerogo.test.cli.fake_agent import FakeAgent


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def test_it_prints_a_page(self) -> None:
        done = CliRunner().invoke(status)
        self.assertEqual(done.exit_code, 0)
        self.assertIn("network     home (pd5ac6ko)", done.output)
        self.assertIn("flow log    not kept", done.output)

    def test_it_prints_json_with_all_counters(self) -> None:
        document = json.loads(CliRunner().invoke(status, ["--json"]).output)
        self.assertEqual(document["plane"]["counters"], {"dropped_replay": 2})
        self.assertEqual(document["refusals"], {"foreign_stun": 1})
