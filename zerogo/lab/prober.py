# -*- test-case-name: integration.netns.test_lab -*-
"""Pings between hosts, all from one thread of the lab's own process: raw ICMP sockets, each opened in its namespace.

Times are those at which the kernel received an answer (SO_TIMESTAMPNS), so a busy machine does not look like a slow
network. Every ping carries the run's canary, so that a capture on the internet can be searched for what must not be
readable there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Sequence

from attrs import define, frozen

from zerogo.lab.laboratory import Lab
from zerogo.lab.packet import checksum
from zerogo.lab.scenario import Pair
from zerogo.lab.series import Series

CANARY_BYTES = 16
_INTERVAL_SECONDS = 0.1
_PINGS_PER_SECOND_LIMIT = 400.0
"""Of all pairs together; with many pairs each is pinged less often."""
_SO_TIMESTAMPNS = 35
_SOL_RAW = 255
_SIOCGIFINDEX = 0x8933
_IP_PKTINFO = 8
_ICMP_FILTER = 1
_ICMPV6_FILTER = 1
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Types of request and reply."""


@frozen
class Target:
    """Where the pings of a pair go from and to."""

    pair: Pair
    source: str
    address: str
    """In text."""
    device: str | None = None
    """The only device that they may leave by. Without it, a ping into a mesh that is not there yet would take the
    default route and show its canary to the internet, though the mesh is not to blame."""


@define
class _Flow:
    target: Target
    family: socket.AddressFamily
    socket: socket.socket
    identifier: int
    series: Series
    sequence: int = 0


class Prober:
    """Pings every target until it is stopped, at best each `interval` seconds; `series` holds what came back."""

    def __init__(self, lab: Lab, interval: float = _INTERVAL_SECONDS) -> None:
        self.canary = os.urandom(CANARY_BYTES)
        self.series: dict[Pair, Series] = {}
        self._lab = lab
        self._interval = interval
        self._flows: dict[Pair, _Flow] = {}
        self._queue: deque[_Flow] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._loop, name="prober", daemon=True)
        self._thread.start()

    def set_target(self, target: Target) -> None:
        """Ping a pair from now on, at another address than before if it had one; what was measured stays."""
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
        raw = self._lab.socket(target.source, family, socket.SOCK_RAW, protocol)
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _accept_replies_only(raw, family)
        with self._lock:
            series = self.series.setdefault(target.pair, Series())
            flow = _Flow(target, family, raw, len(self._queue) + 0x4C00, series)
            self._forget(target.pair)
            self._flows[target.pair] = flow
            self._queue.append(flow)
            self._selector.register(raw, selectors.EVENT_READ, flow)

    def forget(self, pairs: Sequence[Pair]) -> None:
        """Stop pinging some pairs, and forget what was measured."""
        with self._lock:
            for pair in pairs:
                self._forget(pair)
                self.series.pop(pair, None)

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._thread.join()
        for flow in self._flows.values():
            flow.socket.close()
        self._selector.close()

    def _forget(self, pair: Pair) -> None:
        flow = self._flows.pop(pair, None)
        if flow is not None:
            self._selector.unregister(flow.socket)
            flow.socket.close()
            self._queue.remove(flow)

    def _loop(self) -> None:
        next_at = time.monotonic()
        while not self._stopping.is_set():
            events = self._selector.select(min(0.05, max(0.0, next_at - time.monotonic())))
            with self._lock:
                for key, _ in events:
                    self._receive(key.data)
                now = time.monotonic()
                if now >= next_at:
                    if self._queue:
                        self._queue.rotate(-1)
                        self._send(self._queue[-1])
                    pace = max(self._interval / max(1, len(self._queue)), 1 / _PINGS_PER_SECOND_LIMIT)
                    next_at = max(next_at + pace, now - 0.05)

    def _send(self, flow: _Flow) -> None:
        flow.sequence = (flow.sequence + 1) & 0xFFFF
        request, _ = _ECHO[flow.family]
        body = struct.pack("!BBHHH", request, 0, 0, flow.identifier, flow.sequence) + self.canary + bytes(24)
        if flow.family == socket.AF_INET:
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        sent_at = time.time()
        # Without a route there is nothing to send to yet; the ping counts as lost.
        with contextlib.suppress(OSError):
            flow.socket.sendmsg([body], _by_device(flow), 0, (flow.target.address, 0))
        flow.series.sent(flow.sequence, sent_at)

    def _receive(self, flow: _Flow) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, ancillary, _, address = flow.socket.recvmsg(2048, 64)
                body = packet[(packet[0] & 0x0F) * 4 :] if flow.family == socket.AF_INET else packet
                if address[0] != flow.target.address or len(body) < 8 or self.canary not in body:
                    continue
                kind, identifier, sequence = body[0], *struct.unpack_from("!HH", body, 4)
                if kind == _ECHO[flow.family][1] and identifier == flow.identifier:
                    flow.series.received(sequence, _received_at(ancillary))


def _by_device(flow: _Flow) -> list[tuple[int, int, bytes]]:
    """Ancillary data (ip(7), ipv6(7)) that names the target's device; raises `OSError` while it does not exist."""
    if flow.target.device is None:
        return []
    # Asked for anew each time: the device of a restarted agent has another index.
    answer = fcntl.ioctl(flow.socket, _SIOCGIFINDEX, struct.pack("16s24x", flow.target.device.encode("ascii")))
    (index,) = struct.unpack_from("=i", answer, 16)
    if flow.family == socket.AF_INET:
        return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i8x", index))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16xi", index))]


def _received_at(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Seconds since 1970 at which the kernel got the packet."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= 16:
            seconds, nanoseconds = struct.unpack_from("=qq", value)
            return float(seconds + nanoseconds * 1e-9)
    return time.time()


def _accept_replies_only(raw: socket.socket, family: socket.AddressFamily) -> None:
    reply = _ECHO[family][1]
    if family == socket.AF_INET:
        raw.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << reply) & 0xFFFFFFFF))
        return
    blocked = [0xFFFFFFFF] * 8
    blocked[reply // 32] &= ~(1 << reply % 32) & 0xFFFFFFFF
    raw.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *blocked))
