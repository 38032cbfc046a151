//! Merging a run of frames back into one super-frame for the local kernel.
//!
//! Nothing that the peer claims is believed: the run id only says what to look at. The frames must be what `cut` makes:
//! equal headers but for lengths, identification, checksums and the TCP sequence number, which must continue; no flag in
//! the middle that ends a segment; equal payloads, the last not longer. The virtio header is built from headers that were
//! read here. What does not fit is left to be written frame by frame; nothing is overwritten.

use std::ops::Range;

use crate::checksum::{fold, is_transport_sum_right, pseudo_sum, write_ipv4_header_sum};
use crate::packet::{ETHERNET_BYTES, TCP, Transport, UDP, be16, be32, network_offset, put16, transport_of};
use crate::vnet::{GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CHECKSUM, VNET_BYTES, Vnet};

/// A super-frame of smaller TCP segments would make the kernel work more than its bytes are worth.
pub const TCP_PAYLOAD_MINIMUM: usize = 256;
/// UDP_MAX_SEGMENTS of kernels before 6.9.
pub const UDP_SEGMENTS_LIMIT: usize = 64;
const PACKET_LIMIT: usize = 65535;
/// VXLAN and Geneve drop merged datagrams on kernels before 6.8.5.
const TUNNEL_PORTS: [u16; 3] = [4789, 6081, 8472];
const HEAD_LIMIT: usize = VNET_BYTES + ETHERNET_BYTES + 8 + 60 + 60;
const DONT_FRAGMENT: u8 = 0x40;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// What goes before the payloads of a merged run.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; HEAD_LIMIT],
    length: usize,
    /// Bytes of each frame that are headers, and not to be written again.
    pub header_bytes: usize,
}

impl Head {
    /// Virtio header and all headers of the merged frame.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether it is a super-frame of UDP, which kernels before Linux 6.2 do not know.
    pub fn is_udp(&self) -> bool {
        self.bytes[1] == GSO_UDP
    }
}

struct Run<'a> {
    data: &'a [u8],
    frames: &'a [Range<usize>],
    network: usize,
    transport: Transport,
}

/// Whether `next` may stand behind `first` in a super-frame of UDP; both are IP packets. A hint only: `merge` looks.
pub fn follows(first: &[u8], next: &[u8]) -> bool {
    let (protocol, addresses) = match first.first().map(|byte| byte >> 4) {
        Some(4) => (9, 12..24),
        Some(6) => (6, 8..44),
        _ => return false,
    };
    first.len() > addresses.end
        && next.len() > addresses.end
        && next.len() <= first.len()
        && first[0] == next[0]
        && first[protocol] == UDP
        && next[protocol] == UDP
        && first[addresses.clone()] == next[addresses]
}

/// The head of the super-frame that `frames`, places in `data` in the order of the run, make; `None` where they do not.
///
/// `ethernet` holds the addresses to put in front where the frames came without; `is_trusted` says that transport
/// checksums need no look (left partial, or verified, by the sender).
pub fn merge(data: &[u8], frames: &[Range<usize>], ethernet: Option<&[u8; 12]>, is_trusted: bool) -> Option<Head> {
    if frames.len() < 2 {
        return None;
    }
    let first = &data[frames[0].clone()];
    let network = if ethernet.is_some() { 0 } else { network_offset(first)? };
    let transport = transport_of(first, network)?;
    let run = Run { data, frames, network, transport };
    if !run.is_worth() || !run.is_uniform() {
        return None;
    }
    let flags = if transport.protocol == TCP { run.merged_flags()? } else { 0 };
    if !is_trusted && !run.sums_are_right() {
        return None;
    }
    run.head(flags, ethernet)
}

impl Run<'_> {
    fn frame(&self, index: usize) -> &[u8] {
        &self.data[self.frames[index].clone()]
    }

    fn payload_bytes(&self) -> usize {
        self.frames[0].len() - self.transport.headers_end
    }

    /// Bytes of all payloads; the frames were seen to be of equal length, but for the last.
    fn all_payload_bytes(&self) -> usize {
        let last = self.frames[self.frames.len() - 1].len() - self.transport.headers_end;
        self.payload_bytes() * (self.frames.len() - 1) + last
    }

    fn is_worth(&self) -> bool {
        let (full, rest) = (self.frames[0].len(), &self.frames[1..]);
        let (last, middle) = (rest[rest.len() - 1].len(), &rest[..rest.len() - 1]);
        let headers = self.transport.headers_end;
        if last <= headers || last > full || middle.iter().any(|frame| frame.len() != full) {
            return false;
        }
        if headers - self.network + self.all_payload_bytes() > PACKET_LIMIT {
            return false;
        }
        if self.transport.protocol == TCP {
            return self.payload_bytes() >= TCP_PAYLOAD_MINIMUM;
        }
        let port = be16(self.frame(0), self.transport.offset + 2);
        self.frames.len() <= UDP_SEGMENTS_LIMIT && !TUNNEL_PORTS.contains(&port)
    }

    /// Whether lengths are true, numbers run on without a gap, and all else in the headers is equal.
    fn is_uniform(&self) -> bool {
        let first = self.frame(0);
        let (network, transport) = (self.network, self.transport.offset);
        let is_ipv4 = first[network] >> 4 == 4;
        let is_tcp = self.transport.protocol == TCP;
        let step = self.payload_bytes();
        // A packet that must not be fragmented needs no number of its own (RFC 6864): UDP may have the same on all.
        let is_constant = !is_tcp
            && is_ipv4
            && first[network + 6] & DONT_FRAGMENT != 0
            && be16(self.frame(1), network + 4) == be16(first, network + 4);
        let numbered = !is_constant;
        for index in 0..self.frames.len() {
            let frame = self.frame(index);
            let same = |range: Range<usize>| frame[range.clone()] == first[range];
            let network_fits = if is_ipv4 {
                let identification = be16(first, network + 4);
                usize::from(be16(frame, network + 2)) == frame.len() - network
                    && be16(frame, network + 4) == identification.wrapping_add(if numbered { index as u16 } else { 0 })
                    && same(0..network + 2)
                    && same(network + 6..network + 10)
                    && same(network + 12..transport)
            } else {
                usize::from(be16(frame, network + 4)) == frame.len() - network - 40
                    && same(0..network + 4)
                    && same(network + 6..transport)
            };
            let transport_fits = if is_tcp {
                be32(frame, transport + 4) == be32(first, transport + 4).wrapping_add((index * step) as u32)
                    && same(transport..transport + 4)
                    && same(transport + 8..transport + 13)
                    && same(transport + 14..transport + 16)
                    && same(transport + 18..self.transport.headers_end)
            } else {
                usize::from(be16(frame, transport + 4)) == frame.len() - transport && same(transport..transport + 4)
            };
            if !network_fits || !transport_fits {
                return false;
            }
        }
        true
    }

    /// The TCP flags of the whole; `None` where those of the parts do not make one.
    fn merged_flags(&self) -> Option<u8> {
        let flags = |index: usize| self.frame(index)[self.transport.offset + 13];
        let (first, last) = (flags(0), flags(self.frames.len() - 1));
        let base = first & !CWR;
        let middle = (1..self.frames.len() - 1).all(|index| flags(index) == base);
        (base & !ECE == ACK && middle && last & !(PSH | FIN) == base).then_some(first | last)
    }

    fn sums_are_right(&self) -> bool {
        let Transport { offset, protocol, .. } = self.transport;
        (0..self.frames.len()).all(|index| is_transport_sum_right(self.frame(index), self.network, offset, protocol))
    }

    fn head(&self, flags: u8, ethernet: Option<&[u8; 12]>) -> Option<Head> {
        let lead = if ethernet.is_some() { ETHERNET_BYTES } else { 0 };
        let header_bytes = self.transport.headers_end;
        let length = VNET_BYTES + lead + header_bytes;
        let mut bytes = [0; HEAD_LIMIT];
        let view = bytes.get_mut(VNET_BYTES..length)?;
        view[lead..].copy_from_slice(&self.frame(0)[..header_bytes]);
        let (network, transport) = (lead + self.network, lead + self.transport.offset);
        let is_ipv4 = view[network] >> 4 == 4;
        if let Some(addresses) = ethernet {
            view[..12].copy_from_slice(addresses);
            put16(view, 12, if is_ipv4 { 0x0800 } else { 0x86dd });
        }
        let after_network = header_bytes - self.network + self.all_payload_bytes();
        let message = after_network - (transport - network);
        let (at, counted) = if is_ipv4 { (network + 2, 0) } else { (network + 4, 40) };
        put16(view, at, (after_network - counted) as u16);
        let gso_type = if self.transport.protocol == TCP {
            view[transport + 13] = flags;
            (if is_ipv4 { GSO_TCPV4 } else { GSO_TCPV6 }) | if flags & CWR != 0 { GSO_ECN } else { 0 }
        } else {
            put16(view, transport + 4, message as u16);
            GSO_UDP
        };
        let total = pseudo_sum(view, network, self.transport.protocol, message);
        put16(view, transport + self.transport.checksum_offset(), fold(total));
        if is_ipv4 {
            write_ipv4_header_sum(view, network);
        }
        let vnet = Vnet {
            flags: NEEDS_CHECKSUM,
            gso_type,
            header_bytes: (lead + header_bytes) as u16,
            gso_size: self.payload_bytes() as u16,
            checksum_start: transport as u16,
            checksum_offset: self.transport.checksum_offset() as u16,
        };
        bytes[..VNET_BYTES].copy_from_slice(&vnet.emit());
        Some(Head { bytes, length, header_bytes })
    }
}
