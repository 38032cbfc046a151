"""FORWARD between planes in memory: who may carry what, and what comes out at the end."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import CONTROL_RECEIVED, DATAGRAM_RECEIVED, REMOVE_PEER, SEND_DATAGRAM, SET_FORWARDING
from zerogo.dataplane.vnet import VNET_BYTES
from zerogo.test.dataplane import frames as f
from zerogo.test.dataplane.meshed import MTU, Meshed, address, channel_to, route

DATAGRAM = b"\x93" + bytes(59)


class CarryingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.mesh = Meshed()
        self.addCleanup(self.mesh.close)
        self.let(1 << 24, 1, 2)

    def let(self, rate: int, *numbers: int) -> None:
        for number in numbers:
            self.mesh.planes[number].plane.obey((SET_FORWARDING, rate), 0.0)

    def tally(self, number: int, name: str) -> int:
        return int(getattr(self.mesh.planes[number].tally, name))


class RouteTests(CarryingCase):
    def test_frames_arrive_over_one_carrier_and_over_two(self) -> None:
        for via in ([1], [1, 2]):
            self.mesh.plan(0, 3, (route(*via, 3), 1240))
            udp = [f.plain(self.mesh.frame(0, 3, 17, f.udp_message(os.urandom(150)))) for _ in range(10)]
            tcp = f.partial(self.mesh.frame(0, 3, 6, f.tcp_message(os.urandom(30_000))), 6, gso_size=1400)
            self.mesh.write(0, *udp)
            self.mesh.write(0, tcp)
            self.mesh.write(0, tcp)
            got = self.mesh.planes[3].frames()
            self.assertEqual(udp, got[:10])
            self.assertEqual([tcp[VNET_BYTES + 54 :]] * 2, [frame[VNET_BYTES + 54 :] for frame in got[10:]])
        for _, _, train in self.mesh.carried:
            self.assertNotIn(tcp[-1000:-900], train)
        self.assertEqual([], self.mesh.planes[1].frames() + self.mesh.planes[2].frames())

    def test_a_train_is_carried_on_whole_and_into_a_channel(self) -> None:
        self.mesh.plan(0, 3, (route(1, 3), 1240))
        for place in (address(3), channel_to(3)):
            self.mesh.plan(1, 3, (place, MTU))
            frames = [f.plain(self.mesh.frame(0, 3, 17, f.udp_message(os.urandom(400)))) for _ in range(20)]
            frames.append(f.plain(self.mesh.frame(0, 3, 17, f.udp_message(os.urandom(390)))))
            self.patch(self.mesh.planes[1].plane._carrying, "take", None)
            self.mesh.carried.clear()
            self.mesh.write(0, *frames)
            self.assertEqual(frames, self.mesh.planes[3].frames())
            self.assertEqual([(0, address(1)), (1, place)], [(sender, to) for sender, to, _ in self.mesh.carried])
        self.assertEqual(42, self.tally(1, "forward_carried"))

    def test_a_train_of_several_routes_is_taken_apart(self) -> None:
        frames = {}
        for receiver in (2, 3):
            self.mesh.plan(0, receiver, (route(1, receiver), 1240))
            frames[receiver] = [
                f.plain(self.mesh.frame(0, receiver, 17, f.udp_message(os.urandom(400)))) for _ in range(6)
            ]
        self.mesh.write(0, *[frame for pair in zip(frames[2], frames[3], strict=True) for frame in pair])
        for receiver in (2, 3):
            self.assertEqual(frames[receiver], self.mesh.planes[receiver].frames())
        self.assertEqual(1, sum(sender == 0 for sender, _, _ in self.mesh.carried))

    def test_the_source_is_the_way_back(self) -> None:
        self.mesh.control(0, 3, b"probe", route(1, 2, 3))
        self.assertEqual([(CONTROL_RECEIVED, 1, route(2, 1, 0), b"probe")], self.mesh.planes[3].upcalls())
        self.let(1 << 20, 1, 2)
        self.mesh.control(3, 0, b"answer", route(2, 1, 0))
        self.assertEqual([(CONTROL_RECEIVED, 4, route(1, 2, 3), b"answer")], self.mesh.planes[0].upcalls())

    def test_a_handshake_comes_up_and_one_for_others_does_not(self) -> None:
        right, wrong = f.signed(b"\x90" + bytes(130)), f.signed(b"\x90" + bytes(130), b"wrong" * 5)
        for datagram in (wrong, right):
            self.mesh.planes[0].plane.obey((SEND_DATAGRAM, route(1, 3), datagram), 1.0)
            self.mesh.settle()
        self.assertEqual([(DATAGRAM_RECEIVED, route(1, 0), right)], self.mesh.planes[3].upcalls())
        self.assertEqual(1, self.tally(3, "dropped_mac1"))

    def test_a_carrier_uses_a_channel_and_never_a_route(self) -> None:
        self.mesh.plan(1, 3, (route(2, 3), MTU), None, (channel_to(3), MTU))
        self.mesh.control(0, 3, b"probe", route(1, 3))
        self.assertEqual([address(1), channel_to(3)], [place for _, place, _ in self.mesh.carried])
        self.mesh.plan(1, 3, (route(2, 3), MTU))
        self.mesh.control(0, 3, b"probe", route(1, 3))
        self.assertEqual(1, self.tally(1, "dropped_forward_no_way"))

    def test_the_band_is_told_to_the_carrier(self) -> None:
        self.mesh.plan(0, 3, (route(1, 3), 1240))
        seen: list[int] = []
        hand_on = self.mesh.planes[1].plane._departure.hand_on

        def watch(node_id: bytes, plaintext: memoryview, now: float) -> str:
            seen.append(plaintext[1])
            return hand_on(node_id, plaintext, now)

        self.mesh.planes[1].plane._departure.hand_on = watch  # type: ignore[method-assign]
        self.mesh.write(0, f.plain(self.mesh.frame(0, 3, 17, f.udp_message(bytes(50)))))
        self.mesh.write(0, f.plain(self.mesh.frame(0, 3, 17, f.udp_message(bytes(700)))))
        self.mesh.control(0, 3, b"probe")
        self.assertEqual([1, 2, 0], seen)


class RefusalTests(CarryingCase):
    def test_only_rightful_datagrams_are_taken(self) -> None:
        ids = f.NODES
        wrong = [
            b"",
            b"\x03",
            b"\x03\x01" + ids[0] + ids[1] + ids[3],
            b"\x03\x01" + ids[0] + ids[1] + ids[3][:9],
            b"\x03\x01" + ids[2] + ids[1] + ids[3] + DATAGRAM,
            b"\x03\x01" + ids[0] + ids[2] + ids[3] + DATAGRAM,
            b"\x03\x02" + ids[0] + ids[1] + ids[3] + DATAGRAM,
            b"\x03\x00" + ids[1] + ids[0] + ids[3] + DATAGRAM,
            b"\x03\x03" + ids[0] + ids[2] + ids[3] + DATAGRAM,
            b"\x02\x01" + ids[0] + ids[1] + DATAGRAM,
            b"\x05\x01" + ids[0] + ids[1] + ids[2] + ids[3] + bytes(10) + DATAGRAM,
            b"\x03\x01" + ids[0] + ids[1] + ids[0] + DATAGRAM,
            b"\x03\x01" + ids[0] + ids[1] + ids[1] + DATAGRAM,
            b"\x03\x01" + ids[0] + ids[1] + ids[3] + b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
            b"\x03\x01" + ids[0] + ids[1] + ids[3] + b"\x40\x01\x00\x01\x93",
        ]
        for payload in wrong:
            self.mesh.seal(0, 1, payload)
        self.assertEqual(len(wrong), self.tally(1, "dropped_forward_invalid"))
        self.assertEqual(len(wrong), len(self.mesh.carried))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=120))
    def test_no_payload_harms(self, payload: bytes) -> None:
        before = self.tally(1, "dropped_forward_invalid") + self.tally(1, "dropped_forward_no_way")
        self.mesh.seal(0, 1, payload)
        self.assertEqual(before + 1, self.tally(1, "dropped_forward_invalid") + self.tally(1, "dropped_forward_no_way"))

    def test_no_forward_is_in_a_forward(self) -> None:
        within = b"\x03\x01" + f.NODES[0] + f.NODES[3] + f.NODES[2] + DATAGRAM
        self.let(1 << 20, 3)
        self.mesh.seal(0, 3, within, route(1, 3))
        self.assertEqual((1, 1), (self.tally(3, "forward_delivered"), self.tally(3, "dropped_forward_invalid")))
        self.assertEqual(0, self.tally(3, "forward_carried"))

    def test_nothing_is_carried_until_that_is_allowed(self) -> None:
        self.let(0, 1)
        self.mesh.control(0, 3, b"probe", route(1, 3))
        self.assertEqual((1, []), (self.tally(1, "dropped_forward_rate"), self.mesh.planes[3].upcalls()))

    def test_of_a_train_so_much_is_carried_as_the_rate_allows(self) -> None:
        self.let(1000, 1)
        self.mesh.plan(0, 3, (route(1, 3), 1240))
        for _ in range(4):
            self.mesh.write(0, *[f.plain(self.mesh.frame(0, 3, 17, f.udp_message(bytes(900)))) for _ in range(40)])
        carried = self.tally(1, "forward_carried")
        self.assertEqual((65536 // (900 + 28 + 36), 160), (carried, carried + self.tally(1, "dropped_forward_rate")))
        self.assertEqual(carried, len(self.mesh.planes[3].frames()))

    def test_the_rate_bounds_what_is_carried(self) -> None:
        self.let(1000, 1)
        for _ in range(200):
            self.mesh.control(0, 3, bytes(964), route(1, 3))
        self.assertEqual((65, 135), (self.tally(1, "forward_carried"), self.tally(1, "dropped_forward_rate")))
        peer = self.mesh.planes[1].context.table.peers[1]
        self.assertEqual(65 * 1000, peer.forwarded_bytes)

    def test_what_is_larger_than_the_next_hop_is_dropped(self) -> None:
        self.mesh.plan(1, 3, (address(3), 1000))
        self.mesh.control(0, 3, bytes(1000), route(1, 3))
        self.assertEqual(1, self.tally(1, "dropped_forward_too_long"))

    def test_a_member_that_was_removed_carries_nothing_and_gets_nothing(self) -> None:
        self.mesh.control(0, 3, b"probe", route(1, 3))
        self.mesh.planes[1].plane.obey((REMOVE_PEER, 4), 1.0)
        self.mesh.control(0, 3, b"probe", route(1, 3))
        self.assertEqual((1, 1), (self.tally(1, "forward_carried"), self.tally(1, "dropped_forward_no_way")))
