from zerogo.store import api_tokens, callers, sessions, users
from zerogo.store.api_tokens import NewApiToken
from zerogo.store.users import Actor
from zerogo.store.values import SessionKind
from zerogo.test.store.stock import NOW, StoreCase

LOCAL = Actor("", "owner")


class CallerTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann = self.database.write(users.create_first_user, "ann", "hash", self.rng, NOW)

    def test_a_token_and_its_user_as_they_are_at_this_moment(self) -> None:
        new = NewApiToken(user_id=self.ann.user_id, name="backup", scopes=("networks:read",), lifetime=60.0)
        token, secret = self.database.write(api_tokens.create_token, new, LOCAL, self.rng, NOW)
        asked = (callers.by_api_token, token.token_id, secret)
        self.assertEqual(self.database.read(*asked, NOW), (token, self.ann))
        self.assertIsNone(self.database.read(callers.by_api_token, token.token_id, "x", NOW))
        self.assertIsNone(self.database.read(*asked, NOW + 60))
        self.database.write(api_tokens.delete_token, token.token_id, LOCAL, NOW)
        self.assertIsNone(self.database.read(*asked, NOW))

    def test_a_session_and_its_user_as_they_are_at_this_moment(self) -> None:
        kind = SessionKind.BROWSER
        opened, secret = self.database.write(sessions.open_session, self.ann, kind, "192.0.2.1", self.rng, NOW)
        asked = (callers.by_session, opened.session_id, kind, secret)
        self.assertEqual(self.database.read(*asked, NOW), (opened, self.ann))
        self.assertIsNone(self.database.read(callers.by_session, opened.session_id, kind, "x", NOW))
        self.database.write(users.set_password_hash, self.ann.user_id, "other")
        self.assertEqual(self.database.read(*asked, NOW)[1].password_hash, "other")  # type: ignore[index]
        self.database.write(sessions.close_session, opened.session_id)
        self.assertIsNone(self.database.read(*asked, NOW))
