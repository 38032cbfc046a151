"""Exits, judged by clients that were not written by us: curl, PySocks, httpx, and `websockets` playing an edge."""

from __future__ import annotations

import hashlib
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import socks
from argon2 import PasswordHasher
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from integration.exits import HOST, PAGE, PASSWORD, Exits
from zerogo.exit.proxy_protocol import SIGNATURE
from zerogo.exit.reason import Reason
from zerogo.gateway.accounts import ANONYMOUS
from zerogo.gateway.users import CountingMeter
from zerogo.net.dial import ControllerAddress
from zerogo.test.net.certificates import write_certificate

reactor: Any = installed
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


class ExitCase(TestCase):
    """One gateway, `EDGES` edges."""

    EDGES = 1
    GATEWAY = ""
    OPEN_TO = "[127.0.0.1/32]"
    EDGE = ""
    timeout = 60

    @inlineCallbacks
    def setUp(self) -> Any:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.exits = Exits(reactor, Path(directory.name))
        self.exits.start(self.GATEWAY, self.OPEN_TO)
        for _ in range(self.EDGES):
            self.exits.add_edge(self.EDGE)
        yield self.exits.edges_are_here(self.EDGES)

    def tearDown(self) -> Any:
        return self.exits.stop()

    def page(self, name: str = "target.test") -> str:
        return f"http://{name}:{self.exits.page_port}/page"


class CurlTests(ExitCase):
    @inlineCallbacks
    def test_the_same_bytes_arrive_by_both_proxies_and_by_connect(self) -> Any:
        for fetched in (
            self.exits.socks(self.page()),
            self.exits.http(self.page()),
            self.exits.http("-p", self.page()),
        ):
            body, complaint, status = yield fetched
            self.assertEqual((status, complaint), (0, ""))
            self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256(PAGE).digest())

    @inlineCallbacks
    def test_every_socks_reply_code_is_the_truth(self) -> Any:
        with socket.socket() as unused:
            unused.bind((HOST, 0))
            closed = unused.getsockname()[1]
        for target, code in (
            (f"http://rebind.test:{self.exits.page_port}/", 2),
            ("http://10.0.0.1/", 2),
            (f"http://{HOST}:40003/", 3),
            ("http://nowhere.test/", 4),
            (f"http://{HOST}:40004/", 4),
            (f"http://{HOST}:40113/", 4),
            (f"http://target.test:{closed}/", 5),
        ):
            _, complaint, status = yield self.exits.socks(target)
            self.assertEqual(status, 97, (target, complaint))
            self.assertIn(f"({code})", complaint, target)

    @inlineCallbacks
    def test_the_same_failures_are_http_statuses(self) -> Any:
        for target, code in (
            ("http://10.0.0.1/", b"403"),
            ("http://nowhere.test/", b"502"),
            (f"http://{HOST}:40004/", b"504"),
        ):
            body, _, _ = yield self.exits.http("-o", "/dev/null", "-w", "%{http_code}", target)
            self.assertEqual(body, code, target)

    @inlineCallbacks
    def test_no_spelling_of_this_machine_gets_through_where_the_owner_has_not_opened_it(self) -> Any:
        yield self.exits.edges[0].stopService()
        assert self.exits.gateway.hub is not None
        for tunnel in list(self.exits.gateway.hub.tunnels):
            self.exits.gateway.hub.kick(tunnel.state.profile.edge, "the test goes on without it")
        self.exits.add_edge("rules: ['accept *:*']\n")
        yield self.exits.edges_are_here(1)
        port = self.exits.page_port
        for host in (
            *(HOST, "127.0.0.2", "0.0.0.0", "target.test", "mixed.test", "169.254.169.254", "10.1.1.1", "100.64.0.1"),
            *("[::1]", "[::ffff:127.0.0.1]", "[::]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]"),
        ):
            _, complaint, status = yield self.exits.socks("-g", f"http://{host}:{port}/page")
            self.assertEqual(status, 97, (host, complaint))
            self.assertTrue("(2)" in complaint or "(1)" in complaint, (host, complaint))

    @inlineCallbacks
    def test_of_several_addresses_only_permitted_ones_are_dialled(self) -> Any:
        body, complaint, status = yield self.exits.socks(self.page("mixed.test"))
        self.assertEqual((status, complaint, len(body)), (0, "", len(PAGE)))


class AccountTests(ExitCase):
    OPEN_TO = "[]"
    GATEWAY = f"""users:
  - {{name: alice, password-hash: '{HASH}', download: 400000}}
  - {{name: bob, password-hash: '{HASH}', streams: 2, reply: early, listen: true}}
"""
    EDGE = "country: de\n"

    def proxied(self, user: str, *arguments: str) -> Deferred[Any]:
        return self.exits.socks("--proxy-user", user, *arguments)

    @inlineCallbacks
    def test_passwords_are_needed_and_checked_and_wishes_are_met_or_refused(self) -> Any:
        for user, status in (
            (f"bob:{PASSWORD}", 0),
            (f"bob-country-de:{PASSWORD}", 0),
            (f"bob-session-a1-sessTime-5:{PASSWORD}", 0),
            (f"bob-country-jp:{PASSWORD}", 97),
            (f"bob-contry-de:{PASSWORD}", 97),
            ("bob:wrong-password", 97),
            (f"eve:{PASSWORD}", 97),
        ):
            _, complaint, found = yield self.proxied(user, f"http://target.test:{self.exits.page_port}/x")
            # bob is replied early: what fails later is an empty answer (52) or a reset (56).
            self.assertIn(found, (status, 52, 56) if status else (0,), (user, complaint))
        _, _, found = yield self.exits.socks(self.page())
        self.assertEqual(found, 97)

    @inlineCallbacks
    def test_the_http_proxy_challenges_and_takes_the_same_users(self) -> Any:
        body, _, _ = yield self.exits.http("-o", "/dev/null", "-w", "%{http_code}", self.page())
        self.assertEqual(body, b"407")
        body, _, _ = yield self.exits.http("--proxy-user", f"bob:{PASSWORD}", self.page())
        self.assertEqual(len(body), len(PAGE))

    @inlineCallbacks
    def test_that_no_edge_matches_is_told_apart_from_a_wish_that_there_is_not(self) -> Any:
        for wish, reply, code in (("country-jp", "(1)", b"503"), ("contry-jp", "rejected", b"407")):
            user = f"alice-{wish}:{PASSWORD}"
            _, complaint, status = yield self.proxied(user, self.page())
            self.assertEqual((status, reply in complaint), (97, True), complaint)
            body, _, _ = yield self.exits.http(
                "--proxy-user", user, "-o", "/dev/null", "-w", "%{http_code}", self.page()
            )
            self.assertEqual(body, code)

    @inlineCallbacks
    def test_a_rate_holds_and_a_stopped_user_is_cut_at_once(self) -> Any:
        began = reactor.seconds()
        fetched = self.proxied(f"alice:{PASSWORD}", self.page())
        desk = self.exits.gateway.desk
        assert desk is not None
        while desk.passed[1] < 300_000:
            yield deferLater(reactor, 0.02, lambda: None)
        (live,) = desk.live
        self.assertEqual(live.record.user, "alice")
        self.assertEqual(desk.kill_user("alice"), 1)
        body, _, status = yield fetched
        self.assertIn(status, (18, 56))
        elapsed = reactor.seconds() - began
        # What the kernel and curl had in their buffers when it was cut may be missing.
        self.assertLess(len(body), 400_000 * (elapsed + 0.5))
        self.assertEqual(desk.live, ())

    @inlineCallbacks
    def test_bind_takes_the_connection_that_was_named(self) -> Any:
        def bind() -> bytes:
            with socket.create_connection((HOST, self.exits.user_port), 10) as control:
                control.sendall(b"\x05\x01\x02")
                self.assertEqual(control.recv(2), b"\x05\x02")
                control.sendall(b"\x01\x03bob" + bytes([len(PASSWORD)]) + PASSWORD.encode())
                self.assertEqual(control.recv(2), b"\x01\x00")
                control.sendall(b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50")
                first = control.recv(10)
                self.assertEqual(first[:4], b"\x05\x00\x00\x01")
                (port,) = struct.unpack("!H", first[8:])
                with socket.create_connection((HOST, port), 10) as peer:
                    self.assertEqual(control.recv(10)[:8], b"\x05\x00\x00\x01\x7f\x00\x00\x01")
                    control.sendall(b"to the peer")
                    self.assertEqual(peer.recv(100), b"to the peer")
                    peer.sendall(b"to the user")
                    return control.recv(100)

        yield self.exits.edges[0].stopService()
        assert self.exits.gateway.hub is not None
        for tunnel in list(self.exits.gateway.hub.tunnels):
            self.exits.gateway.hub.kick(tunnel.state.profile.edge, "the test goes on without it")
        self.exits.add_edge("listen: true\n")
        yield self.exits.edges_are_here(1)
        got = yield deferToThread(bind)
        self.assertEqual(got, b"to the user")


class ClientTests(ExitCase):
    @inlineCallbacks
    def test_pysocks_connects_and_is_told_refusals(self) -> Any:
        def connect() -> bytes:
            with socks.socksocket() as stream:
                stream.set_proxy(socks.SOCKS5, HOST, self.exits.user_port, rdns=True)
                stream.settimeout(10)
                stream.connect(("target.test", self.exits.echo_port))
                stream.sendall(b"hello")
                stream.shutdown(socket.SHUT_WR)
                got = b""
                while piece := stream.recv(100):
                    got += piece
            with socks.socksocket() as stream:
                stream.set_proxy(socks.SOCKS5, HOST, self.exits.user_port, rdns=True)
                self.assertRaises(socks.ProxyError, stream.connect, ("nowhere.test", 80))
            return got

        got = yield deferToThread(connect)
        self.assertEqual(got, b"hello")

    @inlineCallbacks
    def test_pysocks_udp_goes_and_comes_with_its_true_source(self) -> Any:
        def exchange() -> list[tuple[bytes, Any]]:
            with socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM) as association:
                association.set_proxy(socks.SOCKS5, HOST, self.exits.user_port, rdns=True)
                association.settimeout(10)
                found = []
                for name in (HOST, "target.test"):
                    for size in (0, 1, 1400, 30_000):
                        association.sendto(bytes(size), (name, self.exits.udp_port))
                        found.append(association.recvfrom(65535))
                return found

        found = yield deferToThread(exchange)
        self.assertEqual([len(payload) for payload, _ in found], [0, 1, 1400, 30_000] * 2)
        self.assertEqual({source for _, source in found}, {(HOST, self.exits.udp_port)})

    @inlineCallbacks
    def test_programs_under_dantes_socksify_use_tcp_and_udp(self) -> Any:
        url = f"http://target.test:{self.exits.page_port}/page"
        body, complaint, status = yield self.exits.socksified("curl", "-sS", "--max-time", "20", url)
        self.assertEqual((status, complaint, body == PAGE), (0, "", True))
        counted = self.exits.gateway.meter
        assert isinstance(counted, CountingMeter)
        before = counted.users[ANONYMOUS]
        code = (
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10);"
            f"s.connect(('target.test', {self.exits.udp_port})); s.send(bytes(1400)); print(len(s.recv(2000)))"
        )
        printed, complaint, status = yield self.exits.socksified(sys.executable, "-c", code)
        self.assertEqual((status, printed), (0, b"1400\n"), complaint)
        after = counted.users[ANONYMOUS]
        self.assertEqual((after[0] - before[0], after[1] - before[1]), (1400, 1400))

    @inlineCallbacks
    def test_httpx_keeps_one_connection_for_requests_to_two_hosts(self) -> Any:
        def fetch() -> list[str]:
            proxy = f"http://{HOST}:{self.exits.user_port}"
            port = self.exits.page_port
            with httpx.Client(proxy=proxy, timeout=20, trust_env=False) as client:
                answers = []
                for name in ("target.test", "other.test"):
                    answers.append(client.get(f"http://{name}:{port}/a").text)
                    answers.append(client.post(f"http://{name}:{port}/b", content=bytes(200_000)).text)
                    answers.append(client.post(f"http://{name}:{port}/c", content=iter([b"x" * 1000] * 9)).text)
                    answers.append(client.head(f"http://{name}:{port}/page").headers["content-length"])
                    answers.append(str(client.get(f"http://{name}:{port}/empty").status_code))
                return answers

        answers = yield deferToThread(fetch)
        zeros, xs = hashlib.sha256(bytes(200_000)).hexdigest(), hashlib.sha256(b"x" * 9000).hexdigest()
        for name, found in (("target.test", answers[:5]), ("other.test", answers[5:])):
            place = f"{name}:{self.exits.page_port}"
            self.assertTrue(found[0].startswith(f"GET /a host={place} "), found[0])
            self.assertEqual(found[1], f"POST /b host={place} {zeros}\n")
            self.assertEqual(found[2], f"POST /c host={place} {xs}\n")
            self.assertEqual(found[3:], [str(len(PAGE)), "204"])


class BalancerTests(ExitCase):
    GATEWAY = f"balancers: [{HOST}]\n"
    OPEN_TO = "[192.0.2.0/24]"

    @inlineCallbacks
    def test_a_listed_balancer_says_who_the_user_is_and_must(self) -> Any:
        def speak(header: bytes) -> bytes:
            with socket.create_connection((HOST, self.exits.user_port), 10) as stream:
                stream.sendall(header + b"\x05\x01\x00")
                try:
                    return stream.recv(10)
                except ConnectionResetError:
                    return b""

        def header(source: str) -> bytes:
            body = socket.inet_aton(source) + bytes(4) + struct.pack("!HH", 5000, 1080)
            return SIGNATURE + b"\x21\x11\x00\x0c" + body

        for sent, answer in ((header("192.0.2.7"), b"\x05\x00"), (header("198.51.100.7"), b"\x05\xff"), (b"", b"")):
            got = yield deferToThread(speak, sent)
            self.assertEqual(got, answer)


class StreamUser(Protocol):
    """A user of SOCKS5 that sends bytes to the echo and hashes what comes back."""

    def __init__(self, port: int, data: bytes) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._port = port
        self._data = data
        self._head = b""
        self._got = 0
        self._hash = hashlib.sha256()

    def connectionMade(self) -> None:
        name = b"target.test"
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", self._port)
        # All at once: what follows the request travels with it.
        self.transport.write(b"\x05\x01\x00" + request + self._data)

    def dataReceived(self, data: bytes) -> None:
        if len(self._head) < 12:
            self._head += data
            data, self._head = self._head[12:], self._head[:12]
        self._hash.update(data)
        self._got += len(data)
        if self._got >= len(self._data):
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.done.callback(self._hash.digest() if self._got == len(self._data) else self._head[3:4] + b"failed")


class Users(ClientFactory):
    noisy = False

    def __init__(self, protocol: StreamUser) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> StreamUser:
        return self._protocol


class TroubleTests(ExitCase):
    EDGES = 3
    timeout = 90

    def stream(self, seed: int, size: int) -> tuple[Deferred[bytes], bytes]:
        data = hashlib.shake_128(str(seed).encode()).digest(size)
        user = StreamUser(self.exits.echo_port, data)
        reactor.connectTCP(HOST, self.exits.user_port, Users(user))
        return user.done, hashlib.sha256(data).digest()

    @inlineCallbacks
    def test_a_hundred_streams_arrive_whole_while_tunnels_are_cut(self) -> Any:
        streams = [self.stream(seed, 250_000) for seed in range(100)]
        is_done: list[bool] = []
        arrived = gatherResults([done for done, _ in streams]).addCallback(lambda found: is_done.append(True) or found)
        desk = self.exits.gateway.desk
        assert desk is not None
        cuts = 0
        while not is_done:
            if desk.passed[1] >= cuts * 3_000_000:
                self.exits.cut(self.exits.edges[cuts % 3])
                cuts += 1
            yield deferLater(reactor, 0.01, lambda: None)
        found = yield arrived
        self.assertEqual(found, [digest for _, digest in streams])
        self.assertGreater(cuts, 2)

    @inlineCallbacks
    def test_an_edge_that_dies_costs_its_streams_and_no_new_one(self) -> Any:
        first = [self.stream(seed, 100_000) for seed in range(30)]
        yield deferLater(reactor, 0.05, lambda: None)
        self.exits.kill(self.exits.edges[0])
        second = [self.stream(seed, 20_000) for seed in range(30, 90)]
        found = yield gatherResults([done for done, _ in second])
        self.assertEqual(found, [digest for _, digest in second])
        assert self.exits.gateway.hub is not None
        for tunnel in list(self.exits.gateway.hub.tunnels):
            if tunnel.state.is_away:
                self.exits.gateway.hub.kick(tunnel.state.profile.edge, "it is dead")
        found = yield gatherResults([done for done, _ in first])
        right = sum(got == digest for got, (_, digest) in zip(found, first, strict=True))
        self.assertGreaterEqual(right, 10)

    @inlineCallbacks
    def test_a_reader_that_does_not_read_stalls_nobody_and_memory_is_bounded(self) -> Any:
        slow = []
        for _ in range(3):
            stalled = socket.create_connection((HOST, self.exits.user_port), 10)
            self.addCleanup(stalled.close)
            place = b"\x05\x01\x00\x03\x0btarget.test" + struct.pack("!H", self.exits.page_port)
            stalled.sendall(b"\x05\x01\x00" + place + b"GET /page HTTP/1.0\r\n\r\n")
            slow.append(stalled)
        yield deferLater(reactor, 0.3, lambda: None)
        body, complaint, status = yield self.exits.socks(self.page())
        self.assertEqual((status, complaint, len(body)), (0, "", len(PAGE)))
        assert self.exits.gateway.hub is not None
        self.assertLessEqual(self.exits.gateway.hub.backlog, 3 * 256 * 1024)

    @inlineCallbacks
    def test_an_owner_who_pauses_is_left_alone(self) -> Any:
        for edge in self.exits.edges:
            assert edge.fleet is not None
            edge.fleet.pause(True)
        _, complaint, status = yield self.exits.socks(self.page())
        self.assertEqual(status, 97, complaint)
        for edge in self.exits.edges:
            assert edge.fleet is not None
            edge.fleet.pause(False)


class BurstTests(ExitCase):
    EDGE = "streams: 20\n"

    @inlineCallbacks
    def test_a_burst_of_opens_is_bounded_by_what_the_edge_carries(self) -> Any:
        def burst() -> list[int]:
            place = b"\x05\x01\x00\x03\x0btarget.test" + struct.pack("!H", self.exits.echo_port)
            streams = [socket.create_connection((HOST, self.exits.user_port), 10) for _ in range(120)]
            for stream in streams:
                stream.sendall(b"\x05\x01\x00" + place)
            codes = []
            for stream in streams:
                got = b""
                while len(got) < 4 and (piece := stream.recv(20)):
                    got += piece
                codes.append(got[3])
            for stream in streams:
                stream.close()
            return codes

        codes = yield deferToThread(burst)
        self.assertEqual((codes.count(0), codes.count(1)), (20, 100))
        self.assertIs(Reason.read(12), Reason.OVERLOADED)


class TlsTests(TestCase):
    timeout = 30

    @inlineCallbacks
    def test_a_tunnel_may_have_tls_around_it(self) -> Any:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        certificate, key = write_certificate(Path(directory.name))
        exits = Exits(reactor, Path(directory.name))
        exits.start(f"edge-certificate: {certificate}\nedge-key: {key}\n")
        authority = Certificate.loadPEM(certificate.read_bytes())
        asked: list[bool] = []

        def endpoint_of(address: ControllerAddress) -> Any:
            asked.append(address.is_tls)
            plain = TCP4ClientEndpoint(reactor, address.host, address.port)
            return wrapClientTLS(optionsForClientTLS("localhost", trustRoot=authority), plain)

        exits.add_edge(endpoint_of=endpoint_of)
        yield exits.edges_are_here(1)
        body, complaint, status = yield exits.socks(f"http://target.test:{exits.page_port}/page")
        self.assertEqual((status, complaint, body == PAGE, asked), (0, "", True, [True]))
        yield exits.stop()
