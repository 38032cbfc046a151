//! Where a datagram goes, or came from: the twin of `zerogo.ids.Endpoint`.
//!
//! A *place* is what a socket can be told: an address, one of our sockets, perhaps a channel of a TURN relay there. A
//! *route* is a chain of members; what goes by it is wrapped in FORWARD and sealed for the first of them.

use std::net::SocketAddr;

use crate::wire::{FORWARD_NODES_LIMIT, FORWARD_NODES_MINIMUM, NODE_ID_BYTES};

/// The short name of a node.
pub type NodeId = [u8; NODE_ID_BYTES];

/// The number of the data socket of an address's family; side sockets count from 1.
pub const MAIN_SOCKET: u32 = 0;

/// What one of our sockets can be told to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// `MAIN_SOCKET`, or the number of a side socket.
    pub socket: u32,
    /// The other end, or the relay.
    pub remote: SocketAddr,
    /// The channel at the relay; 0 where `remote` is the other end itself.
    pub channel: u16,
}

impl Place {
    /// An address that is reached from the main socket of its family.
    pub fn direct(remote: SocketAddr) -> Self {
        Self { socket: MAIN_SOCKET, remote, channel: 0 }
    }
}

/// Members that carry a datagram, in order, the one it is for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    hops: [NodeId; FORWARD_NODES_LIMIT - 1],
    count: usize,
}

impl Route {
    /// One or two carriers and the member itself, all distinct; `None` for anything else.
    pub fn new(hops: &[NodeId]) -> Option<Self> {
        let is_distinct = hops.iter().enumerate().all(|(at, hop)| !hops[..at].contains(hop));
        if !(FORWARD_NODES_MINIMUM - 1..FORWARD_NODES_LIMIT).contains(&hops.len()) || !is_distinct {
            return None;
        }
        let mut route = Self { hops: Default::default(), count: hops.len() };
        route.hops[..hops.len()].copy_from_slice(hops);
        Some(route)
    }

    /// The carriers and the member.
    pub fn hops(&self) -> &[NodeId] {
        &self.hops[..self.count]
    }
}

/// Where a datagram goes, or came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// By one of our sockets.
    Place(Place),
    /// Through members.
    Route(Route),
}

impl Endpoint {
    /// An address that is reached from the main socket of its family.
    pub fn direct(remote: SocketAddr) -> Self {
        Self::Place(Place::direct(remote))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_one_or_two_carriers_and_no_loop() {
        let node = |number: u8| [number; NODE_ID_BYTES];
        assert!(Route::new(&[node(1)]).is_none());
        assert!(Route::new(&[node(1), node(1)]).is_none());
        assert!(Route::new(&[node(1), node(2), node(1)]).is_none());
        assert!(Route::new(&[node(1), node(2), node(3), node(4)]).is_none());
        for hops in [&[node(1), node(2)][..], &[node(1), node(2), node(3)]] {
            assert_eq!(Route::new(hops).expect("a route").hops(), hops);
        }
    }
}
