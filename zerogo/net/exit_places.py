"""Where edges find gateways."""

from __future__ import annotations

EDGE_PATH = "/exit/v1/edge"
"""The path of the WebSocket."""
