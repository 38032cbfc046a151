//! Which flows are open between this host and each peer that has a filter; bounded, the oldest idle one goes.
//!
//! A flow is found by what its frames have in common, seen from here: near and far address and port. Entries lie in one
//! vector, linked from the one used last to the one idle for longest, so finding, opening and making room cost the same
//! whatever the table holds.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::fdb::PeerNumber;
use crate::packet::{TCP, UDP};
use crate::time::{Nanos, SECOND};

/// Flows of all peers at a time.
pub const FLOWS_LIMIT: usize = 65_536;
const TCP_IDLE: Nanos = 7_440 * SECOND;
const UDP_IDLE: Nanos = 180 * SECOND;
const OTHER_IDLE: Nanos = 60 * SECOND;
const NONE: u32 = u32::MAX;

/// What the frames of a flow have in common, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// With whom.
    pub peer: PeerNumber,
    /// IP protocol number.
    pub protocol: u8,
    /// The address at this end, and the port there; 0 where the protocol has none.
    pub near: (IpAddr, u16),
    /// The address at the peer's end.
    pub far: (IpAddr, u16),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: FlowKey,
    used_at: Nanos,
    is_ours: bool,
    older: u32,
    newer: u32,
}

/// The open flows of a plane.
#[derive(Debug)]
pub struct FlowTable {
    places: HashMap<FlowKey, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self { places: HashMap::new(), entries: Vec::new(), free: Vec::new(), oldest: NONE, newest: NONE }
    }
}

fn idle_time(protocol: u8) -> Nanos {
    match protocol {
        TCP => TCP_IDLE,
        UDP => UDP_IDLE,
        _ => OTHER_IDLE,
    }
}

impl FlowTable {
    /// How many are held, those among them that have been idle for too long.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether this flow is open; a frame of it was seen.
    pub fn passes(&mut self, key: &FlowKey, now: Nanos) -> bool {
        let is_open = self.knows(key, now);
        if is_open && let Some(at) = self.places.get(key).copied() {
            self.unlink(at);
            self.link(at, now);
        }
        is_open
    }

    /// Whether this flow is open; that it was asked for does not count as use.
    pub fn knows(&mut self, key: &FlowKey, now: Nanos) -> bool {
        let Some(at) = self.places.get(key).copied() else {
            return false;
        };
        let idle = now.saturating_sub(self.entries[at as usize].used_at);
        if idle >= idle_time(key.protocol) {
            self.remove(at);
            return false;
        }
        true
    }

    /// Open a flow that is not open; `is_ours` says that its first frame went to the peer.
    pub fn open(&mut self, key: FlowKey, is_ours: bool, now: Nanos) {
        if self.places.len() >= FLOWS_LIMIT {
            self.remove(self.oldest);
        }
        let entry = Entry { key, used_at: now, is_ours, older: NONE, newer: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.places.insert(key, at);
        self.link(at, now);
    }

    /// End those flows of a peer that `keeps`, told the flow and whether it is ours, does not.
    pub fn retain(&mut self, peer: PeerNumber, mut keeps: impl FnMut(&FlowKey, bool) -> bool) {
        let mut at = self.oldest;
        while at != NONE {
            let Entry { key, is_ours, newer, .. } = self.entries[at as usize];
            if key.peer == peer && !keeps(&key, is_ours) {
                self.remove(at);
            }
            at = newer;
        }
    }

    fn remove(&mut self, at: u32) {
        self.unlink(at);
        self.places.remove(&self.entries[at as usize].key);
        self.free.push(at);
    }

    fn unlink(&mut self, at: u32) {
        let Entry { older, newer, .. } = self.entries[at as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
    }

    fn link(&mut self, at: u32, now: Nanos) {
        let older = std::mem::replace(&mut self.newest, at);
        let entry = &mut self.entries[at as usize];
        (entry.used_at, entry.older, entry.newer) = (now, older, NONE);
        match older {
            NONE => self.oldest = at,
            older => self.entries[older as usize].newer = at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32, protocol: u8) -> FlowKey {
        let near = IpAddr::from([10, 0, 0, 1]);
        FlowKey { peer: 1, protocol, near: (near, 1), far: (IpAddr::from(number.to_be_bytes()), 2) }
    }

    #[test]
    fn a_flow_ends_when_it_was_idle_for_its_protocol_s_time() {
        for (protocol, seconds) in [(TCP, 7_440), (UDP, 180), (1, 60), (132, 60)] {
            let mut table = FlowTable::default();
            table.open(key(1, protocol), true, 0);
            assert!(table.passes(&key(1, protocol), seconds * SECOND - 1));
            assert!(table.knows(&key(1, protocol), 2 * seconds * SECOND - 2));
            assert!(!table.passes(&key(1, protocol), 2 * seconds * SECOND - 1));
            assert!(table.is_empty());
        }
    }

    #[test]
    fn the_one_idle_for_longest_makes_room() {
        let mut table = FlowTable::default();
        for number in 0..FLOWS_LIMIT as u32 {
            table.open(key(number, TCP), true, u64::from(number));
        }
        assert!(table.passes(&key(0, TCP), SECOND));
        table.open(key(u32::MAX, TCP), true, SECOND);
        assert_eq!(table.len(), FLOWS_LIMIT);
        assert!(table.knows(&key(0, TCP), SECOND));
        assert!(!table.knows(&key(1, TCP), SECOND));
    }

    #[test]
    fn it_stays_what_a_simple_table_is() {
        let mut table = FlowTable::default();
        let mut plain: Vec<(FlowKey, bool)> = Vec::new();
        let mut number = 7u32;
        for at in 0..4000u64 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = FlowKey { peer: u64::from(number >> 30), ..key(number >> 24 & 31, UDP) };
            let is_open = plain.iter().any(|(known, _)| *known == key);
            assert_eq!(table.passes(&key, at), is_open);
            if !is_open {
                table.open(key, at % 2 == 0, at);
                plain.push((key, at % 2 == 0));
            }
            if at % 50 == 0 {
                let keeps = |key: &FlowKey, is_ours: bool| is_ours && key.far.0 != IpAddr::from([0, 0, 0, 3]);
                table.retain(2, keeps);
                plain.retain(|(key, is_ours)| key.peer != 2 || keeps(key, *is_ours));
            }
            assert_eq!(table.len(), plain.len());
        }
    }
}
