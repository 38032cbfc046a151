"""A UDP stream between two hosts of a lab, a datagram every 10 ms, and how long it fell silent."""

from __future__ import annotations

import itertools
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

import msgspec

from zerogo.agent.reports import PeerReport
from zerogo.lab.laboratory import Lab
from zerogo.lab.local_api import ask
from zerogo.lab.roles import Mesh

GAP_SECONDS = 0.010
PORT = 7007
_TOS_EXPEDITED = 0xB8
"""DSCP EF: the band of real-time datagrams."""
_SO_TIMESTAMPNS = 35
_HEAD = struct.Struct("!Id")


class Stream:
    """From one host to another through the mesh; runs from entering to leaving."""

    def __init__(self, lab: Lab, mesh: Mesh, source: str, target: str) -> None:
        self.received: dict[int, float] = {}
        """By number: when it arrived, seconds since 1970."""
        self.sent: dict[int, float] = {}
        self.copies = 0
        """Datagrams that came a second time."""
        own, there = mesh.address(source), mesh.address(target)
        assert own is not None
        assert there is not None
        self._sender = lab.socket(source, socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _TOS_EXPEDITED)
        self._sender.bind((own, 0))
        self._receiver = lab.socket(target, socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._receiver.bind((there, PORT))
        self._there = (there, PORT)
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._receive)]

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._sender.close()
        self._receiver.close()

    def silence(self, since: float, until: float) -> float:
        """The longest time without an arrival in between, seconds."""
        times = sorted(at for at in list(self.received.values()) if since <= at <= until)
        return max(later - earlier for earlier, later in itertools.pairwise([since, *times, until]))

    def tally(self, since: float, until: float) -> tuple[int, int]:
        """How many datagrams were sent in between, and how many of them never came."""
        numbers = [number for number, at in list(self.sent.items()) if since <= at <= until]
        return len(numbers), sum(number not in self.received for number in numbers)

    def _send(self) -> None:
        at = time.monotonic()
        for number in itertools.count():
            if self._is_over.is_set():
                return
            try:
                self._sender.sendto(_HEAD.pack(number, 0.0) + bytes(80), self._there)
                self.sent[number] = time.time()
            except OSError:
                pass  # The device is busy or gone: nothing was sent.
            at += GAP_SECONDS
            time.sleep(max(0.0, at - time.monotonic()))

    def _receive(self) -> None:
        while not self._is_over.is_set():
            if not select.select([self._receiver], [], [], 0.05)[0]:
                continue
            data, ancillary, _, _ = self._receiver.recvmsg(2048, 64)
            number = _HEAD.unpack_from(data)[0]
            self.copies += number in self.received
            self.received.setdefault(number, _arrived(ancillary))


def _arrived(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack_from("=qq", value)
            return float(seconds + nanoseconds * 1e-9)
    return time.time()


def peer_report(mesh: Mesh, host: str, peer: str) -> PeerReport | None:
    """What the agent of a host says of a member."""
    raw = ask(mesh._socket(host), "peers")
    if raw is None:
        return None
    found = msgspec.convert(json.loads(raw)["result"], list[PeerReport])
    return next((each for each in found if each.name == peer), None)


def kind_of(mesh: Mesh, host: str, peer: str) -> str:
    """The kind of path that a host uses to a member; empty for none."""
    report = peer_report(mesh, host, peer)
    return "" if report is None or report.path is None or report.state != "connected" else report.path.kind


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time; it is looked at every 0.1 seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()
