"""`zerogo routes` and the words for ways."""

from __future__ import annotations

import json

import msgspec
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.reports import ChangeReport, StatusReport, SubnetReport
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.routes import hops_of, routes, way_text
from zerogo.test.cli.fake_agent import BOB, CAROL, PATH, FakeAgent

SCORED = msgspec.structs.replace(PATH, score="89.5 = base 100 - latency 10.5")
ROUTE = msgspec.structs.replace(SCORED, kind="peer", address=f"{BOB.node_id} > {CAROL.node_id}")
RELAYED = msgspec.structs.replace(SCORED, kind="relay", relay="fra", address="192.0.2.1:3478 channel 0x4000")
CHANGE = ChangeReport(age_seconds=61.0, kind="peer", way=ROUTE.address, reason="the path before stopped answering")
THROUGH = msgspec.structs.replace(CAROL, state="connected", reason="", path=ROUTE, paths=[ROUTE], changes=[CHANGE])


class RoutesTests(SynchronousTestCase):
    """A row a peer."""

    def setUp(self) -> None:
        carrier = msgspec.structs.replace(BOB, path=SCORED, paths=[SCORED], carried_bytes=2048, complaint="lies")
        self.agent = FakeAgent(peer_list=[carrier, THROUGH])
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def routes(self, *arguments: str) -> Result:
        return CliRunner().invoke(routes, list(arguments), standalone_mode=False)

    def test_ways_in_words(self) -> None:
        names = {BOB.node_id: "bob"}
        self.assertEqual(way_text(PATH, names), "direct 192.0.2.7:9993")
        self.assertEqual(way_text(ROUTE, names), "through bob")
        self.assertEqual(way_text(RELAYED, names), "relay fra")
        self.assertEqual(way_text(None, names), "-")
        self.assertEqual([hops_of(path) for path in (PATH, ROUTE, RELAYED)], [1, 2, 2])

    def test_the_table(self) -> None:
        lines = self.routes().output.splitlines()
        self.assertEqual(lines[0].split()[:4], ["PEER", "PATH", "HOPS", "SCORE"])
        carol = next(line for line in lines if line.startswith("carol"))
        for part in ("through bob", "89.5", "61 s", "the path before stopped answering"):
            self.assertIn(part, carol)
        self.assertIn("bob is not trusted to carry: it lies", lines)

    def test_more_tells_the_terms_and_what_is_carried(self) -> None:
        shown = self.routes("-v").output
        self.assertIn("carol: 89.5 = base 100 - latency 10.5", shown)
        self.assertIn("carried on for others from bob: 2.05 kB", shown)

    def test_json_and_nobody(self) -> None:
        self.assertEqual(json.loads(self.routes("--json").output)[1]["changes"][0]["kind"], "peer")
        self.agent.peer_list = []
        self.assertEqual(self.routes().output, "There is no other member yet.\n")


class SubnetTests(SynchronousTestCase):
    """Networks behind members, and behind this machine."""

    def setUp(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.complaint = ""
        self.patch(AgentClient, "find", lambda config, state_dir: self)

    def ask(self, command: str, kind: object, arguments: dict[str, object]) -> list[SubnetReport]:
        self.asked.append({"command": command, **arguments})
        return []

    def peers(self) -> list[object]:
        return []

    def status(self) -> StatusReport:
        behind = [SubnetReport(subnet="192.168.7.0/24", member="bob", state="used")]
        return msgspec.structs.replace(FakeAgent().status(), subnets=behind, exit="frankfurt", complaint=self.complaint)

    def run_routes(self, *arguments: str) -> str:
        done = CliRunner().invoke(routes, list(arguments))
        self.assertEqual(done.exit_code, 0, done.output)
        return done.output

    def test_they_are_listed_with_the_exit_in_use(self) -> None:
        output = self.run_routes()
        row = next(line for line in output.splitlines() if "192.168.7.0/24" in line)
        self.assertEqual(row.split(), ["192.168.7.0/24", "bob", "used"])
        self.assertIn("through frankfurt", output)

    def test_announcing_tells_what_the_owner_has_to_do(self) -> None:
        self.assertIn("approve-route", self.run_routes("announce", "10.77.0.0/16"))
        self.run_routes("withdraw", "10.77.0.0/16")
        withdrawn = [asked["is_withdrawn"] for asked in self.asked]
        self.assertEqual(withdrawn, [False, True])

    def test_what_is_not_as_wanted_is_told(self) -> None:
        self.complaint = "this machine does not forward"
        self.assertIn("Not as wanted: this machine does not forward.", self.run_routes("announce", "10.77.0.0/16"))
