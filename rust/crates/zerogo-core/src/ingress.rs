//! From the data sockets to the TAP: open what came where it lies, merge its runs, write.
//!
//! Order of checks: type and length, receiver index, age of the session, replay window, tag; until the tag holds, a
//! datagram costs a counter and nothing else. Then the switch: what a peer may not send does not enter the TAP.
//!
//! What came by a channel of a relay or by members is taken out of its wrapping where it lies. What is for others is sealed
//! for the next member and leaves at the end of the batch, in trains as it came.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::checksum::{complete_partial, write_pseudo_sum};
use crate::counter::Counter;
use crate::endpoint::{Endpoint, MAIN_SOCKET, Place, Route};
use crate::merge::{UDP_SEGMENTS_LIMIT, follows, merge};
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::packet::{ETHERNET_BYTES, UDP, be16, network_offset, transport_of};
use crate::peer::{PeerShared, bump};
use crate::session::Session;
use crate::shared::{Shared, TapSink};
use crate::storm::StormBudget;
use crate::time::{NEVER, Nanos, SECOND};
use crate::upcall::Upcall;
use crate::verbs::Verb;
use crate::vnet::{NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use crate::way::Way;
use crate::wire::{
    CHANNEL_BYTES, CONTROL, ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, FORWARD, FORWARD_HEAD_LIMIT,
    FRAGMENT, HEADER_BYTES, INNER_BYTES, KEEPALIVE, KIND_MASK, LAST, SEAL_BYTES, TAG_BYTES, TYPE_INITIATION,
    TYPE_RESPONSE, TYPE_TRANSPORT, classify_stranger, emit_forward_head, parse_channel, parse_forward, parse_header,
};

/// Room that must be in front of what was received: virtio and Ethernet header go there.
pub const HEADROOM: usize = 16;
const STRANGER_LIMIT: usize = 1500;
const ROAM_QUIET: Nanos = SECOND;
const KEEPALIVE_AFTER: Nanos = 10 * SECOND;
const HEAD_BYTES: usize = VNET_BYTES + ETHERNET_BYTES;
const EINVAL: i32 = 22;
const EMSGSIZE: i32 = 90;
/// Bytes that may be carried at once, at least; else what the rate allows in a quarter of a second.
const FORWARD_BURST: u64 = 65536;
const BAND_MASK: u8 = 0x03;
/// First byte of the inner header of an IP packet whose checksum was left partial.
const ELIDED_PARTIAL: u8 = ETHERNET_ELIDED | FLAG_PARTIAL;
const PIECES_LIMIT: usize = 129;

/// Where to the receiving thread reports what the sending one must act upon.
pub trait Confirmations: Send {
    /// Hand a verb over.
    fn post(&self, verb: Verb);
}

/// One datagram that was opened.
struct Opened {
    /// Its plaintext: inner header and payload.
    plaintext: Range<usize>,
    session: usize,
    is_newest: bool,
    word: [u8; INNER_BYTES],
    source: Endpoint,
}

/// A session of the train in hand, and how many authentic datagrams it has there.
struct Seen {
    session: Arc<Session>,
    count: usize,
}

/// The way in. Keeps nothing between batches but the pieces of fragmented frames.
pub struct Ingress<C, S> {
    shared: Arc<Shared>,
    tap: Arc<dyn TapSink>,
    confirmations: C,
    /// By first appearance.
    sessions: Vec<Seen>,
    opened: Vec<Opened>,
    last: Option<(u64, Arc<Session>)>,
    /// What is carried for others.
    outbox: Outbox<S>,
    forwarding: StormBudget,
    forwarding_rate: u64,
}

impl<C: Confirmations, S: DatagramSink> Ingress<C, S> {
    /// Of a plane; `sink` takes what is carried for others.
    pub fn new(shared: Arc<Shared>, tap: Arc<dyn TapSink>, confirmations: C, sink: S) -> Self {
        Self {
            shared,
            tap,
            confirmations,
            sessions: Vec::new(),
            opened: Vec::new(),
            last: None,
            outbox: Outbox::new(sink),
            forwarding: StormBudget::new(0, 0),
            forwarding_rate: 0,
        }
    }

    /// The sockets.
    pub fn sink_mut(&mut self) -> &mut S {
        self.outbox.sink_mut()
    }

    /// Send on what is for others; the end of a batch.
    pub fn flush(&mut self, now: Nanos) {
        self.outbox.flush(now);
        // Whose path it was learns of it by what it sends itself.
        while self.outbox.take_failure().is_some() {}
    }

    /// Datagrams of `segment` bytes, the last may be shorter, fill `data` from `HEADROOM` on.
    pub fn receive(&mut self, data: &mut [u8], segment: usize, source: Place, now: Nanos) {
        let size = data.len().saturating_sub(HEADROOM);
        if size == 0 || segment == 0 {
            self.shared.receiving.add(Counter::DroppedMalformed, 1);
            return;
        }
        let count = size.div_ceil(segment);
        self.shared.receiving.add(Counter::UdpDatagramsIn, count);
        self.shared.receiving.add(Counter::UdpTrainsIn, usize::from(count > 1));
        self.opened.clear();
        self.sessions.clear();
        for start in (HEADROOM..data.len()).step_by(segment) {
            let end = data.len().min(start + segment);
            self.take(data, start..end, source, now);
        }
        self.note_sessions(now);
        self.deliver_all(data, now);
    }

    /// One datagram as it came from a socket; relays are reached from the main ones only.
    fn take(&mut self, data: &mut [u8], range: Range<usize>, source: Place, now: Nanos) {
        if data[range.start] >> 4 != 4 {
            self.unwrapped(data, range, Endpoint::Place(source), now);
            return;
        }
        match parse_channel(&data[range.clone()]) {
            Some((channel, length)) if length > 0 && source.socket == MAIN_SOCKET => {
                let begin = range.start + CHANNEL_BYTES;
                self.unwrapped(data, begin..begin + length, Endpoint::Place(Place { channel, ..source }), now);
            }
            _ => self.shared.receiving.add(Counter::DroppedMalformed, 1),
        }
    }

    /// One datagram that nothing is around any more.
    fn unwrapped(&mut self, data: &mut [u8], range: Range<usize>, source: Endpoint, now: Nanos) {
        if data[range.start] != TYPE_TRANSPORT {
            self.pass_stranger(&data[range], source, now);
        } else if let Err(counter) = self.open(data, range, source, now) {
            self.shared.receiving.add(counter, 1);
        }
    }

    fn session(&mut self, local_index: u32) -> Option<Arc<Session>> {
        let version = self.shared.version();
        match &self.last {
            Some((seen, session)) if *seen == version && session.local_index == local_index => Some(session.clone()),
            _ => {
                let session = self.shared.session(local_index)?;
                self.last = Some((version, session.clone()));
                Some(session)
            }
        }
    }

    fn open(&mut self, data: &mut [u8], range: Range<usize>, source: Endpoint, now: Nanos) -> Result<(), Counter> {
        let datagram = &mut data[range.clone()];
        let (index, counter) = parse_header(datagram).ok_or(Counter::DroppedMalformed)?;
        let session = self.session(index).ok_or(Counter::DroppedUnknownIndex)?;
        if now >= session.expires_at {
            return Err(Counter::DroppedExpiredSession);
        }
        let mut window = session.window();
        if !window.accepts(counter) {
            return Err(Counter::DroppedReplay);
        }
        let is_newest = window.is_ahead(counter);
        if !session.open(datagram, counter) {
            return Err(Counter::DroppedUnauthentic);
        }
        window.commit(counter);
        drop(window);
        let mut word = [0; INNER_BYTES];
        word.copy_from_slice(&datagram[HEADER_BYTES..HEADER_BYTES + INNER_BYTES]);
        let plaintext = range.start + HEADER_BYTES..range.end - TAG_BYTES;
        let session = self.note_seen(session);
        if word[0] & KIND_MASK == FORWARD {
            if is_newest {
                self.note_source(&self.sessions[session].session.owner, &source, now);
            }
            return self.forward(data, plaintext, session, source, now);
        }
        self.opened.push(Opened { plaintext, session, is_newest, word, source });
        Ok(())
    }

    /// Count an authentic datagram; the place of its session.
    fn note_seen(&mut self, session: Arc<Session>) -> usize {
        let found = self.sessions.iter().rposition(|seen| Arc::ptr_eq(&seen.session, &session));
        let at = found.unwrap_or_else(|| {
            self.sessions.push(Seen { session, count: 0 });
            self.sessions.len() - 1
        });
        self.sessions[at].count += 1;
        at
    }

    /// Another pair's datagram, or one for us that members carried.
    fn forward(
        &mut self,
        data: &mut [u8],
        plaintext: Range<usize>,
        sealed_in: usize,
        came_by: Endpoint,
        now: Nanos,
    ) -> Result<(), Counter> {
        let payload = plaintext.start + INNER_BYTES..plaintext.end;
        let sealer = &self.sessions[sealed_in].session.owner;
        let forward = parse_forward(&data[payload.clone()]).ok_or(Counter::DroppedForwardInvalid)?;
        let is_rightful = matches!(came_by, Endpoint::Place(_))
            && forward.nodes[forward.position] == self.shared.own_id
            && forward.nodes[forward.position - 1] == sealer.node_id;
        if !is_rightful {
            return Err(Counter::DroppedForwardInvalid);
        }
        if !forward.is_for_us() {
            return self.carry(&data[plaintext], sealed_in, now);
        }
        let mut back: [[u8; 10]; 3] = Default::default();
        let hops = &mut back[..forward.nodes.len() - 1];
        hops.copy_from_slice(&forward.nodes[..forward.nodes.len() - 1]);
        hops.reverse();
        let route = Route::new(hops).ok_or(Counter::DroppedForwardInvalid)?;
        let start = payload.end - forward.datagram.len();
        self.shared.receiving.add(Counter::ForwardDelivered, 1);
        self.unwrapped(data, start..payload.end, Endpoint::Route(route), now);
        Ok(())
    }

    /// Seal a FORWARD, inner header and payload, for the next member of its route.
    fn carry(&mut self, plaintext: &[u8], sealed_in: usize, now: Nanos) -> Result<(), Counter> {
        let (inner, payload) = plaintext.split_at(INNER_BYTES);
        let forward = parse_forward(payload).ok_or(Counter::DroppedForwardInvalid)?;
        let rate = self.shared.forwarding.load(Ordering::Relaxed);
        if rate != self.forwarding_rate {
            self.forwarding_rate = rate;
            self.forwarding = StormBudget::new(rate, if rate == 0 { 0 } else { FORWARD_BURST.max(rate / 4) });
        }
        if !self.forwarding.spend(forward.datagram.len(), now) {
            return Err(Counter::DroppedForwardRate);
        }
        let next = self.shared.member(&forward.nodes[forward.position + 1]).and_then(|peer| peer.hop(now));
        let hop = next.ok_or(Counter::DroppedForwardNoWay)?;
        if plaintext.len() + SEAL_BYTES > hop.mtu {
            return Err(Counter::DroppedForwardTooLong);
        }
        let (ids, length) = emit_forward_head(forward.position + 1, forward.nodes);
        let mut head = [0; INNER_BYTES + FORWARD_HEAD_LIMIT];
        head[..INNER_BYTES].copy_from_slice(&[FORWARD, inner[1] & BAND_MASK, 0, 0]);
        head[INNER_BYTES..].copy_from_slice(&ids);
        let pieces = [&head[..INNER_BYTES + length], forward.datagram];
        if self.outbox.append(&Way::direct(hop.place), Blame::Nobody, &hop.session, pieces, now).is_some() {
            self.shared.receiving.add(Counter::ForwardCarried, 1);
            bump(&self.sessions[sealed_in].session.owner.forwarded_bytes, forward.datagram.len());
            hop.session.owner.note_sent();
        }
        Ok(())
    }

    fn pass_stranger(&self, datagram: &[u8], source: Endpoint, now: Nanos) {
        let tally = &self.shared.receiving;
        match classify_stranger(datagram) {
            Some(_) if datagram.len() > STRANGER_LIMIT => tally.add(Counter::DroppedMalformed, 1),
            Some(_) if has_mac1(datagram) && !self.shared.door.admits(datagram) => tally.add(Counter::DroppedMac1, 1),
            Some(family) => {
                if !self.shared.upcalls.add_stranger(source, datagram, family, now) {
                    tally.add(Counter::DroppedUpcallQueue, 1);
                }
            }
            None => tally.add(Counter::DroppedMalformed, 1),
        }
    }

    /// Authentic datagrams came in on these sessions.
    fn note_sessions(&self, now: Nanos) {
        for Seen { session, count } in &self.sessions {
            let peer = &session.owner;
            bump(&peer.datagrams_in, *count);
            peer.received_at.store(now, Ordering::Relaxed);
            peer.received_since_tick.store(true, Ordering::Relaxed);
            peer.unanswered_since.store(NEVER, Ordering::Relaxed);
            if session.confirm() {
                // The verb is queued first, so that what the agent does about the upcall finds the session in use.
                self.confirmations.post(Verb::Confirmed(peer.number, session.local_index));
                self.shared.upcalls.add(Upcall::SessionConfirmed(peer.number, session.local_index));
            }
        }
    }

    /// Deliver what was opened: runs merged, the others one by one.
    fn deliver_all(&self, data: &mut [u8], now: Nanos) {
        let mut rest = &self.opened[..];
        while let Some(first) = rest.first() {
            let mut length = run_length(rest);
            if length == 1 && self.shared.merges_udp {
                length = like_length(data, rest);
            }
            let (run, after) = rest.split_at(length);
            let peer = &self.sessions[first.session].session.owner;
            if length == 1 || !self.deliver_run(peer, data, run, now) {
                run.iter().for_each(|opened| self.deliver(peer, data, opened, now));
            }
            rest = after;
        }
    }

    /// Write a run as one super-frame; false where its frames must be delivered one by one.
    fn deliver_run(&self, peer: &PeerShared, data: &[u8], run: &[Opened], now: Nanos) -> bool {
        let kind = run[0].word[0] & KIND_MASK;
        let is_frame = kind == ETHERNET || kind == ETHERNET_ELIDED;
        if !is_frame || !self.shared.merges.load(Ordering::Relaxed) || run.len() >= PIECES_LIMIT {
            return false;
        }
        let mut frames: [Range<usize>; PIECES_LIMIT] = std::array::from_fn(|_| 0..0);
        for (frame, opened) in frames.iter_mut().zip(run) {
            *frame = opened.plaintext.start + INNER_BYTES..opened.plaintext.end;
        }
        let frames = &frames[..run.len()];
        let ethernet = (kind == ETHERNET_ELIDED).then(|| ethernet_addresses(&self.shared, peer));
        let is_trusted = run[0].word[0] & (FLAG_PARTIAL | FLAG_VERIFIED) != 0;
        let Some(head) = merge(data, frames, ethernet.as_ref(), is_trusted) else {
            return false;
        };
        if head.is_udp() && !self.shared.merges_udp {
            return false;
        }
        if ethernet.is_none()
            && let Some(counter) = self.shared.segment().refuses(peer.number, &head.bytes()[VNET_BYTES..], now)
        {
            self.shared.receiving.add(counter, 1);
            return true;
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_LIMIT];
        pieces[0] = IoSlice::new(head.bytes());
        let mut bytes = (head.bytes().len() - VNET_BYTES) * run.len();
        for (piece, frame) in pieces[1..].iter_mut().zip(frames) {
            *piece = IoSlice::new(&data[frame.start + head.header_bytes..frame.end]);
            bytes += piece.len();
        }
        if !self.write_super(&pieces[..=run.len()], run.len()) {
            return false;
        }
        self.note_frames(peer, Some(&run[run.len() - 1].source), now);
        bump(&peer.bytes_in, bytes);
        true
    }

    /// Write a super-frame of `count` segments; false where the kernel will not have it and it is to be split.
    fn write_super(&self, pieces: &[IoSlice<'_>], count: usize) -> bool {
        let tally = &self.shared.receiving;
        match self.tap.write(pieces) {
            Ok(()) => {
                tally.add(Counter::TapFramesOut, count);
                tally.add(Counter::TapSuperFramesOut, 1);
            }
            Err(EINVAL | EMSGSIZE) => {
                tally.add(Counter::FallbackTapGsoWrite, 1);
                self.shared.merges.store(false, Ordering::Relaxed);
                return false;
            }
            Err(_) => tally.add(Counter::DroppedTapWrite, count),
        }
        true
    }

    /// Frames came; `source` is where the newest came from.
    fn note_frames(&self, peer: &PeerShared, source: Option<&Endpoint>, now: Nanos) {
        if peer.keepalive_at.load(Ordering::Relaxed) == NEVER {
            peer.keepalive_at.store(now + KEEPALIVE_AFTER, Ordering::Relaxed);
        }
        if let Some(source) = source {
            self.note_source(peer, source, now);
        }
    }

    /// The newest datagram of a peer that it means us to answer came from there.
    fn note_source(&self, peer: &PeerShared, source: &Endpoint, now: Nanos) {
        if now >= peer.roam_quiet_until.load(Ordering::Relaxed) && !peer.is_sent_to(source) {
            peer.roam_quiet_until.store(now + ROAM_QUIET, Ordering::Relaxed);
            self.shared.upcalls.add(Upcall::PeerRoamed(peer.number, *source));
        }
    }

    /// One plaintext; what lies before it may be overwritten.
    fn deliver(&self, peer: &PeerShared, data: &mut [u8], opened: &Opened, now: Nanos) {
        let kind_and_flags = opened.word[0];
        let payload = opened.plaintext.start + INNER_BYTES..opened.plaintext.end;
        let newest = opened.is_newest.then_some(&opened.source);
        match kind_and_flags & KIND_MASK {
            CONTROL => {
                let message = Upcall::ControlReceived(peer.number, opened.source, data[payload].to_vec());
                if !self.shared.upcalls.add(message) {
                    self.shared.receiving.add(Counter::DroppedUpcallQueue, 1);
                }
            }
            ETHERNET | ETHERNET_ELIDED => {
                self.note_frames(peer, newest, now);
                self.deliver_frame(peer, &mut data[payload.start - HEAD_BYTES..payload.end], kind_and_flags, now);
            }
            FRAGMENT => {
                self.note_frames(peer, newest, now);
                self.deliver_fragment(peer, &data[payload], now);
            }
            KEEPALIVE => {}
            _ => self.shared.receiving.add(Counter::DroppedMalformed, 1),
        }
    }

    fn deliver_fragment(&self, peer: &PeerShared, payload: &[u8], now: Nanos) {
        self.shared.receiving.add(Counter::FragmentsIn, 1);
        let mut reassembly = peer.reassembly.lock().unwrap_or_else(PoisonError::into_inner);
        match reassembly.add(payload, HEAD_BYTES, now) {
            Ok(Some((kind_and_flags, mut roomy)))
                if matches!(kind_and_flags & KIND_MASK, ETHERNET | ETHERNET_ELIDED) =>
            {
                self.deliver_frame(peer, &mut roomy, kind_and_flags, now);
            }
            Ok(_) => {}
            Err(_) => self.shared.receiving.add(Counter::DroppedMalformed, 1),
        }
    }

    /// Write one frame; it lies in `roomy` behind 24 bytes of room for virtio and Ethernet header.
    fn deliver_frame(&self, peer: &PeerShared, roomy: &mut [u8], kind_and_flags: u8, now: Nanos) {
        match self.ready_frame(peer, roomy, kind_and_flags, now) {
            Ok(frame) => {
                bump(&peer.bytes_in, frame.len() - VNET_BYTES);
                let is_written = self.tap.write(&[IoSlice::new(frame)]).is_ok();
                let counter = if is_written { Counter::TapFramesOut } else { Counter::DroppedTapWrite };
                self.shared.receiving.add(counter, 1);
            }
            Err(counter) => self.shared.receiving.add(counter, 1),
        }
    }

    /// The frame with its virtio header, or why it may not enter the TAP.
    fn ready_frame<'a>(
        &self,
        peer: &PeerShared,
        roomy: &'a mut [u8],
        kind_and_flags: u8,
        now: Nanos,
    ) -> Result<&'a [u8], Counter> {
        let frame = if kind_and_flags & KIND_MASK == ETHERNET_ELIDED {
            let ethertype: [u8; 2] = match roomy.get(HEAD_BYTES).map(|first| first >> 4) {
                Some(4) => [0x08, 0x00],
                Some(6) => [0x86, 0xdd],
                _ => return Err(Counter::DroppedMalformed),
            };
            if self.claims_foreign_address(peer, &roomy[HEAD_BYTES..]) {
                return Err(Counter::DroppedForeignSource);
            }
            roomy[VNET_BYTES..HEAD_BYTES - 2].copy_from_slice(&ethernet_addresses(&self.shared, peer));
            roomy[HEAD_BYTES - 2..HEAD_BYTES].copy_from_slice(&ethertype);
            roomy
        } else {
            let frame = &mut roomy[ETHERNET_BYTES..];
            if let Some(counter) = self.shared.segment().refuses(peer.number, &frame[VNET_BYTES..], now) {
                return Err(counter);
            }
            frame
        };
        frame[..VNET_BYTES].fill(0);
        if kind_and_flags & (FLAG_PARTIAL | FLAG_VERIFIED) != 0 {
            self.restore_checksum(frame, kind_and_flags)?;
        }
        Ok(frame)
    }

    /// Neighbour discovery is guarded also where the Ethernet header was left out.
    fn claims_foreign_address(&self, peer: &PeerShared, packet: &[u8]) -> bool {
        packet[0] >> 4 == 6
            && packet.len() >= 40
            && matches!(packet[6], 58 | 0 | 43 | 60)
            && self.shared.segment().refuses_discovery(peer.number, packet)
    }

    /// Rebuild the partial sum from headers that are read here.
    fn restore_checksum(&self, frame: &mut [u8], kind_and_flags: u8) -> Result<(), Counter> {
        let (vnet, packet) = frame.split_at_mut(VNET_BYTES);
        let is_partial = kind_and_flags & FLAG_PARTIAL != 0;
        let Some(transport) = network_offset(packet).and_then(|network| transport_of(packet, network)) else {
            return if is_partial { Err(Counter::DroppedMalformed) } else { Ok(()) };
        };
        let offset = transport.checksum_offset();
        if !is_partial && transport.protocol == UDP && be16(packet, transport.offset + offset) == 0 {
            return Ok(());
        }
        let network = network_offset(packet).ok_or(Counter::DroppedMalformed)?;
        write_pseudo_sum(packet, network, transport.offset, transport.protocol);
        if self.shared.checksum_elision {
            let (checksum_start, checksum_offset) = (transport.offset as u16, offset as u16);
            let head = Vnet { flags: NEEDS_CHECKSUM, checksum_start, checksum_offset, ..Vnet::default() };
            vnet.copy_from_slice(&head.emit());
        } else {
            complete_partial(packet, transport.offset, offset);
            self.shared.receiving.add(Counter::ChecksumsCompleted, 1);
        }
        Ok(())
    }
}

fn has_mac1(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(&(TYPE_INITIATION | TYPE_RESPONSE)))
}

/// Destination and source of a frame whose Ethernet header was left out.
fn ethernet_addresses(shared: &Shared, peer: &PeerShared) -> [u8; 12] {
    let mut addresses = [0; 12];
    addresses[..6].copy_from_slice(&shared.own_mac);
    addresses[6..].copy_from_slice(&peer.mac());
    addresses
}

/// How many of `opened` from the first on are UDP packets of no run that the local kernel may be handed at once; it
/// gives them to their socket one by one.
fn like_length(data: &[u8], opened: &[Opened]) -> usize {
    let first = &opened[0];
    if first.word[0] != ELIDED_PARTIAL || first.word[2..] != [0, 0] {
        return 1;
    }
    let packet = |opened: &Opened| &data[opened.plaintext.start + INNER_BYTES..opened.plaintext.end];
    let mut length = 1;
    while let Some(next) = opened.get(length).filter(|_| length < UDP_SEGMENTS_LIMIT) {
        if next.word != first.word || next.session != first.session || !follows(packet(first), packet(next)) {
            break;
        }
        length += 1;
        if next.plaintext.len() < first.plaintext.len() {
            break;
        }
    }
    length
}

/// How many of `opened` from the first on are of one run, in order.
fn run_length(opened: &[Opened]) -> usize {
    let first = &opened[0];
    let [kind, band, run_id, position] = first.word;
    if run_id == 0 || position & LAST != 0 {
        return 1;
    }
    let mut length = 1;
    while let Some(next) = opened.get(length) {
        let at = next.word[3];
        let continues = next.word[..3] == [kind, band, run_id]
            && usize::from(at & !LAST) == usize::from(position) + length
            && next.session == first.session;
        if !continues {
            break;
        }
        length += 1;
        if at & LAST != 0 {
            break;
        }
    }
    length
}
