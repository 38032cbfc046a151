# -*- test-case-name: zerogo.test.exit.test_http_head -*-
"""What an HTTP request's head must look like before anything reads it, stricter than readers are (RFC 9112).

Where two readers of one message disagree, requests are smuggled (RFC 9112 section 11.2). So what readers are lenient
about is refused here: line ends that are not CR LF, folded lines, white space before a colon, two framings at once, two
Hosts. What passes is parsed, and written anew for the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from zerogo.errors import ParseError

HEAD_LIMIT = 64 * 1024
HEADERS_LIMIT = 200
HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate"),
        *(b"proxy-authentication-info", b"te", b"trailer", b"upgrade", b"http2-settings"),
    }
)
"""Meant for the next hop alone (RFC 9110 section 7.6.1); Transfer-Encoding is, too, and is written anew."""
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_FIRST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP/1\.[01]")
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"proxy-authorization", b"expect")

Headers = list[tuple[bytes, bytes]]


def find_head(buffer: bytes | bytearray) -> int:
    """Where the head ends, after its empty line; 0 while it does not. Raises `ParseError` where it gets too long."""
    end = buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT)
    if end >= 0:
        return end + 4
    if len(buffer) >= HEAD_LIMIT:
        raise ParseError(f"a request head of more than {HEAD_LIMIT} bytes")
    if b"\n\n" in buffer or b"\n" in bytes(buffer).replace(b"\r\n", b""):
        raise ParseError("a line that does not end with CR LF")
    return 0


def check_request_head(head: bytes) -> None:
    """Refuse what two readers could read in two ways; raises `ParseError`."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    if not _FIRST.fullmatch(first):
        raise ParseError("the request line is not well-formed")
    if len(lines) > HEADERS_LIMIT:
        raise ParseError(f"more than {HEADERS_LIMIT} header lines")
    if not all(_LINE.fullmatch(line) for line in lines):
        raise ParseError("a header line is not well-formed")
    names = [line.partition(b":")[0].lower() for line in lines]
    for name in _ONCE:
        if names.count(name) > 1:
            raise ParseError(f"{name.decode()} stands twice")
    if b"content-length" in names and b"transfer-encoding" in names:
        raise ParseError("Content-Length and Transfer-Encoding at once")
    if b"transfer-encoding" in names and first.endswith(b"1.0"):
        raise ParseError("Transfer-Encoding in HTTP/1.0")


def without_hops(headers: Iterable[tuple[bytes, bytes]], also: Iterable[bytes] = ()) -> Headers:
    """The headers that go on to the next hop: without hop-by-hop ones, those that Connection names, and `also`."""
    listed = list(headers)
    named = {
        word.strip().lower() for name, value in listed if name.lower() == b"connection" for word in value.split(b",")
    }
    # Naming the framing in Connection must not take it away.
    left_out = (HOP_BY_HOP | named | set(also)) - {b"content-length", b"transfer-encoding"}
    return [(name, value) for name, value in listed if name.lower() not in left_out]
