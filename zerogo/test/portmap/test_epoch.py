"""Gateways that forget."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.portmap.epoch import Epoch


class EpochTests(SynchronousTestCase):
    """RFC 6887 section 8.5."""

    def test_the_first_says_nothing(self) -> None:
        self.assertTrue(Epoch().take(0, 1000.0))

    def test_one_that_counts_as_we_do_has_forgotten_nothing(self) -> None:
        epoch = Epoch()
        for counted, now in ((100, 1.0), (100, 1.5), (160, 61.0), (3600, 3501.0)):
            self.assertTrue(epoch.take(counted, now), (counted, now))

    def test_one_that_went_back_has_forgotten(self) -> None:
        epoch = Epoch()
        epoch.take(100, 1.0)
        self.assertFalse(epoch.take(2, 61.0))
        self.assertTrue(epoch.take(62, 121.0))

    def test_one_that_counts_too_slowly_or_too_fast_has_forgotten(self) -> None:
        for counted in (500, 1700):
            epoch = Epoch()
            epoch.take(0, 0.0)
            self.assertFalse(epoch.take(counted, 1000.0))

    def test_forgetting_begins_anew(self) -> None:
        epoch = Epoch()
        epoch.take(100, 1.0)
        epoch.forget()
        self.assertTrue(epoch.take(0, 2.0))
