import json
import sqlite3
from contextlib import closing
from pathlib import Path

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.controller import ControllerDamaged, controller
from zerogo.config.identity_file import IDENTITY_FILE, create_identity, load_identity
from zerogo.config.private_file import read_private, write_private
from zerogo.controller.places import DATABASE_FILE, RESET_FILE, TOKEN_SEED_FILE
from zerogo.errors import ZeroGoError
from zerogo.store.database import Database
from zerogo.test.store.release import populate


class ControllerCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        base = Path(self.mktemp()).absolute()
        self.state = base / "controller"
        self.state.mkdir(mode=0o700, parents=True)
        create_identity(self.state / IDENTITY_FILE)
        write_private(self.state / TOKEN_SEED_FILE, bytes(32))
        self.database = Database.open_file(self.state / DATABASE_FILE)
        self.addCleanup(lambda: self.database.close())
        populate(self.database)
        self.path = base / "b.backup"

    def run_ok(self, *arguments: str, answer: str | None = None) -> str:
        result = CliRunner().invoke(controller, [*arguments, "--state-dir", str(self.state)], input=answer)
        self.assertEqual(result.exit_code, 0, f"{result.output} {result.exception!r}")
        return result.output

    def refusal(self, *arguments: str) -> Exception:
        result = CliRunner().invoke(controller, [*arguments, "--state-dir", str(self.state)])
        self.assertIsInstance(result.exception, ZeroGoError | click.Abort)
        assert isinstance(result.exception, Exception)
        return result.exception

    def test_back_up_while_it_runs_check_and_restore_when_it_does_not(self) -> None:
        said = self.run_ok("backup", str(self.path))
        self.assertIn("api-token.key, controller.db, identity.key; read back and found whole", said)
        self.assertIn("private key", said)
        self.assertIn("addresses, each in its range", self.run_ok("check", str(self.path)))
        refused = CliRunner().invoke(controller, ["restore", str(self.path), "--state-dir", str(self.state)])
        self.assertIn("stop it first", str(refused.exception))
        self.assertEqual("", refused.output, "nobody is asked what would be refused")
        self.database.close()
        restored = self.run_ok("restore", str(self.path), "--yes")
        self.assertIn("are members again", restored)
        self.assertIn("controller.db.before-restore", restored)

    def test_one_more_controller_takes_the_keys_and_nothing_else(self) -> None:
        self.run_ok("backup", str(self.path))
        first = load_identity(self.state / IDENTITY_FILE).node_id
        self.state = self.state.with_name("second")
        self.assertIn(f"the keys of controller {first}", self.run_ok("adopt", str(self.path)))
        self.assertEqual(sorted(path.name for path in self.state.iterdir()), sorted([IDENTITY_FILE, TOKEN_SEED_FILE]))
        self.assertEqual(load_identity(self.state / IDENTITY_FILE).node_id, first)

    def test_a_database_is_moved_and_the_old_file_is_not_used_any_more(self) -> None:
        target = self.path.with_name("new.db")
        self.assertIn("stop it first", str(self.refusal("move", str(target))))
        self.assertFalse(target.exists())
        self.database.close()
        said = self.run_ok("move", str(target))
        self.assertIn("Both databases hold the same.", said)
        self.assertIn(f"database: {target}", said)
        self.assertFalse((self.state / DATABASE_FILE).exists())
        self.assertTrue((self.state / f"{DATABASE_FILE}.moved").exists())
        self.assertIn("no database at", str(self.refusal("move", str(target))))

    def test_a_password_on_the_command_line_is_refused(self) -> None:
        error = self.refusal("move", "postgresql://u:pw@localhost/d")
        self.assertIn(".pgpass", str(error))
        self.assertNotIn("pw@", str(error))

    def test_restoring_asks_first(self) -> None:
        self.run_ok("backup", str(self.path))
        self.database.close()
        result = CliRunner().invoke(
            controller, ["restore", str(self.path), "--state-dir", str(self.state)], input="n\n"
        )
        self.assertEqual(result.exit_code, 1)
        self.assertFalse((self.state / "controller.db.before-restore").exists())

    def test_a_backup_may_go_to_standard_output(self) -> None:
        result = CliRunner().invoke(controller, ["backup", "-", "--state-dir", str(self.state)])
        self.path.write_bytes(result.stdout_bytes)
        self.assertIn("file is whole", self.run_ok("check", str(self.path)))

    def test_the_state_directory_of_zerogo_up_is_understood(self) -> None:
        self.state = self.state.parent
        self.assertIn("the controller is", self.run_ok("check"))

    def test_faults_are_told_and_the_exit_status_is_1(self) -> None:
        self.database.close()
        with closing(sqlite3.connect(self.state / DATABASE_FILE)) as connection:
            connection.execute("UPDATE audit SET actor = 'nobody' WHERE number = 3")
            connection.commit()
        (self.state / TOKEN_SEED_FILE).unlink()
        result = CliRunner().invoke(controller, ["check", "--json", "--state-dir", str(self.state)])
        self.assertIsInstance(result.exception, ControllerDamaged)
        faults = [row["sentence"] for row in json.loads(result.output) if row["is_fault"]]
        self.assertEqual(faults, ["line 3 does not fit the ones before"])
        self.assertIn("FAULT", CliRunner().invoke(controller, ["check", "--state-dir", str(self.state)]).output)

    def test_a_controller_whose_key_is_gone_is_a_fault(self) -> None:
        (self.state / IDENTITY_FILE).unlink()
        self.assertIsInstance(self.refusal("check"), ControllerDamaged)

    def test_an_owner_who_cannot_log_in_gets_a_secret(self) -> None:
        said = self.run_ok("reset-admin")
        secret = read_private(self.state / RESET_FILE, 200).decode().strip()
        self.assertIn(secret, said)
        self.assertIn(f"zerogo users password NAME --state-dir {self.state} ", said)
        self.assertNotIn(secret, self.run_ok("check"))

    def test_no_secret_is_made_where_there_is_no_controller(self) -> None:
        (self.state / IDENTITY_FILE).unlink()
        self.assertIn("no controller in", str(self.refusal("reset-admin")))
