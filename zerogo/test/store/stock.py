"""A store in a temporary file, and agents that register at it.

With ZEROGO_TEST_DATABASE the store is that PostgreSQL database, emptied before each test; `integration` runs the
suite of the store so.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve
from sqlalchemy import Connection, inspect
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.connection import Registration
from zerogo.control.coordinator_events import Admission
from zerogo.control.publication import MapView
from zerogo.control.relays import Servers
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.secret import Secret
from zerogo.store import join_keys, networks, registrations
from zerogo.store.database import Database
from zerogo.store.errors import JoinRefused
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork
from zerogo.store.postgresql import server_engine
from zerogo.store.registrations import Held
from zerogo.store.values import Approval, StoredNetwork
from zerogo.store.views import Views
from zerogo.test.control.pair import seeded

NOW = 1_800_000_000.0
SERVER = os.environ.get("ZEROGO_TEST_DATABASE", "")
ONLY_SQLITE = "this is about the SQLite file" if SERVER else None


def open_database(path: Path) -> Database:
    """The SQLite file, or the server's database, with nothing in it."""
    if not SERVER:
        path.write_bytes(_empty_file())
        path.chmod(0o600)
        return Database.open_file(path)
    database = _server_database(path.parent)
    database.write(_empty)
    return database


@cache
def _empty_file() -> bytes:
    """Steps of migrations take longer than most tests."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        Database.open_file(path).close()
        return path.read_bytes()


_is_migrated: list[bool] = []


def _server_database(directory: Path) -> Database:
    if _is_migrated:
        return Database(server_engine(Secret(SERVER), 5))
    _is_migrated.append(True)
    return Database.open(Secret(SERVER), directory)


def _empty(connection: Connection) -> None:
    names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    connection.exec_driver_sql(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")


class StoreCase(SynchronousTestCase):
    """Opens `self.database` with one network."""

    def setUp(self) -> None:
        self.rng = seeded(self.id())
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "controller.db"
        self.database = open_database(self.path)
        self.addCleanup(lambda: self.database.close())
        self.views: dict[Servers, Views] = {}
        self.network = self.make_network("home", ipv4="10.9.0.0/29", ipv6="fd00:9::/64").network

    def make_network(
        self, name: str, ipv4: str | None = None, ipv6: str | None = None, approval: Approval = Approval.AUTOMATIC
    ) -> StoredNetwork:
        new = NewNetwork(name=name, ipv4_prefix=ipv4, ipv6_prefix=ipv6, approval=approval)
        return self.database.write(networks.create_network, new, "tester", self.rng, NOW)

    def invite(
        self,
        uses: int = 1,
        approval: Approval = Approval.AUTOMATIC,
        network: NetworkId | None = None,
        lifetime: float = 86_400.0,
    ) -> bytes:
        new = NewJoinKey(network=network or self.network, uses=uses, approval=approval, lifetime=lifetime)
        return self.database.write(join_keys.create_join_key, new, "tester", self.rng, NOW)[1]

    def agent(self, secret: bytes | None = None, name: str = "laptop") -> Registration:
        identity = Identity.generate(self.rng)
        return Registration(
            network=self.network,
            node_id=identity.node_id,
            static_public=identity.static_public,
            signing_public=identity.signing_public,
            name=name,
            capabilities=("aes",),
            version="1",
            secret=secret,
        )

    def view(self, servers: Servers | None = None) -> MapView:
        """What members are shown. It is read as the controller does, which keeps what did not change, and must be what
        somebody reads who sees the network for the first time."""
        servers = servers or Servers()
        view = self.database.read(self.views.setdefault(servers, Views(servers)).read, self.network)
        self.assertEqual(view, self.database.read(Views(servers).read, self.network))
        return view

    def register(self, registration: Registration, now: float = NOW) -> Admission | Held:
        """As the controller does: look, and write only if needed."""
        answer = self.recognise(registration, now)
        return answer or self.database.write(registrations.register, registration, now)

    def recognise(self, registration: Registration, now: float = NOW) -> Admission | Held | None:
        """What the store says without writing; raises `JoinRefused`."""
        (outcome,) = self.database.read(registrations.recognise_all, [registration], now)
        if isinstance(outcome, JoinRefused):
            raise outcome
        return outcome

    def join(self, name: str = "laptop", now: float = NOW) -> Registration:
        registration = self.agent(self.invite(), name)
        self.assertIsInstance(self.register(registration, now), Admission)
        return evolve(registration, secret=None)

    def revision(self) -> int:
        return self.database.read(networks.find_network, self.network).revision
