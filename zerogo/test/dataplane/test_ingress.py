from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.limits import REJECT_AFTER_SECONDS
from zerogo.dataplane.messages import CONTROL_RECEIVED, DATAGRAM_RECEIVED, PEER_ROAMED, SESSION_CONFIRMED
from zerogo.dataplane.place import CHANNEL, CHANNEL_HEADER
from zerogo.dataplane.vnet import VNET, VNET_BYTES
from zerogo.policy.filter import OPEN_RULE, PeerFilter
from zerogo.test.dataplane import frames as f
from zerogo.wire.transport import FLAG_PARTIAL, INNER, Kind

ELSEWHERE = ("198.51.100.7", 4444)


class IngressCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.left, self.right = f.joined()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def sealed(self, *frames: bytes) -> list[bytes]:
        """The datagrams of frames, not delivered."""
        self.left.write(*frames)
        datagrams = self.left.sender.datagrams()
        self.left.sender.trains.clear()
        return datagrams

    def datagram(self, size: int = 100) -> bytes:
        return self.sealed(f.plain(f.ip_frame(17, f.udp_message(bytes(size)))))[0]

    def from_peer(self, plaintext: bytes) -> None:
        """A datagram of a peer that seals what it likes."""
        session = self.left.context.table.peers[1].current
        assert session is not None
        out = memoryview(bytearray(len(plaintext) + 32))
        session.seal(memoryview(plaintext), out)
        self.right.receive(bytes(out), len(out))


class AuthenticityTests(IngressCase):
    def test_a_replay_is_dropped(self) -> None:
        datagram = self.datagram()
        for _ in range(3):
            self.right.receive(datagram, len(datagram))
        self.assertEqual(1, len(self.right.frames()))
        self.assertEqual(2, self.right.tally.dropped_replay)

    def test_every_flipped_bit_is_dropped(self) -> None:
        datagram = self.datagram(20)
        for at in range(len(datagram)):
            changed = datagram[:at] + bytes([datagram[at] ^ 0x10]) + datagram[at + 1 :]
            self.right.receive(changed, len(changed))
        self.assertEqual([], self.right.frames())
        self.right.receive(datagram, len(datagram))
        self.assertEqual(1, len(self.right.frames()))

    def test_a_replayed_train_is_dropped_whole(self) -> None:
        self.left.write(*[f.plain(f.ip_frame(17, f.udp_message(bytes(200))))] * 10)
        ((_, train, size),) = self.left.sender.trains
        self.right.receive(train, size)
        self.right.receive(train, size)
        self.assertEqual(10, len(self.right.frames()))
        self.assertEqual(10, self.right.tally.dropped_replay)

    def test_one_bad_datagram_in_a_train_costs_one(self) -> None:
        frame = f.partial(f.ip_frame(6, f.tcp_message(os.urandom(30000))), 6, gso_size=1448)
        self.left.write(frame)
        ((_, train, size),) = self.left.sender.trains
        count = -(-len(train) // size)
        broken = bytearray(train)
        broken[5 * size + 40] ^= 1
        self.right.receive(bytes(broken), size)
        self.assertEqual(1, self.right.tally.dropped_unauthentic)
        self.assertEqual(count - 1, len(self.right.frames()))

    def test_any_mixture_of_a_train_delivers_the_same_frames(self) -> None:
        datagrams = self.sealed(*[f.plain(f.ip_frame(17, f.udp_message(bytes([n]) * 99))) for n in range(12)])
        size = len(datagrams[0])
        garbage = [b"\xff" * size, b"\x93" * size, datagrams[3]]
        self.right.receive(b"".join([*datagrams[:4], *garbage, *datagrams[:3:-1]]), size)
        self.assertEqual(12, len(self.right.frames()))
        tally = self.right.tally
        self.assertEqual((1, 1, 1), (tally.dropped_malformed, tally.dropped_unknown_index, tally.dropped_replay))

    def test_an_expired_session_receives_nothing(self) -> None:
        datagram = self.datagram()
        self.right.receive(datagram, len(datagram), now=REJECT_AFTER_SECONDS)
        self.assertEqual([], self.right.frames())
        self.assertEqual(1, self.right.tally.dropped_expired_session)

    @settings(deadline=None, max_examples=150)
    @given(st.binary(min_size=1, max_size=200), st.integers(1, 200))
    def test_garbage_never_raises_and_enters_nowhere(self, data: bytes, size: int) -> None:
        left, right = f.joined()
        try:
            right.receive(data, min(size, len(data)))
            right.receive(b"\x93" + data, min(size, len(data)))
            self.assertEqual([], right.frames())
        finally:
            left.close()
            right.close()


class AuthenticPeerTests(IngressCase):
    """A member that is hostile."""

    def test_a_forged_inner_header_is_no_way_past_the_switch(self) -> None:
        frame = f.ip_frame(17, f.udp_message(b"x"))
        for source in (b"\x06\0\0\0\0\1", f.MACS[1]):
            self.from_peer(INNER.pack(Kind.ETHERNET, 2, 0, 0) + f.MACS[1] + source + frame[12:])
        self.assertEqual(2, self.right.tally.dropped_foreign_source)
        self.assertEqual([], self.right.frames())

    def test_an_elided_frame_must_be_ip(self) -> None:
        for payload in (b"", b"\x00", b"\x10" * 40):
            self.from_peer(INNER.pack(Kind.ETHERNET_ELIDED, 2, 0, 0) + payload)
        self.assertEqual(3, self.right.tally.dropped_malformed)

    def test_an_elided_advertisement_of_our_address_is_refused(self) -> None:
        message = b"\x88\0\0\0" + bytes(4) + f.IPV6[1] + b"\2\1" + f.MACS[0]
        packet = advertisement(message)
        self.from_peer(INNER.pack(Kind.ETHERNET_ELIDED, 2, 0, 0) + packet)
        self.assertEqual(1, self.right.tally.dropped_foreign_source)

    def test_a_partial_checksum_of_nothing_is_refused(self) -> None:
        self.from_peer(INNER.pack(Kind.ETHERNET_ELIDED | FLAG_PARTIAL, 2, 0, 0) + b"\x45" + bytes(40))
        self.assertEqual(1, self.right.tally.dropped_malformed)

    def test_unknown_kinds_are_counted(self) -> None:
        for kind in range(6, 16):
            self.from_peer(INNER.pack(kind, 2, 0, 0) + b"later")
        self.assertEqual(10, self.right.tally.dropped_malformed)

    @settings(deadline=None, max_examples=150)
    @given(st.binary(min_size=4, max_size=200))
    def test_no_plaintext_raises(self, plaintext: bytes) -> None:
        left, right = f.joined()
        try:
            session = left.context.table.peers[1].current
            assert session is not None
            out = memoryview(bytearray(len(plaintext) + 32))
            session.seal(memoryview(plaintext), out)
            right.receive(bytes(out), len(out))
            for frame in right.frames():
                self.assertEqual(f.MACS[0], frame[VNET_BYTES + 6 : VNET_BYTES + 12])
        finally:
            left.close()
            right.close()


def advertisement(message: bytes) -> bytes:
    header = (6 << 28).to_bytes(4, "big") + len(message).to_bytes(2, "big") + b"\x3a\xff"
    return header + f.IPV6[0] + f.IPV6[1] + message


class SourceTests(IngressCase):
    """A member that writes another's address, or nobody's, as the source of its packets."""

    def forged(self, number: int = 2, size: int = 100, is_ipv6: bool = False) -> bytes:
        source = (f.IPV6 if is_ipv6 else f.IPV4)[number]
        return f.ip_frame(17, f.udp_message(bytes(size)), is_ipv6, source=source)

    def is_dropped(self, count: int = 1) -> None:
        """So many were counted since, and none arrived."""
        self.assertEqual([], self.right.frames())
        self.assertEqual(count, self.right.tally.dropped_foreign_source)
        self.right.tally.dropped_foreign_source = 0

    def carry(self, *frames: bytes) -> None:
        self.left.write(*frames)
        self.right.take_trains_of(self.left)

    def test_frames_with_and_without_their_ethernet_header(self) -> None:
        for is_ipv6 in (False, True):
            for number in (1, 2):
                frame = self.forged(number, is_ipv6=is_ipv6)
                for payload in (INNER.pack(Kind.ETHERNET, 2, 0, 0) + frame, INNER.pack(2, 2, 0, 0) + frame[14:]):
                    self.from_peer(payload)
                    self.is_dropped()

    def test_frames_in_pieces(self) -> None:
        self.carry(f.plain(self.forged(size=1460)))
        self.assertEqual(2, self.right.tally.fragments_in)
        self.is_dropped()

    def test_a_super_frame_is_judged_once(self) -> None:
        for is_ipv6, forger in ((False, f.IPV4[2]), (True, f.IPV6[2])):
            for protocol, message in ((6, f.tcp_message(bytes(30000))), (17, f.udp_message(bytes(30000)))):
                frame = f.ip_frame(protocol, message, is_ipv6, source=forger)
                self.carry(f.partial(frame, protocol, is_ipv6, 1300))
                self.is_dropped()

    def test_so_it_is_where_it_cannot_be_merged(self) -> None:
        self.right.context.tap.merges = False
        frame = f.ip_frame(6, f.tcp_message(bytes(14000)), source=f.IPV4[2])
        self.left.write(f.partial(frame, 6, gso_size=1400))
        count = len(self.left.sender.datagrams())
        self.right.take_trains_of(self.left)
        self.assertGreater(count, 9)
        self.is_dropped(count)

    def test_equal_datagrams_next_to_each_other(self) -> None:
        frame = f.ip_frame(17, f.udp_message(bytes(200)), source=f.IPV4[2])
        self.carry(*[f.partial(frame, 17)] * 9)
        self.is_dropped()

    def test_what_is_behind_the_member_comes_in(self) -> None:
        self.right.meet(self.left, subnets=["10.77.0.0/16", "fd77::/64"])
        for is_ipv6 in (False, True):
            for number in (2, 3):
                self.carry(f.plain(self.forged(number, is_ipv6=is_ipv6)))
                self.assertEqual(1, len(self.right.frames()))
            # Our own address is ours.
            self.carry(f.plain(self.forged(1, is_ipv6=is_ipv6)))
            self.is_dropped()

    def test_what_a_filter_allows_is_refused_all_the_same(self) -> None:
        for plane in (self.left, self.right):
            plane.context.gate.set_filter(1, PeerFilter((OPEN_RULE,), (OPEN_RULE,)))
        self.carry(f.plain(self.forged()))
        self.is_dropped()


class SessionTests(IngressCase):
    def test_the_first_datagram_confirms_and_lets_the_staged_go(self) -> None:
        left, right = f.MemoryPlane(0), f.MemoryPlane(1)
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.meet(right)
        right.meet(left)
        frame = f.ip_frame(17, f.udp_message(b"early"))
        staged = f.plain(f.turned(frame))
        right.write(staged)
        f.give_session(left, right)
        self.assertEqual([], right.sender.trains)
        right.upcalls()
        right.take_trains_of(left)
        self.assertEqual([(SESSION_CONFIRMED, 1, 200)], right.upcalls())
        left.take_trains_of(right)
        self.assertEqual([staged], left.frames())

    def test_a_session_before_the_last_still_receives(self) -> None:
        late = self.datagram()
        f.give_session(self.left, self.right, base=1)
        self.right.take_trains_of(self.left)
        self.right.receive(late, len(late))
        self.assertEqual(1, len(self.right.frames()))


class PathTests(IngressCase):
    def test_a_peer_roams_with_frames_and_not_with_replays(self) -> None:
        old = self.datagram()
        newer = self.datagram()
        self.right.receive(newer, len(newer), ELSEWHERE)
        self.assertEqual([(PEER_ROAMED, 1, ELSEWHERE)], self.right.upcalls())
        self.right.receive(newer, len(newer), ("203.0.113.1", 1), now=5.0)
        self.right.receive(old, len(old), ("203.0.113.1", 1), now=5.0)
        self.assertEqual([], self.right.upcalls())

    def test_it_is_told_once_a_second(self) -> None:
        for now in (1.0, 1.5, 1.99, 2.1):
            datagram = self.datagram()
            self.right.receive(datagram, len(datagram), ELSEWHERE, now)
        self.assertEqual([(PEER_ROAMED, 1, ELSEWHERE)] * 2, self.right.upcalls())

    def test_a_control_message_says_where_it_came_from_and_moves_nobody(self) -> None:
        self.left.plane.obey((8, 1, b"probe", None), 1.0)
        ((_, train, size),) = self.left.sender.trains
        self.right.receive(train, size, ELSEWHERE)
        self.assertEqual([(CONTROL_RECEIVED, 1, ELSEWHERE, b"probe")], self.right.upcalls())


class StrangerTests(IngressCase):
    def test_stun_and_handshakes_go_up_and_the_rest_does_not(self) -> None:
        stun = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
        for datagram in (stun, f.signed(b"\x90" + bytes(130)), b"\x92" + bytes(63)):
            self.right.receive(datagram, len(datagram), ELSEWHERE)
        self.assertEqual(3, len(self.right.upcalls()))
        for datagram in (stun[:19], b"\0\1\0\0" + bytes(20), b"\x40" * 20, b"\x94" * 40, b"\x92" * 1501, b"\x93"):
            self.right.receive(datagram, len(datagram), ELSEWHERE)
        self.assertEqual([], self.right.upcalls())
        self.assertEqual(6, self.right.tally.dropped_malformed)
        self.assertEqual([], self.right.sender.trains)

    def test_a_signal_goes_up_if_a_relay_passed_it_on_in_a_channel(self) -> None:
        signal = b"\x94" * 40
        self.right.receive(signal, len(signal), ELSEWHERE)
        wrapped = CHANNEL_HEADER.pack(0x4ABC, len(signal)) + signal
        self.right.receive(wrapped, len(wrapped), ELSEWHERE)
        self.assertEqual([(DATAGRAM_RECEIVED, (CHANNEL, 0x4ABC, *ELSEWHERE), signal)], self.right.upcalls())
        self.assertEqual(1, self.right.tally.dropped_malformed)

    def test_a_train_of_strangers_comes_up_one_by_one(self) -> None:
        response = f.signed(b"\x91" * 100)
        self.right.receive(response * 3, len(response), ELSEWHERE)
        self.assertEqual([(DATAGRAM_RECEIVED, ELSEWHERE, response)] * 3, self.right.upcalls())

    def test_handshakes_for_others_use_up_no_budget(self) -> None:
        wrong = f.signed(b"\x90" + bytes(130), key=b"other" * 6)
        for _ in range(5000):
            self.right.receive(wrong, len(wrong), ELSEWHERE)
        for short in (b"\x90", b"\x91" * 32):
            self.right.receive(short, len(short), ELSEWHERE)
        right = f.signed(b"\x90" + bytes(130))
        self.right.receive(right, len(right), ELSEWHERE)
        self.assertEqual([(DATAGRAM_RECEIVED, ELSEWHERE, right)], self.right.upcalls())
        self.assertEqual((5002, 0), (self.right.tally.dropped_mac1, self.right.tally.dropped_upcall_queue))


class ChecksumTests(IngressCase):
    def test_the_virtio_header_is_built_from_what_was_read(self) -> None:
        frame = f.ip_frame(6, f.tcp_message(b"data"))
        broken = bytearray(frame)
        broken[50:52] = b"\xde\xad"
        self.from_peer(INNER.pack(Kind.ETHERNET_ELIDED | FLAG_PARTIAL, 2, 0, 0) + bytes(broken[14:]))
        (out,) = self.right.frames()
        self.assertEqual((1, 0, 0, 0, 34, 16), VNET.unpack_from(out))
        self.assertEqual(frame, out[VNET_BYTES:])
