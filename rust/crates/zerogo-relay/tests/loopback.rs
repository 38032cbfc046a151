//! The forwarder between real sockets on loopback.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use zerogo_relay::{End, Forwarder, Raised, SocketKind};

const FOR_EVER: u64 = u64::MAX;

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (size, source) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..size].to_vec(), source)
}

fn fetch(forwarder: &Forwarder) -> Raised {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(raised) = forwarder.fetch(1).pop() {
            return raised;
        }
        assert!(Instant::now() < until, "nothing was raised");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_unknown_is_raised_and_then_flows_both_ways_until_its_socket_is_gone() {
    let forwarder = Forwarder::new().unwrap();
    let ((listener, at_listener), (relayed, at_relayed)) = (socket(), socket());
    let ((client, at_client), (peer, at_peer)) = (socket(), socket());
    forwarder.add_socket(1, OwnedFd::from(listener), SocketKind::Listener).unwrap();
    forwarder.add_socket(2, OwnedFd::from(relayed), SocketKind::Relayed).unwrap();

    client.send_to(b"\x40\x00\x00\x02hi", at_listener).unwrap();
    let raised = fetch(&forwarder);
    assert_eq!((raised.socket, raised.source, raised.data.as_slice()), (1, at_client, &b"\x40\x00\x00\x02hi"[..]));

    let ours = End { socket: 1, remote: at_client, channel: 0x4000 };
    let theirs = End { socket: 2, remote: at_peer, channel: 0 };
    forwarder.add_flow(ours, theirs, [0, 0], FOR_EVER);
    forwarder.add_flow(theirs, ours, [0, 0], FOR_EVER);
    client.send_to(b"\x40\x00\x00\x02hi\0\0", at_listener).unwrap();
    assert_eq!(receive(&peer), (b"hi".to_vec(), at_relayed));
    for size in [0, 1, 1200] {
        peer.send_to(&vec![7; size], at_relayed).unwrap();
        let (data, source) = receive(&client);
        assert_eq!(source, at_listener);
        assert_eq!(data[..4], [0x40, 0, (size >> 8) as u8, size as u8]);
        assert_eq!(data.len(), size + 4);
    }
    assert_eq!((forwarder.tally().to_peers, forwarder.tally().to_clients), (1, 3));

    forwarder.remove_socket(2);
    assert_eq!(forwarder.flows(), 0);
    client.send_to(b"\x40\x00\x00\x00", at_listener).unwrap();
    assert_eq!(fetch(&forwarder).data, b"\x40\x00\x00\x00");
}

#[test]
fn between_two_clients_the_channel_is_changed() {
    let forwarder = Forwarder::new().unwrap();
    let (listener, at_listener) = socket();
    let ((ann, at_ann), (bob, at_bob)) = (socket(), socket());
    forwarder.add_socket(1, OwnedFd::from(listener), SocketKind::Listener).unwrap();
    let from = End { socket: 1, remote: at_ann, channel: 0x4001 };
    let to = End { socket: 1, remote: at_bob, channel: 0x4fff };
    forwarder.add_flow(from, to, [0, 0], FOR_EVER);
    ann.send_to(b"\x40\x01\x00\x03abc", at_listener).unwrap();
    assert_eq!(receive(&bob).0, b"\x4f\xff\x00\x03abc");
}
