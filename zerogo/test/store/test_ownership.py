from zerogo.ids import NodeId
from zerogo.store import networks
from zerogo.store.networks import NewNetwork
from zerogo.store.ownership import DatabaseForeign, claim, make_first_network
from zerogo.test.store.stock import NOW, StoreCase


class OwnershipTests(StoreCase):
    def test_a_database_belongs_to_the_first_controller_that_used_it(self) -> None:
        own, other = NodeId(bytes(10)), NodeId(bytes([1]) * 10)
        self.database.write(claim, own)
        self.database.write(claim, own)
        error = self.assertRaises(DatabaseForeign, self.database.write, claim, other)
        self.assertIn(f"belongs to controller {own}, and this is {other}", str(error))

    def test_the_first_network_is_made_once(self) -> None:
        self.database.write(make_first_network, NewNetwork(name="other"), self.rng, NOW)
        (home,) = self.database.read(networks.list_networks)
        self.database.write(networks.delete_network, home.network, "owner", NOW)
        for _ in range(2):
            self.database.write(make_first_network, NewNetwork(name="first"), self.rng, NOW)
        self.assertEqual([one.name for one in self.database.read(networks.list_networks)], ["first"])
