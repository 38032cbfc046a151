import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.relays import Servers
from zerogo.store import audit, join_keys, members, migrate, networks, tables, users
from zerogo.store import database as store_database
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseNewer, MigrationFailed, StoreFault
from zerogo.store.migrate import back_up, newest_schema
from zerogo.store.paging import Paging
from zerogo.store.values import Role, StoredState
from zerogo.store.views import Views
from zerogo.test.store.release import RELEASED, populate
from zerogo.test.store.stock import ONLY_SQLITE, StoreCase

SCHEMAS = sorted(path.stem for path in RELEASED.glob("*.sql"))
KILLED = """
import sys
from pathlib import Path
from zerogo.store import migrate
from zerogo.store.database import Database

migrate.MIGRATIONS = Path(sys.argv[1])
Database.open_file(Path(sys.argv[2]))
"""

STEP = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{down}"


def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True), sqlite_strict=True)
    {then}
"""


class SchemaTests(StoreCase):
    skip = ONLY_SQLITE

    def test_the_migrations_make_the_tables_that_the_code_uses(self) -> None:
        with self.database._engine.connect() as connection:
            found = compare_metadata(MigrationContext.configure(connection), tables.METADATA)
        self.assertEqual(found, [])

    def test_constraints_and_strictness_are_those_of_the_code(self) -> None:
        fresh = self.path.with_name("fresh.db")
        with closing(sqlite3.connect(fresh)):
            pass
        other = Database.open_file(fresh)
        self.addCleanup(other.close)
        with other._engine.begin() as connection:
            tables.METADATA.drop_all(connection)
            tables.METADATA.create_all(connection)
        self.assertEqual(self.statements(other), self.statements(self.database))

    def statements(self, database: Database) -> dict[str, list[str]]:
        with database._engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            # A table that was made anew and renamed has its name in quotes.
            texts = {row.name: row.sql.replace(f'TABLE "{row.name}"', f"TABLE {row.name}") for row in rows}
        # A column that was added stands in the line of the one before.
        lines = {name: re.split(r"\n|, (?![^(]*\))", sql) for name, sql in texts.items()}
        return {name: sorted(filter(None, (part.strip(" ,\t") for part in parts))) for name, parts in lines.items()}

    def test_every_table_is_strict(self) -> None:
        for name, lines in self.statements(self.database).items():
            if name in tables.METADATA.tables:
                self.assertIn("STRICT", " ".join(lines), name)


class MigrationTests(SynchronousTestCase):
    skip = ONLY_SQLITE

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "controller.db"
        Database.open_file(self.path).close()
        self.steps = directory / "migrations"
        (self.steps / "versions").mkdir(parents=True)
        for source in (migrate.MIGRATIONS / "env.py", *(migrate.MIGRATIONS / "versions").glob("0*.py")):
            (self.steps / source.relative_to(migrate.MIGRATIONS)).write_text(source.read_text())

    def add_step(self, then: str) -> None:
        text = STEP.format(down=newest_schema(), then=then)
        (self.steps / "versions" / "9999_later.py").write_text(text)
        self.patch(migrate, "MIGRATIONS", self.steps)

    def table_names(self, path: Path) -> set[str]:
        with closing(sqlite3.connect(path)) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def test_a_new_file_needs_no_copy(self) -> None:
        self.assertEqual(list(self.path.parent.glob("*.before-*")), [])

    def test_a_new_file_on_a_full_disk_is_not_said_to_be_migrated(self) -> None:
        def cramped(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 2")
            connection.exec_driver_sql("CREATE TABLE wide (x)")
            connection.exec_driver_sql("INSERT INTO wide VALUES (zeroblob(100000))")

        self.patch(migrate, "upgrade", cramped)
        path = self.path.with_name("new.db")
        error = self.assertRaises(MigrationFailed, Database.open_file, path)
        self.assertEqual(f"{path} could not be made: the disk is full", str(error))

    def test_an_older_file_is_copied_then_migrated(self) -> None:
        self.add_step("pass")
        Database.open_file(self.path).close()
        self.assertIn("later", self.table_names(self.path))
        backup = self.path.with_name("controller.db.before-9999")
        self.assertNotIn("later", self.table_names(backup))
        self.assertIn("members", self.table_names(backup))
        self.assertEqual(backup.stat().st_mode & 0o777, 0o600)

    def test_a_step_that_fails_leaves_the_file_as_it_was(self) -> None:
        self.add_step("op.execute('this is not SQL')")
        error = self.assertRaises(MigrationFailed, Database.open_file, self.path)
        self.assertIn("a copy from before is at", str(error))
        self.assertNotIn("later", self.table_names(self.path))
        self.patch(migrate, "MIGRATIONS", Path(migrate.__file__).parent / "migrations")
        database = Database.open_file(self.path)
        self.assertEqual(database.read(networks.list_networks), [])
        database.close()

    def test_a_process_that_is_killed_in_a_step_leaves_the_file_as_it_was(self) -> None:
        self.add_step("op.execute('DELETE FROM alembic_version'); import os; os.kill(os.getpid(), 9)")
        done = subprocess.run([sys.executable, "-c", KILLED, str(self.steps), str(self.path)], timeout=60, check=False)
        self.assertEqual(done.returncode, -9)
        self.patch(migrate, "MIGRATIONS", Path(migrate.__file__).parent / "migrations")
        database = Database.open_file(self.path)
        self.addCleanup(database.close)
        self.assertEqual(database.read(networks.list_networks), [])
        self.assertNotIn("later", self.table_names(self.path))

    def test_a_database_that_another_program_writes_is_not_migrated(self) -> None:
        self.add_step("pass")
        self.patch(store_database, "BUSY_TIMEOUT_SECONDS", 0.01)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = self.assertRaises(MigrationFailed, Database.open_file, self.path)
        self.assertIn("as it was", str(error))
        self.assertIn("database is locked", str(error))
        self.assertNotIn("\n", str(error))

    def test_a_disk_without_room_is_seen_before_anything_is_done(self) -> None:
        self.add_step("pass")
        self.patch(migrate, "SPACE_LEAST", 2**60)
        error = self.assertRaises(MigrationFailed, Database.open_file, self.path)
        self.assertIn("MB of free space", str(error))
        self.assertEqual(list(self.path.parent.glob("*.before-*")), [])

    def test_a_disk_that_fills_up_in_a_step_leaves_the_file_as_it_was(self) -> None:
        self.add_step("op.execute('PRAGMA max_page_count = 1'); op.execute(FILL)")
        step = self.steps / "versions" / "9999_later.py"
        numbers = "json_each('[' || replace(hex(zeroblob(4000)), '00', '0,') || '0]')"
        fill = f"INSERT INTO settings SELECT hex(randomblob(100)), value FROM {numbers}"
        step.write_text(step.read_text() + f"\nFILL = {fill!r}\n")
        error = self.assertRaises(MigrationFailed, Database.open_file, self.path)
        self.assertIn("disk is full", str(error))
        self.assertNotIn("later", self.table_names(self.path))

    def test_a_table_that_is_made_anew_keeps_the_rows_that_refer_to_it(self) -> None:
        database = Database.open_file(self.path)
        populate(database)
        (_, home) = database.read(networks.list_networks)
        before = database.read(members.list_members, home.network)
        database.close()
        self.add_step(
            "with op.batch_alter_table('networks', recreate='always') as batch: "
            "batch.add_column(sa.Column('x', sa.Integer))"
        )
        database = Database.open_file(self.path)
        self.addCleanup(database.close)
        self.assertEqual(database.read(members.list_members, home.network), before)

    def test_a_step_that_leaves_references_to_nothing_is_undone(self) -> None:
        database = Database.open_file(self.path)
        populate(database)
        database.close()
        self.add_step("op.execute('DELETE FROM networks')")
        error = self.assertRaises(MigrationFailed, Database.open_file, self.path)
        self.assertIn("refers to a row of networks that is not there", str(error))

    def test_a_newer_database_is_refused_untouched(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '4711'")
            connection.commit()
        before = self.path.read_bytes()
        error = self.assertRaises(DatabaseNewer, Database.open_file, self.path)
        self.assertIn("schema 4711", str(error))
        self.assertEqual(self.path.read_bytes(), before)

    def test_copies_do_not_overwrite_each_other(self) -> None:
        wanted = self.path.with_name("copy")
        self.assertEqual([back_up(self.path, wanted).name for _ in range(3)], ["copy", "copy-1", "copy-2"])

    def test_a_copy_that_cannot_be_made_is_a_fault(self) -> None:
        self.assertRaises(StoreFault, back_up, self.path, self.path / "copy")


@cache
def migrated(schema: str) -> bytes:
    """The file of that schema, opened by this release; once for all tests, since steps take longer than they."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "controller.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((RELEASED / f"{schema}.sql").read_text(encoding="utf-8"))
        Database.open_file(path).close()
        return path.read_bytes()


class ReleasedTests(SynchronousTestCase):
    """Files that earlier releases left behind, each opened by this one in one step."""

    skip = ONLY_SQLITE

    def open(self, schema: str) -> Database:
        path = Path(self.mktemp())
        path.write_bytes(migrated(schema))
        database = Database.open_file(path)
        self.addCleanup(database.close)
        return database

    def test_there_is_one_of_every_schema(self) -> None:
        """Also of this release's own, which the next one opens: `python -m zerogo.test.store.release`."""
        self.assertEqual(SCHEMAS, sorted(migrate.known_schemas()))

    def test_all_that_was_there_is_there(self) -> None:
        for schema in SCHEMAS:
            database = self.open(schema)
            guests, home = database.read(networks.list_networks)
            self.assertEqual((guests.name, home.name, home.members), ("Gäste-客人", "home", 3), schema)
            found = {one.name: one for one in database.read(members.list_members, home.network)}
            self.assertEqual(sorted(found), ["Büro", "denied", "laptop", "server"], schema)
            self.assertEqual(found["denied"].state, StoredState.DENIED)
            self.assertEqual(found["laptop"].addresses, ("10.9.0.1", "fd00:9::1"))
            self.assertEqual((found["server"].is_bridge, found["server"].tags), (True, ()))
            waiting, good = database.read(join_keys.page_join_keys, home.network, Paging()).items
            self.assertEqual((waiting.revoked_at is None, good.uses_left), (False, 5))
            user = database.read(users.find_user_by_name, "ann")
            assert user is not None
            self.assertEqual((user.role, user.is_disabled), (Role.OWNER, False))

    def test_members_are_told_what_they_were_told_before(self) -> None:
        for schema in SCHEMAS:
            database = self.open(schema)
            (home,) = (one for one in database.read(networks.list_networks) if one.name == "home")
            view = database.read(Views(Servers()).read, home.network)
            self.assertEqual(view.network_map.revision, home.revision)
            names = sorted(record.name for record in view.network_map.members)
            self.assertEqual(names, ["Büro", "laptop", "server"])
            self.assertEqual(sorted(view.changed_at.values()), [2, 3, 9])
            self.assertEqual(sorted(view.removed_at.values()), [7, 8])

    def test_the_audit_log_is_a_chain_that_goes_on(self) -> None:
        for schema in SCHEMAS:
            database = self.open(schema)
            before = database.read(audit.check_chain)
            self.assertEqual((before.lines, before.broken_at), (14, None), schema)
            database.write(audit.record, "owner", "test.line", 3.5, detail="é")
            self.assertEqual(database.read(audit.check_chain).lines, before.lines + 1)

    def test_lines_of_the_audit_log_that_were_taken_out_before_there_was_a_chain_leave_no_gap(self) -> None:
        path = Path(self.mktemp())
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((RELEASED / "0001.sql").read_text(encoding="utf-8"))
            connection.execute("DELETE FROM audit WHERE number = 5")
            connection.commit()
        database = Database.open_file(path)
        self.addCleanup(database.close)
        verdict = database.read(audit.check_chain)
        self.assertEqual((verdict.lines, verdict.broken_at), (13, None))
