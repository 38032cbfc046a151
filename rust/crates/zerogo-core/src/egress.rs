//! From the TAP to the data sockets: find a frame's peer, cut, seal, send; and the verbs of the agent, which the same
//! thread carries out in the order they were called.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::checksum::complete_partial;
use crate::counter::Counter;
use crate::cut::{BASE, Cutter, FRAME_LIMIT, Reading, RunHead, SLOTS_LIMIT, Shape};
use crate::fdb::{Mac, PeerNumber};
use crate::fragment;
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::packet::{ETHERNET_BYTES, TCP, UDP, be16, checksum_offset, is_plain_ip, network_offset, transport_of};
use crate::peer::{Peer, bump};
use crate::segment::{Verdict, addresses};
use crate::session::Session;
use crate::shared::{Shared, TapSink};
use crate::time::{NEVER, Nanos, SECOND};
use crate::upcall::Upcall;
use crate::vnet::{CHECKSUM_VALID, NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use crate::wire::{
    BAND_BULK, BAND_CONTROL, CONTROL, ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, HEADER_BYTES,
    INNER_BYTES, KEEPALIVE, OVERHEAD_BYTES, RUN_LENGTH_LIMIT, SEAL_BYTES, TAG_BYTES,
};

const REKEY_QUIET: Nanos = 5 * SECOND;
const REFUSED_QUIET: Nanos = SECOND;
const DHCP_PORTS: [u16; 2] = [67, 68];
const EMSGSIZE: i32 = 90;

/// The way out: what is read from the TAP, and what becomes of it.
pub struct Egress<S> {
    reader: Cutter,
    /// All but the buffer that is read into.
    pub out: Outgoing<S>,
}

/// Peers, routes, and the trains under way.
pub struct Outgoing<S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: HashMap<PeerNumber, Peer>,
    pub(crate) outbox: Outbox<S>,
    tap: Arc<dyn TapSink>,
    routes: HashMap<Mac, PeerNumber>,
    mill: Cutter,
}

impl<S: DatagramSink> Egress<S> {
    /// Of a plane without peers.
    pub fn new(shared: Arc<Shared>, tap: Arc<dyn TapSink>, sink: S) -> Self {
        let out = Outgoing {
            shared,
            peers: HashMap::new(),
            outbox: Outbox::new(sink),
            tap,
            routes: HashMap::new(),
            mill: Cutter::default(),
        };
        Self { reader: Cutter::default(), out }
    }

    /// Take one frame, with its virtio header, that `read` puts into the vectors it is given; its size.
    pub fn take(
        &mut self,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> std::io::Result<usize>,
        now: Nanos,
    ) -> std::io::Result<usize> {
        let (reading, size) = self.reader.read(read)?;
        let tally = &self.out.shared.sending;
        tally.add(Counter::TapFramesIn, 1);
        if !(VNET_BYTES..=VNET_BYTES + FRAME_LIMIT).contains(&size) {
            tally.add(Counter::DroppedMalformed, 1);
            return Ok(size);
        }
        if reading == Reading::Spread && self.out.send_in_place(&mut self.reader, size, now) {
            return Ok(size);
        }
        let frame = self.reader.whole(size);
        if let Some(shape) = self.out.dispatch(frame, now) {
            self.reader.expect(shape);
        }
        Ok(size)
    }

    /// Send what waits, and tell of what could not be sent.
    pub fn flush(&mut self, now: Nanos) {
        self.out.flush(now);
    }
}

impl<S: DatagramSink> Outgoing<S> {
    /// The sockets.
    pub fn sink_mut(&mut self) -> &mut S {
        self.outbox.sink_mut()
    }

    /// Take over the routes that follow from the members' addresses.
    pub(crate) fn derive_routes(&mut self) {
        self.routes.clone_from(self.shared.segment().static_routes());
    }

    fn route(&self, frame: &[u8]) -> Option<PeerNumber> {
        if frame.len() < ETHERNET_BYTES || frame[6..12] != self.shared.own_mac {
            return None;
        }
        self.routes.get(&addresses(frame).0).copied()
    }

    /// One frame with its virtio header; the shape of it, where it was a super-frame.
    fn dispatch(&mut self, frame: &mut [u8], now: Nanos) -> Option<Shape> {
        if let Some(peer) = self.route(&frame[VNET_BYTES..]) {
            return self.send_frame(peer, frame, true, now);
        }
        let verdict = self.shared.segment().egress(&frame[VNET_BYTES..], now);
        match verdict {
            Verdict::Unicast(peer) => return self.send_frame(peer, frame, false, now),
            Verdict::Flood(peers) => {
                self.shared.sending.add(Counter::Flooded, peers.len());
                for peer in peers {
                    self.send_frame(peer, frame, false, now);
                }
            }
            Verdict::Answer(answer) => {
                self.shared.sending.add(Counter::NeighborsAnswered, 1);
                let pieces = [IoSlice::new(&[0; VNET_BYTES]), IoSlice::new(&answer)];
                let counter =
                    if self.tap.write(&pieces).is_ok() { Counter::TapFramesOut } else { Counter::DroppedTapWrite };
                self.shared.sending.add(counter, 1);
            }
            Verdict::Refusal(counter) => self.shared.sending.add(counter, 1),
        }
        None
    }

    /// Send a frame with its virtio header, or keep it until that is possible. `is_own` says that it goes from our own
    /// address to the peer's own, so that its Ethernet header can be left out.
    pub(crate) fn send_frame(
        &mut self,
        number: PeerNumber,
        frame: &mut [u8],
        is_own: bool,
        now: Nanos,
    ) -> Option<Shape> {
        let peer = self.peers.get_mut(&number)?;
        let session = peer.usable_session(now);
        let Some(session) = session.filter(|_| peer.destination.is_some()) else {
            let is_keyless = peer.usable_session(now).is_none();
            self.shared.sending.add(Counter::DroppedStaged, peer.stage(frame));
            if is_keyless {
                ask_rekey(&self.shared, peer, now);
            }
            return None;
        };
        let vnet = Vnet::parse(frame);
        let elides_ethernet = is_own && is_plain_ip(&frame[VNET_BYTES..]);
        if vnet.is_super() {
            return self.send_super(number, &session, frame, &vnet, elides_ethernet, now);
        }
        let (kind, lead) = if elides_ethernet { (ETHERNET_ELIDED, ETHERNET_BYTES) } else { (ETHERNET, 0) };
        let flags = settle_checksum(&self.shared, frame, &vnet);
        let frame = &frame[VNET_BYTES..];
        note_data(peer, frame.len(), now);
        let inner = [kind | flags, BAND_BULK, 0, 0];
        send_plaintext(&self.shared, &mut self.outbox, peer, &session, [&inner, &frame[lead..]], now);
        None
    }

    /// Send a super-frame that was read into its places; false where it must be looked at in one piece.
    fn send_in_place(&mut self, reader: &mut Cutter, size: usize, now: Nanos) -> bool {
        let head = reader.head();
        let (vnet, frame) = (Vnet::parse(head), &head[VNET_BYTES..]);
        let Some(number) = self.route(frame) else {
            return false;
        };
        let Some(peer) = self.peers.get_mut(&number) else {
            return false;
        };
        let Some(session) = peer.usable_session(now).filter(|_| peer.destination.is_some()) else {
            return false;
        };
        let frame_bytes = size - VNET_BYTES;
        let shape = vnet
            .is_super()
            .then(|| shape_of(&self.shared, peer, frame, frame_bytes, &vnet, is_plain_ip(frame)))
            .flatten();
        if shape != Some(*reader.shape()) {
            return false;
        }
        let payload = frame_bytes - reader.shape().lead - reader.shape().header_bytes;
        send_run(&self.shared, &mut self.outbox, reader, peer, &session, payload, &vnet, now);
        true
    }

    fn send_super(
        &mut self,
        number: PeerNumber,
        session: &Session,
        frame: &[u8],
        vnet: &Vnet,
        elides_ethernet: bool,
        now: Nanos,
    ) -> Option<Shape> {
        let peer = self.peers.get_mut(&number)?;
        let packet = &frame[VNET_BYTES..];
        let Some(shape) = shape_of(&self.shared, peer, packet, packet.len(), vnet, elides_ethernet) else {
            self.shared.sending.add(Counter::DroppedMalformed, 1);
            return None;
        };
        self.mill.load(shape, packet);
        let payload = packet.len() - shape.lead - shape.header_bytes;
        send_run(&self.shared, &mut self.outbox, &mut self.mill, peer, session, payload, vnet, now);
        Some(shape)
    }

    /// Send what was kept for a peer that can be reached; else, where it awaits one, a keepalive.
    pub(crate) fn send_staged(&mut self, number: PeerNumber, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        if peer.usable_session(now).is_none() || peer.destination.is_none() {
            return;
        }
        for mut frame in peer.take_staged() {
            let is_own = self.route(&frame[VNET_BYTES..]) == Some(number);
            self.send_frame(number, &mut frame, is_own, now);
        }
        if self.peers.get(&number).is_some_and(|peer| peer.owes_confirmation) {
            self.send_keepalive(number, now);
        }
    }

    /// Send an empty datagram.
    pub(crate) fn send_keepalive(&mut self, number: PeerNumber, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        if let Some(session) = peer.usable_session(now) {
            self.outbox.append(peer, &session, [&[KEEPALIVE, BAND_CONTROL, 0, 0], &[]], now);
        }
    }

    /// Seal a control message in the current session; it goes by the peer's path, or straight to `destination`.
    pub(crate) fn send_control(
        &mut self,
        number: PeerNumber,
        payload: &[u8],
        destination: Option<std::net::SocketAddr>,
        now: Nanos,
    ) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        let (Some(session), Some(to)) = (peer.usable_session(now), destination.or(peer.destination)) else {
            ask_rekey(&self.shared, peer, now);
            return;
        };
        if payload.len() > crate::peer::PATH_MTU_MAXIMUM - OVERHEAD_BYTES {
            return;
        }
        let blame = if destination.is_some() { Blame::Nobody } else { Blame::Probe(number) };
        let inner = [CONTROL, BAND_CONTROL, 0, 0];
        if self.outbox.append_to(to, blame, &session, [&inner, payload], now) {
            bump(&peer.shared.datagrams_out, 1);
        }
    }

    /// Send what waits, and tell of what could not be sent.
    pub(crate) fn flush(&mut self, now: Nanos) {
        self.outbox.flush(now);
        for (blame, errno) in self.outbox.take_failures() {
            match blame {
                Blame::Path(number) => {
                    let Some(peer) = self.peers.get_mut(&number).filter(|peer| now >= peer.refused_quiet_until) else {
                        continue;
                    };
                    peer.refused_quiet_until = now + REFUSED_QUIET;
                    self.shared.upcalls.add(Upcall::PathRefused(number, errno));
                }
                Blame::Probe(number) if errno != EMSGSIZE => {
                    self.shared.upcalls.add(Upcall::PathRefused(number, errno));
                }
                _ => {}
            }
        }
    }
}

/// Tell the agent that a session is wanted, once in a while.
pub(crate) fn ask_rekey(shared: &Shared, peer: &mut Peer, now: Nanos) {
    if now >= peer.rekey_quiet_until {
        peer.rekey_quiet_until = now + REKEY_QUIET;
        shared.upcalls.add(Upcall::RekeyDue(peer.shared.number));
    }
}

fn note_data(peer: &Peer, bytes: usize, now: Nanos) {
    bump(&peer.shared.bytes_out, bytes);
    let _ = peer.shared.unanswered_since.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
}

/// The checksum flags of a frame that is sent as it is; completes its sum where it may not stay partial.
fn settle_checksum(shared: &Shared, frame: &mut [u8], vnet: &Vnet) -> u8 {
    if vnet.flags & CHECKSUM_VALID != 0 {
        return if shared.checksum_elision { FLAG_VERIFIED } else { 0 };
    }
    let (start, offset) = (usize::from(vnet.checksum_start), usize::from(vnet.checksum_offset));
    if vnet.flags & NEEDS_CHECKSUM == 0 || start + offset + 2 > frame.len() - VNET_BYTES {
        return 0;
    }
    if shared.checksum_elision && may_stay_partial(&frame[VNET_BYTES..], start, offset) {
        shared.sending.add(Counter::ChecksumsElided, 1);
        return FLAG_PARTIAL;
    }
    complete_partial(&mut frame[VNET_BYTES..], start, offset);
    // A frame that is flooded comes here again for each copy; its sum is complete now.
    frame[0] = 0;
    shared.sending.add(Counter::ChecksumsCompleted, 1);
    0
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
fn shape_of(
    shared: &Shared,
    peer: &Peer,
    head: &[u8],
    size: usize,
    vnet: &Vnet,
    elides_ethernet: bool,
) -> Option<Shape> {
    let lead = if elides_ethernet { ETHERNET_BYTES } else { 0 };
    let network = network_offset(head)?;
    let transport = transport_of(head, network)?;
    let payload_bytes = if transport.protocol == TCP {
        let room = peer.mtu.min(shared.mtu + OVERHEAD_BYTES + network - lead);
        room.checked_sub(OVERHEAD_BYTES + transport.headers_end - lead)?
    } else {
        usize::from(vnet.gso_size)
    };
    let payload = size.checked_sub(transport.headers_end).filter(|payload| *payload > 0)?;
    if payload_bytes == 0 || payload.div_ceil(payload_bytes) > SLOTS_LIMIT {
        return None;
    }
    Some(Shape::new(head, lead, network, &transport, payload_bytes))
}

/// Seal and send an inner header with its payload; in pieces where the path is too small for it.
fn send_plaintext<S: DatagramSink>(
    shared: &Shared,
    outbox: &mut Outbox<S>,
    peer: &mut Peer,
    session: &Session,
    pieces: [&[u8]; 2],
    now: Nanos,
) {
    if pieces[0].len() + pieces[1].len() + SEAL_BYTES <= peer.mtu {
        outbox.append(peer, session, pieces, now);
        return;
    }
    let (frame_id, mtu) = (peer.next_frame_id(), peer.mtu);
    fragment::split(pieces[0], pieces[1], frame_id, mtu, |head, piece| {
        shared.sending.add(Counter::FragmentsOut, 1);
        outbox.append(peer, session, [&head, piece], now);
    });
}

/// Cut, seal and send the super-frame whose payload is in the places of a cutter.
#[expect(clippy::too_many_arguments, reason = "the parts of one plane, borrowed apart")]
fn send_run<S: DatagramSink>(
    shared: &Shared,
    outbox: &mut Outbox<S>,
    cutter: &mut Cutter,
    peer: &mut Peer,
    session: &Session,
    payload: usize,
    vnet: &Vnet,
    now: Nanos,
) {
    let shape = *cutter.shape();
    let elides = shared.checksum_elision && vnet.flags & NEEDS_CHECKSUM != 0;
    let kind = if shape.lead > 0 { ETHERNET_ELIDED } else { ETHERNET };
    let kind_and_flags = kind | if elides { FLAG_PARTIAL } else { 0 };
    let count = payload.div_ceil(shape.payload_bytes);
    let mut run_ids = [0; 2];
    if count > 1 {
        run_ids[0] = peer.next_run_id();
    }
    if count > RUN_LENGTH_LIMIT {
        run_ids[1] = peer.next_run_id();
    }
    let head = RunHead { kind_and_flags, band: BAND_BULK, elides, run_ids };
    shared.sending.add(Counter::TapSuperFramesIn, 1);
    let counter = if elides { Counter::ChecksumsElided } else { Counter::ChecksumsCompleted };
    shared.sending.add(counter, count);
    note_data(peer, payload + count * (shape.lead + shape.header_bytes), now);
    // What waits came before.
    outbox.flush(now);
    if shape.slot_bytes() > peer.mtu {
        cutter.cut(payload, head, |slot| {
            let plaintext = &slot[HEADER_BYTES..slot.len() - TAG_BYTES];
            let (inner, rest) = plaintext.split_at(INNER_BYTES);
            send_plaintext(shared, outbox, peer, session, [inner, rest], now);
        });
        return;
    }
    let mut is_sealed = true;
    cutter.cut(payload, head, |slot| is_sealed &= session.seal(slot));
    if is_sealed {
        let end = BASE + payload + count * (OVERHEAD_BYTES + shape.header_bytes);
        outbox.send_run(peer, &cutter.buffer, BASE..end, shape.slot_bytes(), now);
    }
}
