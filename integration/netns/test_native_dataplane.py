"""The native plane against the conformance suite. Run by trial, as root."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import IDataplane
from zerogo.dataplane.native import NativeDataplane, is_built
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
