import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from twisted.trial.unittest import SynchronousTestCase

from zerogo.store import networks, transfer
from zerogo.store.database import Database
from zerogo.store.errors import StoreFault
from zerogo.store.transfer import Digest, copy_rows, copy_to_file, empty
from zerogo.test.store.release import populate
from zerogo.test.store.stock import _empty_file


class TransferTests(SynchronousTestCase):
    """Between two SQLite files; between SQLite and PostgreSQL in `integration`."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.directory = directory
        self.source, self.target = (self.open(name) for name in ("source.db", "target.db"))
        populate(self.source)

    def open(self, name: str) -> Database:
        path = self.directory / name
        path.write_bytes(_empty_file())
        database = Database.open_file(path)
        self.addCleanup(database.close)
        return database

    def copy(self) -> dict[str, Digest]:
        return self.source.read(lambda source: self.target.write(lambda target: copy_rows(source, target)))

    def names(self) -> list[str]:
        return [one.name for one in self.target.read(networks.list_networks)]

    def test_all_rows_and_a_digest_of_each_table(self) -> None:
        found = self.copy()
        self.assertEqual(self.names(), ["Gäste-客人", "home"])
        self.assertEqual((found["networks"].rows, found["audit"].rows), (2, 14))
        self.assertEqual(found["removals"].rows, 2)

    def test_a_database_with_something_in_it_is_not_filled(self) -> None:
        self.target.write(lambda connection: connection.execute(text("INSERT INTO settings VALUES ('a', 'b')")))
        error = self.assertRaises(StoreFault, self.copy)
        self.assertIn("not empty: there are rows in settings", str(error))
        self.assertEqual(self.names(), [])

    def test_a_copy_that_differs_is_undone(self) -> None:
        spoil = "CREATE TRIGGER spoil AFTER INSERT ON audit BEGIN UPDATE audit SET actor = 'x' WHERE number = 3; END"
        self.target.write(lambda connection: connection.execute(text(spoil)))
        error = self.assertRaises(StoreFault, self.copy)
        self.assertIn("the rows of audit are not the same", str(error))
        self.assertEqual(self.names(), [])

    def test_digests_do_not_depend_on_the_order_but_on_every_value(self) -> None:
        self.copy()
        table = transfer._tables
        first = self.target.read(lambda c: transfer.digest(c, table(c)["audit"]))
        self.target.write(lambda c: c.execute(text("UPDATE audit SET number = number + 100")))
        self.assertNotEqual(self.target.read(lambda c: transfer.digest(c, table(c)["audit"])), first)
        self.target.write(lambda c: c.execute(text("UPDATE audit SET number = number - 100")))
        self.assertEqual(self.target.read(lambda c: transfer.digest(c, table(c)["audit"])), first)

    def test_databases_of_other_schemas_are_refused(self) -> None:
        self.target.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '0001'")))
        self.assertRaises(StoreFault, self.copy)

    def test_all_rows_are_deleted_whatever_refers_to_them(self) -> None:
        self.copy()
        self.target.write(empty)
        self.assertEqual(self.names(), [])

    def test_a_copy_in_a_file_is_for_its_owner_alone_and_gone_where_it_failed(self) -> None:
        path = self.source.read(copy_to_file, self.directory / "copy.db")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        with closing(sqlite3.connect(path)) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM networks").fetchone(), (2,))

        def differ(*arguments: object) -> None:
            raise StoreFault("differs")

        self.patch(transfer, "copy_rows", differ)
        self.assertRaises(StoreFault, self.source.read, copy_to_file, self.directory / "other.db")
        self.assertFalse((self.directory / "other.db").exists())
