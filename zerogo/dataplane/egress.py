# -*- test-case-name: zerogo.test.dataplane.test_egress -*-
"""From the TAP to the data sockets: read a frame, find its peer, cut, seal, send.

Small datagrams of one size to one peer, read in one go, gather in a train; nothing waits for a train to fill: it
leaves when the TAP has nothing more. A super-frame is a train of its own.
"""

from __future__ import annotations

import errno
import os

from zerogo.dataplane.checksum import complete_partial
from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.cut import Cutter, Run, Shape
from zerogo.dataplane.fragment import fragments
from zerogo.dataplane.messages import PATH_REFUSED, REKEY_DUE
from zerogo.dataplane.packet import CHECKSUM_OFFSET, TCP, Transport, network_offset, transport_of
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES
from zerogo.dataplane.transmit import TRAIN_BYTES_LIMIT, TRAIN_DATAGRAMS_LIMIT
from zerogo.dataplane.vnet import CHECKSUM_VALID, GSO_ECN, NEEDS_CHECKSUM, NO_OFFLOAD, VNET, VNET_BYTES
from zerogo.switch.frame import ETHERNET_BYTES
from zerogo.switch.segment import Answer, Flood, Unicast
from zerogo.wire.transport import FLAG_PARTIAL, FLAG_VERIFIED, INNER, INNER_BYTES, OVERHEAD_BYTES, Band, Kind

FRAMES_PER_TURN = 64
BYTES_PER_TURN = 256 * 1024
REKEY_QUIET_SECONDS = 5.0
"""WireGuard's Rekey-Timeout: one `RekeyDue` in so long."""
REFUSED_QUIET_SECONDS = 1.0
_DHCP_PORTS = (67, 68)
_BULK = int(Band.BULK)
_KEEPALIVE = memoryview(bytearray(INNER.pack(Kind.KEEPALIVE, Band.CONTROL, 0, 0)))


class Egress:
    """The way out. One frame at a time; nothing is kept but the pending train."""

    def __init__(self, context: PlaneContext, cutter: Cutter | None = None) -> None:
        self._context = context
        self._cutter = cutter or Cutter()
        self._clear = self._cutter.clear
        self._sealed = self._cutter.sealed
        self._train_peer: Peer | None = None
        self._train_size = self._train_used = self._train_count = 0

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
        session = peer.usable_session(now)
        if session is None or peer.destination is None:
            self._context.tally.dropped_staged += peer.stage(bytearray(frame))
            if session is None:
                self.ask_rekey(peer, now)
            return
        vnet = VNET.unpack_from(frame)
        is_ip = is_own and len(frame) > 44 and self._is_plain_ip(frame)
        if vnet[1] & ~GSO_ECN:
            self._send_super(peer, session, frame, vnet, is_ip, now)
            return
        lead = VNET_BYTES + (ETHERNET_BYTES if is_ip else 0)
        flags = self._settle_checksum(frame, vnet)
        begin = lead - INNER_BYTES
        INNER.pack_into(frame, begin, (Kind.ETHERNET_ELIDED if is_ip else Kind.ETHERNET) | flags, _BULK, 0, 0)
        peer.bytes_out += len(frame) - VNET_BYTES
        if peer.unanswered_since is None:
            peer.unanswered_since = now
        self.send_plaintext(peer, session, frame[begin:], now)

    @staticmethod
    def _is_plain_ip(frame: memoryview) -> bool:
        """Whether the EtherType can be told from the version of IP, as the receiver will."""
        at = VNET_BYTES + ETHERNET_BYTES
        ethertype, version = frame[at - 2] << 8 | frame[at - 1], frame[at] >> 4
        return (ethertype == 0x0800 and version == 4) or (ethertype == 0x86DD and version == 6)

    def _settle_checksum(self, frame: memoryview, vnet: tuple[int, ...]) -> int:
        """The checksum flags of a frame that is sent as it is; completes its sum where it may not stay partial."""
        if not vnet[0]:
            return 0
        if vnet[0] & CHECKSUM_VALID:
            return FLAG_VERIFIED if self._context.offloads.checksum_elision else 0
        if not vnet[0] & NEEDS_CHECKSUM:
            return 0
        packet = frame[VNET_BYTES:]
        start, offset = vnet[4], vnet[5]
        if start + offset + 2 > len(packet):
            return 0
        if self._may_stay_partial(packet, start, offset):
            self._context.tally.checksums_elided += 1
            return FLAG_PARTIAL
        complete_partial(packet, start, offset, len(packet))
        self._context.tally.checksums_completed += 1
        return 0

    def _may_stay_partial(self, packet: memoryview, start: int, offset: int) -> bool:
        """Only where the receiver finds the field by itself, and no program looks at it before the kernel."""
        if packet[0] & 1 or not self._context.offloads.checksum_elision:
            return False
        network = network_offset(packet, 0, len(packet))
        located = transport_of(packet, network, len(packet)) if network else None
        if located is None or located[0] != start or CHECKSUM_OFFSET[located[1]] != offset:
            return False
        return not self._is_dhcp(packet, located)

    @staticmethod
    def _is_dhcp(packet: memoryview, located: Transport) -> bool:
        transport = located[0]
        port = packet[transport + 2] << 8 | packet[transport + 3]
        return located[1] != TCP and port in _DHCP_PORTS

    def send_plaintext(self, peer: Peer, session: SealedSession, plaintext: memoryview, now: float) -> None:
        """Seal and send an inner header with its payload; in pieces where the path is too small for it."""
        size = len(plaintext) + SEAL_BYTES
        if size > peer.mtu:
            frame_id = peer.next_frame_id()
            for piece in fragments(plaintext, frame_id, peer.mtu):
                self._context.tally.fragments_out += 1
                self._append(peer, session, memoryview(piece), now)
            return
        self._append(peer, session, plaintext, now)

    def _append(self, peer: Peer, session: SealedSession, plaintext: memoryview, now: float) -> None:
        size = len(plaintext) + SEAL_BYTES
        used = self._train_used
        if (
            peer is not self._train_peer
            or size > self._train_size
            or used != self._train_size * self._train_count
            or used + size > TRAIN_BYTES_LIMIT
            or self._train_count >= TRAIN_DATAGRAMS_LIMIT
        ):
            self.flush(now)
            self._train_peer, self._train_size = peer, size
            used = 0
        if session.seal(plaintext, self._sealed[used : used + size]):
            self._train_used = used + size
            self._train_count += 1

    def flush(self, now: float) -> None:
        """Send the pending train."""
        peer, count, used = self._train_peer, self._train_count, self._train_used
        self._train_peer = None
        self._train_used = self._train_count = 0
        if peer is not None and count:
            self._transmit(peer, self._sealed[:used], self._train_size, count, now)

    def _transmit(self, peer: Peer, train: memoryview, size: int, count: int, now: float) -> None:
        if peer.destination is None:
            return
        failure = self._context.sender.send_train(train, size, peer.destination, now)
        peer.datagrams_out += count
        peer.owes_confirmation = False
        peer.keepalive_at = None
        peer.sent_since_tick = True
        if failure and now >= peer.refused_quiet_until:
            peer.refused_quiet_until = now + REFUSED_QUIET_SECONDS
            self._context.upcalls.add((PATH_REFUSED, peer.peer, failure))

    def _send_in_place(self, peer: Peer, size: int, vnet: tuple[int, ...], now: float) -> bool:
        """Send a super-frame that was read into its places; False where it must be looked at in one piece."""
        session = peer.usable_session(now)
        layout = self._cutter.layout
        if session is None or peer.destination is None or not layout.shape.lead:
            return False
        start = layout.frame_start
        head = self._clear[start - VNET_BYTES : start + ETHERNET_BYTES + layout.shape.header_bytes]
        if not self._is_plain_ip(head):
            return False
        shape = self._shape_of(peer, head[VNET_BYTES:], size, vnet, True)
        if shape != layout.shape:
            return False
        payload = size - ETHERNET_BYTES - layout.shape.header_bytes
        self._send_run(peer, session, payload, vnet, now)
        return True

    def _shape_of(self, peer: Peer, head: memoryview, size: int, vnet: tuple[int, ...], is_ip: bool) -> Shape | None:
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
            room = min(peer.mtu, self._context.mtu + OVERHEAD_BYTES + network - lead) & ~7
            payload = room - OVERHEAD_BYTES - header_bytes
        if payload <= 0 or size <= headers_end:
            return None
        is_ipv4 = head[network] >> 4 == 4
        return Shape(lead, network - lead, transport - lead, header_bytes, payload, protocol, is_ipv4)

    def _send_super(
        self, peer: Peer, session: SealedSession, frame: memoryview, vnet: tuple[int, ...], is_ip: bool, now: float
    ) -> None:
        """Cut and send a super-frame that lies in one piece."""
        packet = frame[VNET_BYTES:]
        shape = self._shape_of(peer, packet, len(packet), vnet, is_ip)
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
        self._send_run(peer, session, payload, vnet, now)
        if not layout.takes_all:
            self._cutter.layout = previous

    def _send_run(self, peer: Peer, session: SealedSession, payload: int, vnet: tuple[int, ...], now: float) -> None:
        """Cut, seal and send the super-frame whose payload is in the places of the cutter's layout."""
        context, layout = self._context, self._cutter.layout
        context.tally.tap_super_frames_in += 1
        elides = context.offloads.checksum_elision and bool(vnet[0] & NEEDS_CHECKSUM)
        kind = Kind.ETHERNET_ELIDED if layout.shape.lead else Kind.ETHERNET
        run_id = peer.next_run_id() if payload > layout.shape.payload_bytes else 0
        inner = (kind | (FLAG_PARTIAL if elides else 0), _BULK, run_id)
        run = self._cutter.cut(layout, payload, inner)
        if elides:
            context.tally.checksums_elided += run.count
        else:
            self._cutter.complete_sums(layout, run)
            context.tally.checksums_completed += run.count
        if peer.unanswered_since is None:
            peer.unanswered_since = now
        peer.bytes_out += payload + run.count * (ETHERNET_BYTES + layout.shape.header_bytes)
        self.flush(now)
        if run.slots.size > peer.mtu:
            self._send_pieces(peer, session, run, now)
            return
        end = session.seal_run(run, self._sealed)
        size = run.slots.size
        step = min(TRAIN_DATAGRAMS_LIMIT, TRAIN_BYTES_LIMIT // size) * size
        for at in range(0, end, step):
            train = self._sealed[at : min(at + step, end)]
            self._transmit(peer, train, size, -(-len(train) // size), now)

    def _send_pieces(self, peer: Peer, session: SealedSession, run: Run, now: float) -> None:
        """Send the frames of a run that are larger than the path, each in fragments."""
        for index in range(run.count):
            size = run.last_bytes if index == run.count - 1 else run.slots.stride
            self.send_plaintext(peer, session, run.slots.plaintexts[index][:size], now)

    def send_staged(self, peer: Peer, now: float) -> None:
        """Send what was kept for a peer that can be reached; else, where it awaits one, a keepalive."""
        session = peer.usable_session(now)
        if session is None or peer.destination is None:
            return
        for frame in peer.take_staged():
            is_own = bytes(frame[VNET_BYTES : VNET_BYTES + 12]) in self._context.routes
            self.send_frame(peer, memoryview(frame), now, is_own)
        if peer.owes_confirmation and self._train_peer is not peer:
            self.send_keepalive(peer, now)
        self.flush(now)

    def send_keepalive(self, peer: Peer, now: float) -> None:
        """Send an empty datagram."""
        session = peer.usable_session(now)
        if session is not None:
            self._append(peer, session, _KEEPALIVE, now)
            self.flush(now)

    def send_control(self, peer: Peer, payload: bytes, destination: tuple[str, int] | None, now: float) -> None:
        """Seal a control message in the current session; it goes by the peer's path, or straight to `destination`."""
        session = peer.usable_session(now)
        where = destination or peer.destination
        if session is None or where is None:
            self.ask_rekey(peer, now)
            return
        self.flush(now)
        plaintext = memoryview(INNER.pack(Kind.CONTROL, Band.CONTROL, 0, 0) + payload)
        out = self._sealed[: len(plaintext) + SEAL_BYTES]
        if session.seal(plaintext, out):
            failure = self._context.sender.send(out, where)
            peer.datagrams_out += 1
            if destination is None and failure not in (0, errno.EMSGSIZE):
                self._context.upcalls.add((PATH_REFUSED, peer.peer, failure))

    def ask_rekey(self, peer: Peer, now: float) -> None:
        """Tell the agent that a session is wanted, once in a while."""
        if now >= peer.rekey_quiet_until:
            peer.rekey_quiet_until = now + REKEY_QUIET_SECONDS
            self._context.upcalls.add((REKEY_DUE, peer.peer))
