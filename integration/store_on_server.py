"""What the store does on PostgreSQL only; `test_postgresql` runs this, and the suite of the store, on a server."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from sqlalchemy import Connection, insert, text

from zerogo.control.connection import Registration
from zerogo.ids import NodeId
from zerogo.secret import Secret
from zerogo.store import exit_tables, exit_usage, members, networks, postgresql, registrations, tables
from zerogo.store.check import examine
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseInUse, DatabaseNewer, JoinRefused, MigrationFailed, StoreFault
from zerogo.store.exit_values import StreamFilter
from zerogo.store.migrate import schema_of
from zerogo.store.paging import Paging
from zerogo.store.snapshot import examine_place, inspect, install, move, take
from zerogo.test.store.stock import NOW, SERVER, StoreCase, open_database


class ServerTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = Database.open(Secret(SERVER), self.path.parent)
        self.addCleanup(self.other.close)

    def test_two_controllers_see_what_the_other_wrote(self) -> None:
        self.other.write(networks.create_network, networks.NewNetwork(name="b"), "owner", self.rng, NOW)
        self.assertEqual([one.name for one in self.database.read(networks.list_networks)], ["b", "home"])

    def test_revisions_of_two_controllers_that_write_at_once_are_all_different(self) -> None:
        places = (self.database, self.other) * 25
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda one: one.write(networks.raise_revision, self.network), places))
        self.assertEqual(sorted(found), list(range(2, 52)))

    def test_of_a_token_with_one_use_one_controller_makes_a_member(self) -> None:
        for _ in range(5):
            secret = self.invite()
            agents = [self.agent(secret), self.agent(secret)]
            with ThreadPoolExecutor(2) as pool:
                outcomes = list(pool.map(self.outcome, (self.database, self.other), agents))
            self.assertEqual(sorted(outcomes), ["Admission", "token-used"])

    def outcome(self, database: Database, agent: Registration) -> str:
        try:
            return type(database.write(registrations.register, agent, NOW)).__name__
        except JoinRefused as error:
            return error.reason.value

    def test_a_read_sees_one_moment(self) -> None:
        def twice(connection: Connection) -> list[int]:
            first = networks.find_network(connection, self.network).revision
            self.other.write(networks.raise_revision, self.network)
            return [first, networks.find_network(connection, self.network).revision]

        self.assertEqual(len(set(self.database.read(twice))), 1)

    def test_a_read_cannot_write(self) -> None:
        self.assertRaises(StoreFault, self.database.read, networks.raise_revision, self.network)

    def test_numbers_beyond_31_bits(self) -> None:
        change = text("UPDATE networks SET revision = :revision").bindparams(revision=2**40)
        self.database.write(lambda connection: connection.execute(change))
        self.assertEqual(self.database.write(networks.raise_revision, self.network), 2**40 + 1)
        query = tables.networks.c.revision == 2**40 + 1
        self.assertEqual(len(self.database.read(lambda c: c.execute(tables.networks.select().where(query)).all())), 1)

    def test_rows_that_the_server_numbers_go_beyond_31_bits(self) -> None:
        start = f"SELECT setval(pg_get_serial_sequence('exit_streams', 'id'), {2**31 + 5})"
        self.database.write(lambda connection: connection.exec_driver_sql(start).all())
        note_stream(self.database)
        (newest,) = self.database.read(exit_usage.list_streams, StreamFilter(), Paging()).items
        self.assertEqual(newest.number, 2**31 + 6)

    def test_connections_that_the_server_ended_are_made_anew(self) -> None:
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        self.other.write(lambda connection: connection.exec_driver_sql(ours).all())
        self.assertEqual(self.revision(), 1)


class SchemaTests(StoreCase):
    """Databases of other releases; each test leaves this release's behind."""

    def schema(self, text: str) -> None:
        self.database.write(lambda c: c.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{text}'"))

    def own(self) -> str:
        found = self.database.read(schema_of)
        assert found is not None
        return found

    def test_one_of_a_newer_release_is_refused(self) -> None:
        own = self.own()
        self.addCleanup(self.schema, own)
        self.schema("4711")
        self.assertRaises(DatabaseNewer, Database.open, Secret(SERVER), self.path.parent)

    def test_a_step_and_a_copy_may_last_and_nothing_else(self) -> None:
        limits = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")

        def told(connection: Connection) -> list[str]:
            return [str(connection.exec_driver_sql(f"SHOW {limit}").scalar_one()) for limit in limits]

        found: list[list[str]] = []
        self.patch(postgresql, "newest_schema", lambda: "9999")
        self.patch(postgresql, "upgrade", lambda connection: found.append(told(connection)))
        database = Database.open(Secret(SERVER), self.path.parent)
        self.addCleanup(database.close)
        self.assertEqual(found, [["0", "0", "30s"]])
        self.assertEqual(examine_place(Secret(SERVER), told), ["0", "0", "30s"])
        self.assertEqual(database.read(told), ["30s", "1min", "0"])

    def test_a_step_that_fails_leaves_it_as_it_was_and_a_copy_beside(self) -> None:
        self.join("ann")

        def fail(connection: Connection) -> None:
            connection.exec_driver_sql("DELETE FROM audit")
            raise RuntimeError("a step failed")

        self.patch(postgresql, "newest_schema", lambda: "9999")
        self.patch(postgresql, "upgrade", fail)
        error = self.assertRaises(MigrationFailed, Database.open, Secret(SERVER), self.path.parent)
        self.assertIn("is as it was; a copy from before is at", str(error))
        self.assertEqual([one.name for one in self.database.read(members.list_members, self.network)], ["ann"])
        copy = self.path.parent / "postgresql.before-9999"
        (names,) = inspect(copy, lambda c: [[one.name for one in members.list_members(c, self.network)]])
        self.assertEqual(names, ["ann"])
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)


class SnapshotTests(StoreCase):
    """Copies of a server's database, and what is put in its place."""

    def setUp(self) -> None:
        super().setUp()
        self.join("ann")
        self.copy = self.path.with_name("copy.db")
        take(Secret(SERVER), self.copy)

    def names(self, database: Database) -> list[str]:
        return [one.name for one in database.read(members.list_members, self.network)]

    def test_a_copy_is_a_sound_file_of_what_was_there(self) -> None:
        self.assertFalse([finding for finding in inspect(self.copy, examine) if finding.is_fault])
        self.assertFalse([finding for finding in examine_place(Secret(SERVER), examine) if finding.is_fault])

    def test_a_database_that_a_controller_uses_is_not_replaced(self) -> None:
        place = self.path.parent
        self.assertRaises(DatabaseInUse, install, self.copy, Secret(SERVER), place, NOW, NOW)
        self.assertRaises(DatabaseInUse, move, Secret(SERVER), place / "new.db", place)
        self.assertFalse((place / "new.db").exists())

    def test_a_copy_in_place_of_what_came_after_it(self) -> None:
        self.join("bob")
        before = self.revision()
        self.database.close()
        kept = install(self.copy, Secret(SERVER), self.path.parent, NOW, NOW)
        assert kept is not None
        self.database = Database.open(Secret(SERVER), self.path.parent)
        self.assertEqual(self.names(self.database), ["ann"])
        self.assertGreater(self.revision(), before)
        (old,) = inspect(kept, lambda c: [[one.name for one in members.list_members(c, self.network)]])
        self.assertEqual(old, ["ann", "bob"])

    def test_a_copy_that_does_not_fit_leaves_all_as_it_was(self) -> None:
        with closing(sqlite3.connect(self.copy)) as connection:
            connection.execute("DROP TABLE subnets")
            connection.commit()
        self.database.close()
        self.assertRaises(StoreFault, install, self.copy, Secret(SERVER), self.path.parent, NOW, NOW)
        self.database = Database.open(Secret(SERVER), self.path.parent)
        self.assertEqual(self.names(self.database), ["ann"])

    def test_to_a_file_and_back_nothing_is_lost_or_altered(self) -> None:
        self.database.write(
            members.set_published, self.network, self.agent_id("ann"), ("aes", "chacha"), ("10.3.0.0/24",)
        )
        for _ in range(3):
            note_stream(self.database)
        self.database.close()
        file = self.path.with_name("moved.db")
        out = move(Secret(SERVER), file, self.path.parent)
        self.assertFalse([finding for finding in inspect(file, examine) if finding.is_fault])
        error = self.assertRaises(StoreFault, move, file, Secret(SERVER), self.path.parent)
        self.assertIn("is not empty", str(error))
        emptied = open_database(self.path)
        # As in a database that was just made.
        emptied.write(
            lambda c: c.exec_driver_sql("SELECT setval(pg_get_serial_sequence('exit_streams', 'id'), 1, false)")
        )
        emptied.close()
        back = move(file, Secret(SERVER), self.path.parent)
        self.assertEqual(out, back)
        self.assertGreater(sum(held.rows for held in back.values()), 8)
        self.database = Database.open(Secret(SERVER), self.path.parent)
        # Rows that the server numbers by itself go on where they were.
        note_stream(self.database)
        newest, *others = self.database.read(exit_usage.list_streams, StreamFilter(), Paging()).items
        self.assertEqual((3, newest.number), (len(others), others[0].number + 1))

    def agent_id(self, name: str) -> NodeId:
        (found,) = [one for one in self.database.read(members.list_members, self.network) if one.name == name]
        return found.node_id


def note_stream(database: Database) -> None:
    """A row that the server numbers."""
    words = dict.fromkeys(("gateway", "user", "source", "edge", "exit_address", "target", "command", "reason"), "x")
    figures = dict.fromkeys(("ended_at", "seconds", "up", "down"), 1)
    database.write(lambda c: c.execute(insert(exit_tables.exit_streams).values(**words, **figures)))
