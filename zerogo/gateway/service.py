# -*- test-case-name: integration.test_exits -*-
"""The sockets of a gateway: opened with privileges, served without, drained and closed at the end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from zerogo import __version__
from zerogo.config.gateway import GatewayConfig
from zerogo.config.identity_file import IDENTITY_FILE, load_or_create_identity
from zerogo.config.private_file import make_private_directory, write_private
from zerogo.control.edge_token import GatewayToken
from zerogo.control.gateway_messages import BOOT_BYTES, Enter
from zerogo.control.token import join_host_port
from zerogo.core import RandomBytes
from zerogo.exit.choose import Policy
from zerogo.exit.reason import Reason
from zerogo.gateway.accounts import AccountBook, PasswordAccounts, account_of
from zerogo.gateway.cache import ControllerFiles, read_token, save_token
from zerogo.gateway.controlled import Controlled, Parts
from zerogo.gateway.denials import Denials
from zerogo.gateway.hub import Hub
from zerogo.gateway.link import ControllerLink
from zerogo.gateway.metering import LeasedMeter
from zerogo.gateway.metrics import GatewayMonitor
from zerogo.gateway.tokens import TOKEN_FILE, KeyedEdges, TokenEdges, edge_token, load_or_create_secret
from zerogo.gateway.users import CountingMeter, UserDesk
from zerogo.ids import SocketAddress
from zerogo.net.addresses import main_address, read_interfaces
from zerogo.net.descriptors import ask_for_descriptors
from zerogo.net.dial import ControllerAddress, stream_endpoint
from zerogo.net.exit_http import HttpSession
from zerogo.net.exit_ports import EdgeDirectory, Meter
from zerogo.net.exit_server import CONNECTIONS_LIMIT, EdgeServer
from zerogo.net.exit_socket import Acceptor, StreamSocket
from zerogo.net.exit_socks import SocksSession
from zerogo.net.exit_user import SessionMaker, UserCrowd, UserFactory
from zerogo.net.listening import TLSServerFactory, server_context
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.noise.identity import Identity
from zerogo.observe.metrics import metrics_site
from zerogo.observe.process import diagnostics_site

DRAIN_CHECK_SECONDS = 0.1
SPARE_DESCRIPTORS = 1000
"""For what is neither edge nor user; at most an eighth of what there is."""
SWEEP_SECONDS = 30.0
THREADS = 2
ANY_HOST = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound
BOTH: dict[int, SessionMaker] = {5: SocksSession, 0: HttpSession}


@frozen
class Room:
    """For how many connections there are descriptors, so that neither edges nor users take those of the others."""

    edges: int
    users: int


def room_for(descriptors: int, users: int) -> Room:
    """Users have what is configured; where there are too few for all edges as well, at most the half."""
    room = descriptors - min(SPARE_DESCRIPTORS, descriptors // 8)
    users = min(users, max(room // 2, room - CONNECTIONS_LIMIT))
    return Room(min(CONNECTIONS_LIMIT, room - users), users)


class GatewayService(Service):
    """A gateway. `reactor` is IReactorTime, IReactorSocket, IReactorUDP and IReactorFromThreads.

    With the token of a controller, accounts and keys of edges come from there (`controlled`).
    """

    log = Logger()

    def __init__(
        self,
        config: GatewayConfig,
        reactor: Any,
        rng: RandomBytes,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint] | None = None,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._reactor = reactor
        self._rng = rng
        self._endpoint_of = endpoint_of
        self._unix_time = unix_time
        self.controlled: Controlled | None = None
        self.meter: Meter = CountingMeter()
        self.hub: Hub | None = None
        self.desk: UserDesk | None = None
        self.edges: EdgeServer | None = None
        self._pool = ThreadPool(0, THREADS, "passwords")
        self._opened: list[tuple[str, socket.socket]] = []
        self._ports: list[Any] = []
        self._factories: list[UserFactory] = []
        self._denials = Denials(config.denied_addresses, unix_time)
        self._tls: CertificateOptions | None = None
        self._room = room_for(CONNECTIONS_LIMIT, config.connections)

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `AddressRefused`, `CertificateRefused`."""
        config = self._config
        if config.edge_certificate is not None and config.edge_key is not None:
            self._tls = server_context(config.edge_certificate, config.edge_key, (b"http/1.1",))
        places = {
            "both": config.listen,
            "socks": config.socks_listen,
            "http": config.http_listen,
            "edges": config.edge_listen,
            "metrics": () if config.metrics_listen is None else (config.metrics_listen,),
            "diagnostics": (SocketAddress("127.0.0.1", config.diagnostics_port),) if config.diagnostics_port else (),
        }
        try:
            for kind, addresses in places.items():
                for address in addresses:
                    self._opened.append((kind, open_tcp_socket(address)))
        except Exception:
            self._close_opened()
            raise

    def startService(self) -> None:
        """Begin; raises `PrivateFileError`."""
        super().startService()  # type: ignore[no-untyped-call]
        config = self._config
        self._share_descriptors()
        make_private_directory(config.state_dir)
        identity = load_or_create_identity(config.state_dir / IDENTITY_FILE)
        if config.controller is not None:
            save_token(config.state_dir, GatewayToken.parse(config.controller.reveal()))
        token = read_token(config.state_dir)
        self._pool.start()
        book = AccountBook(account_of(user) for user in config.users)
        accounts = PasswordAccounts(book, config, self._reactor, self._unix_time, self._in_thread, self._rng)
        directory, self.meter = (
            self._alone(identity) if token is None else self._under_controller(identity, token, book)
        )
        self.hub = Hub(directory, Policy(config.policy), self._reactor, self._rng)
        self.desk = UserDesk(self.hub, accounts, self.meter, self._reactor, config.datagram_address)
        self.hub.is_denied = self.desk.is_denied = self._denials.holds
        self.edges = EdgeServer(self.hub, identity, self._reactor, self._rng, self._room.edges)
        link = None if self.controlled is None else self.controlled.link
        has_controller = None if link is None else lambda: link.is_here
        monitor = GatewayMonitor(self.hub, self.desk, self.meter, self._factories, self.edges.late, has_controller)
        self._serve(self.desk, self.edges, monitor)
        if self.controlled is not None:
            self.controlled.denials_changed = self._drop_denied
            self.controlled.start(self.hub, self.desk)
        self._sweep = LoopingCall(self.desk.end_idle, config.idle_minutes * 60.0)
        self._sweep.clock = self._reactor
        self._sweep.start(SWEEP_SECONDS, now=False)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Let streams go on for a while, then end them."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._close_opened()
        closing: list[Deferred[object]] = [port.stopListening() for port in self._ports]
        self._ports.clear()
        if self.hub is not None and self.desk is not None and self._sweep.running:
            self._sweep.stop()
            self.hub.drain()
            end = self._reactor.seconds() + self._config.drain_seconds
            while self.desk.live and self._reactor.seconds() < end:
                yield deferLater(self._reactor, DRAIN_CHECK_SECONDS, lambda: None)
            for live in self.desk.live:
                live.kill(Reason.DRAINING)
            if self.controlled is not None:
                yield self.controlled.stop()
            self.hub.close()
            for factory in self._factories:
                factory.close_all()
            self.desk.stop()
            if self.edges is not None:
                self.edges.stop()
            self._pool.stop()
        yield DeferredList(closing)

    def ports(self, kind: str) -> list[int]:
        """The TCP ports that are listened on; of the kinds of `_KINDS`."""
        return [port.getHost().port for port in self._ports if getattr(port, "exit_kind", "") == kind]

    def _drop_denied(self) -> None:
        if self.hub is not None and self.desk is not None:
            self.hub.kick_denied()
            self.desk.kill_denied()
        for factory in self._factories:
            factory.close_denied()

    def _share_descriptors(self) -> None:
        wanted = CONNECTIONS_LIMIT + self._config.connections + SPARE_DESCRIPTORS
        granted = ask_for_descriptors(wanted)
        self._room = room_for(granted, self._config.connections)
        if granted < wanted:
            self.log.warn(
                "This process may have {granted} files and sockets, not {wanted}: that is room for {edges} edges and "
                "{users} connections of users (ulimit -n, or LimitNOFILE of systemd)",
                granted=granted,
                wanted=wanted,
                edges=self._room.edges,
                users=self._room.users,
            )

    def _alone(self, identity: Identity) -> tuple[EdgeDirectory, Meter]:
        """Edges join with this gateway's own token."""
        config = self._config
        secret = load_or_create_secret(config.state_dir, self._rng)
        token = edge_token(identity, secret, self._public_addresses(), self._tls is not None)
        write_private(config.state_dir / TOKEN_FILE, token.format().encode("ascii") + b"\n")
        return TokenEdges(secret, config.denied_edges), self.meter

    def _under_controller(
        self, identity: Identity, token: GatewayToken, book: AccountBook
    ) -> tuple[EdgeDirectory, Meter]:
        """Everything comes from there."""
        config = self._config
        (config.state_dir / TOKEN_FILE).unlink(missing_ok=True)
        edges = KeyedEdges(config.denied_edges)
        meter = LeasedMeter(self._reactor, self._unix_time, book.has_package, self._country_of)
        boot, addresses = self._rng(BOOT_BYTES), self._public_addresses()
        self.controlled = Controlled(
            Parts(book, meter, edges, ControllerFiles(config.state_dir, identity, self._rng), self._denials),
            greeting=lambda revision: Enter(
                signing=identity.signing_public,
                boot=boot,
                name=config.name,
                version=__version__,
                addresses=addresses[:8],
                is_tls=self._tls is not None,
                region=config.region,
                edges_limit=min(config.edges, self._room.edges),
                revision=revision,
                secret=None if self.controlled is None or self.controlled.was_admitted else token.secret,
            ),
            served_seconds=config.served_hours * 3600.0,
            clock=self._reactor,
            unix_time=self._unix_time,
        )
        self.controlled.link = ControllerLink(
            self.controlled,
            identity,
            token,
            clock=self._reactor,
            endpoint_of=self._endpoint_of or (lambda address: stream_endpoint(self._reactor, address)),
            rng=self._rng,
        )
        self.controlled.load()
        return edges, meter

    def _country_of(self, edge: str) -> str:
        state = None if self.hub is None else self.hub.pool.get(edge)
        return "" if state is None else state.profile.country

    def _in_thread(self, function: Callable[..., bool], *arguments: object) -> Deferred[bool]:
        return deferToThreadPool(self._reactor, self._pool, function, *arguments)

    def _public_addresses(self) -> list[str]:
        if self._config.public_addresses:
            return list(self._config.public_addresses)
        host, port = next((opened.getsockname()[:2] for kind, opened in self._opened if kind == "edges"), ("", 0))
        if host in ANY_HOST:
            host = main_address(read_interfaces()) or "127.0.0.1"
        return [join_host_port(host, port)]

    def _serve(self, desk: UserDesk, edges: EdgeServer, monitor: GatewayMonitor) -> None:
        balancers = frozenset(self._config.balancers)
        crowd = UserCrowd(self._room.users, self._config.connections_per_address)
        sessions: dict[str, dict[int, SessionMaker]] = {
            "both": BOTH,
            "socks": {5: SocksSession},
            "http": {0: HttpSession},
        }
        for kind, opened in self._opened:
            factory: Any
            if kind == "edges":
                factory = edges
                if self._tls is not None:
                    factory = TLSServerFactory(self._tls, factory)
            elif kind == "metrics":
                factory = metrics_site(monitor.collect)
            elif kind == "diagnostics":
                factory = diagnostics_site(monitor.counters)
            else:
                factory = UserFactory(desk, sessions[kind], balancers, crowd)
                self._factories.append(factory)
            host, number = opened.getsockname()[:2]
            family = opened.family
            self._ports.append(self._reactor.adoptStreamPort(opened.fileno(), family, factory))
            self._ports[-1].exit_kind = kind
            if isinstance(factory, UserFactory):
                self._ports[-1].transport = StreamSocket
                Acceptor(self._ports[-1], factory)
            if kind == "edges":
                edges.take_at(self._ports[-1], is_plain=self._tls is None)
            self.log.info("{kind} on TCP {address}", kind=_KINDS[kind], address=str(SocketAddress.of(host, number)))
        self._close_opened()

    def _close_opened(self) -> None:
        for _, opened in self._opened:
            opened.close()
        self._opened.clear()


_KINDS = {
    "both": "SOCKS5 and HTTP proxy",
    "socks": "SOCKS5",
    "http": "HTTP proxy",
    "edges": "edges",
    "metrics": "figures for Prometheus",
    "diagnostics": "diagnostics",
}
