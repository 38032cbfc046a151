//! What becomes of frames that waited too long to be sealed.

mod harness;

use harness::{ALL, Node, fill, pair};
use zerogo_core::aead::Suite;
use zerogo_core::counter::Counter;
use zerogo_core::packet::{TCP, be32};
use zerogo_core::time::{MILLISECOND, Nanos};
use zerogo_core::vnet::{GSO_TCPV4, NEEDS_CHECKSUM, VNET_BYTES, Vnet};

const SEGMENTS: usize = 20;
const SEGMENT: usize = 1396;

/// A super-frame of TCP from node 1 to node 2, the number of it in place of the sequence number.
fn super_frame(number: u32, tos: u8) -> Vec<u8> {
    let mut vnet = Vnet { flags: NEEDS_CHECKSUM, gso_type: GSO_TCPV4, gso_size: 1396, ..Vnet::default() };
    (vnet.checksum_start, vnet.checksum_offset) = (34, 16);
    let mut frame = vnet.emit().to_vec();
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, tos, 0, 0, 0, 0, 0x40, 0, 64, TCP, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 2, 2]);
    frame.extend((number << 16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
    frame.resize(VNET_BYTES + 54 + SEGMENTS * SEGMENT, 7);
    let length = (frame.len() - VNET_BYTES - 14) as u16;
    frame[VNET_BYTES + 16..VNET_BYTES + 18].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Give the first node frames at once and let it send one at each of these times; what reaches the second one's TAP.
fn queued(nodes: &mut [Node; 2], tos: u8, times: &[Nanos]) -> Vec<Vec<u8>> {
    for number in 0..=times.len() as u32 {
        let frame = super_frame(number, tos);
        nodes[0].egress.take(|vectors| fill(vectors, &frame), 0).expect("a frame");
    }
    let source = nodes[0].address;
    for now in times {
        nodes[0].egress.send_next(*now);
        for (_, train, segment) in nodes[0].flushed(*now) {
            nodes[1].receive(&train, segment, source, *now);
        }
    }
    nodes[1].tap.take()
}

const TIMES: [Nanos; 6] =
    [1, 6 * MILLISECOND, 50 * MILLISECOND, 107 * MILLISECOND, 110 * MILLISECOND, 120 * MILLISECOND];

#[test]
fn a_late_super_frame_loses_its_last_segment() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let written = queued(&mut nodes, 0, &TIMES);
    let segments: Vec<(u32, usize)> = written
        .iter()
        .map(|frame| (be32(frame, VNET_BYTES + 38) >> 16, (frame.len() - VNET_BYTES - 54) / SEGMENT))
        .collect();
    let expected: Vec<(u32, usize)> = (0..6).map(|at| (at, SEGMENTS - usize::from(at == 3))).collect();
    assert_eq!(segments, expected);
    let push: Vec<u8> = written.iter().map(|frame| frame[VNET_BYTES + 47] & 8).collect();
    assert_eq!(push, [8, 8, 8, 0, 8, 8], "the flag of the segment that is missing is not another's");
    assert_eq!(nodes[0].count(Counter::DroppedQueue), 1);
    assert_eq!(nodes[0].count(Counter::CongestionMarked), 0);
}

#[test]
fn one_whose_transport_listens_is_marked_and_keeps_all() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let written = queued(&mut nodes, 2, &TIMES);
    let marks: Vec<u8> = written.iter().map(|frame| frame[VNET_BYTES + 15]).collect();
    assert_eq!(marks, [2, 2, 2, 3, 2, 2]);
    assert!(written.iter().all(|frame| frame.len() == VNET_BYTES + 54 + SEGMENTS * SEGMENT));
    assert_eq!(nodes[0].count(Counter::DroppedQueue), 0);
    assert_eq!(nodes[0].count(Counter::CongestionMarked), 1);
}
