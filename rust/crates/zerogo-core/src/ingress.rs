//! From the data sockets to the TAP: open what came where it lies, merge its runs, write.
//!
//! Order of checks: type and length, receiver index, age of the session, replay window, tag; until the tag holds, a
//! datagram costs a counter and nothing else. Then the switch: what a peer may not send does not enter the TAP.
//!
//! What came by a channel of a relay or by members is taken out of its wrapping where it lies. What is for others is sealed
//! for the next member where it lies, and leaves in trains as it came; where it came in twos and threes, at the end of the
//! batch.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::counter::Counter;
use crate::endpoint::{Endpoint, MAIN_SOCKET, Place, Route};
use crate::outbox::{Blame, DatagramSink, Outbox};
use crate::peer::{PeerShared, bump};
use crate::session::Session;
use crate::shared::{Shared, TapSink};
use crate::storm::StormBudget;
use crate::time::{NEVER, Nanos, SECOND};
use crate::upcall::Upcall;
use crate::verbs::Verb;
use crate::way::Way;
use crate::wire::{
    CHANNEL_BYTES, HEADER_BYTES, INNER_BYTES, TAG_BYTES, TYPE_FORWARD, TYPE_INITIATION, TYPE_RESPONSE, TYPE_TRANSPORT,
    classify_stranger, parse_channel, parse_forward, parse_forward_header, parse_header, pass_on,
};

/// Room that must be in front of what was received: virtio and Ethernet header go there.
pub const HEADROOM: usize = 16;
const STRANGER_LIMIT: usize = 1500;
const ROAM_QUIET: Nanos = SECOND;
/// Bytes that may be carried at once, at least; else what the rate allows in a quarter of a second.
const FORWARD_BURST: u64 = 65536;
/// So many that follow each other leave from where they lie; fewer are gathered with others.
const RUN_MINIMUM: usize = 8;

/// Where to the receiving thread reports what the sending one must act upon.
pub trait Confirmations: Send {
    /// Hand a verb over.
    fn post(&self, verb: Verb);

    /// Hand over one that is dropped where too many wait.
    fn post_if_room(&self, verb: Verb);
}

/// One datagram that was opened.
pub(crate) struct Opened {
    /// Its plaintext: inner header and payload.
    pub(crate) plaintext: Range<usize>,
    pub(crate) session: usize,
    pub(crate) is_newest: bool,
    pub(crate) word: [u8; INNER_BYTES],
    pub(crate) source: Endpoint,
}

/// Datagrams of one train that go on to one place: they lie one after the other, and all but the last have `segment`
/// bytes.
struct Carried {
    to: Place,
    range: Range<usize>,
    segment: usize,
}

/// A session of the train in hand, and how many authentic datagrams it has there.
pub(crate) struct Seen {
    pub(crate) session: Arc<Session>,
    count: usize,
}

/// The way in. Keeps nothing between batches but the pieces of fragmented frames.
pub struct Ingress<C, S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tap: Arc<dyn TapSink>,
    pub(crate) confirmations: C,
    /// By first appearance.
    pub(crate) sessions: Vec<Seen>,
    pub(crate) opened: Vec<Opened>,
    last: Option<(u64, Arc<Session>)>,
    /// What is carried for others.
    outbox: Outbox<S>,
    /// Of the train in hand, what is sealed for others and still lies there.
    carried: Option<Carried>,
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
            carried: None,
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
        self.send_carried(data, now);
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
        let result = match data[range.start] {
            TYPE_TRANSPORT => self.open(data, range, source, now),
            TYPE_FORWARD => self.open_forward(data, range, source, now),
            _ => {
                self.pass_stranger(&data[range], source, now);
                Ok(())
            }
        };
        if let Err(counter) = result {
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
        let (session, is_newest) = self.authenticate(datagram, HEADER_BYTES, (index, counter), now)?;
        let mut word = [0; INNER_BYTES];
        word.copy_from_slice(&datagram[HEADER_BYTES..HEADER_BYTES + INNER_BYTES]);
        let plaintext = range.start + HEADER_BYTES..range.end - TAG_BYTES;
        self.opened.push(Opened { plaintext, session, is_newest, word, source });
        Ok(())
    }

    /// Open in place what is sealed from `sealed_at` on, by the session of this index; the place of the session, and
    /// whether no greater counter came before.
    fn authenticate(
        &mut self,
        datagram: &mut [u8],
        sealed_at: usize,
        (index, counter): (u32, u64),
        now: Nanos,
    ) -> Result<(usize, bool), Counter> {
        let session = self.session(index).ok_or(Counter::DroppedUnknownIndex)?;
        if now >= session.expires_at {
            return Err(Counter::DroppedExpiredSession);
        }
        let mut window = session.window();
        if !window.accepts(counter) {
            return Err(Counter::DroppedReplay);
        }
        let is_newest = window.is_ahead(counter);
        if !session.open_from(sealed_at, datagram, counter) {
            return Err(Counter::DroppedUnauthentic);
        }
        window.commit(counter);
        drop(window);
        Ok((self.note_seen(session), is_newest))
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
    fn open_forward(
        &mut self,
        data: &mut [u8],
        range: Range<usize>,
        source: Endpoint,
        now: Nanos,
    ) -> Result<(), Counter> {
        let datagram = &mut data[range.clone()];
        let (index, counter, sealed_at) = parse_forward_header(datagram).ok_or(Counter::DroppedMalformed)?;
        let (sealed_in, is_newest) = self.authenticate(datagram, sealed_at, (index, counter), now)?;
        let sealer = &self.sessions[sealed_in].session.owner;
        if is_newest {
            self.note_source(sealer, &source, now);
        }
        let opened = &datagram[..datagram.len() - TAG_BYTES];
        let forward = parse_forward(opened, sealed_at).ok_or(Counter::DroppedForwardInvalid)?;
        let is_rightful = forward.nodes[forward.position] == self.shared.own_id
            && forward.nodes[forward.position - 1] == sealer.node_id;
        if !is_rightful {
            return Err(Counter::DroppedForwardInvalid);
        }
        if !forward.is_for_us() {
            return self.carry(data, range, sealed_at, sealed_in, now);
        }
        let mut back: [[u8; 10]; 3] = Default::default();
        let hops = &mut back[..forward.nodes.len() - 1];
        hops.copy_from_slice(&forward.nodes[..forward.nodes.len() - 1]);
        hops.reverse();
        let route = Route::new(hops).ok_or(Counter::DroppedForwardInvalid)?;
        let (first, size) = (*forward.first, forward.size);
        datagram[..HEADER_BYTES].copy_from_slice(&first);
        self.shared.receiving.add(Counter::ForwardDelivered, 1);
        self.unwrapped(data, range.start..range.start + size, Endpoint::Route(route), now);
        Ok(())
    }

    /// Seal a FORWARD that was opened for the next member of its route, where it lies.
    fn carry(
        &mut self,
        data: &mut [u8],
        range: Range<usize>,
        sealed_at: usize,
        sealed_in: usize,
        now: Nanos,
    ) -> Result<(), Counter> {
        let slot = &mut data[range.clone()];
        let opened = slot.len() - TAG_BYTES;
        let forward = parse_forward(&slot[..opened], sealed_at).ok_or(Counter::DroppedForwardInvalid)?;
        let size = forward.size;
        let rate = self.shared.forwarding.load(Ordering::Relaxed);
        if rate != self.forwarding_rate {
            self.forwarding_rate = rate;
            self.forwarding = StormBudget::new(rate, if rate == 0 { 0 } else { FORWARD_BURST.max(rate / 4) });
        }
        if !self.forwarding.spend(size, now) {
            return Err(Counter::DroppedForwardRate);
        }
        let next = self.shared.member(&forward.nodes[forward.position + 1]).and_then(|peer| peer.hop(now));
        let hop = next.ok_or(Counter::DroppedForwardNoWay)?;
        if slot.len() > hop.mtu {
            return Err(Counter::DroppedForwardTooLong);
        }
        pass_on(&mut slot[..opened]);
        if hop.session.seal_forward(slot, sealed_at) {
            self.shared.receiving.add(Counter::ForwardCarried, 1);
            bump(&self.sessions[sealed_in].session.owner.forwarded_bytes, size);
            hop.session.owner.note_sent();
            self.gather(data, range, hop.place, now);
        }
        Ok(())
    }

    /// Keep what was sealed for others with what lies before it, as far as it goes the same way.
    fn gather(&mut self, data: &[u8], range: Range<usize>, to: Place, now: Nanos) {
        if let Some(carried) = &mut self.carried {
            let is_whole = carried.range.len().is_multiple_of(carried.segment);
            if carried.to == to && carried.range.end == range.start && is_whole && range.len() <= carried.segment {
                carried.range.end = range.end;
                return;
            }
        }
        self.send_carried(data, now);
        self.carried = Some(Carried { to, segment: range.len(), range });
    }

    /// Send on what was sealed for others and lies in `data`.
    fn send_carried(&mut self, data: &[u8], now: Nanos) {
        let Some(Carried { to, range, segment }) = self.carried.take() else {
            return;
        };
        if to.channel == 0 && range.len() >= RUN_MINIMUM * segment {
            self.outbox.flush(now);
            self.outbox.send_run(to, Blame::Nobody, data, range, segment, now);
            return;
        }
        let way = Way::direct(to);
        for datagram in data[range].chunks(segment) {
            self.outbox.append_raw(&way, Blame::Nobody, datagram, now);
        }
    }

    fn pass_stranger(&self, datagram: &[u8], source: Endpoint, now: Nanos) {
        let tally = &self.shared.receiving;
        let is_in_channel = matches!(source, Endpoint::Place(place) if place.channel != 0);
        match classify_stranger(datagram, is_in_channel) {
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

    /// The newest datagram of a peer that it means us to answer came from there.
    pub(crate) fn note_source(&self, peer: &PeerShared, source: &Endpoint, now: Nanos) {
        if now >= peer.roam_quiet_until.load(Ordering::Relaxed) && !peer.is_sent_to(source) {
            peer.roam_quiet_until.store(now + ROAM_QUIET, Ordering::Relaxed);
            self.shared.upcalls.add(Upcall::PeerRoamed(peer.number, *source));
        }
    }
}

fn has_mac1(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(&(TYPE_INITIATION | TYPE_RESPONSE)))
}
