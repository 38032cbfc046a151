# -*- test-case-name: zerogo.test.controller.test_service -*-
"""The controller's service: keys, store, API and agents' connections, joined and put on one port.

State directory (0700): `identity.key`, `api-token.key` (seed of the API's tokens, unless `jwt-secret` is set),
`controller.db`, `bootstrap-secret` until there is a user, `owner.json` for the `zerogo` command on this machine.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource

from zerogo.config.controller import ControllerConfig
from zerogo.config.identity_file import IDENTITY_FILE, load_or_create_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.coordinator import Coordinator
from zerogo.control.token import ADDRESSES_LIMIT, controller_key_hash, emit_base32, join_host_port, split_host_port
from zerogo.controller import relays
from zerogo.controller.desk import Desk
from zerogo.controller.dispatch import api_resource
from zerogo.controller.idempotency import Idempotency
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.membership import SEEN_SECONDS, Membership
from zerogo.controller.passwords import PasswordThreads
from zerogo.controller.rate_limits import RateLimits
from zerogo.controller.routes import ROUTES
from zerogo.controller.site import ControllerSite
from zerogo.controller.tokens import OwnerToken, TokenIssuer
from zerogo.errors import EnvironmentFault
from zerogo.net.addresses import choose_addresses, read_interfaces
from zerogo.net.control_server import ControlServer
from zerogo.noise.identity import Identity
from zerogo.store import networks, users
from zerogo.store.database import Database
from zerogo.store.networks import NewNetwork
from zerogo.store.threads import StoreThreads
from zerogo.store.values import Approval

DATABASE_FILE = "controller.db"
TOKEN_SEED_FILE = "api-token.key"  # noqa: S105 - a file's name
BOOTSTRAP_FILE = "bootstrap-secret"
OWNER_FILE = "owner.json"
SEED_BYTES = 32
ADVERTISED_ADDRESSES = 4
DESCRIPTORS = 10_240
"""Open files for every connection that the limits allow; most systems give a process 1,024 until it asks for more."""
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
        self._store: StoreThreads | None = None
        self._passwords: PasswordThreads | None = None
        self._membership: Membership | None = None
        self._seen: LoopingCall | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        assert self._port is not None
        return int(cast(Any, self._port.getHost()).port)

    def startService(self) -> None:
        """Open everything; blocks for the moment that takes."""
        _ask_for_descriptors()
        state = self._config.state_dir
        make_private_directory(state)
        identity = load_or_create_identity(state / IDENTITY_FILE)
        database = Database.open_file(self._config.database or state / DATABASE_FILE)
        try:
            self._prepare(database, state)
            self._store = StoreThreads(database, self._reactor)
            self._passwords = PasswordThreads(self._reactor)
            owner_token = OwnerToken.make(self._rng)
            desk = self._make_desk(identity, self._store, self._passwords, owner_token)
            self._listen(desk)
        except BaseException:
            database.close()
            raise
        self._store.start()
        self._passwords.start()
        self._write_owner_file(state, owner_token)
        self._seen = LoopingCall(self._store_seen)
        self._seen.clock = self._reactor
        self._seen.start(SEEN_SECONDS, now=False)
        super().startService()  # type: ignore[no-untyped-call]
        _log.info("The controller {node_id} listens on port {port}", node_id=str(identity.node_id), port=self.port)

    def stopService(self) -> Deferred[None]:
        """Close the port, finish what the store was asked, close it."""
        if self._membership is not None:
            self._membership.stop()
        if self._seen is not None and self._seen.running:
            self._seen.stop()
        closed = maybeDeferred(super().stopService)
        if self._port is not None:
            closed.addCallback(lambda _: self._port and self._port.stopListening())
        closed.addBoth(lambda _: self._stop_threads())
        return closed

    def _stop_threads(self) -> None:
        for threads in (self._passwords, self._store):
            if threads is not None:
                threads.stop()
        (self._config.state_dir / OWNER_FILE).unlink(missing_ok=True)

    def _prepare(self, database: Database, state: Path) -> None:
        """The first network, and the secret for the first user."""
        if not database.read(networks.list_networks):
            defaults = self._config.network
            new = NewNetwork(
                name=defaults.name,
                ipv4_prefix=defaults.ipv4,
                ipv6_prefix=defaults.ipv6,
                mtu=defaults.mtu,
                approval=Approval(defaults.approval),
            )
            database.write(networks.create_network, new, "owner", self._rng, time.time())
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
        coordinator = Coordinator(identity, self._rng, relays.access(self._config))
        membership = Membership(coordinator, store, self._reactor, time.time, relays.servers(self._config))
        self._membership = membership
        return Desk(
            store=store,
            members=membership,
            tokens=TokenIssuer(self._token_seed(), f"zerogo:{identity.node_id}", self._rng, time.time),
            owner_token=owner_token,
            passwords=passwords,
            login_limits=LoginLimits(),
            rate_limits=RateLimits(),
            idempotency=Idempotency(),
            bootstrap_path=self._config.state_dir / BOOTSTRAP_FILE,
            key_hash=controller_key_hash(identity.static_public, identity.signing_public),
            own_addresses=self._own_addresses,
            clock=self._reactor,
            unix_time=time.time,
            rng=self._rng,
        )

    def _token_seed(self) -> bytes:
        if self._config.jwt_secret is not None:
            return self._config.jwt_secret.reveal().encode()
        path = self._config.state_dir / TOKEN_SEED_FILE
        if not path.exists():
            write_private(path, self._rng(SEED_BYTES))
        return read_private(path, SEED_BYTES)

    def _listen(self, desk: Desk) -> None:
        assert self._membership is not None
        agents = ControlServer(self._membership, self._reactor)
        self._membership.attach(agents.send, agents.close)
        site = ControllerSite(_Root(api_resource(desk, ROUTES), agents.web_resource()))
        listen = self._config.listen
        try:
            self._port = self._reactor.listenTCP(listen.port, site, interface=listen.host)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise EnvironmentFault(f"the controller cannot listen on {listen}: {reason}") from error

    def _own_addresses(self) -> tuple[str, ...]:
        configured = self._config.public_addresses
        if configured:
            return tuple(join_host_port(*split_host_port(text, self.port)) for text in configured[:ADDRESSES_LIMIT])
        host = self._config.listen.host
        hosts = choose_addresses(read_interfaces()) if host in ANY_HOST else [host]
        if host == "0.0.0.0":  # noqa: S104 - compared with, not bound
            hosts = [one for one in hosts if ":" not in one]
        return tuple(join_host_port(one, self.port) for one in hosts[:ADVERTISED_ADDRESSES])

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


def _ask_for_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Root(Resource):
    """The agents' WebSocket at its path, the API everywhere else."""

    def __init__(self, api: IResource, agents: IResource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._api = api
        self._agents = agents

    def getChild(self, path: bytes, request: Any) -> IResource:
        if [path, *request.postpath] == [b"api", b"v1", b"agent"]:
            request.prepath += request.postpath
            request.postpath = []
            return self._agents
        request.postpath.insert(0, request.prepath.pop())
        return self._api
