//! Frames that were read from the TAP and wait to be sealed, and the memory they wait in.
//!
//! A super-frame waits in the places it was read into; any other frame is copied to a place of its size, since it must not
//! take up the room of 64 KiB. Both kinds of places are bounded; memory is touched as it is first used. Where there is no
//! place the oldest frame of the longest flow goes.

use std::io::IoSliceMut;

use crate::cut::{Cutter, FRAME_LIMIT, Reader, Reading};
use crate::flow::flow_of;
use crate::queue::Queue;
use crate::time::Nanos;
use crate::vnet::VNET_BYTES;

/// Super-frames, and other frames larger than a small place, that wait at most.
const LARGE_LIMIT: usize = 32;
/// Other frames that wait at most.
const SMALL_LIMIT: usize = 1024;
const SMALL_BYTES: usize = 2048;

#[derive(Clone, Copy, Debug)]
enum Place {
    Small(usize),
    Large(usize, Reading),
}

/// The handle of a frame.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    size: usize,
}

/// A frame, with its virtio header, whose turn it is.
pub enum Next<'a> {
    /// In one piece.
    Whole(&'a mut [u8]),
    /// In the places of the shape that was expected; the size of it.
    Spread(&'a mut Cutter, usize),
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Bytes, with the virtio header.
    pub size: usize,
    /// Whether it is a frame at all.
    pub is_frame: bool,
    /// Frames that had to go for it.
    pub shed: usize,
}

/// Frames between the TAP and the seal.
#[derive(Debug)]
pub struct Backlog {
    /// What the next frame is read into.
    pub reader: Reader,
    desk: Cutter,
    large: Vec<Cutter>,
    free_large: Vec<usize>,
    small: Vec<u8>,
    free_small: Vec<usize>,
    queue: Queue<Entry>,
    /// The place of the frame whose turn it was.
    used: Option<Place>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            reader: Reader::default(),
            desk: Cutter::default(),
            large: (0..LARGE_LIMIT).map(|_| Cutter::default()).collect(),
            free_large: (0..LARGE_LIMIT).rev().collect(),
            small: vec![0; SMALL_LIMIT * SMALL_BYTES],
            free_small: (0..SMALL_LIMIT).rev().collect(),
            queue: Queue::default(),
            used: None,
        }
    }
}

impl Backlog {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Take one frame, with its virtio header, that `read` puts into the vectors it is given.
    pub fn take(
        &mut self,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> std::io::Result<usize>,
        now: Nanos,
    ) -> std::io::Result<Taken> {
        let (reading, size) = self.reader.read(&mut self.desk, read)?;
        let mut taken = Taken { size, is_frame: (VNET_BYTES..=VNET_BYTES + FRAME_LIMIT).contains(&size), shed: 0 };
        if !taken.is_frame {
            return Ok(taken);
        }
        let frame = if reading == Reading::Spread { self.desk.head() } else { self.desk.whole(size) };
        let flow = flow_of(&frame[VNET_BYTES..], size - VNET_BYTES);
        let is_small = reading == Reading::Whole && size <= SMALL_BYTES;
        while if is_small { self.free_small.is_empty() } else { self.free_large.is_empty() } {
            taken.shed += 1;
            match self.queue.shed() {
                Some(entry) => self.release(entry.place),
                None => return Ok(taken),
            }
        }
        let place = if is_small {
            self.free_small.pop().map(Place::Small)
        } else {
            self.free_large.pop().map(|at| Place::Large(at, reading))
        };
        let Some(place) = place else {
            return Ok(taken);
        };
        match place {
            Place::Small(at) => {
                let start = at * SMALL_BYTES;
                self.small[start..start + size].copy_from_slice(self.desk.whole(size));
            }
            Place::Large(at, _) => std::mem::swap(&mut self.desk, &mut self.large[at]),
        }
        self.queue.push(flow, size, Entry { place, size }, now);
        Ok(taken)
    }

    fn release(&mut self, place: Place) {
        match place {
            Place::Small(at) => self.free_small.push(at),
            Place::Large(at, _) => self.free_large.push(at),
        }
    }

    /// The frame whose turn it is, and whether it is late; its place is free again when this is called next.
    pub fn next(&mut self, now: Nanos) -> Option<(Next<'_>, bool)> {
        if let Some(place) = self.used.take() {
            self.release(place);
        }
        let (Entry { place, size }, is_late) = self.queue.pop(now)?;
        self.used = Some(place);
        let next = match place {
            Place::Small(at) => Next::Whole(&mut self.small[at * SMALL_BYTES..][..size]),
            Place::Large(at, Reading::Whole) => Next::Whole(self.large[at].whole(size)),
            Place::Large(at, Reading::Spread) => Next::Spread(&mut self.large[at], size),
        };
        Some((next, is_late))
    }
}
