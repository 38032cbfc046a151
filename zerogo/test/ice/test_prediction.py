"""Windows from samples."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.prediction import FIRST_PORT, LAST_PORT, MARGIN_PORTS, is_narrow, predict
from zerogo.ids import SocketAddress


def samples(*ports: int) -> list[SocketAddress]:
    """Answers of servers."""
    return [SocketAddress("192.0.2.7", port) for port in ports]


class PredictTests(SynchronousTestCase):
    """Counting NATs, blocks, and everything else."""

    def test_a_nat_that_counts_has_a_window_around_the_samples(self) -> None:
        window = predict(7, samples(20000, 20014, 20002), 8)
        assert window is not None
        self.assertEqual((window.low, window.high), (20000 - MARGIN_PORTS, 20014 + MARGIN_PORTS))
        self.assertEqual((window.number, window.host, window.sockets), (7, "192.0.2.7", 8))
        self.assertTrue(is_narrow(samples(20000, 20014, 20002), 8))

    def test_a_block_is_a_little_wider_than_what_was_seen_of_it(self) -> None:
        ports = (20100, 20900, 20300, 20500, 20700, 20110, 20600, 20800)
        window = predict(1, samples(*ports), 64)
        assert window is not None
        self.assertTrue(19_000 < window.low < 20_100 and 20_900 < window.high < 22_000)
        self.assertFalse(is_narrow(samples(*ports), 8))

    def test_few_samples_make_no_block(self) -> None:
        window = predict(1, samples(20100, 20900, 20300), 64)
        assert window is not None
        self.assertEqual((window.low, window.high), (FIRST_PORT, LAST_PORT))

    def test_without_any_sample_there_is_no_window(self) -> None:
        self.assertIsNone(predict(1, [], 8))

    @given(st.lists(st.integers(1, LAST_PORT), min_size=1, max_size=16), st.integers(1, 256))
    @settings(deadline=None, max_examples=200)
    def test_a_window_holds_the_samples_and_only_ports_that_are_given_out(self, ports: list[int], sockets: int) -> None:
        window = predict(1, samples(*ports), sockets)
        assert window is not None
        self.assertTrue(FIRST_PORT <= window.low <= window.high <= LAST_PORT)
        self.assertTrue(all(window.low <= port <= window.high for port in ports if port >= FIRST_PORT))
