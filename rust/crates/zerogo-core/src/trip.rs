//! What one frame of the TAP becomes: checksum, inner headers, pieces or a run of frames, sealed for its way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::checksum::complete_partial;
use crate::counter::Counter;
use crate::cut::{BASE, Cutter, RunHead, SLOTS_LIMIT, Shape};
use crate::fdb::PeerNumber;
use crate::fragment;
use crate::late::LateWay;
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::packet::{ETHERNET_BYTES, TCP, UDP, be16, checksum_offset, network_offset, transport_of};
use crate::peer::{Peer, bump};
use crate::session::Session;
use crate::shared::Shared;
use crate::time::{NEVER, Nanos};
use crate::vnet::{CHECKSUM_VALID, NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use crate::way::Way;
use crate::wire::{
    ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, HEADER_BYTES, INNER_BYTES, OVERHEAD_BYTES,
    RUN_LENGTH_LIMIT, SEAL_BYTES, TAG_BYTES,
};

const DHCP_PORTS: [u16; 2] = [67, 68];

/// How the datagrams of one frame get to its peer.
pub(crate) struct Trip {
    pub(crate) number: PeerNumber,
    pub(crate) session: Arc<Session>,
    pub(crate) way: Way,
    /// Largest sealed datagram.
    pub(crate) mtu: usize,
    /// Where they go too.
    pub(crate) twin: Option<Way>,
    /// Where they go once more, later.
    pub(crate) late: Option<LateWay>,
    pub(crate) band: u8,
    pub(crate) blame: Blame,
    /// Whether the last segment of a super-frame is not sent, so that its sender learns that it sends too much.
    pub(crate) is_late: bool,
}

pub(crate) fn note_data(peer: &Peer, bytes: usize, now: Nanos) {
    bump(&peer.shared.bytes_out, bytes);
    let _ = peer.shared.unanswered_since.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
}

/// The checksum flags of a frame that is sent as it is; completes its sum where it may not stay partial. `None` where the
/// sum is wanted in a place that no protocol has it in.
pub(crate) fn settle_checksum(shared: &Shared, frame: &mut [u8], vnet: &Vnet) -> Option<u8> {
    if vnet.flags & CHECKSUM_VALID != 0 {
        return Some(if shared.checksum_elision { FLAG_VERIFIED } else { 0 });
    }
    if vnet.flags & NEEDS_CHECKSUM == 0 {
        return Some(0);
    }
    let (start, offset) = (usize::from(vnet.checksum_start), usize::from(vnet.checksum_offset));
    if start < ETHERNET_BYTES || start + offset + 2 > frame.len() - VNET_BYTES {
        return None;
    }
    if shared.checksum_elision && may_stay_partial(&frame[VNET_BYTES..], start, offset) {
        shared.sending.add(Counter::ChecksumsElided, 1);
        return Some(FLAG_PARTIAL);
    }
    complete_partial(&mut frame[VNET_BYTES..], start, offset);
    // A frame that is flooded comes here again for each copy; its sum is complete now.
    frame[0] = 0;
    shared.sending.add(Counter::ChecksumsCompleted, 1);
    Some(0)
}

/// Only where the receiver finds the field by itself, and no program there looks at it before the kernel does.
fn may_stay_partial(packet: &[u8], start: usize, offset: usize) -> bool {
    if packet[0] & 1 == 1 {
        return false;
    }
    let Some(transport) = network_offset(packet).and_then(|network| transport_of(packet, network)) else {
        return false;
    };
    let is_dhcp = transport.protocol == UDP && DHCP_PORTS.contains(&be16(packet, transport.offset + 2));
    transport.offset == start && checksum_offset(transport.protocol) == offset && !is_dhcp
}

/// How to cut the frame of `size` bytes that begins with `head`; `None` where it is nothing that can be cut.
pub(crate) fn shape_of(
    shared: &Shared,
    trip: &Trip,
    head: &[u8],
    size: usize,
    vnet: &Vnet,
    elides_ethernet: bool,
) -> Option<Shape> {
    let lead = if elides_ethernet { ETHERNET_BYTES } else { 0 };
    let network = network_offset(head)?;
    let transport = transport_of(head, network)?;
    let payload_bytes = if transport.protocol == TCP {
        let room = trip.mtu.min(shared.mtu + OVERHEAD_BYTES + network - lead);
        room.checked_sub(OVERHEAD_BYTES + transport.headers_end - lead)?
    } else {
        usize::from(vnet.gso_size)
    };
    let payload = size.checked_sub(transport.headers_end).filter(|payload| *payload > 0)?;
    if payload_bytes == 0 || payload.div_ceil(payload_bytes) > SLOTS_LIMIT {
        return None;
    }
    let shape = Shape::new(head, lead, network, &transport, payload_bytes);
    Some(shape.within(trip.way.before(), trip.way.after()))
}

/// Seal and send an inner header with its payload; in pieces where the path is too small for it.
pub(crate) fn send_plaintext<S: DatagramSink>(
    shared: &Shared,
    outbox: &mut Outbox<S>,
    peer: &mut Peer,
    trip: &Trip,
    pieces: [&[u8]; 2],
    now: Nanos,
) {
    if pieces[0].len() + pieces[1].len() + SEAL_BYTES <= trip.mtu {
        send_whole(shared, outbox, peer, trip, pieces, now);
        return;
    }
    let frame_id = peer.next_frame_id();
    fragment::split(pieces[0], pieces[1], frame_id, trip.mtu, |head, piece| {
        shared.sending.add(Counter::FragmentsOut, 1);
        send_whole(shared, outbox, peer, trip, [&head, piece], now);
    });
}

/// Seal and send a plaintext that the path carries.
fn send_whole<S: DatagramSink>(
    shared: &Shared,
    outbox: &mut Outbox<S>,
    peer: &mut Peer,
    trip: &Trip,
    pieces: [&[u8]; 2],
    now: Nanos,
) {
    if trip.twin.is_some() || trip.late.is_some() {
        let Some(datagram) = outbox.seal(&trip.session, pieces) else {
            return;
        };
        send_copies(shared, outbox, trip, &datagram, now);
        outbox.reuse(datagram);
    } else if !outbox.append(&trip.way, trip.blame, &trip.session, pieces, now) {
        return;
    }
    trip.way.note_sent();
    peer.note_sent(1);
}

/// Send a sealed datagram by all its ways.
fn send_copies<S: DatagramSink>(shared: &Shared, outbox: &mut Outbox<S>, trip: &Trip, datagram: &[u8], now: Nanos) {
    outbox.append_raw(&trip.way, trip.blame, datagram, now);
    if let Some(way) = &trip.twin
        && outbox.append_raw(way, Blame::Nobody, datagram, now)
    {
        shared.sending.add(Counter::TwinsOut, 1);
        way.note_sent();
    }
    if let Some(way) = trip.late {
        outbox.late.hold(way, datagram, now);
    }
}

/// Cut, seal and send the super-frame whose payload is in the places of a cutter.
#[expect(clippy::too_many_arguments, reason = "the parts of one plane, borrowed apart")]
pub(crate) fn send_run<S: DatagramSink>(
    shared: &Shared,
    outbox: &mut Outbox<S>,
    cutter: &mut Cutter,
    peer: &mut Peer,
    trip: &Trip,
    payload: usize,
    vnet: &Vnet,
    now: Nanos,
) {
    let shape = *cutter.shape();
    let count = payload.div_ceil(shape.payload_bytes);
    let sent = count - usize::from(trip.is_late);
    let head = run_head(shared, peer, &shape, trip.band, count, vnet);
    shared.sending.add(Counter::TapSuperFramesIn, 1);
    let counter = if head.elides { Counter::ChecksumsElided } else { Counter::ChecksumsCompleted };
    shared.sending.add(counter, sent);
    let payload_sent = payload.min(sent * shape.payload_bytes);
    note_data(peer, payload_sent + sent * (shape.lead + shape.header_bytes), now);
    // What waits came before.
    outbox.flush(now);
    let mut seen = 0;
    let mut goes = || {
        seen += 1;
        seen <= sent
    };
    if shape.datagram_bytes() > trip.mtu {
        cutter.cut(payload, head, |slot| {
            if !goes() {
                return;
            }
            let end = slot.len() - shape.after - TAG_BYTES;
            let (inner, rest) = slot[shape.before + HEADER_BYTES..end].split_at(INNER_BYTES);
            send_plaintext(shared, outbox, peer, trip, [inner, rest], now);
        });
        return;
    }
    let mut is_sealed = true;
    cutter.cut(payload, head, |slot| {
        if !goes() {
            return;
        }
        let datagram = shape.before..slot.len() - shape.after;
        is_sealed &= trip.session.seal(&mut slot[datagram.clone()]);
        if let Some(way) = &trip.twin
            && is_sealed
            && outbox.append_raw(way, Blame::Nobody, &slot[datagram.clone()], now)
        {
            shared.sending.add(Counter::TwinsOut, 1);
        }
        if let Some(way) = trip.late
            && is_sealed
        {
            outbox.late.hold(way, &slot[datagram], now);
        }
        is_sealed &= trip.way.wrap(slot);
    });
    if is_sealed && sent > 0 {
        let end = BASE + payload_sent + sent * shape.gap_bytes();
        outbox.send_run(trip.way.place, trip.blame, &cutter.buffer, BASE..end, shape.slot_bytes(), now);
        trip.way.note_sent();
        peer.note_sent(sent);
    }
}

/// The inner header of the frames that a super-frame is cut into.
fn run_head(shared: &Shared, peer: &mut Peer, shape: &Shape, band: u8, count: usize, vnet: &Vnet) -> RunHead {
    let elides = shared.checksum_elision && vnet.flags & NEEDS_CHECKSUM != 0;
    let kind = if shape.lead > 0 { ETHERNET_ELIDED } else { ETHERNET };
    let mut run_ids = [0; 2];
    if count > 1 {
        run_ids[0] = peer.next_run_id();
    }
    if count > RUN_LENGTH_LIMIT {
        run_ids[1] = peer.next_run_id();
    }
    RunHead { kind_and_flags: kind | if elides { FLAG_PARTIAL } else { 0 }, band, elides, run_ids }
}
