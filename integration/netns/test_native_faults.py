"""The native plane while the kernel under it changes: interfaces taken down, paths that shrink. Needs root."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.test_native_dataplane import NOT_HERE
from zerogo.dataplane.interface import Counter, IDataplane, PathPlan, PathRefused, PlaneFault
from zerogo.dataplane.native import NativeDataplane
from zerogo.test.dataplane.kernel import End
from zerogo.test.dataplane.planecase import MEGABYTE, PlaneCase


class Watched(End):
    """An end that says when it has been polled, and how often."""

    def __init__(self, end: End, watch: Callable[[int], None]) -> None:
        super().__init__(end.plane, end.host, end.upcalls)
        self._watch, self._times = watch, 0

    def poll(self) -> None:
        super().poll()
        self._times += 1
        self._watch(self._times)


class NativeFaultsTests(PlaneCase, SynchronousTestCase):
    """Nothing of this ends a plane, and traffic goes on when the fault is over."""

    skip = NOT_HERE

    def make_plane(self) -> IDataplane:
        return NativeDataplane()

    def flood(self, source: End, target: End, count: int = 200) -> None:
        sender = self.socket_in(source.host, socket.SOCK_DGRAM)
        for number in range(count):
            sender.sendto(number.to_bytes(2, "big") * 500, (target.host.addresses[0], 9))

    def test_a_receiving_tap_is_taken_down_and_up_again(self) -> None:
        left, right = self.joined()
        self.transfer(left.host, right.host, MEGABYTE)
        right.host.run("ip", "link", "set", "zg0", "down")
        self.flood(left, right)
        self.counts(right, Counter.DROPPED_TAP_WRITE)
        right.host.run("ip", "link", "set", "zg0", "up")
        self.transfer(left.host, right.host, MEGABYTE)
        self.assertEqual([], left.of(PlaneFault) + right.of(PlaneFault))

    def test_a_sending_tap_is_taken_down_and_up_while_it_sends(self) -> None:
        left, right = self.joined()

        def blink(times: int) -> None:
            if times == 20:
                left.host.run("ip", "link", "set", "zg0", "down")
                left.host.run("ip", "link", "set", "zg0", "up")

        self.ends = [Watched(left, blink), right]
        self.transfer(left.host, right.host, 20 * MEGABYTE, seconds=40)
        self.assertEqual([], left.of(PlaneFault) + right.of(PlaneFault))

    def test_the_underlay_shrinks_under_a_stream(self) -> None:
        left, right = self.joined()

        narrowed: list[PathRefused] = []

        def shrink(times: int) -> None:
            if times == 20:
                for host in self.wire.hosts:
                    host.run("ip", "link", "set", "wire", "mtu", "1300")
            refusals = [upcall for upcall in left.upcalls if isinstance(upcall, PathRefused)]
            if refusals and not narrowed:
                narrowed.append(refusals[0])
                for end, other in ((left, right), (right, left)):
                    end.plane.set_path(1, PathPlan.by(other.host.underlay(), 1272))

        self.ends = [Watched(left, shrink), right]
        self.transfer(left.host, right.host, 20 * MEGABYTE, seconds=40)
        self.assertEqual([errno.EMSGSIZE], [refusal.errno for refusal in narrowed])
