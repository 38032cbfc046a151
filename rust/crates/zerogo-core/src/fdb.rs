//! The forwarding database: which peer an Ethernet address is behind.
//!
//! Members come from the map and are static: no frame can move them. Addresses behind members that are bridges are
//! learned from the frames they send, age out five minutes after the last one, and are bounded per peer and in all.

use std::collections::{BTreeMap, HashMap};

use crate::time::{Nanos, SECOND};

/// An Ethernet address.
pub type Mac = [u8; 6];
/// A peer's number, chosen by the agent.
pub type PeerNumber = u64;

const AGE: Nanos = 300 * SECOND;
/// Stations that are remembered of one bridge.
pub const LEARNED_PER_PEER_LIMIT: usize = 256;
/// Stations that are remembered in all.
pub const LEARNED_LIMIT: usize = 4096;

/// Whether an address is broadcast or multicast.
pub fn is_group(mac: &Mac) -> bool {
    mac[0] & 1 == 1
}

/// Whether an address is 01:80:C2:00:00:00 to :0F, which no bridge forwards (IEEE 802.1Q table 8-1).
pub fn is_link_local_group(mac: &Mac) -> bool {
    mac[..5] == [1, 0x80, 0xc2, 0, 0] && mac[5] < 0x10
}

/// Static members and learned stations of one segment.
#[derive(Debug)]
pub struct ForwardingDatabase {
    own_mac: Mac,
    members: BTreeMap<PeerNumber, (Mac, bool)>,
    fixed: HashMap<Mac, PeerNumber>,
    learned: HashMap<Mac, (PeerNumber, Nanos)>,
    learned_per_peer: HashMap<PeerNumber, usize>,
}

impl ForwardingDatabase {
    /// Of a segment without members.
    pub fn new(own_mac: Mac) -> Self {
        Self {
            own_mac,
            members: BTreeMap::new(),
            fixed: HashMap::new(),
            learned: HashMap::new(),
            learned_per_peer: HashMap::new(),
        }
    }

    /// Know a member. Two members of one address: the one set last has it, as the map says.
    pub fn set_member(&mut self, peer: PeerNumber, mac: Mac, is_bridge: bool) {
        self.forget_fixed(peer);
        if !is_bridge {
            self.forget_learned_of(peer);
        }
        self.members.insert(peer, (mac, is_bridge));
        self.forget_learned(&mac);
        if mac != self.own_mac {
            self.fixed.insert(mac, peer);
        }
    }

    /// Forget a member and what was learned from it.
    pub fn remove_member(&mut self, peer: PeerNumber) {
        self.forget_fixed(peer);
        self.forget_learned_of(peer);
        self.members.remove(&peer);
    }

    /// All members.
    pub fn members(&self) -> Vec<PeerNumber> {
        self.members.keys().copied().collect()
    }

    /// The members that may hide further stations.
    pub fn bridges(&self) -> Vec<PeerNumber> {
        self.members.iter().filter(|(_, (_, is_bridge))| *is_bridge).map(|(peer, _)| *peer).collect()
    }

    /// Members by address.
    pub fn fixed(&self) -> &HashMap<Mac, PeerNumber> {
        &self.fixed
    }

    /// The peer that `mac` is behind, if known.
    pub fn lookup(&mut self, mac: &Mac, now: Nanos) -> Option<PeerNumber> {
        if let Some(peer) = self.fixed.get(mac) {
            return Some(*peer);
        }
        let (peer, expires_at) = *self.learned.get(mac)?;
        if expires_at <= now {
            self.forget_learned(mac);
            return None;
        }
        Some(peer)
    }

    /// Whether `peer` may send frames from `mac`; learns it where the peer is a bridge.
    pub fn accepts_source(&mut self, peer: PeerNumber, mac: &Mac, now: Nanos) -> bool {
        let Some((own, is_bridge)) = self.members.get(&peer) else {
            return false;
        };
        if mac == own {
            return true;
        }
        if !is_bridge || is_group(mac) || *mac == self.own_mac || self.fixed.contains_key(mac) {
            return false;
        }
        self.learn(peer, mac, now);
        true
    }

    /// A frame from `mac` came out of our own TAP: it is behind no peer (any more).
    pub fn station_is_local(&mut self, mac: &Mac) {
        self.forget_learned(mac);
    }

    fn learn(&mut self, peer: PeerNumber, mac: &Mac, now: Nanos) {
        if let Some(entry) = self.learned.get_mut(mac) {
            if entry.0 == peer {
                entry.1 = now + AGE;
                return;
            }
            self.forget_learned(mac);
        }
        if !self.has_room(peer) {
            let old: Vec<Mac> = self.learned.iter().filter(|(_, entry)| entry.1 <= now).map(|(mac, _)| *mac).collect();
            for mac in old {
                self.forget_learned(&mac);
            }
            if !self.has_room(peer) {
                return;
            }
        }
        self.learned.insert(*mac, (peer, now + AGE));
        *self.learned_per_peer.entry(peer).or_default() += 1;
    }

    fn has_room(&self, peer: PeerNumber) -> bool {
        let of_peer = self.learned_per_peer.get(&peer).copied().unwrap_or(0);
        self.learned.len() < LEARNED_LIMIT && of_peer < LEARNED_PER_PEER_LIMIT
    }

    fn forget_learned(&mut self, mac: &Mac) {
        if let Some((peer, _)) = self.learned.remove(mac)
            && let Some(count) = self.learned_per_peer.get_mut(&peer)
        {
            *count -= 1;
        }
    }

    fn forget_learned_of(&mut self, peer: PeerNumber) {
        self.learned.retain(|_, entry| entry.0 != peer);
        self.learned_per_peer.remove(&peer);
    }

    fn forget_fixed(&mut self, peer: PeerNumber) {
        if let Some((mac, _)) = self.members.get(&peer)
            && self.fixed.get(mac) == Some(&peer)
        {
            self.fixed.remove(mac);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = [2, 0, 0, 0, 0, 0];
    const ONE: Mac = [2, 0, 0, 0, 0, 1];
    const TWO: Mac = [2, 0, 0, 0, 0, 2];

    fn station(number: u16) -> Mac {
        let [high, low] = number.to_be_bytes();
        [2, 9, 9, 9, high, low]
    }

    #[test]
    fn members_cannot_be_moved() {
        let mut fdb = ForwardingDatabase::new(OWN);
        fdb.set_member(1, ONE, true);
        fdb.set_member(2, TWO, true);
        for mac in [OWN, TWO, [3, 0, 0, 0, 0, 0]] {
            assert!(!fdb.accepts_source(1, &mac, 0));
        }
        assert_eq!(fdb.lookup(&TWO, 0), Some(2));
    }

    #[test]
    fn stations_move_between_bridges_and_age() {
        let mut fdb = ForwardingDatabase::new(OWN);
        fdb.set_member(1, ONE, true);
        fdb.set_member(2, TWO, true);
        assert!(fdb.accepts_source(1, &station(1), 0));
        assert_eq!(fdb.lookup(&station(1), 1), Some(1));
        assert!(fdb.accepts_source(2, &station(1), 2));
        assert_eq!(fdb.lookup(&station(1), 3), Some(2));
        assert_eq!(fdb.lookup(&station(1), 3 + AGE), None);
    }

    #[test]
    fn a_member_that_is_no_bridge_is_only_itself() {
        let mut fdb = ForwardingDatabase::new(OWN);
        fdb.set_member(1, ONE, false);
        assert!(fdb.accepts_source(1, &ONE, 0));
        assert!(!fdb.accepts_source(1, &station(1), 0));
        assert!(!fdb.accepts_source(7, &ONE, 0));
    }

    #[test]
    fn learning_is_bounded_and_old_entries_make_room() {
        let mut fdb = ForwardingDatabase::new(OWN);
        for peer in 1..=20 {
            fdb.set_member(peer, [2, 1, 0, 0, 0, peer as u8], true);
            for number in 0..300 {
                assert!(fdb.accepts_source(peer, &station(peer as u16 * 300 + number), 0));
            }
        }
        assert_eq!(fdb.learned.len(), LEARNED_LIMIT);
        assert!(fdb.learned_per_peer.values().all(|count| *count <= LEARNED_PER_PEER_LIMIT));
        assert!(fdb.accepts_source(20, &station(60_000), AGE));
        assert_eq!(fdb.lookup(&station(60_000), AGE), Some(20));
    }
}
