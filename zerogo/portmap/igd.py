# -*- test-case-name: zerogo.test.portmap.test_igd -*-
"""UPnP Internet Gateway Device (WANIPConnection:1 and :2, WANPPPConnection:1): its description and its actions.

The description names services and where their actions are called, by SOAP. All that is used is the outer address, and
adding and removing a mapping of a UDP or TCP port.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.portmap.http import Url, emit_post
from zerogo.portmap.lease import Site, Transport
from zerogo.portmap.xmltree import Element, parse_xml

SERVICES = (
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)
"""Best first."""
SERVICES_LIMIT = 4
DESCRIPTION = "ZeroGo"
NOT_ALLOWED, CONFLICT, ONLY_PERMANENT = 606, 718, 725
"""Error codes: of this port, or at all; the outer port is taken; mappings have no end here."""
_ERRORS = {
    501: "it failed",
    606: "its owner does not allow it",
    714: "there is no such mapping",
    718: "the outer port is taken",
    724: "it maps a port only to the same port",
    725: "its mappings have no end",
    728: "it has no room for another mapping",
}
_ENVELOPE = (
    '<?xml version="1.0"?>\r\n'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
    '<s:Body><u:{action} xmlns:u="{service}">{arguments}</u:{action}></s:Body></s:Envelope>\r\n'
)


@frozen
class Service:
    """Where the mappings of one outer link are kept."""

    kind: str
    control: Url


@frozen
class SoapFault:
    """The gateway's refusal of an action."""

    code: int

    @property
    def reason(self) -> str:
        """For people."""
        return _ERRORS.get(self.code, f"it said {self.code}")


def parse_description(data: bytes, location: Url) -> tuple[Service, ...]:
    """The services that keep mappings, best first; raises `ParseError`, also where there is none.

    Only those on the server of `location` count, whatever the description says.
    """
    root = parse_xml(data)
    base = location
    written = root.find_text("URLBase")
    if written:
        base = location.join(written)
    found = [service for service in _services(root, base) if service.control.server.host == location.server.host]
    if not found:
        raise ParseError("a device that keeps no mappings")
    return tuple(sorted(found, key=lambda service: SERVICES.index(service.kind)))[:SERVICES_LIMIT]


def _services(root: Element, base: Url) -> Iterator[Service]:
    for element in root.walk():
        if element.name != "service":
            continue
        kind, control = element.find_text("serviceType"), element.find_text("controlURL")
        if kind not in SERVICES or not control:
            continue
        try:
            yield Service(kind, base.join(control))
        except ParseError:
            continue


def emit_outer_address_call(service: Service) -> bytes:
    """Ask for the outer address."""
    return _emit_call(service, "GetExternalIPAddress", {})


def emit_add_call(service: Service, site: Site, outer_port: int, lifetime: int) -> bytes:
    """Ask for a mapping of `lifetime` seconds (0: for ever)."""
    return _emit_call(
        service,
        "AddPortMapping",
        {
            "NewRemoteHost": "",
            "NewExternalPort": str(outer_port),
            "NewProtocol": site.transport.value,
            "NewInternalPort": str(site.inner.port),
            "NewInternalClient": site.inner.host,
            "NewEnabled": "1",
            "NewPortMappingDescription": DESCRIPTION,
            "NewLeaseDuration": str(lifetime),
        },
    )


def emit_remove_call(service: Service, outer_port: int, transport: Transport) -> bytes:
    """Remove a mapping."""
    arguments = {"NewRemoteHost": "", "NewExternalPort": str(outer_port), "NewProtocol": transport.value}
    return _emit_call(service, "DeletePortMapping", arguments)


def _emit_call(service: Service, action: str, arguments: Mapping[str, str]) -> bytes:
    written = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    body = _ENVELOPE.format(action=action, service=service.kind, arguments=written)
    return emit_post(service.control, f"{service.kind}#{action}", body.encode("utf-8"))


def parse_call_answer(status: int, body: bytes) -> Element | SoapFault:
    """What an action gave back; raises `ParseError` where it is neither that nor a fault."""
    if status not in (200, 500):
        raise ParseError(f"a SOAP answer with status {status}")
    root = parse_xml(body)
    code = root.find_text("errorCode")
    if code is not None:
        if not (code.isascii() and code.isdigit() and len(code) <= 5):
            raise ParseError("a SOAP fault without a number")
        return SoapFault(int(code))
    if status != 200 or root.name != "Envelope":
        raise ParseError("a SOAP answer that is none")
    return root


def parse_outer_host(answer: Element) -> str:
    """The outer IPv4 address in an answer; raises `ParseError`, also where the gateway has none."""
    text = answer.find_text("NewExternalIPAddress") or ""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ParseError(f"{text[:40]!r} is no outer address") from error
    if address.is_unspecified:
        raise ParseError("the gateway has no outer address")
    return str(address)
