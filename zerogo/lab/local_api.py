"""The local socket of an agent, as the lab reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zerogo.lab.result import PeerView


def peer_views(path: Path) -> Mapping[str, PeerView]:
    return {}


def segment_address(path: Path) -> str | None:
    return None
