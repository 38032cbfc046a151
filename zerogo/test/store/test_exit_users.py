from zerogo.exit.account import Account
from zerogo.store import audit, exit_users
from zerogo.store.errors import Conflict, NotFound, Stale
from zerogo.store.exit_values import StoredExitUser, StoredPackage
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase

GOLD = StoredPackage(name="gold", size=1000, seconds=3600.0)


class ExitUserTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.database.write(exit_users.create_package, GOLD, "tester", NOW)

    def make(self, name: str = "alice", package: str | None = "gold") -> StoredExitUser:
        return self.database.write(exit_users.create_user, Account(name=name), package, "tester", NOW)

    def change(self, **changes: object) -> StoredExitUser:
        return self.database.write(exit_users.change_user, "alice", dict(changes), "tester", NOW + 5)

    def test_a_user_is_made_changed_and_removed_and_each_counts_the_revision_up(self) -> None:
        self.make()
        self.assertRaises(Conflict, self.make)
        self.assertTrue(self.change(upload=500).account.has_package)
        self.assertFalse(self.change(package=None).account.has_package)
        self.assertEqual(self.database.read(exit_users.revision), 3)
        self.database.write(exit_users.delete_user, "alice", "tester", NOW)
        self.assertRaises(NotFound, self.database.read, exit_users.find_user, "alice")
        self.assertEqual(self.database.read(exit_users.all_accounts), (4, []))

    def test_what_is_based_on_something_older_is_refused(self) -> None:
        tag = self.make().tag
        self.change(streams=5)
        self.assertRaises(
            Stale, self.database.write, exit_users.change_user, "alice", {"streams": 6}, "tester", NOW, tag
        )

    def test_a_change_is_in_the_audit_log_without_the_password(self) -> None:
        self.make()
        self.change(password_hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA", is_paused=True)
        line = self.database.read(audit.list_lines, Paging()).items[0]
        self.assertEqual((line.action, line.subject), ("exit-user.change", "alice"))
        self.assertIn("is_paused=True", line.detail)
        self.assertNotIn("argon2id", line.detail)

    def test_another_package_begins_a_window_of_its_own(self) -> None:
        self.make()
        self.assertEqual(self.change(used=400).left(NOW + 5), 600)
        self.database.write(
            exit_users.create_package, StoredPackage(name="silver", size=10, seconds=0.0), "tester", NOW
        )
        changed = self.change(package="silver")
        self.assertEqual((changed.left(NOW + 5), changed.window_ends_at), (10, None))

    def test_a_package_that_somebody_has_stays(self) -> None:
        self.make()
        self.assertRaises(Conflict, self.database.write, exit_users.delete_package, "gold", "tester", NOW)
        changed, users = self.database.write(exit_users.change_package, "gold", {"size": 5}, "tester", NOW)
        self.assertEqual((changed.size, users), (5, ["alice"]))
