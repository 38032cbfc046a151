"""Tests for zerogo.net.heap."""

import platform

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.heap import keep_freed


class HeapTests(SynchronousTestCase):
    def test_glibc_takes_it_and_others_are_left_alone(self) -> None:
        self.assertEqual(keep_freed(), platform.libc_ver()[0] == "glibc")
