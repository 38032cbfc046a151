//! The two threads of a plane.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zerogo_core::egress::Egress;
use zerogo_core::ingress::{Confirmations, Ingress};
use zerogo_core::time::{Nanos, SECOND};
use zerogo_core::upcall::Bell;
use zerogo_core::verbs::Verb;

use crate::clock::Clock;
use crate::event::{Event, wait};
use crate::receive::Receiver;
use crate::send::Sender;
use crate::sockets::Sockets;
use crate::tap::Tap;

const FRAMES_PER_TURN: usize = 64;
const BYTES_PER_TURN: usize = 256 * 1024;
const BATCHES_PER_TURN: usize = 16;
const EBADFD: i32 = 77;

/// Verbs on their way to the thread that carries them out.
#[derive(Default)]
struct Waiting(Vec<Verb>);

/// The queue of the sending thread.
pub struct VerbQueue {
    waiting: Mutex<Waiting>,
    /// Rung while verbs wait.
    pub event: Event,
}

impl VerbQueue {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waiting: Mutex::default(), event: Event::new()? })
    }

    /// Have a verb carried out, after those before it.
    pub fn push(&self, verb: Verb) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.is_empty() {
            self.event.ring();
        }
        waiting.0.push(verb);
    }

    /// Take all verbs.
    pub fn take(&self) -> Vec<Verb> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.event.silence();
        std::mem::take(&mut waiting.0)
    }
}

/// How the receiving thread reaches the sending one.
pub struct Post(pub Arc<VerbQueue>);

impl Confirmations for Post {
    fn post(&self, verb: Verb) {
        self.0.push(verb);
    }
}

/// The thread from the TAP to the sockets.
pub struct Outward {
    /// The way out.
    pub egress: Egress<Sender>,
    /// What is read.
    pub tap: Arc<Tap>,
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
            let left = tick_at.saturating_sub(self.clock.now()).div_ceil(SECOND / 1000);
            let descriptors = [self.tap.descriptor(), self.verbs.event.descriptor()];
            let [tap_is_ready, has_verbs] = wait(descriptors, libc::POLLIN, left as i32);
            let now = self.clock.now();
            if has_verbs {
                for verb in self.verbs.take() {
                    self.egress.out.obey(verb, now);
                }
                self.egress.flush(now);
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
            if tap_is_ready {
                self.drain(now)?;
            }
            if now >= tick_at {
                self.egress.out.tick(now);
                tick_at = now + SECOND;
            }
        }
    }

    /// Take what the TAP has, within the bounds of one turn, and send it.
    fn drain(&mut self, now: Nanos) -> Result<(), String> {
        let mut budget = BYTES_PER_TURN;
        for _ in 0..FRAMES_PER_TURN {
            match self.egress.take(|vectors| self.tap.read(vectors), now) {
                Ok(size) => budget = budget.saturating_sub(size),
                Err(error) if error.raw_os_error() == Some(EBADFD) => {
                    return Err("the TAP is gone".to_owned());
                }
                Err(_) => break,
            }
            if budget == 0 {
                break;
            }
        }
        self.egress.flush(now);
        Ok(())
    }
}

/// The thread from the sockets to the TAP.
pub struct Inward {
    /// The way in.
    pub ingress: Ingress<Post>,
    /// Buffers.
    pub receiver: Receiver,
    /// What is read.
    pub sockets: Arc<Sockets>,
    /// Whether to end.
    pub stop: Arc<AtomicBool>,
    /// Rung to end.
    pub stop_event: Arc<Event>,
    /// The time.
    pub clock: Clock,
}

impl Inward {
    /// Until told to stop; the reason where it cannot go on.
    pub fn run(mut self) -> Result<(), String> {
        let [v4, v6] = self.sockets.numbers();
        loop {
            let [v4_is_ready, v6_is_ready, is_stopping] =
                wait([v4, v6, self.stop_event.descriptor()], libc::POLLIN, -1);
            if is_stopping && self.stop.load(Ordering::Acquire) {
                return Ok(());
            }
            for (socket, is_ready) in [(v4, v4_is_ready), (v6, v6_is_ready)] {
                if is_ready {
                    self.drain(socket);
                }
            }
        }
    }

    /// Take what a socket has, within the bounds of one turn.
    fn drain(&mut self, socket: RawFd) {
        for _ in 0..BATCHES_PER_TURN {
            // An error is that of an earlier datagram, come back; there is no more to know of it here.
            let Ok(has_more) = self.receiver.fill(socket) else {
                return;
            };
            let now = self.clock.now();
            for (datagrams, segment, source) in self.receiver.arrivals() {
                self.ingress.receive(datagrams, segment, source, now);
            }
            if !has_more {
                return;
            }
        }
    }
}
