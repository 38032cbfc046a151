"""Tests for zerogo.net.local_api."""

import json
import os
import socket
import stat
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.errors import EnvironmentFault, LocalError
from zerogo.net.local_api import CLIENTS_LIMIT, IDLE_SECONDS, LINE_LIMIT, LocalApi, LocalClient, SocketTaken, peer_user


class LocalApiTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slow: Deferred = Deferred()
        self.user = os.geteuid()
        commands = {"echo": dict, "slow": lambda _: self.slow, "fail": self.fail_politely, "bug": self.fail_badly}
        self.api = LocalApi(self.clock, commands, user_of=lambda client: self.user)

    def fail_politely(self, arguments: object) -> None:
        raise LocalError("no such peer")

    def fail_badly(self, arguments: object) -> None:
        raise ZeroDivisionError("secret inside")

    def connect(self) -> tuple[LocalClient, StringTransport]:
        client, transport = self.api.buildProtocol(None), StringTransport()
        client.makeConnection(transport)
        return client, transport

    def ask(self, line: bytes) -> object:
        client, transport = self.connect()
        client.dataReceived(line)
        client.connectionLost()
        return json.loads(transport.value())

    def test_a_command_is_answered(self) -> None:
        self.assertEqual(self.ask(b'{"command": "echo", "arguments": {"a": 1}}\n'), {"ok": True, "result": {"a": 1}})

    def test_a_refusal_is_one_sentence(self) -> None:
        self.assertEqual(self.ask(b'{"command": "fail"}\n'), {"ok": False, "error": "no such peer"})

    def test_a_bug_is_logged_and_not_told(self) -> None:
        answer = self.ask(b'{"command": "bug"}\n')
        self.assertNotIn("secret", str(answer))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_is_no_request_is_refused(self) -> None:
        for line in (b"\n", b"{}\n", b"[]\n", b'{"command": 3}\n', b"\xff\n", b'{"command": "reboot"}\n'):
            self.assertFalse(self.ask(line)["ok"])

    def test_a_line_that_never_ends_is_cut_off(self) -> None:
        client, transport = self.connect()
        client.dataReceived(b"x" * (LINE_LIMIT + 1))
        self.assertTrue(transport.disconnecting)

    def test_one_that_asks_again_before_the_answer_is_cut_off(self) -> None:
        client, transport = self.connect()
        client.dataReceived(b'{"command": "slow"}\n{"command": "echo"}\n' + b"\n" * 1000)
        self.assertEqual(transport.value().count(b"\n"), 1)
        self.assertIn(b"one request at a time", transport.value())
        self.assertTrue(transport.disconnecting)
        self.slow.callback("done")
        self.assertEqual(transport.value().count(b"\n"), 1)

    def test_one_that_does_not_read_its_answer_gets_no_second_one(self) -> None:
        client, transport = self.connect()
        client.dataReceived(b'{"command": "echo"}\n')
        client.pauseProducing()
        transport.clear()
        client.dataReceived(b'{"command": "echo"}\n{"command": "echo"}\n')
        self.assertEqual(transport.value().count(b"\n"), 1)
        self.assertTrue(transport.disconnecting)

    def test_requests_follow_each_other_on_one_connection(self) -> None:
        client, transport = self.connect()
        for _ in range(3):
            client.dataReceived(b'{"command": "echo"}\n')
        self.assertEqual(transport.value().count(b'"ok":true'), 3)

    def test_an_answer_to_one_that_left_is_dropped(self) -> None:
        client, transport = self.connect()
        client.dataReceived(b'{"command": "slow"}\n')
        client.connectionLost()
        self.slow.callback("done")
        self.assertEqual(transport.value(), b"")

    def test_the_number_of_connections_is_bounded(self) -> None:
        clients = [self.connect() for _ in range(CLIENTS_LIMIT)]
        self.assertTrue(self.connect()[1].disconnecting)
        clients[0][0].connectionLost()
        self.assertFalse(self.connect()[1].disconnecting)

    def test_other_users_are_not_let_in(self) -> None:
        self.user = 4711
        _, transport = self.connect()
        self.assertTrue(transport.disconnecting)

    def test_silence_ends_a_connection(self) -> None:
        _, transport = self.connect()
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(transport.disconnecting)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=300))
    def test_garbage_is_answered_or_ignored(self, data: bytes) -> None:
        client, _ = self.connect()
        client.dataReceived(data)
        client.connectionLost()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_the_kernel_says_who_is_there(self) -> None:
        near, far = socket.socketpair(socket.AF_UNIX)
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        self.assertEqual(peer_user(near), os.geteuid())


class LineClient(Protocol):
    def connectionMade(self) -> None:
        self.answer: Deferred = Deferred()
        self.transport.write(b'{"command": "echo", "arguments": {"a": 1}}\n')

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)


class SocketTests(TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "run" / "agent.sock"
        self.api = LocalApi(reactor, {"echo": dict})

    @inlineCallbacks
    def test_root_speaks_to_it_through_a_private_socket(self):  # type: ignore[no-untyped-def]
        self.api.listen(reactor, self.path)
        self.addCleanup(self.api.stop)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        client = yield connectProtocol(UNIXClientEndpoint(reactor, str(self.path)), LineClient())
        answer = yield client.answer
        self.assertEqual(json.loads(answer), {"ok": True, "result": {"a": 1}})
        client.transport.loseConnection()

    def test_a_second_agent_is_refused_with_a_sentence(self) -> None:
        self.api.listen(reactor, self.path)
        self.addCleanup(self.api.stop)
        error = self.assertRaises(SocketTaken, LocalApi(reactor, {}).listen, reactor, self.path)
        self.assertIn("another agent is running", str(error))

    def test_a_socket_left_by_a_crash_is_replaced(self) -> None:
        self.path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.path))
        self.api.listen(reactor, self.path)
        self.addCleanup(self.api.stop)
        self.assertTrue(self.path.is_socket())

    def test_a_path_that_is_too_long_or_cannot_be_made_is_refused(self) -> None:
        self.assertRaises(EnvironmentFault, self.api.listen, reactor, Path("/run") / ("x" * 120))
        self.path.parent.write_text("a file")
        self.assertRaises(EnvironmentFault, self.api.listen, reactor, self.path)
