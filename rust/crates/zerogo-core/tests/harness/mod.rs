//! Two planes without a kernel: what one sends, the other receives; what they write to their TAPs is kept.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use zerogo_core::aead::Suite;
use zerogo_core::counter::{Counter, NAMES};
use zerogo_core::egress::Egress;
use zerogo_core::endpoint::{Endpoint, Place};
use zerogo_core::ingress::{Confirmations, HEADROOM, Ingress};
use zerogo_core::outbox::{DatagramSink, Train};
use zerogo_core::peer::Plan;
use zerogo_core::session::SessionParts;
use zerogo_core::shared::{Port, Shared, Switches, TapSink};
use zerogo_core::source::Claims;
use zerogo_core::time::Nanos;
use zerogo_core::upcall::{Bell, Upcall};
use zerogo_core::verbs::Verb;

pub const ALL: Switches = Switches {
    tap_tso: true,
    tap_uso: true,
    tap_gso_write: true,
    udp_gso: true,
    udp_gro: true,
    checksum_elision: true,
};

#[derive(Default)]
pub struct Frames(Mutex<Vec<Vec<u8>>>);

impl Frames {
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

impl TapSink for Frames {
    fn write(&self, pieces: &[IoSlice<'_>]) -> Result<(), i32> {
        let whole = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.0.lock().expect("no panic").push(whole);
        Ok(())
    }
}

struct Mute;

impl Bell for Mute {
    fn ring(&self) {}
    fn silence(&self) {}
}

/// A train under way: where to, its bytes, and those of each datagram but the last.
pub type Sent = (Place, Vec<u8>, usize);

#[derive(Default)]
pub struct Wire(Vec<Sent>);

impl DatagramSink for Wire {
    fn send(&mut self, buffer: &[u8], trains: &[Train], _: Nanos, _: &mut dyn FnMut(&Train, i32)) {
        for train in trains {
            assert_eq!(train.count, train.range.len().div_ceil(train.segment));
            self.0.push((train.to, buffer[train.range.clone()].to_vec(), train.segment));
        }
    }
}

#[derive(Clone, Default)]
pub struct Posted(Arc<Mutex<Vec<Verb>>>);

impl Confirmations for Posted {
    fn post(&self, verb: Verb) {
        self.0.lock().expect("no panic").push(verb);
    }

    fn post_if_room(&self, verb: Verb) {
        self.post(verb);
    }
}

pub struct Node {
    pub mac: [u8; 6],
    pub address: SocketAddr,
    pub tap: Arc<Frames>,
    pub shared: Arc<Shared>,
    pub egress: Egress<Wire>,
    pub ingress: Ingress<Posted, Wire>,
    posted: Posted,
}

impl Node {
    pub fn new(number: u8, switches: Switches, is_bridge: bool) -> Self {
        let mac = [2, 0, 0, 0, 0, number];
        let (node_id, mac1_key) = ([number; 10], [number; 32]);
        let port = Port { node_id, mac1_key, mac, addresses: vec![[10, 0, 0, number].into()], mtu: 1500, is_bridge };
        let shared = Arc::new(Shared::new(&port, switches, true, Box::new(Mute)));
        let tap = Arc::new(Frames::default());
        let posted = Posted::default();
        Self {
            mac,
            address: SocketAddr::from(([192, 0, 2, number], 9993)),
            tap: tap.clone(),
            shared: shared.clone(),
            egress: Egress::new(shared.clone(), tap.clone(), Wire::default()),
            ingress: Ingress::new(shared, tap, posted.clone(), Wire::default()),
            posted,
        }
    }

    /// A frame, with its virtio header, comes out of the TAP; the datagrams that it makes, as trains.
    pub fn emit(&mut self, frame: &[u8], now: Nanos) -> Vec<(Vec<u8>, usize)> {
        self.egress.take(|vectors| fill(vectors, frame), now).expect("a read that cannot fail");
        self.sent(now)
    }

    pub fn sent(&mut self, now: Nanos) -> Vec<(Vec<u8>, usize)> {
        self.sent_to(now).into_iter().map(|(_, train, segment)| (train, segment)).collect()
    }

    /// What was sent, and where to.
    pub fn sent_to(&mut self, now: Nanos) -> Vec<Sent> {
        while self.egress.send_next(now) > 0 {}
        self.flushed(now)
    }

    /// What was sealed so far, and where to.
    pub fn flushed(&mut self, now: Nanos) -> Vec<Sent> {
        self.egress.flush(now);
        std::mem::take(&mut self.egress.out.sink_mut().0)
    }

    /// What was sent for others, and where to.
    pub fn carried(&mut self, now: Nanos) -> Vec<Sent> {
        self.ingress.flush(now);
        std::mem::take(&mut self.ingress.sink_mut().0)
    }

    pub fn obey(&mut self, verb: Verb, now: Nanos) {
        self.egress.out.obey(verb, now);
    }

    pub fn receive(&mut self, train: &[u8], segment: usize, source: SocketAddr, now: Nanos) {
        let mut data = vec![0; HEADROOM];
        data.extend_from_slice(train);
        self.ingress.receive(&mut data, segment, Place::direct(source), now);
        let verbs: Vec<Verb> = self.posted.0.lock().expect("no panic").drain(..).collect();
        verbs.into_iter().for_each(|verb| self.obey(verb, now));
    }

    pub fn count(&self, counter: Counter) -> u64 {
        self.shared.counters()[counter as usize]
    }

    /// All that was counted as dropped.
    pub fn dropped(&self) -> u64 {
        let counters = self.shared.counters();
        NAMES.iter().zip(counters).filter(|(name, _)| name.starts_with("dropped")).map(|(_, count)| count).sum()
    }

    pub fn upcalls(&self) -> Vec<Upcall> {
        self.shared.upcalls.take(usize::MAX)
    }
}

/// What a kernel does with a frame that is read.
pub fn fill(vectors: &mut [IoSliceMut<'_>], frame: &[u8]) -> std::io::Result<usize> {
    let mut rest = frame;
    for vector in vectors {
        let size = rest.len().min(vector.len());
        vector[..size].copy_from_slice(&rest[..size]);
        rest = &rest[size..];
    }
    Ok(frame.len() - rest.len())
}

/// One end of a session with known keys.
pub fn parts(near: u32, is_initiator: bool, suite: Suite) -> SessionParts {
    SessionParts {
        local_index: near,
        remote_index: 3 - near,
        send_key: [near as u8; 32].into(),
        receive_key: [3 - near as u8; 32].into(),
        suite,
        is_initiator,
    }
}

/// A node's address in IPv6.
pub fn ipv6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into())
}

/// Two nodes, each peer 1 of the other, with a confirmed session.
pub fn pair(switches: [Switches; 2], suite: Suite, mtu: usize) -> [Node; 2] {
    let mut nodes = [Node::new(1, switches[0], false), Node::new(2, switches[1], false)];
    for at in 0..2 {
        let (mac, address) = (nodes[1 - at].mac, nodes[1 - at].address);
        let number = 2 - at as u8;
        let claims = Claims::of(&[[10, 0, 0, number].into(), ipv6(number).into()]);
        nodes[at].obey(Verb::SetPeer(1, [2 - at as u8; 10], mac, claims), 0);
        nodes[at].obey(Verb::SetPath(1, Some(Box::new(Plan::by(Endpoint::direct(address), mtu)))), 0);
    }
    nodes[1].obey(Verb::AddSession(1, parts(2, false, suite)), 0);
    nodes[0].obey(Verb::AddSession(1, parts(1, true, suite)), 0);
    let source = nodes[0].address;
    for (train, segment) in nodes[0].sent(0) {
        nodes[1].receive(&train, segment, source, 0);
    }
    assert_eq!(nodes[1].upcalls(), [Upcall::SessionConfirmed(1, 2)]);
    nodes
}

/// Carry a frame from the first node to the second; what that one writes to its TAP.
pub fn carry(nodes: &mut [Node; 2], frame: &[u8]) -> Vec<Vec<u8>> {
    let source = nodes[0].address;
    for (train, segment) in nodes[0].emit(frame, 1) {
        nodes[1].receive(&train, segment, source, 1);
    }
    nodes[1].tap.take()
}

/// A small generator of numbers; the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}
