//! Frames through two whole planes without a kernel: what comes out is what went in, cut and merged as it may be.

mod harness;

use harness::{ALL, Dice, carry, ipv6, pair};
use zerogo_core::aead::Suite;
use zerogo_core::checksum::{complete_partial, is_transport_sum_right, write_ipv4_header_sum, write_pseudo_sum};
use zerogo_core::counter::Counter;
use zerogo_core::packet::{TCP, UDP, be16, be32, network_offset, put16, transport_of};
use zerogo_core::shared::Switches;
use zerogo_core::vnet::{GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CHECKSUM, VNET_BYTES, Vnet};

const NO_MERGE: Switches = Switches { tap_gso_write: false, ..ALL };
const NO_ELISION: Switches = Switches { checksum_elision: false, ..ALL };
const NEITHER: Switches = Switches { checksum_elision: false, tap_gso_write: false, ..ALL };
const FIN: u8 = 1;
const PSH: u8 = 8;
const ACK: u8 = 0x10;

struct Flow {
    protocol: u8,
    is_ipv4: bool,
    options: usize,
    flags: u8,
    sequence: u32,
    identification: u16,
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// A frame from node 1 to node 2 with its virtio header; a super-frame where `gso` says so.
fn frame(flow: &Flow, payload: &[u8], gso: u16) -> Vec<u8> {
    let transport_bytes = if flow.protocol == TCP { 20 + flow.options } else { 8 };
    let message = transport_bytes + payload.len();
    let mut frame = vec![0; VNET_BYTES];
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    if flow.is_ipv4 {
        frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, flow.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let length = (20 + message) as u16;
        put16(&mut frame, VNET_BYTES + 16, length);
        put16(&mut frame, VNET_BYTES + 18, flow.identification);
        write_ipv4_header_sum(&mut frame[VNET_BYTES..], 14);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, flow.protocol, 64]);
        frame.extend([1, 2].iter().flat_map(|node| ipv6(*node).octets()));
        put16(&mut frame, VNET_BYTES + 18, message as u16);
    }
    let transport = frame.len() - VNET_BYTES;
    frame.extend([0x12, 0x34, 0x56, 0x78]);
    if flow.protocol == TCP {
        frame.extend(flow.sequence.to_be_bytes());
        frame.extend([9, 9, 9, 9, (transport_bytes as u8 / 4) << 4, flow.flags, 1, 1, 0, 0, 0, 0]);
        frame.extend(vec![1; flow.options]);
    } else {
        frame.extend((message as u16).to_be_bytes());
        frame.extend([0, 0]);
    }
    frame.extend_from_slice(payload);
    let network = 14;
    write_pseudo_sum(&mut frame[VNET_BYTES..], network, transport, flow.protocol);
    let kind = match (flow.protocol, flow.is_ipv4) {
        (UDP, _) => GSO_UDP,
        (_, true) => GSO_TCPV4,
        (_, false) => GSO_TCPV6,
    };
    let vnet = Vnet {
        flags: NEEDS_CHECKSUM,
        gso_type: if gso > 0 { kind } else { 0 },
        header_bytes: (transport + transport_bytes) as u16,
        gso_size: gso,
        checksum_start: transport as u16,
        checksum_offset: if flow.protocol == TCP { 16 } else { 6 },
    };
    frame[..VNET_BYTES].copy_from_slice(&vnet.emit());
    frame
}

/// What the kernel would make of a frame that was written to the TAP: complete segments.
fn segments(written: &[u8]) -> Vec<Vec<u8>> {
    let vnet = Vnet::parse(written);
    let packet = &written[VNET_BYTES..];
    let Some(transport) = network_offset(packet).and_then(|network| transport_of(packet, network)) else {
        return vec![packet.to_vec()];
    };
    let headers = transport.headers_end;
    let size = if vnet.is_super() { usize::from(vnet.gso_size) } else { usize::MAX };
    let network = network_offset(packet).expect("IP");
    let is_ipv4 = packet[network] >> 4 == 4;
    let body = &packet[headers..];
    let chunks: Vec<&[u8]> = if body.is_empty() { vec![body] } else { body.chunks(size).collect() };
    let count = chunks.len();
    let cut = |(index, chunk): (usize, &&[u8])| {
        let mut segment = [&packet[..headers], chunk].concat();
        let (length, at) = if is_ipv4 { (segment.len() - network, 2) } else { (segment.len() - network - 40, 4) };
        put16(&mut segment, network + at, length as u16);
        if is_ipv4 {
            let identification = be16(packet, network + 4).wrapping_add(index as u16);
            put16(&mut segment, network + 4, identification);
            write_ipv4_header_sum(&mut segment, network);
        }
        if transport.protocol == TCP {
            let sequence = be32(packet, transport.offset + 4).wrapping_add((index * size.min(body.len())) as u32);
            segment[transport.offset + 4..transport.offset + 8].copy_from_slice(&sequence.to_be_bytes());
            if index + 1 < count {
                segment[transport.offset + 13] &= !(FIN | PSH);
            }
        } else {
            let length = (segment.len() - transport.offset) as u16;
            put16(&mut segment, transport.offset + 4, length);
        }
        if vnet.flags & NEEDS_CHECKSUM != 0 {
            if vnet.is_super() {
                write_pseudo_sum(&mut segment, network, transport.offset, transport.protocol);
            }
            complete_partial(&mut segment, transport.offset, transport.checksum_offset());
        }
        segment
    };
    chunks.iter().enumerate().map(cut).collect()
}

/// Put the segments of one flow together again; checks every header on the way.
fn reassemble(flow: &Flow, all: &[Vec<u8>], mtu: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, segment) in all.iter().enumerate() {
        let network = network_offset(segment).expect("IP");
        assert!(segment.len() - network <= mtu);
        let transport = transport_of(segment, network).expect("a transport header");
        assert!(is_transport_sum_right(segment, network, transport.offset, transport.protocol), "{index}");
        if flow.is_ipv4 {
            assert_eq!(usize::from(be16(segment, network + 2)), segment.len() - network);
            assert_eq!(be16(segment, network + 4), flow.identification.wrapping_add(index as u16));
        }
        if flow.protocol == TCP {
            assert_eq!(be32(segment, transport.offset + 4), flow.sequence.wrapping_add(body.len() as u32));
            let is_last = index + 1 == all.len();
            let expected = if is_last { flow.flags } else { flow.flags & !(FIN | PSH) };
            assert_eq!(segment[transport.offset + 13], expected);
        }
        body.extend_from_slice(&segment[transport.headers_end..]);
    }
    body
}

fn flow(protocol: u8, is_ipv4: bool) -> Flow {
    Flow { protocol, is_ipv4, options: 12, flags: ACK | PSH, sequence: u32::MAX - 9000, identification: 0xfff0 }
}

#[test]
fn tcp_super_frames_arrive_whole_on_every_path() {
    for switches in [[ALL, ALL], [ALL, NO_MERGE], [NO_ELISION, ALL], [ALL, NO_ELISION], [NEITHER, NEITHER]] {
        for (suite, mtu) in [(Suite::AesGcm, 1472), (Suite::ChaChaPoly, 1252), (Suite::AesGcm, 8972)] {
            let mut nodes = pair(switches, suite, mtu);
            for (is_ipv4, length) in [(true, 60_000), (false, 60_000), (true, 1449), (true, 20_000), (true, 65_000)] {
                let flow = flow(TCP, is_ipv4);
                let sent = payload(length);
                let written = carry(&mut nodes, &frame(&flow, &sent, 1448));
                let all: Vec<Vec<u8>> = written.iter().flat_map(|frame| segments(frame)).collect();
                assert_eq!(reassemble(&flow, &all, 1500), sent);
                let merges = switches[1].tap_gso_write;
                assert!(!merges || written.len() <= 2, "{} writes", written.len());
            }
            assert_eq!(nodes[0].dropped() + nodes[1].dropped(), 0);
        }
    }
}

#[test]
fn udp_super_frames_keep_their_borders() {
    for gso in [100u16, 1200, 1436, 3000] {
        for is_ipv4 in [true, false] {
            let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
            let sent = payload(usize::from(gso) * 20 + 7);
            let written = carry(&mut nodes, &frame(&flow(UDP, is_ipv4), &sent, gso));
            let all: Vec<Vec<u8>> = written.iter().flat_map(|frame| segments(frame)).collect();
            let header = if is_ipv4 { 42 } else { 62 };
            assert!(all[..20].iter().all(|segment| segment.len() == header + usize::from(gso)));
            assert_eq!(reassemble(&flow(UDP, is_ipv4), &all, 9000), sent);
        }
    }
}

#[test]
fn equal_datagrams_that_travel_together_are_written_at_once() {
    let mut nodes = pair([ALL, ALL], Suite::ChaChaPoly, 1472);
    let source = nodes[0].address;
    let mut trains = Vec::new();
    for _ in 0..10 {
        let lone = frame(&flow(UDP, true), &payload(200), 0);
        let read = |vectors: &mut [std::io::IoSliceMut<'_>]| {
            vectors[0][..lone.len()].copy_from_slice(&lone);
            Ok(lone.len())
        };
        nodes[0].egress.take(read, 1).expect("a read that cannot fail");
    }
    trains.extend(nodes[0].sent(1));
    assert_eq!(trains.len(), 1);
    nodes[1].receive(&trains[0].0, trains[0].1, source, 1);
    let written = nodes[1].tap.take();
    assert_eq!(written.len(), 1);
    let vnet = Vnet::parse(&written[0]);
    assert_eq!((vnet.gso_type, vnet.gso_size), (GSO_UDP, 200));
    assert_eq!(written[0].len(), VNET_BYTES + 42 + 2000);
}

#[test]
fn random_flows_arrive_whole() {
    let mut dice = Dice(0x5eed);
    for round in 0..400 {
        let switches = [[ALL, ALL], [NO_ELISION, ALL], [ALL, NO_MERGE]][dice.roll(3)];
        let mut nodes = pair(switches, Suite::AesGcm, 640 + dice.roll(2000));
        for _ in 0..4 {
            let flow = Flow {
                protocol: if dice.roll(3) == 0 { UDP } else { TCP },
                is_ipv4: dice.roll(2) == 0,
                options: 4 * dice.roll(11),
                flags: ACK | if dice.roll(2) == 0 { PSH } else { 0 } | if dice.roll(5) == 0 { FIN } else { 0 },
                sequence: dice.roll(1 << 32) as u32,
                identification: dice.roll(1 << 16) as u16,
            };
            let sent = payload(1 + dice.roll(60_000));
            let smallest = sent.len().div_ceil(100);
            let gso = (smallest + dice.roll(1460)).min(1460).max(smallest) as u16;
            let written = carry(&mut nodes, &frame(&flow, &sent, gso));
            let all: Vec<Vec<u8>> = written.iter().flat_map(|frame| segments(frame)).collect();
            assert_eq!(reassemble(&flow, &all, 1520), sent, "round {round}");
        }
        assert_eq!(nodes[0].dropped() + nodes[1].dropped(), 0, "round {round}");
    }
}

#[test]
fn frames_of_every_size_arrive_as_they_were() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let mut bytes = payload(65_549 + VNET_BYTES);
    bytes[..VNET_BYTES].fill(0);
    bytes[VNET_BYTES..VNET_BYTES + 12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    bytes[VNET_BYTES + 12..VNET_BYTES + 14].copy_from_slice(&[0x12, 0x34]);
    let sizes = (0..3100).chain((3100..=65_549).step_by(97)).chain([65_547, 65_548, 65_549]);
    for size in sizes {
        let frame = &bytes[..VNET_BYTES + size];
        let written = carry(&mut nodes, frame);
        if size < 14 {
            assert!(written.is_empty());
        } else {
            assert_eq!(written, [frame], "{size}");
        }
    }
    for size in 0..VNET_BYTES {
        assert!(carry(&mut nodes, &bytes[..size]).is_empty());
    }
    assert_eq!(nodes[0].count(Counter::DroppedMalformed), 14 + VNET_BYTES as u64);
}
