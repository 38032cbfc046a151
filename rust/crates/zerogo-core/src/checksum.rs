//! The Internet checksum (RFC 1071).

use crate::packet::{UDP, be16, checksum_offset, put16};

/// The one's complement sum of 16-bit words, not folded; an odd last byte is padded with zero.
pub fn word_sum(data: &[u8]) -> u64 {
    let (chunks, rest) = data.as_chunks::<32>();
    let mut total = [0u64; 4];
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        for (sum, word) in total.iter_mut().zip(words) {
            let word = u64::from_be_bytes(*word);
            *sum += (word >> 32) + (word & 0xffff_ffff);
        }
    }
    let mut sum = total.iter().map(|part| u64::from(fold(*part))).sum();
    let mut words = rest.chunks_exact(2);
    for word in &mut words {
        sum += u64::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        sum += u64::from(*last) << 8;
    }
    sum
}

/// Fold a sum to 16 bits.
pub fn fold(mut sum: u64) -> u16 {
    sum = (sum >> 32) + (sum & 0xffff_ffff);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// The sum of the pseudo-header of a TCP or UDP message of `length` bytes (RFC 9293, RFC 8200 section 8.1).
pub fn pseudo_sum(packet: &[u8], network: usize, protocol: u8, length: usize) -> u64 {
    let addresses = if packet[network] >> 4 == 4 { 12..20 } else { 8..40 };
    word_sum(&packet[network..][addresses]) + u64::from(protocol) + length as u64
}

/// Make the checksum field what a kernel expects of a partial sum: the pseudo-header's, not complemented.
pub fn write_pseudo_sum(packet: &mut [u8], network: usize, transport: usize, protocol: u8) {
    let total = pseudo_sum(packet, network, protocol, packet.len() - transport);
    put16(packet, transport + checksum_offset(protocol), fold(total));
}

/// Complete a partial sum: its field, at `start + offset`, holds what is to be added to the bytes from `start`.
pub fn complete_partial(packet: &mut [u8], start: usize, offset: usize) {
    let mut total = !fold(word_sum(&packet[start..]));
    if total == 0 && offset == checksum_offset(UDP) {
        total = 0xffff;
    }
    put16(packet, start + offset, total);
}

/// Whether the TCP or UDP checksum of a packet holds; no checksum at all (UDP) does not.
pub fn is_transport_sum_right(packet: &[u8], network: usize, transport: usize, protocol: u8) -> bool {
    if protocol == UDP && be16(packet, transport + checksum_offset(UDP)) == 0 {
        return false;
    }
    let message = &packet[transport..];
    fold(pseudo_sum(packet, network, protocol, message.len()) + word_sum(message)) == 0xffff
}

/// Compute an IPv4 header's own checksum.
pub fn write_ipv4_header_sum(packet: &mut [u8], network: usize) {
    put16(packet, network + 10, 0);
    let header_bytes = usize::from(packet[network] & 0x0f) * 4;
    let total = !fold(word_sum(&packet[network..network + header_bytes]));
    put16(packet, network + 10, total);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_sum(data: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in data.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum >> 16) + (sum & 0xffff);
        }
        sum as u16
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(fold(word_sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
    }

    #[test]
    fn it_agrees_with_the_plain_loop_at_every_length() {
        let data: Vec<u8> = (0..3000u32).map(|at| ((at * 31) >> 3) as u8 | 0x80).collect();
        for length in (0..200).chain([1399, 1400, 1500, 2999]) {
            assert_eq!(fold(word_sum(&data[..length])), plain_sum(&data[..length]), "{length}");
        }
        assert_eq!(fold(word_sum(&[0xff; 65536])), 0xffff);
    }

    #[test]
    fn a_completed_sum_is_right_and_udp_never_has_zero() {
        let mut zeroes = 0;
        for port in 0..=u16::MAX {
            let mut packet =
                [0x45, 0, 0, 30, 0, 0, 0, 0, 64, UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 9, 0, 10, 0, 0, 7, 7];
            put16(&mut packet, 20, port);
            write_pseudo_sum(&mut packet, 0, 20, UDP);
            complete_partial(&mut packet, 20, 6);
            assert_ne!(be16(&packet, 26), 0);
            zeroes += u32::from(be16(&packet, 26) == 0xffff);
            assert!(is_transport_sum_right(&packet, 0, 20, UDP));
        }
        assert!(zeroes > 0);
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([7; 1001]);
        write_pseudo_sum(&mut packet, 0, 20, 6);
        complete_partial(&mut packet, 20, 16);
        assert!(is_transport_sum_right(&packet, 0, 20, 6));
        packet[500] ^= 1;
        assert!(!is_transport_sum_right(&packet, 0, 20, 6));
    }
}
