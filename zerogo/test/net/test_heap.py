"""Tests for zerogo.net.heap."""

import gc
import platform

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.heap import YOUNG_OBJECTS, collect_seldom, keep_freed


class HeapTests(SynchronousTestCase):
    def test_glibc_takes_it_and_others_are_left_alone(self) -> None:
        self.assertEqual(keep_freed(), platform.libc_ver()[0] == "glibc")

    def test_what_is_there_is_left_out_of_collections(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)
        collect_seldom()
        self.assertEqual(gc.get_threshold()[0], YOUNG_OBJECTS)
        self.assertGreater(gc.get_freeze_count(), 1000)
