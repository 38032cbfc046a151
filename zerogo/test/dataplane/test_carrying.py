"""FORWARD between planes in memory: who may carry what, and what comes out at the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import CONTROL_RECEIVED, DATAGRAM_RECEIVED, REMOVE_PEER, SEND_DATAGRAM, SET_FORWARDING
from zerogo.dataplane.place import Place
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
        for number in (1, 3):
            take = self.mesh.planes[number].plane._carrying.take

            def watch(*arguments: Any, take: Callable[..., None] = take) -> None:
                seen.append(arguments[1][-18] >> 4)
                take(*arguments)

            self.mesh.planes[number].plane._carrying.take = watch  # type: ignore[method-assign]
        self.mesh.write(0, f.plain(self.mesh.frame(0, 3, 17, f.udp_message(bytes(50)))))
        self.mesh.write(0, f.plain(self.mesh.frame(0, 3, 17, f.udp_message(bytes(700)))))
        self.mesh.control(0, 3, b"probe")
        self.assertEqual([1, 1, 2, 2, 0, 0], seen)


class RefusalTests(CarryingCase):
    def test_only_rightful_datagrams_are_taken(self) -> None:
        ids = f.NODES
        right = ids[0] + ids[1] + ids[3]
        stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(32)
        wrong = [
            (DATAGRAM, ids[2] + ids[1] + ids[3] + b"\x01\x03"),
            (DATAGRAM, ids[0] + ids[2] + ids[3] + b"\x01\x03"),
            (DATAGRAM, right + b"\x02\x03"),
            (DATAGRAM, ids[1] + ids[0] + ids[3] + b"\x00\x03"),
            (DATAGRAM, ids[0] + ids[2] + ids[3] + b"\x03\x03"),
            (DATAGRAM, bytes(10) + ids[0] + ids[1] + b"\x01\x02"),
            (DATAGRAM, ids[0] + ids[1] + ids[2] + ids[3] + bytes(10) + b"\x01\x05"),
            (DATAGRAM, right + b"\x01\xff"),
            (DATAGRAM, ids[0] + ids[1] + ids[0] + b"\x01\x03"),
            (DATAGRAM, ids[0] + ids[1] + ids[1] + b"\x01\x03"),
            (stun, right + b"\x01\x03"),
            (b"\x40\x01\x00\x10" + bytes(40), right + b"\x01\x03"),
            (b"\x98" + bytes(59), right + b"\x01\x03"),
        ]
        for datagram, way in wrong:
            self.mesh.seal(0, 1, datagram[16:-16], datagram[-16:] + datagram[:16] + way)
        # Sealed from elsewhere than what is carried asks for.
        self.mesh.seal(0, 1, DATAGRAM[16:-17], DATAGRAM[-17:] + DATAGRAM[:16] + right + b"\x01\x03")
        longer = ids[0] + ids[1] + ids[2] + ids[3] + b"\x01\x04"
        self.mesh.seal(0, 1, DATAGRAM[16:-15], DATAGRAM[-15:] + DATAGRAM[:16] + longer)
        self.mesh.seal(0, 1, b"", DATAGRAM[16:] + DATAGRAM[:16] + right + b"\x01\x03")
        hello = b"\x90" + bytes(147)
        self.mesh.seal(0, 1, hello[16:-16], hello[-16:] + hello[:16] + right + b"\x01\x03")
        self.assertEqual(len(wrong) + 4, self.tally(1, "dropped_forward_invalid"))
        self.assertEqual(len(wrong) + 4, len(self.mesh.carried))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60), st.binary(max_size=120))
    def test_no_content_harms(self, clear: bytes, plaintext: bytes) -> None:
        names = ("dropped_forward_invalid", "dropped_forward_no_way", "dropped_malformed")
        before = sum(self.tally(1, name) for name in names)
        self.mesh.seal(0, 1, clear, plaintext)
        self.assertEqual(before + 1, sum(self.tally(1, name) for name in names))

    def test_no_header_harms(self) -> None:
        peer = self.mesh.planes[0].context.table.peers[2]
        assert peer.current is not None
        whole = memoryview(bytearray(16) + bytes(32 + 32 + 16))
        self.assertTrue(peer.current.seal_forward(whole, 16))
        plane = self.mesh.planes[1]
        for size in range(1, len(whole)):
            plane.receive(bytes(whole[:size]), size, address(0))
        for start in (0, 15, 17, 0xFFFF):
            plane.receive(bytes(whole[:2]) + start.to_bytes(2, "big") + bytes(whole[4:]), len(whole), address(0))
        self.assertEqual(len(whole) + 3, self.tally(1, "dropped_malformed"))
        plane.receive(bytes(whole), len(whole), address(0))
        self.assertEqual(1, self.tally(1, "dropped_forward_invalid"))

    def test_what_was_altered_under_way_does_not_arrive(self) -> None:
        for at in (0, 4, 8, 20, 40, -20, -1):
            self.mesh.control(0, 3, bytes(100), route(1, 3))
            self.mesh.planes[3].upcalls()
            sender, place, datagram = self.mesh.carried[0]
            self.assertEqual((0, address(1)), (sender, place))
            self.mesh.carried.clear()
            self.mesh.is_lost = lambda sender, place: sender == 0
            self.mesh.control(0, 3, bytes(100), route(1, 3))
            self.mesh.is_lost = lambda sender, place: False
            altered = bytearray(self.mesh.carried[0][2])
            altered[at] ^= 1
            self.mesh.planes[1].receive(bytes(altered), len(altered), address(0))
            self.mesh.settle()
            self.assertEqual([], self.mesh.planes[3].upcalls())
            self.mesh.planes[1].receive(datagram, len(datagram), address(0))
            self.mesh.settle()
            self.assertEqual([], self.mesh.planes[3].upcalls())
            self.mesh.carried.clear()

    def test_both_hops_hide_whose_datagram_it_is(self) -> None:
        sealed: list[bytes] = []
        send = self.mesh.planes[0].plane._departure.send

        def watch(place: Place, datagram: bytes | memoryview, band: int, now: float) -> int:
            sealed.append(bytes(datagram))
            return send(place, datagram, band, now)

        self.mesh.planes[0].plane._departure.send = watch  # type: ignore[method-assign]
        self.mesh.control(0, 3, b"plain text" * 9, route(1, 3))
        self.assertEqual([0, 1], [sender for sender, _, _ in self.mesh.carried])
        for _, _, datagram in self.mesh.carried:
            self.assertEqual(sealed[0][16:-16], datagram[16 : len(sealed[0]) - 16])
            for secret in (b"plain text", sealed[0][4:16], sealed[0][-16:], *f.NODES):
                self.assertNotIn(secret, datagram)

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
