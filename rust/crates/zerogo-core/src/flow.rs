//! What flow a frame is of, and how urgent it is.
//!
//! The hash keeps a flow together, on one way and in one queue; it need not be that of other implementations. What the
//! sender's programs ask for by DSCP counts (RFC 2474; classes of RFC 4594, RFC 8622); where they ask for nothing, a small
//! UDP packet is taken for speech, a game, or a question that somebody waits for the answer to.

use crate::checksum::write_ipv4_header_sum;
use crate::packet::{ETHERNET_BYTES, TCP, UDP, be16, network_offset};
use crate::wire::{BAND_BULK, BAND_REAL_TIME};

/// An IP packet with UDP of up to so many bytes is real time where its DSCP does not say otherwise.
const SMALL_UDP_BYTES: usize = 300;
/// Both bits of the field; any of them says that the transport listens.
const ECN: u8 = 0x03;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// What is told of a frame by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Equal for all frames of a flow.
    pub hash: u32,
    /// `BAND_REAL_TIME` or `BAND_BULK`.
    pub band: u8,
}

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(hash, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (hash ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER).rotate_left(29)
    })
}

/// The flow of an Ethernet frame of `size` bytes that begins with `frame`; of what carries no IP, that of its addresses.
pub fn flow_of(frame: &[u8], size: usize) -> Flow {
    let packet = network_offset(frame).map(|network| &frame[network..]);
    let beyond = size - frame.len();
    let hash = packet.and_then(flow_hash).unwrap_or_else(|| mix(0, &frame[..frame.len().min(ETHERNET_BYTES)]));
    let hash = ((hash ^ hash >> 29).wrapping_mul(MULTIPLIER) >> 32) as u32;
    Flow { hash, band: packet.map_or(BAND_BULK, |packet| band_of(packet, packet.len() + beyond)) }
}

/// The band of an IP packet of `size` bytes.
fn band_of(packet: &[u8], size: usize) -> u8 {
    if packet.len() < 20 {
        return BAND_BULK;
    }
    let (class, protocol) = match packet[0] >> 4 {
        4 => (packet[1], packet[9]),
        6 => (packet[0] << 4 | packet[1] >> 4, packet[6]),
        _ => return BAND_BULK,
    };
    match class >> 2 {
        // CS4, AF41 to AF43, CS5, VOICE-ADMIT, EF, CS6, CS7.
        32 | 34 | 36 | 38 | 40 | 44 | 46 | 48 | 56 => BAND_REAL_TIME,
        // LE, CS1, AF11 to AF13.
        1 | 8 | 10 | 12 | 14 => BAND_BULK,
        _ if protocol == UDP && size <= SMALL_UDP_BYTES => BAND_REAL_TIME,
        _ => BAND_BULK,
    }
}

/// Tell the sender of an Ethernet frame, of which the headers at least are given, that it sends too much (ECN, RFC 3168);
/// false where its transport does not listen to that.
pub fn mark_congestion(frame: &mut [u8]) -> bool {
    let Some(network) = network_offset(frame) else {
        return false;
    };
    let packet = &mut frame[network..];
    match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.len() >= 20 && packet[1] & ECN != 0 && usize::from(packet[0] & 0x0f) * 4 <= packet.len() => {
            packet[1] |= ECN;
            write_ipv4_header_sum(packet, 0);
            true
        }
        Some(6) if packet.len() >= 40 && packet[1] & ECN << 4 != 0 => {
            packet[1] |= ECN << 4;
            true
        }
        _ => false,
    }
}

fn flow_hash(packet: &[u8]) -> Option<u64> {
    let (addresses, protocol, transport) = match packet.first()? >> 4 {
        4 if packet.len() >= 20 => {
            let header_bytes = usize::from(packet[0] & 0x0f) * 4;
            let is_fragment = be16(packet, 6) & 0x3fff != 0;
            (&packet[12..20], packet[9], (!is_fragment).then_some(header_bytes))
        }
        6 if packet.len() >= 40 => (&packet[8..40], packet[6], Some(40)),
        _ => return None,
    };
    let hash = mix(u64::from(protocol), addresses);
    let ports = transport.filter(|_| protocol == TCP || protocol == UDP).and_then(|at| packet.get(at..at + 4));
    Some(ports.map_or(hash, |ports| mix(hash, ports)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{fold, word_sum};

    fn udp(port: u8, tos: u8, fragment: u8) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, tos, 0, 28, 0, 0, fragment, 0, 64, UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([9, 9, 9, port, 0, 8, 0, 0]);
        frame
    }

    fn flow(frame: &[u8]) -> Flow {
        flow_of(frame, frame.len())
    }

    #[test]
    fn a_super_frame_is_judged_as_a_whole() {
        let head = udp(1, 0, 0);
        assert_eq!((flow(&head).band, flow_of(&head, 5000).band), (BAND_REAL_TIME, BAND_BULK));
        assert_eq!(flow(&head).hash, flow_of(&head, 5000).hash);
    }

    #[test]
    fn ports_tell_flows_apart_and_fragments_stay_together() {
        assert_eq!(flow(&udp(1, 0, 0)), flow(&udp(1, 0, 0)));
        assert_ne!(flow(&udp(1, 0, 0)).hash, flow(&udp(2, 0, 0)).hash);
        assert_eq!(flow(&udp(1, 0, 0x20)).hash, flow(&udp(2, 0, 0x20)).hash);
    }

    #[test]
    fn cut_short_frames_have_a_flow() {
        let frame = udp(1, 2, 0);
        for length in 0..frame.len() {
            flow(&frame[..length]);
            mark_congestion(&mut frame[..length].to_vec());
        }
    }

    #[test]
    fn only_those_that_listen_are_marked() {
        for (tos, marked) in [(0xb8, None), (0xb9, Some(0xbb)), (2, Some(3)), (3, Some(3))] {
            let mut frame = udp(1, tos, 0);
            assert_eq!(mark_congestion(&mut frame), marked.is_some());
            assert_eq!(frame[15], marked.unwrap_or(tos));
            assert!(marked.is_none() || fold(word_sum(&frame[14..34])) == 0xffff);
            let mut frame = [&[2; 12][..], &[0x86, 0xdd, 0x60, tos << 4], &[0; 38]].concat();
            assert_eq!(mark_congestion(&mut frame), marked.is_some());
            assert_eq!(frame[15], marked.unwrap_or(tos) << 4);
        }
    }
}
