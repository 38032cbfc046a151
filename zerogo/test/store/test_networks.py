import ipaddress

from sqlalchemy import select

from zerogo.control.relays import RelayPlace, Servers
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.store import members, networks, tables, views
from zerogo.store.errors import Conflict, NotFound
from zerogo.test.store.stock import NOW, StoreCase


class NetworkTests(StoreCase):
    def test_a_network_without_ranges_gets_private_ones(self) -> None:
        made = self.make_network("lab")
        ipv4, ipv6 = ipaddress.ip_network(made.ipv4_prefix or ""), ipaddress.ip_network(made.ipv6_prefix or "")
        self.assertTrue(ipv4.subnet_of(ipaddress.IPv4Network("10.0.0.0/8")))  # type: ignore[arg-type]
        self.assertTrue(ipv6.subnet_of(ipaddress.IPv6Network("fd00::/8")))  # type: ignore[arg-type]
        self.assertEqual((ipv4.prefixlen, ipv6.prefixlen), (20, 64))
        self.assertNotEqual(made.psk, self.make_network("lab-2").psk)

    def test_two_networks_of_one_name_conflict_whatever_the_letters(self) -> None:
        self.assertRaises(Conflict, self.make_network, "HOME")

    def test_wrong_ranges_and_names_are_refused(self) -> None:
        for ipv4 in ("10.0.0.1/24", "10.0.0.0/31", "fd00::/64", "x", "127.0.0.0/8", "224.0.0.0/8"):
            self.assertRaises(ParseError, self.make_network, "lab", ipv4)
        self.assertRaises(ParseError, self.make_network, "a b")

    def test_a_change_raises_the_revision_and_is_in_the_view(self) -> None:
        before = self.revision()
        changed = self.database.write(networks.change_network, self.network, {"mtu": 1300, "name": "h2"}, "t", NOW)
        self.assertEqual((changed.revision, changed.mtu, changed.name), (before + 1, 1300, "h2"))
        view = self.view(Servers(stun=(":3478",)))
        self.assertEqual((view.network_map.mtu, view.network_map.stun_servers), (1300, (":3478",)))

    def test_other_servers_are_a_change_of_every_network_and_the_same_ones_are_not(self) -> None:
        self.database.write(networks.use_servers, Servers(stun=(":3478",)))
        before = self.revision()
        self.database.write(networks.use_servers, Servers(stun=(":3478",)))
        self.assertEqual(self.revision(), before)
        self.database.write(networks.use_servers, Servers(stun=(":3478",), relays=(RelayPlace(name="a"),)))
        self.assertEqual(self.revision(), before + 1)

    def test_a_deleted_network_takes_everything_along(self) -> None:
        self.join()
        self.database.write(networks.delete_network, self.network, "t", NOW)
        self.assertRaises(NotFound, self.database.read, networks.find_network, self.network)
        self.assertRaises(NotFound, self.database.read, members.list_members, self.network)
        self.assertEqual(self.database.read(lambda c: c.execute(select(tables.addresses)).all()), [])

    def test_what_changes_something_is_in_the_audit(self) -> None:
        self.join()
        rows = self.database.read(lambda c: c.execute(select(tables.audit)).all())
        self.assertEqual([row.action for row in rows], ["network.create", "invite.create", "member.join"])

    def test_an_unknown_network_is_not_found(self) -> None:
        other = NetworkId(b"other")
        self.assertRaises(NotFound, self.database.read, networks.find_network, other)
        self.assertRaises(NotFound, self.database.read, views.Views(Servers()).read, other)
        self.assertRaises(NotFound, self.database.write, networks.delete_network, other, "t", NOW)

    def test_only_the_newest_removals_are_kept_and_the_view_says_from_when(self) -> None:
        self.patch(networks, "REMOVALS_KEPT", 3)
        gone = [self.agent().node_id for _ in range(6)]
        for node_id in gone:
            self.database.write(networks.record_removal, self.network, node_id)
        view = self.view()
        self.assertEqual(set(view.removed_at), set(gone[3:]))
        self.assertEqual(view.complete_since, min(view.removed_at.values()) - 1)

    def test_a_name_in_another_spelling_is_the_same(self) -> None:
        self.assertEqual(networks.name_key("\uff28ome"), networks.name_key("home"))
