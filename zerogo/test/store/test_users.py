import threading

from zerogo.errors import ParseError
from zerogo.store import users
from zerogo.store.errors import Conflict
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
