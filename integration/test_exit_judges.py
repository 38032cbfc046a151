"""A gateway judged by a browser, by haproxy, by Tor, and by what reads its figures; and an edge that falls silent."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.server import Site

from integration.exits import HOST, PAGE, PASSWORD, Page
from integration.test_exits import HASH, ExitCase
from zerogo.agent.own_edge import OwnEdge
from zerogo.config.agent import AgentConfig
from zerogo.config.identity_file import IDENTITY_FILE, create_identity
from zerogo.config.private_file import make_private_directory
from zerogo.exit.choose import Policy
from zerogo.test.net.certificates import write_certificate

reactor: Any = installed
CHROMIUM, HAPROXY, TOR = (
    shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "" for name in ("chromium", "haproxy", "tor")
)
HAPROXY_CONFIG = """
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend users
    bind {host}:{port}
    default_backend gateways
backend gateways
    server one {host}:{gateway} send-proxy-v2 check inter 200ms
"""
TOR_COMMON = """
SocksPort 0
TestingTorNetwork 1
DirAuthority none v3ident=D586D18309DED4CD6D57C18FDB97EFA96D330566 127.0.0.1:9 9695DFC35FFEB861329B9F1AB04C46397020CE31
DataDirectory {directory}
Log notice file {directory}/log
"""
TOR_BRIDGE = """
ORPort 127.0.0.1:{port} IPv4Only
BridgeRelay 1
PublishServerDescriptor 0
ExitRelay 0
AssumeReachable 1
Address 127.0.0.1
ContactInfo nobody@example.net
"""
TOR_CLIENT = """
UseBridges 1
Bridge 127.0.0.1:{port}
Socks5Proxy {proxy}
Socks5ProxyUsername alice
Socks5ProxyPassword {password}
"""


def free_port() -> int:
    """One that no connection of this machine is given by chance meanwhile: below the ephemeral ones."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind((HOST, port))
            return port


class BrowserTests(ExitCase):
    if not CHROMIUM:
        skip = "needs chromium"
    timeout = 180

    def show(self, proxy: str, url: str) -> Deferred[tuple[bytes, bytes, int]]:
        """What a browser that uses the proxy makes of a page."""
        home = self.exits.directory / "chromium"
        arguments = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors"),
            *(f"--user-data-dir={home}", f"--proxy-server={proxy}", "--dump-dom", url),
        ]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home)}
        return getProcessOutputAndValue(CHROMIUM, arguments, environment)

    @inlineCallbacks
    def test_a_browser_shows_pages_by_both_proxies_and_over_tls(self) -> Any:
        certificate, key = write_certificate(self.exits.directory)
        site = Site(Page())
        site.noisy = False
        secure = reactor.listenSSL(0, site, DefaultOpenSSLContextFactory(str(key), str(certificate)), interface=HOST)
        self.exits.ports.append(secure)
        plain, place = f"http://target.test:{self.exits.page_port}/x", f"{HOST}:{self.exits.user_port}"
        for proxy, url in (
            (f"socks5://{place}", plain),
            (f"http://{place}", plain),
            (f"http://{place}", f"https://target.test:{secure.getHost().port}/x"),
        ):
            shown, complaint, _ = yield self.show(proxy, url)
            self.assertIn(b"GET /x host=target.test:", shown, (proxy, url, complaint[-2000:]))


class BalancerTests(ExitCase):
    if not HAPROXY:
        skip = "needs haproxy"
    GATEWAY = f"balancers: [{HOST}]\n"
    OPEN_TO = "[127.0.0.5/32]"

    @inlineCallbacks
    def test_haproxy_says_who_the_user_is(self) -> Any:
        port = free_port()
        config = self.exits.directory / "haproxy.cfg"
        config.write_text(HAPROXY_CONFIG.format(host=HOST, port=port, gateway=self.exits.user_port))
        process = subprocess.Popen([HAPROXY, "-db", "-q", "-f", str(config)])
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        yield deferToThread(wait_for_port, port)
        for source, reached in (("127.0.0.5", True), ("127.0.0.6", False)):
            body, complaint, status = yield self.exits.curl(
                "--interface", source, "--socks5-hostname", f"{HOST}:{port}", self.page()
            )
            self.assertEqual((status == 0, body == PAGE), (reached, reached), (source, complaint))


def wait_for_port(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(600):
        with socket.socket() as trial:
            trial.settimeout(1)
            if trial.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


class TorTests(ExitCase):
    if not TOR:
        skip = "needs tor"
    timeout = 180
    OPEN_TO = "[]"
    GATEWAY = f"users:\n  - {{name: alice, password-hash: '{HASH}'}}\n"

    def tor(self, name: str, lines: str) -> Path:
        """Run one; the path of its log."""
        directory = Path(tempfile.mkdtemp(prefix="zerogo-tor-"))
        self.addCleanup(shutil.rmtree, directory, True)
        config = directory / "torrc"
        config.write_text(TOR_COMMON.format(directory=directory) + lines)
        process = subprocess.Popen([TOR, "-f", str(config)], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return directory / "log"

    @inlineCallbacks
    def test_tor_reaches_its_bridge_with_a_password_and_builds_a_circuit(self) -> Any:
        port = free_port()
        self.tor("bridge", TOR_BRIDGE.format(port=port))
        yield deferToThread(wait_for_port, port)
        proxy = f"{HOST}:{self.exits.user_port}"
        log = self.tor("client", TOR_CLIENT.format(port=port, proxy=proxy, password=PASSWORD))
        text = ""
        # What it learns from its bridge comes by a circuit, over the connection that the gateway carries.
        while "new bridge descriptor" not in text:
            yield deferLater(reactor, 0.2, lambda: None)
            text = log.read_text() if log.exists() else ""
        self.assertIn("handshake_done", text)
        assert self.exits.gateway.desk is not None
        self.assertIn("alice", {live.record.user for live in self.exits.gateway.desk.live})


class FigureTests(ExitCase):
    GATEWAY = f"metrics-listen: '{HOST}:0'\ndiagnostics-port: {free_port()}\n"
    EDGE = f"metrics-listen: '{HOST}:0'\n"

    @inlineCallbacks
    def test_what_passed_is_read_by_http_at_the_gateway_and_at_the_edge(self) -> Any:
        yield self.exits.socks(self.page())
        (port,) = self.exits.gateway.ports("metrics")
        text, _, _ = yield self.exits.curl(f"http://{HOST}:{port}/metrics")
        self.assertIn(b'zerogo_gateway_edges{state="ready"} 1\n', text)
        down = next(line for line in text.decode().splitlines() if 'bytes_total{direction="down"}' in line)
        self.assertGreater(int(down.split()[1]), len(PAGE))
        text, _, _ = yield self.exits.curl(f"http://{HOST}:{self.exits.edges[0].metrics_port}/metrics")
        self.assertIn(b'zerogo_edge_streams_total{outcome="taken"} 1\n', text)

    @inlineCallbacks
    def test_diagnostics_are_there_for_this_machine_only(self) -> Any:
        (port,) = self.exits.gateway.ports("diagnostics")
        text, _, _ = yield self.exits.curl(f"http://{HOST}:{port}/stacks")
        self.assertIn(b"thread MainThread", text)
        text, _, _ = yield self.exits.curl(f"http://{HOST}:{port}/counters")
        self.assertIn(b'"zerogo_gateway_streams": 0', text)
        text, _, _ = yield self.exits.curl("-H", "Host: evil.example", f"http://{HOST}:{port}/stacks")
        self.assertNotIn(b"MainThread", text)


class AgentTests(ExitCase):
    EDGES = 0

    @inlineCallbacks
    def test_an_agent_is_an_edge_as_well_under_its_own_key_until_it_leaves(self) -> Any:
        directory = self.exits.directory / "agent"
        make_private_directory(directory)
        identity = create_identity(directory / IDENTITY_FILE)
        allowed = self.exits.directory / "edge.yaml"
        allowed.write_text("status-port: 0\nopen-ranges: [127.0.0.0/8]\nrules: ['reject *:1', 'accept *:*']\n")
        own = OwnEdge(AgentConfig(state_dir=directory), self.exits.make_edge, time.time)
        own.startService()
        self.addCleanup(own.stopService)
        said = {"verb": "join", "token": self.exits.edge_token(), "consent": "yes", "config": str(allowed)}
        yield own.command({**said, "country": "de"})
        yield self.exits.edges_are_here(1)
        (state,) = self.exits.gateway.hub.pool.states()
        self.assertEqual((state.profile.edge, state.profile.country), (str(identity.node_id), "de"))
        self.assertGreater(state.profile.consent_at, 1_700_000_000)
        body, complaint, status = yield self.exits.socks(self.page())
        self.assertEqual((status, complaint, body == PAGE), (0, "", True))
        # Closed by what the owner wrote, as the gateway knows; and by the edge itself.
        for refused, code in ((f"http://{HOST}:1/", "(1)"), ("http://10.0.0.1/", "(2)")):
            _, complaint, status = yield self.exits.socks(refused)
            self.assertEqual((status, code in complaint), (97, True), complaint)
        yield own.command({"verb": "leave"})
        while len(self.exits.gateway.hub.pool):
            yield deferLater(reactor, 0.02, lambda: None)
        self.assertEqual(own.command({}).state, "off")


class SilenceTests(ExitCase):
    EDGES = 2
    GATEWAY = f"policy: {Policy.ROUND_ROBIN}\n"
    timeout = 90

    @inlineCallbacks
    def test_streams_meant_for_an_edge_that_fell_silent_go_by_another(self) -> Any:
        hub, fleet = self.exits.gateway.hub, self.exits.edges[0].fleet
        assert fleet is not None and hub is not None
        while any(state.rtt is None for state in hub.pool.states()):
            yield deferLater(reactor, 0.05, lambda: None)
        for client in fleet.clients:
            client._connection.transport.stopReading()
        fetched = yield DeferredList([self.exits.socks(self.page()) for _ in range(4)])
        self.assertEqual([(status, len(body)) for _, (body, _, status) in fetched], [(0, len(PAGE))] * 4)
        while not hub.counters.carriers_lost:
            yield deferLater(reactor, 0.05, lambda: None)
        for client in fleet.clients:
            if client._connection is not None:
                client._connection.transport.startReading()
        yield self.exits.edges_are_here(2)
