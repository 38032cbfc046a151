//! Where the headers of a frame are: offsets only.
//!
//! Only what can be cut, merged or summed is recognised: TCP and UDP directly over IPv4 (options allowed, fragments not)
//! or over IPv6 without extension headers, behind at most two VLAN tags.

/// Bytes of an Ethernet header.
pub const ETHERNET_BYTES: usize = 14;
/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of a VLAN tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// EtherType of a service VLAN tag.
pub const ETHERTYPE_SERVICE_VLAN: u16 = 0x88a8;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Bytes of a VLAN tag.
pub const VLAN_TAG_BYTES: usize = 4;
/// Tags of VLAN id 0 that a frame may have; kernels take them off, however many there are.
const PRIORITY_TAGS_LIMIT: usize = 2;
/// IP protocol number of TCP.
pub const TCP: u8 = 6;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;

/// A 16-bit number at `at`, which must be in bounds.
pub fn be16(data: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([data[at], data[at + 1]])
}

/// A 32-bit number at `at`, which must be in bounds.
pub fn be32(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

/// Write a 16-bit number.
pub fn put16(data: &mut [u8], at: usize, value: u16) {
    data[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The transport header of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Where it begins.
    pub offset: usize,
    /// TCP or UDP.
    pub protocol: u8,
    /// Where the payload begins.
    pub headers_end: usize,
}

impl Transport {
    /// Where the checksum field is, from the beginning of the transport header.
    pub fn checksum_offset(&self) -> usize {
        checksum_offset(self.protocol)
    }
}

/// Where the checksum field of TCP or UDP is, from the beginning of its header.
pub fn checksum_offset(protocol: u8) -> usize {
    if protocol == TCP { 16 } else { 6 }
}

/// Where the IP header of `frame` begins; `None` where it carries no IP.
pub fn network_offset(frame: &[u8]) -> Option<usize> {
    let mut offset = ETHERNET_BYTES;
    for _ in 0..3 {
        if frame.len() < offset {
            return None;
        }
        match be16(frame, offset - 2) {
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => return Some(offset),
            ETHERTYPE_VLAN | ETHERTYPE_SERVICE_VLAN => offset += VLAN_TAG_BYTES,
            _ => return None,
        }
    }
    None
}

/// The transport header of the IP packet that begins at `network` and ends with `data`.
pub fn transport_of(data: &[u8], network: usize) -> Option<Transport> {
    let end = data.len();
    if end < network + 20 {
        return None;
    }
    let (offset, protocol) = match data[network] >> 4 {
        4 => {
            let header_bytes = usize::from(data[network] & 0x0f) * 4;
            if be16(data, network + 6) & 0x3fff != 0 || header_bytes < 20 {
                return None;
            }
            (network + header_bytes, data[network + 9])
        }
        6 => (network + 40, data[network + 6]),
        _ => return None,
    };
    let headers_end = match protocol {
        UDP => offset + 8,
        TCP if end >= offset + 20 => {
            let header_bytes = usize::from(data[offset + 12] >> 4) * 4;
            if header_bytes < 20 {
                return None;
            }
            offset + header_bytes
        }
        _ => return None,
    };
    (headers_end <= end).then_some(Transport { offset, protocol, headers_end })
}

/// Whether the EtherType of an untagged frame can be told from the version of IP, as a receiver of an elided one will.
pub fn is_plain_ip(frame: &[u8]) -> bool {
    frame.len() > ETHERNET_BYTES
        && matches!((be16(frame, 12), frame[14] >> 4), (ETHERTYPE_IPV4, 4) | (ETHERTYPE_IPV6, 6))
}

/// The EtherType as the receiving kernel will see it, and where its payload begins; (0, 14) where cut short.
///
/// Tags with VLAN id 0 carry a priority only: kernels take the frame as untagged, so a guard looks behind them. The
/// frame has at least an Ethernet header.
pub fn untagged_payload(frame: &[u8]) -> Option<(u16, usize)> {
    let mut offset = ETHERNET_BYTES;
    for _ in 0..=PRIORITY_TAGS_LIMIT {
        let ethertype = be16(frame, offset - 2);
        if ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_SERVICE_VLAN {
            return Some((ethertype, offset));
        }
        if frame.len() < offset + VLAN_TAG_BYTES {
            return None;
        }
        if be16(frame, offset) & 0x0fff != 0 {
            return Some((ethertype, offset));
        }
        offset += VLAN_TAG_BYTES;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp_frame(tags: usize) -> Vec<u8> {
        let mut frame = vec![2; 12];
        for _ in 0..tags {
            frame.extend([0x81, 0, 0, 5]);
        }
        frame.extend([8, 0, 0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0; 12]);
        frame.extend([0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        frame.extend(b"0123456789");
        frame
    }

    #[test]
    fn tcp_is_found_behind_two_tags_at_most() {
        for tags in 0..3 {
            let frame = tcp_frame(tags);
            let network = network_offset(&frame).expect("IP");
            assert_eq!(network, 14 + 4 * tags);
            let transport = transport_of(&frame, network).expect("TCP");
            assert_eq!((transport.offset, transport.headers_end), (network + 20, network + 40));
        }
        assert_eq!(network_offset(&tcp_frame(3)), None);
    }

    #[test]
    fn fragments_and_short_headers_are_not_recognised() {
        let good = tcp_frame(0);
        for (at, value) in [(20, 0x20), (21, 1), (14, 0x44), (14, 0x55), (46, 0x40), (46, 0xf0), (23, 1)] {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(transport_of(&frame, 14), None, "{at}");
        }
    }

    #[test]
    fn cut_short_frames_do_not_panic() {
        for tags in 0..4 {
            let frame = tcp_frame(tags);
            for length in 0..frame.len() {
                if let Some(network) = network_offset(&frame[..length]) {
                    let found = transport_of(&frame[..length], network);
                    assert!(found.is_none_or(|transport| transport.headers_end <= length));
                }
                if length >= 14 {
                    assert!(untagged_payload(&frame[..length]).is_none_or(|(_, offset)| offset <= length));
                }
            }
        }
    }
}
