//! Channels, routes through members, copies and spread flows, between planes without a kernel.

mod harness;

use std::net::SocketAddr;

use harness::{ALL, Node, Sent};
use zerogo_core::aead::Suite;
use zerogo_core::counter::Counter;
use zerogo_core::endpoint::{Endpoint, Place, Route};
use zerogo_core::peer::{Path, Plan};
use zerogo_core::session::SessionParts;
use zerogo_core::source::Claims;
use zerogo_core::time::Nanos;
use zerogo_core::upcall::Upcall;
use zerogo_core::verbs::Verb;
use zerogo_core::vnet::{GSO_TCPV4, NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use zerogo_core::wire::{SEAL_BYTES, TYPE_FORWARD, TYPE_TRANSPORT, emit_channel, emit_route, sealed_at};

const MTU: usize = 1472;

fn index(near: usize, far: usize) -> u32 {
    (near * 10 + far) as u32
}

fn parts(near: usize, far: usize) -> SessionParts {
    let key = |from: usize, to: usize| [index(from, to) as u8; 32];
    SessionParts {
        local_index: index(near, far),
        remote_index: index(far, near),
        send_key: key(near, far).into(),
        receive_key: key(far, near).into(),
        suite: Suite::AesGcm,
        is_initiator: near < far,
    }
}

/// Nodes 1 to `count`, each the peer of that number to the others, all with sessions and direct paths.
struct Net(Vec<Node>);

impl Net {
    fn new(count: usize) -> Self {
        let nodes: Vec<Node> = (1..=count).map(|number| Node::new(number as u8, ALL, false)).collect();
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let mut net = Self(nodes);
        for near in 1..=count {
            for far in (1..=count).filter(|far| *far != near) {
                let (id, mac) = ([far as u8; 10], [2, 0, 0, 0, 0, far as u8]);
                let claims = Claims::of(&[[10, 0, 0, far as u8].into()]);
                net.node(near).obey(Verb::SetPeer(far as u64, id, mac, claims), 0);
                net.plan(near, far, Plan::by(Endpoint::direct(addresses[far - 1]), MTU));
            }
        }
        for far in (1..=count).rev() {
            for near in (1..=count).filter(|near| *near != far) {
                net.node(far).obey(Verb::AddSession(near as u64, parts(far, near)), 0);
            }
        }
        net.settle();
        net.0.iter().for_each(|node| drop(node.upcalls()));
        net
    }

    fn node(&mut self, number: usize) -> &mut Node {
        &mut self.0[number - 1]
    }

    fn plan(&mut self, near: usize, far: usize, plan: Plan) {
        self.node(near).obey(Verb::SetPath(far as u64, Some(Box::new(plan))), 1);
    }

    fn route(&mut self, near: usize, hops: &[usize]) {
        let ids: Vec<_> = hops.iter().map(|hop| [*hop as u8; 10]).collect();
        let endpoint = Endpoint::Route(Route::new(&ids).expect("a route"));
        self.plan(near, hops[hops.len() - 1], Plan::by(endpoint, MTU - 74));
    }

    /// All that is under way arrives, until nothing is.
    fn settle(&mut self) {
        loop {
            let sent: Vec<(usize, Sent)> = (1..=self.0.len())
                .flat_map(|number| {
                    let node = self.node(number);
                    let sent = node.sent_to(1).into_iter().chain(node.carried(1));
                    sent.map(|train| (number, train)).collect::<Vec<_>>()
                })
                .collect();
            if sent.is_empty() {
                return;
            }
            for (from, (to, train, segment)) in sent {
                let source = self.node(from).address;
                let SocketAddr::V4(remote) = to.remote else { panic!("{to:?}") };
                self.node(usize::from(remote.ip().octets()[3])).receive(&train, segment, source, 1);
            }
        }
    }

    fn emit(&mut self, near: usize, frame: &[u8]) -> Vec<Vec<u8>> {
        self.node(near).emit(frame, 1).into_iter().map(|(train, _)| train).collect()
    }
}

/// A frame from one node's own address to another's: TCP of so many bytes of payload, a super-frame where they are many.
fn frame(from: u8, to: u8, size: usize, tos: u8) -> Vec<u8> {
    let vnet = Vnet {
        flags: NEEDS_CHECKSUM,
        gso_type: if size > 1400 { GSO_TCPV4 } else { 0 },
        header_bytes: 54,
        gso_size: 1400,
        checksum_start: 34,
        checksum_offset: 16,
    };
    let mut frame = vnet.emit().to_vec();
    frame.extend([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0]);
    frame.extend([0x45, tos]);
    frame.extend((40 + size as u16).to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    frame.extend([0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 1, 0, 0, 0, 0]);
    frame.extend((0..size).map(|at| (at % 251) as u8));
    frame
}

fn payloads(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame[VNET_BYTES + 54..].iter().copied()).collect()
}

#[test]
fn super_frames_go_through_one_and_two_members() {
    for hops in [&[2usize, 4][..], &[2, 3, 4], &[3, 2, 4]] {
        let mut net = Net::new(4);
        net.route(1, hops);
        (1..=4).for_each(|number| net.node(number).obey(Verb::SetForwarding(1 << 30), 1));
        for size in [0, 1, 1000, 1401, 20_000, 60_000, 60_000] {
            let frame = frame(1, 4, size, 0);
            // What `emit` takes off the wire here goes back in by hand.
            let now = 1;
            let trains = net.node(1).emit(&frame, now);
            assert!(!trains.is_empty(), "{hops:?} {size}");
            let source = net.node(1).address;
            for (train, segment) in trains {
                net.node(hops[0]).receive(&train, segment, source, now);
            }
            net.settle();
            let written = net.node(4).tap.take();
            assert_eq!(payloads(&written), frame[VNET_BYTES + 54..], "{hops:?} {size}");
            assert!(size < 20_000 || written.len() <= 2, "{hops:?}: {} frames of {size}", written.len());
        }
        let carried: u64 = hops[..hops.len() - 1].iter().map(|hop| net.node(*hop).count(Counter::ForwardCarried)).sum();
        assert_eq!(carried, net.node(4).count(Counter::ForwardDelivered) * (hops.len() as u64 - 1));
        let back: Vec<[u8; 10]> = hops[..hops.len() - 1].iter().rev().chain(&[1]).map(|hop| [*hop as u8; 10]).collect();
        let back = Endpoint::Route(Route::new(&back).expect("a route"));
        assert_eq!(net.node(4).upcalls(), [Upcall::PeerRoamed(1, back)]);
        assert_eq!((1..=4).map(|number| net.node(number).dropped()).sum::<u64>(), 0);
        let row = net.node(hops[0]).shared.peers()[&1].forwarded_bytes.load(std::sync::atomic::Ordering::Relaxed);
        assert!(row > 140_000, "{row}");
    }
}

#[test]
fn nothing_is_carried_without_leave_or_beyond_the_rate() {
    let mut net = Net::new(3);
    net.route(1, &[2, 3]);
    net.node(1).emit(&frame(1, 3, 100, 0), 1).into_iter().for_each(|(train, segment)| {
        let source = SocketAddr::from(([192, 0, 2, 1], 9993));
        net.node(2).receive(&train, segment, source, 1);
    });
    assert!(net.node(2).carried(1).is_empty());
    assert_eq!(net.node(2).count(Counter::DroppedForwardRate), 1);
    net.node(2).obey(Verb::SetForwarding(10_000), 1);
    for _ in 0..100 {
        for (train, segment) in net.node(1).emit(&frame(1, 3, 1000, 0), 1) {
            net.node(2).receive(&train, segment, SocketAddr::from(([192, 0, 2, 1], 9993)), 1);
        }
    }
    assert_eq!(net.node(2).count(Counter::ForwardCarried), 60);
}

/// Node 1 is a member that seals what it wants for node 2.
fn forge(net: &mut Net, position: usize, nodes: &[u8], datagram: &[u8]) -> Vec<u8> {
    let ids: Vec<[u8; 10]> = nodes.iter().map(|node| [*node; 10]).collect();
    let (route, length) = emit_route(position, 2, &ids);
    let session = net.node(1).shared.session(index(1, 2)).expect("a session");
    let mut slot = [datagram, &datagram[..16], &route[..length], &[0; 16]].concat();
    assert!(session.seal_forward(&mut slot, sealed_at(datagram[0], datagram.len())));
    slot
}

#[test]
fn liars_are_not_believed() {
    let mut net = Net::new(4);
    net.node(2).obey(Verb::SetForwarding(1 << 30), 1);
    let inner = [TYPE_TRANSPORT; 60];
    let source = net.node(1).address;
    let nested = forge(&mut net, 1, &[1, 2, 3], &inner);
    assert_eq!(nested[0], TYPE_FORWARD);
    let cases: [(usize, &[u8], &[u8]); 9] = [
        (1, &[1, 3, 4], &inner),
        (2, &[3, 4, 2], &inner),
        (1, &[4, 2, 3], &inner),
        (2, &[1, 2, 3], &inner),
        (1, &[1, 2, 1], &inner),
        (1, &[1, 2, 3], &nested),
        (1, &[1, 2, 3], &[0x40; 60]),
        (1, &[1, 2, 3], &[0; 60]),
        (0, &[1, 2, 3], &inner),
    ];
    for (at, (position, nodes, datagram)) in cases.into_iter().enumerate() {
        let train = forge(&mut net, position, nodes, datagram);
        net.node(2).receive(&train, train.len(), source, 1);
        assert_eq!(net.node(2).count(Counter::DroppedForwardInvalid), at as u64 + 1, "case {at}");
    }
    let session = net.node(1).shared.session(index(1, 2)).expect("a session");
    let (route, length) = emit_route(1, 2, &[[1; 10], [2; 10], [3; 10]]);
    // Sealed from elsewhere than it should.
    for start in [43, 40, 16] {
        let mut slot = [&inner[..], &inner[..16], &route[..length], &[0; 16]].concat();
        assert!(session.seal_forward(&mut slot, start));
        net.node(2).receive(&slot, slot.len(), source, 1);
    }
    assert_eq!(net.node(2).count(Counter::DroppedForwardInvalid), 12);
    let long = forge(&mut net, 1, &[1, 2, 3], &[TYPE_TRANSPORT; 1500]);
    net.node(2).receive(&long, long.len(), source, 1);
    assert_eq!(net.node(2).count(Counter::DroppedForwardTooLong), 1);
    let far = forge(&mut net, 1, &[1, 2, 9], &inner);
    net.node(2).receive(&far, far.len(), source, 1);
    assert_eq!(net.node(2).count(Counter::DroppedForwardNoWay), 1);
    assert!(net.node(2).carried(1).is_empty());
}

#[test]
fn what_is_altered_on_the_first_leg_does_not_come_through() {
    let mut net = Net::new(3);
    net.node(2).obey(Verb::SetForwarding(1 << 30), 1);
    net.route(1, &[2, 3]);
    let source = net.node(1).address;
    // Of the header, of what is sealed for the carrier, and of what only the far end can tell.
    for at in [1, 2, 3, 4, 15, 16, 60, 100, 600] {
        let (train, segment) = net.node(1).emit(&frame(1, 3, 1000, 0), 1).remove(0);
        let mut altered = train.clone();
        let at = if at == 600 { train.len() - 1 } else { at };
        altered[at] ^= 1;
        net.node(2).receive(&altered, segment, source, 1);
        net.settle();
        assert!(net.node(3).tap.take().is_empty(), "{at}");
    }
    assert_eq!((net.node(2).dropped(), net.node(2).count(Counter::ForwardCarried)), (6, 3));
    assert_eq!((net.node(3).dropped(), net.node(3).count(Counter::DroppedUnauthentic)), (3, 3));
}

#[test]
fn trains_between_channels_are_carried_whole() {
    let mut net = Net::new(3);
    net.node(2).obey(Verb::SetForwarding(1 << 30), 1);
    let (first, last) = (net.node(2).address, net.node(3).address);
    let place = |remote| Endpoint::Place(Place { socket: 0, remote, channel: 0x4001 });
    net.plan(1, 2, Plan::by(place(first), MTU - 4));
    net.plan(2, 3, Plan::by(place(last), MTU - 4));
    let by = Endpoint::Route(Route::new(&[[2; 10], [3; 10]]).expect("a route"));
    net.plan(1, 3, Plan::by(by, MTU - 4 - 64));
    let source = net.node(1).address;
    for size in [100, 20_000, 60_000] {
        let frame = frame(1, 3, size, 0);
        for (train, segment) in net.node(1).emit(&frame, 1) {
            assert!(train.chunks(segment).all(|one| one[..2] == [0x40, 1] && one[4] == TYPE_FORWARD));
            net.node(2).receive(&train, segment, source, 1);
        }
        net.settle();
        assert_eq!(payloads(&net.node(3).tap.take()), frame[VNET_BYTES + 54..]);
    }
    assert_eq!((1..=3).map(|number| net.node(number).dropped()).sum::<u64>(), 0);
}

#[test]
fn a_train_for_several_is_sent_to_each() {
    let mut net = Net::new(4);
    net.node(2).obey(Verb::SetForwarding(1 << 30), 1);
    let source = net.node(1).address;
    let inner = [TYPE_TRANSPORT; 60];
    let mut train = Vec::new();
    for run in [3usize, 9, 1, 8] {
        for _ in 0..run {
            train.extend(forge(&mut net, 1, &[1, 2, if run % 2 == 1 { 3 } else { 4 }], &inner));
        }
    }
    // The last is shorter, and one in between is not for others at all.
    train.extend(forge(&mut net, 1, &[1, 2, 4], &inner[..50]));
    net.node(2).receive(&train, 124, source, 1);
    let sent: Vec<(SocketAddr, usize)> = net
        .node(2)
        .carried(1)
        .into_iter()
        .map(|(to, train, segment)| (to.remote, train.len().div_ceil(segment)))
        .collect();
    let (three, four) = (net.node(3).address, net.node(4).address);
    assert_eq!(sent, [(three, 13), (four, 9)]);
    assert_eq!(net.node(2).count(Counter::ForwardCarried), 22);
}

#[test]
fn channels_are_put_on_and_taken_off() {
    let mut net = Net::new(2);
    let relay = SocketAddr::from(([192, 0, 2, 2], 9993));
    let place = Place { socket: 0, remote: relay, channel: 0x4001 };
    net.plan(1, 2, Plan::by(Endpoint::Place(place), MTU - 4));
    let source = net.node(1).address;
    for size in [1, 1000, 60_000] {
        let frame = frame(1, 2, size, 0);
        for (train, segment) in net.node(1).emit(&frame, 1) {
            assert!(train.chunks(segment).all(|one| one[..2] == [0x40, 1] && one[4] == TYPE_TRANSPORT));
            assert!(segment <= MTU);
            net.node(2).receive(&train, segment, source, 1);
        }
        assert_eq!(payloads(&net.node(2).tap.take()), frame[VNET_BYTES + 54..]);
    }
    let from = Endpoint::Place(Place { socket: 0, remote: source, channel: 0x4001 });
    assert_eq!(net.node(2).upcalls(), [Upcall::PeerRoamed(1, from)]);
    let binding = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
    let padded = [&emit_channel(0x4abc, 20)[..], &binding, &[0; 3]].concat();
    net.node(2).receive(&padded, padded.len(), source, 1);
    let from = Endpoint::Place(Place { socket: 0, remote: source, channel: 0x4abc });
    assert_eq!(net.node(2).upcalls(), [Upcall::DatagramReceived(from, binding.clone())]);
    let signal = [0x94; 40];
    net.node(2).receive(&signal, signal.len(), source, 1);
    let by_channel = [&emit_channel(0x4abc, 40)[..], &signal].concat();
    net.node(2).receive(&by_channel, by_channel.len(), source, 1);
    assert_eq!(net.node(2).upcalls(), [Upcall::DatagramReceived(from, signal.to_vec())]);
    let nested = [&emit_channel(0x4001, 24)[..], &emit_channel(0x4001, 20), &binding].concat();
    for bad in [&nested[..], &padded[..23], &emit_channel(0x4001, 0), &[0x50; 40]] {
        let before = net.node(2).count(Counter::DroppedMalformed);
        net.node(2).receive(bad, bad.len(), source, 1);
        assert_eq!(net.node(2).count(Counter::DroppedMalformed), before + 1);
    }
}

#[test]
fn real_time_frames_go_twice_and_arrive_once() {
    let direct = |net: &mut Net| Path::new(Endpoint::direct(net.node(2).address), MTU);
    let by_three =
        |_: &mut Net| Path::new(Endpoint::Route(Route::new(&[[3; 10], [2; 10]]).expect("a route")), MTU - 64);
    both_copies_are_whole(direct, by_three);
    both_copies_are_whole(by_three, direct);
}

fn both_copies_are_whole(best: impl Fn(&mut Net) -> Path, twin: impl Fn(&mut Net) -> Path) {
    let mut net = Net::new(3);
    let (best, twin) = (best(&mut net), twin(&mut net));
    net.plan(1, 2, Plan { best, twin: Some(twin), spread: Vec::new(), late: Some(best), hop: None });
    let back = Path::new(Endpoint::Route(Route::new(&[[3; 10], [1; 10]]).expect("a route")), MTU - 64);
    let straight = Path::new(Endpoint::direct(net.node(1).address), MTU);
    net.plan(2, 1, Plan { twin: Some(back), ..Plan::by(straight.endpoint, straight.mtu) });
    net.node(3).obey(Verb::SetForwarding(1 << 30), 1);
    let expedited = 46 << 2;
    for (size, tos) in [(100, expedited), (100, 0), (20_000, expedited)] {
        let frame = frame(1, 2, size, tos);
        let source = net.node(1).address;
        let mut places = Vec::new();
        net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1).expect("a read that cannot fail");
        let mut sent = net.node(1).sent_to(1);
        let late_at = net.node(1).egress.late_at().unwrap_or(1);
        net.node(1).egress.send_late(late_at);
        sent.extend(net.node(1).flushed(1));
        for (to, train, segment) in sent {
            places.push(to.remote);
            let node = if to.remote == net.node(3).address { 3 } else { 2 };
            net.node(node).receive(&train, segment, source, 1);
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), if tos == 0 { 1 } else { 2 }, "{size} {tos}");
        net.settle();
        assert_eq!(payloads(&net.node(2).tap.take()), frame[VNET_BYTES + 54..]);
    }
    let twins = net.node(1).count(Counter::TwinsOut);
    assert!(twins > 10);
    assert_eq!(net.node(1).count(Counter::LateCopiesOut), twins);
    let received = net.node(2);
    assert_eq!(received.count(Counter::DroppedReplay), 2 * twins);
    for counter in [Counter::DroppedMalformed, Counter::DroppedUnauthentic, Counter::DroppedUnknownIndex] {
        assert_eq!(received.count(counter), 0);
    }
    assert!(net.node(2).upcalls().is_empty(), "the later copies move nothing");
}

#[test]
fn real_time_frames_go_once_more_later_and_make_up_for_what_was_lost() {
    let mut net = Net::new(3);
    let ids = [[3; 10], [2; 10]];
    let by_three = Path::new(Endpoint::Route(Route::new(&ids).expect("a route")), MTU - 64);
    let best = Path::new(Endpoint::direct(net.node(2).address), MTU);
    net.plan(1, 2, Plan { best, twin: None, spread: Vec::new(), late: Some(by_three), hop: None });
    net.node(3).obey(Verb::SetForwarding(1 << 30), 1);
    let expedited = 46 << 2;
    for (size, tos) in [(100, expedited), (100, 0), (20_000, expedited)] {
        let frame = frame(1, 2, size, tos);
        net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1).expect("a read that cannot fail");
        assert!(!net.node(1).sent_to(1).is_empty(), "this is lost");
        let late_at = net.node(1).egress.late_at();
        assert_eq!(late_at.is_some(), tos == expedited);
        let Some(late_at) = late_at else { continue };
        net.node(1).egress.send_late(late_at - 1);
        assert!(net.node(1).sent_to(late_at - 1).is_empty());
        net.node(1).egress.send_late(late_at);
        net.settle();
        assert_eq!(payloads(&net.node(2).tap.take()), frame[VNET_BYTES + 54..]);
        assert_eq!(net.node(1).egress.late_at(), None);
    }
    assert!(net.node(1).count(Counter::LateCopiesOut) > 10);
    assert_eq!(net.node(1).count(Counter::TwinsOut), 0);
    let frame = frame(1, 2, 100, expedited);
    net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1).expect("a read that cannot fail");
    net.settle();
    net.node(1).obey(Verb::RemovePeer(2), 1);
    let before = net.node(1).count(Counter::LateCopiesOut);
    net.node(1).egress.send_late(Nanos::MAX);
    assert_eq!(net.node(1).count(Counter::LateCopiesOut), before, "nobody is there to have it");
}

#[test]
fn who_prefers_a_route_for_itself_carries_for_others_straight() {
    let by = |ids: &[[u8; 10]]| Path::new(Endpoint::Route(Route::new(ids).expect("a route")), MTU - 64);
    for hop in [true, false] {
        let mut net = Net::new(3);
        let straight = Path::new(Endpoint::direct(net.node(2).address), MTU);
        let best = by(&[[1; 10], [2; 10]]);
        net.plan(3, 2, Plan { hop: hop.then_some(straight), ..Plan::by(best.endpoint, best.mtu) });
        let best = by(&[[3; 10], [2; 10]]);
        net.plan(1, 2, Plan::by(best.endpoint, best.mtu));
        net.node(3).obey(Verb::SetForwarding(1 << 30), 1);
        let frame = frame(1, 2, 100, 0);
        net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1).expect("a read that cannot fail");
        net.settle();
        assert_eq!(net.node(2).tap.take().is_empty(), !hop);
        assert_eq!(net.node(3).count(Counter::DroppedForwardNoWay), u64::from(!hop));
    }
}

#[test]
fn a_flow_keeps_to_one_of_the_ways() {
    let mut net = Net::new(3);
    let best = Path::new(Endpoint::direct(net.node(2).address), MTU);
    let other = SocketAddr::from(([192, 0, 2, 77], 9993));
    net.plan(
        1,
        2,
        Plan { best, twin: None, spread: vec![Path::new(Endpoint::direct(other), MTU)], late: None, hop: None },
    );
    let mut ways = [0, 0];
    for port in 0..64u8 {
        let mut frame = frame(1, 2, 10, 0);
        frame[VNET_BYTES + 35] = port;
        let first = net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1);
        first.expect("a read that cannot fail");
        net.node(1).egress.take(|vectors| harness::fill(vectors, &frame), 1).expect("a read that cannot fail");
        let sent = net.node(1).sent_to(1);
        assert_eq!(sent.len(), 1, "both of one flow went one way");
        ways[usize::from(sent[0].0.remote == other)] += 1;
    }
    assert!(ways.iter().all(|count| *count > 16), "{ways:?}");
}

#[test]
fn handshakes_go_by_route_and_nothing_else_does() {
    let mut net = Net::new(3);
    net.node(2).obey(Verb::SetForwarding(1 << 30), 1);
    let route = Endpoint::Route(Route::new(&[[2; 10], [3; 10]]).expect("a route"));
    net.node(1).obey(Verb::SendDatagram(route, vec![0x92; 64]), 1);
    net.node(1).obey(Verb::SendDatagram(route, vec![0; 80]), 1);
    net.node(1).obey(Verb::SendDatagram(route, vec![TYPE_TRANSPORT; 1500]), 1);
    net.settle();
    let back = Endpoint::Route(Route::new(&[[2; 10], [1; 10]]).expect("a route"));
    assert_eq!(net.node(3).upcalls(), [Upcall::DatagramReceived(back, vec![0x92; 64])]);
    assert_eq!(net.node(1).count(Counter::DroppedForwardInvalid), 1);
    assert_eq!(net.node(1).count(Counter::DroppedForwardTooLong), 1);
}

#[test]
fn initiations_without_the_right_mac1_end_at_the_door() {
    let mut net = Net::new(2);
    let source = net.node(1).address;
    for length in [1, 31, 32, 33, 164, 600] {
        let datagram = vec![0x90; length];
        net.node(2).receive(&datagram, length, source, 1);
    }
    assert_eq!(net.node(2).count(Counter::DroppedMac1), 6);
    assert!(net.node(2).upcalls().is_empty());
    assert!(net.emit(1, &frame(1, 2, 5, 0)).iter().all(|train| train.len() > SEAL_BYTES));
}
