"""What tests over real TAPs are made of: two hosts, planes on them, transfers through them, and waiting for events."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import time
from collections.abc import Callable

from zerogo.dataplane.interface import Counter, IDataplane, Offloads, PathPlan, PeerCounters, SessionConfirmed
from zerogo.ids import SocketAddress
from zerogo.test.dataplane.kernel import (
    End,
    Host,
    Wire,
    connect,
    inside,
    introduce,
    open_end,
    underlay_socket,
    wait_until,
)
from zerogo.wire.handshake import Suite
from zerogo.wire.transport import OVERHEAD_BYTES

MEGABYTE = 1_000_000


def row_of(end: End, peer: int) -> PeerCounters:
    """What a plane last told of a peer: zeros until it has, for its rows come one by one and after its own counters."""
    return end.plane.counters().peers.get(peer, PeerCounters())


class PlaneCase:
    """Two hosts and the planes on them; mixed into a trial test case, which cleans up through it."""

    ends: list[End]
    wire: Wire

    def make_plane(self) -> IDataplane:
        raise NotImplementedError

    def setUp(self) -> None:
        self.wire = Wire()
        self.addCleanup(self.wire.close)
        self.ends = []
        self._closing = contextlib.ExitStack()
        self.addCleanup(self._closing.close)

    def tearDown(self) -> None:
        for end in self.ends:
            end.plane.close()

    def open(self, *offloads: Offloads, is_bridge: tuple[bool, bool] = (False, False)) -> list[End]:
        switches = offloads or (Offloads(), Offloads())
        for host, switch, bridge in zip(self.wire.hosts, switches, is_bridge, strict=True):
            self.ends.append(open_end(self.make_plane(), host, switch, is_bridge=bridge))
        return self.ends

    def joined(self, *offloads: Offloads, path_mtu: int = 1472, suite: Suite = Suite.CHACHAPOLY) -> list[End]:
        """Two planes with a confirmed session."""
        ends = self.open(*offloads)
        introduce(ends, path_mtu)
        connect(ends, suite)
        self.wait(lambda: ends[1].of(SessionConfirmed), "the responder's session to be confirmed")
        return ends

    def wait(self, is_true: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
        wait_until(self.ends, is_true, what, seconds)

    def counts(self, end: End, counter: Counter, at_least: int = 1) -> None:
        self.wait(lambda: end.plane.counters().plane[counter] >= at_least, f"{counter} to reach {at_least}")

    def socket_in(self, host: Host, kind: int, address: tuple[str, int] | None = None) -> socket.socket:
        is_ipv6 = address is not None and ":" in address[0]
        with inside(host.namespace):
            sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, kind)
        self._closing.callback(sock.close)
        if address is not None:
            sock.bind(address)
        return sock

    def stranger(self, host: Host) -> socket.socket:
        sock = underlay_socket(host)
        self._closing.callback(sock.close)
        sock.setblocking(False)
        return sock

    def transfer(self, source: Host, target: Host, size: int, is_ipv6: bool = False, seconds: float = 20.0) -> None:
        """Send `size` random bytes over TCP through the segment and hold them against what arrives."""
        address = target.addresses[1 if is_ipv6 else 0]
        listener = self.socket_in(target, socket.SOCK_STREAM, (address, 0))
        listener.listen(1)
        sender = self.socket_in(source, socket.SOCK_STREAM, (source.addresses[1 if is_ipv6 else 0], 0))
        sender.settimeout(seconds)
        sender.connect(listener.getsockname())
        receiver, _ = listener.accept()
        self._closing.callback(receiver.close)
        sent, got = hashlib.blake2b(), hashlib.blake2b()
        block = memoryview(os.urandom(MEGABYTE))
        left, received, offset = size, 0, 0
        sender.setblocking(False)
        deadline = time.monotonic() + seconds
        while received < size:
            if time.monotonic() > deadline:
                raise AssertionError(f"{received} of {size} bytes came in {seconds} s")
            readable, writable, _ = select.select([receiver], [sender] if left else [], [], 0.5)
            if writable:
                written = sender.send(block[offset : offset + min(left, 65536)])
                sent.update(block[offset : offset + written])
                offset, left = (offset + written) % (MEGABYTE - 65536), left - written
            if readable:
                data = receiver.recv(1 << 18)
                got.update(data)
                received += len(data)
            for end in self.ends:
                end.poll()
        self.assertEqual(sent.digest(), got.digest())

    def receive_within(self, sock: socket.socket, seconds: float = 5.0) -> bytes:
        readable, _, _ = select.select([sock], [], [], seconds)
        self.assertTrue(readable, "a datagram was awaited")
        return sock.recv(65536)

    def intercepted(self, source: Host, target: Host) -> bytes:
        """A sealed datagram of the left plane, taken off its path before anybody saw it."""
        catcher = self.stranger(target)
        port = catcher.getsockname()[1]
        self.ends[0].plane.set_path(1, PathPlan.by(SocketAddress.of(f"192.0.2.{target.number}", port), 1472))
        probe = self.socket_in(source, socket.SOCK_DGRAM)
        while True:
            probe.sendto(b"plain text inside", (target.addresses[0], 7))
            datagram = self.receive_within(catcher)
            if len(datagram) > OVERHEAD_BYTES:
                self.ends[0].plane.set_path(1, PathPlan.by(target.underlay(), 1472))
                return datagram
