"""A controller's API in memory: a real store in a temporary file, called at once instead of in threads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from treq.testing import StubTreq
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from zerogo.control.coordinator_events import Presence
from zerogo.control.gateways import GatewayOffice
from zerogo.control.relays import RelayPlace
from zerogo.controller.areas import Areas
from zerogo.controller.browsers import Browsers
from zerogo.controller.desk import Desk, LinkDesk, OidcDesk
from zerogo.controller.dispatch import api_resource
from zerogo.controller.event_log import EventLog
from zerogo.controller.exits import Exits
from zerogo.controller.idempotency import Idempotency
from zerogo.controller.link_book import LinkBook
from zerogo.controller.link_rings import LinkRings
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.passwords import PasswordCheck, Verdict
from zerogo.controller.proxies import Proxies
from zerogo.controller.rate_limits import RateLimits
from zerogo.controller.routes import ROUTES
from zerogo.controller.tickets import Tickets
from zerogo.controller.tokens import OwnerToken, TokenIssuer
from zerogo.controller.webhook_sender import WebhookSender
from zerogo.ids import NetworkId, NodeId
from zerogo.store.database import Database
from zerogo.store.webhooks import Delivery
from zerogo.test.control.pair import CONTROLLER, KEY_HASH
from zerogo.test.store.stock import NOW, StoreCase

OWNER_TOKEN = "zgo_owner_test"
BOOTSTRAP_SECRET = "b" * 32
PASSWORD = "correct horse battery"


class PromptStore:
    """The store's units, run at once."""

    waiting = 0

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, unit: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return maybeDeferred(self._database.read, unit, *args, **kwargs)

    def write(self, unit: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return maybeDeferred(self._database.write, unit, *args, **kwargs)


class PromptPasswords:
    """argon2id of the least cost, at once."""

    def __init__(self) -> None:
        self._check = PasswordCheck(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    def hash(self, password: str) -> Deferred[str]:
        return maybeDeferred(self._check.hash, password)

    def verify(self, stored_hash: str | None, password: str) -> Deferred[Verdict]:
        return maybeDeferred(self._check.verify, stored_hash, password)


class Told:
    """Notes what the members would have been told."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []
        self.present: dict[NodeId, Presence] = {}

    def decided(self, network: NetworkId, node_id: NodeId) -> None:
        self.said.append(("decided", network, node_id))

    def network_changed(self, network: NetworkId) -> None:
        self.said.append(("changed", network))

    def network_deleted(self, network: NetworkId) -> None:
        self.said.append(("deleted", network))

    def test_relay(self, network: NetworkId, pair: tuple[NodeId, NodeId], seconds: float) -> None:
        self.said.append(("relay test", network, pair, seconds))

    def presence(self, network: NetworkId, of: Iterable[NodeId] | None = None) -> dict[NodeId, Presence]:
        return self.present


class Reply:
    """A response, read."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.text = body.decode()
        self.json: Any = json.loads(body) if body else None

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return values[0] if values else None


class ApiCase(StoreCase):
    """`self.call(method, path, ...)` against the whole API."""

    rate, burst = 1e9, 1e9
    proxies = Proxies()

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.unix_now = NOW
        self.told = Told()
        self.posted: list[tuple[Delivery, dict[str, str]]] = []
        self.post_answer: int | Exception = 200
        self.bootstrap_path = Path(self.mktemp())
        self.bootstrap_path.mkdir(mode=0o700)
        self.bootstrap_path = self.bootstrap_path / "bootstrap-secret"
        self.bootstrap_path.touch(mode=0o600)
        self.bootstrap_path.write_text(BOOTSTRAP_SECRET + "\n")
        store = PromptStore(self.database)
        self.exits = Exits(GatewayOffice(CONTROLLER, self.rng), store, self.clock, lambda: self.unix_now, self.rng)
        store = PromptStore(self.database)
        self.desk = Desk(
            store=store,
            members=self.told,
            exits=self.exits,
            tokens=TokenIssuer(bytes(32), "zerogo:test", self.rng, lambda: self.unix_now),
            owner_token=OwnerToken(OWNER_TOKEN),
            passwords=PromptPasswords(),
            login_limits=LoginLimits(),
            rate_limits=RateLimits(self.rate, self.burst),
            idempotency=Idempotency(store, bytes(32), self.rng),
            tickets=Tickets(),
            links=LinkDesk(LinkBook(), LinkRings(), EventLog(lambda: self.unix_now)),
            areas=Areas(),
            webhooks=WebhookSender(store, self.clock, lambda: self.unix_now, self.rng, self.post),
            browsers=Browsers(origins=("https://dashboard.example",), is_local_allowed=True),
            proxies=self.proxies,
            oidc=self.make_oidc(),
            bootstrap_path=self.bootstrap_path,
            key_hash=KEY_HASH,
            onion_key=None,
            own_addresses=lambda: ("192.0.2.1:9394",),
            relays=(RelayPlace(name="here", host="relay.example", udp=3478),),
            clock=self.clock,
            unix_time=lambda: self.unix_now,
            rng=self.rng,
        )
        self.treq = StubTreq(api_resource(self.desk, ROUTES))

    def make_oidc(self) -> OidcDesk | None:
        """The provider that the API has."""
        return None

    async def post(self, delivery: Delivery, headers: dict[str, str]) -> int:
        """In place of the network: notes what a webhook is sent."""
        self.posted.append((delivery, headers))
        if isinstance(self.post_answer, Exception):
            raise self.post_answer
        return self.post_answer

    def call(
        self, method: str, path: str, body: object = None, token: str | None = OWNER_TOKEN, **headers: str
    ) -> Reply:
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("content_type", "application/json")
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        made = self.treq.request(
            method, "http://controller/api/v1" + path, data=data, headers=sent, allow_redirects=False
        )
        self.treq.flush()
        response = self.successResultOf(made)
        content = self.successResultOf(response.content())
        return Reply(response.code, response.headers, content)

    def bootstrap(self, name: str = "ann") -> Reply:
        body = {"secret": BOOTSTRAP_SECRET, "name": name, "password": PASSWORD}
        return self.call("POST", "/bootstrap", body, token=None)

    def login(self, name: str = "ann", password: str = PASSWORD) -> Reply:
        return self.call("POST", "/auth/login", {"name": name, "password": password}, token=None)
