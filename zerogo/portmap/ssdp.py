# -*- test-case-name: zerogo.test.portmap.test_ssdp -*-
"""SSDP (UPnP Device Architecture 2.0, section 1.3): searching for an Internet gateway, and where its description is.

An answer is an HTTP head without a body, whose LOCATION is the URL of the description.
"""

from __future__ import annotations

import re

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap.http import Url

PORT = 1900
GROUP = SocketAddress("239.255.255.250", PORT)
ANSWER_BYTES_LIMIT = 2048
TARGETS = (
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
)
_STATUS = re.compile(r"HTTP/1\.[01] 200(?: .*)?", re.ASCII)


def emit_search(destination: SocketAddress, target: str) -> bytes:
    """A search for devices of type `target`; answers come at once, since MX is as small as it may be."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {destination}",
        'MAN: "ssdp:discover"',
        "MX: 1",
        f"ST: {target}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def parse_answer(data: bytes) -> Url:
    """Where the description of the answering device is; raises `ParseError`."""
    if len(data) > ANSWER_BYTES_LIMIT:
        raise ParseError(f"an SSDP answer of {len(data)} bytes")
    try:
        first, *lines = data.decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError) as error:
        raise ParseError("an SSDP answer that is none") from error
    if not _STATUS.fullmatch(first.strip()):
        raise ParseError("an SSDP answer that is none")
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "location":
            return Url.parse(value.strip())
    raise ParseError("an SSDP answer without a location")
