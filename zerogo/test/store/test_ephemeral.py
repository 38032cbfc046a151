from attrs import evolve

from zerogo.control.messages import RefusalCode
from zerogo.ids import NodeId
from zerogo.store import ephemeral, join_keys, members
from zerogo.store.errors import JoinRefused
from zerogo.store.join_keys import NewJoinKey
from zerogo.test.store.stock import NOW, StoreCase


class EphemeralTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        new = NewJoinKey(network=self.network, uses=3, tags=("ci", "build"), is_ephemeral=True)
        secret = self.database.write(join_keys.create_join_key, new, "tester", self.rng, NOW)[1]
        self.agents = [self.agent(secret, name) for name in ("one", "two")]
        for agent in self.agents:
            self.register(agent)
        self.stays = self.join("stays")

    def sweep(self, present: list[NodeId], seen_before: float) -> list[NodeId]:
        here = [(self.network, node_id) for node_id in present]
        gone = self.database.write(ephemeral.forget_ephemeral, here, seen_before, NOW + 1000)
        return [node_id for _, node_id in gone]

    def test_members_have_the_tags_of_their_key(self) -> None:
        found = self.database.read(members.find_member, self.network, self.agents[0].node_id)
        self.assertEqual((found.tags, found.is_ephemeral), (("build", "ci"), True))

    def test_those_that_are_away_for_long_are_forgotten_and_no_others(self) -> None:
        one, two = (agent.node_id for agent in self.agents)
        self.assertEqual(self.sweep([one], NOW), [])
        self.assertEqual(self.sweep([one], NOW + 1), [two])
        names = {member.name for member in self.database.read(members.list_members, self.network)}
        self.assertEqual(names, {"one", "stays"})

    def test_one_that_comes_back_needs_a_token(self) -> None:
        self.sweep([], NOW + 1)
        refused = self.assertRaises(JoinRefused, self.register, evolve(self.agents[0], secret=None))
        self.assertEqual(refused.reason, RefusalCode.REMOVED)

    def test_a_blocked_one_stays_blocked(self) -> None:
        node_id = self.agents[0].node_id
        self.database.write(members.block_member, self.network, node_id, "t", NOW)
        self.assertNotIn(node_id, self.sweep([], NOW + 1))
