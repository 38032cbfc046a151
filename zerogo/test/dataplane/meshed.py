"""Four planes in memory, each with a session with each other, and a relay that knows whose its channels are."""

from __future__ import annotations

import os
from collections.abc import Callable

from zerogo.dataplane.messages import ADD_SESSION, SEND_CONTROL, SET_PATH, SET_PEER
from zerogo.dataplane.place import CHANNEL, ROUTE, Place
from zerogo.dataplane.way import Claim
from zerogo.test.dataplane import frames as f

RELAY = ("198.51.100.1", 3478)
MTU = 1408


def address(number: int) -> Place:
    return f"192.0.2.{number}", 9993


def channel_to(number: int) -> Place:
    """The channel of anybody's that is bound to that member."""
    return CHANNEL, 0x4000 + number, *RELAY


def route(*numbers: int) -> Place:
    return ROUTE, *(f.NODES[number] for number in numbers)


class Meshed:
    """Member `i` knows member `j` as peer `j + 1`. Datagrams travel by `settle`."""

    def __init__(self) -> None:
        self.planes = [f.MemoryPlane(number) for number in range(4)]
        self.carried: list[tuple[int, Place, bytes]] = []
        """What was on the wire: sender, place, train."""
        self.is_lost: Callable[[int, Place], bool] = lambda sender, place: False
        for number, plane in enumerate(self.planes):
            for other in range(4):
                if other != number:
                    names = (f.NODES[other], f.MACS[other], f.addresses_of(other))
                    plane.plane.obey((SET_PEER, other + 1, *names, [], False), 0.0)
                    self.plan(number, other, (address(other), MTU))
        for number in range(4):
            for other in range(number):
                self.connect(number, other)
        self.settle()
        for plane in self.planes:
            plane.upcalls()
        self.carried.clear()

    def close(self) -> None:
        for plane in self.planes:
            plane.close()

    def connect(self, initiator: int, responder: int) -> None:
        keys = os.urandom(32), os.urandom(32)
        near, far = 1000 * initiator + responder + 1, 1000 * initiator + responder + 501
        self.planes[responder].plane.obey((ADD_SESSION, initiator + 1, (far, near), keys[::-1], 1, False), 0.0)
        self.planes[initiator].plane.obey((ADD_SESSION, responder + 1, (near, far), keys, 1, True), 0.0)

    def plan(
        self,
        sender: int,
        receiver: int,
        best: Claim,
        twin: Claim | None = None,
        *spread: Claim,
        late: Claim | None = None,
        hop: Claim | None = None,
    ) -> None:
        self.planes[sender].plane.obey((SET_PATH, receiver + 1, (best, twin, spread, late, hop)), 0.0)

    def settle(self) -> None:
        """Until nothing is under way."""
        while any(plane.sender.trains for plane in self.planes):
            for number, plane in enumerate(self.planes):
                trains, plane.sender.trains = plane.sender.trains, []
                for place, train, size in trains:
                    self.carried.append((number, place, train))
                    if not self.is_lost(number, place):
                        self._arrive(number, place, train, size)

    def _arrive(self, sender: int, place: Place, train: bytes, size: int) -> None:
        if place[0] == CHANNEL:
            slots = [train[at : at + size] for at in range(0, len(train), size)]
            train = b"".join((0x4000 + sender).to_bytes(2, "big") + slot[2:] for slot in slots)
            self.planes[place[1] - 0x4000].receive(train, size, RELAY)
        else:
            self.planes[int(place[0][-1])].receive(train, size, address(sender))

    def seal(self, sender: int, receiver: int, clear: bytes, plaintext: bytes) -> None:
        """Send a FORWARD of any content."""
        peer = self.planes[sender].context.table.peers[receiver + 1]
        assert peer.current is not None
        out = memoryview(bytearray(16) + clear + plaintext + bytes(16))
        assert peer.current.seal_forward(out, 16 + len(clear))
        self.planes[sender].plane._departure.send(address(receiver), out, 2, 1.0)
        self.settle()

    def control(self, sender: int, receiver: int, payload: bytes, place: Place | None = None) -> None:
        self.planes[sender].plane.obey((SEND_CONTROL, receiver + 1, payload, place), 1.0)
        self.settle()

    def frame(self, sender: int, receiver: int, protocol: int, message: bytes) -> bytes:
        """An Ethernet frame of an IPv4 packet between two of them."""
        frame = f.ip_frame(protocol, message)
        return f.MACS[receiver] + f.MACS[sender] + frame[12:]

    def write(self, sender: int, *frames: bytes) -> None:
        self.planes[sender].write(*frames)
        self.settle()
