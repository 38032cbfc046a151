"""Pairs of a native and a reference plane against the conformance suite. Run by trial, as root."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.test_native_dataplane import NOT_HERE
from zerogo.dataplane.interface import IDataplane
from zerogo.dataplane.native import NativeDataplane
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.conformance import DataplaneConformance
from zerogo.test.dataplane.kernel import REPORT_SECONDS
from zerogo.test.dataplane.policy_conformance import PolicyConformance
from zerogo.test.dataplane.source_conformance import SourceConformance

make_reference = partial(ReferenceDataplane, REPORT_SECONDS)


class MixedDataplaneTests(DataplaneConformance, PolicyConformance, SourceConformance, SynchronousTestCase):
    """The left end in Rust, the right one in Python; tests that open several pairs have them in turn."""

    skip = NOT_HERE
    kinds: tuple[Callable[[], IDataplane], ...] = (NativeDataplane, make_reference)

    def setUp(self) -> None:
        self._kinds = itertools.cycle(self.kinds)
        super().setUp()

    def make_plane(self) -> IDataplane:
        return next(self._kinds)()


class MixedTheOtherWayTests(MixedDataplaneTests):
    """The left end in Python, the right one in Rust."""

    kinds = (make_reference, NativeDataplane)
