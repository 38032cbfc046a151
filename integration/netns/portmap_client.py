"""A port behind a gateway, for `test_portmap`: keeps itself mapped, echoes what comes in, removes the mapping.

Prints `outer ADDRESS` or `outer none` whenever that changes, and `closed` at its end, which SIGTERM brings.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

from zerogo.ids import SocketAddress
from zerogo.net.portmap import PortMapping
from zerogo.portmap import MappingProtocol, Transport
from zerogo.portmap.mapper import PortMapper

reactor: Any = installed


class Echo(DatagramProtocol):
    """Sends back what came, upper-cased."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(datagram.upper(), addr)  # type: ignore[union-attr]


class StreamEcho(Protocol):
    """The same by TCP."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())  # type: ignore[union-attr]


def say(*words: object) -> None:
    print(*words, flush=True)


def main(transport: Transport, port: int, protocols: list[str]) -> None:
    """Run until SIGTERM."""
    if transport is Transport.TCP:
        reactor.listenTCP(port, Factory.forProtocol(StreamEcho))
    else:
        reactor.listenUDP(port, Echo())
    wanted = [MappingProtocol(each) for each in protocols] or list(MappingProtocol)
    mapping = PortMapping(
        reactor,
        PortMapper(os.urandom, wanted, bytes(32)),
        inner_of=lambda host: SocketAddress(host, port),
        on_change=lambda outer: say("outer", outer or "none"),
        transport=transport,
    )
    mapping.look()
    reactor.addSystemEventTrigger("before", "shutdown", mapping.stop)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: say("closed"))
    reactor.run()


if __name__ == "__main__":
    main(Transport(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
