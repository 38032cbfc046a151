//! How a datagram gets to an endpoint: by which socket, and what is put around it.
//!
//! A datagram lies in a slot with room before and after it; wrapping fills that room in place. Into a channel goes
//! ChannelData, a 4-byte header. By a route goes FORWARD, sealed for the first carrier. Its header takes the place of
//! the datagram's first bytes, which are sealed behind its last ones, with the route:
//!
//! ```text
//! [channel 4] | header 16 | middle of the datagram | its last 16 | its first 16 | route 32 or 42 | tag 16
//! ```

use std::sync::Arc;

use crate::endpoint::{NodeId, Place, Route};
use crate::session::Session;
use crate::wire::{
    CHANNEL_BYTES, HEADER_BYTES, ROUTE_LIMIT, SEAL_BYTES, TAG_BYTES, emit_channel, emit_route, sealed_at,
};

/// The largest room that wrapping needs, before and after a datagram together.
pub const WRAP_LIMIT: usize = CHANNEL_BYTES + SEAL_BYTES + ROUTE_LIMIT;

/// A member that carries for others, and how it is reached.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where it is sent to.
    pub place: Place,
    /// Largest sealed datagram there.
    pub mtu: usize,
    /// Its current session.
    pub session: Arc<Session>,
}

/// A way to an endpoint.
#[derive(Clone, Debug)]
pub struct Way {
    /// What the socket is told.
    pub place: Place,
    carrier: Option<Carrier>,
}

#[derive(Clone, Debug)]
struct Carrier {
    session: Arc<Session>,
    mtu: usize,
    route: [u8; ROUTE_LIMIT],
    route_bytes: usize,
}

impl Way {
    /// Straight to a place.
    pub fn direct(place: Place) -> Self {
        Self { place, carrier: None }
    }

    /// By a route of ours. What goes this way is of that band.
    pub fn routed(hop: Hop, own: &NodeId, route: &Route, band: u8) -> Self {
        let nodes = std::iter::once(own).chain(route.hops());
        let (route, route_bytes) = emit_route(1, band, nodes);
        let Hop { place, mtu, session } = hop;
        Self { place, carrier: Some(Carrier { session, mtu, route, route_bytes }) }
    }

    /// The largest datagram that can be wrapped.
    pub fn limit(&self) -> usize {
        let room = |carrier: &Carrier| carrier.mtu - SEAL_BYTES - carrier.route_bytes;
        self.carrier.as_ref().map_or(usize::MAX, room)
    }

    /// Something was sent this way: the session with a member that carries must be kept fresh too.
    pub fn note_sent(&self) {
        if let Some(carrier) = &self.carrier {
            carrier.session.owner.note_sent();
        }
    }

    fn channel_bytes(&self) -> usize {
        if self.place.channel == 0 { 0 } else { CHANNEL_BYTES }
    }

    /// Room needed before a datagram.
    pub fn before(&self) -> usize {
        self.channel_bytes()
    }

    /// Room needed after a datagram.
    pub fn after(&self) -> usize {
        self.carrier.as_ref().map_or(0, |carrier| HEADER_BYTES + carrier.route_bytes + TAG_BYTES)
    }

    /// Put around the datagram that lies in `slot`, between the room before and after it, what this way wants; false
    /// where the carrier's session has no more counters.
    pub fn wrap(&self, slot: &mut [u8]) -> bool {
        let channel_bytes = self.channel_bytes();
        let (channel, rest) = slot.split_at_mut(channel_bytes);
        if channel_bytes > 0 {
            channel.copy_from_slice(&emit_channel(self.place.channel, rest.len()));
        }
        let Some(carrier) = &self.carrier else {
            return true;
        };
        let size = rest.len() - self.after();
        let (first, route) = (rest[0], size + HEADER_BYTES);
        rest.copy_within(..HEADER_BYTES, size);
        rest[route..route + carrier.route_bytes].copy_from_slice(&carrier.route[..carrier.route_bytes]);
        carrier.session.seal_forward(rest, sealed_at(first, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::Suite;
    use crate::session::tests::pair;
    use crate::wire::{TYPE_INITIATION, TYPE_TRANSPORT, parse_channel, parse_forward, parse_forward_header};
    use std::net::SocketAddr;

    #[test]
    fn a_route_by_a_channel_is_wrapped_twice() {
        let (one, two) = pair(Suite::AesGcm);
        let remote = SocketAddr::from(([192, 0, 2, 1], 3478));
        let place = Place { socket: 0, remote, channel: 0x4001 };
        let route = Route::new(&[[2; 10], [3; 10]]).expect("a route");
        let way = Way::routed(Hop { place, mtu: 1472, session: Arc::new(one) }, &[1; 10], &route, 2);
        assert_eq!(way.limit(), 1472 - 64);
        assert_eq!((way.before(), way.after()), (4, 64));
        for first in [TYPE_INITIATION, TYPE_TRANSPORT] {
            let datagram: Vec<u8> = std::iter::once(first).chain(1..50).collect();
            let mut slot = [&[0; 4], &datagram[..], &[0; 64]].concat();
            assert!(way.wrap(&mut slot));
            assert_eq!(parse_channel(&slot), Some((0x4001, slot.len() - 4)));
            let (index, counter, start) = parse_forward_header(&slot[4..]).expect("a header");
            assert_eq!((index, start), (two.local_index, sealed_at(first, 50)));
            assert_eq!(slot[20..4 + start], datagram[16..start]);
            assert!(two.open_from(start, &mut slot[4..], counter));
            let forward = parse_forward(&slot[4..slot.len() - TAG_BYTES], start).expect("a FORWARD");
            assert_eq!((forward.position, forward.band), (1, 2));
            assert_eq!(forward.nodes, [[1; 10], [2; 10], [3; 10]]);
            assert_eq!((&forward.first[..], &slot[20..54]), (&datagram[..16], &datagram[16..]));
        }
    }
}
