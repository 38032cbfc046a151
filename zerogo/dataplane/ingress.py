# -*- test-case-name: zerogo.test.dataplane.test_ingress -*-
"""From the data sockets to the TAP: receive a train, open it, merge its runs, write.

Order of checks: type and length, receiver index, age of the session, replay window, tag; until the tag holds, a
datagram costs a counter and nothing else. Then the switch: what a peer may not send does not enter the TAP.

A train of consecutive counters on one session, which is what a sender's train arrives as, is opened by one call; any
other mixture datagram by datagram, with the same result. That goes for trains in a channel too.

There are two of these: one for what the sockets have, one for what is taken out of FORWARD (`carrying`).
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from attrs import define

from zerogo.dataplane.carrying import Carrying
from zerogo.dataplane.checksum import complete_partial, write_pseudo_sum
from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.door import is_for_us
from zerogo.dataplane.merge import UDP_SEGMENTS_LIMIT, Merger
from zerogo.dataplane.messages import CONTROL_RECEIVED, PEER_ROAMED, SESSION_CONFIRMED
from zerogo.dataplane.packet import CHECKSUM_OFFSET, UDP, network_offset, transport_of
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.place import (
    CHANNEL,
    CHANNEL_FIRST_BYTE,
    CHANNEL_HEADER,
    CHANNEL_HEADER_BYTES,
    CHANNEL_LAST_BYTE,
    Place,
)
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES, LayoutCache, SealedSlots
from zerogo.dataplane.transmit import UDP_GRO
from zerogo.dataplane.vnet import NEEDS_CHECKSUM, NO_OFFLOAD, VNET, VNET_BYTES
from zerogo.errors import ParseError
from zerogo.switch.frame import ETHERNET_BYTES, Refusal
from zerogo.wire.datagram import (
    STUN_HEADER_BYTES,
    STUN_MAGIC_COOKIE,
    TYPE_COOKIE_REPLY,
    TYPE_FORWARD,
    TYPE_INITIATION,
    TYPE_RELAYED_SIGNAL,
    TYPE_RESPONSE,
    TYPE_TRANSPORT,
)
from zerogo.wire.probe import answer_to_probe
from zerogo.wire.route import parse_forward_header
from zerogo.wire.transport import (
    FLAG_PARTIAL,
    FLAG_VERIFIED,
    HEADER,
    INNER_BYTES,
    KIND_MASK,
    LAST_OF_RUN,
    OVERHEAD_BYTES,
    Kind,
)

TRAINS_PER_TURN = 16
ROAM_QUIET_SECONDS = 1.0
KEEPALIVE_SECONDS = 10.0
STRANGER_LIMIT = 1500
"""Bytes of the longest datagram that is passed up unopened."""
_BUFFER_BYTES = 65535 + 64
_CLEAR_BASE = 64
_CLEAR_BYTES = _BUFFER_BYTES + _CLEAR_BASE
_LAYOUTS_LIMIT = 32
_HEAD_BYTES = VNET_BYTES + ETHERNET_BYTES
_LONE_ELIDED = (Kind.ETHERNET_ELIDED | FLAG_PARTIAL) << 24
_BUT_BAND = 0xFF00FFFF
"""The inner header of an IP packet of no run whose checksum was left partial, whatever its band."""


@define
class _Train:
    """Opened datagrams of one session in slots of one size; the last plaintext has `last_bytes`."""

    peer: Peer
    session: SealedSession
    slots: SealedSlots
    count: int
    last_bytes: int
    source: Place

    def plaintext_bytes(self, index: int) -> int:
        return self.last_bytes if index == self.count - 1 else self.slots.stride


class Ingress:
    """The way in. Keeps nothing between trains but the pieces of fragmented frames."""

    def __init__(
        self,
        context: PlaneContext,
        send_staged: Callable[[Peer, float], None],
        send_control: Callable[[Peer, bytes, Place, float], None],
    ) -> None:
        self.carrying: Carrying | None = None
        """Takes FORWARD datagrams; without it there are none, since they themselves came that way."""
        self._context = context
        self._send_staged = send_staged
        self._send_control = send_control
        self.buffer = self._sealed = memoryview(bytearray(_BUFFER_BYTES))
        """Where `receive` finds the datagrams."""
        self._clear = memoryview(bytearray(_CLEAR_BYTES))
        self._layouts: LayoutCache[tuple[int, int], SealedSlots] = LayoutCache(
            lambda shape: SealedSlots(self._sealed, self._clear, _CLEAR_BASE, *shape), _LAYOUTS_LIMIT
        )
        self._merger = Merger(self._clear, _CLEAR_BASE)
        self._merger.takes_udp = context.tap.merges_udp
        self._ancillary_bytes = socket.CMSG_SPACE(4) * 2

    def drain(self, sock: socket.socket, now: float, side: Place = ()) -> None:
        """Take what a socket has, within the bounds of one turn.

        :param side: of a side socket, what goes before the address in the places of those who send to it.
        """
        for _ in range(TRAINS_PER_TURN):
            try:
                size, ancillary, flags, source = sock.recvmsg_into([self._sealed], self._ancillary_bytes)
            except BlockingIOError:
                return
            except OSError:
                # An error that an earlier datagram came back with; there is no more to know of it here.
                continue
            segment = size
            for _, kind, value in ancillary:
                if kind == UDP_GRO and len(value) >= 4:
                    segment = int.from_bytes(value[:4], sys.byteorder)
            if flags & socket.MSG_TRUNC or segment <= 0:
                self._context.tally.dropped_malformed += 1
                continue
            count = -(-size // min(segment, size))
            self._context.tally.udp_datagrams_in += count
            if count > 1:
                self._context.tally.udp_trains_in += 1
            self.receive(size, min(segment, size), side + source[:2], now)

    def receive(self, size: int, segment: int, source: Place, now: float) -> None:
        """Datagrams of `segment` bytes, the last may be shorter, lie in the buffer: `size` bytes in all."""
        if size <= segment or not self._receive_run(size, segment, source, now):
            for at in range(0, size, segment):
                self._receive_one(at, min(at + segment, size), source, now)
        if self.carrying is not None:
            self.carrying.flush(now)

    def _receive_run(self, size: int, segment: int, source: Place, now: float) -> bool:
        """Open a train at once; False where it must be looked at datagram by datagram (nothing was changed then)."""
        wrap = CHANNEL_HEADER_BYTES if self._sealed[0] >> 4 == CHANNEL_FIRST_BYTE >> 4 and len(source) == 2 else 0
        if segment < OVERHEAD_BYTES + wrap:
            return False
        slots = self._layouts.get((segment - wrap, wrap))
        full = size // segment
        if full > slots.count:
            return False
        heads = list(slots.heads.iter_unpack(self._sealed[: full * segment]))
        *lead, word, index, counter = heads[0]
        session = self._context.table.sessions.get(index)
        if word != TYPE_TRANSPORT << 24 or session is None or now >= session.expires_at:
            return False
        if heads != [(*lead, word, index, number) for number in range(counter, counter + full)]:
            return False
        if lead:
            if lead[0] & 0xFFFF != slots.size:
                return False
            source = (CHANNEL, lead[0] >> 16, *source)
        if not session.window.is_ahead(counter, full) or not session.open_run(slots, 0, full, counter):
            return False
        peer = self._context.table.peers[session.owner]
        last_bytes = self._open_tail(session, slots, full, size - full * segment, (*lead, word, index, counter + full))
        count = full + 1 if last_bytes else full
        self._note(peer, session, count, now)
        self._deliver_train(_Train(peer, session, slots, count, last_bytes or slots.stride, source), now)
        if size > full * segment and not last_bytes:
            self._receive_one(full * segment, size, source[-2:], now)
        return True

    def _open_tail(
        self, session: SealedSession, slots: SealedSlots, index: int, size: int, head: tuple[int, ...]
    ) -> int:
        """Open the shorter datagram at the end of a train, if it is the next of the session; bytes of its plaintext."""
        size -= slots.wrap
        if size < OVERHEAD_BYTES or index >= slots.count:
            return 0
        at = index * slots.step
        if slots.wrap:
            head = (head[0] & ~0xFFFF | size, *head[1:])
        if slots.heads.unpack_from(self._sealed, at) != head or not session.window.is_ahead(head[-1], 1):
            return 0
        at += slots.wrap
        datagram, out = self._sealed[at : at + size], slots.plaintexts[index][: size - SEAL_BYTES]
        return size - SEAL_BYTES if session.open(datagram, head[-1], out) else 0

    def _receive_one(self, begin: int, end: int, source: Place, now: float) -> None:
        """One datagram, of anybody."""
        tally = self._context.tally
        if self._sealed[begin] != TYPE_TRANSPORT:
            if self._sealed[begin] == TYPE_FORWARD and self.carrying is not None:
                self._receive_forward(begin, end, source, now)
                return
            if CHANNEL_FIRST_BYTE <= self._sealed[begin] <= CHANNEL_LAST_BYTE:
                self._receive_channel_data(begin, end, source, now)
                return
            self._pass_stranger(bytes(self._sealed[begin:end]), source, now)
            return
        if end - begin < OVERHEAD_BYTES:
            tally.dropped_malformed += 1
            return
        _, _, index, counter = HEADER.unpack_from(self._sealed, begin)
        session = self._session_for(index, counter, now)
        if session is None:
            return
        is_newest = session.window.is_ahead(counter, 1)
        size = end - begin - SEAL_BYTES
        out = self._clear[_CLEAR_BASE : _CLEAR_BASE + size]
        if not session.open(self._sealed[begin:end], counter, out):
            tally.dropped_unauthentic += 1
            return
        peer = self._context.table.peers[session.owner]
        self._note(peer, session, 1, now)
        self._deliver(peer, _CLEAR_BASE, _CLEAR_BASE + size, (source, is_newest), now)

    def _session_for(self, index: int, counter: int, now: float) -> SealedSession | None:
        """The session that is to open a datagram; None, and counted, where none may."""
        tally = self._context.tally
        session = self._context.table.sessions.get(index)
        if session is None:
            tally.dropped_unknown_index += 1
        elif now >= session.expires_at:
            tally.dropped_expired_session += 1
        elif not session.window.accepts(counter):
            tally.dropped_replay += 1
        else:
            return session
        return None

    def _receive_forward(self, begin: int, end: int, source: Place, now: float) -> None:
        """Another pair's datagram, or one for us that members carried."""
        slot = self._sealed[begin:end]
        try:
            sealed_at, index, counter = parse_forward_header(slot)
        except ParseError:
            self._context.tally.dropped_malformed += 1
            return
        session = self._session_for(index, counter, now)
        if session is None or self.carrying is None:
            return
        is_newest = session.window.is_ahead(counter, 1)
        if not session.open_forward(slot, sealed_at, counter):
            self._context.tally.dropped_unauthentic += 1
            return
        peer = self._context.table.peers[session.owner]
        self._note(peer, session, 1, now)
        if is_newest:
            self._note_source(peer, source, now)
        self.carrying.take(peer, slot, sealed_at, now)

    def _receive_channel_data(self, begin: int, end: int, relay: Place, now: float) -> None:
        """What a relay passed on; only by the main sockets, and not within other ChannelData or FORWARD."""
        if len(relay) == 2 and end - begin > CHANNEL_HEADER_BYTES:
            number, length = CHANNEL_HEADER.unpack_from(self._sealed, begin)
            begin += CHANNEL_HEADER_BYTES
            if 0 < length <= end - begin:
                self._receive_one(begin, begin + length, (CHANNEL, number, *relay), now)
                return
        self._context.tally.dropped_malformed += 1

    def _pass_stranger(self, datagram: bytes, source: Place, now: float) -> None:
        first = datagram[0]
        is_handshake = TYPE_INITIATION <= first <= TYPE_COOKIE_REPLY
        is_stun = first <= 0x03 and len(datagram) >= STUN_HEADER_BYTES and datagram[4:8] == STUN_MAGIC_COOKIE
        is_signal = first == TYPE_RELAYED_SIGNAL and source[0] == CHANNEL
        if not (is_handshake or is_stun or is_signal) or len(datagram) > STRANGER_LIMIT:
            self._context.tally.dropped_malformed += 1
            return
        if first in (TYPE_INITIATION, TYPE_RESPONSE) and not is_for_us(self._context.mac1_key, datagram):
            self._context.tally.dropped_mac1 += 1
            return
        self._context.upcalls.add_stranger(source, datagram, is_handshake, now)

    def _note(self, peer: Peer, session: SealedSession, count: int, now: float) -> None:
        """Authentic datagrams came in on a session."""
        peer.datagrams_in += count
        peer.received_at = now
        peer.received_since_tick = True
        peer.unanswered_since = None
        if session is peer.next and self._context.table.confirm(peer, session):
            self._context.upcalls.add((SESSION_CONFIRMED, peer.peer, session.local_index))
            self._send_staged(peer, now)

    def _note_frames(self, peer: Peer, source: Place | None, now: float) -> None:
        """Frames came, `source` is where the newest came from."""
        if peer.keepalive_at is None:
            peer.keepalive_at = now + KEEPALIVE_SECONDS
        if source is not None:
            self._note_source(peer, source, now)

    def _note_source(self, peer: Peer, source: Place, now: float) -> None:
        is_known = peer.courses is not None and source in peer.courses.places
        if not is_known and now >= peer.roam_quiet_until:
            peer.roam_quiet_until = now + ROAM_QUIET_SECONDS
            self._context.upcalls.add((PEER_ROAMED, peer.peer, source))

    def _deliver_train(self, train: _Train, now: float) -> None:
        """Deliver opened slots: runs merged, the others one by one."""
        stride = train.slots.stride
        used = self._clear[_CLEAR_BASE : _CLEAR_BASE + train.count * stride]
        words = [word for (word,) in train.slots.inner_words.iter_unpack(used)]
        first = 0
        while first < train.count:
            length = _run_length(words, first)
            if length == 1 and self._is_udp(train, first, words[first]):
                length = _like_length(words, first)
            if length == 1 or not self._deliver_run(train, first, length, words[first] >> 24, now):
                for index in range(first, first + length):
                    begin = _CLEAR_BASE + index * stride
                    end = begin + train.plaintext_bytes(index)
                    self._deliver(train.peer, begin, end, (train.source, True), now)
            first += length

    def _is_udp(self, train: _Train, index: int, word: int) -> bool:
        """Whether a slot that is of no run may begin one of equal UDP packets that arrived next to each other.

        The local kernel is then asked once for all of them, and hands them to their socket one by one.
        """
        if word & _BUT_BAND != _LONE_ELIDED or not self._merger.takes_udp:
            return False
        at = _CLEAR_BASE + index * train.slots.stride + INNER_BYTES
        return self._clear[at + (9 if self._clear[at] >> 4 == 4 else 6)] == UDP

    def _deliver_run(self, train: _Train, first: int, count: int, kind_and_flags: int, now: float) -> bool:
        """Write a run as one super-frame; False where its frames must be delivered one by one."""
        context, peer = self._context, train.peer
        kind = kind_and_flags & KIND_MASK
        if not context.tap.merges or kind not in (Kind.ETHERNET, Kind.ETHERNET_ELIDED):
            return False
        ethernet = peer.head_ipv4[VNET_BYTES:] if kind == Kind.ETHERNET_ELIDED else None
        is_trusted = bool(kind_and_flags & (FLAG_PARTIAL | FLAG_VERIFIED))
        last_bytes = train.plaintext_bytes(first + count - 1)
        pieces = self._merger.merge(train.slots.stride, first, count, last_bytes, ethernet, is_trusted)
        if pieces is None:
            if self._merger.is_spoiled:
                self._open_again(train, first, count)
            return False
        head = memoryview(pieces[0])[VNET_BYTES:]
        self._note_frames(peer, train.source, now)
        if self._forbids(peer, head, now) or self._refuses(peer, head, ethernet is not None, now):
            return True
        if not context.tap.write_super(pieces, count):
            self._open_again(train, first, count)
            return False
        peer.bytes_in += sum(map(len, pieces[1:])) + len(head) * count
        return True

    def _open_again(self, train: _Train, first: int, count: int) -> None:
        """Bring back the plaintexts of slots whose headers were overwritten."""
        for index in range(first, first + count):
            at, size = index * train.slots.step, train.plaintext_bytes(index)
            counter = train.slots.heads.unpack_from(self._sealed, at)[-1]
            at += train.slots.wrap
            begin = _CLEAR_BASE + index * train.slots.stride
            train.session.open(self._sealed[at : at + size + SEAL_BYTES], counter, self._clear[begin : begin + size])

    def _deliver(self, peer: Peer, begin: int, end: int, came: tuple[Place, bool], now: float) -> None:
        """One plaintext in the clear buffer; what lies before it there may be overwritten.

        :param came: from where, and whether it is the newest datagram of its session.
        """
        source, is_newest = came
        kind_and_flags = self._clear[begin]
        kind = kind_and_flags & KIND_MASK
        if kind == Kind.CONTROL:
            payload = bytes(self._clear[begin + INNER_BYTES : end])
            answer = answer_to_probe(payload)
            if answer is not None:
                self._send_control(peer, answer, source, now)
            self._context.upcalls.add((CONTROL_RECEIVED, peer.peer, source, payload))
        elif kind in (Kind.ETHERNET, Kind.ETHERNET_ELIDED):
            self._note_frames(peer, source if is_newest else None, now)
            self._deliver_frame(peer, self._clear[begin + INNER_BYTES - _HEAD_BYTES : end], kind_and_flags, now)
        elif kind == Kind.FRAGMENT:
            self._note_frames(peer, source if is_newest else None, now)
            self._deliver_fragment(peer, bytes(self._clear[begin + INNER_BYTES : end]), now)
        elif kind != Kind.KEEPALIVE:
            self._context.tally.dropped_malformed += 1

    def _deliver_fragment(self, peer: Peer, payload: bytes, now: float) -> None:
        self._context.tally.fragments_in += 1
        try:
            whole = peer.reassembly.add(payload, now)
        except ParseError:
            self._context.tally.dropped_malformed += 1
            return
        if whole is not None and whole[0] & KIND_MASK in (Kind.ETHERNET, Kind.ETHERNET_ELIDED):
            self._deliver_frame(peer, memoryview(bytearray(_HEAD_BYTES) + whole[1]), whole[0], now)

    def _deliver_frame(self, peer: Peer, roomy: memoryview, kind_and_flags: int, now: float) -> None:
        """Write one frame; it lies in `roomy` behind 24 bytes of room for virtio and Ethernet header."""
        is_elided = kind_and_flags & KIND_MASK == Kind.ETHERNET_ELIDED
        frame = self._with_ethernet(peer, roomy) if is_elided else roomy[ETHERNET_BYTES:]
        if frame is None:
            self._context.tally.dropped_malformed += 1
            return
        if self._forbids(peer, frame[VNET_BYTES:], now) or self._refuses(peer, frame[VNET_BYTES:], is_elided, now):
            return
        frame[:VNET_BYTES] = NO_OFFLOAD
        if kind_and_flags & (FLAG_PARTIAL | FLAG_VERIFIED) and not self._restore_checksum(frame, kind_and_flags):
            self._context.tally.dropped_malformed += 1
            return
        peer.bytes_in += len(frame) - VNET_BYTES
        self._context.tap.write(frame)

    @staticmethod
    def _with_ethernet(peer: Peer, roomy: memoryview) -> memoryview | None:
        """Put the elided header back; None where no IP packet follows."""
        if len(roomy) <= _HEAD_BYTES:
            return None
        version = roomy[_HEAD_BYTES] >> 4
        if version == 4:
            roomy[:_HEAD_BYTES] = peer.head_ipv4
        elif version == 6:
            roomy[:_HEAD_BYTES] = peer.head_ipv6
        else:
            return None
        return roomy

    def _forbids(self, peer: Peer, frame: memoryview, now: float) -> bool:
        """Whether the peer's filter refuses a frame, which then is counted."""
        gate = self._context.gate
        if not gate.holds(peer.peer) or gate.passes(peer.peer, frame, False, now):
            return False
        self._context.tally.dropped_policy_in += 1
        return True

    def _refuses(self, peer: Peer, frame: memoryview, is_elided: bool, now: float) -> bool:
        """Whether the switch refuses a frame, which then is counted; of an elided header nothing can be wrong."""
        segment = self._context.segment
        refusal: Refusal | None
        if is_elided:
            refusal = segment.refuses_packet(peer.peer, frame[12] << 8 | frame[13], frame[ETHERNET_BYTES:])
        else:
            refusal = segment.refuses(peer.peer, frame, now)
        if refusal is not None:
            self._context.tally.add(refusal.value)
        return refusal is not None

    def _restore_checksum(self, frame: memoryview, kind_and_flags: int) -> bool:
        """Rebuild the partial sum from headers that are read here; False where there is no such sum."""
        packet = frame[VNET_BYTES:]
        end = len(packet)
        network = network_offset(packet, 0, end)
        located = transport_of(packet, network, end) if network else None
        if located is None:
            return not kind_and_flags & FLAG_PARTIAL
        transport, protocol, _ = located
        offset = CHECKSUM_OFFSET[protocol]
        field = transport + offset
        if not kind_and_flags & FLAG_PARTIAL and protocol == UDP and packet[field] == packet[field + 1] == 0:
            return True
        write_pseudo_sum(packet, network, transport, protocol, end)
        if self._context.offloads.checksum_elision:
            VNET.pack_into(frame, 0, NEEDS_CHECKSUM, 0, 0, 0, transport, offset)
        else:
            complete_partial(packet, transport, offset, end)
            self._context.tally.checksums_completed += 1
        return True


def _run_length(words: list[int], first: int) -> int:
    """How many slots from `first` on are of one run, in order; `words` are their inner headers."""
    word = words[first]
    if not word >> 8 & 0xFF or word & LAST_OF_RUN:
        return 1
    end = first + 1
    while end < len(words) and words[end] & ~LAST_OF_RUN == word + (end - first):
        end += 1
        if words[end - 1] & LAST_OF_RUN:
            break
    return end - first


def _like_length(words: list[int], first: int) -> int:
    """How many slots from `first` on have the same inner header."""
    end = first + 1
    while end < len(words) and end - first < UDP_SEGMENTS_LIMIT and words[end] == words[first]:
        end += 1
    return end - first
