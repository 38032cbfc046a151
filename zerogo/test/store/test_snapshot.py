import os
from pathlib import Path

from zerogo.store import members
from zerogo.store.check import examine
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseInUse, StoreFault
from zerogo.store.snapshot import inspect, install, take
from zerogo.test.store.release import RELEASED
from zerogo.test.store.stock import NOW, ONLY_SQLITE, StoreCase


class SnapshotTests(StoreCase):
    skip = ONLY_SQLITE

    def setUp(self) -> None:
        super().setUp()
        self.copy = self.path.with_name("copy.db")
        self.join("ann")
        take(self.path, self.copy)

    def names(self) -> list[str]:
        return [member.name for member in self.database.read(members.list_members, self.network)]

    def reopen(self) -> None:
        self.database = Database.open_file(self.path)

    def test_a_copy_is_one_file_of_what_was_there_while_it_was_used(self) -> None:
        self.assertEqual([path.name for path in self.path.parent.glob("copy*")], ["copy.db"])
        self.assertEqual(self.copy.stat().st_mode & 0o777, 0o600)
        self.assertFalse([finding for finding in inspect(self.copy, examine) if finding.is_fault])

    def test_a_copy_in_place_of_what_came_after_it(self) -> None:
        self.join("bob")
        before = self.revision()
        self.database.close()
        kept = install(self.copy, self.path, self.path.parent, NOW, NOW)
        assert kept is not None
        self.reopen()
        self.assertEqual(self.names(), ["ann"])
        self.assertGreater(self.revision(), before)
        old = Database.open_file(kept)
        self.addCleanup(old.close)
        self.assertEqual(len(old.read(members.list_members, self.network)), 2)

    def test_nothing_is_left_beside_it(self) -> None:
        self.database.close()
        install(self.copy, self.path, self.path.parent, NOW, NOW)
        left = sorted(path.name for path in self.path.parent.iterdir())
        self.assertEqual(left, ["controller.db", "controller.db.before-restore", "controller.db.lock", "copy.db"])

    def test_a_database_that_is_used_is_not_replaced(self) -> None:
        self.assertRaises(DatabaseInUse, install, self.copy, self.path, self.path.parent, NOW, NOW)
        self.assertEqual(self.names(), ["ann"])

    def test_where_there_was_none(self) -> None:
        elsewhere = self.path.with_name("elsewhere.db")
        self.assertIsNone(install(self.copy, elsewhere, self.path.parent, NOW, NOW))
        found = Database.open_file(elsewhere)
        self.addCleanup(found.close)
        self.assertEqual(len(found.read(members.list_members, self.network)), 1)

    def test_a_database_that_is_damaged_is_kept_as_it_is(self) -> None:
        self.database.close()
        self.path.write_bytes(b"damaged" * 1000)
        kept = install(self.copy, self.path, self.path.parent, NOW, NOW)
        assert kept is not None
        self.assertEqual(kept.read_bytes(), b"damaged" * 1000)
        self.reopen()
        self.assertEqual(self.names(), ["ann"])

    def test_a_log_of_a_damaged_database_does_not_get_into_the_new_one(self) -> None:
        self.database.close()
        self.path.write_bytes(b"damaged" * 1000)
        log = self.path.with_name("controller.db-wal")
        log.write_bytes(b"log" * 1000)
        kept = install(self.copy, self.path, self.path.parent, NOW, NOW)
        assert kept is not None
        self.assertEqual(kept.with_name(kept.name + "-wal").read_bytes(), b"log" * 1000)
        self.reopen()
        self.assertEqual(self.names(), ["ann"])

    def test_a_rename_that_fails_leaves_the_old_one(self) -> None:
        self.join("bob")
        self.database.close()

        def refuse(source: Path, target: object) -> None:
            raise OSError(28, os.strerror(28))

        self.patch(Path, "replace", refuse)
        error = self.assertRaises(StoreFault, install, self.copy, self.path, self.path.parent, NOW, NOW)
        self.assertIn("No space left", str(error))
        self.reopen()
        self.assertEqual(self.names(), ["ann", "bob"])

    def test_a_copy_of_an_older_release_is_migrated(self) -> None:
        import sqlite3
        from contextlib import closing

        old = self.path.with_name("old.db")
        with closing(sqlite3.connect(old)) as connection:
            connection.executescript((RELEASED / "0001.sql").read_text(encoding="utf-8"))
        target = self.path.with_name("target.db")
        install(old, target, self.path.parent, NOW, NOW)
        self.assertFalse([finding for finding in inspect(target, examine) if finding.is_fault])
        self.assertEqual(list(self.path.parent.glob(".target*")), [])

    def test_what_is_no_database_is_refused(self) -> None:
        self.assertRaises(StoreFault, take, self.path.with_name("missing"), self.copy)
        empty = self.path.with_name("empty.db")
        empty.touch()
        error = self.assertRaises(StoreFault, take, empty, self.path.with_name("x"))
        self.assertIn("not a database of a controller", str(error))
