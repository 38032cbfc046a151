import sqlite3
from contextlib import closing

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from zerogo.store import database, networks
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseInUse, StoreFault, StoreFull
from zerogo.store.networks import NewNetwork
from zerogo.test.store.stock import NOW, ONLY_SQLITE, StoreCase


class DatabaseTests(StoreCase):
    skip = ONLY_SQLITE

    def pragma(self, connection: Connection, name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    def test_what_was_written_survives_power_cuts(self) -> None:
        settings = [self.database.read(self.pragma, name) for name in ("journal_mode", "synchronous", "foreign_keys")]
        self.assertEqual(settings, ["wal", 2, 1])

    def test_a_unit_that_raises_is_undone(self) -> None:
        def make_then_fail(connection: Connection) -> None:
            networks.create_network(connection, NewNetwork(name="lost"), "t", self.rng, NOW)
            raise KeyError

        self.assertRaises(KeyError, self.database.write, make_then_fail)
        self.assertEqual([one.name for one in self.database.read(networks.list_networks)], ["home"])

    def test_a_second_controller_on_the_same_file_is_kept_out(self) -> None:
        error = self.assertRaises(DatabaseInUse, Database.open_file, self.path)
        self.assertIn("stop it first", str(error))
        self.database.close()
        self.database = Database.open_file(self.path)

    def test_the_file_is_for_its_owner_alone(self) -> None:
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_a_locked_database_is_a_fault_of_one_sentence(self) -> None:
        self.patch(database, "BUSY_TIMEOUT_SECONDS", 0.01)
        path = self.path.with_name("locked.db")
        impatient = Database.open_file(path)
        self.addCleanup(impatient.close)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = self.assertRaises(StoreFault, impatient.write, self.never)
        self.assertIn("database is locked", str(error))

    def never(self, connection: Connection) -> None:
        raise AssertionError("the transaction must not begin")

    def test_a_disk_that_is_full_is_a_fault_of_one_sentence_and_nothing_is_lost(self) -> None:
        def limit(connection: Connection, pages: int) -> None:
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

        self.database.write(limit, 1)
        kept: list[str] = []
        with self.assertRaises(StoreFull) as caught:
            for number in range(1000):
                self.database.write(self.put, f"key {number}", "x" * 1000)
                kept.append(f"key {number}")
        self.assertIn("disk is full", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))
        self.assertEqual(self.database.read(self.keys), kept)
        self.database.write(limit, 2**30)
        self.database.write(self.put, "later", "x")
        self.assertEqual(self.database.read(self.keys), [*kept, "later"])

    def put(self, connection: Connection, key: str, value: str) -> None:
        connection.execute(text("INSERT INTO settings VALUES (:key, :value)"), {"key": key, "value": value})

    def keys(self, connection: Connection) -> list[str]:
        query = "SELECT key FROM settings WHERE key LIKE 'key %' OR key = 'later' ORDER BY rowid"
        return list(connection.execute(text(query)).scalars())

    def test_a_broken_constraint_is_a_fault(self) -> None:
        def twice(connection: Connection) -> None:
            connection.execute(text("INSERT INTO settings VALUES ('a', 'b')"))
            connection.execute(text("INSERT INTO settings VALUES ('a', 'c')"))

        error = self.assertRaises(StoreFault, self.database.write, twice)
        self.assertIsInstance(error.__cause__, IntegrityError)

    def test_a_wrong_type_is_refused_by_the_database(self) -> None:
        def wrong(connection: Connection) -> None:
            connection.execute(text("UPDATE networks SET mtu = 'many'"))

        self.assertRaises(StoreFault, self.database.write, wrong)

    def test_what_is_not_a_database_is_a_fault(self) -> None:
        other = self.path.with_name("other.db")
        other.write_bytes(b"this is not SQLite" * 100)
        self.assertRaises(StoreFault, Database.open_file, other)
        self.assertRaises(StoreFault, Database.open_file, self.path.with_name("missing") / "x.db")
