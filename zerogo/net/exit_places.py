"""Where edges find gateways, and gateways their controller: the paths of the WebSockets."""

from __future__ import annotations

EDGE_PATH = "/exit/v1/edge"
GATEWAY_PATH = "/api/v1/gateway"
