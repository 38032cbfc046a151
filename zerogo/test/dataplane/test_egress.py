from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import ADD_SESSION, PATH_REFUSED, REKEY_DUE, SET_PATH, SET_PEER
from zerogo.dataplane.offloads import Offloads
from zerogo.dataplane.vnet import CHECKSUM_VALID, NEEDS_CHECKSUM, VNET, VNET_BYTES
from zerogo.test.dataplane import frames as f
from zerogo.wire.transport import OVERHEAD_BYTES


class EgressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.left, self.right = f.joined()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def carried(self, *frames: bytes) -> list[bytes]:
        self.left.write(*frames)
        self.right.take_trains_of(self.left)
        return self.right.frames()

    def test_the_ethernet_header_stays_home_between_members(self) -> None:
        frame = f.plain(f.ip_frame(1, b"\x08\0" + bytes(54)))
        self.assertEqual([frame], self.carried(frame))
        self.left.write(frame)
        self.assertEqual(len(frame) - VNET_BYTES - 14 + OVERHEAD_BYTES, len(self.left.sender.datagrams()[0]))

    def test_other_protocols_keep_it(self) -> None:
        for frame in (f.ethernet(0x88B5, bytes(50)), f.ethernet(0x0800, b"\x65" + bytes(50))):
            self.assertEqual([f.plain(frame)], self.carried(f.plain(frame)))

    def test_frames_of_one_size_leave_as_one_train(self) -> None:
        frames = [f.plain(f.ip_frame(17, f.udp_message(os.urandom(200)))) for _ in range(20)]
        self.left.write(*frames)
        ((_, train, size),) = self.left.sender.trains
        self.assertEqual(20 * size, len(train))
        self.right.take_trains_of(self.left)
        self.assertEqual(frames, self.right.frames())

    def test_a_train_ends_with_a_smaller_frame_and_never_grows(self) -> None:
        sizes = [200, 200, 100, 100, 300, 300]
        frames = [f.plain(f.ip_frame(17, f.udp_message(bytes(size)))) for size in sizes]
        self.left.write(*frames)
        counts = [-(-len(train) // size) for _, train, size in self.left.sender.trains]
        self.assertEqual([3, 1, 2], counts)
        self.right.take_trains_of(self.left)
        self.assertEqual(frames, self.right.frames())

    def test_a_partial_checksum_stays_partial(self) -> None:
        for is_ipv6 in (False, True):
            frame = f.partial(f.ip_frame(17, f.udp_message(b"hello"), is_ipv6), 17, is_ipv6)
            self.assertEqual([frame], self.carried(frame))
        self.assertEqual(2, self.left.tally.checksums_elided)

    def test_dhcp_broadcasts_and_odd_checksums_are_completed(self) -> None:
        dhcp = f.partial(f.ip_frame(17, f.udp_message(b"offer", port=68)), 17)
        broadcast = bytearray(f.partial(f.ip_frame(17, f.udp_message(b"hello all")), 17))
        broadcast[VNET_BYTES : VNET_BYTES + 6] = b"\xff" * 6
        inside = bytearray(f.partial(f.ip_frame(17, f.udp_message(bytes(60))), 17))
        VNET.pack_into(inside, 0, NEEDS_CHECKSUM, 0, 0, 0, 60, 6)
        for frame in (dhcp, bytes(broadcast), bytes(inside)):
            (out,) = self.carried(frame)
            self.assertEqual(bytes(VNET_BYTES), out[:VNET_BYTES])
        self.assertEqual(3, self.left.tally.checksums_completed)

    def test_every_copy_of_a_flooded_frame_is_the_same(self) -> None:
        twin = f.MemoryPlane(0)
        self.addCleanup(twin.close)
        keys = bytes(32), bytes(range(32))
        for peer in (1, 2):
            twin.plane.obey((SET_PEER, peer, b"\x09" * 10, bytes([2, 0, 0, 0, 0, peer]), [], [], True), 0.0)
            twin.plane.obey((SET_PATH, peer, f.straight(f.SOURCE, 1472)), 0.0)
            twin.plane.obey((ADD_SESSION, peer, (peer, 77), keys, f.CHACHAPOLY, True), 0.0)
        for destination in (b"\xff" * 6, bytes([2, 9, 9, 9, 9, 9])):
            frame = bytearray(f.partial(f.ip_frame(17, f.udp_message(os.urandom(900))), 17))
            frame[VNET_BYTES : VNET_BYTES + 6] = destination
            twin.sender.trains.clear()
            twin.write(bytes(frame))
            # Equal keys, indexes and counters: equal plaintexts are equal datagrams.
            first, second = twin.sender.datagrams()
            self.assertEqual(first, second)

    def test_a_checksum_that_the_kernel_verified_is_not_computed_again(self) -> None:
        frame = f.ip_frame(17, f.udp_message(b"forwarded"))
        (out,) = self.carried(VNET.pack(CHECKSUM_VALID, 0, 0, 0, 0, 0) + frame)
        self.assertEqual((NEEDS_CHECKSUM, 0, 0, 0, 34, 6), VNET.unpack_from(out))
        self.assertEqual(0, self.left.tally.checksums_completed)

    def test_frames_wait_for_a_path(self) -> None:
        self.left.plane.obey((SET_PATH, 1, None), 1.0)
        frames = [f.plain(f.ip_frame(17, f.udp_message(bytes([number])))) for number in range(3)]
        self.left.write(*frames)
        self.assertEqual([], self.left.sender.trains)
        self.left.plane.obey((SET_PATH, 1, f.straight(("192.0.2.1", 9993), 1472)), 1.0)
        self.right.take_trains_of(self.left)
        self.assertEqual(frames, self.right.frames())

    def test_without_a_session_one_is_asked_for_once_in_a_while(self) -> None:
        left, right = f.MemoryPlane(0), f.MemoryPlane(1)
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.meet(right)
        frame = f.plain(f.ip_frame(17, f.udp_message(b"x")))
        for now in (1.0, 2.0, 5.9):
            left.write(frame, now=now)
        self.assertEqual([(REKEY_DUE, 1)], left.upcalls())
        left.write(frame, now=6.1)
        self.assertEqual([(REKEY_DUE, 1)], left.upcalls())

    def test_a_refusal_is_told_once_a_second(self) -> None:
        self.left.sender.failure = errno.ENETUNREACH
        frame = f.plain(f.ip_frame(17, f.udp_message(b"x")))
        for now in (1.0, 1.5, 1.9, 2.1):
            self.left.write(frame, now=now)
        self.assertEqual([(PATH_REFUSED, 1, errno.ENETUNREACH)] * 2, self.left.upcalls())

    def test_our_host_may_not_send_as_another(self) -> None:
        frame = f.ip_frame(17, f.udp_message(b"x"))
        self.left.write(f.plain(frame[:6] + b"\x06\0\0\0\0\1" + frame[12:]))
        self.assertEqual(1, self.left.tally.dropped_foreign_source)
        self.assertEqual([], self.left.sender.trains)

    def test_a_question_is_answered_into_the_tap(self) -> None:
        body = bytes.fromhex("0001080006040001") + f.MACS[0] + f.IPV4[0] + bytes(6) + f.IPV4[1]
        self.left.write(f.plain(f.ethernet(0x0806, body, destination=b"\xff" * 6)))
        (reply,) = self.left.frames()
        self.assertEqual(f.MACS[1], reply[VNET_BYTES + 22 : VNET_BYTES + 28])
        self.assertEqual([], self.left.sender.trains)

    def test_a_super_frame_that_cannot_be_read_is_counted(self) -> None:
        frame = bytearray(f.partial(f.ip_frame(6, f.tcp_message(bytes(9000))), 6, gso_size=1448))
        frame[VNET_BYTES + 23] = 132
        self.left.write(bytes(frame))
        self.assertEqual(1, self.left.tally.dropped_malformed)

    def test_no_elision_where_it_is_switched_off(self) -> None:
        left, right = f.joined(offloads=(Offloads(checksum_elision=False), Offloads()))
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.write(f.partial(f.ip_frame(17, f.udp_message(b"hello")), 17))
        right.take_trains_of(left)
        self.assertEqual(bytes(VNET_BYTES), right.frames()[0][:VNET_BYTES])
