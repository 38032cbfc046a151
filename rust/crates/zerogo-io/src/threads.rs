//! The two threads of a plane.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zerogo_core::egress::Egress;
use zerogo_core::endpoint::{MAIN_SOCKET, Place};
use zerogo_core::ingress::{Confirmations, Ingress};
use zerogo_core::time::{MILLISECOND, Nanos, SECOND};
use zerogo_core::upcall::Bell;
use zerogo_core::verbs::Verb;

use crate::clock::Clock;
use crate::event::{Event, wait};
use crate::receive::Receiver;
use crate::send::Sender;
use crate::sockets::{Sockets, V4, V6};
use crate::tap::Tap;

const FRAMES_PER_ROUND: usize = 64;
/// One super-frame, or some dozens of others.
const BYTES_PER_ROUND: usize = 48 * 1024;
const ROUNDS_PER_TURN: usize = 64;
const BATCHES_PER_TURN: usize = 16;
const EBADFD: i32 = 77;

/// The number of the event that ends the receiving thread, in the set that it waits for.
pub const STOP: u64 = 3 << 32;

/// What the sending thread is to do.
pub enum Order {
    /// Of the plane.
    Verb(Verb),
    /// Take over a side socket.
    AddSideSocket(u32, OwnedFd),
    /// Close a side socket.
    RemoveSideSocket(u32),
}

/// The queue of the sending thread.
pub struct VerbQueue {
    waiting: Mutex<Vec<Order>>,
    /// Rung while orders wait.
    pub event: Event,
}

impl VerbQueue {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waiting: Mutex::default(), event: Event::new()? })
    }

    /// Have an order carried out, after those before it.
    pub fn push(&self, order: Order) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            self.event.ring();
        }
        waiting.push(order);
    }

    /// Take all orders.
    pub fn take(&self) -> Vec<Order> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.event.silence();
        std::mem::take(&mut *waiting)
    }
}

/// How the receiving thread reaches the sending one.
pub struct Post(pub Arc<VerbQueue>);

impl Confirmations for Post {
    fn post(&self, verb: Verb) {
        self.0.push(Order::Verb(verb));
    }
}

/// The thread from the TAP to the sockets.
pub struct Outward {
    /// The way out.
    pub egress: Egress<Sender>,
    /// What is read.
    pub tap: Arc<Tap>,
    /// What is sent by.
    pub sockets: Arc<Sockets>,
    /// What the agent wants done.
    pub verbs: Arc<VerbQueue>,
    /// Whether to end.
    pub stop: Arc<AtomicBool>,
    /// The time.
    pub clock: Clock,
}

impl Outward {
    /// Until told to stop; the reason where it cannot go on.
    pub fn run(mut self) -> Result<(), String> {
        let mut tick_at = self.clock.now() + SECOND;
        loop {
            let left = if self.egress.is_idle() { tick_at.saturating_sub(self.clock.now()) } else { 0 };
            let descriptors = [self.tap.descriptor(), self.verbs.event.descriptor()];
            let [tap_is_ready, has_verbs] = wait(descriptors, libc::POLLIN, left.div_ceil(MILLISECOND) as i32);
            let now = self.clock.now();
            if has_verbs {
                for order in self.verbs.take() {
                    self.obey(order, now);
                }
                self.egress.flush(now);
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
            if tap_is_ready || !self.egress.is_idle() {
                self.work()?;
            }
            if now >= tick_at {
                self.egress.out.tick(now);
                tick_at = now + SECOND;
            }
        }
    }

    fn obey(&mut self, order: Order, now: Nanos) {
        match order {
            Order::Verb(verb) => self.egress.out.obey(verb, now),
            Order::AddSideSocket(number, socket) => self.sockets.add_side(number, socket),
            Order::RemoveSideSocket(number) => self.sockets.remove_side(number),
        }
    }

    /// Take what the TAP has and send it, within the bounds of one turn.
    ///
    /// Frames are taken a few at a time, and sealed in the order of the queue: what must go first waits for little more
    /// than one super-frame, and what is sealed is still in the cache.
    fn work(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_PER_TURN {
            let now = self.clock.now();
            let has_more = self.read(now)?;
            let mut budget = BYTES_PER_ROUND;
            while budget > 0 {
                let size = self.egress.send_next(now);
                if size == 0 {
                    break;
                }
                budget = budget.saturating_sub(size);
            }
            self.egress.flush(now);
            if !has_more && self.egress.is_idle() {
                break;
            }
        }
        Ok(())
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

/// The thread from the sockets to the TAP.
pub struct Inward {
    /// The way in.
    pub ingress: Ingress<Post, Sender>,
    /// Buffers.
    pub receiver: Receiver,
    /// What is read.
    pub sockets: Arc<Sockets>,
    /// Whether to end.
    pub stop: Arc<AtomicBool>,
    /// The time.
    pub clock: Clock,
}

impl Inward {
    /// Until told to stop; the reason where it cannot go on.
    pub fn run(mut self) -> Result<(), String> {
        let sockets = self.sockets.clone();
        loop {
            for number in sockets.poll.wait(-1) {
                if number == STOP && self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
                // A side socket may be gone since it was told.
                if let Some(socket) = sockets.of_number(number) {
                    let side = if matches!(number, V4 | V6) { MAIN_SOCKET } else { number as u32 };
                    self.drain(socket.as_raw_fd(), side);
                }
            }
        }
    }

    /// Take what a socket has, within the bounds of one turn.
    fn drain(&mut self, descriptor: RawFd, socket: u32) {
        for _ in 0..BATCHES_PER_TURN {
            // An error is that of an earlier datagram, come back; there is no more to know of it here.
            let Ok(has_more) = self.receiver.fill(descriptor) else {
                return;
            };
            let now = self.clock.now();
            for (datagrams, segment, remote) in self.receiver.arrivals() {
                self.ingress.receive(datagrams, segment, Place { socket, remote, channel: 0 }, now);
            }
            self.ingress.flush(now);
            if !has_more {
                return;
            }
        }
    }
}
