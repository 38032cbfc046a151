# -*- test-case-name: zerogo.test.portmap.test_http -*-
"""As much of HTTP/1.1 (RFC 9112) as a gateway's UPnP service needs: addresses, one request a connection, its answer.

Only literal IP addresses are accepted in URLs, so nothing is ever looked up; whether the address is the gateway's is
the caller's question.
"""

from __future__ import annotations

import re

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress

ANSWER_BYTES_LIMIT = 128 * 1024
HEAD_BYTES_LIMIT = 8192
URL_CHARACTERS_LIMIT = 512
_URL = re.compile(r"(?i:http)://(\[[0-9A-Fa-f:.]{2,45}\]|[0-9.]{7,15})(?::([0-9]{1,5}))?(/[!-~]*)?", re.ASCII)
_PATH = re.compile(r"[!-~]+", re.ASCII)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\Z")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\r\n\0]*)\Z")
_LENGTH = re.compile(rb"[0-9]{1,9}\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,6})[ \t]*(?:;[^\r\n]*)?\Z")


@frozen
class Url:
    """A place on a server."""

    server: SocketAddress
    path: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read `http://192.0.2.1:5000/description.xml`; raises `ParseError`, also for a host that is a name."""
        found = _URL.fullmatch(text) if len(text) <= URL_CHARACTERS_LIMIT else None
        if found is None:
            raise ParseError(f"{text[:80]!r} is not a URL with an address")
        host, port, path = found[1].strip("[]"), int(found[2] or 80), (found[3] or "/").partition("#")[0]
        if not 0 < port <= 65535:
            raise ParseError(f"{text[:80]!r} has no port")
        return cls(SocketAddress.of(host, port), path)

    def join(self, reference: str) -> Url:
        """What a reference on this page means; raises `ParseError`. `//host/` and other schemes are refused."""
        if "://" in reference[:16]:
            return Url.parse(reference)
        if not _PATH.fullmatch(reference) or len(reference) > URL_CHARACTERS_LIMIT or reference.startswith("//"):
            raise ParseError(f"{reference[:80]!r} is not a path")
        path = (
            reference if reference.startswith("/") else f"{self.path.partition('?')[0].rpartition('/')[0]}/{reference}"
        )
        return Url(self.server, path.partition("#")[0])


@frozen
class HttpAnswer:
    """What a server answered."""

    status: int
    body: bytes


def emit_get(url: Url) -> bytes:
    """The request for a page."""
    return _head("GET", url) + b"\r\n"


def emit_post(url: Url, action: str, body: bytes) -> bytes:
    """A SOAP call."""
    head = f'Content-Type: text/xml; charset="utf-8"\r\nSOAPAction: "{action}"\r\nContent-Length: {len(body)}\r\n\r\n'
    return _head("POST", url) + head.encode("ascii") + body


def _head(method: str, url: Url) -> bytes:
    return f"{method} {url.path} HTTP/1.1\r\nHost: {url.server}\r\nConnection: close\r\n".encode("ascii")


def parse_answer(data: bytes, *, is_closed: bool) -> HttpAnswer | None:
    """Read what came so far; None where the answer is not whole yet. Raises `ParseError`."""
    if len(data) > ANSWER_BYTES_LIMIT:
        raise ParseError("an HTTP answer that is too long")
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        if is_closed or len(data) > HEAD_BYTES_LIMIT:
            raise ParseError("an HTTP answer without a head")
        return None
    status, headers = _parse_head(head)
    body = _body(rest, headers, is_closed)
    return None if body is None else HttpAnswer(status, body)


def _parse_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    if len(head) > HEAD_BYTES_LIMIT:
        raise ParseError("an HTTP answer with a long head")
    first, *lines = head.split(b"\r\n")
    status = _STATUS.match(first)
    if status is None:
        raise ParseError("not an HTTP answer")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        found = _HEADER.match(line)
        if found is None:
            raise ParseError("an HTTP header that is none")
        headers.setdefault(found[1].lower(), found[2].strip())
    return int(status[1]), headers


def _body(rest: bytes, headers: dict[bytes, bytes], is_closed: bool) -> bytes | None:
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _unchunk(rest, is_closed)
    length = headers.get(b"content-length")
    if length is None:
        return rest if is_closed else None
    if not _LENGTH.match(length) or int(length) > ANSWER_BYTES_LIMIT:
        raise ParseError("an HTTP answer of no plausible length")
    if len(rest) >= int(length):
        return rest[: int(length)]
    if is_closed:
        raise ParseError("an HTTP answer that is cut off")
    return None


def _unchunk(rest: bytes, is_closed: bool) -> bytes | None:
    body = bytearray()
    offset = 0
    while True:
        end = rest.find(b"\r\n", offset, offset + 256)
        if end < 0:
            if is_closed or len(rest) - offset >= 256:
                raise ParseError("an HTTP answer whose chunks are none")
            return None
        found = _CHUNK.match(rest[offset:end])
        if found is None:
            raise ParseError("an HTTP answer whose chunks are none")
        size = int(found[1], 16)
        if size == 0:
            return bytes(body)
        body += rest[end + 2 : end + 2 + size]
        offset = end + 2 + size + 2
        if offset > len(rest):
            if is_closed:
                raise ParseError("an HTTP answer that is cut off")
            return None
