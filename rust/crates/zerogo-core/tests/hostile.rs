//! What strangers, peers and a broken kernel may hand a plane: counted, never a panic, never a frame altered.

mod harness;

use harness::{ALL, Dice, carry, pair};
use zerogo_core::aead::Suite;
use zerogo_core::counter::Counter;
use zerogo_core::session::{Session, SessionParts};
use zerogo_core::vnet::{VNET_BYTES, Vnet};
use zerogo_core::wire::SEAL_BYTES;

/// The one datagram that confirmed the session.
const CONFIRMING: u64 = 1;

/// A plain IPv4 UDP frame from node 1 to node 2 with its virtio header.
fn datagram_frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0; VNET_BYTES];
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 2, 2, 0, 0, 0, 0]);
    frame.resize(VNET_BYTES + 42 + length, 7);
    frame
}

/// A session with which the first node can say to the second what no plane would.
fn liar() -> Session {
    let parts = SessionParts {
        local_index: 1,
        remote_index: 2,
        send_key: [1; 32].into(),
        receive_key: [2; 32].into(),
        suite: Suite::AesGcm,
        is_initiator: true,
    };
    let session = Session::new(&parts, std::sync::Arc::new(zerogo_core::peer::PeerShared::new(1, [1; 10])), 0);
    for _ in 0..100 {
        // The true session has used the first counters.
        session.seal(&mut [0; 36]);
    }
    session
}

fn seal(session: &Session, plaintext: &[u8]) -> Vec<u8> {
    let mut slot = vec![0; plaintext.len() + SEAL_BYTES];
    slot[16..16 + plaintext.len()].copy_from_slice(plaintext);
    assert!(session.seal(&mut slot));
    slot
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let mut nodes = pair([ALL, ALL], Suite::ChaChaPoly, 1472);
    let source = nodes[0].address;
    let (train, segment) = nodes[0].emit(&datagram_frame(60), 1).remove(0);
    for bit in 0..train.len() * 8 {
        let mut bad = train.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        nodes[1].receive(&bad, segment, source, 1);
    }
    for length in 0..train.len() {
        nodes[1].receive(&train[..length], segment, source, 1);
    }
    assert!(nodes[1].tap.take().is_empty());
    nodes[1].receive(&train, segment, source, 1);
    assert_eq!(nodes[1].tap.take().len(), 1);
    nodes[1].receive(&train, segment, source, 1);
    assert!(nodes[1].tap.take().is_empty());
    // One flipped bit made its counter that of the datagram before.
    assert_eq!(nodes[1].count(Counter::DroppedReplay), 2);
}

#[test]
fn garbage_in_trains_of_any_size_is_counted() {
    let mut dice = Dice(77);
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let source = nodes[0].address;
    for _ in 0..3000 {
        let mut train: Vec<u8> = (0..1 + dice.roll(3000)).map(|_| dice.roll(256) as u8).collect();
        let segment = 1 + dice.roll(1600);
        for start in (0..train.len()).step_by(segment) {
            train[start] = [0x93, 0x90, 0x91, 0, 0x40, 0xff][dice.roll(6)];
            if let Some(index) = train.get_mut(start + 4..start + 8).filter(|_| dice.roll(2) == 0) {
                index.copy_from_slice(&[0, 0, 0, 2]);
            }
        }
        nodes[1].receive(&train, segment, source, 1);
    }
    assert!(nodes[1].tap.take().is_empty());
    assert!(nodes[1].count(Counter::DroppedUnauthentic) > 100);
    let counters = nodes[1].shared.counters();
    let upcalls = nodes[1].upcalls().len() as u64;
    assert_eq!(counters[Counter::UdpDatagramsIn as usize], nodes[1].dropped() + upcalls + CONFIRMING);
}

#[test]
fn authentic_lies_do_not_harm() {
    let mut dice = Dice(4711);
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let source = nodes[0].address;
    let liar = liar();
    let good = datagram_frame(400)[VNET_BYTES + 14..].to_vec();
    for _ in 0..20_000 {
        // Runs with headers that are changed here and there, and inner headers of every kind.
        let mut train = Vec::new();
        let segment = 36 + good.len();
        for position in 0..1 + dice.roll(5) {
            let mut plaintext = vec![2 | 0x10, 2, 9, position as u8];
            plaintext.extend(&good);
            for _ in 0..dice.roll(4) {
                let at = dice.roll(60.min(plaintext.len()));
                plaintext[at] = dice.roll(256) as u8;
            }
            train.extend(seal(&liar, &plaintext));
        }
        if dice.roll(3) == 0 {
            train.truncate(train.len() - dice.roll(segment));
        }
        nodes[1].receive(&train, segment, source, 1);
        for written in nodes[1].tap.take() {
            let vnet = Vnet::parse(&written);
            assert!(written.len() >= VNET_BYTES + 14);
            assert_eq!(written[VNET_BYTES + 6..VNET_BYTES + 12], [2, 0, 0, 0, 0, 1], "only the peer's own address");
            let end = usize::from(vnet.checksum_start) + usize::from(vnet.checksum_offset) + 2;
            assert!(vnet.flags == 0 || end <= written.len() - VNET_BYTES);
            assert!(usize::from(vnet.header_bytes) <= written.len() - VNET_BYTES);
        }
    }
    assert_eq!(nodes[1].count(Counter::DroppedReplay), 0);
}

#[test]
fn short_plaintexts_of_every_kind_are_survived() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let source = nodes[0].address;
    let liar = liar();
    for first in 0..=255u8 {
        for length in 0..64 {
            for filling in [0x45u8, 0x60, 0] {
                let mut plaintext = vec![first, 2, 0, 0];
                plaintext.resize(4 + length, filling);
                let datagram = seal(&liar, &plaintext);
                nodes[1].receive(&datagram, datagram.len(), source, 1);
                nodes[1].upcalls();
            }
        }
    }
    for written in nodes[1].tap.take() {
        assert_eq!(written[VNET_BYTES + 6..VNET_BYTES + 12], [2, 0, 0, 0, 0, 1]);
    }
}

#[test]
fn virtio_headers_of_any_content_are_survived() {
    let mut dice = Dice(99);
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let mut sizes = vec![0, 1, 20, 60, 600, 1400, 9000, 60_000];
    for round in 0..20_000 {
        if round % 1000 == 0 {
            sizes.push(dice.roll(65_000));
        }
        let mut frame = datagram_frame(sizes[dice.roll(sizes.len())]);
        for byte in &mut frame[..VNET_BYTES] {
            *byte = [0, 1, 2, 4, 5, 0x80, 0xff, 34, 14, 16][dice.roll(10)];
        }
        if dice.roll(2) == 0 {
            let at = VNET_BYTES + 12 + dice.roll(30);
            frame[at] = [0, 6, 17, 0x60, 0x4f, 0xff][dice.roll(6)];
        }
        carry(&mut nodes, &frame);
    }
    assert!(nodes[0].count(Counter::TapSuperFramesIn) > 0);
    assert!(nodes[0].count(Counter::DroppedMalformed) > 0);
}

/// What a TAP hands over is as long as a read can be: an Ethernet header and 65,535 bytes.
const LONGEST: usize = 14 + 65_535;
/// A build for debugging is too slow for all of them.
const STEP: usize = if cfg!(debug_assertions) { 61 } else { 1 };

#[test]
fn frames_of_every_size_arrive_as_they_were_or_are_counted() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let whole: Vec<u8> = (0..=LONGEST).map(|at| (at * 7 + at / 251) as u8).collect();
    let packet = datagram_frame(0);
    let mut delivered = 0;
    for size in (0..=LONGEST).step_by(STEP) {
        let mut frame = vec![0; VNET_BYTES];
        frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
        // A type of nobody, and an IPv4 packet of UDP.
        frame.extend(if size % 2 == 0 { &[0x88, 0xb5][..] } else { &packet[VNET_BYTES + 12..] });
        let start = frame.len().min(VNET_BYTES + size);
        frame.truncate(start);
        frame.extend_from_slice(&whole[..VNET_BYTES + size - start]);
        let before = nodes[0].dropped() + nodes[1].dropped();
        let written = carry(&mut nodes, &frame);
        let dropped = nodes[0].dropped() + nodes[1].dropped() - before;
        assert_eq!((written.len() as u64 + dropped, size), (1, size));
        if let Some(written) = written.first() {
            assert!(written[VNET_BYTES..] == frame[VNET_BYTES..], "{size} bytes");
            delivered += 1;
        }
    }
    assert!(delivered > LONGEST / STEP - 64, "{delivered}");
    for size in 0..VNET_BYTES {
        assert!(carry(&mut nodes, &vec![0; size]).is_empty());
    }
}
