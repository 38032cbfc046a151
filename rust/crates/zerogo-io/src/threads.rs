//! The two threads of a plane.
//!
//! One waits for the TAP and for orders, the other for the sockets; each has a *half* of the work. Waking a thread that
//! sleeps costs more than sealing a packet, so a thread that was woken *claims* what the other one sleeps on: as long as
//! it is awake it does both halves, and the other one goes on sleeping. Answers of the local host leave with the thread
//! that brought the question, acknowledgements come in with the one that sends. Where there turns out to be much to do
//! both ways, or for long without a pause, the claim is given up and both threads work.
//!
//! A claim is a matter of who is woken. Who works is decided by the lock of each half.
//!
//! A thread that did little looks for an answer for a moment before it sleeps, as long as that tends to come in time.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use zerogo_core::time::{MILLISECOND, Nanos, SECOND};
use zerogo_core::upcall::Bell;

use crate::clock::Clock;
use crate::event::{give_way, wait};
use crate::orders::{Order, VerbQueue};
use crate::poll::Poll;
use crate::sockets::{Sockets, V4, V6};
use crate::tap::Tap;
use crate::work::{Inward, Outward, Progress};

/// Of the work of a thread that has claimed nothing; else it is one, so that neither half waits for the other.
const ROUNDS_PER_TURN: usize = 64;
const BATCHES_PER_TURN: usize = 16;
/// What a thread did little with: a few small packets.
const LITTLE_BYTES: usize = 4096;
/// More than acknowledgements.
const MUCH_BYTES: usize = 16 * 1024;
/// For how long nothing is claimed after there was much to do both ways.
const APART: Nanos = 10 * MILLISECOND;
/// Turns without a pause after which the other thread is called.
const TURNS_LIMIT: u32 = 16;
/// For how long an answer is looked for.
const LOOK: Nanos = 150_000;
/// Others had the core for so long: better sleep, and be woken.
const GIVEN_WAY: Nanos = 30_000;

/// The number of the event that ends the receiving thread, in the set that it waits for.
pub const STOP: u64 = 3 << 32;
/// The number of the TAP in the set that the sending thread waits for.
const TAP: u64 = 1;
/// The number of the orders there.
const ORDERS: u64 = 2;

/// Both halves, and what the threads share.
pub struct Halves {
    outward: Mutex<Outward>,
    inward: Mutex<Inward>,
    tap: Arc<Tap>,
    sockets: Arc<Sockets>,
    verbs: Arc<VerbQueue>,
    stop: Arc<AtomicBool>,
    clock: Clock,
    /// What the sending thread waits for.
    watch: Poll,
    outward_sleeps: AtomicBool,
    inward_sleeps: AtomicBool,
    /// The number of the main socket that something came by last; 0 for none. Side sockets have to close when they are told
    /// to, and cannot be held here.
    recent: AtomicU64,
}

/// That the other thread is not woken by a descriptor.
struct Claim<'a> {
    poll: &'a Poll,
    number: u64,
    descriptor: RawFd,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.poll.set_awaited(self.descriptor, self.number, true);
    }
}

/// Whether looking for answers is worth it, by how often one came.
#[derive(Debug)]
struct Patience {
    credit: u32,
    refused: u32,
}

const CREDIT_LIMIT: u32 = 16;
/// Of so many opportunities one is taken where it is not worth it, to find out whether it would be.
const TRIAL: u32 = 64;

impl Patience {
    fn is_worth_it(&mut self) -> bool {
        if self.credit > 0 {
            return true;
        }
        self.refused = (self.refused + 1) % TRIAL;
        self.refused == 0
    }

    fn learn(&mut self, has_come: bool) {
        self.credit = if has_come { (self.credit + 4).min(CREDIT_LIMIT) } else { self.credit.saturating_sub(1) };
    }
}

/// What a thread knows from turn to turn.
struct Turns<'a> {
    claim: Option<Claim<'a>>,
    /// Until when nothing is claimed.
    apart_until: Nanos,
    /// Without a pause.
    count: u32,
    patience: Patience,
}

impl Turns<'_> {
    fn new() -> Self {
        let patience = Patience { credit: CREDIT_LIMIT, refused: 0 };
        Self { claim: None, apart_until: 0, count: 0, patience }
    }

    /// A turn is over, in which this much was done of the other thread's half; give it back if that was much.
    fn settle(&mut self, other: Progress, now: Nanos) {
        self.count += 1;
        if self.claim.is_some() && (other.bytes > MUCH_BYTES || self.count > TURNS_LIMIT) {
            self.claim = None;
            self.apart_until = now + APART;
        }
    }
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
    /// Of descriptors that are open; `stop` says, once the verbs' event is rung, that all is over.
    pub fn new(
        outward: Outward,
        inward: Inward,
        verbs: Arc<VerbQueue>,
        stop: Arc<AtomicBool>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (tap, sockets, watch) = (outward.tap.clone(), inward.sockets.clone(), Poll::new()?);
        watch.add(tap.descriptor(), TAP)?;
        watch.add(verbs.event.descriptor(), ORDERS)?;
        Ok(Self {
            outward: Mutex::new(outward),
            inward: Mutex::new(inward),
            tap,
            sockets,
            verbs,
            stop,
            clock,
            watch,
            outward_sleeps: AtomicBool::new(false),
            inward_sleeps: AtomicBool::new(false),
            recent: AtomicU64::new(0),
        })
    }

    /// The thread that waits for the TAP and for orders, until told to stop; the reason where it cannot go on.
    pub fn run_outward(&self) -> Result<(), String> {
        let mut tick_at = self.clock.now() + SECOND;
        let mut turns = Turns::new();
        let mut has_more = false;
        let mut late_at = None;
        loop {
            let wake_at = late_at.map_or(tick_at, |at: Nanos| at.min(tick_at));
            let left = if has_more { 0 } else { wake_at.saturating_sub(self.clock.now()).div_ceil(MILLISECOND) };
            self.outward_sleeps.store(!has_more, Ordering::Release);
            let has_orders = self.watch.wait(left as i32).any(|number| number == ORDERS);
            self.outward_sleeps.store(false, Ordering::Release);
            let now = self.clock.now();
            if !has_more && now >= turns.apart_until {
                turns.claim = self.claim_socket();
            }
            let mut outward = lock(&self.outward);
            if has_orders {
                for order in self.verbs.take() {
                    // A socket that is read from just now would be open for a moment longer than was asked for.
                    let is_about_sockets = matches!(order, Order::AddSideSocket(..) | Order::RemoveSideSocket(_));
                    let _pause = is_about_sockets.then(|| lock(&self.inward));
                    outward.obey(order, now);
                }
                outward.egress.flush(now);
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
            if now >= tick_at {
                outward.egress.out.tick(now);
                tick_at = now + SECOND;
            }
            let own = outward.work(&self.clock, if turns.claim.is_some() { 1 } else { ROUNDS_PER_TURN })?;
            late_at = outward.egress.late_at();
            drop(outward);
            let mut other = Progress::default();
            if let Some(claim) = &turns.claim
                && let Some(mut inward) = try_lock(&self.inward)
            {
                other = inward.work(&self.clock, claim.number, 1);
            }
            turns.settle(other, now);
            has_more = own.has_more || other.has_more || self.has_answer(&mut turns, own.bytes + other.bytes);
            if !has_more {
                turns.claim = None;
                turns.count = 0;
            }
        }
    }

    /// The thread that waits for the sockets, until told to stop; the reason where it cannot go on.
    pub fn run_inward(&self) -> Result<(), String> {
        let mut turns = Turns::new();
        let mut has_more = false;
        loop {
            self.inward_sleeps.store(!has_more, Ordering::Release);
            let numbers = self.sockets.poll.wait(if has_more { 0 } else { -1 });
            self.inward_sleeps.store(false, Ordering::Release);
            let now = self.clock.now();
            if !has_more && now >= turns.apart_until {
                turns.claim = self.claim_tap();
            }
            let batches = if turns.claim.is_some() { 1 } else { BATCHES_PER_TURN };
            let mut own = Progress::default();
            for number in numbers {
                if number == STOP {
                    if self.stop.load(Ordering::Acquire) {
                        return Ok(());
                    }
                    continue;
                }
                if matches!(number, V4 | V6) {
                    self.recent.store(number, Ordering::Relaxed);
                }
                let done = lock(&self.inward).work(&self.clock, number, batches);
                own = Progress { bytes: own.bytes + done.bytes, has_more: own.has_more || done.has_more };
            }
            let other = if turns.claim.is_some() { self.send() } else { Progress::default() };
            turns.settle(other, now);
            has_more = own.has_more || other.has_more || self.has_answer(&mut turns, own.bytes + other.bytes);
            if !has_more {
                turns.claim = None;
                turns.count = 0;
            }
        }
    }

    /// Send for the other thread what the TAP has.
    fn send(&self) -> Progress {
        let Some(mut outward) = try_lock(&self.outward) else {
            return Progress::default();
        };
        let awaited = outward.egress.late_at();
        // That the TAP is gone is for the other thread to tell, which finds it out as well.
        let mut progress = outward.work(&self.clock, 1).unwrap_or_default();
        if awaited.is_none() && outward.egress.late_at().is_some() {
            // The other thread knows of none that it would have to wake up for.
            self.verbs.event.ring();
        }
        if !outward.egress.is_idle() && progress.bytes > MUCH_BYTES {
            // It goes on where the claim is about to be given up.
            self.verbs.event.ring();
            progress.has_more = false;
        }
        progress
    }

    /// Let the receiving thread sleep, though something may come by the socket that something came by last.
    fn claim_socket(&self) -> Option<Claim<'_>> {
        let number = self.recent.load(Ordering::Relaxed);
        let held = self.sockets.of_number(number).filter(|_| self.inward_sleeps.load(Ordering::Acquire))?;
        let (poll, descriptor) = (&self.sockets.poll, held.as_raw_fd());
        poll.set_awaited(descriptor, number, false).then_some(Claim { poll, number, descriptor })
    }

    /// Let the sending thread sleep, though the TAP may have something.
    fn claim_tap(&self) -> Option<Claim<'_>> {
        let (poll, descriptor) = (&self.watch, self.tap.descriptor());
        let may_claim = self.outward_sleeps.load(Ordering::Acquire) && poll.set_awaited(descriptor, TAP, false);
        may_claim.then_some(Claim { poll, number: TAP, descriptor })
    }

    /// Look for an answer to the little that was done, where that tends to come; whether it came.
    fn has_answer(&self, turns: &mut Turns<'_>, done: usize) -> bool {
        if turns.claim.is_none() || !(1..=LITTLE_BYTES).contains(&done) || !turns.patience.is_worth_it() {
            return false;
        }
        let Some(socket) = self.sockets.of_number(self.recent.load(Ordering::Relaxed)) else {
            return false;
        };
        let descriptors = [self.tap.descriptor(), socket.as_raw_fd()];
        let begin = self.clock.now();
        let (mut before, mut has_come) = (begin, false);
        while !has_come {
            has_come = wait(descriptors, libc::POLLIN, 0).contains(&true);
            give_way();
            let now = self.clock.now();
            if now - begin > LOOK || now - before > GIVEN_WAY {
                break;
            }
            before = now;
        }
        turns.patience.learn(has_come);
        has_come
    }
}
