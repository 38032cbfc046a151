"""A gateway, edges and targets on loopback in one process, for tests that are judged by other people's clients.

Names are looked up in a table, so that one can lead wherever an attacker would have it; and some ports of 127.0.0.1
fail as a far network would.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import implementer

from zerogo.config.edge import EdgeConfig
from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import parse
from zerogo.edge.owner import Surroundings
from zerogo.edge.service import EdgeService
from zerogo.gateway.service import GatewayService
from zerogo.gateway.tokens import TOKEN_FILE
from zerogo.ids import SocketAddress
from zerogo.net.dial import stream_endpoint
from zerogo.net.exit_socket import Dial, reason_of

HOST = "127.0.0.1"
PAGE = hashlib.shake_128(b"page").digest(3_000_000)
NAMES = {
    "target.test": [HOST],
    "other.test": [HOST],
    "rebind.test": ["192.168.1.1"],
    "mixed.test": ["10.0.0.1", HOST],
    "nowhere.test": [],
}
FAULTS = {40003: errno.ENETUNREACH, 40004: errno.ETIMEDOUT, 40113: errno.EHOSTUNREACH}
PASSWORD = "correct-horse-battery"


class FaultyReactor:
    """The reactor, but for some ports."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def addWriter(self, writer: Any) -> None:
        """A dial to one of those ports fails as if the kernel had said so."""
        number = FAULTS.get(writer.peer[1]) if isinstance(writer, Dial) else None
        if number is None:
            self._reactor.addWriter(writer)
        else:
            self._reactor.callLater(0, writer.fail, reason_of(number))


@implementer(IHalfCloseableProtocol)
class Echo(Protocol):
    """Says what it hears, and closes when it hears no more."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """We closed it ourselves."""


class UdpEcho(DatagramProtocol):
    """Says what it hears."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.transport.write(datagram, addr)


class Page(Resource):
    """A page of `PAGE`, and one that says what it was asked."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        if request.path == b"/page":
            return PAGE
        if request.path == b"/empty":
            request.setResponseCode(204)
            return b""
        body = request.content.read()
        head = f"{request.method.decode()} {request.uri.decode()} host={request.getHeader('host')}"
        return head.encode() + b" " + hashlib.sha256(body).hexdigest().encode() + b"\n"


class Exits:
    """All of it. `gateway_extra` and `edge_extra` are further lines of the configuration files."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self.reactor = reactor
        self.directory = directory
        self.gateway: GatewayService
        self.edges: list[EdgeService] = []
        self.ports: list[Any] = []
        self.user_port = 0
        self.edge_port = 0
        self.page_port = 0
        self.echo_port = 0
        self.udp_port = 0

    def start(self, gateway_extra: str = "", open_to: str = "[127.0.0.1/32]") -> None:
        """The gateway and the targets."""
        text = f"listen: '{HOST}:0'\nedge-listen: '{HOST}:0'\nopen-to: {open_to}\n"
        text += f"state-dir: {self.directory / 'gateway'}\ndrain-seconds: 0\n{gateway_extra}"
        self.gateway = GatewayService(parse(text.encode(), GatewayConfig), self.reactor, os.urandom)
        self.gateway.privilegedStartService()
        self.gateway.startService()
        (self.user_port,), (self.edge_port,) = self.gateway.ports("both"), self.gateway.ports("edges")
        site = Site(Page())
        site.noisy = False
        self.page_port = self._listen(self.reactor.listenTCP(0, site, interface=HOST))
        echo = Factory.forProtocol(Echo)
        echo.noisy = False
        self.echo_port = self._listen(self.reactor.listenTCP(0, echo, interface=HOST))
        self.udp_port = self._listen(self.reactor.listenUDP(0, UdpEcho(), interface=HOST, maxPacketSize=65535))

    def _listen(self, port: Any) -> int:
        self.ports.append(port)
        return int(port.getHost().port)

    def add_edge(self, extra: str = "", endpoint_of: Any = None, token: str = "") -> EdgeService:
        """One more edge; without a token, of the gateway's own."""
        name = f"e{len(self.edges)}"
        token = self.edge_token(token)
        text = f"token: '{token}'\nname: {name}\nstate-dir: {self.directory / name}\nstatus-port: 0\n"
        text += f"open-ranges: [127.0.0.0/8]\nrules: ['accept *:*']\n{extra}" if "rules" not in extra else extra
        edge = self.make_edge(parse(text.encode(), EdgeConfig), endpoint_of)
        edge.startService()
        self.edges.append(edge)
        return edge

    def edge_token(self, token: str = "") -> str:
        """The gateway's own token, or that one, with the port at which it takes edges."""
        if not token:
            token = (self.directory / "gateway" / TOKEN_FILE).read_text().strip()
        return f"zerogo-edge://{HOST}:{self.edge_port}/{token.split('/')[-1]}"

    def make_edge(self, config: EdgeConfig, endpoint_of: Any = None) -> EdgeService:
        """An edge that is not begun yet, with the names and faults of this world."""
        around = Surroundings(FaultyReactor(self.reactor), self._resolve, lambda: [HOST])
        dial = endpoint_of or (lambda address: stream_endpoint(self.reactor, address))
        return EdgeService(config, around, dial, os.urandom)

    def _resolve(self, host: str, port: int) -> Deferred[list[SocketAddress]]:
        return succeed([SocketAddress.of(address, port) for address in NAMES.get(host, [])])

    def edges_are_here(self, count: int) -> Deferred[None]:
        """Fires when so many are ready for streams."""
        assert self.gateway.hub is not None
        ready = [state for state in self.gateway.hub.pool.states() if not state.is_away]
        if len(ready) >= count:
            return succeed(None)
        return deferLater(self.reactor, 0.01, self.edges_are_here, count).addCallback(lambda _: None)

    def cut(self, edge: EdgeService) -> None:
        """Break the connection of an edge, as a network does."""
        assert edge.fleet is not None
        for client in edge.fleet.clients:
            if client._connection is not None and client._connection.transport is not None:
                client._connection.transport.abortConnection()

    def kill(self, edge: EdgeService) -> None:
        """End an edge as SIGKILL does: without a word, for ever."""
        assert edge.fleet is not None
        edge.fleet._tick.stop()
        for client in edge.fleet.clients:
            client._is_stopped = True
        self.cut(edge)

    def stop(self) -> Deferred[Any]:
        """End all of it."""
        closing = [edge.stopService() for edge in self.edges if edge.running]
        closing.append(self.gateway.stopService())
        closing += [port.stopListening() for port in self.ports]
        # Connections that were aborted are gone one turn of the reactor later.
        done = DeferredList(closing).addCallback(lambda _: deferLater(self.reactor, 0.05, lambda: None))
        return done.addCallback(lambda _: self._forget_timers())

    def _forget_timers(self) -> None:
        """Autobahn keeps its timers in buckets, which stay until they are due, empty or not."""
        for call in self.reactor.getDelayedCalls():
            if "_BatchedTimer" in str(call):
                call.cancel()

    def curl(self, *arguments: str) -> Deferred[tuple[bytes, str, int]]:
        """Run curl: what it printed, what it complained of, its status."""
        found = shutil.which("curl")
        if found is None:
            raise SkipTest("curl is not installed")
        environment = {"PATH": os.environ.get("PATH", ""), "no_proxy": ""}
        done = getProcessOutputAndValue(found, ["-sS", "--max-time", "20", *arguments], environment)
        return done.addCallback(lambda result: (result[0], result[1].decode(errors="replace"), result[2]))

    def socksified(self, *command: str) -> Deferred[tuple[bytes, str, int]]:
        """A program under dante's socksify, which has it use this gateway without knowing."""
        found = shutil.which("socksify")
        if found is None:
            raise SkipTest("socksify of dante is not installed")
        config = self.directory / "socks.conf"
        routes = (
            f"route {{\n from: 0.0.0.0/0 to: {to} via: {HOST} port = {self.user_port}\n"
            " proxyprotocol: socks_v5\n protocol: tcp udp\n method: none\n}\n"
            for to in ("127.0.0.0/8", ".test")
        )
        config.write_text("resolveprotocol: fake\n" + "".join(routes))
        environment = {"PATH": os.environ.get("PATH", ""), "SOCKS_CONF": str(config)}
        done = getProcessOutputAndValue(found, command, environment)
        return done.addCallback(lambda result: (result[0], result[1].decode(errors="replace"), result[2]))

    def socks(self, *arguments: str) -> Deferred[tuple[bytes, str, int]]:
        """curl by SOCKS5, names looked up at the edge."""
        return self.curl("--socks5-hostname", f"{HOST}:{self.user_port}", *arguments)

    def http(self, *arguments: str) -> Deferred[tuple[bytes, str, int]]:
        """curl by the HTTP proxy."""
        return self.curl("-x", f"http://{HOST}:{self.user_port}", *arguments)
