# -*- test-case-name: integration.netns.test_lab -*-
"""The process that is the internet: an epoll loop between the sites' TUN devices and the `Internet` core.

Started by `InternetProcess` with one descriptor of a SEQPACKET pair; over it come orders (with TUN descriptors as
ancillary data) and go answers. The process ends when the other end of the pair is closed, however that came about.

Accuracy: epoll rounds waiting times up to whole milliseconds, so packets are delivered up to half a millisecond early
rather than up to one late.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from attrs import asdict

from zerogo.lab.capture import PcapFile
from zerogo.lab.errors import LabFault
from zerogo.lab.internet import Counters, Internet
from zerogo.lab.scenario import Link

_EARLY_SECONDS = 0.0005
_BATCH_PACKETS = 64
"""Read from one TUN before the others have their turn."""
_PACKET_BYTES = 65536
_ORDER_BYTES = 65536
_IDLE_SECONDS = 1.0


class AddPort(msgspec.Struct, tag=True):
    """Attach the TUN whose descriptor comes along; answered by its port."""

    up: Link
    down: Link


class SetRoute(msgspec.Struct, tag=True):
    """Send a prefix to a port; nowhere if `port` is None."""

    prefix: bytes
    port: int | None


class SetLink(msgspec.Struct, tag=True):
    """Change a port's links, or what is between two ports."""

    port: int
    link: Link
    other: int | None = None


class Cut(msgspec.Struct, tag=True):
    """Cut a port off, or two from each other."""

    port: int
    other: int | None = None


class Heal(msgspec.Struct, tag=True):
    """Undo a cut."""

    port: int
    other: int | None = None


class Watch(msgspec.Struct, tag=True):
    """Count packets with a pattern; answered by how many there were so far."""

    pattern: bytes


class Record(msgspec.Struct, tag=True):
    """Write all packets to a pcap file, until an empty path comes."""

    path: str


class Count(msgspec.Struct, tag=True):
    """Answered by the counters."""


Order = AddPort | SetRoute | SetLink | Cut | Heal | Watch | Record | Count


class Answer(msgspec.Struct):
    """To every order, in turn."""

    value: int = 0
    counters: dict[str, int] = {}
    complaint: str = ""


class InternetProcess:
    """The emulator as its owner sees it."""

    def __init__(self, seed: int, log: Path) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "zerogo.lab.emulator", str(theirs.fileno()), str(seed)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._socket.settimeout(20)

    def order(self, order: Order, descriptor: int | None = None) -> Answer:
        """Give an order and wait for its answer; raises `LabFault` if the emulator is gone or refuses."""
        try:
            socket.send_fds(self._socket, [msgspec.json.encode(order)], [] if descriptor is None else [descriptor])
            raw = self._socket.recv(_ORDER_BYTES)
        except OSError as error:
            raise LabFault(f"the emulated internet does not answer: {error}") from error
        if not raw:
            raise LabFault("the emulated internet has stopped")
        answer = msgspec.json.decode(raw, type=Answer)
        if answer.complaint:
            raise LabFault(f"the emulated internet: {answer.complaint}")
        return answer

    def counters(self) -> Counters:
        """What became of packets so far."""
        return Counters(**self.order(Count()).counters)

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
            return
        self._process.kill()
        self._process.wait()


class _Emulator:
    def __init__(self, control: socket.socket, seed: int) -> None:
        self._control = control
        self._internet = Internet(seed)
        self._tuns: list[int] = []
        self._ports: dict[int, int] = {}
        self._capture: PcapFile | None = None
        self._epoll = select.epoll()
        self._epoll.register(control.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Until the owner closes its end."""
        internet, control = self._internet, self._control.fileno()
        while True:
            due = internet.next_at()
            wait = _IDLE_SECONDS if due is None else max(0.0, due - time.monotonic() - _EARLY_SECONDS)
            for descriptor, _ in self._epoll.poll(min(wait, _IDLE_SECONDS)):
                if descriptor != control:
                    self._read(descriptor)
                elif not self._obey():
                    return
            for port, packet in internet.deliver(time.monotonic() + _EARLY_SECONDS):
                # A device that is down, or a full backlog: the packet is lost, as on a line.
                with contextlib.suppress(OSError):
                    os.write(self._tuns[port], packet)

    def _read(self, descriptor: int) -> None:
        port, receive, now = self._ports[descriptor], self._internet.receive, time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(_BATCH_PACKETS):
                receive(port, os.read(descriptor, _PACKET_BYTES), now)

    def _obey(self) -> bool:
        raw, descriptors, _, _ = socket.recv_fds(self._control, _ORDER_BYTES, 1)
        if not raw:
            return False
        try:
            answer = self._carry_out(msgspec.json.decode(raw, type=Order), descriptors)
        except (LabFault, msgspec.MsgspecError, OSError, IndexError) as error:
            answer = Answer(complaint=str(error))
        self._control.send(msgspec.json.encode(answer))
        return True

    def _carry_out(self, order: Order, descriptors: list[int]) -> Answer:
        internet = self._internet
        match order:
            case AddPort(up, down):
                return Answer(value=self._add_port(up, down, descriptors[0]))
            case SetRoute(prefix, None):
                internet.remove_route(prefix)
            case SetRoute(prefix, int(port)):
                internet.set_route(prefix, port)
            case SetLink(port, link, None):
                internet.set_link(port, up=link, down=link)
            case SetLink(port, link, int(other)):
                internet.set_between(port, other, link)
            case Cut(port, other):
                internet.cut(port, other)
            case Heal(port, other):
                internet.heal(port, other)
            case Watch(pattern):
                internet.watch(pattern)
                return Answer(value=internet.seen(pattern))
            case Record(path):
                self._record(path)
            case Count():
                return Answer(counters=asdict(internet.counters))
        return Answer()

    def _add_port(self, up: Link, down: Link, descriptor: int) -> int:
        os.set_blocking(descriptor, False)
        port = self._internet.add_port(up, down)
        self._tuns.append(descriptor)
        self._ports[descriptor] = port
        self._epoll.register(descriptor, select.EPOLLIN)
        return port

    def _record(self, path: str) -> None:
        if self._capture is not None:
            self._capture.close()
        self._capture = PcapFile(Path(path), time.time() - time.monotonic()) if path else None
        self._internet.capture = self._capture.write if self._capture else None


def main() -> None:
    """The process' entry: the control descriptor and the seed are its arguments."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        _Emulator(control, int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
