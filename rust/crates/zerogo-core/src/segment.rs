//! The switch of one segment: forwarding database, neighbours, sources and storm control, as the plane asks them.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::counter::Counter;
use crate::fdb::{ForwardingDatabase, Mac, PeerNumber, is_group, is_link_local_group};
use crate::neighbor::{NeighborTable, Owner};
use crate::packet::{ETHERNET_BYTES, untagged_payload};
use crate::source::{Claims, SourceGuard};
use crate::storm::{INCOMING_BYTES, OUTGOING_BYTES, StormBudget};
use crate::time::Nanos;

/// What becomes of a frame that came out of the TAP.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it to this peer.
    Unicast(PeerNumber),
    /// Send a copy to each of these.
    Flood(Vec<PeerNumber>),
    /// Put this frame into the TAP; the one that came out goes nowhere.
    Answer(Vec<u8>),
    /// Drop and count it.
    Refusal(Counter),
}

/// One Ethernet segment as one member sees it.
#[derive(Debug)]
pub struct Segment {
    own_mac: Mac,
    is_bridge: bool,
    fdb: ForwardingDatabase,
    neighbors: NeighborTable,
    sources: SourceGuard,
    outgoing: StormBudget,
    incoming: HashMap<PeerNumber, StormBudget>,
}

/// The destination and source address of a frame that has them.
pub fn addresses(frame: &[u8]) -> (Mac, Mac) {
    let (mut destination, mut source) = ([0; 6], [0; 6]);
    destination.copy_from_slice(&frame[..6]);
    source.copy_from_slice(&frame[6..12]);
    (destination, source)
}

impl Segment {
    /// A segment without members; `own_addresses` may be claimed by no peer.
    pub fn new(own_mac: Mac, own_addresses: &[IpAddr], is_bridge: bool) -> Self {
        let mut neighbors = NeighborTable::default();
        neighbors.set_addresses(Owner::Local, own_mac, own_addresses);
        Self {
            own_mac,
            is_bridge,
            fdb: ForwardingDatabase::new(own_mac),
            neighbors,
            sources: SourceGuard::default(),
            outgoing: StormBudget::new(OUTGOING_BYTES, OUTGOING_BYTES),
            incoming: HashMap::new(),
        }
    }

    /// Know a member, or change what is known.
    pub fn set_member(&mut self, peer: PeerNumber, mac: Mac, claims: Claims) {
        self.fdb.set_member(peer, mac, claims.is_bridge);
        self.neighbors.set_addresses(Owner::Peer(peer), mac, &claims.addresses);
        self.sources.set_member(peer, claims.subnets, claims.is_bridge);
        self.incoming.entry(peer).or_insert_with(|| StormBudget::new(INCOMING_BYTES, INCOMING_BYTES));
    }

    /// Forget a member.
    pub fn remove_member(&mut self, peer: PeerNumber) {
        self.fdb.remove_member(peer);
        self.neighbors.remove(Owner::Peer(peer));
        self.sources.remove_member(peer);
        self.incoming.remove(&peer);
    }

    /// Members by their own addresses: frames from ours to these need no further question.
    pub fn static_routes(&self) -> &HashMap<Mac, PeerNumber> {
        self.fdb.fixed()
    }

    /// What becomes of a frame that came out of the TAP.
    pub fn egress(&mut self, frame: &[u8], now: Nanos) -> Verdict {
        if frame.len() < ETHERNET_BYTES {
            return Verdict::Refusal(Counter::DroppedMalformed);
        }
        let (destination, source) = addresses(frame);
        if source != self.own_mac {
            if !self.is_bridge || is_group(&source) || self.fdb.fixed().contains_key(&source) {
                return Verdict::Refusal(Counter::DroppedForeignSource);
            }
            self.fdb.station_is_local(&source);
        }
        if !is_group(&destination) {
            return match self.fdb.lookup(&destination, now) {
                Some(peer) => Verdict::Unicast(peer),
                // The map knows every member, so an unknown station can only be behind a bridge.
                None => self.flood(self.fdb.bridges(), frame.len(), now),
            };
        }
        if is_link_local_group(&destination) {
            return Verdict::Refusal(Counter::DroppedUnknownDestination);
        }
        match self.neighbors.answer(frame) {
            Some(answer) => Verdict::Answer(answer),
            None => self.flood(self.fdb.members(), frame.len(), now),
        }
    }

    fn flood(&mut self, peers: Vec<PeerNumber>, size: usize, now: Nanos) -> Verdict {
        if peers.is_empty() {
            return Verdict::Refusal(Counter::DroppedUnknownDestination);
        }
        if !self.outgoing.spend(size * peers.len(), now) {
            return Verdict::Refusal(Counter::DroppedStorm);
        }
        Verdict::Flood(peers)
    }

    /// Why a complete frame of a peer may not enter the TAP; `None` where it may. Learns from bridges.
    pub fn refuses(&mut self, peer: PeerNumber, frame: &[u8], now: Nanos) -> Option<Counter> {
        if frame.len() < ETHERNET_BYTES {
            return Some(Counter::DroppedMalformed);
        }
        let (destination, source) = addresses(frame);
        if !self.fdb.accepts_source(peer, &source, now) {
            return Some(Counter::DroppedForeignSource);
        }
        if is_group(&destination) {
            if is_link_local_group(&destination) {
                return Some(Counter::DroppedUnknownDestination);
            }
            if !self.incoming.get_mut(&peer)?.spend(frame.len(), now) {
                return Some(Counter::DroppedStorm);
            }
        } else if destination != self.own_mac && !self.is_bridge {
            return Some(Counter::DroppedUnknownDestination);
        }
        match untagged_payload(frame) {
            Some((ethertype, offset)) => self.refuses_packet(peer, ethertype, &frame[offset..]),
            None => Some(Counter::DroppedMalformed),
        }
    }

    /// Why what a peer sent, without its Ethernet header, may not enter the TAP: it claims another's address.
    pub fn refuses_packet(&self, peer: PeerNumber, ethertype: u16, packet: &[u8]) -> Option<Counter> {
        if self.neighbors.refuses(peer, ethertype, packet) {
            return Some(Counter::DroppedForeignSource);
        }
        self.sources.refuses(&self.neighbors, peer, ethertype, packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = [2, 0, 0, 0, 0, 9];
    const ONE: Mac = [2, 0, 0, 0, 0, 1];
    const STRANGE: Mac = [2, 7, 7, 7, 7, 7];
    const ALL: Mac = [0xff; 6];

    fn frame(destination: Mac, source: Mac) -> Vec<u8> {
        [&destination[..], &source, &[0x12, 0x34], &[0; 46]].concat()
    }

    fn segment(is_bridge: bool) -> Segment {
        let mut segment = Segment::new(OWN, &[], is_bridge);
        segment.set_member(1, ONE, Claims::default());
        segment.set_member(2, [2, 0, 0, 0, 0, 2], Claims { is_bridge: true, ..Claims::default() });
        segment
    }

    #[test]
    fn frames_go_where_the_map_says() {
        let mut segment = segment(false);
        assert_eq!(segment.egress(&frame(ONE, OWN), 0), Verdict::Unicast(1));
        assert_eq!(segment.egress(&frame(STRANGE, OWN), 0), Verdict::Flood(vec![2]));
        assert_eq!(segment.egress(&frame(ALL, OWN), 0), Verdict::Flood(vec![1, 2]));
        assert_eq!(segment.egress(&frame(ONE, STRANGE), 0), Verdict::Refusal(Counter::DroppedForeignSource));
        assert_eq!(
            segment.egress(&frame([1, 0x80, 0xc2, 0, 0, 0], OWN), 0),
            Verdict::Refusal(Counter::DroppedUnknownDestination)
        );
        for length in 0..14 {
            assert_eq!(segment.egress(&vec![0; length], 0), Verdict::Refusal(Counter::DroppedMalformed));
        }
    }

    #[test]
    fn floods_are_bounded() {
        let mut segment = segment(false);
        let copies =
            (0..100_000).take_while(|_| matches!(segment.egress(&frame(ALL, OWN), 0), Verdict::Flood(_))).count();
        assert_eq!(copies, OUTGOING_BYTES as usize / 120);
    }

    #[test]
    fn peers_speak_for_themselves_only() {
        let mut segment = segment(false);
        assert_eq!(segment.refuses(1, &frame(OWN, ONE), 0), None);
        assert_eq!(segment.refuses(1, &frame(OWN, STRANGE), 0), Some(Counter::DroppedForeignSource));
        assert_eq!(segment.refuses(2, &frame(OWN, STRANGE), 0), None);
        assert_eq!(segment.refuses(1, &frame(STRANGE, ONE), 0), Some(Counter::DroppedUnknownDestination));
        assert_eq!(segment.refuses(1, &[0; 13], 0), Some(Counter::DroppedMalformed));
        assert_eq!(segment.egress(&frame(STRANGE, OWN), 0), Verdict::Unicast(2));
    }
}
