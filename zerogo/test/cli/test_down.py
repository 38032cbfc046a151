"""Tests for zerogo.cli.down."""

import tempfile
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.state_dir import StateDir
from zerogo.cli.daemon import Daemon
from zerogo.cli.down import down
from zerogo.test.agent.test_record import TOKEN


class DownTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        self.base.chmod(0o700)
        self.running: list[tuple[str, Path]] = []
        self.patch(Daemon, "stop", lambda daemon: (daemon.role, daemon.directory) in self.running)

    def run_down(self) -> str:
        return CliRunner().invoke(down, ["--state-dir", str(self.base)]).output

    def test_it_stops_what_up_started_agent_first(self) -> None:
        self.running = [(role, self.base / role) for role in ("controller", "relay", "agent")]
        self.assertEqual(self.run_down(), "Stopped: agent, relay, controller.\n")

    def test_it_stops_what_join_started(self) -> None:
        StateDir(self.base).save_membership(Membership.of_token(TOKEN))
        self.running = [("agent", self.base)]
        self.assertEqual(self.run_down(), "Stopped: agent.\n")

    def test_nothing_to_stop_is_said(self) -> None:
        self.assertIn("was running", self.run_down())
