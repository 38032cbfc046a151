import io
import tarfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.controller import ControllerConfig
from zerogo.config.identity_file import IDENTITY_FILE, create_identity, load_identity
from zerogo.config.private_file import write_private
from zerogo.controller.backup import BackupRefused, RestoreRefused, back_up, restore, unpacked
from zerogo.controller.places import ONION_FILE, TOKEN_SEED_FILE, database_place
from zerogo.errors import EnvironmentFault
from zerogo.store import networks
from zerogo.store.database import Database
from zerogo.test.store.release import NOW, populate


class BackupTests(SynchronousTestCase):
    def setUp(self) -> None:
        base = Path(self.mktemp()).absolute()
        base.mkdir()
        self.config = self.controller(base / "state")
        create_identity(self.config.state_dir / IDENTITY_FILE)
        write_private(self.config.state_dir / TOKEN_SEED_FILE, bytes(32))
        database = Database.open_file(database_place(self.config))
        populate(database)
        database.close()
        self.path = base / "one.backup"
        back_up(self.config, self.path, NOW)

    def controller(self, directory: Path) -> ControllerConfig:
        directory.mkdir(mode=0o700)
        return ControllerConfig(state_dir=directory)

    def network_names(self, config: ControllerConfig) -> list[str]:
        database = Database.open_file(database_place(config))
        try:
            return [one.name for one in database.read(networks.list_networks)]
        finally:
            database.close()

    def test_it_is_for_its_owner_alone_and_says_what_is_in_it(self) -> None:
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        with unpacked(self.path) as backup:
            self.assertEqual(sorted(backup.manifest.sha256), ["api-token.key", "controller.db", "identity.key"])
            self.assertEqual(backup.manifest.taken_at, NOW)
            directory = backup.directory
        self.assertFalse(directory.exists())
        self.assertEqual([path.name for path in self.path.parent.iterdir() if path.name.startswith(".")], [])

    def test_restored_elsewhere_it_is_the_same_controller(self) -> None:
        other = self.controller(self.path.with_name("other"))
        with unpacked(self.path) as backup:
            self.assertIsNone(restore(other, backup, NOW))
        self.assertEqual(self.network_names(other), ["Gäste-客人", "home"])
        keys = [load_identity(config.state_dir / IDENTITY_FILE).node_id for config in (self.config, other)]
        self.assertEqual(keys[0], keys[1])
        self.assertEqual({path.stat().st_mode & 0o077 for path in other.state_dir.iterdir()}, {0})

    def test_restored_in_place_it_keeps_what_was_there(self) -> None:
        with unpacked(self.path) as backup:
            kept = restore(self.config, backup, NOW)
        assert kept is not None
        self.assertEqual(kept.name, "controller.db.before-restore")

    def test_the_key_of_another_controller_is_not_overwritten(self) -> None:
        other = self.controller(self.path.with_name("other"))
        create_identity(other.state_dir / IDENTITY_FILE)
        with unpacked(self.path) as backup:
            error = self.assertRaises(RestoreRefused, restore, other, backup, NOW)
        self.assertIn("the key of another controller", str(error))
        self.assertFalse(database_place(other).exists())

    def test_a_backup_is_not_overwritten(self) -> None:
        before = self.path.read_bytes()
        self.assertRaises(EnvironmentFault, back_up, self.config, self.path, NOW)
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_damaged_database_makes_no_backup(self) -> None:
        data = bytearray(database_place(self.config).read_bytes())
        data[4096 * 3 :] = bytes(len(data) - 4096 * 3)
        database_place(self.config).write_bytes(data)
        target = self.path.with_name("two.backup")
        self.assertRaises((EnvironmentFault, BackupRefused), back_up, self.config, target, NOW)
        self.assertFalse(target.exists())

    def test_a_controller_without_its_key_makes_no_backup(self) -> None:
        (self.config.state_dir / IDENTITY_FILE).unlink()
        self.assertRaises(EnvironmentFault, back_up, self.config, self.path.with_name("two"), NOW)

    def test_with_a_secret_of_the_configuration_there_is_no_seed(self) -> None:
        (self.config.state_dir / TOKEN_SEED_FILE).unlink()
        target = self.path.with_name("two.backup")
        self.assertNotIn(TOKEN_SEED_FILE, back_up(self.config, target, NOW).manifest.sha256)

    def test_the_keys_of_an_onion_service_are_in_it(self) -> None:
        write_private(self.config.state_dir / ONION_FILE, b"{}")
        target = self.path.with_name("two.backup")
        self.assertIn(ONION_FILE, back_up(self.config, target, NOW).manifest.sha256)

    def test_what_others_could_have_changed_is_refused(self) -> None:
        whole = self.path.read_bytes()

        @settings(max_examples=25, deadline=None)
        @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
        def flipped(position: int, bits: int) -> None:
            data = bytearray(whole)
            data[position] ^= bits
            self.refused_or_equal(bytes(data))

        flipped()

    def refused_or_equal(self, data: bytes) -> None:
        """Padding of the archive is the one thing that may differ."""
        damaged = self.path.with_name("damaged")
        damaged.write_bytes(data)
        try:
            with unpacked(damaged) as backup, unpacked(self.path) as whole:
                self.assertEqual(backup.manifest.sha256, whole.manifest.sha256)
        except BackupRefused:
            pass

    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=2000))
    def test_garbage_is_refused(self, data: bytes) -> None:
        path = Path(self.mktemp())
        path.write_bytes(data)
        with self.assertRaises(BackupRefused), unpacked(path):
            self.fail("garbage was taken for a backup")

    def test_names_that_lead_elsewhere_and_links_are_refused(self) -> None:
        for name, kind in (("../../x", tarfile.REGTYPE), ("controller.db", tarfile.SYMTYPE)):
            path = self.path.with_name("evil")
            with tarfile.open(self.path) as source, tarfile.open(path, "w") as target:
                for entry in source:
                    content = source.extractfile(entry)
                    assert content is not None
                    if entry.name == "controller.db":
                        entry = evolve_entry(entry, name, kind)
                    target.addfile(entry, io.BytesIO(content.read()) if entry.isreg() else None)
            with self.assertRaises(BackupRefused), unpacked(path):
                self.fail("it was unpacked")


def evolve_entry(entry: tarfile.TarInfo, name: str, kind: bytes) -> tarfile.TarInfo:
    changed = tarfile.TarInfo(name)
    changed.type, changed.linkname = kind, "/etc/passwd"
    changed.size = entry.size if kind == tarfile.REGTYPE else 0
    return changed
