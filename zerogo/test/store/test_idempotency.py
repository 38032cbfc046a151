"""Which requests were begun and answered."""

from __future__ import annotations

from zerogo.store import idempotency
from zerogo.store.idempotency import ENTRIES_LIMIT, KEEP_SECONDS, Entry, InProgress, KeyReused
from zerogo.test.store.stock import NOW, StoreCase


class IdempotencyTests(StoreCase):
    def begin(self, key: str, fingerprint: bytes = b"f", now: float = NOW) -> bytes | None:
        return self.database.write(idempotency.begin, Entry("ann", key, fingerprint), now)

    def test_an_answer_is_given_again(self) -> None:
        self.assertIsNone(self.begin("k"))
        self.assertRaises(InProgress, self.begin, "k")
        self.assertRaises(KeyReused, self.begin, "k", b"g")
        self.database.write(idempotency.finish, Entry("ann", "k", b"f"), b"sealed")
        self.assertEqual(self.begin("k"), b"sealed")
        self.assertIsNone(self.begin("k", now=NOW + KEEP_SECONDS))

    def test_what_is_kept_has_a_bound_and_the_oldest_goes(self) -> None:
        def fill(connection: object) -> None:
            rows = [
                {
                    "caller": "ann",
                    "key": str(number),
                    "fingerprint": b"f",
                    "began_at": NOW + number / 1000,
                    "answer": b"a",
                }
                for number in range(ENTRIES_LIMIT + 5)
            ]
            connection.execute(idempotency.idempotency.insert(), rows)

        self.database.write(fill)
        later = NOW + 10
        self.assertIsNone(self.begin("new", now=later))
        self.assertEqual(self.begin(str(ENTRIES_LIMIT + 4), now=later), b"a")
        self.assertIsNone(self.begin("5", now=later))
        count = self.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM idempotency").scalar())
        self.assertLessEqual(count, ENTRIES_LIMIT)
