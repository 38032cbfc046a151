"""How much one user may have."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.turn.quota import Books, Quota, TokenBucket


class TokenBucketTests(SynchronousTestCase):
    def test_burst_then_rate(self) -> None:
        bucket = TokenBucket(10, 20, 0)
        self.assertTrue(bucket.takes(20, 0))
        self.assertFalse(bucket.takes(1, 0))
        self.assertTrue(bucket.takes(5, 0.5))
        self.assertFalse(bucket.takes(1, 0.5))

    def test_what_is_refused_costs_nothing(self) -> None:
        bucket = TokenBucket(1, 10, 0)
        self.assertFalse(bucket.takes(11, 0))
        self.assertTrue(bucket.takes(10, 0))


class BooksTests(SynchronousTestCase):
    def test_user_has_so_many_allocations(self) -> None:
        books = Books(Quota(allocations=2))
        usages = [books.open("a", 0) for _ in range(3)]
        self.assertEqual([usage is not None for usage in usages], [True, True, False])
        assert usages[0] is not None
        books.close(usages[0])
        self.assertIsNotNone(books.open("a", 0))
        self.assertEqual(books.total, 2)

    def test_all_users_together_have_so_many(self) -> None:
        books = Books(Quota(total_allocations=3))
        self.assertEqual([books.open(user, 0) is not None for user in "abcd"], [True, True, True, False])

    def test_opening_and_closing_in_a_loop_is_slowed_down(self) -> None:
        books = Books(Quota(allocations=4, allocations_per_second=1))
        opened = 0
        for _ in range(100):
            usage = books.open("a", 0)
            if usage is not None:
                opened += 1
                books.close(usage)
        self.assertEqual(opened, 8)
        self.assertIsNotNone(books.open("a", 1))

    def test_books_are_bounded(self) -> None:
        books = Books(Quota(), users_limit=3)
        first = books.open("first", 0)
        for number in range(50):
            usage = books.open(f"user {number}", 0)
            assert usage is not None
            books.close(usage)
        self.assertEqual(len(books), 3)
        self.assertIs(books.open("first", 0), first)

    def test_full_books_take_no_new_user(self) -> None:
        books = Books(Quota(), users_limit=2)
        self.assertEqual([books.open(user, 0) is not None for user in "abc"], [True, True, False])
