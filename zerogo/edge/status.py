# -*- test-case-name: integration.test_exits -*-
"""The owner's page: what leaves here, and a button that stops it. On 127.0.0.1 only.

A page of another site, open in the same browser, may make requests here but cannot set the header `X-ZeroGo` on them,
so the verbs want it; and a name that was made to lead to 127.0.0.1 shows in the Host header.
"""

from __future__ import annotations

import json
import os
from html import escape

from twisted.web.resource import Resource
from twisted.web.server import Request

from zerogo.edge.fleet import EdgeFleet
from zerogo.edge.metrics import edge_counters
from zerogo.observe.process import Diagnostics, is_local, refuse


def facts(fleet: EdgeFleet) -> dict[str, object]:
    """What there is to tell."""
    owner, (state, reason) = fleet.owner, fleet.standing
    rtts = [tunnel.rtt for tunnel in fleet.tunnels if tunnel.rtt is not None]
    return {
        "state": state,
        "reason": reason,
        "gateways": [str(tunnel.condition) for tunnel in fleet.tunnels],
        "streams": fleet.streams,
        "rtt_ms": round(min(rtts) * 1000, 1) if rtts else None,
        "streams_since_start": owner.counters.streams,
        "refused": owner.counters.refused,
        "failed": owner.counters.failed,
        "bytes_out": owner.counters.sent,
        "bytes_in": owner.counters.received,
        "bytes_this_month": owner.month.used,
        "recent": list(owner.recent),
        "process": os.getpid(),
    }


class StatusPage(Resource):
    """`GET /`, `GET /status` as JSON, `POST /pause` and `POST /resume`; `/diagnostics/...` as `Diagnostics`."""

    isLeaf = True

    def __init__(self, fleet: EdgeFleet) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fleet = fleet
        self._diagnostics = Diagnostics(lambda: edge_counters(fleet))

    def render_GET(self, request: Request) -> bytes:
        if request.path.startswith(b"/diagnostics"):
            return self._diagnostics.render_GET(request)
        if not is_local(request):
            return refuse(request)
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(
            b"Content-Security-Policy", b"default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'"
        )
        if request.path == b"/status":
            request.setHeader(b"Content-Type", b"application/json")
            return json.dumps(facts(self._fleet)).encode() + b"\n"
        if request.path != b"/":
            request.setResponseCode(404)
            return b"no such page\n"
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return _page(facts(self._fleet)).encode()

    def render_POST(self, request: Request) -> bytes:
        if request.path.startswith(b"/diagnostics"):
            return self._diagnostics.render_POST(request)
        if not is_local(request) or not request.getHeader(b"X-ZeroGo"):
            return refuse(request)
        if request.path not in (b"/pause", b"/resume"):
            request.setResponseCode(404)
            return b"no such verb\n"
        self._fleet.pause(request.path == b"/pause")
        return b"ok\n"


def _page(found: dict[str, object]) -> str:
    shown = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in found.items()}
    rows = "".join(f"<tr><td>{escape(key.replace('_', ' '))}<td>{escape(text)}" for key, text in shown.items())
    verb = "resume" if found["state"] == "paused" else "pause"
    script = f"fetch('/{verb}',{{method:'POST',headers:{{'X-ZeroGo':'1'}}}}).then(()=>location.reload())"
    return (
        "<!doctype html><meta charset=utf-8><title>ZeroGo edge</title><h1>ZeroGo edge</h1>"
        f'<p><button onclick="{script}">{verb}</button><table>{rows}</table>'
    )
