"""Channels, twins, spread flows and routes of our own, between planes in memory."""

from __future__ import annotations

import math
import os

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import (
    CONTROL_RECEIVED,
    DATAGRAM_RECEIVED,
    PEER_ROAMED,
    REMOVE_PEER,
    SEND_DATAGRAM,
    SET_FORWARDING,
)
from zerogo.dataplane.vnet import VNET_BYTES
from zerogo.test.dataplane import frames as f
from zerogo.test.dataplane.meshed import MTU, RELAY, Meshed, address, channel_to, route

STUN = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)


class DepartureCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.mesh = Meshed()
        self.addCleanup(self.mesh.close)
        self.left, self.right = self.mesh.planes[:2]

    def small(self, port: int = 7, size: int = 100) -> bytes:
        return f.plain(self.mesh.frame(0, 1, 17, f.udp_message(os.urandom(size), port)))

    def big(self, payload: int = 20_000) -> bytes:
        """A TCP super-frame and the bytes of its payload."""
        frame = self.mesh.frame(0, 1, 6, f.tcp_message(os.urandom(payload)))
        return f.partial(frame, 6, gso_size=1400)

    def arrived(self) -> list[bytes]:
        return self.right.frames()


class ChannelTests(DepartureCase):
    def setUp(self) -> None:
        super().setUp()
        self.mesh.plan(0, 1, (channel_to(1), MTU))

    def test_each_datagram_of_a_train_has_its_header(self) -> None:
        frames = [self.small() for _ in range(5)]
        self.mesh.write(0, *frames)
        ((_, place, train),) = self.mesh.carried
        size = len(train) // 5
        self.assertEqual(channel_to(1), place)
        heads = {train[at : at + 4] for at in range(0, len(train), size)}
        self.assertEqual({b"\x40\x01" + (size - 4).to_bytes(2, "big")}, heads)
        self.assertEqual(frames, self.arrived())

    def test_a_super_frame_is_cut_into_channel_data_and_merged_again(self) -> None:
        self.mesh.write(0, self.big())
        frames = [self.big() for _ in range(3)]
        self.mesh.write(0, *frames)
        got = self.arrived()[1:]
        self.assertEqual([frame[VNET_BYTES + 54 :] for frame in frames], [frame[VNET_BYTES + 54 :] for frame in got])
        for _, _, train in self.mesh.carried:
            self.assertEqual(b"\x40\x01", train[:2])
            length = int.from_bytes(train[2:4], "big")
            self.assertLessEqual(length, MTU)
            if len(train) > length + 4:
                self.assertEqual(0, (length + 4) % 8)

    def test_the_source_is_the_channel(self) -> None:
        self.mesh.plan(1, 0, (channel_to(0), MTU))
        self.mesh.control(0, 1, b"probe")
        self.mesh.write(0, self.small())
        self.assertEqual([(CONTROL_RECEIVED, 1, channel_to(0), b"probe")], self.right.upcalls())
        self.mesh.plan(1, 0, (address(0), MTU))
        self.mesh.write(0, self.small())
        self.assertEqual([(PEER_ROAMED, 1, channel_to(0))], self.right.upcalls())

    def test_strangers_come_up_from_the_channel(self) -> None:
        self.left.plane.obey((SEND_DATAGRAM, channel_to(1), STUN), 1.0)
        self.mesh.settle()
        self.assertEqual([(DATAGRAM_RECEIVED, channel_to(0), STUN)], self.right.upcalls())

    def test_what_is_no_channel_data_is_dropped(self) -> None:
        bad = [
            b"\x40",
            b"\x40\x01\0\x01",
            b"\x40\x01\0\0" + STUN,
            b"\x40\x01\xff\xff" + STUN,
            b"\x40\x01\0\x14" + STUN[:19],
        ]
        bad += [b"\x40\x01\0\x18\x40\x01\0\x14" + STUN]
        for datagram in bad:
            self.right.receive(datagram, len(datagram), RELAY)
        padded = b"\x4f\xff\0\x14" + STUN + bytes(3)
        self.right.receive(padded, len(padded), RELAY)
        self.assertEqual([(DATAGRAM_RECEIVED, (2, 0x4FFF, *RELAY), STUN)], self.right.upcalls())
        self.right.receive(padded, len(padded), (1, 5, *RELAY))
        self.assertEqual(len(bad) + 1, self.right.tally.dropped_malformed)

    def test_a_train_of_several_channels_is_taken_apart(self) -> None:
        frames = [self.small() for _ in range(4)]
        self.left.write(*frames)
        ((_, train, size),) = self.left.sender.trains
        self.left.sender.trains.clear()
        mixed = train[: 2 * size] + b"\x40\x09" + train[2 * size + 2 : 3 * size] + train[3 * size :]
        self.right.receive(mixed, size, RELAY)
        self.assertEqual(frames, self.arrived())


class TwinTests(DepartureCase):
    def setUp(self) -> None:
        super().setUp()
        self.mesh.plan(0, 1, (address(1), MTU), (channel_to(1), 1008))

    def test_the_same_bytes_go_both_ways_and_arrive_once(self) -> None:
        frames = [self.small() for _ in range(5)]
        self.mesh.write(0, *frames)
        straight = b"".join(train for _, place, train in self.mesh.carried if place == address(1))
        relayed = b"".join(train[4:] for _, place, train in self.mesh.carried if place == channel_to(1))
        self.assertEqual(straight, relayed)
        self.assertEqual(frames, self.arrived())
        self.assertEqual((5, 5), (self.left.tally.twins_out, self.right.tally.dropped_replay))

    def test_copies_of_what_goes_by_a_route_are_whole(self) -> None:
        self.mesh.planes[2].plane.obey((SET_FORWARDING, 1 << 30), 0.0)
        self.mesh.plan(0, 1, (route(2, 1), 1300), (address(1), 1300), late=(address(1), 1300))
        frames = [self.small() for _ in range(5)]
        self.mesh.write(0, *frames)
        self.left.plane.send_late(self.left.plane.late_at())
        self.mesh.settle()
        self.assertEqual(sorted(frames), sorted(self.arrived()))
        tally = self.right.tally
        self.assertEqual((10, 0, 0), (tally.dropped_replay, tally.dropped_malformed, tally.dropped_unauthentic))

    def test_either_way_alone_is_enough(self) -> None:
        for dead in (address(1), channel_to(1)):
            self.mesh.is_lost = lambda sender, place, dead=dead: place == dead  # type: ignore[misc]
            frames = [self.small() for _ in range(5)]
            self.mesh.write(0, *frames)
            self.assertEqual(frames, self.arrived())

    def test_late_copies_go_when_their_time_has_come_and_make_up_for_what_both_ways_lost(self) -> None:
        self.mesh.plan(0, 1, (address(1), MTU), (channel_to(1), 1008), late=(channel_to(1), 1008))
        self.mesh.is_lost = lambda sender, place: True
        frames = [self.small() for _ in range(5)]
        self.mesh.write(0, *frames)
        self.mesh.is_lost = lambda sender, place: False
        self.assertEqual([], self.arrived())
        due_at = self.left.plane.late_at()
        self.left.plane.send_late(due_at - 0.001)
        self.mesh.settle()
        self.assertEqual((due_at, []), (self.left.plane.late_at(), self.arrived()))
        self.left.plane.send_late(due_at)
        self.mesh.settle()
        self.assertEqual((frames, 5), (self.arrived(), self.left.tally.late_copies_out))
        self.assertEqual(math.inf, self.left.plane.late_at())

    def test_what_arrived_at_once_does_not_arrive_again_late(self) -> None:
        self.mesh.plan(0, 1, (address(1), MTU), late=(address(1), MTU))
        frames = [self.small() for _ in range(5)]
        self.mesh.write(0, *frames, self.small(size=1000))
        self.assertEqual(frames, self.arrived()[:5])
        self.left.plane.send_late(self.left.plane.late_at())
        self.mesh.settle()
        self.assertEqual(([], 5), (self.arrived(), self.right.tally.dropped_replay))

    def test_no_late_copy_goes_to_a_peer_that_is_gone(self) -> None:
        self.mesh.plan(0, 1, (address(1), MTU), late=(address(1), MTU))
        self.mesh.write(0, self.small())
        self.left.plane.obey((REMOVE_PEER, 2), 0.0)
        self.left.plane.send_late(self.left.plane.late_at())
        self.assertEqual(([], 0), (self.left.sender.trains, self.left.tally.late_copies_out))

    def test_bulk_goes_one_way(self) -> None:
        self.mesh.write(0, self.big(), self.small(size=700))
        self.assertEqual({address(1)}, {place for _, place, _ in self.mesh.carried})

    def test_what_goes_both_ways_fits_both(self) -> None:
        frame = bytearray(self.big())
        frame[VNET_BYTES + 15] = 46 << 2
        self.mesh.write(0, bytes(frame))
        self.assertEqual({address(1), channel_to(1)}, {place for _, place, _ in self.mesh.carried})
        self.mesh.carried.clear()
        frame = bytearray(self.small(size=1300))
        frame[VNET_BYTES + 15] = 46 << 2
        self.mesh.write(0, bytes(frame))
        pieces = [train for _, place, train in self.mesh.carried if place == channel_to(1)]
        self.assertEqual(2, len(pieces))
        self.assertLessEqual(max(map(len, pieces)), 1008 + 4)

    def test_neither_way_is_roaming(self) -> None:
        self.mesh.plan(1, 0, (address(0), MTU), (channel_to(0), MTU))
        self.mesh.is_lost = lambda sender, place: place == address(1)
        self.mesh.write(0, self.small())
        self.assertEqual([], self.right.upcalls())


class SpreadTests(DepartureCase):
    def test_flows_keep_their_way_and_all_ways_are_used(self) -> None:
        self.mesh.plan(0, 1, (address(1), MTU), None, (channel_to(1), MTU), (route(2, 1), MTU))
        self.mesh.planes[2].plane._carrying.set_rate(1 << 20)
        used = []
        for port in range(24):
            self.mesh.carried.clear()
            frames = [self.small(port, size) for size in (50, 400, 60)]
            self.mesh.write(0, *frames)
            self.assertEqual(frames, self.arrived())
            places = {place for sender, place, _ in self.mesh.carried if sender == 0}
            self.assertEqual(1, len(places))
            used.append(places.pop())
        self.assertEqual({address(1), channel_to(1), address(2)}, {*used})


class OwnRouteTests(DepartureCase):
    def test_a_route_that_cannot_be_is_not_sent_to(self) -> None:
        for place in (route(1), route(2, 3, 1, 0), route(2, 0), route(2, 2)):
            self.mesh.control(0, 1, b"probe", place)
        self.assertEqual((4, []), (self.left.tally.dropped_forward_invalid, self.mesh.carried))
        self.left.plane.obey((SEND_DATAGRAM, route(2, 1), STUN), 1.0)
        self.assertEqual((5, []), (self.left.tally.dropped_forward_invalid, self.left.sender.trains))

    def test_without_its_carrier_a_route_leads_nowhere(self) -> None:
        self.mesh.plan(0, 2, (route(3, 2), MTU))
        self.mesh.control(0, 1, b"probe", route(2, 1))
        self.assertEqual((1, []), (self.left.tally.dropped_no_endpoint, self.mesh.carried))

    def test_a_probe_larger_than_the_first_hop_is_dropped(self) -> None:
        self.mesh.control(0, 1, bytes(MTU - 36 - 64), route(2, 1))
        self.mesh.control(0, 1, bytes(MTU - 36 - 63), route(2, 1))
        self.assertEqual((1, 1), (self.left.tally.dropped_forward_too_long, len(self.mesh.carried)))

    def test_trains_go_by_a_route_whose_first_hop_is_a_channel(self) -> None:
        self.mesh.planes[2].plane.obey((SET_FORWARDING, 1 << 24), 0.0)
        self.mesh.plan(0, 2, (channel_to(2), MTU))
        self.mesh.plan(0, 1, (route(2, 1), MTU - 64))
        frames = [self.big(), self.small(), self.small(), self.big()]
        self.mesh.write(0, *frames)
        got = self.arrived()
        self.assertEqual(b"".join(frame[-60:] for frame in frames), b"".join(frame[-60:] for frame in got))
        self.assertEqual({channel_to(2)}, {place for sender, place, _ in self.mesh.carried if sender == 0})
        self.assertEqual(0, self.left.tally.dropped_forward_too_long)
        self.assertEqual(0, self.right.tally.dropped_malformed)
