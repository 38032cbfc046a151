//! The two halves of a plane's work, as whichever thread is awake does them.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use zerogo_core::egress::Egress;
use zerogo_core::endpoint::{MAIN_SOCKET, Place};
use zerogo_core::ingress::Ingress;
use zerogo_core::time::Nanos;

use crate::clock::Clock;
use crate::orders::{Order, Post};
use crate::receive::Receiver;
use crate::send::Sender;
use crate::sockets::{Sockets, V4, V6};
use crate::tap::Tap;

const FRAMES_PER_ROUND: usize = 64;
/// One super-frame, or some dozens of others.
const BYTES_PER_ROUND: usize = 48 * 1024;
const EBADFD: i32 = 77;

/// What is sealed leaves after so long, however slow this machine is.
const ROUND: Nanos = 500_000;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of frames that were sent, or of datagrams that were received.
    pub bytes: usize,
    /// Whether there may be more to do.
    pub has_more: bool,
}

/// The work from the TAP to the sockets.
pub struct Outward {
    /// The way out.
    pub egress: Egress<Sender>,
    /// What is read.
    pub tap: Arc<Tap>,
    /// What is sent by.
    pub sockets: Arc<Sockets>,
}

impl Outward {
    /// Carry out an order.
    pub fn obey(&mut self, order: Order, now: Nanos) {
        match order {
            Order::Verb(verb) => self.egress.out.obey(verb, now),
            Order::AddSideSocket(number, socket) => self.sockets.add_side(number, socket),
            Order::RemoveSideSocket(number) => self.sockets.remove_side(number),
        }
    }

    /// Take what the TAP has and send it, in so many rounds at most; the reason where the TAP is gone.
    ///
    /// Frames are taken a few at a time, and sealed in the order of the queue: what must go first waits for little more
    /// than one super-frame, and what is sealed is still in the cache.
    pub fn work(&mut self, clock: &Clock, rounds: usize) -> Result<Progress, String> {
        let mut progress = Progress::default();
        self.egress.send_late(clock.now());
        for _ in 0..rounds {
            let now = clock.now();
            let has_more = self.read(now)?;
            let mut budget = BYTES_PER_ROUND;
            while budget > 0 && clock.now() < now + ROUND {
                let size = self.egress.send_next(now);
                if size == 0 {
                    break;
                }
                progress.bytes += size;
                budget = budget.saturating_sub(size);
            }
            self.egress.flush(now);
            progress.has_more = has_more || !self.egress.is_idle();
            if !progress.has_more {
                break;
            }
        }
        Ok(progress)
    }

    /// Take some of what the TAP has; whether there may be more.
    fn read(&mut self, now: Nanos) -> Result<bool, String> {
        let mut budget = 2 * BYTES_PER_ROUND;
        for _ in 0..FRAMES_PER_ROUND {
            match self.egress.take(|vectors| self.tap.read(vectors), now) {
                Ok(size) => budget = budget.saturating_sub(size),
                Err(error) if error.raw_os_error() == Some(EBADFD) => {
                    return Err("the TAP is gone".to_owned());
                }
                Err(_) => return Ok(false),
            }
            if budget == 0 {
                break;
            }
        }
        Ok(true)
    }
}

/// The work from the sockets to the TAP.
pub struct Inward {
    /// The way in.
    pub ingress: Ingress<Post, Sender>,
    /// Buffers.
    pub receiver: Receiver,
    /// What is read.
    pub sockets: Arc<Sockets>,
}

impl Inward {
    /// Take what the socket of this number has, in so many batches at most.
    pub fn work(&mut self, clock: &Clock, number: u64, batches: usize) -> Progress {
        let sockets = self.sockets.clone();
        let mut progress = Progress::default();
        // A side socket may be gone since it was told.
        let Some(held) = sockets.of_number(number) else {
            return progress;
        };
        let socket = if matches!(number, V4 | V6) { MAIN_SOCKET } else { number as u32 };
        for _ in 0..batches {
            // An error is that of an earlier datagram, come back; there is no more to know of it here.
            let Ok(has_more) = self.receiver.fill(held.as_raw_fd()) else {
                progress.has_more = false;
                break;
            };
            progress.has_more = has_more;
            let now = clock.now();
            for (datagrams, segment, remote) in self.receiver.arrivals() {
                progress.bytes += datagrams.len();
                self.ingress.receive(datagrams, segment, Place { socket, remote, channel: 0 }, now);
            }
            self.ingress.flush(now);
            if !has_more {
                break;
            }
        }
        progress
    }
}
