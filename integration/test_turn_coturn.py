"""TURN held to coturn: its client and echo against our relay, our client against its server. All on loopback.

    turnutils_uclient  --UDP, TCP, TLS-->  RelayService  --UDP-->  turnutils_peer (echo)
    TurnClient         --UDP, TCP, TLS-->  turnserver    --UDP-->  echo of this process

Every wait ends by an answer, by the other program's end, or by the deadline of the test.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, ProcessDone
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase

from zerogo.config.load import parse
from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.relay.service import RelayService
from zerogo.secret import Secret
from zerogo.test.net.certificates import write_certificate
from zerogo.test.net.turn_clients import DatagramDriver, TurnClientStream, listen
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import Allocated, ChannelBound, PeerData, PeerPermitted
from zerogo.turn.credentials import timed_password, timed_username

reactor: Any = installed
HOST = "127.0.0.1"
SECRET = "7f3d0c9be1a24586a1b2c3d4e5f60718"
PASSWORD = "correct-horse-battery"
STATIC = ["-u", "alice", "-w", PASSWORD]
TIMED = ["-u", "node", "-W", SECRET]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SkipTest(f"{name} of coturn is not installed")
    return found


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Child(ProcessProtocol):
    """A program of coturn that runs until the test ends."""

    def __init__(self, arguments: list[str], directory: str) -> None:
        self.ended: Deferred[None] = Deferred()
        self.output = b""
        reactor.spawnProcess(self, arguments[0], arguments, env=dict(os.environ), path=directory)

    def outReceived(self, data: bytes) -> None:
        self.output += data

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        if not reason.check(ProcessDone) and not self.ended.called:
            self.output += str(reason.value).encode()
        self.ended.callback(None)

    def stop(self) -> Deferred[None]:
        if not self.ended.called:
            self.transport.signalProcess("KILL")
        return self.ended


class UclientTests(TestCase):
    """coturn's client takes our relay for a TURN server."""

    timeout = 90

    def setUp(self) -> None:
        self.uclient, peer = program("turnutils_uclient"), program("turnutils_peer")
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        certificate, key = write_certificate(Path(directory))
        self.udp, self.tls, self.peer = (
            free_port(socket.SOCK_DGRAM),
            free_port(socket.SOCK_STREAM),
            free_port(socket.SOCK_DGRAM),
        )
        config = f"""\
            listen: {HOST}:{self.udp}
            tcp-listen: {HOST}:{self.udp}
            tls-listen: {HOST}:{self.tls}
            tls-certificate: {certificate}
            tls-key: {key}
            public-ip: {HOST}
            auth-secret: {SECRET}
            credentials: [alice:{PASSWORD}]
            allow-peers: 127.0.0.0/8
            quota: {{allocations: 200, total-allocations: 1000}}
            drain-seconds: 0
            """
        self.relay = self.serve("\n".join(line.strip() for line in config.splitlines()))
        echo = Child([peer, "-p", str(self.peer), "-L", HOST], directory)
        self.addCleanup(echo.stop)

    def serve(self, text: str) -> RelayService:
        relay = RelayService(parse(text.encode(), RelayConfig), reactor)
        relay.privilegedStartService()
        relay.startService()
        self.addCleanup(relay.stopService)
        return relay

    @inlineCallbacks
    def run_client(self, *arguments: str) -> Any:
        """(exit code, output) of the client."""
        port = self.tls if "-S" in arguments else self.udp
        words = ["-p", str(port), "-r", str(self.peer), "-e", HOST, "-n", "5", *arguments, HOST]
        output, errors, code = yield getProcessOutputAndValue(self.uclient, words)
        return code, (output + errors).decode(errors="replace")

    @inlineCallbacks
    def passes(self, *arguments: str) -> Any:
        code, text = yield self.run_client(*arguments)
        self.assertEqual(code, 0, f"{arguments}\n{text}")
        self.assertIn("Total lost packets 0 ", text, f"{arguments}")

    def test_channels_indications_and_pairs_of_ports_over_udp(self) -> Any:
        kinds = (["-c"], [], ["-c", "-s"], ["-s"], ["-c", "-D"], ["-c", "-G"], ["-c", "-g"], ["-c", "-X"])
        return gatherResults([self.passes(*STATIC, *kind) for kind in kinds], consumeErrors=True)

    def test_over_tcp_and_tls(self) -> Any:
        kinds = (["-c", "-t"], ["-t"], ["-c", "-t", "-s"], ["-c", "-t", "-S"], ["-c", "-t", "-S", "-s"])
        return gatherResults([self.passes(*STATIC, *kind) for kind in kinds], consumeErrors=True)

    def test_time_limited_credentials(self) -> Any:
        kinds = (["-c"], ["-c", "-t"], ["-c", "-t", "-S"])
        return gatherResults([self.passes(*TIMED, *kind) for kind in kinds], consumeErrors=True)

    def test_clients_reach_each_other_through_the_relay(self) -> Any:
        kinds = (["-c", "-y"], ["-c", "-y", "-s"], ["-c", "-y", "-t"])
        return gatherResults([self.passes(*STATIC, *kind) for kind in kinds], consumeErrors=True)

    def test_several_clients_with_larger_datagrams(self) -> Any:
        return self.passes(*STATIC, "-c", "-m", "8", "-n", "50", "-l", "1200", "-z", "5")

    @inlineCallbacks
    def test_wrong_credentials_are_lent_nothing(self) -> Any:
        wrong = (
            ["-u", "alice", "-w", "x" + PASSWORD],
            ["-u", "node", "-W", "x" + SECRET],
            ["-u", "bob", "-w", PASSWORD],
        )
        found = yield gatherResults([self.run_client(*words, "-c") for words in wrong], consumeErrors=True)
        for code, text in found:
            self.assertNotEqual(code, 0, text)
            self.assertIn("Cannot complete Allocation", text)
        assert self.relay.turn is not None
        self.assertEqual(self.relay.turn.allocations, 0)

    @inlineCallbacks
    def test_its_negative_tests_end_as_against_coturn_and_leave_the_relay_whole(self) -> Any:
        """With `-N` it binds a second channel to a peer, and ends when that is refused with 400."""
        code, text = yield self.run_client(*STATIC, "-c", "-N")
        self.assertIn("channel bind: error 400", text)
        self.assertNotEqual(code, 0)
        yield self.passes(*STATIC, "-c")

    @inlineCallbacks
    def test_peers_are_closed_unless_they_are_opened(self) -> Any:
        port = free_port(socket.SOCK_DGRAM)
        lines = (f"listen: {HOST}:{port}", "tcp-listen: []", "public-ip: 198.51.100.7", f"auth-secret: {SECRET}")
        self.serve("\n".join((*lines, "drain-seconds: 0")))
        code, text = yield self.run_client(*TIMED, "-c", "-p", str(port))
        self.assertNotEqual(code, 0, text)
        self.assertIn("error 403", text)

    @inlineCallbacks
    def test_ipv6_on_both_sides(self) -> Any:
        port, echo_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        lines = (f'listen: "[::1]:{port}"', f'tcp-listen: "[::1]:{port}"', 'public-ip: "::1"', 'allow-peers: "::1/128"')
        self.serve("\n".join((*lines, f"auth-secret: {SECRET}", "drain-seconds: 0")))
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        echo = Child([program("turnutils_peer"), "-p", str(echo_port), "-L", "::1"], directory)
        self.addCleanup(echo.stop)
        words = [*TIMED, "-c", "-x", "-p", str(port), "-r", str(echo_port), "-e", "::1", "-n", "5"]
        calls = [getProcessOutputAndValue(self.uclient, [*words, *kind, "::1"]) for kind in ([], ["-t"])]
        found = yield gatherResults(calls, consumeErrors=True)
        for output, errors, code in found:
            text = (output + errors).decode(errors="replace")
            self.assertEqual(code, 0, text)
            self.assertIn("Total lost packets 0 ", text)

    @inlineCallbacks
    def test_clients_that_break_off_leave_the_relay_whole(self) -> Any:
        yield self.passes(*STATIC, "-c", "-B")
        yield self.passes(*STATIC, "-c")


class Echo(DatagramProtocol):
    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.write(datagram, addr)


class TurnserverTests(TestCase):
    """coturn's server takes our client for a TURN client."""

    timeout = 60

    @inlineCallbacks
    def setUp(self) -> Any:
        server = program("turnserver")
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.certificate, key = write_certificate(Path(directory))
        self.port, self.tls = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        arguments = [
            *(server, "-n", "-L", HOST, "-E", HOST, "-p", str(self.port), "--tls-listening-port", str(self.tls)),
            *("--cert", str(self.certificate), "--pkey", str(key), "--no-dtls", "--no-cli", "--allow-loopback-peers"),
            *("--lt-cred-mech", "--use-auth-secret", "--static-auth-secret", SECRET, "-r", "example.net"),
            *("--log-file", "stdout", "--pidfile", f"{directory}/pid", "--userdb", f"{directory}/db"),
        ]
        self.server = Child(arguments, directory)
        self.addCleanup(self.server.stop)
        echo = reactor.listenUDP(0, Echo(), HOST)
        self.addCleanup(echo.stopListening)
        self.peer = SocketAddress(HOST, echo.getHost().port)
        yield self.until_it_listens()

    @inlineCallbacks
    def until_it_listens(self) -> Any:
        while True:
            try:
                connected = yield connectProtocol(TCP4ClientEndpoint(reactor, HOST, self.port), Protocol())
            except ConnectError:
                if self.server.ended.called:
                    raise AssertionError(self.server.output.decode()) from None
                yield deferLater(reactor, 0.05, lambda: None)
            else:
                connected.transport.abortConnection()
                return

    def client(self, port: int, is_stream: bool, by_channel: bool) -> tuple[TurnClient, Deferred[list[object]], Any]:
        """A client that sends to the echo as soon as it may, and a Deferred of all events up to the echo's answer."""
        name = timed_username("node", time.time() + 600)
        credential = TurnCredential(name, timed_password(Secret(SECRET), name))
        client = TurnClient(SocketAddress(HOST, port), credential, os.urandom, is_stream=is_stream)
        done: Deferred[list[object]] = Deferred()
        seen: list[object] = []

        def on_event(event: object) -> None:
            seen.append(event)
            if isinstance(event, ChannelBound if by_channel else PeerPermitted):
                client.send(self.peer, b"hello")
            elif isinstance(event, PeerData):
                done.callback(seen)
            elif not done.called and not isinstance(event, Allocated | PeerPermitted):
                done.errback(AssertionError(event))

        (client.bind if by_channel else client.permit)(self.peer, None, 0.0)
        return client, done, on_event

    def assertEchoed(self, seen: list[object]) -> None:
        self.assertIsInstance(seen[0], Allocated)
        self.assertEqual(seen[-1], PeerData(self.peer, b"hello"))

    @inlineCallbacks
    def test_over_udp(self) -> Any:
        for by_channel in (False, True):
            client, done, on_event = self.client(self.port, False, by_channel)
            driver = DatagramDriver(client, reactor, on_event)
            self.addCleanup(listen(open_udp_socket(SocketAddress(HOST, 0)), driver, reactor))
            driver.call(client.start)
            seen = yield done
            self.assertEchoed(seen)
            driver.call(client.close)

    @inlineCallbacks
    def test_over_tcp_and_tls(self) -> Any:
        trusted = optionsForClientTLS("localhost", trustRoot=Certificate.loadPEM(self.certificate.read_bytes()))
        for port, by_channel in ((self.port, False), (self.port, True), (self.tls, False), (self.tls, True)):
            client, done, on_event = self.client(port, True, by_channel)
            stream = TurnClientStream(client, SocketAddress(HOST, port), reactor, on_event)
            endpoint: Any = TCP4ClientEndpoint(reactor, HOST, port)
            if port == self.tls:
                endpoint = wrapClientTLS(trusted, endpoint)
            yield connectProtocol(endpoint, stream)
            seen = yield done
            self.assertEchoed(seen)
            stream.transport.abortConnection()
