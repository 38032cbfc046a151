# -*- test-case-name: zerogo.test.cli.test_owner_api -*-
"""The REST API of a controller, called by somebody who may.

Of the controller on this machine that is whoever may read its state directory: the controller writes `owner.json` (mode
0600) there while it runs, with where it listens and a token that is good until it stops. Of a controller elsewhere it
is who logged in with `zerogo login` (`zerogo.cli.login`).
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

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

    def __init__(self, sentence: str, problem: str = "") -> None:
        super().__init__(sentence)
        self.problem = problem
        """The stable code of the problem document (RFC 9457); empty where there was none."""


@frozen
class Access:
    """Where a controller is called, and by what right."""

    url: str
    """Without `/api/v1`."""
    token: str = field(repr=False)
    ca: str = ""
    """A file of certificates that are trusted beside the system's; empty: none."""


class OwnerApi:
    """The controller whose state directory this is."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / OWNER_FILE

    def _access(self) -> Access:
        try:
            owner = json.loads(self._path.read_bytes())
            return Access(str(owner["url"]), str(owner["token"]))
        except PermissionError as error:
            raise ControllerSilent(f"no permission to read {self._path}: run as root") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ControllerSilent(
                f"no controller runs here (there is no {self._path}); for one elsewhere, use `zerogo login URL`"
            ) from error

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

    def call(self, method: str, path: str, body: object = None, if_match: str = "") -> Any:
        """One request; `path` is below `/api/v1`, `if_match` the tag of what is changed. Raises `ControllerSilent` or
        `ControllerRefused`."""
        return send(self._access(), method, path, body, if_match)

    def as_caller(self, token: str) -> OwnerApi:
        """The same controller, called with another token; empty: with none. Raises `ControllerSilent`."""
        return RemoteApi(evolve(self._access(), token=token))

    def items(self, path: str, most: int | None = None) -> list[dict[str, Any]]:
        """A whole list, piece by piece, or its first `most` items; raises as `call`."""
        return whole_list(self.call, path, most)


class RemoteApi(OwnerApi):
    """A controller elsewhere."""

    def __init__(self, access: Access) -> None:
        super().__init__(Path())
        self._held = access

    def _access(self) -> Access:
        return self._held


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token is shown to the address that was named, and to no other that it sends us to."""

    def redirect_request(self, *ignored: Any) -> None:
        return None


def send(access: Access, method: str, path: str, body: object = None, if_match: str = "") -> Any:
    """One request; see `OwnerApi.call`. An empty token is not sent."""
    headers = {"Content-Type": "application/json"}
    if access.token:
        headers["Authorization"] = f"Bearer {access.token}"
    if if_match:
        headers["If-Match"] = "*" if if_match == "*" else f'"{if_match}"'
    data = None if body is None else json.dumps(body).encode()
    # The address is a person's own word, or from a file that only its owner can write.
    request = urllib.request.Request(f"{access.url}/api/v1{path}", data=data, method=method, headers=headers)  # noqa: S310
    try:
        trust = ssl.create_default_context()
        if access.ca:
            trust.load_verify_locations(access.ca)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust), _NoRedirects
        )
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            text = answer.read(ANSWER_LIMIT)
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        detail, problem = _detail(error.read(65536))
        raise ControllerRefused(detail or f"the controller answered {error.code}", problem) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ControllerSilent(f"the controller does not answer at {access.url}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message}); name its authority's file with --ca"
    return str(getattr(reason, "strerror", None) or reason)


def whole_list(call: Callable[[str, str], Any], path: str, most: int | None) -> list[dict[str, Any]]:
    """The pieces of a list, joined."""
    found: list[dict[str, Any]] = []
    cursor = ""
    joint = "&" if "?" in path else "?"
    while most is None or len(found) < most:
        limit = PIECE if most is None else min(PIECE, most - len(found))
        piece = call("GET", f"{path}{joint}limit={limit}{cursor}")
        found += piece["items"]
        if not piece.get("next_cursor"):
            break
        cursor = f"&cursor={piece['next_cursor']}"
    return found


def _detail(text: bytes) -> tuple[str, str]:
    """The sentence and the code of a problem document (RFC 9457)."""
    try:
        document = json.loads(text)
        return str(document.get("detail") or document.get("title") or ""), str(document.get("code") or "")
    except (ValueError, AttributeError):
        return "", ""
