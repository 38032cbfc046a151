"""`zerogo trace`: hop by hop."""

from __future__ import annotations

import json

import msgspec
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.agent_client import AgentClient
from zerogo.cli.trace import hops_to, trace
from zerogo.test.cli.fake_agent import BOB, CAROL, FakeAgent
from zerogo.test.cli.test_routes import RELAYED, SCORED, THROUGH


class TraceTests(SynchronousTestCase):
    """The way in use, the others, the history."""

    def setUp(self) -> None:
        standby = msgspec.structs.replace(RELAYED, is_active=False)
        self.through = msgspec.structs.replace(THROUGH, paths=[*THROUGH.paths, standby])
        self.agent = FakeAgent(peer_list=[msgspec.structs.replace(BOB, path=SCORED), self.through])
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def trace(self, *arguments: str) -> Result:
        return CliRunner().invoke(trace, list(arguments), standalone_mode=False)

    def test_through_a_member(self) -> None:
        lines = self.trace("carol").output.splitlines()
        self.assertEqual(lines[0], "0  anna  this machine  0.0 ms")
        self.assertEqual(lines[1], "1  bob  member  12.3 ms")
        self.assertEqual(lines[2], "2  carol  destination  12.3 ms")
        self.assertEqual(lines[3], "score 89.5 = base 100 - latency 10.5; datagrams of up to 1472 bytes")
        self.assertIn("also relay fra: answers", lines[4])
        self.assertEqual(lines[5], "61 s ago: peer bob > carol (the path before stopped answering)")

    def test_by_a_relay_and_directly(self) -> None:
        relayed = msgspec.structs.replace(BOB, path=RELAYED)
        self.assertEqual([hop.what for hop in hops_to(relayed, "me", [])], ["this machine", "relay", "destination"])
        self.assertEqual([hop.name for hop in hops_to(BOB, "me", [])], ["me", "bob"])

    def test_nowhere(self) -> None:
        self.agent.peer_list = [CAROL]
        self.assertIn("there is no way to carol: no answer", self.trace("carol").output)

    def test_json(self) -> None:
        document = json.loads(self.trace("carol", "--json").output)
        self.assertEqual([hop["name"] for hop in document["hops"]], ["anna", "bob", "carol"])
