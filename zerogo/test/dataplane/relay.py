"""A tiny relay for tests: what comes in by a channel of one member goes out in a channel of the other."""

from __future__ import annotations

import select
import socket
import threading

from zerogo.ids import ChannelAddress, SocketAddress
from zerogo.test.dataplane.kernel import DATA_PORT, Host, underlay_socket

CHANNELS = {1: 0x4001, 2: 0x4FFF}
"""By number of the member: the channel of its allocation that leads to the other."""


class Relay:
    """On a host, from `start` to `close`; counts the datagrams of each member that it passed on."""

    def __init__(self, host: Host) -> None:
        self.passed = {1: 0, 2: 0}
        self.loses_each: int = 0
        """Every so manieth datagram is lost; 0 loses none."""
        self._socket = underlay_socket(host)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._address = SocketAddress.of(*self._socket.getsockname())
        self._reading, self._writing = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def channel(self, member: int) -> ChannelAddress:
        """What that member is to send to."""
        return ChannelAddress(self._address, CHANNELS[member])

    def close(self) -> None:
        self._writing.close()
        self._thread.join(10)
        self._socket.close()
        self._reading.close()

    def _run(self) -> None:
        while self._reading not in select.select([self._socket, self._reading], [], [])[0]:
            datagram, (host, _) = self._socket.recvfrom(65536)
            sender = int(host[-1])
            length = int.from_bytes(datagram[2:4], "big")
            if int.from_bytes(datagram[:2], "big") != CHANNELS[sender] or length != len(datagram) - 4:
                continue
            self.passed[sender] += 1
            if self.loses_each and self.passed[sender] % self.loses_each == 0:
                continue
            receiver = 3 - sender
            header = CHANNELS[receiver].to_bytes(2, "big") + datagram[2:4]
            self._socket.sendto(header + datagram[4:], (f"192.0.2.{receiver}", DATA_PORT))
