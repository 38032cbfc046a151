"""A line that is full holds up and drops what goes by any path over it: no reason to leave one path for another."""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.test.mesh.test_scenarios import changes_of_path, longest_silence
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

RATE = 250_000.0
FRAME = b"x" * 1100
WIRE_BYTES = 1200
STEP_SECONDS = 0.002
LOSS_KNOWN_AFTER_SECONDS = 1.0


class Stream:
    """What a TCP connection does to a line: half as much in flight after each loss, one more after each round trip."""

    def __init__(self, source: Member, sink: Member) -> None:
        self.source, self.sink = source, sink
        self.flying: dict[int, float] = {}
        self.window, self.most = 10.0, float("inf")
        self.sent = self.seen = 0
        self.newest = -1
        self.lost_at = 0.0

    def step(self, now: float) -> None:
        """Take what arrived, send what may be."""
        for payload in self.sink.received(self.source)[self.seen :]:
            self.seen += 1
            number = int(payload[:8])
            self.newest = max(self.newest, number)
            if self.flying.pop(number, None) is not None:
                self.window += 1.0 if self.window < self.most else 1.0 / self.window
        lost = [each for each, at in self.flying.items() if each < self.newest or now - at > LOSS_KNOWN_AFTER_SECONDS]
        for number in lost:
            del self.flying[number]
        if lost and now - self.lost_at > 0.1:
            self.lost_at, self.window = now, max(2.0, self.window / 2)
            self.most = self.window
        for _ in range(min(8, int(self.window) - len(self.flying))):
            self.source.send(self.sink, b"%08d" % self.sent + FRAME)
            self.flying[self.sent] = now
            self.sent += 1


class FullLineTests(SynchronousTestCase):
    """Two homes, a relay and a third member that would carry; the line of one home has 2 Mbit/s."""

    def mesh(self, seed: int, queue: float, *, is_down: bool = False) -> tuple[VirtualMesh, Member, Member]:
        """All connected for 5 seconds; the queue of ann's way up, or down, is so many seconds long."""
        mesh = VirtualMesh(seed, LinkQuality(delay=0.010, jitter=0.002))
        mesh.add_relay("relay")
        ann, bob, _ = (mesh.add_member(name, PORT_RESTRICTED) for name in ("ann", "bob", "eve"))
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))
        mesh.run_for(5.0)
        link = ann.host.site.downlink if is_down else ann.host.site.uplink
        link.quality = evolve(link.quality, rate=RATE, queue=queue)
        return mesh, ann, bob

    def assert_steady(self, mesh: VirtualMesh, since: float) -> None:
        """No pair was told another path."""
        for member in mesh.members.values():
            for peer in member.numbers:
                told = {event.destination for event in changes_of_path(member, since) if event.peer == peer}
                status = next(each for each in member.node.peer_status(member.driven.now) if each.peer == peer)
                assert status.path is not None
                self.assertLessEqual(told, {status.path.destination}, (member.name, status.history))
                self.assertEqual(status.path.kind.value, "direct")

    def flood(self, mesh: VirtualMesh, source: Member, sink: Member, excess: float, seconds: float) -> None:
        """So many times what the line carries."""
        end = mesh.clock.now + seconds
        while mesh.clock.now < end:
            source.send(sink, FRAME)
            mesh.run_for(WIRE_BYTES / (RATE * excess))

    def test_a_stream_that_fills_the_line_up_or_down_stays_on_its_path(self) -> None:
        for queue, is_down in ((0.05, False), (0.2, False), (0.2, True), (1.0, False)):
            mesh, ann, bob = self.mesh(1, queue, is_down=is_down)
            since = mesh.clock.now
            stream = Stream(bob, ann) if is_down else Stream(ann, bob)
            while mesh.clock.now < since + 8.0:
                stream.step(mesh.clock.now)
                mesh.run_for(STEP_SECONDS)
            self.assertGreater(stream.seen, 8.0 * 0.6 * RATE / WIRE_BYTES)
            self.assert_steady(mesh, since)

    def test_so_does_one_that_knows_no_restraint(self) -> None:
        for queue, excess in ((0.1, 1.3), (0.5, 1.3), (0.05, 2.0)):
            mesh, ann, bob = self.mesh(2, queue)
            since = mesh.clock.now
            self.flood(mesh, ann, bob, excess, 8.0)
            self.assert_steady(mesh, since)

    def test_a_path_that_dies_below_a_full_line_is_left_all_the_same(self) -> None:
        mesh, ann, bob = self.mesh(3, 0.2)
        self.flood(mesh, ann, bob, 1.3, 3.0)
        since = mesh.clock.now
        one, other = (member.host.site.nat for member in (ann, bob))
        assert one is not None and other is not None
        mesh.internet.part(one.address, other.address)
        self.flood(mesh, ann, bob, 1.3, 4.0)
        self.assertFalse(ann.is_direct_to(bob))
        self.assertTrue(ann.is_connected_to(bob))
        self.assertLess(longest_silence(bob, since, mesh.clock.now), 1.5)

    def test_one_that_is_lossy_beside_a_clean_one_is_left_within_seconds(self) -> None:
        mesh, ann, bob = self.mesh(4, 0.1)
        far, chance = bob.host.site.nat, random.Random(4)
        assert far is not None
        ann.firewall = lambda destination: destination.host == far.address and chance.random() < 0.2
        self.flood(mesh, ann, bob, 0.5, 10.0)
        self.assertFalse(ann.is_direct_to(bob))
        self.assertTrue(ann.is_connected_to(bob))
