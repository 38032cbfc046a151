import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from twisted.trial.unittest import SynchronousTestCase

from zerogo.store import migrate, networks, tables
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseNewer, MigrationFailed, StoreFault
from zerogo.store.migrate import back_up, newest_schema
from zerogo.test.store.stock import StoreCase

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
            return {row.name: sorted(part.strip(" ,\t") for part in row.sql.splitlines()) for row in rows}

    def test_every_table_is_strict(self) -> None:
        for name, lines in self.statements(self.database).items():
            if name in tables.METADATA.tables:
                self.assertIn("STRICT", " ".join(lines), name)


class MigrationTests(SynchronousTestCase):
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
