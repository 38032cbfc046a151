"""The native plane, and pairs of it and the reference plane, against the conformance suite. Run by trial, as root."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import IDataplane
from zerogo.dataplane.native import NativeDataplane, is_built
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.conformance import DataplaneConformance
from zerogo.test.dataplane.policy_conformance import PolicyConformance
from zerogo.test.dataplane.source_conformance import SourceConformance

NOT_HERE = None
if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
    NOT_HERE = "needs root and /dev/net/tun"
elif not is_built():
    NOT_HERE = "the native data plane was not built"


class NativeDataplaneTests(DataplaneConformance, PolicyConformance, SourceConformance, SynchronousTestCase):
    """Both ends in Rust."""

    skip = NOT_HERE

    def make_plane(self) -> IDataplane:
        return NativeDataplane()


class MixedDataplaneTests(DataplaneConformance, PolicyConformance, SourceConformance, SynchronousTestCase):
    """The left end in Rust, the right one in Python; tests that open several pairs have them in turn."""

    skip = NOT_HERE
    kinds: tuple[type[IDataplane], type[IDataplane]] = (NativeDataplane, ReferenceDataplane)

    def setUp(self) -> None:
        self._kinds = itertools.cycle(self.kinds)
        super().setUp()

    def make_plane(self) -> IDataplane:
        return next(self._kinds)()


class MixedTheOtherWayTests(MixedDataplaneTests):
    """The left end in Python, the right one in Rust."""

    kinds = (ReferenceDataplane, NativeDataplane)
