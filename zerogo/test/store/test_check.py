from sqlalchemy import Connection, text

from zerogo.store.check import examine
from zerogo.test.store.stock import ONLY_SQLITE, StoreCase


class CheckTests(StoreCase):
    skip = ONLY_SQLITE

    def setUp(self) -> None:
        super().setUp()
        self.join("ann")
        self.join("bob")

    def faults(self) -> list[str]:
        found = self.database.read(lambda connection: list(examine(connection)))
        return [f"{finding.part}: {finding.sentence}" for finding in found if finding.is_fault]

    def change(self, *statements: str) -> None:
        def unit(connection: Connection) -> None:
            for statement in statements:
                connection.execute(text(statement))

        self.database.write(unit)

    def test_a_sound_database_has_no_fault_and_every_part_says_so(self) -> None:
        found = self.database.read(lambda connection: list(examine(connection)))
        self.assertEqual(self.faults(), [])
        parts = [finding.part for finding in found]
        self.assertEqual(parts, ["file", "schema", "audit", "members", "addresses", "revisions"])

    def assertFault(self, words: str, *statements: str) -> None:
        self.change(*statements)
        (fault,) = self.faults()
        self.assertIn(words, fault)

    def test_a_line_of_the_audit_log_that_was_changed(self) -> None:
        self.assertFault("audit: line 2 does not fit", "UPDATE audit SET actor = 'nobody' WHERE number = 2")

    def test_an_address_outside_the_range(self) -> None:
        self.assertFault(
            "not number 1 of a range", "UPDATE addresses SET address = '10.8.0.1' WHERE position = 1 AND family = 4"
        )

    def test_a_member_without_its_address(self) -> None:
        self.assertFault("holds 1 of 2", "DELETE FROM addresses WHERE position = 2 AND family = 6")

    def test_an_address_of_nobody(self) -> None:
        changes = (
            "UPDATE addresses SET node_id = 'bbbbbbbbbbbbbbbb' WHERE position = 2",
            "DELETE FROM members WHERE name = 'bob'",
        )
        self.assertFault("which is no member", *changes)

    def test_a_key_of_another_node(self) -> None:
        change = f"UPDATE members SET static_public = x'{'01' * 32}' WHERE name = 'ann'"
        self.assertFault("a key of another node", change)

    def test_an_ethernet_address_of_another_node(self) -> None:
        self.assertFault("Ethernet address of another", "UPDATE members SET mac = x'020000000001' WHERE name = 'ann'")

    def test_a_member_from_the_future(self) -> None:
        self.assertFault("but a member is at 99", "UPDATE members SET revision = 99 WHERE name = 'ann'")

    def test_removals_that_are_known_from_the_future_on(self) -> None:
        self.assertFault("yet to come", "UPDATE networks SET complete_since = 99")

    def test_a_reference_to_what_is_not_there(self) -> None:
        def unit(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            connection.exec_driver_sql("INSERT INTO removals VALUES ('zzzzzzzz', 'bbbbbbbbbbbbbbbb', 1)")
            found = [finding.sentence for finding in examine(connection) if finding.is_fault]
            raise KeyError(found[0])

        error = self.assertRaises(KeyError, self.database.write, unit)
        self.assertIn("of removals refers to a row of networks that is not there", str(error))

    def test_schemas_that_are_not_the_newest(self) -> None:
        self.change("UPDATE alembic_version SET version_num = '0001'")
        self.assertEqual(self.faults(), [])
        self.assertFault("of a newer release", "UPDATE alembic_version SET version_num = '4711'")
        self.assertFault("not a database of a controller", "DELETE FROM alembic_version")

    def test_a_table_that_is_wrong_throughout_is_not_a_line_for_each_row(self) -> None:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 9 UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
        rows = "SELECT (SELECT id FROM networks), 'x' || i, 4, i, 'n' || i, 0.0 FROM n"
        self.change(f"{numbers} INSERT INTO addresses {rows}")
        self.assertEqual(len(self.faults()), 20)
