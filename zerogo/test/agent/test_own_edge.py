"""An agent that is an edge as well: what is kept, what goes on, and what does not get in the agent's way."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.own_edge import CHOICE_FILE, EDGE_DIRECTORY, OwnEdge, edge_wants_tls, forget
from zerogo.agent.reports import EdgeReport
from zerogo.config.agent import AgentConfig
from zerogo.config.edge import EdgeConfig
from zerogo.config.errors import ConfigError
from zerogo.config.identity_file import IDENTITY_FILE, create_identity
from zerogo.config.private_file import make_private_directory, write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.edge.state_dir import EdgeState
from zerogo.errors import EnvironmentFault, LocalError, ParseError

TOKEN = EdgeToken(("192.0.2.1:9396",), bytes(20), bytes(20))
OTHER = EdgeToken(("192.0.2.2:9396",), bytes(20), bytes(20))
TLS = EdgeToken(("192.0.2.1:9396",), bytes(20), bytes(20), is_tls=True)


class Edge:
    """An edge that only says that it was begun."""

    def __init__(self, config: EdgeConfig) -> None:
        self.config = config
        self.life: list[str] = []
        self.ended: Deferred[None] = Deferred()

    def startService(self) -> None:
        self.life.append("started")
        if self.config.name == "unlucky":
            raise EnvironmentFault("the edge cannot listen")

    def stopService(self) -> Deferred[None]:
        self.life.append("stopped")
        return self.ended

    def standing(self) -> tuple[str, str]:
        return "ready", ""


class OwnEdgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "agent"
        make_private_directory(self.path)
        create_identity(self.path / IDENTITY_FILE)
        self.edges: list[Edge] = []

    def own(self, edge: Path | None = None) -> OwnEdge:
        """As at a start of the agent."""
        made = OwnEdge(AgentConfig(state_dir=self.path, edge=edge), self.make, lambda: 1_800_000_000.0)
        made.startService()
        return made

    def make(self, config: EdgeConfig) -> Edge:
        self.edges.append(Edge(config))
        return self.edges[-1]

    def file(self, text: str) -> Path:
        path = self.path.parent / "edge.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def join(self, own: OwnEdge, token: EdgeToken = TOKEN, **said: str) -> Deferred[EdgeReport]:
        done = own.command({"verb": "join", "token": token.format(), "consent": "yes", **said})
        assert isinstance(done, Deferred)
        return done

    def test_an_agent_is_no_edge_until_its_owner_says_so(self) -> None:
        own = self.own()
        self.assertEqual((own.command({}), self.edges), (EdgeReport(), []))
        self.assertFalse((self.path / EDGE_DIRECTORY).exists())

    def test_it_is_the_same_node_and_what_was_said_holds_after_a_restart(self) -> None:
        path = self.file("status-port: 4711\nmegabits: 5\ncity: kiel\n")
        own = self.own()
        report = self.successResultOf(self.join(own, config=str(path), name="kiel", country="de"))
        self.assertEqual(report, EdgeReport("ready", "", 4711))
        self.edges[0].ended.callback(None)
        self.successResultOf(own.stopService())
        self.own()
        first, second = self.edges
        self.assertEqual((first.life, second.life), (["started", "stopped"], ["started"]))
        self.assertEqual(first.config, second.config)
        config = second.config
        self.assertEqual((config.name, config.country, config.city, config.megabits), ("kiel", "de", "kiel", 5))
        state = EdgeState(config.state_dir, config.identity)
        self.assertEqual(config.identity, self.path / IDENTITY_FILE)
        self.assertEqual((state.token(), state.consent_at()), (TOKEN, 1_800_000_000.0))

    def test_who_joins_again_is_begun_anew_when_the_first_has_ended(self) -> None:
        own = self.own()
        self.successResultOf(self.join(own))
        again = self.join(own, OTHER)
        self.assertNoResult(again)
        self.assertEqual(len(self.edges), 1)
        self.edges[0].ended.callback(None)
        self.successResultOf(again)
        self.assertEqual([edge.life for edge in self.edges], [["started", "stopped"], ["started"]])
        self.assertEqual(EdgeState(self.path / EDGE_DIRECTORY).token(), OTHER)

    def test_two_who_join_at_once_are_begun_one_after_the_other(self) -> None:
        own = self.own()
        self.successResultOf(self.join(own))
        second, third = self.join(own, OTHER), self.join(own)
        self.edges[0].ended.callback(None)
        self.successResultOf(second)
        self.assertNoResult(third)
        self.assertEqual(len(self.edges), 2)
        self.edges[1].ended.callback(None)
        self.successResultOf(third)
        self.assertEqual([edge.life for edge in self.edges], [["started", "stopped"]] * 2 + [["started"]])

    def test_an_edge_that_cannot_begin_is_ended_and_nothing_is_kept(self) -> None:
        own = self.own()
        self.failureResultOf(self.join(own, name="unlucky"), EnvironmentFault)
        self.assertEqual((self.edges[0].life, own.report()), (["started", "stopped"], EdgeReport()))
        self.assertEqual(os.listdir(self.path / EDGE_DIRECTORY), [])
        self.assertFalse(own.is_wanted)

    def test_after_a_join_that_failed_or_was_refused_it_is_an_edge_as_it_was_before(self) -> None:
        own = self.own()
        self.successResultOf(self.join(own, name="kiel"))
        self.edges[0].ended.callback(None)
        self.failureResultOf(self.join(own, OTHER, name="unlucky"), EnvironmentFault)
        self.edges[2].ended.callback(None)
        self.successResultOf(self.join(own, OTHER))
        self.edges[3].ended.callback(None)
        undone = own.command({"verb": "undo"})
        assert isinstance(undone, Deferred)
        self.assertEqual(self.successResultOf(undone).state, "ready")
        self.assertEqual([edge.config.name for edge in self.edges][::2], ["kiel"] * 3)
        self.assertEqual([edge.life[1:] for edge in self.edges], [["stopped"]] * 4 + [[]])
        self.assertEqual(EdgeState(self.path / EDGE_DIRECTORY).token(), TOKEN)

    def test_who_leaves_is_forgotten_but_for_what_the_month_has_carried(self) -> None:
        own = self.own()
        self.successResultOf(self.join(own, name="kiel"))
        month = self.path / EDGE_DIRECTORY / "month"
        write_private(month, b"2026-11 5\n")
        self.edges[0].ended.callback(None)
        left = own.command({"verb": "leave"})
        assert isinstance(left, Deferred)
        self.assertEqual(self.successResultOf(left), EdgeReport(was_one=True))
        again = own.command({"verb": "leave"})
        assert isinstance(again, Deferred)
        self.assertEqual(self.successResultOf(again), EdgeReport())
        self.assertEqual(os.listdir(self.path / EDGE_DIRECTORY), ["month"])
        self.own()
        self.assertEqual(len(self.edges), 1)
        self.assertFalse(forget(self.path / EDGE_DIRECTORY))

    def test_what_is_wrong_is_refused_before_anything_is_kept(self) -> None:
        own = self.own()
        wrong = own.command({"verb": "join", "token": "zerogo-edge://half"})
        assert isinstance(wrong, Deferred)
        self.failureResultOf(wrong, ParseError)
        self.failureResultOf(self.join(own, config=str(self.file("megabits: many\n"))), ConfigError)
        self.failureResultOf(self.join(own, country="Germany"), ConfigError)
        self.assertFalse((self.path / EDGE_DIRECTORY).exists())

    def test_the_configuration_makes_one_too_which_no_command_ends(self) -> None:
        path = self.file(f"token: '{TOKEN.format()}'\nname: kiel\n")
        own = self.own(path)
        self.assertEqual((self.edges[0].config.name, self.edges[0].life), ("kiel", ["started"]))
        self.assertEqual(EdgeState(self.path / EDGE_DIRECTORY).consent_at(), 1_800_000_000.0)
        left = own.command({"verb": "leave"})
        assert isinstance(left, Deferred)
        self.failureResultOf(left, LocalError)
        self.assertEqual(self.edges[0].life, ["started"])

    def test_what_cannot_be_read_leaves_the_agent_alone(self) -> None:
        self.successResultOf(self.join(self.own()))
        (self.path / EDGE_DIRECTORY / CHOICE_FILE).write_bytes(b"\xff")
        self.assertEqual(self.own().command({}), EdgeReport())
        write_private(self.path / EDGE_DIRECTORY / "token", b"nonsense\n")
        own = OwnEdge(AgentConfig(state_dir=self.path), self.make, lambda: 0.0)
        own.startService()
        self.own(self.path / "missing.yaml")
        self.assertEqual(len(self.edges), 1)
        self.assertFalse(edge_wants_tls(AgentConfig(state_dir=self.path)))

    def test_tls_is_there_from_the_start_or_asked_for(self) -> None:
        self.patch(sys, "modules", {**sys.modules, "OpenSSL": None})
        own = self.own()
        refused = self.failureResultOf(self.join(own, TLS), LocalError)
        self.assertIn("start it again", str(refused.value))
        self.assertTrue(edge_wants_tls(AgentConfig(state_dir=self.path)))
        path = self.file(f"token: '{TLS.format()}'\n")
        forget(self.path / EDGE_DIRECTORY)
        self.assertFalse(edge_wants_tls(AgentConfig(state_dir=self.path)))
        self.assertTrue(edge_wants_tls(AgentConfig(state_dir=self.path, edge=path)))
