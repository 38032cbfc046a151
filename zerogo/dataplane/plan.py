# -*- test-case-name: zerogo.test.dataplane.test_plan -*-
"""What the mesh core selected, as the plan that a plane takes."""

from __future__ import annotations

from zerogo.dataplane.interface import PathPlan, PeerPath
from zerogo.mesh.events import PathSelected, Way


def path_plan(selected: PathSelected) -> PathPlan | None:
    """The plan for `set_path`; None where there is no way."""
    if selected.destination is None:
        return None
    return PathPlan(
        best=PeerPath(selected.destination, selected.mtu),
        twin=None if selected.twin is None else _peer_path(selected.twin),
        spread=tuple(_peer_path(way) for way in selected.spread),
        late=None if selected.late is None else _peer_path(selected.late),
        hop=None if selected.hop is None else _peer_path(selected.hop),
    )


def _peer_path(way: Way) -> PeerPath:
    return PeerPath(way.endpoint, way.mtu)
