"""A data socket behind a gateway, for `test_portmap`: keeps itself mapped, echoes what comes in, removes the mapping.

Prints `outer ADDRESS` or `outer none` whenever that changes, and `closed` at its end, which SIGTERM brings.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.protocol import DatagramProtocol

from zerogo.ids import SocketAddress
from zerogo.net.portmap import PortMapping
from zerogo.portmap import MappingProtocol
from zerogo.portmap.mapper import PortMapper

reactor: Any = installed


class Echo(DatagramProtocol):
    """Sends back what came, upper-cased."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(datagram.upper(), addr)  # type: ignore[union-attr]


def say(*words: object) -> None:
    print(*words, flush=True)


def main(port: int, protocols: list[str]) -> None:
    """Run until SIGTERM."""
    reactor.listenUDP(port, Echo())
    wanted = [MappingProtocol(each) for each in protocols] or list(MappingProtocol)
    mapping = PortMapping(
        reactor,
        PortMapper(os.urandom, wanted, bytes(32)),
        inner_of=lambda host: SocketAddress(host, port),
        on_change=lambda outer: say("outer", outer or "none"),
    )
    mapping.look()
    reactor.addSystemEventTrigger("before", "shutdown", mapping.stop)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: say("closed"))
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
