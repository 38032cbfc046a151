//! The peers of a plane and the law of their sessions: *current*, *previous* and *next* (docs/PROTOCOL.md, section 6).
//!
//! `Peer` belongs to the thread that sends and decides; `PeerShared` is the part that the receiving thread needs too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::endpoint::{Endpoint, NodeId, Place};
use crate::fdb::{Mac, PeerNumber};
use crate::fragment::Reassembly;
use crate::session::{REJECT_AFTER, REKEY_AFTER, REKEY_AFTER_MESSAGES, Session};
use crate::time::{NEVER, Nanos, SECOND};
use crate::way::Hop;

/// The largest UDP payload of a path is taken to be at least this.
pub const PATH_MTU_MINIMUM: usize = 640;
/// And at most this.
pub const PATH_MTU_MAXIMUM: usize = 65507;
/// Bytes of frames kept per peer while it cannot be reached.
pub const STAGED_BYTES_LIMIT: usize = 256 * 1024;
const REKEY_ON_RECEIVE: Nanos = REJECT_AFTER - 15 * SECOND;

/// One way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where datagrams go.
    pub endpoint: Endpoint,
    /// Largest sealed datagram that arrives whole.
    pub mtu: usize,
}

impl Path {
    /// Sizes out of bounds are taken to be the nearest within.
    pub fn new(endpoint: Endpoint, mtu: usize) -> Self {
        Self { endpoint, mtu: mtu.clamp(PATH_MTU_MINIMUM, PATH_MTU_MAXIMUM) }
    }
}

/// How a peer's datagrams go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all go that no other rule is for.
    pub best: Path,
    /// Where those of the real-time band go too.
    pub twin: Option<Path>,
    /// Flows are spread over the best and these.
    pub spread: Vec<Path>,
    /// Where those of the real-time band go once more, a little later.
    pub late: Option<Path>,
    /// Where what is carried for other pairs goes; without it, the first of the others that is no route.
    pub hop: Option<Path>,
}

impl Plan {
    /// All of it goes one way.
    pub fn by(endpoint: Endpoint, mtu: usize) -> Self {
        Self { best: Path::new(endpoint, mtu), twin: None, spread: Vec::new(), late: None, hop: None }
    }

    /// All its paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.best).chain(&self.twin).chain(&self.late).chain(&self.spread).chain(&self.hop)
    }

    /// The path of the flow with this hash.
    pub fn path(&self, flow: u32) -> Path {
        match flow as usize % (self.spread.len() + 1) {
            0 => self.best,
            at => self.spread[at - 1],
        }
    }

    /// Where what is carried for other pairs goes: never by a route.
    pub fn place(&self) -> Option<(Place, usize)> {
        self.hop.iter().chain(self.paths()).find_map(|path| match path.endpoint {
            Endpoint::Place(place) => Some((place, path.mtu)),
            Endpoint::Route(_) => None,
        })
    }
}

/// What the receiving thread must know to tell roaming, and to send for others.
#[derive(Debug, Default)]
struct Sending {
    endpoints: Vec<Endpoint>,
    place: Option<(Place, usize)>,
    session: Weak<Session>,
}

/// What both threads know of a peer.
#[derive(Debug)]
pub struct PeerShared {
    /// Its number.
    pub number: PeerNumber,
    /// Its name.
    pub node_id: NodeId,
    mac: AtomicU64,
    sending: Mutex<Sending>,
    /// Its unfinished frames; for the thread that receives.
    pub reassembly: Mutex<Reassembly>,
    /// Payload bytes of authentic datagrams, frames as they enter the TAP.
    pub bytes_in: AtomicU64,
    /// Frame bytes that were sent.
    pub bytes_out: AtomicU64,
    /// Authentic datagrams that came.
    pub datagrams_in: AtomicU64,
    /// Datagrams that were sent.
    pub datagrams_out: AtomicU64,
    /// When the last authentic datagram came.
    pub received_at: AtomicU64,
    /// When the current session was added.
    pub session_added_at: AtomicU64,
    /// Whether an authentic datagram came since the last tick.
    pub received_since_tick: AtomicBool,
    /// Since when data went out without anything coming back.
    pub unanswered_since: AtomicU64,
    /// When a keepalive is due because data came and nothing was sent.
    pub keepalive_at: AtomicU64,
    /// Until when no further roaming is told.
    pub roam_quiet_until: AtomicU64,
    /// Bytes of other pairs' datagrams that came from this peer and were carried on.
    pub forwarded_bytes: AtomicU64,
    /// Whether anything was sent to it since the last tick.
    pub sent_since_tick: AtomicBool,
    /// Whether it has a filter.
    pub is_filtered: AtomicBool,
}

/// Add to a counter that one thread writes.
pub fn bump(counter: &AtomicU64, amount: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount as u64), Ordering::Relaxed);
}

impl PeerShared {
    /// A peer of which nothing is known yet.
    pub fn new(number: PeerNumber, node_id: NodeId) -> Self {
        let zero = || AtomicU64::new(0);
        let never = || AtomicU64::new(NEVER);
        Self {
            number,
            node_id,
            mac: zero(),
            sending: Mutex::default(),
            reassembly: Mutex::default(),
            bytes_in: zero(),
            bytes_out: zero(),
            datagrams_in: zero(),
            datagrams_out: zero(),
            received_at: never(),
            session_added_at: never(),
            received_since_tick: AtomicBool::new(false),
            unanswered_since: never(),
            keepalive_at: never(),
            roam_quiet_until: zero(),
            forwarded_bytes: zero(),
            sent_since_tick: AtomicBool::new(false),
            is_filtered: AtomicBool::new(false),
        }
    }

    /// Its Ethernet address.
    pub fn mac(&self) -> Mac {
        let bytes = self.mac.load(Ordering::Relaxed).to_be_bytes();
        [bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
    }

    /// Know its Ethernet address.
    pub fn set_mac(&self, mac: &Mac) {
        let number = mac.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.mac.store(number, Ordering::Relaxed);
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether datagrams to it go to this endpoint.
    pub fn is_sent_to(&self, endpoint: &Endpoint) -> bool {
        self.sending().endpoints.contains(endpoint)
    }

    /// How to send it what is carried for others.
    pub fn hop(&self, now: Nanos) -> Option<Hop> {
        let sending = self.sending();
        let session = sending.session.upgrade().filter(|session| now < session.expires_at && !session.is_gone())?;
        let (place, mtu) = sending.place?;
        Some(Hop { place, mtu, session })
    }

    /// Count datagrams that were sent to it.
    pub fn count_sent(&self, count: usize) {
        bump(&self.datagrams_out, count);
    }

    /// Something was sent to it, be it for others.
    pub fn note_sent(&self) {
        self.sent_since_tick.store(true, Ordering::Relaxed);
        self.keepalive_at.store(NEVER, Ordering::Relaxed);
    }
}

/// One member: how to reach it, its sessions, and what is kept for it.
#[derive(Debug)]
pub struct Peer {
    /// What the receiving thread knows too.
    pub shared: Arc<PeerShared>,
    /// How datagrams go; without it they wait.
    pub plan: Option<Plan>,
    /// Sends and receives.
    pub current: Option<Arc<Session>>,
    /// Receives.
    pub previous: Option<Arc<Session>>,
    /// A responder's fresh session: receives.
    pub next: Option<Arc<Session>>,
    /// Frames, with virtio header, that wait for a session or a path.
    pub staged: VecDeque<Vec<u8>>,
    staged_bytes: usize,
    /// Whether the responder waits for us to be heard on the current session.
    pub owes_confirmation: bool,
    /// Until when no session is asked for again.
    pub rekey_quiet_until: Nanos,
    /// Until when no refusal is told again.
    pub refused_quiet_until: Nanos,
    run_id: u8,
    frame_id: u16,
}

impl Peer {
    /// A peer of that number.
    pub fn new(shared: Arc<PeerShared>) -> Self {
        Self {
            shared,
            plan: None,
            current: None,
            previous: None,
            next: None,
            staged: VecDeque::new(),
            staged_bytes: 0,
            owes_confirmation: false,
            rekey_quiet_until: 0,
            refused_quiet_until: 0,
            run_id: 0,
            frame_id: 0,
        }
    }

    /// Send so from now on.
    pub fn set_plan(&mut self, plan: Option<Plan>) {
        self.refused_quiet_until = 0;
        self.shared.roam_quiet_until.store(0, Ordering::Relaxed);
        let mut sending = self.shared.sending();
        sending.place = plan.as_ref().and_then(Plan::place);
        sending.endpoints.clear();
        sending.endpoints.extend(plan.iter().flat_map(Plan::paths).map(|path| path.endpoint));
        drop(sending);
        self.plan = plan;
    }

    /// Datagrams were sent by its path.
    pub fn note_sent(&mut self, count: usize) {
        self.owes_confirmation = false;
        self.shared.count_sent(count);
        self.shared.note_sent();
    }

    /// 1 to 255, in turn.
    pub fn next_run_id(&mut self) -> u8 {
        self.run_id = self.run_id % 255 + 1;
        self.run_id
    }

    /// 0 to 65535, in turn.
    pub fn next_frame_id(&mut self) -> u16 {
        self.frame_id = self.frame_id.wrapping_add(1);
        self.frame_id
    }

    /// The session to send with.
    pub fn usable_session(&self, now: Nanos) -> Option<Arc<Session>> {
        self.current.as_ref().filter(|session| now < session.expires_at).cloned()
    }

    /// Keep a frame until it can be sent; the number of older ones that had to go.
    pub fn stage(&mut self, frame: &[u8]) -> usize {
        self.staged.push_back(frame.to_vec());
        self.staged_bytes += frame.len();
        let mut dropped = 0;
        while self.staged_bytes > STAGED_BYTES_LIMIT {
            self.staged_bytes -= self.staged.pop_front().map_or(0, |frame| frame.len());
            dropped += 1;
        }
        dropped
    }

    /// All frames kept, oldest first; they are kept no more.
    pub fn take_staged(&mut self) -> VecDeque<Vec<u8>> {
        self.staged_bytes = 0;
        std::mem::take(&mut self.staged)
    }

    /// Whether the session in use should be followed by a fresh one, judged once a second.
    pub fn is_rekey_due(&self, sent: bool, received: bool, now: Nanos) -> bool {
        let Some(session) = &self.current else {
            return false;
        };
        let age = now.saturating_sub(session.added_at);
        session.sent() >= REKEY_AFTER_MESSAGES
            || (session.is_initiator && ((sent && age >= REKEY_AFTER) || (received && age >= REKEY_ON_RECEIVE)))
    }

    /// Put a fresh session into its slot; the sessions that fall out.
    #[must_use]
    pub fn add_session(&mut self, session: Arc<Session>) -> Vec<Arc<Session>> {
        let mut fallen = Vec::new();
        // The receiving thread may have confirmed it already, and its word of that be on the way.
        if let Some(confirmed) = self.next.take_if(|waiting| waiting.is_confirmed()) {
            fallen.extend(self.make_current(confirmed));
        }
        if !session.is_initiator {
            fallen.extend(self.next.replace(session));
            return fallen;
        }
        if let Some(pending) = self.next.take() {
            // Handshakes crossed: the peer may be sending in the one that it began. It cannot become current any more.
            pending.confirm();
            fallen.extend(self.current.replace(pending));
        }
        fallen.extend(self.make_current(session));
        fallen
    }

    /// An authentic datagram came in on the session of this index: make it current. The session that falls out.
    #[must_use]
    pub fn confirm(&mut self, local_index: u32) -> Option<Vec<Arc<Session>>> {
        let session = self.next.take_if(|session| session.local_index == local_index)?;
        Some(self.make_current(session).into_iter().collect())
    }

    fn make_current(&mut self, session: Arc<Session>) -> Option<Arc<Session>> {
        let added_at = session.added_at;
        self.shared.sending().session = Arc::downgrade(&session);
        let fallen = std::mem::replace(&mut self.previous, self.current.replace(session));
        self.shared.session_added_at.store(added_at, Ordering::Relaxed);
        fallen
    }

    /// Empty the slot that holds this session.
    pub fn forget(&mut self, session: &Arc<Session>) {
        for slot in [&mut self.previous, &mut self.next] {
            slot.take_if(|held| Arc::ptr_eq(held, session));
        }
        if self.current.take_if(|held| Arc::ptr_eq(held, session)).is_some() {
            self.shared.session_added_at.store(NEVER, Ordering::Relaxed);
            self.shared.sending().session = Weak::new();
        }
    }

    /// All its sessions.
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        [&self.current, &self.previous, &self.next].into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::Suite;
    use crate::session::SessionParts;

    fn session(peer: &Peer, local_index: u32, is_initiator: bool) -> Arc<Session> {
        let parts = SessionParts {
            local_index,
            remote_index: 0,
            send_key: [0; 32].into(),
            receive_key: [0; 32].into(),
            suite: Suite::ChaChaPoly,
            is_initiator,
        };
        Arc::new(Session::new(&parts, peer.shared.clone(), 0))
    }

    fn slots(peer: &Peer) -> [Option<u32>; 3] {
        [&peer.current, &peer.previous, &peer.next].map(|slot| slot.as_ref().map(|session| session.local_index))
    }

    #[test]
    fn the_law_of_sessions() {
        let mut peer = Peer::new(Arc::new(PeerShared::new(1, [1; 10])));
        assert!(peer.add_session(session(&peer, 1, true)).is_empty());
        assert!(peer.add_session(session(&peer, 2, false)).is_empty());
        assert_eq!(slots(&peer), [Some(1), None, Some(2)]);
        assert_eq!(peer.add_session(session(&peer, 3, false))[0].local_index, 2);
        assert!(peer.confirm(2).is_none());
        assert!(peer.confirm(3).is_some_and(|fallen| fallen.is_empty()));
        assert_eq!(slots(&peer), [Some(3), Some(1), None]);
        let waiting = session(&peer, 4, false);
        assert!(peer.add_session(waiting.clone()).is_empty());
        let fallen: Vec<u32> = peer.add_session(session(&peer, 5, true)).iter().map(|gone| gone.local_index).collect();
        assert_eq!(fallen, [3, 1]);
        assert_eq!(slots(&peer), [Some(5), Some(4), None]);
        assert!(!waiting.confirm(), "it is not told as confirmed once it was passed over");
        peer.forget(&peer.current.clone().expect("current"));
        assert_eq!(slots(&peer), [None, Some(4), None]);
    }

    #[test]
    fn staging_drops_the_oldest() {
        let mut peer = Peer::new(Arc::new(PeerShared::new(1, [1; 10])));
        let dropped: usize = (0..300u32).map(|at| peer.stage(&[at as u8; 1024])).sum();
        assert_eq!(dropped, 300 - 256);
        assert_eq!(peer.take_staged()[0][0], 44);
        assert!(peer.staged.is_empty());
    }

    #[test]
    fn an_address_survives_its_number() {
        let shared = PeerShared::new(1, [1; 10]);
        shared.set_mac(&[2, 0x11, 0x22, 0x33, 0x44, 0xff]);
        assert_eq!(shared.mac(), [2, 0x11, 0x22, 0x33, 0x44, 0xff]);
    }
}
