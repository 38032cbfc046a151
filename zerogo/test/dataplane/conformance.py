"""What every `IDataplane` must do, over real TAPs and sockets in two network namespaces. Needs root.

A mixin for a test case that says `make_plane`. Each test waits for events with a deadline, never for time to pass.
See `zerogo.test.dataplane.kernel` for the two hosts.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator

from zerogo.dataplane.interface import (
    ControlReceived,
    Counter,
    DatagramReceived,
    Offloads,
    PathPlan,
    PathRefused,
    PeerRoamed,
    RekeyDue,
    SessionConfirmed,
)
from zerogo.ids import SocketAddress
from zerogo.noise.session import TransportSession
from zerogo.test.dataplane.endpoint_conformance import EndpointConformance
from zerogo.test.dataplane.kernel import (
    DATA_PORT,
    End,
    Host,
    connect,
    inside,
    introduce,
    session_pair,
)
from zerogo.test.dataplane.planecase import MEGABYTE, row_of
from zerogo.wire.handshake import Suite
from zerogo.wire.transport import INNER_BYTES, OVERHEAD_BYTES

STUN_BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
INITIATION = b"\x90\x01\x01\x00" + bytes(128)
ETH_P_ALL = 3


def sequence_number(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "big")


class DataplaneConformance(EndpointConformance):
    """The suite. `self` is a trial test case."""

    # -- frames ------------------------------------------------------------------------------------------------------

    def test_ping_in_both_families(self) -> None:
        left, right = self.joined()
        for address in right.host.addresses:
            out = left.host.run("ping", "-c", "3", "-i", "0.05", "-W", "2", address)
            self.assertIn(" 0% packet loss", out)
        self.counts(left, Counter.NEIGHBORS_ANSWERED, 2)

    def test_tcp_goes_in_super_frames_both_ways_in_both_families(self) -> None:
        left, right = self.joined()
        for is_ipv6 in (False, True):
            self.transfer(left.host, right.host, 8 * MEGABYTE, is_ipv6)
            self.transfer(right.host, left.host, 8 * MEGABYTE, is_ipv6)
        for end in (left, right):
            for counter in (Counter.TAP_SUPER_FRAMES_IN, Counter.TAP_SUPER_FRAMES_OUT, Counter.UDP_TRAINS_OUT):
                self.counts(end, counter, 10)
            self.counts(end, Counter.CHECKSUMS_ELIDED, 10)

    def test_the_other_suite(self) -> None:
        left, right = self.joined(suite=Suite.AESGCM)
        self.transfer(left.host, right.host, 4 * MEGABYTE)

    def test_ipv6_outside(self) -> None:
        left, right = self.open()
        introduce([left, right], 1452, is_ipv6=True)
        connect([left, right])
        self.transfer(left.host, right.host, 4 * MEGABYTE)
        self.transfer(right.host, left.host, 4 * MEGABYTE, is_ipv6=True)

    def test_each_offload_may_be_missing_at_one_end(self) -> None:
        for switch in ("tap_tso", "tap_uso", "tap_gso_write", "udp_gso", "udp_gro", "checksum_elision"):
            left, right = self.joined(Offloads(**{switch: False}), Offloads())
            self.transfer(left.host, right.host, 2 * MEGABYTE)
            self.transfer(right.host, left.host, 2 * MEGABYTE)
            self.counts(left, Counter.TAP_FRAMES_IN)
            self.assertFalse(getattr(left.plane.counters().offloads, switch))
            while self.ends:
                self.ends.pop().plane.close()

    def test_no_offload_at_all(self) -> None:
        none = Offloads(
            tap_tso=False, tap_uso=False, tap_gso_write=False, udp_gso=False, udp_gro=False, checksum_elision=False
        )
        left, right = self.joined(none, none)
        self.transfer(left.host, right.host, 2 * MEGABYTE)

    def test_small_paths(self) -> None:
        for path_mtu in (1372, 1200, 1052):
            for host in self.wire.hosts:
                host.run("ip", "link", "set", "wire", "mtu", str(path_mtu + 28))
            left, right = self.joined(path_mtu=path_mtu)
            for is_ipv6 in (False, True):
                self.transfer(left.host, right.host, 2 * MEGABYTE, is_ipv6)
            out = left.host.run("ping", "-c", "3", "-i", "0.05", "-W", "2", "-M", "do", "-s", "1472", "10.77.0.2")
            self.assertIn(" 0% packet loss", out)
            self.counts(left, Counter.FRAGMENTS_OUT, 6)
            self.assertEqual(0, left.plane.counters().plane[Counter.DROPPED_UDP_SEND])
            while self.ends:
                self.ends.pop().plane.close()

    def test_tcp_segments_larger_than_the_path_go_in_pieces(self) -> None:
        for host in self.wire.hosts:
            host.run("ip", "link", "set", "wire", "mtu", str(1052 + 28))
        left, right = self.joined(Offloads(tap_tso=False), Offloads(tap_tso=False), path_mtu=1052)
        self.transfer(left.host, right.host, 2 * MEGABYTE)
        self.counts(left, Counter.FRAGMENTS_OUT, 1000)
        self.assertEqual(0, left.plane.counters().plane[Counter.DROPPED_UDP_SEND])

    def test_a_path_may_shrink_and_grow_between_streams(self) -> None:
        left, right = self.joined()
        for path_mtu in (1052, 1472, 1200, 1372):
            left.plane.set_path(1, PathPlan.by(right.host.underlay(), path_mtu))
            self.transfer(left.host, right.host, MEGABYTE)

    def test_control_messages_as_large_as_the_wire_arrive_whole_and_larger_ones_vanish(self) -> None:
        left, right = self.joined(path_mtu=1200)
        sizes = [1472, 1473, 1200, 1052]
        for size in sizes:
            left.plane.send_control(1, bytes(size - OVERHEAD_BYTES), right.host.underlay())
        self.wait(lambda: len(right.of(ControlReceived)) == 3, "the three that fit")
        # In whatever order: the kernel itself reorders while it asks for the neighbour's address.
        arrived = sorted(len(upcall.payload) + OVERHEAD_BYTES for upcall in right.of(ControlReceived))
        self.assertEqual([1052, 1200, 1472], arrived)
        self.assertEqual([], left.of(PathRefused))

    def test_a_path_that_is_smaller_than_was_said_is_refused(self) -> None:
        left, right = self.joined()
        for host in self.wire.hosts:
            host.run("ip", "link", "set", "wire", "mtu", "1280")
        self.socket_in(left.host, socket.SOCK_DGRAM).sendto(bytes(1400), (right.host.addresses[0], 9))
        self.wait(lambda: left.of(PathRefused), "the kernel's refusal")

    def test_broadcasts_carry_whole_checksums(self) -> None:
        left, right = self.joined()
        with inside(right.host.namespace):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._closing.callback(raw.close)
        raw.bind(("zg0", 0))
        sender = self.socket_in(left.host, socket.SOCK_DGRAM)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"hello to everybody", ("10.77.0.255", 67))
        while True:
            frame = self.receive_within(raw)
            if frame.endswith(b"hello to everybody"):
                break
        message = frame[34:]
        total = int.from_bytes(frame[26:34], "big") + 17 + len(message) + int.from_bytes(message, "big")
        self.assertEqual(0, total % 0xFFFF)

    def send_until_counted(self, left: End, right: End, counter: Counter) -> None:
        """Send datagrams through the segment until one is counted; a verb and a datagram may overtake each other."""
        sender = self.socket_in(left.host, socket.SOCK_DGRAM)

        def is_counted() -> bool:
            sender.sendto(b"late", (right.host.addresses[0], 7))
            return right.plane.counters().plane[counter] > 0

        self.wait(is_counted, f"{counter} to be counted")

    # -- sessions ----------------------------------------------------------------------------------------------------

    def test_a_responder_is_silent_until_its_session_is_confirmed(self) -> None:
        left, right = self.open()
        introduce([left, right])
        initiator, responder = session_pair()
        right.plane.add_session(1, responder)
        self.socket_in(right.host, socket.SOCK_DGRAM).sendto(b"early", (left.host.addresses[0], 7))
        self.wait(lambda: right.of(RekeyDue), "the responder to ask for a session it may use")
        self.assertEqual(0, right.plane.counters().plane[Counter.UDP_DATAGRAMS_OUT])
        echo = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 7))
        left.plane.add_session(1, initiator)
        self.wait(lambda: right.of(SessionConfirmed), "the initiator to confirm by itself")
        self.assertEqual([SessionConfirmed(1, responder.local_index)], right.of(SessionConfirmed))
        self.assertEqual(b"early", self.receive_within(echo))

    def test_frames_wait_for_path_and_session(self) -> None:
        left, right = self.open()
        for end, other in ((left, right), (right, left)):
            end.plane.set_peer(other.host.entry(1))
        target = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], 7))
        self.socket_in(left.host, socket.SOCK_DGRAM).sendto(b"staged", target.getsockname())
        self.wait(lambda: left.of(RekeyDue), "the wish for a session")
        connect([left, right])
        right.plane.set_path(1, PathPlan.by(left.host.underlay(), 1472))
        left.plane.set_path(1, PathPlan.by(right.host.underlay(), 1472))
        self.assertEqual(b"staged", self.receive_within(target))

    def test_staged_frames_are_bounded(self) -> None:
        left, right = self.open()
        left.plane.set_peer(right.host.entry(1))
        sender = self.socket_in(left.host, socket.SOCK_DGRAM)
        deadline = time.monotonic() + 10
        while left.plane.counters().plane[Counter.DROPPED_STAGED] < 50:
            self.assertLess(time.monotonic(), deadline)
            sender.sendto(bytes(1400), (right.host.addresses[0], 7))
            left.poll()

    def numbered(self, count: int, during: Callable[[int], object]) -> None:
        """Send numbered datagrams one by one through the segment; all must arrive, whatever `during(number)` does."""
        left, right = self.ends
        target = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], 7))
        source = self.socket_in(left.host, socket.SOCK_DGRAM)
        for number in range(count):
            during(number)
            source.sendto(number.to_bytes(4, "big"), target.getsockname())
            if number % 16 == 15:
                # In whatever order: the kernel itself reorders while it asks for the neighbour's address.
                arrived = sorted(sequence_number(self.receive_within(target)) for _ in range(16))
                self.assertEqual(list(range(number - 15, number + 1)), arrived)
            for end in self.ends:
                end.poll()

    def test_rekeying_under_traffic_loses_nothing(self) -> None:
        ends = self.joined()

        def rekey(number: int) -> None:
            if number % 50 == 25:
                connect(ends, base=number)

        self.numbered(512, rekey)
        self.wait(lambda: len(ends[1].of(SessionConfirmed)) == 11, "eleven confirmed sessions")

    def test_sessions_of_both_directions_replace_each_other(self) -> None:
        ends = self.joined()

        def confirmed() -> int:
            return sum(len(end.of(SessionConfirmed)) for end in ends)

        def replace(number: int) -> None:
            # Two within the time that a keepalive takes would pass over one that the other end still sends in.
            if number % 20 == 0:
                before = confirmed()
                connect(ends[:: 1 if number % 40 else -1], base=number)
                self.wait(lambda: confirmed() > before, "the session to be confirmed")

        self.numbered(160, replace)

    def test_a_retired_session_is_gone(self) -> None:
        left, right = self.joined()
        right.plane.retire_session(session_pair()[1].local_index)
        self.send_until_counted(left, right, Counter.DROPPED_UNKNOWN_INDEX)

    def test_a_removed_peer_is_gone(self) -> None:
        left, right = self.joined()
        right.plane.remove_peer(1)
        self.send_until_counted(left, right, Counter.DROPPED_UNKNOWN_INDEX)
        self.wait(lambda: 1 not in right.plane.counters().peers, "the counters to be without the peer")

    # -- paths -------------------------------------------------------------------------------------------------------

    def test_a_path_switch_under_traffic_loses_nothing(self) -> None:
        left, right = self.joined()
        paths = (right.host.underlay(True), 1452), (right.host.underlay(), 1472)

        def switch(number: int) -> None:
            if number % 50 == 25:
                left.plane.set_path(1, PathPlan.by(*paths[number // 50 % 2]))

        self.numbered(256, switch)
        self.wait(lambda: right.of(PeerRoamed), "word of the new source")
        self.assertEqual(PeerRoamed(1, left.host.underlay(True)), right.of(PeerRoamed)[0])

    def test_datagrams_without_authenticity_do_not_move_a_peer(self) -> None:
        left, right = self.joined()
        datagram = self.intercepted(left.host, right.host)
        forged = datagram[:-1] + bytes([datagram[-1] ^ 1])
        self.stranger(left.host).sendto(forged, ("192.0.2.2", DATA_PORT))
        self.counts(right, Counter.DROPPED_UNAUTHENTIC)
        self.assertEqual([], right.of(PeerRoamed))

    # -- strangers ---------------------------------------------------------------------------------------------------

    def test_replayed_forged_and_foreign_datagrams_are_counted_and_not_answered(self) -> None:
        left, right = self.joined()
        datagram = self.intercepted(left.host, right.host)
        stranger = self.stranger(left.host)
        target = ("192.0.2.2", DATA_PORT)
        flipped = [
            datagram[:at] + bytes([datagram[at] ^ 0x40]) + datagram[at + 1 :] for at in (1, 9, 20, len(datagram) - 1)
        ]
        for forged in flipped:
            stranger.sendto(forged, target)
        self.counts(right, Counter.DROPPED_UNAUTHENTIC, 4)
        stranger.sendto(datagram, target)
        stranger.sendto(datagram, target)
        self.counts(right, Counter.DROPPED_REPLAY, 1)
        stranger.sendto(datagram[:4] + bytes(4) + datagram[8:], target)
        self.counts(right, Counter.DROPPED_UNKNOWN_INDEX, 1)
        malformed = (datagram[:35], b"\x93", b"\xff" * 100, b"\x00\x01" + bytes(30), b"GET / HTTP/1.1", b"\x40" * 20)
        for garbage in malformed:
            stranger.sendto(garbage, target)
        self.counts(right, Counter.DROPPED_MALFORMED, len(malformed))
        # What is answered is answered before the next datagram is looked at: this one comes up after all of those.
        stranger.sendto(STUN_BINDING, target)
        self.wait(lambda: right.of(DatagramReceived), "the datagram behind them")
        self.assertEqual(([], [], []), select.select([stranger], [], [], 0))

    def test_stun_and_handshakes_come_up_as_they_came(self) -> None:
        (left, right) = self.open()
        stranger = self.stranger(left.host)
        initiation = right.host.handshake(INITIATION)
        for payload in (STUN_BINDING, initiation):
            stranger.sendto(payload, ("192.0.2.2", DATA_PORT))
        self.wait(lambda: len(right.of(DatagramReceived)) == 2, "both datagrams")
        source = SocketAddress.of(*stranger.getsockname())
        self.assertEqual(
            [DatagramReceived(source, STUN_BINDING), DatagramReceived(source, initiation)], right.of(DatagramReceived)
        )

    def test_a_flood_of_strangers_is_bounded_and_traffic_goes_on(self) -> None:
        left, right = self.joined()
        stranger = self.stranger(left.host)
        for _ in range(6000):
            with contextlib.suppress(BlockingIOError):
                stranger.sendto(right.host.handshake(INITIATION), ("192.0.2.2", DATA_PORT))
        self.counts(right, Counter.DROPPED_UPCALL_QUEUE, 100)
        self.transfer(left.host, right.host, MEGABYTE)

    def test_a_datagram_is_sent_as_it_is(self) -> None:
        left, right = self.open()
        catcher = self.stranger(right.host)
        left.plane.send_datagram(SocketAddress.of(*catcher.getsockname()), b"as it is")
        self.assertEqual(b"as it is", self.receive_within(catcher))

    def test_control_messages_go_by_the_path_or_straight(self) -> None:
        left, right = self.joined()
        left.plane.send_control(1, b"by the path")
        left.plane.send_control(1, b"straight", right.host.underlay(True))
        self.wait(lambda: len(right.of(ControlReceived)) == 2, "both messages")
        self.assertEqual(
            {
                ControlReceived(1, left.host.underlay(), b"by the path"),
                ControlReceived(1, left.host.underlay(True), b"straight"),
            },
            set(right.of(ControlReceived)),
        )

    def test_a_probe_is_answered_the_way_it_came_and_passed_up(self) -> None:
        left, right = self.joined()
        probe = b"\x01" + b"\0\0\x01\x02" + bytes(600)
        left.plane.send_control(1, probe, right.host.underlay(True))
        self.wait(lambda: bool(left.of(ControlReceived)), "the answer")
        self.wait(lambda: bool(right.of(ControlReceived)), "the probe")
        self.assertEqual([ControlReceived(1, left.host.underlay(True), probe)], right.of(ControlReceived))
        answer = b"\x02" + b"\0\0\x01\x02"
        self.assertEqual([ControlReceived(1, right.host.underlay(True), answer)], left.of(ControlReceived))

    # -- the switch --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def raw_tap(self, host: Host) -> Iterator[socket.socket]:
        with inside(host.namespace):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        raw.bind(("zg0", 0))
        with contextlib.closing(raw):
            yield raw

    def joined_with_a_bridge(self) -> list[End]:
        """The left end lets frames of any source out; the right one does not know it as a bridge."""
        ends = self.open(Offloads(), Offloads(), is_bridge=(True, False))
        introduce(ends)
        connect(ends)
        self.wait(lambda: ends[1].of(SessionConfirmed), "the session")
        return ends

    def test_a_member_that_is_no_bridge_cannot_send_as_another(self) -> None:
        left, right = self.joined_with_a_bridge()
        foreign = bytes.fromhex("06deadbeef01")
        with self.raw_tap(left.host) as raw:
            raw.send(right.host.mac.raw + foreign + b"\x08\x00" + bytes(46))
        self.counts(right, Counter.DROPPED_FOREIGN_SOURCE)

    def test_no_member_can_claim_our_address(self) -> None:
        left, right = self.joined_with_a_bridge()
        claim = (
            bytes.fromhex("0001080006040002")
            + left.host.mac.raw
            + bytes([10, 77, 0, 2])
            + bytes(6)
            + bytes([10, 77, 0, 9])
        )
        with self.raw_tap(left.host) as raw:
            raw.send(b"\xff" * 6 + left.host.mac.raw + b"\x08\x06" + claim + bytes(18))
        self.counts(right, Counter.DROPPED_FOREIGN_SOURCE)

    def test_a_station_behind_a_bridge_is_learned(self) -> None:
        ends = self.open(Offloads(), Offloads(), is_bridge=(True, False))
        introduce(ends, is_bridge=True)
        connect(ends)
        left, right = ends
        self.wait(lambda: right.of(SessionConfirmed), "the session")
        station = bytes.fromhex("06deadbeef02")
        with self.raw_tap(left.host) as near, self.raw_tap(right.host) as far:
            near.send(right.host.mac.raw + station + b"\x88\xb5" + b"first" + bytes(41))
            while b"first" not in self.receive_within(far):
                pass
            far.send(station + right.host.mac.raw + b"\x88\xb5" + b"second" + bytes(40))
            while b"second" not in self.receive_within(near):
                pass

    def test_a_frame_of_a_peer_goes_to_no_other_peer(self) -> None:
        left, right = self.joined()
        third = self.stranger(left.host)
        initiator, responder = session_pair(base=900)
        session = TransportSession(responder)
        right.plane.set_peer(Host("", 9).entry(2))
        right.plane.set_path(2, PathPlan.by(SocketAddress.of(*third.getsockname()), 1472))
        right.plane.add_session(2, initiator)
        self.assertEqual(OVERHEAD_BYTES, len(self.receive_within(third)), "the keepalive that confirms")
        opened = [b""]
        with self.raw_tap(left.host) as near, self.raw_tap(right.host) as far:
            near.send(b"\xff" * 6 + left.host.mac.raw + b"\x88\xb5" + b"to all" + bytes(40))
            while b"to all" not in self.receive_within(far):
                pass
            # Our own broadcast does reach the third; what came there before it is our kernel's, not the left one's.
            far.send(b"\xff" * 6 + right.host.mac.raw + b"\x88\xb5" + b"from right" + bytes(40))
            while b"from right" not in opened[-1]:
                opened.append(session.open(self.receive_within(third))[INNER_BYTES:])
        self.assertEqual([], [frame for frame in opened if b"to all" in frame])

    # -- life --------------------------------------------------------------------------------------------------------

    def test_a_snapshot_has_all_counters(self) -> None:
        left, right = self.joined()
        left.host.run("ping", "-c", "1", "-W", "2", right.host.addresses[0])
        self.wait(lambda: left.plane.counters().peers.get(1) is not None, "the peer's row")
        snapshot = left.plane.counters()
        self.assertEqual(set(Counter), set(snapshot.plane))
        self.wait(lambda: row_of(left, 1).bytes_in >= 98, "the echo to be counted")
        row = row_of(left, 1)
        self.assertLess(row.last_receive_age, 30)
        self.assertLess(row.session_age, 30)

    def test_closing_removes_the_tap_and_may_happen_twice(self) -> None:
        left, _ = self.joined()
        left.plane.close()
        left.plane.close()
        self.assertNotIn("zg0", left.host.run("ip", "-br", "link"))
        self.assertEqual([], left.plane.poll_upcalls())
        left.plane.set_path(1, None)
