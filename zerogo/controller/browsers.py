# -*- test-case-name: zerogo.test.controller.test_callers -*-
"""What holds for browsers: the name of their cookie, and from which pages their requests may come.

Browsers keep a cookie called `__Host-...` only from https, also where the page is on this very machine. With
`local-browsers`, a browser that asked for localhost without TLS gets a cookie of another name that it does keep. Such a
cookie goes to every program that listens on this machine and that the browser visits, so it is a choice.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import frozen
from twisted.web.http import Request

COOKIE = "__Host-zerogo"
LOCAL_COOKIE = "zerogo-local"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@frozen(kw_only=True)
class Browsers:
    """What the configuration says about them."""

    origins: tuple[str, ...] = ()
    """Further origins, `https://HOST`, whose pages may call this controller: behind a proxy that does not pass on
    Host."""
    is_local_allowed: bool = False
    """Whether browsers may log in at http://localhost."""

    def cookie_name(self, request: Request) -> str:
        """Under which a browser that sends this request keeps its session."""
        is_plain = self.is_local_allowed and not request.isSecure()
        return LOCAL_COOKIE if is_plain and _host_name(request) in LOCAL_HOSTS else COOKIE

    def is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may call, where the request was for this host."""
        try:
            netloc = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        return bool(netloc) and (netloc == host.lower() or origin.lower().rstrip("/") in self.origins)


def pin_transport(request: Request) -> None:
    """Where a browser came by TLS, have it come so for a year (HSTS, RFC 6797). Browsers heed that for all ports of a
    host, so at another port than that of https it is not for us to say."""
    host = request.getHeader("host") or ""
    if request.isSecure() and host and not host.rpartition(":")[2].isdigit():
        request.setHeader(b"strict-transport-security", b"max-age=31536000")


def _host_name(request: Request) -> str:
    try:
        return urlsplit("//" + (request.getHeader("host") or "")).hostname or ""
    except ValueError:
        return ""
