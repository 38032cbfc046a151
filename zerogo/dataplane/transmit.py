# -*- test-case-name: zerogo.test.dataplane.test_transmit -*-
"""Sending from the data sockets: single datagrams, and trains cut by the kernel (UDP_SEGMENT, Linux 4.18).

A kernel or a network card that cannot cut refuses with EIO or EINVAL: the train is then sent datagram by datagram, so
nothing is lost, and no further one is tried until a minute has passed.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable

from zerogo.dataplane.tally import Tally

UDP_SEGMENT = 103
UDP_GRO = 104
TRAIN_DATAGRAMS_LIMIT = 64
"""UDP_MAX_SEGMENTS before Linux 6.9; also what UDP_GRO puts together."""
TRAIN_BYTES_LIMIT = 64_400
"""A little below 65507: a train of exactly that was seen to arrive as single datagrams."""
RETRY_SECONDS = 60.0
_FULL_WAIT_MS = 5
_SEGMENT = struct.Struct("=H")

Address = tuple[str, int]


class DatagramSender:
    """Owns neither sockets nor buffers; `refused` is told of an address the kernel cannot send to, and the errno."""

    def __init__(self, sockets: list[socket.socket], tally: Tally, may_segment: bool) -> None:
        self._by_family = {sock.family: sock for sock in sockets}
        self._tally = tally
        self.segments = may_segment and self._can_segment()
        self._may_segment = self.segments
        self._retry_at = 0.0
        self._ancillary: dict[int, list[tuple[int, int, bytes]]] = {}

    def _can_segment(self) -> bool:
        try:
            for sock in self._by_family.values():
                sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 1400)
                sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 0)
        except OSError:
            return False
        return True

    def send(self, datagram: bytes | memoryview, destination: Address) -> int:
        """Send one datagram; 0, or the errno of why not."""
        family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
        sock = self._by_family.get(family)
        if sock is None:
            self._tally.dropped_udp_send += 1
            return errno.EAFNOSUPPORT
        failure = self._attempt(sock, lambda: sock.sendto(datagram, destination))
        if failure:
            self._tally.dropped_udp_send += 1
        else:
            self._tally.udp_datagrams_out += 1
        return failure

    def send_train(self, train: memoryview, size: int, destination: Address, now: float) -> int:
        """Send datagrams of `size` bytes, the last may be shorter, that lie one after the other; 0, or an errno."""
        count = -(-len(train) // size)
        if count == 1:
            return self.send(train, destination)
        if not self.segments and self._may_segment and now >= self._retry_at:
            self.segments = True
        if not self.segments:
            return self._send_apart(train, size, destination)
        sock = self._by_family.get(socket.AF_INET6 if ":" in destination[0] else socket.AF_INET)
        if sock is None:
            self._tally.dropped_udp_send += count
            return errno.EAFNOSUPPORT
        ancillary = self._ancillary.get(size)
        if ancillary is None:
            ancillary = self._ancillary[size] = [(socket.SOL_UDP, UDP_SEGMENT, _SEGMENT.pack(size))]
        failure = self._attempt(sock, lambda: sock.sendmsg([train], ancillary, 0, destination))
        if failure in (errno.EIO, errno.EINVAL):
            self._tally.fallback_udp_gso += 1
            self.segments = False
            self._retry_at = now + RETRY_SECONDS
            return self._send_apart(train, size, destination)
        if failure == errno.EMSGSIZE:
            return self._send_apart(train, size, destination)
        if failure:
            self._tally.dropped_udp_send += count
            return failure
        self._tally.udp_datagrams_out += count
        self._tally.udp_trains_out += 1
        return 0

    def _send_apart(self, train: memoryview, size: int, destination: Address) -> int:
        failure = 0
        for at in range(0, len(train), size):
            failure = self.send(train[at : at + size], destination) or failure
        return failure

    @staticmethod
    def _attempt(sock: socket.socket, send: Callable[[], int]) -> int:
        try:
            send()
        except BlockingIOError:
            # The card is behind: a short wait is back-pressure on the TAP, whose queue then drops.
            poller = select.poll()
            poller.register(sock, select.POLLOUT)
            poller.poll(_FULL_WAIT_MS)
            try:
                send()
            except OSError as error:
                return error.errno or errno.EIO
        except OSError as error:
            return error.errno or errno.EIO
        return 0
