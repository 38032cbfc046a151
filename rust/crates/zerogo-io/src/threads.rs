//! The two threads of a plane.
//!
//! One waits for the TAP and for orders, the other for the sockets; each has a *half* of the work. Waking a thread that
//! sleeps costs more than sealing a packet, so the receiving thread, once it wrote little to the TAP, looks whether that
//! was answered at once, and sends the answer itself where the other is not at work. (The sending thread does not look for
//! answers: waiting for one in a loop was measured to cost more on two cores than it gained.)

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

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
/// What a thread did little with: a few small packets.
const LITTLE_BYTES: usize = 4096;

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

/// Where more orders wait, those that can be done without are dropped.
const ROOM: usize = 1024;

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

    /// As `push`, where few wait; whether they did.
    pub fn push_if_room(&self, order: Order) -> bool {
        let has_room = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len() < ROOM;
        if has_room {
            self.push(order);
        }
        has_room
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

    fn post_if_room(&self, verb: Verb) {
        // A probe without an answer is one that the network lost.
        let _ = self.0.push_if_room(Order::Verb(verb));
    }
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
    fn obey(&mut self, order: Order, now: Nanos) {
        match order {
            Order::Verb(verb) => self.egress.out.obey(verb, now),
            Order::AddSideSocket(number, socket) => self.sockets.add_side(number, socket),
            Order::RemoveSideSocket(number) => self.sockets.remove_side(number),
        }
    }

    /// Take what the TAP has and send it, in so many rounds at most.
    ///
    /// Frames are taken a few at a time, and sealed in the order of the queue: what must go first waits for little more
    /// than one super-frame, and what is sealed is still in the cache.
    fn work(&mut self, clock: &Clock, rounds: usize) -> Result<(), String> {
        for _ in 0..rounds {
            let now = clock.now();
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
    /// Take what the socket of this number has, within the bounds of one turn; how many bytes.
    fn work(&mut self, clock: &Clock, number: u64) -> usize {
        let sockets = self.sockets.clone();
        // A side socket may be gone since it was told.
        let Some(held) = sockets.of_number(number) else {
            return 0;
        };
        let socket = if matches!(number, V4 | V6) { MAIN_SOCKET } else { number as u32 };
        let mut done = 0;
        for _ in 0..BATCHES_PER_TURN {
            // An error is that of an earlier datagram, come back; there is no more to know of it here.
            let Ok(has_more) = self.receiver.fill(held.as_raw_fd()) else {
                break;
            };
            let now = clock.now();
            for (datagrams, segment, remote) in self.receiver.arrivals() {
                done += datagrams.len();
                self.ingress.receive(datagrams, segment, Place { socket, remote, channel: 0 }, now);
            }
            self.ingress.flush(now);
            if !has_more {
                break;
            }
        }
        done
    }
}

/// Both halves, and what the threads share.
pub struct Halves {
    /// From the TAP to the sockets.
    pub outward: Mutex<Outward>,
    /// From the sockets to the TAP.
    pub inward: Mutex<Inward>,
    /// What is waited for by the sending thread.
    pub tap: Arc<Tap>,
    /// What is waited for by the receiving thread.
    pub sockets: Arc<Sockets>,
    /// What the agent wants done.
    pub verbs: Arc<VerbQueue>,
    /// Whether to end.
    pub stop: Arc<AtomicBool>,
    /// The time.
    pub clock: Clock,
}

fn lock<T>(half: &Mutex<T>) -> MutexGuard<'_, T> {
    half.lock().unwrap_or_else(PoisonError::into_inner)
}

fn try_lock<T>(half: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match half.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Halves {
    /// The thread that waits for the TAP and for orders, until told to stop; the reason where it cannot go on.
    pub fn run_outward(&self) -> Result<(), String> {
        let mut tick_at = self.clock.now() + SECOND;
        let mut is_idle = true;
        loop {
            let left = if is_idle { tick_at.saturating_sub(self.clock.now()) } else { 0 };
            let descriptors = [self.tap.descriptor(), self.verbs.event.descriptor()];
            let [_, has_orders] = wait(descriptors, libc::POLLIN, left.div_ceil(MILLISECOND) as i32);
            let mut outward = lock(&self.outward);
            let now = self.clock.now();
            if has_orders {
                for order in self.verbs.take() {
                    outward.obey(order, now);
                }
                outward.egress.flush(now);
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
            outward.work(&self.clock, ROUNDS_PER_TURN)?;
            if now >= tick_at {
                outward.egress.out.tick(now);
                tick_at = now + SECOND;
            }
            is_idle = outward.egress.is_idle();
        }
    }

    /// The thread that waits for the sockets, until told to stop; the reason where it cannot go on.
    pub fn run_inward(&self) -> Result<(), String> {
        loop {
            let mut done = 0;
            for number in self.sockets.poll.wait(-1) {
                if number == STOP && self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
                done += lock(&self.inward).work(&self.clock, number);
            }
            if (1..=LITTLE_BYTES).contains(&done) {
                self.answer();
            }
        }
    }

    /// Little was written to the TAP: perhaps it was answered at once.
    fn answer(&self) {
        let Some(mut outward) = try_lock(&self.outward) else {
            return;
        };
        // That the TAP is gone is for the other thread to tell, which finds it out as well.
        let is_done = outward.work(&self.clock, 1).is_err() || outward.egress.is_idle();
        drop(outward);
        if !is_done {
            self.verbs.event.ring();
        }
    }
}
