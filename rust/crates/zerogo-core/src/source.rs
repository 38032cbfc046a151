//! Whose IP addresses a member may send from: docs/PROTOCOL.md, section 5.6.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::counter::Counter;
use crate::fdb::PeerNumber;
use crate::neighbor::{NeighborTable, Owner};
use crate::packet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::prefix::Prefix;

const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;

/// What the map says a member may claim.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Its addresses in the segment.
    pub addresses: Vec<IpAddr>,
    /// Networks behind it.
    pub subnets: Vec<Prefix>,
    /// Whether there are stations behind it that the map does not name.
    pub is_bridge: bool,
}

impl Claims {
    /// Of a member that has these addresses and nothing behind it.
    pub fn of(addresses: &[IpAddr]) -> Self {
        Self { addresses: addresses.to_vec(), ..Self::default() }
    }
}

/// Which source addresses each member may use.
#[derive(Debug, Default)]
pub struct SourceGuard {
    behind: HashMap<PeerNumber, (Vec<Prefix>, bool)>,
}

impl SourceGuard {
    /// Know the networks behind a member, and whether it is a bridge.
    pub fn set_member(&mut self, peer: PeerNumber, subnets: Vec<Prefix>, is_bridge: bool) {
        self.behind.insert(peer, (subnets, is_bridge));
    }

    /// Forget a member.
    pub fn remove_member(&mut self, peer: PeerNumber) {
        self.behind.remove(&peer);
    }

    /// Why a peer may not send what follows the Ethernet header; `None` where it may, or where that is not IP.
    pub fn refuses(
        &self,
        neighbors: &NeighborTable,
        peer: PeerNumber,
        ethertype: u16,
        packet: &[u8],
    ) -> Option<Counter> {
        let source = match ethertype {
            ETHERTYPE_IPV4 => source_of_ipv4(packet),
            ETHERTYPE_IPV6 => source_of_ipv6(packet),
            _ => return None,
        };
        let Some(source) = source else {
            return Some(Counter::DroppedMalformed);
        };
        let may = match neighbors.owner(source) {
            Some(owner) => owner == Owner::Peer(peer),
            None => self.is_free(peer, source),
        };
        (!may).then_some(Counter::DroppedForeignSource)
    }

    /// Whether a peer may use an address that is no member's.
    fn is_free(&self, peer: PeerNumber, source: IpAddr) -> bool {
        let is_everybodys = match source {
            IpAddr::V4(v4) => v4.is_unspecified(),
            IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local(),
        };
        is_everybodys
            || self
                .behind
                .get(&peer)
                .is_some_and(|(subnets, is_bridge)| *is_bridge || subnets.iter().any(|subnet| subnet.contains(source)))
    }
}

fn source_of_ipv4(packet: &[u8]) -> Option<IpAddr> {
    let fixed = packet.first_chunk::<IPV4_BYTES>()?;
    Some(IpAddr::from([fixed[12], fixed[13], fixed[14], fixed[15]]))
}

fn source_of_ipv6(packet: &[u8]) -> Option<IpAddr> {
    let fixed = packet.first_chunk::<IPV6_BYTES>()?;
    let mut octets = [0; 16];
    octets.copy_from_slice(&fixed[8..24]);
    Some(IpAddr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(source: [u8; 4]) -> Vec<u8> {
        [&[0x45; 12][..], &source, &[10, 0, 0, 9]].concat()
    }

    fn ipv6(source: &str) -> Vec<u8> {
        let source: std::net::Ipv6Addr = source.parse().expect("an address");
        [&[0x60; 8][..], &source.octets(), &[0xfd; 16]].concat()
    }

    fn guard() -> (NeighborTable, SourceGuard) {
        let (mut neighbors, mut guard) = (NeighborTable::default(), SourceGuard::default());
        neighbors.set_addresses(Owner::Local, [2, 0, 0, 0, 0, 9], &[[10, 0, 0, 9].into()]);
        for (peer, subnets, is_bridge) in [(1, &[][..], false), (2, &["192.168.7.0/24", "::/0"], false), (3, &[], true)]
        {
            let addresses =
                [IpAddr::from([10, 0, 0, peer as u8]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, peer as u16])];
            neighbors.set_addresses(Owner::Peer(peer), [2, 0, 0, 0, 0, peer as u8], &addresses);
            let subnets = subnets.iter().map(|text| Prefix::parse(text).expect("a prefix")).collect();
            guard.set_member(peer, subnets, is_bridge);
        }
        (neighbors, guard)
    }

    #[test]
    fn members_send_from_their_own_addresses() {
        let (neighbors, guard) = guard();
        let refuses = |peer, source| guard.refuses(&neighbors, peer, ETHERTYPE_IPV4, &ipv4(source)).is_some();
        for peer in 1..=4 {
            for owner in 1..=3 {
                assert_eq!(refuses(peer, [10, 0, 0, owner as u8]), peer != owner, "{peer} from {owner}");
            }
            assert!(refuses(peer, [10, 0, 0, 9]), "ours");
            assert!(!refuses(peer, [0; 4]), "DHCP");
        }
        assert_eq!([1, 2, 3, 4].map(|peer| refuses(peer, [10, 0, 0, 77])), [true, true, false, true]);
        assert_eq!([1, 2, 3, 4].map(|peer| refuses(peer, [192, 168, 7, 1])), [true, false, false, true]);
    }

    #[test]
    fn so_it_is_in_ipv6() {
        let (neighbors, guard) = guard();
        let refuses = |peer, source| guard.refuses(&neighbors, peer, ETHERTYPE_IPV6, &ipv6(source)).is_some();
        assert_eq!([1, 2, 3].map(|peer| refuses(peer, "fd00::1")), [false, true, true]);
        assert_eq!([1, 2, 3].map(|peer| refuses(peer, "2001:db8::1")), [true, false, false]);
        assert_eq!([1, 2, 3].map(|peer| refuses(peer, "fe80::ff:fe00:1")), [false, true, true], "of a MAC");
        assert_eq!([1, 2, 3].map(|peer| refuses(peer, "fe80::77")), [false; 3]);
        assert_eq!([1, 2, 3].map(|peer| refuses(peer, "::")), [false; 3]);
    }

    #[test]
    fn what_has_no_source_is_malformed_and_what_is_not_ip_passes() {
        let (neighbors, guard) = guard();
        for (ethertype, packet) in [(ETHERTYPE_IPV4, ipv4([10, 0, 0, 1])), (ETHERTYPE_IPV6, ipv6("fd00::1"))] {
            for length in 0..packet.len() {
                let refusal = guard.refuses(&neighbors, 1, ethertype, &packet[..length]);
                assert_eq!(refusal, Some(Counter::DroppedMalformed));
            }
            assert_eq!(guard.refuses(&neighbors, 1, ethertype, &packet), None);
        }
        assert_eq!(guard.refuses(&neighbors, 1, 0x88b5, &[]), None);
    }

    #[test]
    fn who_is_gone_has_nothing_behind_it() {
        let (neighbors, mut guard) = guard();
        guard.remove_member(2);
        guard.set_member(3, Vec::new(), false);
        for peer in [2, 3] {
            let refusal = guard.refuses(&neighbors, peer, ETHERTYPE_IPV4, &ipv4([192, 168, 7, 1]));
            assert_eq!(refusal, Some(Counter::DroppedForeignSource));
        }
    }
}
