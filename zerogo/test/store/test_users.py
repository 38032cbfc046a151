import threading
from typing import Any

from zerogo.errors import ParseError
from zerogo.store import audit, users
from zerogo.store.errors import Conflict, Forbidden, Stale
from zerogo.store.paging import Paging
from zerogo.store.users import Actor
from zerogo.store.values import Role, StoredUser
from zerogo.test.store.stock import NOW, StoreCase


class UserTests(StoreCase):
    def test_there_is_one_first_user_whoever_else_tries_at_the_same_moment(self) -> None:
        made: list[StoredUser] = []
        refused: list[Conflict] = []

        def bootstrap(name: str) -> None:
            try:
                made.append(self.database.write(users.create_first_user, name, "hash", self.rng, NOW))
            except Conflict as error:
                refused.append(error)

        threads = [threading.Thread(target=bootstrap, args=(f"user-{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(made), len(refused)), (1, 7))
        self.assertEqual(made[0].role, Role.OWNER)

    def test_a_user_is_found_by_name_whatever_the_letters_and_by_id(self) -> None:
        made = self.database.write(users.create_first_user, "Ann", "hash", self.rng, NOW)
        self.assertEqual(self.database.read(users.find_user_by_name, "ANN"), made)
        self.assertEqual(self.database.read(users.find_user, made.user_id), made)
        self.assertIsNone(self.database.read(users.find_user_by_name, "bob"))
        self.database.write(users.set_password_hash, made.user_id, "new")
        self.assertEqual(self.database.read(users.find_user, made.user_id).password_hash, "new")  # type: ignore

    def test_the_hash_does_not_show(self) -> None:
        made = self.database.write(users.create_first_user, "Ann", "argon-hash", self.rng, NOW)
        self.assertNotIn("argon-hash", repr(made))

    def test_a_wrong_name_is_refused(self) -> None:
        self.assertRaises(ParseError, self.database.write, users.create_first_user, "a b", "hash", self.rng, NOW)


LOCAL = Actor("", "owner")


class RankTests(StoreCase):
    """Who may change whom (GHSA-rxmp-8h9v-56cx, CVE-2026-29195)."""

    def setUp(self) -> None:
        super().setUp()
        self.ann = self.database.write(users.create_first_user, "ann", "hash", self.rng, NOW)
        self.people = {Role.OWNER: self.ann}
        for role in (Role.ADMIN, Role.OPERATOR, Role.AUDITOR, Role.USER):
            self.people[role] = self.make(role.value, role)

    def make(self, name: str, role: Role, by: Actor = LOCAL) -> StoredUser:
        return self.database.write(users.create_user, name, "hash", role, by, self.rng, NOW)

    def may(self, unit: Any, *arguments: Any) -> bool:
        """Tried, and undone."""
        with self.database._engine.connect().execution_options(zerogo_write=True) as connection:
            try:
                unit(connection, *arguments)
            except Forbidden:
                return False
            except Conflict:
                return True
            finally:
                connection.rollback()
        return True

    def test_an_admin_reaches_lower_ranks_an_owner_all_and_nobody_else_anybody(self) -> None:
        for own in Role:
            actor = Actor(self.people[own].user_id, "x")
            for role in Role:
                other = self.people[role].user_id
                expected = own is Role.OWNER or (own is Role.ADMIN and role.rank < own.rank)
                made = self.may(users.create_user, "new", "hash", role, actor, self.rng, NOW)
                raised = self.may(users.change_user, self.people[Role.USER].user_id, {"role": role}, actor, NOW)
                changed = self.may(users.change_user, other, {"is_disabled": True}, actor, NOW)
                deleted = self.may(users.delete_user, other, actor, NOW)
                self.assertEqual((made, changed, deleted), (expected,) * 3, f"{own} {role}")
                self.assertEqual(raised, expected, f"{own} {role}")

    def test_somebody_who_lost_the_role_reaches_nobody(self) -> None:
        admin = self.people[Role.ADMIN]
        self.database.write(users.change_user, admin.user_id, {"role": Role.USER}, LOCAL, NOW)
        self.assertRaises(Forbidden, self.make, "eve", Role.AUDITOR, Actor(admin.user_id, "admin"))
        self.database.write(users.delete_user, admin.user_id, LOCAL, NOW)
        self.assertRaises(Forbidden, self.make, "eve", Role.USER, Actor(admin.user_id, "admin"))

    def test_the_last_owner_stays_one_who_can_log_in(self) -> None:
        actor = Actor(self.ann.user_id, "ann")
        for changes in ({"role": Role.ADMIN}, {"is_disabled": True}):
            self.assertRaises(Conflict, self.database.write, users.change_user, self.ann.user_id, changes, actor, NOW)
        self.assertRaises(Conflict, self.database.write, users.delete_user, self.ann.user_id, actor, NOW)

    def test_of_two_owners_who_remove_each_other_at_once_one_stays(self) -> None:
        for number in range(5):
            self.people[Role.OWNER] = self.database.read(users.find_user_by_name, "ann") or self.people[Role.OWNER]
            pair = [self.make(f"a{number}", Role.OWNER), self.make(f"b{number}", Role.OWNER)]
            for one in self.database.read(users.list_users, Paging()).items:
                if one.role is Role.OWNER and one not in pair:
                    self.database.write(users.delete_user, one.user_id, LOCAL, NOW)
            start, refused = threading.Barrier(2), []

            def remove(
                own: StoredUser, other: StoredUser, start: threading.Barrier = start, refused: list[str] = refused
            ) -> None:
                start.wait()
                try:
                    self.database.write(users.delete_user, other.user_id, Actor(own.user_id, own.name), NOW)
                except (Conflict, Forbidden) as error:
                    refused.append(str(error))

            threads = [threading.Thread(target=remove, args=two) for two in (pair, pair[::-1])]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(refused), 1)

    def test_a_change_from_an_old_view_is_refused(self) -> None:
        bob = self.people[Role.USER]
        change = users.change_user
        by = LOCAL
        self.database.write(change, bob.user_id, {"role": Role.AUDITOR}, by, NOW, bob.tag)
        self.assertRaises(Stale, self.database.write, change, bob.user_id, {"role": Role.USER}, by, NOW, bob.tag)
        self.assertRaises(Stale, self.database.write, users.delete_user, bob.user_id, by, NOW, bob.tag)

    def test_a_new_password_is_not_in_the_audit(self) -> None:
        bob = self.people[Role.USER]
        self.database.write(users.change_user, bob.user_id, {"password_hash": "$secret"}, LOCAL, NOW)
        lines = self.database.read(audit.list_lines, Paging()).items
        self.assertEqual(lines[0].detail, "password_hash=changed")

    def test_users_are_listed_in_pieces_by_name(self) -> None:
        first = self.database.read(users.list_users, Paging(3))
        rest = self.database.read(users.list_users, Paging(3, first.next))
        names = [user.name for user in (*first.items, *rest.items)]
        self.assertEqual((names, rest.next), (["admin", "ann", "auditor", "operator", "user"], None))
