//! What the two directions of a plane share.

use std::collections::{BTreeMap, HashMap};
use std::io::IoSlice;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::counter::{Counter, NAMES, Tally};
use crate::door::Door;
use crate::endpoint::NodeId;
use crate::fdb::{Mac, PeerNumber};
use crate::gate::{Direction, Gate};
use crate::peer::PeerShared;
use crate::segment::Segment;
use crate::session::Session;
use crate::subject::subject_of;
use crate::time::Nanos;
use crate::upcall::{Bell, Upcalls};

/// The switches of a plane's offloads, in the order of `zerogo.dataplane.offloads.Offloads`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Read TCP super-frames from the TAP.
    pub tap_tso: bool,
    /// Read UDP super-frames from the TAP.
    pub tap_uso: bool,
    /// Write merged super-frames to the TAP.
    pub tap_gso_write: bool,
    /// Send trains with UDP_SEGMENT.
    pub udp_gso: bool,
    /// Receive trains with UDP_GRO.
    pub udp_gro: bool,
    /// Leave inner TCP and UDP checksums partial from end to end.
    pub checksum_elision: bool,
}

/// The local host's end of the segment.
pub struct Port {
    /// Our own name.
    pub node_id: NodeId,
    /// The key of mac1 in initiations to us.
    pub mac1_key: [u8; 32],
    /// The TAP's own address.
    pub mac: Mac,
    /// Our own addresses; no peer may claim them.
    pub addresses: Vec<IpAddr>,
    /// Bytes of a frame after its Ethernet header.
    pub mtu: usize,
    /// Whether frames of other source addresses may enter from the TAP.
    pub is_bridge: bool,
}

/// Where frames for the local host go.
pub trait TapSink: Send + Sync {
    /// Write one frame, with its virtio header, in pieces; the errno where that fails.
    fn write(&self, pieces: &[IoSlice<'_>]) -> Result<(), i32>;
}

/// State that both threads use.
#[derive(Debug)]
pub struct Shared {
    /// Our own name.
    pub own_id: NodeId,
    /// Where initiations knock.
    pub door: Door,
    /// Bytes per second of other pairs' datagrams that are carried on.
    pub forwarding: AtomicU64,
    /// The TAP's own address.
    pub own_mac: Mac,
    /// Of the segment.
    pub mtu: usize,
    /// Whether checksums may stay partial.
    pub checksum_elision: bool,
    /// Whether super-frames are written to the TAP, as things stand.
    pub merges: AtomicBool,
    /// Whether the kernel knows UDP super-frames at all (Linux 6.2).
    pub merges_udp: bool,
    /// Whether trains are sent with UDP_SEGMENT, as things stand.
    pub segments: AtomicBool,
    /// Counted by the thread that sends.
    pub sending: Tally,
    /// Counted by the thread that receives.
    pub receiving: Tally,
    /// What waits to be told.
    pub upcalls: Upcalls,
    switches: Switches,
    segment: Mutex<Segment>,
    gate: Mutex<Gate>,
    sessions: RwLock<HashMap<u32, Arc<Session>>>,
    version: AtomicU64,
    peers: Mutex<BTreeMap<PeerNumber, Arc<PeerShared>>>,
    members: RwLock<HashMap<NodeId, Arc<PeerShared>>>,
}

impl Shared {
    /// A plane without peers; `switches` are those that the kernel granted, `merges_udp` says that it knows UDP
    /// super-frames.
    pub fn new(port: &Port, switches: Switches, merges_udp: bool, bell: Box<dyn Bell>) -> Self {
        Self {
            own_id: port.node_id,
            door: Door::new(port.mac1_key),
            forwarding: AtomicU64::new(0),
            own_mac: port.mac,
            mtu: port.mtu,
            checksum_elision: switches.checksum_elision,
            merges: AtomicBool::new(switches.tap_gso_write),
            merges_udp,
            segments: AtomicBool::new(switches.udp_gso),
            sending: Tally::default(),
            receiving: Tally::default(),
            upcalls: Upcalls::new(bell),
            switches,
            segment: Mutex::new(Segment::new(port.mac, &port.addresses, port.is_bridge)),
            gate: Mutex::default(),
            sessions: RwLock::default(),
            version: AtomicU64::new(0),
            peers: Mutex::default(),
            members: RwLock::default(),
        }
    }

    /// The switch; hot paths do without it.
    pub fn segment(&self) -> MutexGuard<'_, Segment> {
        self.segment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The filters; only for peers that have one.
    pub fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a frame, of which the headers at least are given, is counted where the peer's filter refuses it.
    pub fn forbids(&self, peer: &PeerShared, direction: Direction, frame: &[u8], now: Nanos) -> Option<Counter> {
        if !peer.is_filtered.load(Ordering::Relaxed) {
            return None;
        }
        let subject = subject_of(frame);
        if self.gate().lets_pass(peer.number, direction, &subject, now) {
            return None;
        }
        Some(match direction {
            Direction::Out => Counter::DroppedPolicyOut,
            Direction::In => Counter::DroppedPolicyIn,
        })
    }

    /// All peers.
    pub fn peers(&self) -> MutexGuard<'_, BTreeMap<PeerNumber, Arc<PeerShared>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member of that name.
    pub fn member(&self, node_id: &NodeId) -> Option<Arc<PeerShared>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).get(node_id).cloned()
    }

    /// Make a member known.
    pub fn insert_peer(&self, peer: Arc<PeerShared>) {
        self.members.write().unwrap_or_else(PoisonError::into_inner).insert(peer.node_id, peer.clone());
        self.peers().insert(peer.number, peer);
    }

    /// Forget a member.
    pub fn remove_peer(&self, number: PeerNumber) {
        let Some(peer) = self.peers().remove(&number) else {
            return;
        };
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        if members.get(&peer.node_id).is_some_and(|held| held.number == number) {
            members.remove(&peer.node_id);
        }
    }

    /// Grows whenever a session comes or goes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The session of that index.
    pub fn session(&self, local_index: u32) -> Option<Arc<Session>> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).get(&local_index).cloned()
    }

    /// Make a session known; the one whose index it has, if any.
    pub fn insert_session(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Release);
        sessions.insert(session.local_index, session)
    }

    /// Forget a session.
    pub fn remove_session(&self, session: &Arc<Session>) {
        session.retire();
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Release);
        if sessions.get(&session.local_index).is_some_and(|held| Arc::ptr_eq(held, session)) {
            sessions.remove(&session.local_index);
        }
    }

    /// The sessions that are past their time.
    pub fn expired_sessions(&self, now: u64) -> Vec<Arc<Session>> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.values().filter(|session| now >= session.expires_at).cloned().collect()
    }

    /// All counters.
    pub fn counters(&self) -> [u64; NAMES.len()] {
        let (sending, receiving) = (self.sending.snapshot(), self.receiving.snapshot());
        std::array::from_fn(|at| sending[at] + receiving[at])
    }

    /// The switches as they stand after probing and fallbacks.
    pub fn switches(&self) -> Switches {
        Switches {
            tap_gso_write: self.merges.load(Ordering::Relaxed),
            udp_gso: self.segments.load(Ordering::Relaxed),
            ..self.switches
        }
    }
}
