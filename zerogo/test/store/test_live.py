from zerogo.store import live, networks
from zerogo.test.store.stock import NOW, StoreCase


class PictureTests(StoreCase):
    def test_a_picture_is_a_network_with_its_members(self) -> None:
        self.join("laptop")
        self.make_network("office")
        found = self.database.read(live.read_pictures)
        self.assertEqual(
            [(each.network.name, [one.name for one in each.members]) for each in found],
            [("home", ["laptop"]), ("office", [])],
        )
        self.assertEqual(self.database.read(live.read_picture, self.network), found[0])

    def test_a_network_that_is_gone_is_none(self) -> None:
        self.database.write(networks.delete_network, self.network, "tester", NOW, None)
        self.assertIsNone(self.database.read(live.read_picture, self.network))
