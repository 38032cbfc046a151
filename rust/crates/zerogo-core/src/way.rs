//! How a datagram gets to an endpoint: by which socket, and what is put around it.
//!
//! A datagram lies in a slot with room before and after it; wrapping fills that room in place. Into a channel goes
//! ChannelData, a 4-byte header. By a route goes FORWARD, sealed for the first carrier:
//!
//! ```text
//! [channel 4] | header 16 | inner header 4 | FORWARD head 32 or 42 | datagram | tag 16
//! ```

use std::sync::Arc;

use crate::endpoint::{NodeId, Place, Route};
use crate::session::Session;
use crate::wire::{
    CHANNEL_BYTES, FORWARD, FORWARD_HEAD_LIMIT, HEADER_BYTES, INNER_BYTES, OVERHEAD_BYTES, SEAL_BYTES, TAG_BYTES,
    emit_channel, emit_forward_head,
};

/// The largest room that wrapping needs, before and after a datagram together.
pub const WRAP_LIMIT: usize = CHANNEL_BYTES + SEAL_BYTES + INNER_BYTES + FORWARD_HEAD_LIMIT;

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
    band: u8,
    head: [u8; FORWARD_HEAD_LIMIT],
    head_bytes: usize,
}

impl Way {
    /// Straight to a place.
    pub fn direct(place: Place) -> Self {
        Self { place, carrier: None }
    }

    /// By a route of ours. What goes this way is of that band.
    pub fn routed(hop: Hop, own: &NodeId, route: &Route, band: u8) -> Self {
        let nodes = std::iter::once(own).chain(route.hops());
        let (head, head_bytes) = emit_forward_head(1, nodes);
        let Hop { place, mtu, session } = hop;
        Self { place, carrier: Some(Carrier { session, mtu, band, head, head_bytes }) }
    }

    /// The largest datagram that can be wrapped.
    pub fn limit(&self) -> usize {
        let room = |carrier: &Carrier| carrier.mtu - OVERHEAD_BYTES - carrier.head_bytes;
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
        let wrap = |carrier: &Carrier| HEADER_BYTES + INNER_BYTES + carrier.head_bytes;
        self.channel_bytes() + self.carrier.as_ref().map_or(0, wrap)
    }

    /// Room needed after a datagram.
    pub fn after(&self) -> usize {
        if self.carrier.is_some() { TAG_BYTES } else { 0 }
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
        let ids = HEADER_BYTES + INNER_BYTES;
        rest[HEADER_BYTES..ids].copy_from_slice(&[FORWARD, carrier.band, 0, 0]);
        rest[ids..ids + carrier.head_bytes].copy_from_slice(&carrier.head[..carrier.head_bytes]);
        carrier.session.seal(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::Suite;
    use crate::session::tests::pair;
    use crate::wire::{TYPE_TRANSPORT, parse_channel, parse_forward};
    use std::net::SocketAddr;

    #[test]
    fn a_route_by_a_channel_is_wrapped_twice() {
        let (one, two) = pair(Suite::AesGcm);
        let remote = SocketAddr::from(([192, 0, 2, 1], 3478));
        let place = Place { socket: 0, remote, channel: 0x4001 };
        let route = Route::new(&[[2; 10], [3; 10]]).expect("a route");
        let way = Way::routed(Hop { place, mtu: 1472, session: Arc::new(one) }, &[1; 10], &route, 1);
        assert_eq!(way.limit(), 1472 - 68);
        assert_eq!((way.before(), way.after()), (4 + 16 + 4 + 32, 16));
        let mut slot = vec![TYPE_TRANSPORT; way.before() + 50 + way.after()];
        assert!(way.wrap(&mut slot));
        assert_eq!(parse_channel(&slot), Some((0x4001, slot.len() - 4)));
        assert!(two.open(&mut slot[4..], 0));
        let end = slot.len() - TAG_BYTES;
        assert_eq!(slot[20..24], [FORWARD, 1, 0, 0]);
        let forward = parse_forward(&slot[24..end]).expect("a FORWARD");
        assert_eq!((forward.position, forward.nodes), (1, &[[1; 10], [2; 10], [3; 10]][..]));
        assert_eq!(forward.datagram, [TYPE_TRANSPORT; 50]);
    }
}
