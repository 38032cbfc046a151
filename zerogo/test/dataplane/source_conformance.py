"""What any plane must do about the sources of packets, over real TAPs; a mixin of its own, beside `conformance`.

The left host is a member that forges: its kernel is given addresses of others, and sends from them.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable

from attrs import evolve

from zerogo.dataplane.interface import Counter
from zerogo.dataplane.transmit import UDP_SEGMENT
from zerogo.policy.filter import OPEN_RULE, PeerFilter
from zerogo.test.dataplane.kernel import End, Host
from zerogo.test.dataplane.planecase import PlaneCase

PORT = 7
VICTIM = Host("", 3)
"""A third member, which the right host knows as peer 2."""


class SourceConformance(PlaneCase):
    """Left is host 1, right is host 2; each is peer 1 to the other."""

    def forging(self, *strange: str) -> list[End]:
        """Two planes; the left kernel has the addresses of the victim too, and these."""
        left, right = self.joined()
        right.plane.set_peer(VICTIM.entry(2))
        for address in (*VICTIM.addresses, *strange):
            left.host.run("ip", "address", "add", address, "dev", "zg0", *(["nodad"] if ":" in address else []))
        return [left, right]

    def ends_of(self, left: End, right: End, source: str) -> tuple[socket.socket, socket.socket]:
        """A socket that sends from there, connected to one that listens at the right host."""
        address = right.host.addresses[":" in source]
        listening = self.socket_in(right.host, socket.SOCK_DGRAM, (address, 0))
        sending = self.socket_in(left.host, socket.SOCK_DGRAM, (source, 0))
        sending.connect(listening.getsockname()[:2])
        return sending, listening

    def is_stopped(self, left: End, right: End, *sources: str, size: int = 100) -> None:
        """What is sent from there is counted, and not one of it arrives."""
        pairs = [self.ends_of(left, right, source) for source in sources]
        listening = [each for _, each in pairs]
        self.counts_all(lambda: [sending.send(bytes(size)) for sending, _ in pairs], len(pairs), right)
        # Only what comes after all that were counted is sure to be judged by what the plane was told last.
        for each in listening:
            while select.select([each], [], [], 0)[0]:
                each.recv(65536)
        self.counts_all(lambda: [sending.send(bytes(size)) for sending, _ in pairs], len(pairs), right)
        self.assertEqual(([], [], []), select.select(listening, [], [], 0))

    def counts_all(self, send: Callable[[], object], count: int, right: End) -> None:
        """Send so many at a time until more than three times as many were counted for their source."""
        before = right.plane.counters().plane[Counter.DROPPED_FOREIGN_SOURCE]

        def is_counted() -> bool:
            send()
            return right.plane.counters().plane[Counter.DROPPED_FOREIGN_SOURCE] > before + 3 * count

        self.wait(is_counted, "packets to be counted")

    def passes(self, left: End, right: End, source: str) -> None:
        """What is sent from there arrives; sent until it does, since verbs are carried out later than the call."""
        sending, listening = self.ends_of(left, right, source)

        def arrives() -> bool:
            sending.send(b"honest")
            return bool(select.select([listening], [], [], 0.05)[0])

        self.wait(arrives, f"a packet from {source}")

    def test_a_member_that_sends_as_another_or_as_nobody_is_stopped(self) -> None:
        left, right = self.forging("10.77.0.99", "fd77::99")
        self.is_stopped(left, right, *VICTIM.addresses, "10.77.0.99", "fd77::99")
        self.is_stopped(left, right, VICTIM.addresses[0], size=1471)
        for source in left.host.addresses:
            self.passes(left, right, source)

    def test_super_frames_are_stopped_whole(self) -> None:
        left, right = self.forging()
        segments = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", 1000))]
        pairs = [self.ends_of(left, right, source) for source in VICTIM.addresses]
        self.counts_all(lambda: [sending.sendmsg([bytes(20_000)], segments) for sending, _ in pairs], 2, right)
        self.assertEqual(([], [], []), select.select([listening for _, listening in pairs], [], [], 0))

    def test_what_is_behind_a_member_passes_and_other_members_still_do_not(self) -> None:
        left, right = self.forging("198.51.100.7", "2001:db8:9::7")
        self.is_stopped(left, right, "198.51.100.7")
        right.plane.set_peer(evolve(left.host.entry(1), subnets=("0.0.0.0/0", "2001:db8:9::/48")))
        for source in ("198.51.100.7", "2001:db8:9::7"):
            self.passes(left, right, source)
        self.is_stopped(left, right, *VICTIM.addresses)
        right.plane.remove_peer(2)
        self.passes(left, right, VICTIM.addresses[0])
        right.plane.set_peer(left.host.entry(1))
        self.is_stopped(left, right, "198.51.100.7")

    def test_a_bridge_sends_for_stations_but_not_for_members_whatever_the_policy_says(self) -> None:
        left, right = self.forging("10.77.0.99")
        for end in (left, right):
            end.plane.set_filter(1, PeerFilter((OPEN_RULE,), (OPEN_RULE,)))
        self.is_stopped(left, right, "10.77.0.99")
        right.plane.set_peer(left.host.entry(1, is_bridge=True))
        self.passes(left, right, "10.77.0.99")
        self.is_stopped(left, right, VICTIM.addresses[0])
