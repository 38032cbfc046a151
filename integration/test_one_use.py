"""A join key with one use, redeemed by 64 agents at once, 200 times: one member each time (TS-2025-007)."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.connection import Registration
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.store import join_keys, members, networks, registrations
from zerogo.store.database import Database
from zerogo.store.errors import JoinRefused
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork

ROUNDS = 200
AGENTS = 64


class OneUseTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.database = Database.open_file(directory / "controller.db")
        self.addCleanup(self.database.close)
        new = NewNetwork(name="home")
        self.network = self.database.write(networks.create_network, new, "tester", os.urandom, time.time()).network
        self.agents = [stranger(self.network) for _ in range(AGENTS)]
        self.barrier = threading.Barrier(AGENTS)
        self.outcomes: list[list[str]] = [[] for _ in range(ROUNDS)]

    def test_of_64_redemptions_at_once_one_wins_200_times(self) -> None:
        now = time.time()
        self.secrets = [
            self.database.write(join_keys.create_join_key, NewJoinKey(network=self.network), "tester", os.urandom, now)[
                1
            ]
            for _ in range(ROUNDS)
        ]
        threads = [threading.Thread(target=self.redeem_all, args=(agent,)) for agent in self.agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for outcomes in self.outcomes:
            self.assertEqual(Counter(outcomes), {"Admission": 1, "token-used": AGENTS - 1})
        held = self.database.read(members.list_members, self.network)
        addresses = [address for member in held for address in member.addresses]
        self.assertEqual((len(held), len(set(addresses))), (ROUNDS, len(addresses)))

    def redeem_all(self, agent: Registration) -> None:
        """One agent in all rounds; who won is another machine in the next."""
        for secret, outcomes in zip(self.secrets, self.outcomes, strict=True):
            self.barrier.wait(300)
            try:
                admission = self.database.write(registrations.register, evolve(agent, secret=secret), time.time())
                outcomes.append(type(admission).__name__)
                agent = stranger(self.network)
            except JoinRefused as error:
                outcomes.append(error.reason.value)


def stranger(network: NetworkId) -> Registration:
    identity = Identity.generate(os.urandom)
    return Registration(
        network=network,
        node_id=identity.node_id,
        static_public=identity.static_public,
        signing_public=identity.signing_public,
        name="machine",
        capabilities=("aes",),
        version="1",
        secret=None,
    )
