"""A gateway in memory, as honest or not as a test wants it, and the wire between it and a mapper."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, field

from zerogo.core import Transmit
from zerogo.ids import SocketAddress
from zerogo.portmap import natpmp, pcp
from zerogo.portmap.http import HttpAnswer
from zerogo.portmap.lease import Site
from zerogo.portmap.mapper import MapperEvent, PortMapper
from zerogo.portmap.upnp import HttpCall

GATEWAY, OUTER = "192.168.7.1", "203.0.113.1"
INNER = SocketAddress("192.168.7.2", 9993)
SITE = Site(GATEWAY, INNER)
DELAY = 0.002
DESCRIPTION = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType><controlURL>/l3</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<controlURL>{control}</controlURL></service></serviceList></device></deviceList></device></root>"""
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
FAULT = (
    "<s:Fault><detail><UPnPError><errorCode>{}</errorCode><errorDescription>no</errorDescription>"
    "</UPnPError></detail></s:Fault>"
)


@define(eq=False)
class GatewayInMemory:
    """Speaks what its switches say; `mappings` is what it maps of UDP: outer port -> inner port."""

    speaks_pcp: bool = True
    speaks_natpmp: bool = True
    speaks_upnp: bool = True
    outer: str = OUTER
    lifetime: int | None = None
    """What is granted; what was asked for where None."""
    pcp_result: int = 0
    natpmp_result: int = 0
    upnp_errors: list[int] = field(factory=list)
    """The next AddPortMapping calls fail with these."""
    control: str = "/ctl"
    location: str = f"http://{GATEWAY}:5000/rootDesc.xml"
    born_at: float = 0.0
    mappings: dict[int, int] = field(factory=dict)
    tcp_mappings: dict[int, int] = field(factory=dict)
    leases: list[int] = field(factory=list)
    """Lifetimes that UPnP was asked for."""

    def reboot(self, now: float) -> None:
        """Forget everything."""
        self.mappings.clear()
        self.tcp_mappings.clear()
        self.born_at = now

    def answer(self, data: bytes, port: int, now: float) -> bytes | None:
        """What it says to a datagram."""
        if port == 1900:
            found = f"HTTP/1.1 200 OK\r\nLOCATION: {self.location}\r\n\r\n".encode()
            return found if self.speaks_upnp else None
        epoch = int(now - self.born_at).to_bytes(4, "big")
        if data[0] == pcp.VERSION:
            return self._pcp(data, epoch)
        if not self.speaks_natpmp:
            return bytes((2, 0x80, 0, 1)) + bytes(4) + epoch + bytes(12) if self.speaks_pcp else None
        head = bytes((0, 0x80 | data[1])) + self.natpmp_result.to_bytes(2, "big") + epoch
        if data[1] == 0:
            return head + bytes(map(int, self.outer.split(".")))
        inner, lifetime = int.from_bytes(data[4:6], "big"), self._grant(data[8:12])
        table = self.tcp_mappings if data[1] == 2 else self.mappings
        outer = _map(table, inner, int.from_bytes(data[6:8], "big"), lifetime) if not self.natpmp_result else 0
        return head + inner.to_bytes(2, "big") + outer.to_bytes(2, "big") + lifetime.to_bytes(4, "big")

    def _pcp(self, data: bytes, epoch: bytes) -> bytes | None:
        if not self.speaks_pcp:
            return bytes((0, 0x80, 0, 1)) + epoch if self.speaks_natpmp else None
        head = bytes((2, 0x80 | data[1], 0, self.pcp_result if data[1] else 0))
        if data[1] == 0:
            return head + bytes(4) + epoch + bytes(12)
        inner, lifetime = int.from_bytes(data[40:42], "big"), self._grant(data[4:8])
        table = self.tcp_mappings if data[36] == 6 else self.mappings
        outer = _map(table, inner, int.from_bytes(data[42:44], "big"), lifetime) if not self.pcp_result else 0
        packed = bytes(10) + b"\xff\xff" + bytes(map(int, self.outer.split(".")))
        return head + lifetime.to_bytes(4, "big") + epoch + bytes(12) + data[24:42] + outer.to_bytes(2, "big") + packed

    def _grant(self, wanted: bytes) -> int:
        asked = int.from_bytes(wanted, "big")
        return asked if self.lifetime is None or asked == 0 else self.lifetime

    def serve(self, call: HttpCall) -> HttpAnswer:
        """What its web server says."""
        request = call.request.decode()
        if request.startswith("GET "):
            return HttpAnswer(200, DESCRIPTION.format(control=self.control).encode())
        if "#GetExternalIPAddress" in request:
            inner = f"<NewExternalIPAddress>{self.outer}</NewExternalIPAddress>"
            return HttpAnswer(200, ENVELOPE.format(f"<u:R>{inner}</u:R>").replace("u:", "").encode())
        port = int(request.partition("<NewExternalPort>")[2].partition("<")[0])
        table = self.tcp_mappings if "<NewProtocol>TCP<" in request else self.mappings
        if "#DeletePortMapping" in request:
            table.pop(port, None)
        elif self.upnp_errors:
            return HttpAnswer(500, ENVELOPE.format(FAULT.format(self.upnp_errors.pop(0))).encode())
        else:
            self.leases.append(int(request.partition("<NewLeaseDuration>")[2].partition("<")[0]))
            table[port] = int(request.partition("<NewInternalPort>")[2].partition("<")[0])
        return HttpAnswer(200, ENVELOPE.format("").encode())


def _map(table: dict[int, int], inner: int, wanted: int, lifetime: int) -> int:
    if lifetime == 0:
        for outer in [outer for outer, each in table.items() if each == inner]:
            del table[outer]
        return 0
    table[wanted or inner] = inner
    return wanted or inner


class Wire:
    """A mapper and a gateway in virtual time."""

    def __init__(self, gateway: GatewayInMemory, mapper: PortMapper | None = None) -> None:
        generator = random.Random(7)
        self.now = 1000.0
        self.gateway = gateway
        gateway.born_at = self.now - 500
        self.mapper = mapper or PortMapper(generator.randbytes)
        self.is_cut = False
        self.sent: list[Transmit] = []
        self.calls: list[HttpCall] = []
        self._events: list[MapperEvent] = []
        self._due: list[tuple[float, Callable[[], object]]] = []

    def begin(self, site: Site | None = SITE) -> None:
        """Tell where we are."""
        self.mapper.set_site(site, self.now)
        self._drain()

    def close(self) -> None:
        """End."""
        self.mapper.close(self.now)
        self._drain()

    def events(self) -> list[MapperEvent]:
        """What the mapper told since this was asked last."""
        events, self._events = self._events, []
        return events

    def run(self, seconds: float) -> None:
        """Let time go by."""
        until = self.now + seconds
        while True:
            timer = self.mapper.next_timer()
            times = [at for at, _ in self._due] + ([max(timer.at, self.now)] if timer is not None else [])
            if not times or min(times) > until:
                self.now = until
                return
            self.now = min(times)
            due = [each for each in self._due if each[0] <= self.now]
            self._due = [each for each in self._due if each[0] > self.now]
            for _, act in due:
                act()
            if timer is not None and timer.at <= self.now:
                self.mapper.handle_timer(self.now)
            self._drain()

    def hear(self, data: bytes, port: int = natpmp.PORT, host: str = GATEWAY) -> None:
        """A datagram comes in."""
        self.mapper.receive_datagram(data, SocketAddress(host, port), self.now)
        self._drain()

    def _drain(self) -> None:
        for transmit in self.mapper.transmits():
            self.sent.append(transmit)
            self._carry(transmit)
        for event in self.mapper.events():
            if isinstance(event, HttpCall):
                self.calls.append(event)
                if not self.is_cut:
                    answer = self.gateway.serve(event)
                    self._later(self.mapper.receive_http, event.number, answer)
            else:
                self._events.append(event)

    def _carry(self, transmit: Transmit) -> None:
        destination = transmit.destination
        assert isinstance(destination, SocketAddress)
        if self.is_cut or destination.host != GATEWAY:
            return
        answer = self.gateway.answer(transmit.payload, destination.port, self.now)
        if answer is not None:
            self._later(self.mapper.receive_datagram, answer, SocketAddress(GATEWAY, destination.port))

    def _later(self, verb: Callable[..., object], *arguments: object) -> None:
        at = self.now + DELAY
        self._due.append((at, lambda: verb(*arguments, at)))
