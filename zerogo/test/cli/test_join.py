"""Tests for zerogo.cli.join; the agent is one in memory."""

import tempfile
from pathlib import Path

import msgspec
from attrs import evolve
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.joining import NoNetwork, OtherNetwork
from zerogo.agent.record import Membership
from zerogo.agent.reports import StatusReport
from zerogo.agent.state_dir import StateDir
from zerogo.cli import join as module
from zerogo.cli.daemon import Daemon, RoleFailed
from zerogo.cli.join import AgentStart, join
from zerogo.cli.privilege import NeedsRoot
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import STATUS, FakeAgent


class JoinTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "agent"
        self.state = StateDir(self.path)
        self.agent = FakeAgent(is_running=False)
        self.started: list[list[str]] = []
        self.failure = ""
        self.patch(AgentStart, "client", self.agent)
        self.patch(module, "require_devices", lambda what: None)
        self.patch(Daemon, "stop", lambda daemon: self.stop())
        self.patch(Daemon, "start", lambda daemon, arguments: self.start(daemon, arguments))
        self.patch(module, "PEERS_SECONDS", 0.0)

    def start(self, daemon: Daemon, arguments: list[str]) -> None:
        if self.failure:
            raise RoleFailed(self.failure)
        self.started.append(arguments)
        self.agent.is_running = True

    def stop(self) -> bool:
        was_running, self.agent.is_running = self.agent.is_running, False
        return was_running

    def run_join(self, *arguments: str) -> Result:
        return CliRunner().invoke(join, [*arguments, "--state-dir", str(self.path)])

    def test_it_keeps_the_token_starts_the_agent_and_shows_what_came_of_it(self) -> None:
        done = self.run_join(TOKEN.format(), "--name", "anna", "--port", "0")
        self.assertEqual(done.exit_code, 0, done.output)
        self.assertEqual(self.started, [["--state-dir", str(self.path), "--name", "anna", "--port", "0"]])
        self.assertEqual(self.state.membership(), Membership.of_token(TOKEN))
        self.assertIn("This machine is anna in network home.", done.output)
        self.assertIn("10.1.0.2, fd00::2 on zerogo0", done.output)
        self.assertIn("direct 192.0.2.7:9993", done.output)

    def test_a_member_whose_agent_runs_is_left_alone(self) -> None:
        self.agent.is_running = True
        self.state.prepare()
        self.state.save_membership(evolve(Membership.of_token(TOKEN), name="anna", secret=None))
        done = self.run_join(TOKEN.format())
        self.assertIn("a member already", done.output)
        self.assertEqual(self.started, [])

    def test_without_a_token_the_agent_of_the_network_is_started(self) -> None:
        self.state.prepare()
        self.state.save_membership(evolve(Membership.of_token(TOKEN), name="anna", secret=None))
        self.assertEqual(self.run_join().exit_code, 0)
        self.assertEqual(len(self.started), 1)

    def test_without_token_and_network_it_says_so(self) -> None:
        self.assertIsInstance(self.run_join().exception, NoNetwork)

    def test_a_member_of_another_network_is_told(self) -> None:
        self.state.prepare()
        held = evolve(Membership.of_token(TOKEN), network=NetworkId(b"other"), name="anna", secret=None)
        self.state.save_membership(held)
        self.assertIsInstance(self.run_join(TOKEN.format()).exception, OtherNetwork)
        self.assertEqual(self.state.membership(), held)

    def test_half_a_token_changes_nothing(self) -> None:
        self.assertIsInstance(self.run_join(TOKEN.format()[:40]).exception, ParseError)
        self.assertIsNone(self.state.membership())

    def test_an_agent_that_does_not_start_says_why(self) -> None:
        self.failure = "no permission to open /dev/net/tun: run as root"
        self.assertEqual(str(self.run_join(TOKEN.format()).exception), self.failure)
        self.assertIsNone(self.state.membership())

    def test_a_refused_token_is_the_controllers_sentence(self) -> None:
        def refuse(daemon: Daemon, arguments: list[str]) -> None:
            held = self.state.membership()
            self.state.save_membership(evolve(held, refusal="this join token was used before"))

        self.patch(Daemon, "start", refuse)
        self.assertEqual(str(self.run_join(TOKEN.format()).exception), "this join token was used before")
        self.assertIsNone(self.state.membership())

    def test_waiting_for_approval_is_no_failure(self) -> None:
        self.agent.report = msgspec.structs.replace(STATUS, state="pending", sentence="a person must approve you")
        done = self.run_join(TOKEN.format())
        self.assertEqual((done.exit_code, done.output.strip()), (0, "Waiting: a person must approve you."))

    def test_a_member_runs_from_its_last_map_without_the_controller(self) -> None:
        self.state.prepare()
        self.state.save_membership(evolve(Membership.of_token(TOKEN), name="anna", secret=None))
        self.agent.report = msgspec.structs.replace(STATUS, state="offline", sentence="the controller is silent")
        self.patch(module, "CONTROLLER_SECONDS", 0.0)
        done = self.run_join()
        self.assertEqual(done.exit_code, 0, done.output)
        self.assertIn("This machine is anna in network home.", done.output)
        self.assertIn("from the last map it was given: the controller is silent.", done.output)

    def test_a_member_without_a_map_waits_for_the_controller(self) -> None:
        self.agent.report = msgspec.structs.replace(STATUS, state="offline", sentence="no route", plane=None)
        self.patch(module, "CONTROLLER_SECONDS", 0.0)
        self.patch(module, "_POLL_SECONDS", 0.0)
        self.patch(module.joined, "__defaults__", (0.01,))
        self.assertIn("no route", str(self.run_join(TOKEN.format()).exception))

    def test_a_controller_that_does_not_answer_is_named_after_a_while(self) -> None:
        self.agent.report = msgspec.structs.replace(STATUS, state="joining", sentence="connection refused")
        self.patch(module, "_POLL_SECONDS", 0.0)
        self.patch(module.joined, "__defaults__", (0.01,))
        error = str(self.run_join(TOKEN.format()).exception)
        self.assertIn("connection refused; nothing is kept of it and no agent runs", error)
        self.assertIsNone(self.state.membership())
        self.assertFalse(self.agent.is_running)

    def test_a_membership_that_was_there_before_goes_on_without_its_controller(self) -> None:
        self.state.prepare()
        held = Membership.of_token(TOKEN)
        self.state.save_membership(held)
        self.agent.report = msgspec.structs.replace(STATUS, state="joining", sentence="connection refused")
        self.patch(module, "_POLL_SECONDS", 0.0)
        self.patch(module.joined, "__defaults__", (0.01,))
        self.assertIn("goes on trying", str(self.run_join().exception))
        self.assertEqual(self.state.membership(), held)
        self.assertTrue(self.agent.is_running)

    def test_a_welcome_in_the_last_moment_is_kept(self) -> None:
        def welcome(daemon: Daemon) -> bool:
            self.state.save_membership(evolve(self.state.membership(), name="anna", secret=None))
            return self.stop()

        self.patch(Daemon, "stop", lambda daemon: self.agent.is_running and welcome(daemon))
        self.agent.report = msgspec.structs.replace(STATUS, state="joining", sentence="connection refused")
        self.patch(module, "_POLL_SECONDS", 0.0)
        self.patch(module.joined, "__defaults__", (0.01,))
        self.assertIn("this machine is a member", str(self.run_join(TOKEN.format()).exception))
        self.assertEqual(self.state.membership().name, "anna")

    def test_a_removed_member_with_a_token_that_fails_is_what_it_was(self) -> None:
        self.state.prepare()
        held = evolve(Membership.of_token(TOKEN), name="anna", secret=None, refusal="it was removed")
        self.state.save_membership(held)
        self.agent.report = msgspec.structs.replace(STATUS, state="refused", sentence="this join token was used before")
        self.assertEqual(str(self.run_join(TOKEN.format()).exception), "this join token was used before")
        self.assertEqual(self.state.membership(), held)

    def test_a_join_that_is_interrupted_leaves_nothing(self) -> None:
        def interrupt(start: AgentStart) -> StatusReport:
            raise KeyboardInterrupt

        self.patch(module, "joined", interrupt)
        self.run_join(TOKEN.format())
        self.assertIsNone(self.state.membership())
        self.assertFalse(self.agent.is_running)

    def test_a_user_who_is_not_root_is_told_before_anything_else(self) -> None:
        def refuse(what: str) -> None:
            raise NeedsRoot(f"{what} needs root")

        self.patch(module, "require_devices", refuse)
        self.assertEqual(str(self.run_join(TOKEN.format()).exception), "joining needs root")
        self.assertFalse(self.path.exists())
