# -*- test-case-name: zerogo.test.controller.test_service -*-
"""Who answers which path: WebSockets of agents, gateways and dashboards, the API below `/api`, else the dashboard."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource, Resource


class Root(Resource):
    """The Site's resource."""

    def __init__(
        self, *, api: IResource, agents: IResource, live: IResource, static: IResource, gateways: IResource
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._api = api
        self._sockets = {
            (b"api", b"v1", b"agent"): agents,
            (b"api", b"v1", b"gateway"): gateways,
            (b"api", b"v1", b"live"): live,
        }
        self._static = static

    def getChild(self, path: bytes, request: Any) -> IResource:
        segments = (path, *request.postpath)
        socket = self._sockets.get(segments)
        if socket is not None:
            request.prepath += request.postpath
            request.postpath = []
            return socket
        request.postpath.insert(0, request.prepath.pop())
        return self._api if path == b"api" else self._static
