//! ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861), answered from the map and guarded by it.
//!
//! The guard: what comes from a peer may not say that another member's address, or ours, is at some Ethernet address.
//! Extension headers before the ICMPv6 message are walked, or they would be a way around it (RFC 7113).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use crate::checksum::{fold, word_sum};
use crate::fdb::{Mac, PeerNumber};
use crate::packet::{ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV6, be16};

const ARP_BYTES: usize = 28;
const ARP_REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
const ARP_REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];
const IPV6_BYTES: usize = 40;
const ICMPV6: u8 = 58;
const EXTENSIONS_LIMIT: usize = 8;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const ND_BYTES: usize = 24;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Ours.
    Local,
    /// A member's.
    Peer(PeerNumber),
}

/// The link-local address that follows from an Ethernet address (RFC 4291 appendix A).
pub fn link_local_address(mac: &Mac) -> IpAddr {
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, 0, 0, 0];
    octets[13..].copy_from_slice(&mac[3..]);
    IpAddr::from(octets)
}

/// Who has which IP address.
#[derive(Debug, Default)]
pub struct NeighborTable {
    owner: HashMap<IpAddr, (Owner, Mac)>,
    claims: BTreeMap<Owner, (Mac, Vec<IpAddr>)>,
}

impl NeighborTable {
    /// Know the addresses of a member, or ours.
    pub fn set_addresses(&mut self, owner: Owner, mac: Mac, addresses: &[IpAddr]) {
        self.remove(owner);
        let mut all = addresses.to_vec();
        all.push(link_local_address(&mac));
        for address in &all {
            self.owner.insert(*address, (owner, mac));
        }
        self.claims.insert(owner, (mac, all));
    }

    /// Forget a member's addresses.
    pub fn remove(&mut self, owner: Owner) {
        let Some((_, addresses)) = self.claims.remove(&owner) else {
            return;
        };
        for address in addresses {
            if self.owner.get(&address).is_some_and(|entry| entry.0 == owner) {
                self.owner.remove(&address);
                self.hand_back(address);
            }
        }
    }

    fn hand_back(&mut self, address: IpAddr) {
        // While a map changes two members may have one address for a moment; the one that is left keeps it.
        for (owner, (mac, addresses)) in &self.claims {
            if addresses.contains(&address) {
                self.owner.insert(address, (*owner, *mac));
            }
        }
    }

    /// Whose an address is.
    pub fn owner(&self, address: IpAddr) -> Option<Owner> {
        self.owner.get(&address).map(|entry| entry.0)
    }

    /// The frame that answers a question of the local host, where it is one and the answer is known.
    pub fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        match be16(frame, 12) {
            ETHERTYPE_ARP => self.answer_arp(frame),
            ETHERTYPE_IPV6 => self.answer_solicitation(frame),
            _ => None,
        }
    }

    /// Whether a peer claims, in what follows the Ethernet header, an address that is not its own.
    pub fn refuses(&self, peer: PeerNumber, ethertype: u16, payload: &[u8]) -> bool {
        match ethertype {
            ETHERTYPE_ARP if payload.len() < ARP_BYTES => true,
            ETHERTYPE_ARP => self.is_others(peer, v4(payload, 14)),
            ETHERTYPE_IPV6 => self.refuses_discovery(peer, payload),
            _ => false,
        }
    }

    fn is_others(&self, peer: PeerNumber, address: IpAddr) -> bool {
        self.owner(address).is_some_and(|owner| owner != Owner::Peer(peer))
    }

    fn answer_arp(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let arp = frame.get(ETHERNET_BYTES..ETHERNET_BYTES + ARP_BYTES)?;
        if arp[..8] != ARP_REQUEST || arp[14..18] == arp[24..28] {
            return None;
        }
        let (owner, mac) = self.owner.get(&v4(arp, 24))?;
        if *owner == Owner::Local {
            return None;
        }
        let (asker_mac, asker, target) = (&arp[8..14], &arp[14..18], &arp[24..28]);
        Some([asker_mac, mac, &[8, 6], &ARP_REPLY, mac, target, asker_mac, asker].concat())
    }

    fn answer_solicitation(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let packet = frame.get(ETHERNET_BYTES..)?;
        if packet.len() < IPV6_BYTES + ND_BYTES || packet[6] != ICMPV6 || packet[40] != SOLICITATION {
            return None;
        }
        let (owner, mac) = self.owner.get(&v6(packet, 48))?;
        if *owner == Owner::Local || packet[7] != 255 {
            return None;
        }
        Some(advertisement(&packet[48..64], mac, &packet[8..24], &frame[6..12]))
    }

    fn refuses_discovery(&self, peer: PeerNumber, packet: &[u8]) -> bool {
        let Some(offset) = icmpv6_offset(packet) else {
            return false;
        };
        match packet[offset] {
            ADVERTISEMENT => packet.len() < offset + ND_BYTES || self.is_others(peer, v6(packet, offset + 8)),
            // Any other discovery message binds its IP source to the address in its source option.
            133..=137 => self.is_others(peer, v6(packet, 8)),
            _ => false,
        }
    }
}

fn v4(data: &[u8], at: usize) -> IpAddr {
    IpAddr::from([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

fn v6(data: &[u8], at: usize) -> IpAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&data[at..at + 16]);
    IpAddr::V6(Ipv6Addr::from(octets))
}

fn icmpv6_offset(packet: &[u8]) -> Option<usize> {
    let (mut next_header, mut offset) = (*packet.get(6)?, IPV6_BYTES);
    for _ in 0..EXTENSIONS_LIMIT {
        if packet.len() <= offset + 1 {
            return None;
        }
        match next_header {
            ICMPV6 => return Some(offset),
            // Hop-by-hop, routing, destination options.
            0 | 43 | 60 => (next_header, offset) = (packet[offset], offset + 8 + usize::from(packet[offset + 1]) * 8),
            _ => return None,
        }
    }
    None
}

/// A neighbour advertisement in its Ethernet frame (RFC 4861 section 4.4).
fn advertisement(target: &[u8], target_mac: &Mac, asker: &[u8], asker_mac: &[u8]) -> Vec<u8> {
    let is_probe = asker.iter().all(|octet| *octet == 0);
    let (destination, destination_mac, flags) = if is_probe {
        (&ALL_NODES[..], &ALL_NODES_MAC[..], OVERRIDE)
    } else {
        (asker, asker_mac, OVERRIDE | SOLICITED)
    };
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    message.extend_from_slice(target);
    message.extend([2, 1]);
    message.extend_from_slice(target_mac);
    let sums = [target, destination, &message].map(word_sum);
    let total = sums.iter().sum::<u64>() + message.len() as u64 + u64::from(ICMPV6);
    message[2..4].copy_from_slice(&(!fold(total)).to_be_bytes());
    let head = [0x60, 0, 0, 0, 0, message.len() as u8, ICMPV6, 255];
    [destination_mac, target_mac, &[0x86, 0xdd], &head, target, destination, &message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Mac = [2, 0, 0, 0, 0, 1];
    const OWN: Mac = [2, 0, 0, 0, 0, 9];

    fn table() -> NeighborTable {
        let mut table = NeighborTable::default();
        table.set_addresses(Owner::Local, OWN, &[IpAddr::from([10, 0, 0, 9])]);
        table.set_addresses(Owner::Peer(1), ONE, &[IpAddr::from([10, 0, 0, 1])]);
        table
    }

    fn arp(kind: [u8; 8], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
        [&[0xff; 6][..], &OWN, &[8, 6], &kind, &OWN, &sender, &[0; 6], &target].concat()
    }

    fn solicitation(source: IpAddr, target: IpAddr) -> Vec<u8> {
        let (IpAddr::V6(source), IpAddr::V6(target)) = (source, target) else { panic!("not IPv6") };
        let head = [0x60, 0, 0, 0, 0, 24, ICMPV6, 255];
        let body = [SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        [&ALL_NODES_MAC[..], &OWN, &[0x86, 0xdd], &head, &source.octets(), &ALL_NODES, &body, &target.octets()].concat()
    }

    #[test]
    fn arp_for_a_member_is_answered() {
        let reply = table().answer(&arp(ARP_REQUEST, [10, 0, 0, 9], [10, 0, 0, 1])).expect("an answer");
        assert_eq!(reply[..14], [&OWN[..], &ONE, &[8, 6]].concat());
        assert_eq!(reply[14..22], ARP_REPLY);
        assert_eq!(reply[22..], [&ONE[..], &[10, 0, 0, 1], &OWN, &[10, 0, 0, 9]].concat());
        assert_eq!(table().answer(&arp(ARP_REQUEST, [10, 0, 0, 9], [10, 0, 0, 2])), None);
        assert_eq!(table().answer(&arp(ARP_REPLY, [10, 0, 0, 9], [10, 0, 0, 1])), None);
    }

    #[test]
    fn solicitations_are_answered_with_a_right_sum() {
        for source in [link_local_address(&OWN), IpAddr::from([0u8; 16])] {
            let frame = table().answer(&solicitation(source, link_local_address(&ONE))).expect("an answer");
            let packet = &frame[14..];
            let total = word_sum(&packet[8..]) + 32 + u64::from(ICMPV6);
            assert_eq!(fold(total), 0xffff);
            assert_eq!(packet[66..72], ONE);
        }
    }

    #[test]
    fn a_peer_may_only_claim_its_own_addresses() {
        let table = table();
        for (sender, refused) in [([10, 0, 0, 1], false), ([10, 0, 0, 9], true), ([10, 0, 0, 77], false)] {
            assert_eq!(table.refuses(1, ETHERTYPE_ARP, &arp(ARP_REPLY, sender, [10, 0, 0, 5])[14..]), refused);
        }
        assert!(table.refuses(1, ETHERTYPE_ARP, &[0; 27]));
        let own = advertisement(&[0xfe; 16], &ONE, &ALL_NODES, &OWN);
        assert!(!table.refuses(1, ETHERTYPE_IPV6, &own[14..]));
        let IpAddr::V6(ours) = link_local_address(&OWN) else { panic!("not IPv6") };
        let mut forged = advertisement(&ours.octets(), &ONE, &ALL_NODES, &OWN).split_off(14);
        assert!(table.refuses(1, ETHERTYPE_IPV6, &forged));
        // Behind a destination options header it is the same claim.
        forged[6] = 60;
        forged.splice(40..40, [ICMPV6, 0, 1, 4, 0, 0, 0, 0]);
        assert!(table.refuses(1, ETHERTYPE_IPV6, &forged));
    }

    #[test]
    fn an_address_goes_back_to_who_is_left() {
        let mut table = table();
        table.set_addresses(Owner::Peer(2), [2, 0, 0, 0, 0, 2], &[IpAddr::from([10, 0, 0, 1])]);
        assert!(table.is_others(1, IpAddr::from([10, 0, 0, 1])));
        table.remove(Owner::Peer(2));
        assert!(!table.is_others(1, IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn short_packets_do_not_panic() {
        let table = table();
        let arp = arp(ARP_REQUEST, [10, 0, 0, 9], [10, 0, 0, 1]);
        let solicitation = solicitation(link_local_address(&OWN), link_local_address(&ONE));
        for frame in [arp, solicitation] {
            for length in 14..frame.len() {
                assert_eq!(table.answer(&frame[..length]), None);
                table.refuses(1, be16(&frame, 12), &frame[14..length]);
            }
        }
    }
}
