//! What a filter sees of a frame (docs/PROTOCOL.md, section 13.1): its kind, and of an IP packet addresses, protocol and
//! ports.
//!
//! Apart from `packet`, which recognises only what can be cut and merged: here everything has to be told apart that could
//! be a way around a rule, so extension headers are walked, and what is not understood is malformed.

use std::net::IpAddr;

use crate::packet::{
    ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN, TCP, UDP,
    VLAN_TAG_BYTES,
};

const TAGS_LIMIT: usize = 2;
const EXTENSIONS_LIMIT: usize = 8;
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
/// What an ICMP error quotes begins behind so many bytes of it.
const QUOTE_OFFSET: usize = 8;

/// A packet that can belong to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parties {
    /// IP protocol number.
    pub protocol: u8,
    /// Address and port that it comes from; an echo has its identifier for both ports, others have 0.
    pub source: (IpAddr, u16),
    /// Where it goes.
    pub destination: (IpAddr, u16),
}

/// What a frame is to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Dropped.
    Malformed,
    /// ARP, neighbour discovery, later fragments: no rule is asked.
    Free,
    /// Only an open rule can tell.
    NotIp,
    /// It belongs to a flow, or the rules decide and it opens one.
    Flow(Parties),
    /// ICMP that is neither echo nor error: the rules decide.
    Alone(Parties),
    /// An ICMP error, and the packet that it quotes where that can belong to a flow; else the rules decide.
    Error(Parties, Option<Parties>),
}

/// Whether a protocol has ports that rules can name.
pub fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | SCTP)
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// What an Ethernet frame is.
pub fn subject_of(frame: &[u8]) -> Subject {
    let mut offset = ETHERNET_BYTES;
    for tags in 0..=TAGS_LIMIT {
        match word(frame, offset - 2) {
            None => return Subject::Malformed,
            Some(ETHERTYPE_VLAN | ETHERTYPE_SERVICE_VLAN) if tags < TAGS_LIMIT => offset += VLAN_TAG_BYTES,
            Some(ETHERTYPE_ARP) => return Subject::Free,
            Some(ETHERTYPE_IPV4) => return packet_subject(&frame[offset..], false),
            Some(ETHERTYPE_IPV6) => return packet_subject(&frame[offset..], true),
            Some(_) => break,
        }
    }
    Subject::NotIp
}

/// An IP header, walked to its end.
struct Header {
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
    end: usize,
}

/// Why there is no header to look behind.
enum Dead {
    Malformed,
    LaterFragment,
}

fn packet_subject(packet: &[u8], is_ipv6: bool) -> Subject {
    let header = match header_of(packet, is_ipv6) {
        Ok(header) => header,
        Err(Dead::Malformed) => return Subject::Malformed,
        Err(Dead::LaterFragment) => return Subject::Free,
    };
    message_subject(&header, &packet[header.end..], is_ipv6)
}

fn message_subject(header: &Header, message: &[u8], is_ipv6: bool) -> Subject {
    let parties = |from, to| Parties {
        protocol: header.protocol,
        source: (header.source, from),
        destination: (header.destination, to),
    };
    if has_ports(header.protocol) {
        return match (word(message, 0), word(message, 2)) {
            (Some(from), Some(to)) => Subject::Flow(parties(from, to)),
            _ => Subject::Malformed,
        };
    }
    if header.protocol != if is_ipv6 { ICMPV6 } else { ICMP } {
        return Subject::Flow(parties(0, 0));
    }
    match (is_ipv6, message.first()) {
        (_, None) => Subject::Malformed,
        (false, Some(0 | 8)) | (true, Some(128 | 129)) => match word(message, 4) {
            Some(identifier) => Subject::Flow(parties(identifier, identifier)),
            None => Subject::Malformed,
        },
        (true, Some(133..=137)) => Subject::Free,
        (false, Some(3 | 11 | 12)) | (true, Some(1..=4)) => {
            let quoted = message.get(QUOTE_OFFSET..).and_then(|packet| quoted(packet, is_ipv6));
            Subject::Error(parties(0, 0), quoted.filter(|quoted| quoted.source.0 == header.destination))
        }
        _ => Subject::Alone(parties(0, 0)),
    }
}

/// The packet that an error quotes, where it can belong to a flow; whatever it quotes in turn is not looked at.
fn quoted(packet: &[u8], is_ipv6: bool) -> Option<Parties> {
    let header = header_of(packet, is_ipv6).ok()?;
    let message = &packet[header.end..];
    // Only the first bytes decide here, and an error within is none.
    match message_subject(&header, &message[..message.len().min(QUOTE_OFFSET)], is_ipv6) {
        Subject::Flow(parties) => Some(parties),
        _ => None,
    }
}

fn header_of(packet: &[u8], is_ipv6: bool) -> Result<Header, Dead> {
    if is_ipv6 { ipv6_header(packet) } else { ipv4_header(packet) }
}

fn ipv4_header(packet: &[u8]) -> Result<Header, Dead> {
    let fixed = packet.first_chunk::<IPV4_BYTES>().ok_or(Dead::Malformed)?;
    let end = usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] >> 4 != 4 || end < IPV4_BYTES || end > packet.len() {
        return Err(Dead::Malformed);
    }
    check_offset(u16::from_be_bytes([fixed[6], fixed[7]]) & 0x1fff)?;
    let address = |at: usize| IpAddr::from([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    Ok(Header { protocol: fixed[9], source: address(12), destination: address(16), end })
}

/// A fragment that begins behind the first 8 bytes could overwrite what was judged (RFC 1858); later ones cannot.
fn check_offset(eights: u16) -> Result<(), Dead> {
    match eights {
        0 => Ok(()),
        1 => Err(Dead::Malformed),
        _ => Err(Dead::LaterFragment),
    }
}

fn ipv6_header(packet: &[u8]) -> Result<Header, Dead> {
    let fixed = packet.first_chunk::<IPV6_BYTES>().filter(|fixed| fixed[0] >> 4 == 6).ok_or(Dead::Malformed)?;
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&fixed[at..at + 16]);
        IpAddr::from(octets)
    };
    let (mut protocol, mut end, mut is_fragment) = (fixed[6], IPV6_BYTES, false);
    for walked in 0..=EXTENSIONS_LIMIT {
        if !matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION) {
            return Ok(Header { protocol, source: address(8), destination: address(24), end });
        }
        let extension = &packet[end..];
        let length = usize::from(*extension.get(1).ok_or(Dead::Malformed)?);
        let size = match protocol {
            AUTHENTICATION => (length + 2) * 4,
            FRAGMENT => 8,
            _ => (length + 1) * 8,
        };
        let extension = extension.get(..size).filter(|_| walked < EXTENSIONS_LIMIT).ok_or(Dead::Malformed)?;
        match protocol {
            ROUTING if extension[3] != 0 => return Err(Dead::Malformed),
            FRAGMENT if is_fragment => return Err(Dead::Malformed),
            FRAGMENT => {
                is_fragment = true;
                check_offset(u16::from_be_bytes([extension[2], extension[3]]) >> 3)?;
            }
            _ => {}
        }
        (protocol, end) = (extension[0], end + size);
    }
    Err(Dead::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(protocol: u8, fragment: u16, message: &[u8]) -> Vec<u8> {
        let [high, low] = fragment.to_be_bytes();
        let head = [0x45, 0, 0, 0, 0, 0, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&[2; 12][..], &[8, 0], &head, message].concat()
    }

    fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut head = [0; 40];
        (head[0], head[6], head[8], head[24]) = (0x60, next, 0xfd, 0xfc);
        [&[2; 12][..], &[0x86, 0xdd], &head, rest].concat()
    }

    fn ports(subject: Subject) -> Option<(u8, u16, u16)> {
        match subject {
            Subject::Flow(parties) => Some((parties.protocol, parties.source.1, parties.destination.1)),
            _ => None,
        }
    }

    #[test]
    fn ports_are_found_behind_tags_options_and_extension_headers() {
        let message = [0, 1, 0, 2];
        assert_eq!(ports(subject_of(&ipv4(TCP, 0, &message))), Some((TCP, 1, 2)));
        let mut tagged = ipv4(UDP, 0, &message);
        for _ in 0..2 {
            tagged.splice(12..12, [0x81, 0, 0, 5]);
            assert_eq!(ports(subject_of(&tagged)), Some((UDP, 1, 2)));
        }
        tagged.splice(12..12, [0x81, 0, 0, 5]);
        assert_eq!(subject_of(&tagged), Subject::NotIp);
        let mut optioned = ipv4(SCTP, 0, &[&[1; 8][..], &message].concat());
        optioned[14] = 0x47;
        assert_eq!(ports(subject_of(&optioned)), Some((SCTP, 1, 2)));
        let chain = [
            &[60, 0, 0, 0, 0, 0, 0, 0][..],
            &[51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[44, 0, 0, 0, 0, 0, 0, 0],
            &[TCP, 0, 0, 1, 0, 0, 0, 0],
            &message,
        ];
        assert_eq!(ports(subject_of(&ipv6(0, &chain.concat()))), Some((TCP, 1, 2)));
    }

    #[test]
    fn fragments_are_judged_by_their_first() {
        let message = [0, 1, 0, 2];
        assert_eq!(ports(subject_of(&ipv4(UDP, 0x2000, &message))), Some((UDP, 1, 2)));
        assert_eq!(subject_of(&ipv4(UDP, 0x2000, &message[..3])), Subject::Malformed);
        assert_eq!(subject_of(&ipv4(UDP, 0x2001, &[0; 40])), Subject::Malformed);
        assert_eq!(subject_of(&ipv4(UDP, 2, &[])), Subject::Free);
        let fragment = |eights: u8| [UDP, 0, 0, eights << 3, 0, 0, 0, 0];
        assert_eq!(subject_of(&ipv6(44, &fragment(1))), Subject::Malformed);
        assert_eq!(subject_of(&ipv6(44, &fragment(2))), Subject::Free);
        assert_eq!(subject_of(&ipv6(44, &[&[44, 0, 0, 0, 0, 0, 0, 0][..], &fragment(0)].concat())), Subject::Malformed);
    }

    #[test]
    fn what_hides_is_malformed() {
        let source_route = [TCP, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(subject_of(&ipv6(43, &[&source_route[..], &[0; 8]].concat())), Subject::Malformed);
        let eight = [60, 0, 0, 0, 0, 0, 0, 0].repeat(8);
        let mut seven_and_tcp = eight.clone();
        seven_and_tcp[56] = TCP;
        assert_eq!(ports(subject_of(&ipv6(60, &[&seven_and_tcp[..], &[0, 1, 0, 2]].concat()))), Some((TCP, 1, 2)));
        assert_eq!(subject_of(&ipv6(60, &[&eight[..], &[TCP, 0, 0, 0, 0, 0, 0, 0]].concat())), Subject::Malformed);
    }

    #[test]
    fn icmp_is_echo_error_discovery_or_alone() {
        assert_eq!(ports(subject_of(&ipv4(ICMP, 0, &[8, 0, 0, 0, 1, 2]))), Some((ICMP, 0x102, 0x102)));
        assert_eq!(subject_of(&ipv4(ICMP, 0, &[8, 0, 0, 0, 1])), Subject::Malformed);
        assert_eq!(ports(subject_of(&ipv6(ICMPV6, &[129, 0, 0, 0, 1, 2]))), Some((ICMPV6, 0x102, 0x102)));
        assert_eq!(subject_of(&ipv6(ICMPV6, &[135])), Subject::Free);
        assert!(matches!(subject_of(&ipv4(ICMP, 0, &[13])), Subject::Alone(_)));
        assert_eq!(ports(subject_of(&ipv4(ICMPV6, 0, &[135]))), Some((ICMPV6, 0, 0)));
        let mut went = ipv4(UDP, 0, &[0, 1, 0, 2, 0, 0, 0, 0])[14..].to_vec();
        went[12..20].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 9]);
        let error = |quoted: &[u8]| subject_of(&ipv4(ICMP, 0, &[&[3, 0, 0, 0, 0, 0, 0, 0][..], quoted].concat()));
        let Subject::Error(_, Some(quoted)) = error(&went) else { panic!("an error that quotes") };
        assert_eq!((quoted.source.1, quoted.destination), (1, (IpAddr::from([10, 0, 0, 9]), 2)));
        assert!(matches!(error(&went[..23]), Subject::Error(_, None)));
        went[15] = 3;
        assert!(matches!(error(&went), Subject::Error(_, None)));
    }

    #[test]
    fn frames_cut_anywhere_are_survived() {
        let inner = ipv6(0, &[60, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 1, 2]);
        let outer = ipv6(ICMPV6, &[&[1, 0, 0, 0, 0, 0, 0, 0][..], &inner[14..]].concat());
        for length in 0..outer.len() {
            subject_of(&outer[..length]);
        }
        assert_eq!(subject_of(&outer[..13]), Subject::Malformed);
        assert_eq!(subject_of(&outer[..53]), Subject::Malformed);
    }
}
