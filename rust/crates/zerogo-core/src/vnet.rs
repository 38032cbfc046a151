//! The header that the kernel puts before each frame of a TAP opened with IFF_VNET_HDR (virtio 1.2, section 5.1.6).
//!
//! It never goes on the wire: a receiver rebuilds it from headers that it parsed itself.

/// Bytes of the header.
pub const VNET_BYTES: usize = 10;
/// Flag: the checksum is to be completed.
pub const NEEDS_CHECKSUM: u8 = 1;
/// Flag: the checksum was verified.
pub const CHECKSUM_VALID: u8 = 2;
/// Super-frame of TCP over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// Super-frame of TCP over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// Super-frame of UDP.
pub const GSO_UDP: u8 = 5;
/// Is OR-ed into the type.
pub const GSO_ECN: u8 = 0x80;

/// The fields; those of 16 bits are in host byte order. The header length is a hint and not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vnet {
    /// NEEDS_CHECKSUM or CHECKSUM_VALID.
    pub flags: u8,
    /// Kind of super-frame, 0 for none.
    pub gso_type: u8,
    /// Bytes of all headers.
    pub header_bytes: u16,
    /// Payload bytes of each segment.
    pub gso_size: u16,
    /// Where the transport header begins.
    pub checksum_start: u16,
    /// Where the checksum field is, from there.
    pub checksum_offset: u16,
}

impl Vnet {
    /// Read the first 10 bytes of `data`, which has them.
    pub fn parse(data: &[u8]) -> Self {
        let word = |at: usize| u16::from_ne_bytes([data[at], data[at + 1]]);
        Self {
            flags: data[0],
            gso_type: data[1],
            header_bytes: word(2),
            gso_size: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
        }
    }

    /// The 10 bytes.
    pub fn emit(&self) -> [u8; VNET_BYTES] {
        let mut bytes = [self.flags, self.gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        let words = [self.header_bytes, self.gso_size, self.checksum_start, self.checksum_offset];
        for (at, word) in words.into_iter().enumerate() {
            bytes[2 + 2 * at..4 + 2 * at].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Whether the frame is a super-frame.
    pub fn is_super(&self) -> bool {
        self.gso_type & !GSO_ECN != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips() {
        let vnet =
            Vnet { flags: 1, gso_type: 4, header_bytes: 74, gso_size: 1428, checksum_start: 54, checksum_offset: 16 };
        assert_eq!(Vnet::parse(&vnet.emit()), vnet);
        assert!(vnet.is_super());
        assert!(!Vnet { gso_type: GSO_ECN, ..Vnet::default() }.is_super());
    }
}
