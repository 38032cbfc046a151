//! What the fuzzer (`rust/fuzz`) hands bytes to; the corpus that it found is replayed by `tests/corpus.rs`.
//!
//! A body takes any bytes. It panics where what they cause breaks a promise; everything else it says is nothing.

#![allow(dead_code, reason = "each fuzz target uses one")]

use zerogo_core::aead::Suite;
use zerogo_core::door::Door;
use zerogo_core::flow::flow_of;
use zerogo_core::fragment::Reassembly;
use zerogo_core::gate::{Direction, Filter, Gate, Rule};
use zerogo_core::packet::{network_offset, transport_of, untagged_payload};
use zerogo_core::peer::PeerShared;
use zerogo_core::session::{Session, SessionParts};
use zerogo_core::subject::{Parties, Subject, subject_of};
use zerogo_core::verbs::Verb;
use zerogo_core::vnet::{VNET_BYTES, Vnet};
use zerogo_core::wire::{
    SEAL_BYTES, TYPE_FORWARD, classify_stranger, emit_channel, emit_forward_header, emit_fragment_head, emit_header,
    emit_route, parse_channel, parse_forward, parse_forward_header, parse_fragment, parse_header, pass_on, sealed_at,
};

use crate::harness::{ALL, carry, ipv6, pair};

/// A body of the fuzzer.
pub type Body = fn(&[u8]);

/// All bodies, by the name of their target.
pub const BODIES: [(&str, Body); 5] = [
    ("parsers", parsers),
    ("datagrams", datagrams),
    ("plaintexts", plaintexts),
    ("frames", frames),
    ("filters", filters),
];

/// Every parser of the wire: what it takes is what the emitter makes of the parts.
pub fn parsers(data: &[u8]) {
    if let Some((index, counter)) = parse_header(data) {
        let header = emit_header(index, counter);
        assert_eq!((header[4..8].to_vec(), header[8..].to_vec()), (data[4..8].to_vec(), data[8..16].to_vec()));
    }
    if let Some(found) = parse_fragment(data) {
        let head = emit_fragment_head(found.frame_id, found.position, found.is_last, found.kind_and_flags);
        assert_eq!([&head, found.piece].concat(), data);
    }
    if let Some((index, counter, start)) = parse_forward_header(data) {
        let header = emit_forward_header(index, counter, start);
        assert_eq!((header[0], &header[2..]), (data[0], &data[2..16]));
        assert!(start + 80 <= data.len(), "room for what is sealed");
    }
    for start in [16, data.len().saturating_sub(64), data.len().saturating_sub(74)] {
        forward(data, start);
    }
    if let Some((channel, length)) = parse_channel(data) {
        assert_eq!(emit_channel(channel, length), data[..4]);
    }
    classify_stranger(data, false);
    classify_stranger(data, true);
    assert!(!Door::new([1; 32]).admits(data), "a mac1 by chance");
    flow_of(data, data.len());
    if data.len() >= 14 {
        untagged_payload(data);
        if let Some(network) = network_offset(data) {
            transport_of(data, network);
        }
    }
    let mut pieces = Reassembly::default();
    for piece in data.chunks(usize::from(data.first().copied().unwrap_or(1)).max(1)) {
        let _ = pieces.add(piece, 0, 1);
    }
    pieces.expire(u64::MAX);
}

/// What was opened of a FORWARD.
fn forward(data: &[u8], start: usize) {
    let Some(found) = parse_forward(data, start) else { return };
    let (route, size) = emit_route(found.position, found.band, found.nodes);
    let rest = &data[..data.len() - size];
    assert_eq!((&route[..size - 2], route[size - 1]), (&data[rest.len()..data.len() - 2], data[data.len() - 1]));
    assert_eq!((&rest[found.size..], start), (&found.first[..], sealed_at(found.first[0], found.size)));
    if !found.is_for_us() {
        let mut next = data.to_vec();
        pass_on(&mut next);
        let next = parse_forward(&next, start).expect("the same with another position");
        assert_eq!((next.position, next.band, next.nodes), (found.position + 1, found.band, found.nodes));
    }
}

/// Datagrams of a stranger: nothing reaches the TAP. The first byte says how long those of a train are.
pub fn datagrams(data: &[u8]) {
    let Some((size, train)) = data.split_first().filter(|(_, train)| !train.is_empty()) else { return };
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let source = nodes[0].address;
    nodes[1].receive(train, usize::from(*size) * 8 + 1, source, 1);
    assert!(nodes[1].tap.take().is_empty());
}

/// What a member may seal: only frames of its own addresses reach the TAP, with a virtio header that fits them.
pub fn plaintexts(data: &[u8]) {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    nodes[1].obey(Verb::SetForwarding(1 << 30), 1);
    let source = nodes[0].address;
    let session = liar();
    let mut rest = data;
    let (mut train, mut longest) = (Vec::new(), 0);
    while let Some((size, more)) = rest.split_first() {
        let size = (usize::from(*size) * 6).min(more.len());
        let mut slot = vec![0; size + SEAL_BYTES];
        slot[16..16 + size].copy_from_slice(&more[..size]);
        // A FORWARD, sealed from where the next byte says.
        match more[..size].split_first_chunk() {
            Some(([TYPE_FORWARD, at], _)) => assert!(session.seal_forward(&mut slot, 16 + usize::from(*at).min(size))),
            _ => assert!(session.seal(&mut slot)),
        }
        if longest == 0 {
            longest = slot.len();
        }
        // All datagrams of a train but the last have one length.
        if slot.len() == longest {
            train.extend(slot);
        } else {
            nodes[1].receive(&slot, slot.len(), source, 1);
        }
        rest = &more[size..];
    }
    if longest > 0 {
        nodes[1].receive(&train, longest, source, 1);
    }
    for written in nodes[1].tap.take() {
        assert!(written.len() >= VNET_BYTES + 14);
        assert_eq!(written[VNET_BYTES + 6..VNET_BYTES + 12], [2, 0, 0, 0, 0, 1]);
        assert!(is_own(&written[VNET_BYTES..]), "the source of an IP packet");
        let (vnet, size) = (Vnet::parse(&written), written.len() - VNET_BYTES);
        let end = usize::from(vnet.checksum_start) + usize::from(vnet.checksum_offset) + 2;
        assert!(vnet.flags == 0 || end <= size);
        assert!(usize::from(vnet.header_bytes) <= size);
    }
}

/// Whether a frame of the first node comes from an address of its own, or from none that is anybody's. Tags of VLAN id
/// 0 are what kernels take off.
fn is_own(frame: &[u8]) -> bool {
    let mut at = 12;
    while let (Some([0x81, 0] | [0x88, 0xa8]), Some([high, low])) = (frame.get(at..at + 2), frame.get(at + 2..at + 4)) {
        if *low != 0 || high & 0x0f != 0 {
            return true;
        }
        at += 4;
    }
    match frame.get(at..at + 2) {
        Some([0x08, 0x00]) => matches!(frame.get(at + 14..at + 18), Some([10, 0, 0, 1] | [0, 0, 0, 0])),
        Some([0x86, 0xdd]) => frame.get(at + 10..at + 26).is_some_and(|source| {
            let is_link_local = source[0] == 0xfe && source[1] & 0xc0 == 0x80 && *source != OURS;
            is_link_local || source == ipv6(1).octets() || source == [0; 16]
        }),
        _ => true,
    }
}

/// The second node's link-local address.
const OURS: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2];

/// What a TAP may hand over, virtio header and frame: it arrives with the same addresses, or not at all.
pub fn frames(data: &[u8]) {
    let mut nodes = pair([ALL, ALL], Suite::ChaChaPoly, 1472);
    let mut frame = data.to_vec();
    if frame.len() >= VNET_BYTES + 14 {
        frame[VNET_BYTES..VNET_BYTES + 12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    }
    for written in carry(&mut nodes, &frame) {
        assert_eq!(written[VNET_BYTES..VNET_BYTES + 12], frame[VNET_BYTES..VNET_BYTES + 12]);
        assert!(written.len() <= frame.len(), "a frame does not grow on its way");
    }
}

/// What a frame is to a filter: never another thing when more of it is there, and what passes can be answered.
pub fn filters(data: &[u8]) {
    let subject = subject_of(data);
    for length in (0..data.len().min(200)).rev() {
        let seen = subject_of(&data[..length]);
        match seen {
            Subject::Malformed => break,
            Subject::Error(parties, _) => assert!(matches!(subject, Subject::Error(whole, _) if whole == parties)),
            _ => assert_eq!(seen, subject),
        }
    }
    let filter =
        |outbound: Option<Rule>| Some(Filter { outbound: outbound.into_iter().collect(), inbound: Vec::new() });
    let mut gate = Gate::default();
    gate.set_filter(1, filter(None));
    let is_free = subject == Subject::Free;
    assert_eq!(gate.lets_pass(1, Direction::Out, &subject, 1), is_free);
    assert_eq!(gate.lets_pass(1, Direction::In, &subject, 1), is_free);
    assert_eq!(gate.flows(), 0);
    let open = Rule { protocol: None, ports: None, destinations: Vec::new(), allows: true };
    gate.set_filter(1, filter(Some(open)));
    assert_eq!(gate.lets_pass(1, Direction::Out, &subject, 1), subject != Subject::Malformed);
    if let Subject::Flow(Parties { protocol, source, destination }) = subject {
        let answer = Subject::Flow(Parties { protocol, source: destination, destination: source });
        assert!(gate.lets_pass(1, Direction::In, &answer, 2));
        assert!(!gate.lets_pass(1, Direction::In, &answer, u64::MAX), "it was idle for too long");
    }
}

/// The first node's session, past the counter that it has used.
fn liar() -> Session {
    let (send_key, receive_key) = ([1; 32].into(), [2; 32].into());
    let suite = Suite::AesGcm;
    let parts = SessionParts { local_index: 1, remote_index: 2, send_key, receive_key, suite, is_initiator: true };
    let session = Session::new(&parts, std::sync::Arc::new(PeerShared::new(1, [1; 10])), 0);
    for _ in 0..100 {
        session.seal(&mut [0; 36]);
    }
    session
}
