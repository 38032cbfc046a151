# -*- test-case-name: zerogo.test.dataplane.test_choice -*-
"""Which plane an agent gets."""

from __future__ import annotations

from zerogo.dataplane.interface import IDataplane
from zerogo.dataplane.native import NativeDataplane, is_built
from zerogo.dataplane.reference import ReferenceDataplane


def make_plane(name: str) -> IDataplane:
    """A plane, not opened yet: `native`, `reference`, or with `auto` the native one where it was built."""
    if name == "native" or (name == "auto" and is_built()):
        return NativeDataplane()
    return ReferenceDataplane()
