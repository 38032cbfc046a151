//! What waits to be told to the agent, bounded: strangers can fill neither the queue nor the agent's time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::endpoint::Endpoint;
use crate::fdb::PeerNumber;
use crate::storm::StormBudget;
use crate::time::Nanos;
use crate::wire::Stranger;

/// Places for datagrams of strangers; control messages of peers may use twice as many.
pub const UPCALLS_LIMIT: usize = 4096;
const STRANGERS_PER_SECOND: u64 = 2000;
const STRANGERS_BURST: u64 = 1000;

/// What the plane cannot decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upcall {
    /// A datagram of somebody unknown.
    DatagramReceived(Endpoint, Vec<u8>),
    /// An authentic control message.
    ControlReceived(PeerNumber, Endpoint, Vec<u8>),
    /// The first authentic datagram came in on this session.
    SessionConfirmed(PeerNumber, u32),
    /// A fresh session is wanted.
    RekeyDue(PeerNumber),
    /// Authentic datagrams come from another address than the peer's path.
    PeerRoamed(PeerNumber, Endpoint),
    /// The kernel refuses to send to this path, with that errno.
    PathRefused(PeerNumber, i32),
    /// The plane cannot go on.
    Fault(String),
}

/// How the agent learns that upcalls wait.
pub trait Bell: Send + Sync {
    /// Something waits now, where nothing did.
    fn ring(&self);
    /// Nothing waits any more.
    fn silence(&self);
}

#[derive(Debug)]
struct Waiting {
    queue: VecDeque<Upcall>,
    handshakes: StormBudget,
    checks: StormBudget,
}

/// Upcalls, oldest first.
pub struct Upcalls {
    waiting: Mutex<Waiting>,
    bell: Box<dyn Bell>,
}

impl std::fmt::Debug for Upcalls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Upcalls")
    }
}

impl Upcalls {
    /// An empty queue.
    pub fn new(bell: Box<dyn Bell>) -> Self {
        let budget = || StormBudget::new(STRANGERS_PER_SECOND, STRANGERS_BURST);
        let waiting = Waiting { queue: VecDeque::new(), handshakes: budget(), checks: budget() };
        Self { waiting: Mutex::new(waiting), bell }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, waiting: &mut Waiting, upcall: Upcall) {
        if waiting.queue.is_empty() {
            self.bell.ring();
        }
        waiting.queue.push_back(upcall);
    }

    /// Queue what only peers that authenticated, or the kernel, can cause; false where there is no place.
    pub fn add(&self, upcall: Upcall) -> bool {
        let mut waiting = self.lock();
        if matches!(upcall, Upcall::ControlReceived(..)) && waiting.queue.len() >= 2 * UPCALLS_LIMIT {
            return false;
        }
        self.push(&mut waiting, upcall);
        true
    }

    /// Queue a datagram of somebody unknown; false where there is no place. Handshakes have a budget,
    /// STUN and relayed signals another, so that none of the latter can starve the former.
    pub fn add_stranger(&self, source: Endpoint, datagram: &[u8], family: Stranger, now: Nanos) -> bool {
        let mut waiting = self.lock();
        if waiting.queue.len() >= UPCALLS_LIMIT {
            return false;
        }
        let budget = match family {
            Stranger::Handshake => &mut waiting.handshakes,
            Stranger::Check => &mut waiting.checks,
        };
        if !budget.spend(1, now) {
            return false;
        }
        self.push(&mut waiting, Upcall::DatagramReceived(source, datagram.to_vec()));
        true
    }

    /// Take up to `limit` upcalls.
    pub fn take(&self, limit: usize) -> Vec<Upcall> {
        let mut waiting = self.lock();
        let count = limit.min(waiting.queue.len());
        let taken = waiting.queue.drain(..count).collect();
        if waiting.queue.is_empty() {
            self.bell.silence();
        }
        taken
    }
}

#[cfg(test)]
/// Tests, and what other tests need of them.
pub mod tests {
    use super::*;
    use crate::time::SECOND;

    /// A bell that nobody hears.
    pub struct Mute;

    impl Bell for Mute {
        fn ring(&self) {}
        fn silence(&self) {}
    }

    #[test]
    fn strangers_are_bounded_apart() {
        let upcalls = Upcalls::new(Box::new(Mute));
        let source = Endpoint::direct(([192, 0, 2, 1], 9).into());
        let taken = |family| (0..3000).filter(|_| upcalls.add_stranger(source, b"x", family, 0)).count();
        assert_eq!(taken(Stranger::Check), 1000);
        assert_eq!(taken(Stranger::Handshake), 1000);
        for second in 1..10 {
            for _ in 0..2000 {
                upcalls.add_stranger(source, b"x", Stranger::Check, second * SECOND);
            }
        }
        assert_eq!(upcalls.take(usize::MAX).len(), UPCALLS_LIMIT);
    }

    #[test]
    fn other_upcalls_are_never_dropped() {
        let upcalls = Upcalls::new(Box::new(Mute));
        let source = Endpoint::direct(([192, 0, 2, 1], 9).into());
        let control = Upcall::ControlReceived(1, source, vec![1]);
        assert_eq!((0..9000).filter(|_| upcalls.add(control.clone())).count(), 2 * UPCALLS_LIMIT);
        assert!(upcalls.add(Upcall::RekeyDue(1)));
        assert_eq!(upcalls.take(10).len(), 10);
    }
}
