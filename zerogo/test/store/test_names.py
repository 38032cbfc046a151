"""Names beside those of members, as they are stored and shown in the map."""

from __future__ import annotations

from zerogo.control.netmap import NAMES_LIMIT, MapName, SignedMap
from zerogo.errors import ParseError
from zerogo.store import names, networks
from zerogo.store.errors import Conflict, NotFound
from zerogo.test.control.pair import CONTROLLER
from zerogo.test.store.stock import NOW, StoreCase


class NamesTests(StoreCase):
    def set(self, name: str, *addresses: str) -> names.StoredName:
        return self.database.write(names.set_name, self.network, name, addresses, "tester", NOW)

    def shown(self) -> tuple[MapName, ...]:
        found = self.view().network_map
        return SignedMap.decode(SignedMap.sign(found, CONTROLLER).encode()).network_map.names

    def test_the_map_has_them(self) -> None:
        before = self.database.read(networks.find_network, self.network).revision
        self.set("Printer", "192.168.7.5", "FD00::5", "192.168.7.5")
        self.assertEqual(self.shown(), (MapName("printer", ("192.168.7.5", "fd00::5")),))
        self.assertEqual(self.database.read(networks.find_network, self.network).revision, before + 1)
        self.set("printer", "192.168.7.6")
        self.assertEqual(self.shown(), (MapName("printer", ("192.168.7.6",)),))
        self.database.write(names.remove_name, self.network, "PRINTER", "tester", NOW)
        self.assertEqual(self.shown(), ())

    def test_other_scripts(self) -> None:
        self.assertEqual(self.set("Küche", "10.0.0.1").label, "xn--kche-0ra")

    def test_what_is_no_name_or_no_address_is_refused(self) -> None:
        for name, addresses in (
            ("", ["10.0.0.1"]),
            ("a.b", ["10.0.0.1"]),
            ("a b", ["10.0.0.1"]),
            ("x" * 64, ["10.0.0.1"]),
            ("🙂", ["10.0.0.1"]),
            ("a", []),
            ("a", ["10.0.0.0/24"]),
            ("a", ["nonsense"]),
            ("a", ["127.0.0.1"]),
            ("a", ["224.0.0.1"]),
            ("a", ["::"]),
            ("a", ["fe80::1%eth0"]),
            ("a", [f"10.0.0.{n}" for n in range(5)]),
        ):
            self.assertRaises(ParseError, self.set, name, *addresses)

    def test_there_are_few_of_them_so_the_map_stays_small(self) -> None:
        for number in range(NAMES_LIMIT):
            self.set(f"{'n' * 60}{number:03}", *(f"fd00::{number:x}:{n}" for n in range(1, 5)))
        self.assertRaises(Conflict, self.set, "one-more", "10.0.0.1")
        self.assertEqual(len(self.shown()), NAMES_LIMIT)
        self.set(f"{'n' * 60}000", "10.0.0.1")

    def test_a_name_that_is_not_there(self) -> None:
        self.assertRaises(NotFound, self.database.write, names.remove_name, self.network, "none", "tester", NOW)
