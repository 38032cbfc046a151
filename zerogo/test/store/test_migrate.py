import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from twisted.trial.unittest import SynchronousTestCase

from zerogo.store import audit, join_keys, members, migrate, networks, tables, users
from zerogo.store.database import Database
from zerogo.store.errors import DatabaseNewer, MigrationFailed, StoreFault
from zerogo.store.migrate import back_up, newest_schema
from zerogo.store.values import Role, StoredState
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
            # A table that was made anew and renamed has its name in quotes.
            texts = {row.name: row.sql.replace(f'TABLE "{row.name}"', f"TABLE {row.name}") for row in rows}
        return {name: sorted(part.strip(" ,\t") for part in sql.splitlines()) for name, sql in texts.items()}

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


class FirstSchemaTests(SynchronousTestCase):
    """A database as the first release left it."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "controller.db"
        engine = create_engine(f"sqlite:///{self.path}")
        with engine.begin() as connection:
            command.upgrade(migrate._config(connection), "0001")
            for statement in FIRST_ROWS:
                connection.exec_driver_sql(statement)
        engine.dispose()
        self.database = Database.open_file(self.path)
        self.addCleanup(self.database.close)

    def test_all_that_was_there_is_there(self) -> None:
        (network,) = self.database.read(networks.list_networks)
        (member,) = self.database.read(members.list_members, network.network)
        self.assertEqual((member.name, member.state, member.tags), ("ann", StoredState.APPROVED, ()))
        self.assertEqual(member.addresses, ("10.9.0.1",))
        (key,) = self.database.read(join_keys.list_join_keys, network.network)
        self.assertEqual((key.uses_left, key.is_ephemeral), (1, False))
        user = self.database.read(users.find_user_by_name, "ann")
        assert user is not None
        self.assertEqual((user.role, user.is_disabled), (Role.OWNER, False))

    def test_the_audit_log_becomes_a_chain_without_gaps_that_goes_on(self) -> None:
        verdict = self.database.read(audit.check_chain)
        self.assertEqual((verdict.lines, verdict.broken_at), (2, None))
        self.database.write(audit.record, "owner", "test.line", 3.5, detail="é")
        self.assertEqual(self.database.read(audit.check_chain).lines, 3)


FIRST_ROWS = (
    "INSERT INTO networks VALUES ('aaaaaaaa', 'home', 'home', '10.9.0.0/24', NULL, 1400, 'managed', x'00',"
    " 'automatic', 2, 1, 1.0)",
    "INSERT INTO members VALUES ('aaaaaaaa', 'bbbbbbbbbbbbbbbb', x'01', x'02', x'020000000001', 'ann', 'ann',"
    " 'approved', 'aes', 0, '0.1', 'k', 2, 1.0, 1.0)",
    "INSERT INTO addresses VALUES ('aaaaaaaa', '10.9.0.1', 4, 1, 'bbbbbbbbbbbbbbbb', NULL)",
    "INSERT INTO join_keys VALUES ('k', 'aaaaaaaa', x'03', 2, 1, 'automatic', 'owner', 1.0, 2.0, NULL)",
    "INSERT INTO users VALUES ('u', 'ann', 'ann', 'x', 'owner', 1.0)",
    "INSERT INTO audit VALUES (1, 1.0, 'owner', 'network.create', '', 'home', '')",
    "INSERT INTO audit VALUES (7, 2.25, 'owner', 'user.bootstrap', '', 'u', '')",
)
