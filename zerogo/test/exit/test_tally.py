from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.tally import LIMIT, TallyBook


class TallyTests(SynchronousTestCase):
    def test_counts_that_agree_are_not_suspicious_whoever_says_so_first(self) -> None:
        book = TallyBook()
        book.gateway(1, 10, 20)
        book.edge(1, 10, 20)
        book.edge(2, 5, 5)
        book.gateway(2, 5, 5)
        found = book.take()
        self.assertEqual((found.streams, found.gateway_bytes, found.edge_bytes, found.difference), (2, 40, 40, 0))
        self.assertFalse(found.is_suspicious)
        self.assertEqual(book.take().streams, 0)

    def test_more_than_one_in_a_thousand_is_also_where_the_sums_agree(self) -> None:
        book = TallyBook()
        for stream, ours, theirs in ((1, 1000, 1002), (2, 1000, 998)):
            book.gateway(stream, ours, 0)
            book.edge(stream, theirs, 0)
        self.assertTrue(book.take().is_suspicious)
        book.gateway(3, 1_000_000, 0)
        book.edge(3, 999_500, 0)
        self.assertFalse(book.take().is_suspicious)

    def test_streams_that_one_end_never_tells_of_are_forgotten(self) -> None:
        book = TallyBook()
        for stream in range(LIMIT + 1):
            book.edge(stream, 1, 1)
        book.gateway(0, 1, 1)
        self.assertEqual(book.take().streams, 0)
