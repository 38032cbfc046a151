"""A store in a temporary file, and agents that register at it."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.connection import Registration
from zerogo.control.coordinator_events import Admission
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.store import join_keys, members, networks
from zerogo.store.database import Database
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.members import Held
from zerogo.store.networks import NewNetwork
from zerogo.store.values import Approval, StoredNetwork
from zerogo.test.control.pair import seeded

NOW = 1_800_000_000.0


class StoreCase(SynchronousTestCase):
    """Opens `self.database` with one network."""

    def setUp(self) -> None:
        self.rng = seeded(self.id())
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "controller.db"
        self.database = Database.open_file(self.path)
        self.addCleanup(lambda: self.database.close())
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

    def register(self, registration: Registration, now: float = NOW) -> Admission | Held:
        """As the controller does: look, and write only if needed."""
        answer = self.database.read(members.recognise, registration, now)
        return answer or self.database.write(members.register, registration, now)

    def join(self, name: str = "laptop", now: float = NOW) -> Registration:
        registration = self.agent(self.invite(), name)
        self.assertIsInstance(self.register(registration, now), Admission)
        return evolve(registration, secret=None)

    def revision(self) -> int:
        return self.database.read(networks.find_network, self.network).revision
