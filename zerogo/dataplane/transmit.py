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

from zerogo.dataplane.place import CHANNEL, CHANNEL_HEADER, SIDE, Address, Place
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


class DatagramSender:
    """Owns no buffers, and of the sockets those at the side."""

    def __init__(self, sockets: list[socket.socket], tally: Tally, may_segment: bool) -> None:
        self._by_family = {sock.family: sock for sock in sockets}
        self._sides: dict[int, socket.socket] = {}
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

    def add_side(self, number: int, sock: socket.socket) -> None:
        """Send by this socket what is for the side of that number."""
        self.remove_side(number)
        self._sides[number] = sock

    def remove_side(self, number: int) -> socket.socket | None:
        """Close a side socket; None where there is none of that number."""
        sock = self._sides.pop(number, None)
        if sock is not None:
            sock.close()
        return sock

    def _outlet(self, place: Place) -> tuple[socket.socket | None, Address]:
        """The socket, if it is there, and what the kernel is told."""
        if len(place) == 2:
            return self._by_family.get(socket.AF_INET6 if ":" in place[0] else socket.AF_INET), (place[0], place[1])
        kind, number, host, port = place
        if kind == SIDE:
            return self._sides.get(number), (host, port)
        return self._by_family.get(socket.AF_INET6 if ":" in host else socket.AF_INET), (host, port)

    def _no_outlet(self, place: Place, count: int) -> int:
        if place[0] == SIDE:
            self._tally.dropped_no_endpoint += count
            return 0
        self._tally.dropped_udp_send += count
        return errno.EAFNOSUPPORT

    def send(self, datagram: bytes | memoryview, place: Place) -> int:
        """Send one datagram, into a channel with the header that this asks for; 0, or the errno of why not."""
        if place[0] == CHANNEL:
            datagram = CHANNEL_HEADER.pack(place[1], len(datagram)) + datagram
        return self._send_whole(datagram, place)

    def _send_whole(self, datagram: bytes | memoryview, place: Place) -> int:
        sock, destination = self._outlet(place)
        if sock is None:
            return self._no_outlet(place, 1)
        failure = self._attempt(sock, lambda: sock.sendto(datagram, destination))
        if failure:
            self._tally.dropped_udp_send += 1
        else:
            self._tally.udp_datagrams_out += 1
        return failure

    def send_train(self, train: memoryview, size: int, place: Place, now: float) -> int:
        """Send datagrams of `size` bytes, the last may be shorter, that lie one after the other; 0, or an errno.

        Those for a channel have its header already.
        """
        count = -(-len(train) // size)
        if count == 1:
            return self._send_whole(train, place)
        if not self.segments and self._may_segment and now >= self._retry_at:
            self.segments = True
        if not self.segments:
            return self._send_apart(train, size, place)
        sock, destination = self._outlet(place)
        if sock is None:
            return self._no_outlet(place, count)
        ancillary = self._ancillary.get(size)
        if ancillary is None:
            ancillary = self._ancillary[size] = [(socket.SOL_UDP, UDP_SEGMENT, _SEGMENT.pack(size))]
        failure = self._attempt(sock, lambda: sock.sendmsg([train], ancillary, 0, destination))
        if failure in (errno.EIO, errno.EINVAL):
            self._tally.fallback_udp_gso += 1
            self.segments = False
            self._retry_at = now + RETRY_SECONDS
            return self._send_apart(train, size, place)
        if failure == errno.EMSGSIZE:
            return self._send_apart(train, size, place)
        if failure:
            self._tally.dropped_udp_send += count
            return failure
        self._tally.udp_datagrams_out += count
        self._tally.udp_trains_out += 1
        return 0

    def _send_apart(self, train: memoryview, size: int, place: Place) -> int:
        failure = 0
        for at in range(0, len(train), size):
            failure = self._send_whole(train[at : at + size], place) or failure
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
