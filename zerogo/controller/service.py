# -*- test-case-name: zerogo.test.controller.test_service -*-
"""The controller's service: keys, store, API and agents' connections, joined and put on one port.

State directory (0700): `identity.key`, `api-token.key` (seed of the API's tokens, unless `jwt-secret` is set),
`controller.db`, `bootstrap-secret` until there is a user, `owner.json` for the `zerogo` command on this machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.config.controller import ControllerConfig
from zerogo.config.identity_file import IDENTITY_FILE, load_or_create_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.coordinator import Coordinator
from zerogo.control.fellow_words import Attempted, Spent, Word
from zerogo.control.gateways import GatewayOffice
from zerogo.control.token import ADDRESSES_LIMIT, controller_key_hash, emit_base32, join_host_port, split_host_port
from zerogo.controller import relays
from zerogo.controller.areas import Areas
from zerogo.controller.browsers import Browsers
from zerogo.controller.desk import Desk, LinkDesk, OidcDesk
from zerogo.controller.dispatch import api_resource
from zerogo.controller.event_log import EventLog
from zerogo.controller.exit_claims import Claims, claims_of
from zerogo.controller.exits import Exits
from zerogo.controller.fellows import Fellows, carrier_of
from zerogo.controller.flow_keeper import FlowKeeper
from zerogo.controller.gateway_fellows import GatewayWord
from zerogo.controller.idempotency import Idempotency
from zerogo.controller.link_book import LinkBook
from zerogo.controller.link_rings import LinkRings
from zerogo.controller.live_socket import LiveServer
from zerogo.controller.live_view import LiveView
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.membership import SEEN_SECONDS, Membership
from zerogo.controller.monitoring import Monitor
from zerogo.controller.oidc_attempt import Attempts
from zerogo.controller.oidc_provider import Provider
from zerogo.controller.onion import OnionPresence
from zerogo.controller.passwords import PasswordThreads
from zerogo.controller.places import BOOTSTRAP_FILE, ONION_FILE, OWNER_FILE, TOKEN_SEED_FILE, database_place
from zerogo.controller.proxies import Proxies
from zerogo.controller.rate_limits import RateLimits
from zerogo.controller.relay_word import RelayWord
from zerogo.controller.root import Root
from zerogo.controller.routes import ROUTES
from zerogo.controller.shared_limits import SharedLimits
from zerogo.controller.site import ControllerSite
from zerogo.controller.static_files import StaticFiles, find_web_static
from zerogo.controller.tickets import Tickets
from zerogo.controller.tokens import OwnerToken, TokenIssuer
from zerogo.controller.webhook_sender import WebhookSender, make_post
from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress
from zerogo.net.addresses import choose_addresses, read_interfaces
from zerogo.net.control_server import ControlServer
from zerogo.net.descriptors import ask_for_descriptors
from zerogo.net.fetch import make_fetch
from zerogo.net.listening import CertificateRefused, server_context
from zerogo.net.revoker import RelayTeller
from zerogo.net.tcp import fit_narrow_lines
from zerogo.noise.identity import Identity
from zerogo.observe.metrics import metrics_site
from zerogo.store import networks, users
from zerogo.store.database import Database
from zerogo.store.networks import NewNetwork
from zerogo.store.ownership import claim, make_first_network
from zerogo.store.threads import StoreThreads
from zerogo.store.values import Approval

SEED_BYTES = 32
ADVERTISED_ADDRESSES = 4
DESCRIPTORS = 10_240
"""Open files for every connection that the limits allow; most systems give a process 1,024 until it asks for more."""
BACKLOG = 1024
"""Connections that the kernel holds until they are taken: after a restart all agents come within seconds, and one that
finds no room tries again only after one second, three, seven."""
HTTP_PROTOCOLS = (b"http/1.1",)
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound

_log = Logger()


class ControllerService(MultiService):
    """A controller. `startService` raises `EnvironmentFault` with one sentence where it cannot run."""

    def __init__(self, config: ControllerConfig, reactor: Any, rng: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._config = config
        self._reactor = reactor
        self._rng = rng
        self._port: IListeningPort | None = None
        self._tls_port: IListeningPort | None = None
        self._metrics_port: IListeningPort | None = None
        self._monitor: Monitor | None = None
        self._view: LiveView | None = None
        self._store: StoreThreads | None = None
        self._passwords: PasswordThreads | None = None
        self._membership: Membership | None = None
        self._relay_word: RelayWord | None = None
        self._exits: Exits | None = None
        self._claims: Claims | None = None
        self._flows: FlowKeeper | None = None
        self._fellows: Fellows | None = None
        self._limits: SharedLimits | None = None
        self._onion: OnionPresence | None = None
        self._seen: LoopingCall | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return _number(self._port)

    @property
    def metrics_port(self) -> int:
        """The TCP port for monitoring."""
        return _number(self._metrics_port)

    @property
    def tls_port(self) -> int:
        """The TCP port it listens on for TLS."""
        return _number(self._tls_port)

    def startService(self) -> None:
        """Open everything; blocks for the moment that takes."""
        ask_for_descriptors(DESCRIPTORS)
        state = self._config.state_dir
        make_private_directory(state)
        identity = load_or_create_identity(state / IDENTITY_FILE)
        database = Database.open(database_place(self._config), state)
        try:
            database.write(claim, identity.node_id)
            self._prepare(database, state)
            self._store = StoreThreads(database, self._reactor)
            self._passwords = PasswordThreads(self._reactor)
            owner_token = OwnerToken.make(self._rng)
            if self._config.onion is not None:
                self._onion = OnionPresence(state / ONION_FILE, self._rng)
            desk = self._make_desk(identity, self._store, self._passwords, owner_token)
            self._listen(desk)
        except BaseException:
            self._stop_listening()
            if self._exits is not None:
                self._exits.stop()
            database.close()
            raise
        self._store.start()
        self._passwords.start()
        if self._fellows is not None:
            self._fellows.start()
        if self._limits is not None:
            self._limits.start()
        if self._claims is not None:
            self._claims.start()
        assert self._view is not None and self._flows is not None and self._relay_word is not None
        self._view.start()
        self._flows.start()
        self._relay_word.start()
        if self._onion is not None and self._config.onion is not None:
            self._onion.start(self._reactor, self._config.onion, self.port)
        self._write_owner_file(state, owner_token)
        self._seen = LoopingCall(self._store_seen)
        self._seen.clock = self._reactor
        self._seen.start(SEEN_SECONDS, now=False)
        super().startService()  # type: ignore[no-untyped-call]
        _log.info("The controller {node_id} listens on port {port}", node_id=str(identity.node_id), port=self.port)

    def stopService(self) -> Deferred[None]:
        """Close the port, finish what the store was asked, close it."""
        if self._onion is not None:
            self._onion.stop()
        if self._membership is not None:
            self._membership.stop()
        if self._exits is not None:
            self._exits.stop()
        if self._seen is not None and self._seen.running:
            self._seen.stop()
        if self._flows is not None:
            self._flows.stop()
        if self._limits is not None:
            self._limits.stop()
        if self._view is not None:
            self._view.stop()
        closed = maybeDeferred(super().stopService)
        if self._relay_word is not None:
            word = self._relay_word
            closed.addCallback(lambda _: word.stop())
        if self._fellows is not None:
            closed.addCallback(lambda _: self._fellows and self._fellows.stop())
        if self._claims is not None:
            closed.addCallback(lambda _: self._claims and self._claims.stop())
        closed.addCallback(lambda _: gatherResults(self._stop_listening()))
        closed.addBoth(lambda _: self._stop_threads())
        return closed

    def _stop_listening(self) -> list[Deferred[object]]:
        ports = (self._port, self._tls_port, self._metrics_port)
        return [maybeDeferred(port.stopListening) for port in ports if port is not None]

    def _stop_threads(self) -> None:
        for threads in (self._passwords, self._store):
            if threads is not None:
                threads.stop()
        (self._config.state_dir / OWNER_FILE).unlink(missing_ok=True)

    def _prepare(self, database: Database, state: Path) -> None:
        """The first network, and the secret for the first user."""
        defaults = self._config.network
        new = NewNetwork(
            name=defaults.name,
            ipv4_prefix=defaults.ipv4,
            ipv6_prefix=defaults.ipv6,
            mtu=defaults.mtu,
            approval=Approval(defaults.approval),
        )
        database.write(make_first_network, new, self._rng, time.time())
        database.write(networks.use_servers, relays.servers(self._config))
        path = state / BOOTSTRAP_FILE
        if database.read(users.count_users):
            path.unlink(missing_ok=True)
            return
        if not path.exists():
            write_private(path, emit_base32(self._rng(20)).encode() + b"\n")
        _log.info("There is no user yet: the secret that makes the first one is in {path}", path=str(path))

    def _make_desk(
        self, identity: Identity, store: StoreThreads, passwords: PasswordThreads, owner_token: OwnerToken
    ) -> Desk:
        access = relays.access(self._config)
        coordinator = Coordinator(identity, self._rng, access, self._configured_addresses())
        membership = Membership(coordinator, store, self._reactor, time.time, relays.servers(self._config))
        self._membership = membership
        told = relays.told_relays(self._config)
        tellers = [RelayTeller(relay, self._reactor, self._rng, time.time) for relay in told]
        self._relay_word = RelayWord(access, tellers, store, self._reactor)
        membership.view_read, membership.network_gone = self._relay_word.view_read, self._relay_word.network_gone
        self._flows = FlowKeeper(store, self._reactor, time.time, self._config.flow_log_days * 86_400.0)
        membership.flows_reported = self._flows.take
        office, audit_seconds = GatewayOffice(identity, self._rng), self._config.exit_audit_days * 86_400.0
        self._exits = Exits(office, store, self._reactor, time.time, self._rng, audit_seconds)
        self._claims = claims_of(self._config, identity, self._reactor)
        self._exits.use_claims(self._claims)
        rates, logins = RateLimits(), LoginLimits()
        carry = carrier_of(self._config, self._reactor)
        if carry is not None:
            self._fellows = Fellows(identity, carry, store, self._heard, self._reactor, self._rng)
            membership.tell_fellows, membership.has_fellows = self._fellows.tell, True
            self._exits.tell_fellows = self._fellows.tell
            self._limits = SharedLimits(rates, logins, self._fellows.tell, self._reactor)
        return Desk(
            store=store,
            members=membership,
            exits=self._exits,
            tokens=TokenIssuer(self._token_seed(), f"zerogo:{identity.node_id}", self._rng, time.time),
            owner_token=owner_token,
            passwords=passwords,
            login_limits=logins,
            rate_limits=rates,
            idempotency=Idempotency(store, self._token_seed(), self._rng),
            tickets=Tickets(),
            links=LinkDesk(LinkBook(), LinkRings(), EventLog(time.time)),
            areas=Areas(),
            webhooks=WebhookSender(store, self._reactor, time.time, self._rng, make_post(self._reactor)),
            browsers=Browsers(
                origins=tuple(each.lower().rstrip("/") for each in self._config.browser_origins),
                is_local_allowed=self._config.local_browsers,
            ),
            proxies=Proxies.of(self._config.trusted_proxies),
            oidc=self._make_oidc(),
            bootstrap_path=self._config.state_dir / BOOTSTRAP_FILE,
            key_hash=controller_key_hash(identity.static_public, identity.signing_public),
            own_addresses=self._own_addresses,
            onion_key=None if self._onion is None else self._onion.client_key,
            relays=relays.servers(self._config).relays,
            clock=self._reactor,
            unix_time=time.time,
            rng=self._rng,
        )

    def _heard(self, word: Word) -> None:
        """What another controller of the same database says; raises `ParseError`."""
        assert self._membership is not None and self._exits is not None and self._limits is not None
        if isinstance(word, GatewayWord):
            self._exits.heard(word)
        elif isinstance(word, Spent | Attempted):
            self._limits.heard(word)
        else:
            self._membership.heard(word)

    def _make_oidc(self) -> OidcDesk | None:
        config = self._config.oidc
        if config.issuer is None:
            return None
        provider = Provider(config, make_fetch(self._reactor), self._reactor, time.time)
        return OidcDesk(provider, Attempts(self._token_seed(), self._rng))

    def _token_seed(self) -> bytes:
        if self._config.jwt_secret is not None:
            return self._config.jwt_secret.reveal().encode()
        path = self._config.state_dir / TOKEN_SEED_FILE
        if not path.exists():
            write_private(path, self._rng(SEED_BYTES))
        return read_private(path, SEED_BYTES)

    def _listen(self, desk: Desk) -> None:
        assert self._membership is not None
        context = self._tls_context()
        site = self._make_site(desk, self._membership)
        config = self._config
        self._port = self._open(config.listen, lambda port, host: self._reactor.listenTCP(port, site, BACKLOG, host))
        if config.tls_listen is not None:
            self._tls_port = self._open(
                config.tls_listen, lambda port, host: self._reactor.listenSSL(port, site, context, BACKLOG, host)
            )
        self._listen_for_monitoring()

    def _make_site(self, desk: Desk, membership: Membership) -> ControllerSite:
        agents = ControlServer(membership, self._reactor, desk.proxies.source)
        membership.attach(agents.send, agents.close)
        self._view = LiveView(desk, membership)
        live = LiveServer(self._view.feed, desk.tickets, desk.browsers, self._reactor, desk.unix_time)
        gateways = ControlServer(desk.exits, self._reactor, desk.proxies.source)
        desk.exits.attach(gateways.send, gateways.close)
        root = Root(
            api=api_resource(desk, ROUTES),
            agents=agents.web_resource(),
            gateways=gateways.web_resource(),
            live=live.web_resource(),
            static=StaticFiles(self._config.web_static or find_web_static()),
        )
        site = ControllerSite(root, desk.proxies.trusts)
        if self._config.metrics_listen is not None and self._store is not None:
            self._monitor = Monitor(self._store, membership, agents, site, self._reactor)
        return site

    def _listen_for_monitoring(self) -> None:
        listen, monitor = self._config.metrics_listen, self._monitor
        if listen is not None and monitor is not None:
            monitoring = metrics_site(monitor.collect, monitor.ready)
            self._metrics_port = self._open(
                listen, lambda port, host: self._reactor.listenTCP(port, monitoring, interface=host)
            )

    def _tls_context(self) -> CertificateOptions | None:
        config = self._config
        if config.tls_listen is None:
            return None
        if config.tls_certificate is None or config.tls_key is None:
            raise CertificateRefused("tls-listen needs tls-certificate and tls-key")
        return server_context(config.tls_certificate, config.tls_key, HTTP_PROTOCOLS)

    def _open(self, address: SocketAddress, listen: Callable[[int, str], IListeningPort]) -> IListeningPort:
        try:
            port = listen(address.port, address.host)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise EnvironmentFault(f"the controller cannot listen on {address}: {reason}") from error
        fit_narrow_lines(port)
        return port

    def _configured_addresses(self) -> tuple[str, ...]:
        port = self._config.listen.port if self._port is None else self.port
        configured = self._config.public_addresses[:ADDRESSES_LIMIT]
        return tuple(join_host_port(*split_host_port(text, port)) for text in configured)

    def _own_addresses(self) -> tuple[str, ...]:
        onion = () if self._onion is None else self._onion.addresses
        configured = self._configured_addresses()
        if configured:
            return (*configured, *onion)[:ADDRESSES_LIMIT]
        host = self._config.listen.host
        hosts = choose_addresses(read_interfaces()) if host in ANY_HOST else [host]
        if host == "0.0.0.0":  # noqa: S104 - compared with, not bound
            hosts = [one for one in hosts if ":" not in one]
        return (*(join_host_port(one, self.port) for one in hosts[:ADVERTISED_ADDRESSES]), *onion)

    def _write_owner_file(self, state: Path, owner_token: OwnerToken) -> None:
        host = self._config.listen.host
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound
        document = {"url": f"http://{join_host_port(local, self.port)}", "token": owner_token.text}
        write_private(state / OWNER_FILE, json.dumps(document).encode() + b"\n")

    async def _store_seen(self) -> None:
        assert self._membership is not None
        try:
            await self._membership.store_seen()
        except EnvironmentFault as error:
            _log.warn("Who was seen could not be stored: {reason}", reason=str(error))


def _number(port: IListeningPort | None) -> int:
    assert port is not None
    return int(cast(Any, port.getHost()).port)
