"""Tests for zerogo.cli.ping."""

import json

import msgspec
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import ping as module
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.peer_names import NoSuchPeer
from zerogo.cli.ping import ping
from zerogo.test.cli.fake_agent import BOB, PATH, FakeAgent


class MemoryPinger:
    """Answers as the test says."""

    answers: list[float | None]
    hosts: list[str]

    def __init__(self, host: str) -> None:
        self.hosts.append(host)

    def __enter__(self) -> "MemoryPinger":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ping(self, sequence: int, seconds: float) -> float | None:
        return self.answers.pop(0)


class PingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)
        self.patch(module, "Pinger", MemoryPinger)
        self.patch(module.time, "sleep", lambda seconds: None)
        MemoryPinger.hosts = []

    def run_ping(self, *arguments: str, answers: list[float | None]):  # type: ignore[no-untyped-def]
        MemoryPinger.answers = answers
        return CliRunner().invoke(ping, list(arguments), standalone_mode=False)

    def test_it_says_the_path_and_the_round_trip(self) -> None:
        done = self.run_ping("bob", "-c", "2", answers=[0.010, 0.012])
        self.assertIn("bob (10.1.0.3): 10.00 ms, direct 192.0.2.7:9993 (host to srflx)", done.output)
        self.assertIn("2 of 2 answered; round trip min/median/max 10.00/11.00/12.00 ms", done.output)
        self.assertEqual(done.return_value, 0)

    def test_no_answer_is_exit_status_one_with_the_reason(self) -> None:
        done = self.run_ping("carol", "-c", "1", answers=[None])
        self.assertIn("carol does not answer: no answer", done.output)
        self.assertEqual(done.return_value, 1)

    def test_json_holds_what_came_of_it(self) -> None:
        done = self.run_ping("bob", "-c", "2", "--json", answers=[0.010, None])
        document = json.loads(done.output)
        self.assertEqual((document["sent"], document["received"], document["rtt_max_ms"]), (2, 1, 10.0))
        self.assertEqual([reply["rtt_ms"] for reply in document["replies"]], [10.0, None])

    def test_the_ipv6_address_is_taken_where_it_is_wanted(self) -> None:
        self.run_ping("bob", "-6", "-c", "1", answers=[0.01])
        self.assertEqual(MemoryPinger.hosts, ["fd00::3"])
        done = self.run_ping("carol", "-6", answers=[])
        self.assertIsInstance(done.exception, NoSuchPeer)

    def test_a_path_that_changes_is_told(self) -> None:
        relayed = msgspec.structs.replace(PATH, kind="relay", relay="fra", address="192.0.2.1:3478 channel 0x4000")
        bob = msgspec.structs.replace(BOB, path=relayed)
        steps = [[bob], [bob], [BOB]]
        self.patch(FakeAgent, "peers", lambda agent: steps.pop(0))
        done = self.run_ping("bob", "-c", "2", answers=[0.030, 0.012])
        lines = done.output.splitlines()
        self.assertEqual(lines[0], "bob (10.1.0.3): 30.00 ms, via relay fra")
        self.assertEqual(lines[1], "path: via relay fra -> direct 192.0.2.7:9993 (host to srflx)")
        self.assertEqual(lines[2], "bob (10.1.0.3): 12.00 ms, direct 192.0.2.7:9993 (host to srflx)")
        self.assertNotIn("zerogo why", done.output)

    def test_who_stays_relayed_is_told_where_to_read_why(self) -> None:
        bob = msgspec.structs.replace(BOB, path=msgspec.structs.replace(PATH, kind="relay", relay="fra"))
        self.agent.peer_list = [bob]
        done = self.run_ping("bob", "-c", "1", answers=[0.030])
        self.assertIn("`zerogo why bob` says why there is no direct path.", done.output)
