"""Tests for zerogo.cli.ping."""

import json

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import ping as module
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.ping import NoSuchPeer, find_peer, ping
from zerogo.test.cli.fake_agent import BOB, CAROL, FakeAgent


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

    def test_the_ipv6_address_is_taken_where_it_is_wanted(self) -> None:
        self.run_ping("bob", "-6", "-c", "1", answers=[0.01])
        self.assertEqual(MemoryPinger.hosts, ["fd00::3"])
        done = self.run_ping("carol", "-6", answers=[])
        self.assertIsInstance(done.exception, NoSuchPeer)

    def test_a_peer_is_found_by_name_node_id_or_address(self) -> None:
        for name in ("bob", BOB.node_id, "10.1.0.3", "fd00::3"):
            self.assertIs(find_peer([CAROL, BOB], name), BOB)
        error = self.assertRaises(NoSuchPeer, find_peer, [CAROL, BOB], "dave")
        self.assertIn("carol, bob", str(error))
