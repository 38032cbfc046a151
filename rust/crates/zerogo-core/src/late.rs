//! Late copies: sealed datagrams of the real-time band that go once more, a little after they were sent.
//!
//! What takes both copies of a datagram that goes by two ways is mostly short: two independent losses, or a burst. A
//! copy that comes later is lost by a chance of its own. It is the same sealed datagram, so the receiver's window drops
//! it where an earlier one arrived. Copies are few and small, whatever is sent: beyond the limits none is made. Delays
//! are equal, so a queue keeps their order.

use std::collections::VecDeque;

use crate::endpoint::Endpoint;
use crate::fdb::PeerNumber;
use crate::time::{MILLISECOND, Nanos};

/// Longer than bursts of a full queue or of a radio's retries mostly are, shorter than players of sound wait.
pub const LATE: Nanos = 10 * MILLISECOND;
/// Copies that wait at most.
pub const COPIES_LIMIT: usize = 256;
/// The largest datagram that is copied.
pub const COPY_BYTES_LIMIT: usize = 2048;

/// How a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateWay {
    /// To whom.
    pub number: PeerNumber,
    /// Where.
    pub endpoint: Endpoint,
    /// Of the datagram.
    pub band: u8,
}

/// Copies that wait, of all peers.
#[derive(Debug, Default)]
pub struct LateCopies {
    waiting: VecDeque<(Nanos, LateWay, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

impl LateCopies {
    /// Have a datagram sent that way once more, if there is room.
    pub fn hold(&mut self, way: LateWay, datagram: &[u8], now: Nanos) {
        if self.waiting.len() >= COPIES_LIMIT || datagram.len() > COPY_BYTES_LIMIT {
            return;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.extend_from_slice(datagram);
        self.waiting.push_back((now + LATE, way, copy));
    }

    /// The first whose time has come; give its memory back with `reuse`.
    pub fn take_due(&mut self, now: Nanos) -> Option<(LateWay, Vec<u8>)> {
        self.next_at().filter(|at| *at <= now)?;
        self.waiting.pop_front().map(|(_, way, datagram)| (way, datagram))
    }

    /// Keep the memory of a copy that was sent for another one.
    pub fn reuse(&mut self, mut datagram: Vec<u8>) {
        datagram.clear();
        self.spare.push(datagram);
    }

    /// When the first is to be sent.
    pub fn next_at(&self) -> Option<Nanos> {
        self.waiting.front().map(|(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn way(number: PeerNumber) -> LateWay {
        LateWay { number, endpoint: Endpoint::direct(SocketAddr::from(([192, 0, 2, 1], 1))), band: 1 }
    }

    #[test]
    fn each_waits_its_time_in_order() {
        let mut copies = LateCopies::default();
        assert_eq!((copies.next_at(), copies.take_due(Nanos::MAX)), (None, None));
        copies.hold(way(1), b"a", 5);
        copies.hold(way(2), b"b", 6);
        assert_eq!((copies.next_at(), copies.take_due(4 + LATE)), (Some(5 + LATE), None));
        let (first, datagram) = copies.take_due(5 + LATE).expect("the first");
        assert_eq!((first.number, &datagram[..]), (1, &b"a"[..]));
        copies.reuse(datagram);
        assert_eq!(copies.take_due(5 + LATE), None);
        copies.hold(way(3), b"c", 7);
        assert_eq!(copies.take_due(6 + LATE).expect("the second").1, b"b");
        assert_eq!(copies.take_due(7 + LATE).expect("in memory that was used before").1, b"c");
    }

    #[test]
    fn few_and_small_ones_wait() {
        let mut copies = LateCopies::default();
        copies.hold(way(1), &[0; COPY_BYTES_LIMIT + 1], 0);
        for _ in 0..COPIES_LIMIT + 10 {
            copies.hold(way(1), &[0; COPY_BYTES_LIMIT], 0);
        }
        assert_eq!(std::iter::from_fn(|| copies.take_due(LATE)).count(), COPIES_LIMIT);
    }
}
