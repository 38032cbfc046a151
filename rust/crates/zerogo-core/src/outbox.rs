//! Datagrams on their way to the sockets: sealed one after the other, gathered in trains.
//!
//! Datagrams of one size to one place make a train, that the kernel cuts. Nothing waits for a train to fill: all leave
//! when the TAP has nothing more.

use std::ops::Range;

use crate::endpoint::Place;
use crate::fdb::PeerNumber;
use crate::late::LateCopies;
use crate::session::Session;
use crate::time::Nanos;
use crate::way::Way;
use crate::wire::{HEADER_BYTES, SEAL_BYTES, TAG_BYTES};

/// UDP_MAX_SEGMENTS before Linux 6.9; also what UDP_GRO puts together.
pub const TRAIN_DATAGRAMS_LIMIT: usize = 64;
/// A little below 65507: a train of exactly that was seen to arrive as single datagrams.
pub const TRAIN_BYTES_LIMIT: usize = 64_400;
const TRAINS_LIMIT: usize = 32;
const BUFFER_BYTES: usize = 192 * 1024;

/// Whom to tell that a train could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody.
    Nobody,
    /// The peer's path, once in a while.
    Path(PeerNumber),
    /// The peer's path, unless the message was too long: a control message, which may be a probe of just that.
    Probe(PeerNumber),
}

/// Datagrams of equal size, the last may be shorter, that lie one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Train {
    /// Where they go.
    pub to: Place,
    /// Where they lie.
    pub range: Range<usize>,
    /// Bytes of each but the last.
    pub segment: usize,
    /// How many.
    pub count: usize,
    /// Whom to tell of a failure.
    pub blame: Blame,
}

/// The sockets.
pub trait DatagramSink {
    /// Send the trains that lie in `buffer`; tell `failed` of those that could not be, and the errno.
    fn send(&mut self, buffer: &[u8], trains: &[Train], now: Nanos, failed: &mut dyn FnMut(&Train, i32));
}

/// Trains that wait for the end of a turn.
pub struct Outbox<S> {
    sink: S,
    buffer: Vec<u8>,
    used: usize,
    trains: Vec<Train>,
    run: Vec<Train>,
    failures: Vec<(Blame, i32)>,
    spare: Vec<u8>,
    /// What goes once more.
    pub late: LateCopies,
}

impl<S: DatagramSink> Outbox<S> {
    /// An empty one.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            buffer: vec![0; BUFFER_BYTES],
            used: 0,
            trains: Vec::new(),
            run: Vec::new(),
            failures: Vec::new(),
            spare: Vec::new(),
            late: LateCopies::default(),
        }
    }

    /// Seal the plaintext that `pieces` make and queue it that way; false where a session has no more counters.
    pub fn append(&mut self, way: &Way, blame: Blame, session: &Session, pieces: [&[u8]; 2], now: Nanos) -> bool {
        let size = pieces[0].len() + pieces[1].len() + SEAL_BYTES;
        let whole = way.before() + size + way.after();
        let start = self.reserve(way.place, blame, whole, now);
        let begin = start + way.before();
        let slot = &mut self.buffer[begin..begin + size];
        let middle = HEADER_BYTES + pieces[0].len();
        slot[HEADER_BYTES..middle].copy_from_slice(pieces[0]);
        slot[middle..size - TAG_BYTES].copy_from_slice(pieces[1]);
        session.seal(slot) && self.finish(way, blame, start, whole)
    }

    /// Seal the plaintext that `pieces` make, to be queued several ways: a route's wrapping seals what lies in its slot
    /// once more. `None` where the session has no more counters. Give the memory back with `reuse`.
    pub fn seal(&mut self, session: &Session, pieces: [&[u8]; 2]) -> Option<Vec<u8>> {
        let mut datagram = std::mem::take(&mut self.spare);
        datagram.clear();
        datagram.resize(HEADER_BYTES, 0);
        datagram.extend_from_slice(pieces[0]);
        datagram.extend_from_slice(pieces[1]);
        datagram.resize(datagram.len() + TAG_BYTES, 0);
        let is_sealed = session.seal(&mut datagram);
        if !is_sealed {
            self.reuse(datagram);
            return None;
        }
        Some(datagram)
    }

    /// Keep the memory of a datagram for the next one that goes several ways.
    pub fn reuse(&mut self, datagram: Vec<u8>) {
        self.spare = datagram;
    }

    /// Queue a datagram that is complete; false where it cannot be wrapped.
    pub fn append_raw(&mut self, way: &Way, blame: Blame, datagram: &[u8], now: Nanos) -> bool {
        let whole = way.before() + datagram.len() + way.after();
        if datagram.is_empty() || whole > BUFFER_BYTES {
            return false;
        }
        let start = self.reserve(way.place, blame, whole, now);
        let begin = start + way.before();
        self.buffer[begin..begin + datagram.len()].copy_from_slice(datagram);
        self.finish(way, blame, start, whole)
    }

    fn finish(&mut self, way: &Way, blame: Blame, start: usize, whole: usize) -> bool {
        let is_wrapped = way.wrap(&mut self.buffer[start..start + whole]);
        if is_wrapped {
            self.commit(way.place, blame, start, whole);
        }
        is_wrapped
    }

    fn joins(&self, to: Place, blame: Blame, size: usize) -> bool {
        self.trains.last().is_some_and(|train| {
            train.to == to
                && train.blame == blame
                && size <= train.segment
                && train.range.len() == train.segment * train.count
                && train.count < TRAIN_DATAGRAMS_LIMIT
                && train.range.len() + size <= TRAIN_BYTES_LIMIT
        })
    }

    fn reserve(&mut self, to: Place, blame: Blame, size: usize, now: Nanos) -> usize {
        let is_full = self.trains.len() >= TRAINS_LIMIT && !self.joins(to, blame, size);
        if is_full || self.used + size > self.buffer.len() {
            self.flush(now);
        }
        self.used
    }

    fn commit(&mut self, to: Place, blame: Blame, start: usize, size: usize) {
        let joins = self.joins(to, blame, size);
        self.used = start + size;
        if joins && let Some(train) = self.trains.last_mut() {
            train.count += 1;
            train.range.end = self.used;
            return;
        }
        self.trains.push(Train { to, range: start..self.used, segment: size, count: 1, blame });
    }

    /// Send what waits.
    pub fn flush(&mut self, now: Nanos) {
        if self.trains.is_empty() {
            return;
        }
        let failures = &mut self.failures;
        let mut failed = |train: &Train, errno| failures.push((train.blame, errno));
        self.sink.send(&self.buffer[..self.used], &self.trains, now, &mut failed);
        self.trains.clear();
        self.used = 0;
    }

    /// Send a run of wrapped slots of `segment` bytes, the last may be shorter, that lie in another buffer.
    pub fn send_run(&mut self, to: Place, blame: Blame, buffer: &[u8], run: Range<usize>, segment: usize, now: Nanos) {
        let step = TRAIN_DATAGRAMS_LIMIT.min(TRAIN_BYTES_LIMIT / segment).max(1) * segment;
        let train = |start: usize| {
            let range = start..run.end.min(start + step);
            Train { to, count: range.len().div_ceil(segment), range, segment, blame }
        };
        self.run.clear();
        self.run.extend(run.clone().step_by(step).map(train));
        let failures = &mut self.failures;
        let mut failed = |train: &Train, errno| failures.push((train.blame, errno));
        self.sink.send(buffer, &self.run, now, &mut failed);
    }

    /// One of those that could not be sent, and why.
    pub fn take_failure(&mut self) -> Option<(Blame, i32)> {
        self.failures.pop()
    }

    /// The sockets.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::Suite;
    use crate::session::tests::pair;
    use std::net::SocketAddr;

    struct Collect(Vec<Train>);

    impl DatagramSink for Collect {
        fn send(&mut self, buffer: &[u8], trains: &[Train], _: Nanos, _: &mut dyn FnMut(&Train, i32)) {
            assert!(trains.iter().all(|train| train.range.end <= buffer.len()));
            self.0.extend_from_slice(trains);
        }
    }

    fn lengths(sizes: &[usize]) -> Vec<(usize, usize)> {
        let (session, _) = pair(Suite::AesGcm);
        let way = Way::direct(Place::direct(SocketAddr::from(([192, 0, 2, 1], 1))));
        let mut outbox = Outbox::new(Collect(Vec::new()));
        for size in sizes {
            assert!(outbox.append(&way, Blame::Nobody, &session, [&[0; 4], &vec![0; *size - 36]], 0));
        }
        outbox.flush(0);
        outbox.sink_mut().0.iter().map(|train| (train.count, train.segment)).collect()
    }

    #[test]
    fn equal_sizes_gather_and_a_shorter_one_ends_the_train() {
        assert_eq!(lengths(&[100, 100, 100]), [(3, 100)]);
        assert_eq!(lengths(&[100, 100, 60, 60, 100]), [(3, 100), (1, 60), (1, 100)]);
        assert_eq!(lengths(&[100, 200]), [(1, 100), (1, 200)]);
    }

    #[test]
    fn trains_are_bounded() {
        assert_eq!(lengths(&[100; 130]), [(64, 100), (64, 100), (2, 100)]);
        assert_eq!(lengths(&[1472; 50]), [(43, 1472), (7, 1472)]);
        let alternating: Vec<usize> = (0..200).map(|at| 100 + at).collect();
        assert_eq!(lengths(&alternating).len(), 200);
    }
}
