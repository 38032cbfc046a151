import threading

from attrs import evolve
from sqlalchemy import select

from zerogo.control.connection import Registration
from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.errors import ParseError
from zerogo.store import join_keys, members, registrations, tables
from zerogo.store.errors import JoinRefused, NotFound
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase

ROUNDS = 5
THREADS = 64


class JoinKeyTests(StoreCase):
    def refusal(self, secret: bytes | None, now: float = NOW) -> RefusalCode:
        return self.assertRaises(JoinRefused, self.register, self.agent(secret), now).reason

    def test_each_bad_token_has_its_own_reason(self) -> None:
        used = self.invite()
        self.register(self.agent(used))
        other = self.make_network("other").network
        revoked = self.invite()
        newest = self.database.read(join_keys.page_join_keys, self.network, Paging()).items
        key = next(key for key in newest if key.uses_left == 1)
        self.database.write(join_keys.revoke_join_key, self.network, key.key_id, "t", NOW)
        cases = {
            RefusalCode.TOKEN_USED: self.refusal(used),
            RefusalCode.TOKEN_UNKNOWN: self.refusal(bytes(20)),
            RefusalCode.TOKEN_EXPIRED: self.refusal(self.invite(), NOW + 86_401),
            RefusalCode.TOKEN_FOREIGN: self.refusal(self.invite(network=other)),
            RefusalCode.TOKEN_REVOKED: self.refusal(revoked),
            RefusalCode.NOT_A_MEMBER: self.refusal(None),
        }
        for expected, found in cases.items():
            self.assertEqual(found, expected)

    def test_a_refusal_says_how_long_ago_the_token_expired(self) -> None:
        agent = self.agent(self.invite())
        cases = (
            (0.5, "a moment"),
            (2.4, "2 seconds"),
            (119.0, "119 seconds"),
            (5400.0, "90 minutes"),
            (7200.0, "2 hours"),
            (300_000.0, "3 days"),
        )
        for later, text in cases:
            refused = self.assertRaises(JoinRefused, self.register, agent, NOW + 86_400 + later)
            self.assertIn(f"expired {text} ago: ask", str(refused))

    def test_many_at_once_get_as_many_members_as_there_were_uses(self) -> None:
        """TS-2025-007: a key that is checked in one transaction and consumed in another is used twice."""
        self.network = self.make_network("big").network
        for uses in (1,) * ROUNDS + (7,):
            winners, refusals = self.race(self.invite(uses))
            self.assertEqual(winners, uses)
            self.assertEqual(refusals, [RefusalCode.TOKEN_USED] * (THREADS - uses))
        given = [a for m in self.database.read(members.list_members, self.network) for a in m.addresses]
        self.assertEqual(len(given), len(set(given)))

    def race(self, secret: bytes) -> tuple[int, list[RefusalCode]]:
        """How many of `THREADS` agents won, and what the others were told."""
        winners: list[object] = []
        refusals: list[RefusalCode] = []
        start = threading.Barrier(THREADS)

        def redeem(agent: Registration) -> None:
            start.wait()
            try:
                winners.append(self.database.write(registrations.register, agent, NOW))
            except JoinRefused as error:
                refusals.append(error.reason)

        threads = [threading.Thread(target=redeem, args=(self.agent(secret),)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(winners), refusals

    def test_a_member_that_asks_again_with_its_token_takes_no_second_use(self) -> None:
        secret = self.invite(2)
        agent = self.agent(secret)
        first, second = self.register(agent), self.register(agent)
        self.assertEqual(first, second)
        self.assertEqual(self.database.read(join_keys.page_join_keys, self.network, Paging()).items[0].uses_left, 1)
        self.assertIsInstance(self.register(evolve(agent, version="2")), Admission)
        self.assertEqual(self.database.read(join_keys.page_join_keys, self.network, Paging()).items[0].uses_left, 1)

    def test_the_secret_itself_is_nowhere_in_the_file(self) -> None:
        secret = self.invite()
        rows = self.database.read(lambda c: c.execute(select(tables.join_keys)).all())
        self.assertEqual(rows[0].secret_hash, join_keys.hash_secret(secret))
        self.database.close()
        for path in self.path.parent.iterdir():
            self.assertNotIn(secret, path.read_bytes())
        self.database = type(self.database).open_file(self.path)

    def test_wrong_uses_and_lifetimes_are_refused(self) -> None:
        for new in (
            NewJoinKey(network=self.network, uses=0),
            NewJoinKey(network=self.network, uses=10**6),
            NewJoinKey(network=self.network, lifetime=0),
            NewJoinKey(network=self.network, lifetime=1e12),
        ):
            self.assertRaises(ParseError, self.database.write, join_keys.create_join_key, new, "t", self.rng, NOW)

    def test_an_unknown_key_is_not_found(self) -> None:
        self.assertRaises(NotFound, self.database.write, join_keys.revoke_join_key, self.network, "x", "t", NOW)
