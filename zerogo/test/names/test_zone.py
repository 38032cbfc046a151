"""Zones: who is called what, and names that collide."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.names.label import LABEL_LIMIT
from zerogo.names.zone import Named, make_zone


class ZoneTests(SynchronousTestCase):
    def test_a_member_has_its_addresses_and_they_lead_back(self) -> None:
        zone = make_zone("Home Net", [Named("Printer", ("10.1.0.2", "fd00::2"))])
        self.assertEqual(zone.origin, "home-net.zg")
        name = "printer.home-net.zg"
        self.assertEqual(zone.addresses(name, 4), ["10.1.0.2"])
        self.assertEqual(zone.addresses(name, 6), ["fd00::2"])
        self.assertEqual(zone.pointers["2.0.1.10.in-addr.arpa"], name)
        self.assertEqual(len(zone.pointers), 2)
        self.assertTrue(zone.owns(name) and zone.exists(name))
        self.assertTrue(zone.owns("nobody.home-net.zg") and not zone.exists("nobody.home-net.zg"))
        for name in ("example.com", "zg", "evilhome-net.zg", "3.0.1.10.in-addr.arpa"):
            self.assertFalse(zone.owns(name), name)

    def test_equal_labels_get_numbers_and_the_plain_name_goes_first(self) -> None:
        members = [Named("my nas", ("10.1.0.1",)), Named("my_nas", ("10.1.0.2",)), Named("my-nas", ("10.1.0.3",))]
        hosts = make_zone("home", members).hosts
        self.assertEqual(
            dict(hosts),
            {
                "my-nas.home.zg": ("10.1.0.3",),
                "my-nas-2.home.zg": ("10.1.0.1",),
                "my-nas-3.home.zg": ("10.1.0.2",),
            },
        )

    def test_the_networks_own_names_go_first(self) -> None:
        zone = make_zone("home", [Named("nas", ("10.1.0.1",))], [Named("nas", ("192.168.7.5", "10.1.0.1"))])
        self.assertEqual(zone.addresses("nas.home.zg", 4), ["192.168.7.5", "10.1.0.1"])
        self.assertEqual(zone.addresses("nas-2.home.zg", 4), ["10.1.0.1"])
        self.assertEqual(zone.pointers["1.0.1.10.in-addr.arpa"], "nas-2.home.zg")
        self.assertEqual(zone.pointers["5.7.168.192.in-addr.arpa"], "nas.home.zg")

    def test_nameless_things_have_a_name(self) -> None:
        self.assertEqual(list(make_zone("🙂", [Named("🙂", ())]).hosts), ["node.network.zg"])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.text(alphabet="aA_ -x9ü", max_size=4), max_size=12))
    def test_every_member_has_a_name_of_its_own(self, names: list[str]) -> None:
        zone = make_zone("n", [Named(name, (f"10.0.0.{number}",)) for number, name in enumerate(names)])
        self.assertEqual(len(zone.hosts), len(names))
        self.assertTrue(all(len(name.split(".")[0]) <= LABEL_LIMIT for name in zone.hosts))
        self.assertEqual(sorted(zone.pointers.values()), sorted(zone.hosts))
