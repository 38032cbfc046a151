"""`zerogo exits` and `zerogo edge`: what they print and what they refuse."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NoReturn

from argon2 import PasswordHasher
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.own_edge import EDGE_DIRECTORY
from zerogo.agent.reports import EdgeReport
from zerogo.cli import edge as edge_commands
from zerogo.cli.agent_client import AgentClient, AgentRefused, AgentSilent
from zerogo.cli.daemon import RoleFailed
from zerogo.cli.edge import edge
from zerogo.cli.exits import exits
from zerogo.config.private_file import write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.edge.state_dir import EdgeState
from zerogo.errors import ParseError, ZeroGoError
from zerogo.gateway.tokens import TOKEN_FILE

TOKEN = EdgeToken(("192.0.2.1:9396",), bytes(20), bytes(20)).format()


class ExitsTests(SynchronousTestCase):
    def test_a_password_becomes_a_hash_and_a_short_one_does_not(self) -> None:
        done = CliRunner().invoke(exits, ["password"], input="long-enough\nlong-enough\n")
        self.assertTrue(PasswordHasher().verify(done.output.split()[-1], "long-enough"))
        done = CliRunner().invoke(exits, ["password"], input="short\nshort\n")
        self.assertIsInstance(done.exception, ZeroGoError)

    def test_the_token_is_the_one_in_the_state_directory(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            state = Path(directory) / "gateway"
            write_private(state / TOKEN_FILE, b"zerogo-edge://x/y?k=z\n")
            done = CliRunner().invoke(exits, ["token", "--state-dir", str(state)])
        self.assertEqual(done.output, "zerogo-edge://x/y?k=z\n")

    def test_a_damaged_token_is_refused_before_anything_is_kept(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            state = Path(directory) / "edge"
            done = CliRunner().invoke(edge, ["join", "nonsense", "--state-dir", str(state)])
            self.assertIsInstance(done.exception, ParseError)
            self.assertFalse(state.exists())

    def test_without_an_agent_it_cannot_be_one_of_its_roles_and_nothing_is_kept(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            done = CliRunner().invoke(edge, ["join", TOKEN, "--agent-dir", f"{directory}/agent", "--as-agent"])
            self.assertIn("no agent runs here", str(done.exception))
            self.assertNotIn("Traffic", done.output)
            done = CliRunner().invoke(edge, ["join", TOKEN, "--state-dir", directory, "--as-agent"])
            self.assertEqual(done.exit_code, 2)
            self.assertEqual(list(Path(directory).iterdir()), [])

    def test_who_leaves_is_no_exit_by_the_agent_either_which_may_be_down(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            kept = EdgeState(Path(directory) / "agent" / EDGE_DIRECTORY)
            kept.save_token(EdgeToken.parse(TOKEN))
            places = ["--state-dir", f"{directory}/edge", "--agent-dir", f"{directory}/agent"]
            done = CliRunner().invoke(edge, ["leave", *places])
            self.assertEqual((done.exit_code, kept.token()), (0, None), done.exception)

    def test_an_agent_that_does_not_answer_is_an_exit_still(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            kept = EdgeState(Path(directory) / "agent" / EDGE_DIRECTORY)
            kept.save_token(EdgeToken.parse(TOKEN))
            self.patch(AgentClient, "ask", self.raising(AgentSilent("the agent does not answer")))
            done = CliRunner().invoke(edge, ["leave", "--agent-dir", f"{directory}/agent", *self.own(directory)])
            self.assertIsInstance(done.exception, RoleFailed)
            self.assertIn("does not answer", str(done.exception))
            self.assertNotIn("no exit any more", done.output)
            self.assertIsNotNone(kept.token())

    def test_who_names_one_edge_leaves_the_agent_alone(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.patch(AgentClient, "ask", self.raising(AssertionError("asked")))
            own = EdgeState(Path(directory) / "edge")
            own.save_token(EdgeToken.parse(TOKEN))
            done = CliRunner().invoke(edge, ["leave", *self.own(directory)])
            self.assertEqual((done.exit_code, own.token()), (0, None), done.exception)
            self.assertIn(f"The edge in {directory}/edge is no exit", done.output)

    def test_where_there_is_no_exit_leaving_fails_and_says_so(self) -> None:
        statuses: list[Any] = [None, {"process": 4711}]
        self.patch(edge_commands, "_ask", lambda config, path: statuses.pop(0))
        with tempfile.TemporaryDirectory() as directory:
            agent = ["--agent-dir", f"{directory}/agent"]
            for places, sentence in (
                (self.own(directory), f"the edge in {directory}/edge is no exit"),
                ([*self.own(directory), *agent], "this machine is no exit"),
                ([*self.own(directory), *agent], "an edge runs here that .* did not start .process 4711."),
            ):
                done = CliRunner().invoke(edge, ["leave", *places])
                self.assertIsInstance(done.exception, RoleFailed)
                self.assertRegex(str(done.exception), sentence)
                self.assertEqual(done.output, "")

    def test_what_the_agent_was_is_what_the_agent_says(self) -> None:
        self.patch(edge_commands, "_ask", lambda config, path: None)
        for was_one, status in ((True, 0), (False, 1)):
            self.patch(AgentClient, "ask", lambda *_, was_one=was_one: EdgeReport(was_one=was_one))
            with tempfile.TemporaryDirectory() as directory:
                done = CliRunner().invoke(edge, ["leave", "--agent-dir", f"{directory}/agent", *self.own(directory)])
            self.assertEqual((done.exit_code, "no exit any more" in done.output), (status, was_one))

    def test_a_join_that_the_gateway_refuses_is_undone_by_the_agent(self) -> None:
        asked: list[str] = []
        then: list[EdgeReport | Exception] = [EdgeReport("ready"), EdgeReport(), AgentRefused("no")]

        def ask(agent: AgentClient, command: str, kind: object, arguments: dict[str, str] | None = None) -> EdgeReport:
            verb = (arguments or {}).get("verb", command)
            asked.append(verb)
            answer = then.pop(0) if verb == "undo" else EdgeReport("refused", "wrong token")
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.patch(AgentClient, "ask", ask)
        for sentence in ("it is an exit as it was before", "wrong token", "the agent goes on trying: no"):
            with tempfile.TemporaryDirectory() as directory:
                done = CliRunner().invoke(edge, ["join", TOKEN, "--agent-dir", f"{directory}/agent", "--as-agent"])
            self.assertIsInstance(done.exception, RoleFailed)
            self.assertTrue(str(done.exception).endswith(sentence), done.exception)
        self.assertEqual(asked, ["status", "join", "undo"] * 3)

    def own(self, directory: str) -> list[str]:
        """One edge that is no agent's."""
        return ["--state-dir", f"{directory}/edge"]

    def raising(self, error: BaseException) -> Any:
        """A function that only raises it."""

        def function(*arguments: object, **named: object) -> NoReturn:
            raise error

        return function

    def test_where_no_edge_runs_it_is_said(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "edge.yaml"
            path.write_text("status-port: 1\n")
            for verb in ("status", "pause", "resume"):
                done = CliRunner().invoke(edge, [verb, "--config", str(path)])
                self.assertIn("no edge answers", str(done.exception))
