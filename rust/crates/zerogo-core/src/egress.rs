//! From the TAP to the data sockets: find a frame's peer, cut, seal, send; and the verbs of the agent, which the same
//! thread carries out in the order they were called.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::backlog::{Backlog, Next};
use crate::checksum::complete_partial;
use crate::counter::Counter;
use crate::cut::{BASE, Cutter, RunHead, SLOTS_LIMIT, Shape};
use crate::endpoint::Endpoint;
use crate::fdb::{Mac, PeerNumber};
use crate::flow::flow_of;
use crate::fragment;
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::packet::{ETHERNET_BYTES, TCP, UDP, be16, checksum_offset, is_plain_ip, network_offset, transport_of};
use crate::peer::{Path, Peer, bump};
use crate::segment::{Verdict, addresses};
use crate::session::Session;
use crate::shared::{Shared, TapSink};
use crate::time::{NEVER, Nanos, SECOND};
use crate::upcall::Upcall;
use crate::vnet::{CHECKSUM_VALID, NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use crate::way::Way;
use crate::wire::{
    BAND_CONTROL, BAND_REAL_TIME, CONTROL, ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, HEADER_BYTES,
    INNER_BYTES, KEEPALIVE, OVERHEAD_BYTES, RUN_LENGTH_LIMIT, SEAL_BYTES, TAG_BYTES, is_carriable,
};

const REKEY_QUIET: Nanos = 5 * SECOND;
const REFUSED_QUIET: Nanos = SECOND;
const DHCP_PORTS: [u16; 2] = [67, 68];
const EMSGSIZE: i32 = 90;

/// The way out: what is read from the TAP, and what becomes of it.
pub struct Egress<S> {
    backlog: Backlog,
    /// All but what waits to be sealed.
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
        Self { backlog: Backlog::default(), out }
    }

    /// Take one frame, with its virtio header, that `read` puts into the vectors it is given; its size. It waits.
    pub fn take(
        &mut self,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> std::io::Result<usize>,
        now: Nanos,
    ) -> std::io::Result<usize> {
        let taken = self.backlog.take(read, now)?;
        let tally = &self.out.shared.sending;
        tally.add(Counter::TapFramesIn, 1);
        tally.add(Counter::DroppedMalformed, usize::from(!taken.is_frame));
        tally.add(Counter::DroppedQueue, taken.shed);
        Ok(taken.size)
    }

    /// Whether no frame waits.
    pub fn is_idle(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Seal the frame whose turn it is; its size, 0 where none waits.
    pub fn send_next(&mut self, now: Nanos) -> usize {
        let (next, late) = self.backlog.next(now);
        self.out.shared.sending.add(Counter::DroppedQueue, late);
        let (size, shape) = match next {
            None => return 0,
            Some(Next::Whole(frame)) => (frame.len(), self.out.dispatch(frame, now)),
            Some(Next::Spread(cutter, size)) => {
                let is_sent = self.out.send_in_place(cutter, size, now);
                (size, if is_sent { None } else { self.out.dispatch(cutter.gather(size), now) })
            }
        };
        if let Some(shape) = shape {
            self.backlog.reader.expect(shape);
        }
        size
    }

    /// Send what was sealed, and tell of what could not be sent.
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

    /// The way to an endpoint for datagrams of a band; `None` where it is a route whose first carrier cannot be reached.
    pub(crate) fn way(&self, endpoint: &Endpoint, band: u8, now: Nanos) -> Option<Way> {
        match endpoint {
            Endpoint::Place(place) => Some(Way::direct(*place)),
            Endpoint::Route(route) => {
                let hop = self.shared.member(route.hops().first()?)?.hop(now)?;
                Some(Way::routed(hop, &self.shared.own_id, route, band))
            }
        }
    }

    /// How a frame of `size` bytes, that begins with `frame`, gets to a peer.
    fn trip(&self, number: PeerNumber, frame: &[u8], size: usize, now: Nanos) -> Result<Trip, Hindrance> {
        let peer = self.peers.get(&number).ok_or(Hindrance::Peer)?;
        let session = peer.usable_session(now).ok_or(Hindrance::Session)?;
        let plan = peer.plan.as_ref().ok_or(Hindrance::Path)?;
        // Most plans have one way, and then only the mark of the frame matters, to the receiver.
        let flow = flow_of(frame, size);
        let Path { endpoint, mtu } = plan.path(flow.hash);
        let way = self.way(&endpoint, flow.band, now).ok_or(Hindrance::Way)?;
        let twin = plan.twin.filter(|twin| flow.band == BAND_REAL_TIME && twin.endpoint != endpoint);
        let twin = twin.and_then(|twin| Some((self.way(&twin.endpoint, flow.band, now)?, twin.mtu)));
        let mut mtu = mtu.min(way.limit());
        if let Some((way, twin_mtu)) = &twin {
            // Both must carry the same sealed datagrams.
            mtu = mtu.min(*twin_mtu).min(way.limit());
        }
        let twin = twin.map(|(way, _)| way);
        let blame = if endpoint == plan.best.endpoint { Blame::Path(number) } else { Blame::Nobody };
        Ok(Trip { number, session, way, mtu, twin, band: flow.band, blame })
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
        let packet = &frame[VNET_BYTES..];
        let trip = match self.trip(number, packet, packet.len(), now) {
            Ok(trip) => trip,
            Err(hindrance) => {
                self.wait(number, frame, hindrance, now);
                return None;
            }
        };
        let vnet = Vnet::parse(frame);
        let elides_ethernet = is_own && is_plain_ip(&frame[VNET_BYTES..]);
        if vnet.is_super() {
            return self.send_super(&trip, frame, &vnet, elides_ethernet, now);
        }
        let (kind, lead) = if elides_ethernet { (ETHERNET_ELIDED, ETHERNET_BYTES) } else { (ETHERNET, 0) };
        let flags = settle_checksum(&self.shared, frame, &vnet);
        let frame = &frame[VNET_BYTES..];
        let peer = self.peers.get_mut(&number)?;
        note_data(peer, frame.len(), now);
        let inner = [kind | flags, trip.band, 0, 0];
        send_plaintext(&self.shared, &mut self.outbox, peer, &trip, [&inner, &frame[lead..]], now);
        None
    }

    /// What becomes of a frame that cannot be sent.
    fn wait(&mut self, number: PeerNumber, frame: &[u8], hindrance: Hindrance, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        match hindrance {
            Hindrance::Peer => {}
            Hindrance::Way => self.shared.sending.add(Counter::DroppedNoEndpoint, 1),
            Hindrance::Path | Hindrance::Session => {
                self.shared.sending.add(Counter::DroppedStaged, peer.stage(frame));
                if hindrance == Hindrance::Session {
                    ask_rekey(&self.shared, peer, now);
                }
            }
        }
    }

    /// Send a super-frame that was read into its places; false where it must be looked at in one piece.
    fn send_in_place(&mut self, reader: &mut Cutter, size: usize, now: Nanos) -> bool {
        let head = reader.head();
        let (vnet, frame) = (Vnet::parse(head), &head[VNET_BYTES..]);
        let Some(number) = self.route(frame).filter(|_| vnet.is_super()) else {
            return false;
        };
        let frame_bytes = size - VNET_BYTES;
        let Ok(trip) = self.trip(number, frame, frame_bytes, now) else {
            return false;
        };
        if shape_of(&self.shared, &trip, frame, frame_bytes, &vnet, is_plain_ip(frame)) != Some(*reader.shape()) {
            return false;
        }
        let payload = frame_bytes - reader.shape().lead - reader.shape().header_bytes;
        let Some(peer) = self.peers.get_mut(&number) else {
            return false;
        };
        send_run(&self.shared, &mut self.outbox, reader, peer, &trip, payload, &vnet, now);
        true
    }

    fn send_super(
        &mut self,
        trip: &Trip,
        frame: &[u8],
        vnet: &Vnet,
        elides_ethernet: bool,
        now: Nanos,
    ) -> Option<Shape> {
        let packet = &frame[VNET_BYTES..];
        let Some(shape) = shape_of(&self.shared, trip, packet, packet.len(), vnet, elides_ethernet) else {
            self.shared.sending.add(Counter::DroppedMalformed, 1);
            return None;
        };
        self.mill.load(shape, packet);
        let payload = packet.len() - shape.lead - shape.header_bytes;
        let peer = self.peers.get_mut(&trip.number)?;
        send_run(&self.shared, &mut self.outbox, &mut self.mill, peer, trip, payload, vnet, now);
        Some(shape)
    }

    /// Send what was kept for a peer that can be reached; else, where it awaits one, a keepalive.
    pub(crate) fn send_staged(&mut self, number: PeerNumber, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        if peer.usable_session(now).is_none() || peer.plan.is_none() {
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
        let inner = [KEEPALIVE, BAND_CONTROL, 0, 0];
        self.send_sealed(number, [&inner, &[]], None, now);
    }

    /// Seal a control message in the current session; it goes by the peer's path, or straight to `destination`.
    pub(crate) fn send_control(
        &mut self,
        number: PeerNumber,
        payload: &[u8],
        destination: Option<Endpoint>,
        now: Nanos,
    ) {
        let inner = [CONTROL, BAND_CONTROL, 0, 0];
        if payload.len() > crate::peer::PATH_MTU_MAXIMUM - OVERHEAD_BYTES
            || self.send_sealed(number, [&inner, payload], destination, now)
        {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&number) {
            ask_rekey(&self.shared, peer, now);
        }
    }

    /// Seal a message that is no frame; false where there is no session, or no path and no destination.
    fn send_sealed(
        &mut self,
        number: PeerNumber,
        pieces: [&[u8]; 2],
        destination: Option<Endpoint>,
        now: Nanos,
    ) -> bool {
        let Some(peer) = self.peers.get(&number) else {
            return true;
        };
        let best = peer.plan.as_ref().map(|plan| plan.best.endpoint);
        let (Some(session), Some(to)) = (peer.usable_session(now), destination.or(best)) else {
            return false;
        };
        let Some(way) = self.way(&to, BAND_CONTROL, now) else {
            self.shared.sending.add(Counter::DroppedNoEndpoint, 1);
            return true;
        };
        if pieces[0].len() + pieces[1].len() + SEAL_BYTES > way.limit() {
            self.shared.sending.add(Counter::DroppedForwardTooLong, 1);
            return true;
        }
        let blame = if destination.is_some() { Blame::Nobody } else { Blame::Probe(number) };
        if self.outbox.append(&way, blame, &session, pieces, now).is_none() {
            return true;
        }
        way.note_sent();
        if let Some(peer) = self.peers.get_mut(&number) {
            match destination {
                None => peer.note_sent(1),
                Some(_) => peer.shared.count_sent(1),
            }
        }
        true
    }

    /// Send a datagram as it is.
    pub(crate) fn send_datagram(&mut self, to: &Endpoint, datagram: &[u8], now: Nanos) {
        let refusal = match self.way(to, BAND_CONTROL, now) {
            None => Counter::DroppedNoEndpoint,
            Some(way) if datagram.len() > way.limit() => Counter::DroppedForwardTooLong,
            Some(_) if matches!(to, Endpoint::Route(_)) && !is_carriable(datagram) => Counter::DroppedForwardInvalid,
            Some(way) => {
                self.outbox.append_raw(&way, Blame::Nobody, datagram, now);
                way.note_sent();
                return;
            }
        };
        self.shared.sending.add(refusal, 1);
    }

    /// Send what waits, and tell of what could not be sent.
    pub(crate) fn flush(&mut self, now: Nanos) {
        self.outbox.flush(now);
        while let Some((blame, errno)) = self.outbox.take_failure() {
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

/// How the datagrams of one frame get to its peer.
struct Trip {
    number: PeerNumber,
    session: Arc<Session>,
    way: Way,
    /// Largest sealed datagram.
    mtu: usize,
    /// Where they go too.
    twin: Option<Way>,
    band: u8,
    blame: Blame,
}

/// What is missing where a frame does not get to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hindrance {
    Peer,
    Session,
    Path,
    Way,
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
fn send_plaintext<S: DatagramSink>(
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
    let Some(datagram) = outbox.append(&trip.way, trip.blame, &trip.session, pieces, now) else {
        return;
    };
    if let Some(way) = &trip.twin
        && outbox.repeat(way, Blame::Nobody, datagram, now)
    {
        shared.sending.add(Counter::TwinsOut, 1);
        way.note_sent();
    }
    trip.way.note_sent();
    peer.note_sent(1);
}

/// Cut, seal and send the super-frame whose payload is in the places of a cutter.
#[expect(clippy::too_many_arguments, reason = "the parts of one plane, borrowed apart")]
fn send_run<S: DatagramSink>(
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
    let head = run_head(shared, peer, &shape, trip.band, count, vnet);
    shared.sending.add(Counter::TapSuperFramesIn, 1);
    let counter = if head.elides { Counter::ChecksumsElided } else { Counter::ChecksumsCompleted };
    shared.sending.add(counter, count);
    note_data(peer, payload + count * (shape.lead + shape.header_bytes), now);
    // What waits came before.
    outbox.flush(now);
    if shape.datagram_bytes() > trip.mtu {
        cutter.cut(payload, head, |slot| {
            let end = slot.len() - shape.after - TAG_BYTES;
            let (inner, rest) = slot[shape.before + HEADER_BYTES..end].split_at(INNER_BYTES);
            send_plaintext(shared, outbox, peer, trip, [inner, rest], now);
        });
        return;
    }
    let mut is_sealed = true;
    cutter.cut(payload, head, |slot| {
        let datagram = shape.before..slot.len() - shape.after;
        is_sealed &= trip.session.seal(&mut slot[datagram.clone()]);
        if let Some(way) = &trip.twin
            && is_sealed
            && outbox.append_raw(way, Blame::Nobody, &slot[datagram], now)
        {
            shared.sending.add(Counter::TwinsOut, 1);
        }
        is_sealed &= trip.way.wrap(slot);
    });
    if is_sealed {
        let end = BASE + payload + count * shape.gap_bytes();
        outbox.send_run(trip.way.place, trip.blame, &cutter.buffer, BASE..end, shape.slot_bytes(), now);
        trip.way.note_sent();
        peer.note_sent(count);
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
