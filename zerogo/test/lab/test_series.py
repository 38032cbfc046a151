"""What a row of pings says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.series import LATE_SECONDS, Series, percentile


def row(answered: str, rtt: float = 0.05) -> Series:
    """Ten pings a second from t=0; `x` is answered."""
    series = Series()
    for number, mark in enumerate(answered):
        series.sent(number, number / 10)
        if mark == "x":
            series.received(number, number / 10 + rtt)
    return series


class SeriesTests(SynchronousTestCase):
    def test_first_answer_is_remembered(self) -> None:
        self.assertEqual(row("..xx").first_answer_at, 0.25)
        self.assertIsNone(row("...").first_answer_at)

    def test_loss_counts_only_pings_that_are_lost_for_sure(self) -> None:
        figures = row("x" * 30 + "." * 10).figures(0.0, 3.9)
        self.assertEqual((figures.sent, figures.answered, figures.loss), (30, 30, 0.0))
        figures = row("x" * 30 + "." * 10).figures(0.0, 3.9 + LATE_SECONDS)
        self.assertEqual((figures.sent, figures.answered, figures.loss), (40, 30, 0.25))

    def test_span_bounds_what_is_counted(self) -> None:
        figures = row("." * 20 + "x" * 20).figures(1.95, 100.0)
        self.assertEqual((figures.sent, figures.loss), (20, 0.0))

    def outage(self, series: Series, since: float, until: float) -> float:
        found = series.figures(since, until).outage
        assert found is not None
        return found

    def test_outage_is_the_longest_silence(self) -> None:
        self.assertAlmostEqual(self.outage(row("x" * 10 + "." * 7 + "x" * 10 + "..x"), 0.0, 3.0), 0.7)
        self.assertAlmostEqual(self.outage(row("x" * 30), 0.0, 3.0), 0.0)

    def test_pings_that_wait_and_are_answered_at_once_do_not_shorten_a_silence(self) -> None:
        series = row("x" * 10 + "." * 40 + "x" * 10)
        for number in range(10, 50):
            series.received(number, 5.05)
        self.assertAlmostEqual(self.outage(series, 0.0, 6.0), 5.05 - 0.95 - 0.1)

    def test_a_silence_that_began_earlier_counts_from_the_beginning_of_the_span(self) -> None:
        self.assertAlmostEqual(self.outage(row("x" * 10 + "." * 20 + "x" * 10), 2.0, 4.0), 3.05 - 2.0 - 0.1)

    def test_silence_until_the_end_is_an_outage(self) -> None:
        self.assertAlmostEqual(self.outage(row("x" * 10 + "." * 90), 0.0, 10.0), 10.0 - 0.95 - 0.1)
        self.assertAlmostEqual(self.outage(row("x" * 10 + "." * 90), 5.0, 10.0), 5.0 - 0.1)

    def test_what_never_answered_has_no_outage_and_what_comes_late_has_none_before(self) -> None:
        self.assertIsNone(row("." * 50).figures(0.0, 5.0).outage)
        late = row("." * 30 + "x" * 20)
        self.assertIsNone(late.figures(0.0, 2.0).outage)
        self.assertAlmostEqual(self.outage(late, 0.0, 5.0), 0.0)

    def test_late_and_repeated_answers_do_not_count(self) -> None:
        series = row("..")
        series.received(0, LATE_SECONDS + 0.1)
        series.received(1, 0.2)
        series.received(1, 0.3)
        series.received(99, 0.3)
        self.assertEqual(series.figures(0.0, 10.0).answered, 1)
        self.assertEqual(series.answers_since(0.05), 1)

    def test_percentiles_are_by_nearest_rank(self) -> None:
        values = [float(n) for n in range(1, 101)]
        self.assertEqual([percentile(values, share) for share in (0.5, 0.99, 1.0)], [50.0, 99.0, 100.0])
        self.assertEqual((percentile([7.0], 0.5), percentile([], 0.5)), (7.0, None))
