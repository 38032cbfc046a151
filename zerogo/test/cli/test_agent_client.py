"""Tests for zerogo.cli.agent_client."""

import tempfile
from pathlib import Path

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, AgentRefused, AgentSilent, agent_config
from zerogo.config.errors import ConfigError
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import BOB, STATUS, LineServer


class ClientTests(SynchronousTestCase):
    def answered(self, answer: bytes) -> LineServer:
        return LineServer(answer + b"\n")

    def test_status_and_peers_are_read_as_what_they_are(self) -> None:
        with self.answered(msgspec.json.encode({"ok": True, "result": STATUS})) as server:
            self.assertEqual(AgentClient(server.path).status(), STATUS)
        self.assertEqual(server.requests, [{"command": "status", "arguments": {}}])
        with self.answered(msgspec.json.encode({"ok": True, "result": [BOB]})) as server:
            self.assertEqual(AgentClient(server.path).peers(), [BOB])

    def test_an_answer_of_a_later_release_with_more_fields_is_read(self) -> None:
        later = {**msgspec.to_builtins(STATUS), "weather": "fine"}
        with self.answered(msgspec.json.encode({"ok": True, "result": later})) as server:
            self.assertEqual(AgentClient(server.path).status(), STATUS)

    def test_a_refusal_is_the_agents_sentence(self) -> None:
        with self.answered(b'{"ok": false, "error": "the controller cannot be told"}') as server:
            error = self.assertRaises(AgentRefused, AgentClient(server.path).leave, False)
        self.assertEqual(str(error), "the controller cannot be told")

    def test_an_answer_that_is_none_is_one_sentence(self) -> None:
        for answer in (b"[]", b'{"ok": true, "result": {"state": 3}}', b"\xff"):
            with self.answered(answer) as server:
                error = self.assertRaises(AgentRefused, AgentClient(server.path).status)
            self.assertIn("another release", str(error))

    def test_one_that_hangs_up_is_one_sentence(self) -> None:
        with LineServer(b"") as server:
            error = self.assertRaises(AgentSilent, AgentClient(server.path).status)
        self.assertIn("run as root", str(error))

    def test_no_agent_is_one_sentence_that_says_what_to_do(self) -> None:
        error = self.assertRaises(AgentSilent, AgentClient(Path("/nonexistent/agent.sock")).status)
        self.assertIn("zerogo join", str(error))


class FindTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        self.base.chmod(0o700)

    def test_a_state_directory_names_its_agent(self) -> None:
        self.assertEqual(socket_path(agent_config(None, self.base)), self.base / "agent.sock")

    def test_the_directory_of_up_means_the_agent_below_it(self) -> None:
        StateDir(self.base / "agent").save_membership(Membership.of_token(TOKEN))
        self.assertEqual(socket_path(agent_config(None, self.base)), self.base / "agent" / "agent.sock")

    def test_a_machine_that_was_turned_away_is_told_so(self) -> None:
        StateDir(self.base).save_membership(evolve(Membership.of_token(TOKEN), refusal="it was removed"))
        error = self.assertRaises(AgentSilent, AgentClient.find(None, self.base).status)
        self.assertIn("turned this machine away: it was removed", str(error))

    def test_a_configuration_file_names_the_socket(self) -> None:
        config = self.base / "agent.yaml"
        config.write_text(f"socket: {self.base}/other.sock\n")
        self.assertEqual(socket_path(agent_config(config, None)), self.base / "other.sock")

    def test_a_configuration_that_cannot_be_used_is_an_error(self) -> None:
        config = self.base / "agent.yaml"
        config.write_text("tap-devise: zt0\n")
        self.assertIn("tap-device", str(self.assertRaises(ConfigError, agent_config, config, None)))
