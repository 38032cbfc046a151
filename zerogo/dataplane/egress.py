# -*- test-case-name: zerogo.test.dataplane.test_egress -*-
"""From the TAP to the data sockets: read a frame, find its peer, cut, seal, send.

Small datagrams of one size on one course, read in one go, gather in a train; nothing waits for a train to fill: it
leaves when the TAP has nothing more. A super-frame is a train of its own. What becomes of trains: `departure`.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from zerogo.dataplane.band import band_of
from zerogo.dataplane.checksum import complete_partial
from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.cut import Cutter, Run, Shape
from zerogo.dataplane.departure import Departure
from zerogo.dataplane.fragment import fragments
from zerogo.dataplane.messages import PATH_REFUSED, REKEY_DUE
from zerogo.dataplane.packet import CHECKSUM_OFFSET, TCP, Transport, network_offset, transport_of
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.place import Place
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES
from zerogo.dataplane.train import Train
from zerogo.dataplane.vnet import CHECKSUM_VALID, GSO_ECN, NEEDS_CHECKSUM, NO_OFFLOAD, VNET, VNET_BYTES
from zerogo.dataplane.way import Course
from zerogo.switch.frame import ETHERNET_BYTES
from zerogo.switch.segment import Answer, Flood, Unicast
from zerogo.wire.transport import FLAG_PARTIAL, FLAG_VERIFIED, INNER, INNER_BYTES, OVERHEAD_BYTES, Band, Kind

FRAMES_PER_TURN = 64
BYTES_PER_TURN = 256 * 1024
REKEY_QUIET_SECONDS = 5.0
"""WireGuard's Rekey-Timeout: one `RekeyDue` in so long."""
_DHCP_PORTS = (67, 68)
_ETHERNET, _ELIDED = int(Kind.ETHERNET), int(Kind.ETHERNET_ELIDED)
_KEEPALIVE = memoryview(bytearray(INNER.pack(Kind.KEEPALIVE, Band.CONTROL, 0, 0)))


class Errand(NamedTuple):
    """How a super-frame goes."""

    course: Course
    session: SealedSession
    band: int


class Egress:
    """The way out. One frame at a time; nothing is kept but the pending train."""

    def __init__(self, context: PlaneContext, departure: Departure, cutter: Cutter | None = None) -> None:
        self._context = context
        self._departure = departure
        self._cutter = cutter or Cutter()
        self._clear = self._cutter.clear
        self._sealed = self._cutter.sealed
        self._train = Train(self._sealed, departure.transmit)

    def drain(self, now: float) -> None:
        """Take what the TAP has, within the bounds of one turn, and send it."""
        tally, cutter, descriptor = self._context.tally, self._cutter, self._context.tap_fd
        budget = BYTES_PER_TURN
        for _ in range(FRAMES_PER_TURN):
            try:
                size = os.readv(descriptor, cutter.layout.vectors)
            except BlockingIOError:
                break
            tally.tap_frames_in += 1
            self._take(size, now)
            budget -= size
            if budget <= 0:
                break
        self.flush(now)

    def _take(self, size: int, now: float) -> None:
        """One frame, with its virtio header, was read into the vectors."""
        layout = self._cutter.layout
        start = layout.frame_start
        clear = self._clear
        vnet = VNET.unpack_from(clear, start - VNET_BYTES)
        peer = self._context.routes.get(bytes(clear[start : start + 12]))
        if size > layout.first_bytes:
            if peer is not None and vnet[1] and self._send_in_place(peer, size - VNET_BYTES, vnet, now):
                return
            frame = self._cutter.linear(size)
        else:
            frame = clear[start - VNET_BYTES : start - VNET_BYTES + size]
        if peer is not None:
            self.send_frame(peer, frame, now)
        else:
            self._switch(frame, now)

    def _switch(self, frame: memoryview, now: float) -> None:
        """A frame that is not simply from our own address to a member's."""
        context = self._context
        verdict = context.segment.egress(frame[VNET_BYTES:], now)
        match verdict:
            case Unicast(peer):
                self.send_frame(context.table.peers[peer], frame, now, is_own=False)
            case Flood(peers):
                context.tally.flooded += len(peers)
                for peer in peers:
                    # A copy for each: sending writes over the virtio header, and may complete the checksum.
                    self.send_frame(context.table.peers[peer], memoryview(bytearray(frame)), now, is_own=False)
            case Answer(reply):
                context.tally.neighbors_answered += 1
                context.tap.write(NO_OFFLOAD + reply)
            case refusal:
                context.tally.add(refusal.value)

    def send_frame(self, peer: Peer, frame: memoryview, now: float, is_own: bool = True) -> None:
        """Send a frame, `frame` being its virtio header and it, or keep it until that is possible.

        :param is_own: whether it goes from our own address to the peer's own: its Ethernet header can be left out.
        """
        if self._forbids(peer, frame[VNET_BYTES:], now):
            return
        session = peer.usable_session(now)
        if session is None or peer.courses is None:
            self._context.tally.dropped_staged += peer.stage(bytearray(frame))
            if session is None:
                self.ask_rekey(peer, now)
            return
        vnet = VNET.unpack_from(frame)
        size = len(frame)
        is_ip = is_own and size > 44 and self._is_plain_ip(frame)
        network = VNET_BYTES + ETHERNET_BYTES if is_ip else network_offset(frame, VNET_BYTES, size)
        band = band_of(frame, network, size)
        course = peer.courses.of(band, frame, network, size)
        if vnet[1] & ~GSO_ECN:
            self._send_super(peer, Errand(course, session, band), frame, vnet, is_ip, now)
            return
        lead = VNET_BYTES + (ETHERNET_BYTES if is_ip else 0)
        flags = self._settle_checksum(frame, vnet, network)
        if flags is None:
            self._context.tally.dropped_malformed += 1
            return
        begin = lead - INNER_BYTES
        INNER.pack_into(frame, begin, (_ELIDED if is_ip else _ETHERNET) | flags, band, 0, 0)
        peer.bytes_out += size - VNET_BYTES
        if peer.unanswered_since is None:
            peer.unanswered_since = now
        self.send_plaintext(peer, course, session, frame[begin:], now)

    def _forbids(self, peer: Peer, frame: memoryview, now: float) -> bool:
        """Whether the peer's filter refuses a frame, which then is counted."""
        gate = self._context.gate
        if not gate.holds(peer.peer) or gate.passes(peer.peer, frame, True, now):
            return False
        self._context.tally.dropped_policy_out += 1
        return True

    @staticmethod
    def _is_plain_ip(frame: memoryview) -> bool:
        """Whether the EtherType can be told from the version of IP, as the receiver will."""
        at = VNET_BYTES + ETHERNET_BYTES
        ethertype, version = frame[at - 2] << 8 | frame[at - 1], frame[at] >> 4
        return (ethertype == 0x0800 and version == 4) or (ethertype == 0x86DD and version == 6)

    def _settle_checksum(self, frame: memoryview, vnet: tuple[int, ...], network: int) -> int | None:
        """The checksum flags of a frame that is sent as it is; completes its sum where it may not stay partial. None
        where the sum is wanted in a place that no protocol has it in."""
        if not vnet[0]:
            return 0
        if vnet[0] & CHECKSUM_VALID:
            return FLAG_VERIFIED if self._context.offloads.checksum_elision else 0
        if not vnet[0] & NEEDS_CHECKSUM:
            return 0
        packet = frame[VNET_BYTES:]
        start, offset = vnet[4], vnet[5]
        if start < ETHERNET_BYTES or start + offset + 2 > len(packet):
            return None
        if network and self._may_stay_partial(packet, network - VNET_BYTES, start, offset):
            self._context.tally.checksums_elided += 1
            return FLAG_PARTIAL
        complete_partial(packet, start, offset, len(packet))
        self._context.tally.checksums_completed += 1
        return 0

    def _may_stay_partial(self, packet: memoryview, network: int, start: int, offset: int) -> bool:
        """Only where the receiver finds the field by itself, and no program looks at it before the kernel."""
        if packet[0] & 1 or not self._context.offloads.checksum_elision:
            return False
        located = transport_of(packet, network, len(packet))
        if located is None or located[0] != start or CHECKSUM_OFFSET[located[1]] != offset:
            return False
        return not self._is_dhcp(packet, located)

    @staticmethod
    def _is_dhcp(packet: memoryview, located: Transport) -> bool:
        transport = located[0]
        port = packet[transport + 2] << 8 | packet[transport + 3]
        return located[1] != TCP and port in _DHCP_PORTS

    def send_plaintext(
        self, peer: Peer, course: Course, session: SealedSession, plaintext: memoryview, now: float
    ) -> None:
        """Seal and send an inner header with its payload; in pieces where the course is too small for it."""
        size = len(plaintext) + SEAL_BYTES
        if size > course.mtu:
            frame_id = peer.next_frame_id()
            for piece in fragments(plaintext, frame_id, course.mtu):
                self._context.tally.fragments_out += 1
                self._train.append(course, session, memoryview(piece), now)
            return
        self._train.append(course, session, plaintext, now)

    def flush(self, now: float) -> None:
        """Send the pending train, and what of it waits for a carrier."""
        self._train.flush(now)
        self._departure.flush(now)

    def _send_in_place(self, peer: Peer, size: int, vnet: tuple[int, ...], now: float) -> bool:
        """Send a super-frame that was read into its places; False where it must be looked at in one piece."""
        session = peer.usable_session(now)
        layout = self._cutter.layout
        if session is None or peer.courses is None or not layout.shape.lead:
            return False
        start = layout.frame_start
        head = self._clear[start - VNET_BYTES : start + ETHERNET_BYTES + layout.shape.header_bytes]
        if not self._is_plain_ip(head):
            return False
        packet = head[VNET_BYTES:]
        band = band_of(packet, ETHERNET_BYTES, size)
        course = peer.courses.of(band, packet, ETHERNET_BYTES, size)
        if self._shape_of(course, packet, size, vnet, True) != layout.shape:
            return False
        if self._forbids(peer, packet, now):
            return True
        payload = size - ETHERNET_BYTES - layout.shape.header_bytes
        self._send_run(peer, Errand(course, session, band), payload, vnet, now)
        return True

    def _shape_of(
        self, course: Course, head: memoryview, size: int, vnet: tuple[int, ...], is_ip: bool
    ) -> Shape | None:
        """How to cut the frame of `size` bytes that begins with `head`; None where it is nothing that can be cut."""
        lead = ETHERNET_BYTES if is_ip else 0
        network = ETHERNET_BYTES if is_ip else network_offset(head, 0, len(head))
        located = transport_of(head, network, len(head)) if network else None
        if located is None:
            return None
        transport, protocol, headers_end = located
        header_bytes = headers_end - lead
        payload = vnet[3]
        if protocol == TCP:
            # Sizes that are multiples of 8 let the fields of all headers be written at once (see `slots`).
            room = min(course.mtu, self._context.mtu + OVERHEAD_BYTES + network - lead)
            room = (room + course.wrap & ~7) - course.wrap
            payload = room - OVERHEAD_BYTES - header_bytes
        if payload <= 0 or size <= headers_end:
            return None
        is_ipv4 = head[network] >> 4 == 4
        return Shape(lead, network - lead, transport - lead, header_bytes, payload, protocol, is_ipv4, course.wrap)

    def _send_super(
        self, peer: Peer, errand: Errand, frame: memoryview, vnet: tuple[int, ...], is_ip: bool, now: float
    ) -> None:
        """Cut and send a super-frame that lies in one piece."""
        packet = frame[VNET_BYTES:]
        shape = self._shape_of(errand.course, packet, len(packet), vnet, is_ip)
        if shape is None:
            self._context.tally.dropped_malformed += 1
            return
        if packet.obj is self._clear.obj:
            packet = memoryview(bytearray(packet))
        layout = self._cutter.load(shape, packet)
        payload = len(packet) - shape.lead - shape.header_bytes
        if payload > layout.slots.count * shape.payload_bytes:
            self._context.tally.dropped_malformed += 1
            return
        previous, self._cutter.layout = self._cutter.layout, layout
        self._send_run(peer, errand, payload, vnet, now)
        if not layout.takes_all:
            self._cutter.layout = previous

    def _send_run(self, peer: Peer, errand: Errand, payload: int, vnet: tuple[int, ...], now: float) -> None:
        """Cut, seal and send the super-frame whose payload is in the places of the cutter's layout."""
        context, layout = self._context, self._cutter.layout
        context.tally.tap_super_frames_in += 1
        elides = context.offloads.checksum_elision and bool(vnet[0] & NEEDS_CHECKSUM)
        kind = _ELIDED if layout.shape.lead else _ETHERNET
        run_id = peer.next_run_id() if payload > layout.shape.payload_bytes else 0
        inner = (kind | (FLAG_PARTIAL if elides else 0), errand.band, run_id)
        run = self._cutter.cut(layout, payload, inner)
        if elides:
            context.tally.checksums_elided += run.count
        else:
            self._cutter.complete_sums(layout, run)
            context.tally.checksums_completed += run.count
        if peer.unanswered_since is None:
            peer.unanswered_since = now
        peer.bytes_out += payload + run.count * (ETHERNET_BYTES + layout.shape.header_bytes)
        self._train.flush(now)
        course = errand.course
        if run.slots.size > course.mtu:
            self._send_pieces(peer, errand, run, now)
            return
        end = errand.session.seal_run(run, self._sealed, course.way.channel)
        self._departure.send_run(course, self._sealed[:end], run.slots.step, now)

    def _send_pieces(self, peer: Peer, errand: Errand, run: Run, now: float) -> None:
        """Send the frames of a run that are larger than the path, each in fragments."""
        for index in range(run.count):
            size = run.last_bytes if index == run.count - 1 else run.slots.stride
            self.send_plaintext(peer, errand.course, errand.session, run.slots.plaintexts[index][:size], now)

    def send_staged(self, peer: Peer, now: float) -> None:
        """Send what was kept for a peer that can be reached; else, where it awaits one, a keepalive."""
        session = peer.usable_session(now)
        if session is None or peer.courses is None:
            return
        for frame in peer.take_staged():
            is_own = bytes(frame[VNET_BYTES : VNET_BYTES + 12]) in self._context.routes
            self.send_frame(peer, memoryview(frame), now, is_own)
        self.flush(now)
        if peer.owes_confirmation:
            self.send_keepalive(peer, now)

    def send_keepalive(self, peer: Peer, now: float) -> None:
        """Send an empty datagram."""
        session = peer.usable_session(now)
        if session is not None and peer.courses is not None:
            self._train.append(peer.courses.by_band[Band.CONTROL][0], session, _KEEPALIVE, now)
            self.flush(now)

    def send_control(self, peer: Peer, payload: bytes, destination: Place | None, now: float) -> None:
        """Seal a control message in the current session; it goes by the peer's path, or straight to `destination`."""
        session = peer.usable_session(now)
        where = destination or (peer.courses.places[0] if peer.courses else None)
        if session is None or where is None:
            self.ask_rekey(peer, now)
            return
        self.flush(now)
        plaintext = memoryview(INNER.pack(Kind.CONTROL, Band.CONTROL, 0, 0) + payload)
        out = self._sealed[: len(plaintext) + SEAL_BYTES]
        if session.seal(plaintext, out):
            failure = self._departure.send(where, out, Band.CONTROL, now)
            peer.datagrams_out += 1
            if destination is None and failure not in (0, errno.EMSGSIZE):
                self._context.upcalls.add((PATH_REFUSED, peer.peer, failure))

    def ask_rekey(self, peer: Peer, now: float) -> None:
        """Tell the agent that a session is wanted, once in a while."""
        if now >= peer.rekey_quiet_until:
            peer.rekey_quiet_until = now + REKEY_QUIET_SECONDS
            self._context.upcalls.add((REKEY_DUE, peer.peer))
