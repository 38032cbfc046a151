//! What kernels, networks and memory do at their worst: refusals, losses, copies, disorder, floods. Nothing is delivered
//! twice or altered, and what does not arrive is counted somewhere.

mod harness;

use std::collections::{HashMap, HashSet};
use std::io::IoSlice;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use harness::{ALL, Dice, pair};
use zerogo_core::aead::Suite;
use zerogo_core::counter::Counter;
use zerogo_core::egress::Egress;
use zerogo_core::endpoint::{Endpoint, Place};
use zerogo_core::ingress::{HEADROOM, Ingress};
use zerogo_core::outbox::{DatagramSink, Train};
use zerogo_core::packet::{UDP, put16};
use zerogo_core::peer::Plan;
use zerogo_core::shared::{Shared, TapSink};
use zerogo_core::source::Claims;
use zerogo_core::time::{MILLISECOND, Nanos, SECOND};
use zerogo_core::upcall::Upcall;
use zerogo_core::verbs::Verb;
use zerogo_core::vnet::VNET_BYTES;

const EIO: i32 = 5;
const EINVAL: i32 = 22;
const EMSGSIZE: i32 = 90;
const ENETUNREACH: i32 = 101;
const ENOBUFS: i32 = 105;

/// A frame of so many bytes from the first node to the second, UDP over IPv4 where it is long enough; `mark` is in it.
fn datagram(size: usize, mark: u32) -> Vec<u8> {
    let mut frame = vec![0; VNET_BYTES];
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0]);
    frame.extend(mark.to_be_bytes());
    frame.extend((frame.len()..VNET_BYTES + size.max(46)).map(|at| (at as u32 ^ mark) as u8));
    let (length, message) = (frame.len() - VNET_BYTES - 14, frame.len() - VNET_BYTES - 34);
    put16(&mut frame, VNET_BYTES + 16, length as u16);
    put16(&mut frame, VNET_BYTES + 38, message as u16);
    frame.truncate(VNET_BYTES + size);
    frame
}

fn mark_of(written: &[u8]) -> u32 {
    u32::from_be_bytes(written[VNET_BYTES + 42..VNET_BYTES + 46].try_into().expect("4 bytes"))
}

/// A TAP that refuses with an errno of our choice, super-frames only or all.
#[derive(Default)]
struct Moody {
    errno: AtomicI32,
    spares_small: AtomicI32,
    written: Mutex<Vec<Vec<u8>>>,
}

impl TapSink for Moody {
    fn write(&self, pieces: &[IoSlice<'_>]) -> Result<(), i32> {
        let errno = self.errno.load(Ordering::Relaxed);
        if errno != 0 && (pieces.len() > 1 || self.spares_small.load(Ordering::Relaxed) == 0) {
            return Err(errno);
        }
        self.written.lock().expect("no panic").push(pieces.iter().flat_map(|piece| piece.to_vec()).collect());
        Ok(())
    }
}

/// A sink that refuses with an errno.
struct Refusing(Arc<AtomicI32>);

impl DatagramSink for Refusing {
    fn send(&mut self, _: &[u8], trains: &[Train], _: Nanos, failed: &mut dyn FnMut(&Train, i32)) {
        let errno = self.0.load(Ordering::Relaxed);
        if errno != 0 {
            trains.iter().for_each(|train| failed(train, errno));
        }
    }
}

fn super_frame(mark: u32) -> Vec<u8> {
    let mut frame = datagram(14 + 28 + 20 * 1000, mark);
    let vnet = zerogo_core::vnet::Vnet {
        flags: 1,
        gso_type: 5,
        header_bytes: 42,
        gso_size: 1000,
        checksum_start: 34,
        checksum_offset: 6,
    };
    frame[..VNET_BYTES].copy_from_slice(&vnet.emit());
    frame
}

#[test]
fn what_the_tap_refuses_is_split_or_counted() {
    for (errno, is_split) in [(EINVAL, true), (EMSGSIZE, true), (EIO, false), (ENOBUFS, false)] {
        let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
        let moody = Arc::new(Moody::default());
        let posted = harness::Posted::default();
        let shared: Arc<Shared> = nodes[1].shared.clone();
        let mut ingress = Ingress::new(shared, moody.clone(), posted, harness::Wire::default());
        moody.errno.store(errno, Ordering::Relaxed);
        moody.spares_small.store(1, Ordering::Relaxed);
        let source = Place::direct(nodes[0].address);
        for (train, segment) in nodes[0].emit(&super_frame(7), 1) {
            let mut data = vec![0; HEADROOM];
            data.extend_from_slice(&train);
            ingress.receive(&mut data, segment, source, 1);
        }
        let written = moody.written.lock().expect("no panic").len();
        assert_eq!(written, if is_split { 20 } else { 0 }, "errno {errno}");
        assert_eq!(nodes[1].count(Counter::FallbackTapGsoWrite), u64::from(is_split));
        assert_eq!(nodes[1].count(Counter::DroppedTapWrite), if is_split { 0 } else { 20 });
        moody.spares_small.store(0, Ordering::Relaxed);
        let before = nodes[1].count(Counter::DroppedTapWrite);
        for (train, segment) in nodes[0].emit(&datagram(100, 1), 1) {
            let mut data = vec![0; HEADROOM];
            data.extend_from_slice(&train);
            ingress.receive(&mut data, segment, source, 1);
        }
        assert_eq!(nodes[1].count(Counter::DroppedTapWrite), before + 1);
    }
}

#[test]
fn a_refusing_network_is_told_once_a_second() {
    let nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let errno = Arc::new(AtomicI32::new(0));
    let shared = nodes[0].shared.clone();
    let mut egress = Egress::new(shared.clone(), Arc::new(Moody::default()), Refusing(errno.clone()));
    let session = |near: u32| zerogo_core::session::SessionParts {
        local_index: near,
        remote_index: 9,
        send_key: [1; 32].into(),
        receive_key: [2; 32].into(),
        suite: Suite::AesGcm,
        is_initiator: true,
    };
    egress.out.obey(Verb::SetPeer(5, [5; 10], [2, 0, 0, 0, 0, 2], Claims::default()), 0);
    egress.out.obey(Verb::SetPath(5, Some(Box::new(Plan::by(Endpoint::direct(nodes[1].address), 1472)))), 0);
    egress.out.obey(Verb::AddSession(5, session(77)), 0);
    egress.flush(0);
    nodes[0].upcalls();
    for number in [ENOBUFS, EMSGSIZE, ENETUNREACH, EIO] {
        errno.store(number, Ordering::Relaxed);
        for second in 0..3u64 {
            let now = SECOND * (10 * number as u64 + 2 * second);
            for at in 0..50 {
                let frame = if at % 2 == 0 { datagram(200, at) } else { super_frame(at) };
                egress.take(|vectors| harness::fill(vectors, &frame), now).expect("a read that cannot fail");
                while egress.send_next(now) > 0 {}
                egress.flush(now);
            }
        }
        let refused = nodes[0].upcalls().into_iter().filter(|upcall| *upcall == Upcall::PathRefused(5, number));
        // The session is 180 seconds old before the last of them; then nothing is sent at all.
        let expected = if 10 * number as u64 + 4 < 180 { 3 } else { 0 };
        assert_eq!(refused.count(), expected, "errno {number}");
    }
}

#[test]
fn loss_copies_and_disorder_deliver_nothing_twice_or_altered() {
    for seed in 1..6 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut nodes = pair([ALL, ALL], Suite::ChaChaPoly, 1472);
        let source = nodes[0].address;
        let (mut frames, mut under_way) = (HashMap::new(), Vec::new());
        let (mut arrived, mut lost, mut copies) = (HashSet::new(), 0, 0);
        for mark in 0..3000u32 {
            let frame = datagram(60 + dice.roll(1300), mark);
            for (train, segment) in nodes[0].emit(&frame, 1) {
                assert_eq!(segment, train.len(), "one frame, one datagram");
                match dice.roll(10) {
                    0 => lost += 1,
                    1 => {
                        copies += 1;
                        under_way.extend([train.clone(), train]);
                    }
                    _ => under_way.push(train),
                }
            }
            frames.insert(mark, frame);
            while under_way.len() > 50 || (mark == 2999 && !under_way.is_empty()) {
                let train = under_way.swap_remove(dice.roll(under_way.len()));
                nodes[1].receive(&train, train.len(), source, 1);
            }
            for written in nodes[1].tap.take() {
                let mark = mark_of(&written);
                assert!(arrived.insert(mark), "{mark} came twice");
                assert_eq!(written[VNET_BYTES..], frames[&mark][VNET_BYTES..], "{mark}");
            }
        }
        assert_eq!(arrived.len() + lost, 3000);
        assert_eq!(nodes[1].dropped(), copies);
        assert_eq!(nodes[1].count(Counter::DroppedReplay), copies);
    }
}

#[test]
fn a_flood_from_the_tap_is_bounded_and_counted() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    let mut sent = 0;
    for at in 0..5000u32 {
        let frame = match at % 3 {
            0 => super_frame(at),
            1 => datagram(3000, at),
            _ => datagram(300, at),
        };
        let now = u64::from(at) * MILLISECOND / 100;
        nodes[0].egress.take(|vectors| harness::fill(vectors, &frame), now).expect("a read that cannot fail");
        sent += 1;
    }
    let shed = nodes[0].count(Counter::DroppedQueue);
    let mut left = 0;
    while nodes[0].egress.send_next(50 * MILLISECOND) > 0 {
        left += 1;
    }
    assert_eq!(sent, left + shed, "nothing waited long enough to be dropped for that");
    assert!((32..=32 + 1024).contains(&left), "{left}");
    assert!(nodes[0].egress.is_idle());
}
