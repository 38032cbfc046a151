"""Ten minutes of a bad network between two planes: every datagram is accounted for, and memory stays flat. Run as root:

    python -m integration.bench.soak [--minutes 10] [--plane native] [--rate 600] [--seed 1]

    app, TAP, plane -> UDP -> a middle that loses, delays, reorders, doubles and rebinds -> UDP -> plane, TAP, app

Both directions carry datagrams of all sizes, each with its number and a pattern that follows from it. Every 20 s the
middle appears from another port, as a NAT that forgot; every 45 s there are fresh keys. At the end: what was sent is
what was delivered plus what is counted as dropped, at each step; no datagram came twice or altered; the memory of this
process, in which the native planes' threads run, has grown by less than 2 MB after the first tenth of the time.
"""

from __future__ import annotations

import argparse
import heapq
import random
import select
import socket
import sys
import time
from pathlib import Path

from attrs import Factory, define, field, frozen
from rich.console import Console
from rich.table import Table

from zerogo.dataplane.choice import make_plane
from zerogo.dataplane.interface import Counter, Offloads, PathPlan, PeerCounters, PeerRoamed
from zerogo.dataplane.native import is_built
from zerogo.ids import SocketAddress
from zerogo.test.dataplane.kernel import End, Host, Wire, connect, inside, introduce, open_end, session_pair

LOSS, DOUBLE, REORDER = 0.03, 0.02, 0.05
DELAY_SECONDS = 0.02
LATE_SECONDS = 0.06
REBIND_SECONDS, REKEY_SECONDS = 20.0, 45.0
GROWTH_LIMIT_KB = 2048
DRAIN_SECONDS = 1.0
APP_PORT = 5300
LONGEST = 4000
BUFFER_BYTES = 8 << 20
_REBOUND = 7100
_SO_RCVBUFFORCE = 33


def _socket(host: Host, address: str, port: int) -> socket.socket:
    with inside(host.namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
        made.bind((address, port))
    made.setblocking(False)
    return made


@define
class Leg:
    """The middle's socket towards one plane; it lives on the other plane's host."""

    host: Host
    home: Host
    sock: socket.socket
    former: list[socket.socket] = Factory(list)
    """Ports that were left; what still comes to them is passed on, as a NAT would not, so that nothing is uncounted."""
    came: int = 0
    went: int = 0
    lost: int = 0
    doubled: int = 0


@define
class Middle:
    """Two legs, and what is on its way from one to the other."""

    legs: list[Leg]
    rng: random.Random
    _queue: list[tuple[float, int, int, bytes]] = Factory(list)
    _number: int = 0

    def receive(self, at: int, now: float) -> None:
        """Take what a leg's sockets hold; decide each datagram's fate."""
        leg = self.legs[at]
        for sock in (leg.sock, *leg.former):
            while True:
                try:
                    data = sock.recv(65535)
                except BlockingIOError:
                    break
                leg.came += 1
                if self.rng.random() < LOSS:
                    leg.lost += 1
                    continue
                copies = 2 if self.rng.random() < DOUBLE else 1
                leg.doubled += copies - 1
                for _ in range(copies):
                    late = LATE_SECONDS * self.rng.random() if self.rng.random() < REORDER else 0.0
                    self._number += 1
                    heapq.heappush(self._queue, (now + DELAY_SECONDS + late, self._number, 1 - at, data))

    def deliver(self, now: float) -> None:
        """Send what is due."""
        while self._queue and self._queue[0][0] <= now:
            _, _, at, data = heapq.heappop(self._queue)
            leg = self.legs[at]
            leg.sock.sendto(data, (leg.host.underlay().host, leg.host.underlay().port))
            leg.went += 1

    def rebind(self, at: int, port: int) -> None:
        """Appear to that leg's plane from another port."""
        leg = self.legs[at]
        leg.former.append(leg.sock)
        leg.sock = _socket(leg.home, leg.home.underlay().host, port)
        while len(leg.former) > 2:
            leg.former.pop(0).close()


@define
class App:
    """A program on one host: sends numbered datagrams to the other, checks those that come."""

    sock: socket.socket
    target: tuple[str, int]
    rng: random.Random
    sent: int = 0
    received: int = 0
    twice: int = 0
    altered: int = 0
    _seen: bytearray = field(factory=bytearray)

    def expect(self, total: int) -> None:
        """Room to remember what came, so that the memory of this process says something."""
        self._seen = bytearray(total)

    def send(self) -> None:
        """One more datagram."""
        size = self.rng.choice((8, 60, 200, 1000, 1300, LONGEST)) + self.rng.randrange(60)
        self.sock.sendto(_pattern(self.sent, size), self.target)
        self.sent += 1

    def receive(self) -> None:
        """Check all that came."""
        while True:
            try:
                data = self.sock.recv(65535)
            except BlockingIOError:
                return
            number = int.from_bytes(data[:8], "big")
            if number >= len(self._seen) or data != _pattern(number, len(data)):
                self.altered += 1
            elif self._seen[number]:
                self.twice += 1
            else:
                self._seen[number] = 1
                self.received += 1


_FILLING = random.Random(7).randbytes(LONGEST + 100 + 251)


def _pattern(number: int, size: int) -> bytes:
    start = number % 251
    return number.to_bytes(8, "big") + _FILLING[start : start + size - 8]


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@define
class Soak:
    """The whole set-up."""

    wire: Wire
    ends: list[End]
    middle: Middle
    apps: list[App]
    rekeys: int = 0
    rebinds: int = 0

    def run(self, seconds: float, rate: float) -> list[int]:
        """Send at `rate` datagrams a second each way; the resident memory after a tenth of the time, and at the end."""
        started = time.monotonic()
        memory: list[int] = []
        next_send, rebind_at, rekey_at = started, started + REBIND_SECONDS, started + REKEY_SECONDS
        while (now := time.monotonic()) < started + seconds:
            while next_send <= now:
                for app in self.apps:
                    app.send()
                next_send += 1 / rate
            self._turn(now)
            if now >= rebind_at:
                rebind_at += REBIND_SECONDS
                self.rebinds += 1
                self.middle.rebind(self.rebinds % 2, _REBOUND + self.rebinds % 1000)
            if now >= rekey_at:
                rekey_at += REKEY_SECONDS
                self._rekey()
            if not memory and now >= started + seconds / 10:
                memory.append(_resident_kb())
        memory.append(_resident_kb())
        self._drain()
        return memory

    def turn_for(self, seconds: float) -> None:
        """Let everything move on for so long."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self._turn(now)

    def _turn(self, now: float) -> None:
        legs = self.middle.legs
        sockets = [sock for leg in legs for sock in (leg.sock, *leg.former)] + [app.sock for app in self.apps]
        wakeups = [end.plane.wakeup_fd() for end in self.ends]
        select.select([sock.fileno() for sock in sockets] + wakeups, [], [], 0.001)
        for at in (0, 1):
            self.middle.receive(at, now)
            self.apps[at].receive()
            self.ends[at].poll()
            for upcall in self.ends[at].upcalls:
                if isinstance(upcall, PeerRoamed):
                    self.ends[at].plane.set_path(1, PathPlan.by(upcall.source, 1472))
            self.ends[at].upcalls.clear()
        self.middle.deliver(now)

    def _rekey(self) -> None:
        self.rekeys += 1
        initiator, responder = session_pair(base=self.rekeys)
        self.ends[1].plane.add_session(1, responder)
        # A handshake's response takes at least as long as that; the verb has been obeyed by then.
        self.turn_for(3 * DELAY_SECONDS)
        self.ends[0].plane.add_session(1, initiator)

    def _drain(self) -> None:
        self.turn_for(DRAIN_SECONDS + DELAY_SECONDS + LATE_SECONDS)


REFUSED = (
    Counter.DROPPED_UNKNOWN_INDEX,
    Counter.DROPPED_UNAUTHENTIC,
    Counter.DROPPED_REPLAY,
    Counter.DROPPED_EXPIRED_SESSION,
)
"""What becomes of a sealed datagram that is not taken."""


@frozen
class Tally:
    """What one plane has counted."""

    sent: int
    received: int
    authentic: int
    refused: int


def tallies(soak: Soak) -> list[Tally]:
    """Of both planes, at a moment of rest: a snapshot is up to a second old, and keepalives go on."""
    former: list[Tally] = []
    while (found := [_tally(end) for end in soak.ends]) != former:
        former = found
        soak.turn_for(1.5)
    return found


def _tally(end: End) -> Tally:
    snapshot = end.plane.counters()
    plane, peer = snapshot.plane, snapshot.peers.get(1, PeerCounters())
    sent, received = plane[Counter.UDP_DATAGRAMS_OUT], plane[Counter.UDP_DATAGRAMS_IN]
    return Tally(sent, received, peer.datagrams_in, sum(plane[counter] for counter in REFUSED))


def account(soak: Soak, before: list[Tally]) -> list[tuple[str, int, int]]:
    """Each step of each direction: what went in, and what came out or is counted as dropped."""
    after = tallies(soak)
    lines = []
    for at in (0, 1):
        here, there, way = soak.middle.legs[at], soak.middle.legs[1 - at], f"{'AB'[at]} to {'BA'[at]}"
        sent = after[at].sent - before[at].sent
        received = after[1 - at].received - before[1 - at].received
        judged = after[1 - at].authentic + after[1 - at].refused
        judged -= before[1 - at].authentic + before[1 - at].refused
        lines.append((f"{way}: sent by the plane / reached the middle", sent, here.came))
        lines.append((f"{way}: into the middle / out of it or lost", here.came + here.doubled, there.went + here.lost))
        lines.append((f"{way}: out of the middle / reached the plane", there.went, received))
        lines.append((f"{way}: reached the plane / authentic or dropped", received, judged))
    return lines


def main() -> int:
    """Run, print the accounts; 1 where something does not add up."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--plane", default="native" if is_built() else "reference")
    options.add_argument("--rate", type=float, default=600, help="datagrams a second each way (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    arguments = options.parse_args()
    wire = Wire()
    try:
        ends = [open_end(make_plane(arguments.plane), host, Offloads()) for host in wire.hosts]
        introduce(ends)
        rng = random.Random(arguments.seed)
        legs = [
            Leg(host, home, _socket(home, home.underlay().host, 7000 + host.number))
            for host, home in zip(wire.hosts, wire.hosts[::-1], strict=True)
        ]
        for end, leg in zip(ends, legs, strict=True):
            place = SocketAddress.of(*leg.sock.getsockname())
            end.plane.set_path(1, PathPlan.by(place, 1472))
        connect(ends)
        apps = [
            App(_socket(host, f"10.77.0.{host.number}", APP_PORT), (f"10.77.0.{3 - host.number}", APP_PORT), rng)
            for host in wire.hosts
        ]
        soak = Soak(wire, ends, Middle(legs, rng), apps)
        for app in apps:
            app.expect(int(arguments.minutes * 60 * arguments.rate) + 1000)
        before = tallies(soak)
        for leg in legs:
            leg.came = leg.went = leg.lost = leg.doubled = 0
        memory = soak.run(arguments.minutes * 60, arguments.rate)
        lines = account(soak, before)
    finally:
        for end in ends:
            end.plane.close()
        wire.close()
    return report(soak, lines, memory)


def report(soak: Soak, lines: list[tuple[str, int, int]], memory: list[int]) -> int:
    """Print; the exit status."""
    table = Table(title=f"soak: {soak.rebinds} rebindings, {soak.rekeys} rekeys")
    for title in ("", "in", "out", "missing"):
        table.add_column(title, justify="left" if not title else "right")
    for title, went_in, came_out in lines:
        table.add_row(title, f"{went_in:,}", f"{came_out:,}", f"{went_in - came_out:,}")
    for name, app, other in zip("AB", soak.apps, soak.apps[::-1], strict=True):
        table.add_row(f"datagrams of the program on {name}", f"{app.sent:,}", f"{other.received:,}", "")
    console = Console()
    console.print(table)
    growth = memory[1] - memory[0]
    wrong = sum(app.twice + app.altered for app in soak.apps)
    console.print(f"twice or altered: {wrong}; memory {memory[0]:,} kB after a tenth, {memory[1]:,} kB at the end")
    is_right = all(went_in == came_out for _, went_in, came_out in lines) and wrong == 0 and growth < GROWTH_LIMIT_KB
    console.print("everything adds up" if is_right else "it does NOT add up")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
