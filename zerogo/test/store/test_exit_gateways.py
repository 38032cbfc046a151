from zerogo.control.gateway_messages import EdgeHere, Enter
from zerogo.ids import NodeId
from zerogo.store import audit, exit_gateways
from zerogo.store.errors import NotFound
from zerogo.store.exit_values import KeyKind
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase

ONE, TWO, THREE = (NodeId(name * 10) for name in (b"1", b"2", b"3"))
EDGE = EdgeHere(edge="e" * 16, name="kiel", country="de", address="198.51.100.1", consent_at=NOW - 5)


class GatewayTests(StoreCase):
    def key(self, kind: KeyKind, lifetime: float = 60.0) -> tuple[str, bytes]:
        key, secret = self.database.write(exit_gateways.create_key, kind, lifetime, "tester", self.rng, NOW)
        return key.key_id, secret

    def enter(self, secret: bytes | None, now: float = NOW, gateway: NodeId = ONE) -> bool:
        said = Enter(signing=bytes(32), boot=b"boot-one", name="fra", addresses=["192.0.2.1:9396"], secret=secret)
        return self.database.write(exit_gateways.enter, gateway, bytes(32), said, now) is not None

    def test_a_gateway_joins_with_a_key_of_its_kind_and_needs_none_after(self) -> None:
        self.assertFalse(self.enter(None))
        self.assertFalse(self.enter(self.key(KeyKind.EDGE)[1]))
        key_id, secret = self.key(KeyKind.GATEWAY)
        self.assertFalse(self.enter(secret, NOW + 61))
        self.assertTrue(self.enter(secret))
        self.database.write(exit_gateways.delete_key, key_id, "tester", NOW)
        self.assertTrue(self.enter(None))
        self.database.write(exit_gateways.delete_gateway, ONE, "tester", NOW)
        self.assertFalse(self.enter(secret))

    def test_whoever_has_the_files_of_a_removed_gateway_cannot_join_with_its_key(self) -> None:
        (key_id, secret), (_, another) = self.key(KeyKind.GATEWAY), self.key(KeyKind.GATEWAY)
        self.assertTrue(self.enter(secret) and self.enter(secret, gateway=TWO))
        self.database.write(exit_gateways.delete_gateway, ONE, "tester", NOW)
        self.assertFalse(self.enter(secret))
        self.assertFalse(self.enter(secret, gateway=THREE))
        self.assertTrue(self.enter(None, gateway=TWO), "the others need no key any more")
        lines = self.database.read(audit.list_lines, Paging()).items
        self.assertIn(("exit-key.delete", key_id), [(line.action, line.subject) for line in lines])
        self.assertTrue(self.enter(another), "a new token lets it in again")

    def test_gateways_are_told_good_keys_of_edges_denied_edges_and_each_other(self) -> None:
        self.enter(self.key(KeyKind.GATEWAY)[1])
        self.key(KeyKind.EDGE)
        self.key(KeyKind.EDGE, lifetime=1000.0)
        self.database.write(exit_gateways.note_edges, [EDGE], NOW)
        self.database.write(exit_gateways.deny_edge, EDGE.edge, True, "tester", NOW)
        settings = self.database.read(exit_gateways.read_settings, NOW + 61)
        self.assertEqual((len(settings.secret_hashes), settings.denied_edges), (1, [EDGE.edge]))
        self.assertEqual([place.addresses for place in settings.places], [["192.0.2.1:9396"]])

    def test_edges_are_noted_once_and_keep_what_people_decided(self) -> None:
        for seen in (NOW, NOW + 5):
            self.database.write(exit_gateways.note_edges, [EDGE], seen)
        self.database.write(exit_gateways.note_discrepancy, EDGE.edge, 7)
        (found,) = self.database.read(exit_gateways.list_edges, Paging()).items
        self.assertEqual((found.created_at, found.last_seen_at, found.discrepancy), (NOW, NOW + 5, 7))
        self.database.write(exit_gateways.delete_edge, EDGE.edge, "tester", NOW)
        self.assertRaises(NotFound, self.database.read, exit_gateways.find_edge, EDGE.edge)
