//! The thread that reads and forwards, and what its owner asks of it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::batch::{BATCH, Batch};
use crate::poll::{Event, Poll};
use crate::table::{End, Flow, Nanos, SocketKind, Table, Tally, Verdict};

/// Datagrams that wait to be fetched; the newest beyond it are dropped.
const RAISED_LIMIT: usize = 4096;
/// Their bytes: strangers can send datagrams of 64 KB.
const RAISED_BYTES_LIMIT: usize = 8 << 20;
/// What one socket may have read before the others have their turn.
const BATCHES_AT_ONCE: usize = 4;
const SWEEP_MS: i32 = 5000;
const STOP: u64 = u64::MAX;

/// A datagram that the relay has to look at, or a flow.
#[derive(Debug)]
pub struct Raised {
    /// Where it came to.
    pub socket: u32,
    /// Where it came from.
    pub source: SocketAddr,
    /// What it is; of a flow that is to be decided again, nothing: its datagrams are on their way.
    pub data: Vec<u8>,
    /// The channel of such a flow, 0 for one of a peer.
    pub renews: Option<u16>,
}

/// What waits to be fetched.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Raised>,
    bytes: usize,
}

impl Queue {
    /// Whether there was room.
    fn push(&mut self, raised: Raised) -> bool {
        let has_room = self.waiting.len() < RAISED_LIMIT && self.bytes + raised.data.len() <= RAISED_BYTES_LIMIT;
        if has_room {
            self.bytes += raised.data.len();
            self.waiting.push_back(raised);
        }
        has_room
    }

    fn take(&mut self, limit: usize) -> Vec<Raised> {
        let count = self.waiting.len().min(limit);
        let taken: Vec<Raised> = self.waiting.drain(..count).collect();
        self.bytes -= taken.iter().map(|raised| raised.data.len()).sum::<usize>();
        taken
    }
}

#[derive(Debug)]
struct Socket {
    descriptor: OwnedFd,
    kind: SocketKind,
}

#[derive(Debug)]
struct Shared {
    poll: Poll,
    wake: Event,
    stop: Event,
    is_stopped: AtomicBool,
    sockets: Mutex<HashMap<u32, Arc<Socket>>>,
    table: Mutex<Table>,
    raised: Mutex<Queue>,
}

/// A thread that forwards until this is dropped.
#[derive(Debug)]
pub struct Forwarder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Start it, without sockets.
    pub fn new() -> io::Result<Self> {
        let (poll, wake, stop) = (Poll::new()?, Event::new()?, Event::new()?);
        poll.add(stop.as_raw_fd(), STOP)?;
        let shared = Arc::new(Shared {
            poll,
            wake,
            stop,
            is_stopped: AtomicBool::new(false),
            sockets: Mutex::default(),
            table: Mutex::default(),
            raised: Mutex::default(),
        });
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("zerogo-relay".into()).spawn(move || seen.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Readable while there is something to fetch.
    pub fn descriptor(&self) -> RawFd {
        self.shared.wake.as_raw_fd()
    }

    /// Read a socket too; `number` is the caller's, and was not used before.
    pub fn add_socket(&self, number: u32, descriptor: OwnedFd, kind: SocketKind) -> io::Result<()> {
        let raw = descriptor.as_raw_fd();
        hold(&self.shared.sockets).insert(number, Arc::new(Socket { descriptor, kind }));
        self.shared.poll.add(raw, u64::from(number))
    }

    /// Read a socket no more; its flows end.
    pub fn remove_socket(&self, number: u32) {
        let removed = hold(&self.shared.sockets).remove(&number);
        if let Some(socket) = removed {
            self.shared.poll.remove(socket.descriptor.as_raw_fd());
        }
        self.table().forget_socket(number);
    }

    /// Forward what comes from an end to another for so many nanoseconds; `buckets` are those of `Flow`.
    pub fn add_flow(&self, from: End, to: End, buckets: [u32; 2], lasts: Nanos) {
        let now = now();
        self.table().add_flow(from, Flow { to, buckets, expires_at: now.saturating_add(lasts) }, now);
    }

    /// A client has no allocation any more.
    pub fn forget_remote(&self, socket: u32, remote: SocketAddr) {
        self.table().forget_remote(socket, remote);
    }

    /// A user may have so many bytes a second.
    pub fn add_bucket(&self, number: u32, rate: f64) {
        self.table().add_bucket(number, rate, now());
    }

    /// A user is gone.
    pub fn remove_bucket(&self, number: u32) {
        self.table().remove_bucket(number);
    }

    /// Take from a user's bandwidth, for what the relay forwards itself.
    pub fn take(&self, number: u32, amount: usize) -> bool {
        self.table().take(number, amount, now())
    }

    /// What is to be looked at, at most `limit`; the descriptor stays readable where more waits.
    pub fn fetch(&self, limit: usize) -> Vec<Raised> {
        let mut raised = hold(&self.shared.raised);
        let fetched = raised.take(limit);
        if raised.waiting.is_empty() {
            self.shared.wake.clear();
        }
        fetched
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        self.table().tally
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.table().flows()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        hold(&self.shared.table)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        self.shared.stop.raise();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut batch = Batch::new();
        let mut sweep_at = 0;
        while !self.is_stopped.load(Ordering::Relaxed) {
            for number in self.poll.wait(SWEEP_MS) {
                if let Ok(number) = u32::try_from(number) {
                    self.serve(number, &mut batch);
                }
            }
            let now = now();
            if sweep_at <= now {
                hold(&self.table).sweep(now);
                sweep_at = now + SWEEP_MS as Nanos * 1_000_000;
            }
        }
    }

    fn serve(&self, number: u32, batch: &mut Batch) {
        let Some(socket) = self.socket(number) else { return };
        for _ in 0..BATCHES_AT_ONCE {
            let count = batch.receive(socket.descriptor.as_raw_fd());
            if count > 0 {
                self.decide(number, socket.kind, batch);
                self.send(batch);
            }
            if count < BATCH {
                return;
            }
        }
    }

    fn decide(&self, number: u32, kind: SocketKind, batch: &mut Batch) {
        let now = now();
        let mut verdicts = [Verdict::Drop; BATCH];
        let mut is_raised = false;
        let mut table = hold(&self.table);
        for (at, data, source) in batch.arrivals().filter(|(_, _, source)| source.port() != 0) {
            verdicts[at] = table.decide(number, kind, source, data, now);
            is_raised |= matches!(verdicts[at], Verdict::Raise | Verdict::Forward { renews: true, .. });
        }
        drop(table);
        if is_raised {
            self.raise(number, batch, &verdicts);
        }
        for (at, verdict) in verdicts.into_iter().enumerate() {
            if let Verdict::Forward { start, end, to, .. } = verdict {
                batch.forward(at, start, end, to);
            }
        }
    }

    fn raise(&self, socket: u32, batch: &Batch, verdicts: &[Verdict]) {
        let mut overflowed = 0;
        let mut raised = hold(&self.raised);
        for (at, data, source) in batch.arrivals() {
            let (data, renews) = match verdicts[at] {
                Verdict::Raise => (data.to_vec(), None),
                Verdict::Forward { renews: true, start, .. } => (Vec::new(), Some(channel_of(&data[..start]))),
                _ => continue,
            };
            overflowed += u64::from(!raised.push(Raised { socket, source, data, renews }));
        }
        self.wake.raise();
        drop(raised);
        hold(&self.table).tally.overflowed += overflowed;
    }

    fn send(&self, batch: &Batch) {
        let mut lost = 0;
        for row in batch.rows() {
            lost += match self.socket(row[0].to.socket) {
                Some(socket) => batch.send(socket.descriptor.as_raw_fd(), row),
                None => row.len(),
            };
        }
        if lost > 0 {
            hold(&self.table).tally.unsendable += lost as u64;
        }
    }

    fn socket(&self, number: u32) -> Option<Arc<Socket>> {
        hold(&self.sockets).get(&number).cloned()
    }
}

/// The channel in the header of ChannelData; 0 where there is none.
fn channel_of(header: &[u8]) -> u16 {
    header.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Monotonic time.
fn now() -> Nanos {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: passes a pointer to a local timespec; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_number_and_bytes_and_makes_room_again() {
        let source = "192.0.2.1:1".parse().unwrap();
        let raised = |size| Raised { socket: 1, source, data: vec![0; size], renews: None };
        let (mut small, mut large) = (Queue::default(), Queue::default());
        assert_eq!((0..RAISED_LIMIT + 9).filter(|_| small.push(raised(1))).count(), RAISED_LIMIT);
        assert_eq!((0..RAISED_LIMIT).filter(|_| large.push(raised(65_536))).count(), RAISED_BYTES_LIMIT / 65_536);
        assert_eq!(large.take(RAISED_LIMIT).len(), RAISED_BYTES_LIMIT / 65_536);
        assert!(large.push(raised(65_536)));
    }
}
