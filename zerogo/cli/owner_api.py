# -*- test-case-name: zerogo.test.cli.test_owner_api -*-
"""The REST API of the controller on this machine, called by its owner: whoever may read its state directory.

The controller writes `owner.json` (mode 0600) there while it runs: where it listens, and a token that is good until it
stops.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zerogo.errors import EnvironmentFault, RemoteError

OWNER_FILE = "owner.json"
ANSWER_SECONDS = 15.0
ANSWER_LIMIT = 16 * 1024 * 1024
PIECE = 500
"""Items of a list asked for at once."""
_POLL_SECONDS = 0.1


class ControllerSilent(EnvironmentFault):
    """No controller answers on this machine."""

    code = "E-CONTROLLER"


class ControllerRefused(RemoteError):
    """The controller refused a request."""

    code = "E-CONTROLLER-REFUSED"


class OwnerApi:
    """The controller whose state directory this is."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / OWNER_FILE

    def wait(self, seconds: float) -> None:
        """Until it answers; raises `ControllerSilent`."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.call("GET", "/health")
                return
            except ControllerSilent:
                if time.monotonic() > until:
                    raise
            time.sleep(_POLL_SECONDS)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One request; `path` is below `/api/v1`. Raises `ControllerSilent` or `ControllerRefused`."""
        try:
            owner = json.loads(self._path.read_bytes())
            url, token = str(owner["url"]), str(owner["token"])
        except PermissionError as error:
            raise ControllerSilent(f"no permission to read {self._path}: run as root") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ControllerSilent(f"no controller runs here (there is no {self._path})") from error
        data = None if body is None else json.dumps(body).encode()
        # The address is the controller's own, from a file that only its owner can write.
        request = urllib.request.Request(  # noqa: S310
            f"{url}/api/v1{path}",
            data=data,
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        return self._send(request)

    def items(self, path: str, most: int | None = None) -> list[dict[str, Any]]:
        """A whole list, piece by piece, or its first `most` items; raises as `call`."""
        return whole_list(self.call, path, most)

    def _send(self, request: urllib.request.Request) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=ANSWER_SECONDS) as answer:
                text = answer.read(ANSWER_LIMIT)
        except urllib.error.HTTPError as error:
            raise ControllerRefused(_detail(error.read(65536)) or f"the controller answered {error.code}") from error
        except (OSError, ValueError) as error:
            raise ControllerSilent(f"the controller does not answer at {request.full_url}") from error
        return json.loads(text) if text else None


def whole_list(call: Callable[[str, str], Any], path: str, most: int | None) -> list[dict[str, Any]]:
    """The pieces of a list, joined."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while most is None or len(found) < most:
        limit = PIECE if most is None else min(PIECE, most - len(found))
        piece = call("GET", f"{path}?limit={limit}{cursor}")
        found += piece["items"]
        if not piece.get("next_cursor"):
            break
        cursor = f"&cursor={piece['next_cursor']}"
    return found


def _detail(text: bytes) -> str:
    """The sentence of a problem document (RFC 9457)."""
    try:
        document = json.loads(text)
        return str(document.get("detail") or document.get("title") or "")
    except (ValueError, AttributeError):
        return ""
