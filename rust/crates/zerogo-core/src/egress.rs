//! From the TAP to the data sockets: find a frame's peer and the way there, seal, send; and the verbs of the agent, which the same
//! thread carries out in the order they were called.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

use crate::backlog::{Backlog, Next};
use crate::counter::Counter;
use crate::cut::{Cutter, Shape};
use crate::endpoint::Endpoint;
use crate::fdb::{Mac, PeerNumber};
use crate::flow::{flow_of, mark_congestion};
use crate::gate::Direction;
use crate::late::LateWay;
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::packet::{ETHERNET_BYTES, is_plain_ip};
use crate::peer::{Path, Peer};
use crate::segment::{Verdict, addresses};
use crate::shared::{Shared, TapSink};
use crate::time::{Nanos, SECOND};
use crate::trip::{Trip, note_data, send_plaintext, send_run, settle_checksum, shape_of};
use crate::upcall::Upcall;
use crate::vnet::{VNET_BYTES, Vnet};
use crate::way::Way;
use crate::wire::{
    BAND_CONTROL, BAND_REAL_TIME, CONTROL, ETHERNET, ETHERNET_ELIDED, KEEPALIVE, OVERHEAD_BYTES, SEAL_BYTES,
    is_carriable,
};

const REKEY_QUIET: Nanos = 5 * SECOND;
const REFUSED_QUIET: Nanos = SECOND;
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
        let Some((next, is_late)) = self.backlog.next(now) else {
            return 0;
        };
        let (size, shape) = match next {
            Next::Whole(frame) => {
                let is_late = is_late && !self.out.is_marked(frame);
                (frame.len(), self.out.dispatch(frame, is_late, now))
            }
            Next::Spread(cutter, size) => {
                let is_late = is_late && !self.out.is_marked(cutter.head_mut());
                let is_sent = self.out.send_in_place(cutter, size, is_late, now);
                (size, if is_sent { None } else { self.out.dispatch(cutter.gather(size), is_late, now) })
            }
        };
        if let Some(shape) = shape {
            self.backlog.reader.expect(shape);
        }
        size
    }

    /// When the next late copy is to be sent.
    pub fn late_at(&self) -> Option<Nanos> {
        self.out.outbox.late.next_at()
    }

    /// Send the late copies whose time has come.
    pub fn send_late(&mut self, now: Nanos) {
        while let Some((way, datagram)) = self.out.outbox.late.take_due(now) {
            self.out.send_copy(way, &datagram, now);
            self.out.outbox.late.reuse(datagram);
        }
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

    /// Whether a late frame, of which virtio header and headers at least are given, could be marked.
    fn is_marked(&self, frame: &mut [u8]) -> bool {
        let is_marked = mark_congestion(&mut frame[VNET_BYTES..]);
        self.shared.sending.add(Counter::CongestionMarked, usize::from(is_marked));
        is_marked
    }

    /// One frame with its virtio header; the shape of it, where it was a super-frame. A *late* one loses its last segment,
    /// or is dropped where it has but one.
    fn dispatch(&mut self, frame: &mut [u8], is_late: bool, now: Nanos) -> Option<Shape> {
        if is_late {
            self.shared.sending.add(Counter::DroppedQueue, 1);
            if !Vnet::parse(frame).is_super() {
                return None;
            }
        }
        if let Some(peer) = self.route(&frame[VNET_BYTES..]) {
            return self.send_frame(peer, frame, (true, is_late), now);
        }
        let verdict = self.shared.segment().egress(&frame[VNET_BYTES..], now);
        match verdict {
            Verdict::Unicast(peer) => return self.send_frame(peer, frame, (false, is_late), now),
            Verdict::Flood(peers) => {
                self.shared.sending.add(Counter::Flooded, peers.len());
                for peer in peers {
                    self.send_frame(peer, frame, (false, is_late), now);
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
        let late = plan.late.filter(|_| flow.band == BAND_REAL_TIME);
        let late = late.map(|Path { endpoint, mtu: late_mtu }| {
            mtu = mtu.min(late_mtu);
            LateWay { number, endpoint, band: flow.band }
        });
        let blame = if endpoint == plan.best.endpoint { Blame::Path(number) } else { Blame::Nobody };
        Ok(Trip { number, session, way, mtu, twin, late, band: flow.band, blame, is_late: false })
    }

    /// Whether the peer's filter refuses a frame, which then is counted.
    fn forbids(&self, number: PeerNumber, frame: &[u8], now: Nanos) -> bool {
        let peer = self.peers.get(&number);
        let refusal = peer.and_then(|peer| self.shared.forbids(&peer.shared, Direction::Out, frame, now));
        if let Some(counter) = refusal {
            self.shared.sending.add(counter, 1);
        }
        refusal.is_some()
    }

    /// Send a frame with its virtio header, or keep it until that is possible. `is_own` says that it goes from our own
    /// address to the peer's own, so that its Ethernet header can be left out; `is_late`, that its last segment is not sent.
    pub(crate) fn send_frame(
        &mut self,
        number: PeerNumber,
        frame: &mut [u8],
        (is_own, is_late): (bool, bool),
        now: Nanos,
    ) -> Option<Shape> {
        let packet = &frame[VNET_BYTES..];
        if self.forbids(number, packet, now) {
            return None;
        }
        let trip = match self.trip(number, packet, packet.len(), now) {
            Ok(trip) => Trip { is_late, ..trip },
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
        let Some(flags) = settle_checksum(&self.shared, frame, &vnet) else {
            self.shared.sending.add(Counter::DroppedMalformed, 1);
            return None;
        };
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
    fn send_in_place(&mut self, reader: &mut Cutter, size: usize, is_late: bool, now: Nanos) -> bool {
        let head = reader.head();
        let (vnet, frame) = (Vnet::parse(head), &head[VNET_BYTES..]);
        let Some(number) = self.route(frame).filter(|_| vnet.is_super()) else {
            return false;
        };
        let frame_bytes = size - VNET_BYTES;
        let Ok(trip) = self.trip(number, frame, frame_bytes, now) else {
            return false;
        };
        let trip = Trip { is_late, ..trip };
        if shape_of(&self.shared, &trip, frame, frame_bytes, &vnet, is_plain_ip(frame)) != Some(*reader.shape()) {
            return false;
        }
        self.shared.sending.add(Counter::DroppedQueue, usize::from(is_late));
        if self.forbids(number, frame, now) {
            return true;
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
            self.send_frame(number, &mut frame, (is_own, false), now);
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
        if !self.outbox.append(&way, blame, &session, pieces, now) {
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

    /// Send a sealed datagram once more.
    fn send_copy(&mut self, to: LateWay, datagram: &[u8], now: Nanos) {
        if !self.peers.contains_key(&to.number) {
            return;
        }
        // Who carries may be out of reach, or reached by a smaller path, since.
        let way = self.way(&to.endpoint, to.band, now).filter(|way| datagram.len() <= way.limit());
        if let Some(way) = way
            && self.outbox.append_raw(&way, Blame::Nobody, datagram, now)
        {
            self.shared.sending.add(Counter::LateCopiesOut, 1);
            way.note_sent();
        }
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
