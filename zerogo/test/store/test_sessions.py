from zerogo.store import audit, sessions, users
from zerogo.store.paging import Paging
from zerogo.store.sessions import Reused
from zerogo.store.values import SessionKind, StoredSession
from zerogo.test.store.stock import NOW, StoreCase

DAY = 86_400.0


class SessionTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.user = self.database.write(users.create_first_user, "ann", "hash", self.rng, NOW)

    def open(self, kind: SessionKind, now: float = NOW) -> tuple[str, str]:
        session, secret = self.database.write(sessions.open_session, self.user, kind, "192.0.2.1", self.rng, now)
        return session.session_id, secret

    def find(self, session_id: str, secret: str, now: float = NOW) -> StoredSession | None:
        return self.database.read(sessions.find_session, session_id, SessionKind.BROWSER, secret, now)

    def renew(self, session_id: str, secret: str, now: float = NOW) -> tuple[StoredSession, str] | Reused | None:
        return self.database.write(sessions.renew, session_id, secret, self.rng, now)

    def test_a_session_is_found_by_its_secret_only(self) -> None:
        session_id, secret = self.open(SessionKind.BROWSER)
        found = self.find(session_id, secret)
        assert found is not None
        self.assertEqual((found.user_id, found.source), (self.user.user_id, "192.0.2.1"))
        self.assertIsNone(self.find(session_id, secret + "x"))
        self.assertIsNone(self.find("x", secret))
        refresh_id, refresh = self.open(SessionKind.REFRESH)
        self.assertIsNone(self.find(refresh_id, refresh))

    def test_it_ends_when_unused_and_at_the_latest_after_a_week(self) -> None:
        session_id, secret = self.open(SessionKind.BROWSER)
        self.assertIsNotNone(self.find(session_id, secret, NOW + DAY / 2 - 1))
        self.assertIsNone(self.find(session_id, secret, NOW + DAY / 2))
        self.database.write(sessions.touch_session, session_id, NOW + 7 * DAY - 1)
        self.assertIsNone(self.find(session_id, secret, NOW + 7 * DAY))

    def test_each_renewal_gives_another_secret(self) -> None:
        session_id, first = self.open(SessionKind.REFRESH)
        answer = self.renew(session_id, first)
        assert isinstance(answer, tuple)
        self.assertNotEqual(answer[1], first)
        self.assertIsInstance(self.renew(session_id, answer[1]), tuple)

    def test_an_old_secret_ends_the_session_for_the_thief_and_for_the_other(self) -> None:
        session_id, first = self.open(SessionKind.REFRESH)
        answer = self.renew(session_id, first)
        assert isinstance(answer, tuple)
        self.assertEqual(self.renew(session_id, first), Reused(self.user.user_id))
        self.assertIsNone(self.renew(session_id, answer[1]))
        line = self.database.read(audit.list_lines, Paging(1)).items[0]
        self.assertEqual((line.action, line.subject), ("session.reuse", session_id))

    def test_a_users_sessions_end_together(self) -> None:
        pairs = [self.open(SessionKind.BROWSER) for _ in range(3)]
        self.database.write(sessions.close_sessions, self.user.user_id, NOW + 5)
        self.assertEqual([self.find(*pair) for pair in pairs], [None] * 3)
        user = self.database.read(users.find_user, self.user.user_id)
        assert user is not None
        self.assertEqual(user.valid_after, NOW + 5)

    def test_the_least_recently_used_of_too_many_ends(self) -> None:
        pairs = [self.open(SessionKind.BROWSER, NOW + i) for i in range(sessions.SESSIONS_PER_USER + 2)]
        alive = [self.find(*pair, NOW + 60) is not None for pair in pairs]
        self.assertEqual(alive, [False] * 2 + [True] * sessions.SESSIONS_PER_USER)

    def test_the_secret_itself_is_nowhere_in_the_file(self) -> None:
        secrets = [self.open(kind)[1] for kind in SessionKind]
        self.database.close()
        for path in self.path.parent.iterdir():
            for secret in secrets:
                self.assertNotIn(secret.encode(), path.read_bytes())
        self.database = type(self.database).open_file(self.path)
