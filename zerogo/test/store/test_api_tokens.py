from zerogo.errors import ParseError
from zerogo.store import api_tokens, users
from zerogo.store.api_tokens import NewApiToken
from zerogo.store.errors import Conflict, Forbidden, NotFound
from zerogo.store.paging import Paging
from zerogo.store.users import Actor
from zerogo.store.values import Role, StoredApiToken
from zerogo.test.store.stock import NOW, StoreCase

LOCAL = Actor("", "owner")


class ApiTokenTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann = self.database.write(users.create_first_user, "ann", "hash", self.rng, NOW)
        self.bob = self.database.write(users.create_user, "bob", "hash", Role.USER, LOCAL, self.rng, NOW)

    def make(self, name: str = "backup", lifetime: float = 60.0, user_id: str = "") -> tuple[StoredApiToken, str]:
        new = NewApiToken(user_id=user_id or self.ann.user_id, name=name, scopes=("networks:read",), lifetime=lifetime)
        return self.database.write(api_tokens.create_token, new, LOCAL, self.rng, NOW)

    def test_a_token_is_found_by_its_secret_until_its_time_is_over(self) -> None:
        token, secret = self.make()
        find = api_tokens.find_token
        self.assertEqual(self.database.read(find, token.token_id, secret, NOW + 59), token)
        self.assertIsNone(self.database.read(find, token.token_id, secret, NOW + 60))
        self.assertIsNone(self.database.read(find, token.token_id, secret[:-1], NOW))
        self.assertIsNone(self.database.read(find, "x", secret, NOW))

    def test_what_must_not_be_is_refused(self) -> None:
        for name, lifetime in (("a b", 60.0), ("x", 0.0), ("x", 1e9)):
            self.assertRaises(ParseError, self.make, name, lifetime)
        self.assertRaises(NotFound, self.make, user_id="nobody")
        for _ in range(api_tokens.TOKENS_PER_USER):
            self.make()
        self.assertRaises(Conflict, self.make)

    def test_tokens_are_listed_and_deleted_by_user(self) -> None:
        mine, other = self.make()[0], self.make(user_id=self.bob.user_id)[0]
        listed = self.database.read(api_tokens.list_tokens, self.ann.user_id, Paging())
        self.assertEqual(list(listed.items), [mine])
        self.assertEqual(len(self.database.read(api_tokens.list_tokens, None, Paging()).items), 2)
        delete = api_tokens.delete_token
        bob = Actor(self.bob.user_id, "bob")
        self.assertRaises(Forbidden, self.database.write, delete, mine.token_id, bob, NOW)
        self.database.write(delete, other.token_id, bob, NOW)
        self.database.write(delete, mine.token_id, LOCAL, NOW)
        self.assertRaises(NotFound, self.database.write, delete, mine.token_id, LOCAL, NOW)

    def test_a_token_for_somebody_else_is_made_only_by_who_reaches_them(self) -> None:
        new = NewApiToken(user_id=self.ann.user_id, name="x", scopes=("networks:read",), lifetime=60.0)
        bob = Actor(self.bob.user_id, "bob")
        self.assertRaises(Forbidden, self.database.write, api_tokens.create_token, new, bob, self.rng, NOW)

    def test_a_users_tokens_go_with_the_user(self) -> None:
        token, secret = self.make(user_id=self.bob.user_id)
        self.database.write(users.delete_user, self.bob.user_id, LOCAL, NOW)
        self.assertIsNone(self.database.read(api_tokens.find_token, token.token_id, secret, NOW))

    def test_the_secret_itself_is_nowhere_in_the_file(self) -> None:
        secret = self.make()[1].encode()
        self.database.close()
        for path in self.path.parent.iterdir():
            self.assertNotIn(secret, path.read_bytes())
        self.database = type(self.database).open_file(self.path)
