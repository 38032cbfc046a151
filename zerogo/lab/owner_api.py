# -*- test-case-name: integration.netns.test_lab -*-
"""The controller's REST API, called by the lab as the owner on the controller's own machine would.

The controller leaves URL and token in `owner.json` in its state directory; the connection is made by a socket of the
controller's network namespace.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from zerogo.lab.errors import LabFault

_TIMEOUT_SECONDS = 10.0
_ANSWER_LIMIT = 4 * 1024 * 1024


class OwnerApi:
    """Requests as the owner. `make_socket` opens a TCP socket in the controller's namespace, for IPv6 if asked so."""

    def __init__(self, state_dir: Path, make_socket: Callable[[bool], socket]) -> None:
        self._file = state_dir / "owner.json"
        self._make_socket = make_socket

    def is_ready(self) -> bool:
        """Whether the controller answers."""
        try:
            self.request("GET", "/health")
        except (LabFault, OSError, ValueError):
            return False
        return True

    def network(self) -> dict[str, Any]:
        """The first network."""
        items: list[dict[str, Any]] = self.request("GET", "/networks")["items"]
        if not items:
            raise LabFault("the controller has no network")
        return items[0]

    def invite(self) -> str:
        """The join URL of a new invite for one machine."""
        answer = self.request("POST", f"/networks/{self.network()['id']}/invites", {"uses": 1})
        return str(answer["join_url"])

    def members(self) -> list[dict[str, Any]]:
        """All members of the first network."""
        items: list[dict[str, Any]] = self.request("GET", f"/networks/{self.network()['id']}/members")["items"]
        return items

    def approve(self, name: str, subnet: str) -> None:
        """Let members reach a network through the member of that name."""
        found = next((member for member in self.members() if member["name"] == name), None)
        if found is None:
            raise LabFault(f"{name} is no member")
        body = {"subnet": subnet, "is_approved": True}
        self.request("POST", f"/networks/{self.network()['id']}/members/{found['id']}/subnets", body)

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call the API below /api/v1; raises `LabFault` with the problem it answers, `OSError` where nobody does."""
        owner = json.loads(self._file.read_text(encoding="utf-8"))
        url = urlsplit(owner["url"])
        headers = {"Authorization": f"Bearer {owner['token']}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
        with self._make_socket(":" in (url.hostname or "")) as carrier:
            carrier.settimeout(_TIMEOUT_SECONDS)
            carrier.connect((url.hostname, url.port))
            connection.sock = carrier
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read(_ANSWER_LIMIT)
        if answer.status >= 300:
            raise LabFault(f"the controller answers {method} {path} with {answer.status}: {text[:300]!r}")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found
