//! What waits to be sealed: by flow, the short flows first, none for long (RFC 8290).
//!
//! The kernel's own queue disciplines never see what the TAP holds back, and a super-frame is up to 64 KiB, so a plane
//! without a queue of its own would keep a ping waiting behind megabytes. Two bands: real-time frames go first, as long as
//! they leave the others a share. In each band flows take turns by bytes (deficit round robin); a flow that has nothing
//! waiting goes before those that have. Of a flow whose frames waited longer than `TARGET` for `INTERVAL`
//! some are *late* (CoDel, RFC 8289): its owner marks or drops them, since a sender that is told nothing only fills the
//! queue.
//!
//! Memory: what waits is bounded by its owner; here are handles only, and nothing is allocated once the queues have grown.

use std::collections::VecDeque;

use crate::flow::Flow;
use crate::time::{MILLISECOND, Nanos};
use crate::wire::BAND_REAL_TIME;

const FLOWS: usize = 128;
/// Bytes of a turn.
const QUANTUM: isize = 8192;
/// Bytes of real-time frames that may go before one of the others does.
const REAL_TIME_SHARE: usize = 16_384;
/// How long a frame may wait.
pub const TARGET: Nanos = 5 * MILLISECOND;
/// How long frames may wait longer.
pub const INTERVAL: Nanos = 100 * MILLISECOND;

#[derive(Clone, Copy, Debug)]
struct Waiting<T> {
    item: T,
    size: usize,
    since: Nanos,
}

/// The state of CoDel for one flow.
#[derive(Clone, Copy, Debug, Default)]
struct Delay {
    /// When frames will have waited too long for too long; 0 where they do not.
    above_until: Nanos,
    is_dropping: bool,
    drop_next: Nanos,
    count: u32,
}

impl Delay {
    /// Whether a frame that waited for `sojourn` waited too long; `is_last` says that nothing waits behind it.
    fn is_too_long(&mut self, sojourn: Nanos, is_last: bool, now: Nanos) -> bool {
        if sojourn < TARGET || is_last {
            self.above_until = 0;
            return false;
        }
        if self.above_until == 0 {
            self.above_until = now + INTERVAL;
            return false;
        }
        now >= self.above_until
    }

    fn step(&self) -> Nanos {
        (INTERVAL as f64 / f64::from(self.count.max(1)).sqrt()) as Nanos
    }

    /// Whether the sender is to learn by this frame, at the head of its queue, that it sends too much.
    fn is_late(&mut self, sojourn: Nanos, is_last: bool, now: Nanos) -> bool {
        let is_too_long = self.is_too_long(sojourn, is_last, now);
        if !self.is_dropping {
            if is_too_long {
                self.is_dropping = true;
                // A queue that was bad a moment ago is taken up where it was left.
                let is_recent = now.saturating_sub(self.drop_next) < 16 * INTERVAL;
                self.count = if is_recent && self.count > 2 { self.count - 2 } else { 1 };
                self.drop_next = now + self.step();
            }
            return is_too_long;
        }
        if !is_too_long {
            self.is_dropping = false;
            return false;
        }
        if now < self.drop_next {
            return false;
        }
        self.count += 1;
        self.drop_next += self.step();
        true
    }
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
    deficit: isize,
    is_listed: bool,
    delay: Delay,
}

/// The flows of one band.
#[derive(Debug)]
struct Band<T> {
    lanes: Vec<Lane<T>>,
    fresh: VecDeque<usize>,
    old: VecDeque<usize>,
}

impl<T> Band<T> {
    fn new() -> Self {
        let lane =
            |_| Lane { waiting: VecDeque::new(), bytes: 0, deficit: 0, is_listed: false, delay: Delay::default() };
        Self { lanes: (0..FLOWS).map(lane).collect(), fresh: VecDeque::new(), old: VecDeque::new() }
    }

    fn push(&mut self, hash: u32, waiting: Waiting<T>) {
        let at = hash as usize % FLOWS;
        let lane = &mut self.lanes[at];
        lane.bytes += waiting.size;
        lane.waiting.push_back(waiting);
        if !lane.is_listed {
            lane.is_listed = true;
            lane.deficit = QUANTUM;
            self.fresh.push_back(at);
        }
    }

    /// The lane whose turn it is, and whether it is a fresh one.
    fn turn(&mut self) -> Option<(usize, bool)> {
        loop {
            let (at, is_fresh) = match (self.fresh.front(), self.old.front()) {
                (Some(at), _) => (*at, true),
                (None, Some(at)) => (*at, false),
                (None, None) => return None,
            };
            let lane = &mut self.lanes[at];
            if lane.deficit > 0 {
                return Some((at, is_fresh));
            }
            lane.deficit += QUANTUM;
            self.unlist(is_fresh);
            self.old.push_back(at);
        }
    }

    fn unlist(&mut self, is_fresh: bool) {
        if is_fresh {
            self.fresh.pop_front()
        } else {
            self.old.pop_front()
        };
    }

    /// The frame that goes next, and whether it is late.
    fn pop(&mut self, now: Nanos) -> Option<(Waiting<T>, bool)> {
        loop {
            let (at, is_fresh) = self.turn()?;
            let lane = &mut self.lanes[at];
            let Some(waiting) = lane.waiting.pop_front() else {
                // A flow may not become fresh again by pausing for one turn while others wait.
                lane.is_listed = is_fresh && !self.old.is_empty();
                let stays = lane.is_listed;
                self.unlist(is_fresh);
                if stays {
                    self.old.push_back(at);
                }
                continue;
            };
            lane.bytes -= waiting.size;
            lane.deficit -= waiting.size as isize;
            let is_late = lane.delay.is_late(now.saturating_sub(waiting.since), lane.waiting.is_empty(), now);
            return Some((waiting, is_late));
        }
    }
}

/// Handles of frames, in the order in which they are to be sent.
#[derive(Debug)]
pub struct Queue<T> {
    real_time: Band<T>,
    others: Band<T>,
    /// Bytes of real-time frames since one of the others went.
    ahead: usize,
    count: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { real_time: Band::new(), others: Band::new(), ahead: 0, count: 0 }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Have a frame of `size` bytes wait.
    pub fn push(&mut self, flow: Flow, size: usize, item: T, now: Nanos) {
        self.count += 1;
        let band = if flow.band == BAND_REAL_TIME { &mut self.real_time } else { &mut self.others };
        band.push(flow.hash, Waiting { item, size, since: now });
    }

    /// The frame that goes next, and whether it is late.
    pub fn pop(&mut self, now: Nanos) -> Option<(T, bool)> {
        let mut next = None;
        if self.ahead < REAL_TIME_SHARE {
            next = self.real_time.pop(now);
            self.ahead += next.as_ref().map_or(0, |(waiting, _)| waiting.size);
        }
        if next.is_none() {
            self.ahead = 0;
            next = self.others.pop(now).or_else(|| self.real_time.pop(now));
        }
        self.count -= usize::from(next.is_some());
        next.map(|(waiting, is_late)| (waiting.item, is_late))
    }

    /// Take the oldest frame of the flow with most bytes waiting, since there is no room for more.
    pub fn shed(&mut self) -> Option<T> {
        let lanes = self.others.lanes.iter_mut().chain(&mut self.real_time.lanes);
        let lane = lanes.max_by_key(|lane| lane.bytes)?;
        let waiting = lane.waiting.pop_front()?;
        lane.bytes -= waiting.size;
        self.count -= 1;
        Some(waiting.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::BAND_BULK;

    fn flow(hash: u32) -> Flow {
        Flow { hash, band: BAND_BULK }
    }

    fn urgent(hash: u32) -> Flow {
        Flow { hash, band: BAND_REAL_TIME }
    }

    fn drain(queue: &mut Queue<u32>, now: Nanos) -> Vec<u32> {
        let next = || queue.pop(now).map(|(item, is_late)| (!is_late).then_some(item).expect("nothing is late"));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_flow_keeps_its_order_and_a_short_one_goes_before_a_long_one() {
        let mut queue = Queue::default();
        for at in 0..10 {
            queue.push(flow(1), 60_000, at, 0);
        }
        assert_eq!(queue.pop(0), Some((0, false)));
        queue.push(flow(2), 100, 77, 0);
        assert_eq!(queue.len(), 10);
        let mut rest: Vec<u32> = (1..10).collect();
        rest.insert(0, 77);
        assert_eq!(drain(&mut queue, 0), rest);
        assert!(queue.is_empty());
    }

    #[test]
    fn flows_share_by_bytes() {
        let mut queue = Queue::default();
        for at in 0..1000 {
            queue.push(flow(1), 60_000, 0, at);
            queue.push(flow(2), 1500, 1, at);
        }
        let mut bytes = [0i64, 0];
        for _ in 0..500 {
            let which = queue.pop(0).expect("a frame").0 as usize;
            bytes[which] += [60_000, 1500][which];
        }
        assert!((bytes[0] - bytes[1]).abs() < 130_000, "{bytes:?}");
    }

    #[test]
    fn real_time_goes_first_and_leaves_a_share() {
        let mut queue = Queue::default();
        for at in 0..1000 {
            queue.push(flow(1), 1500, 0, at);
            queue.push(urgent(at as u32), 200, 1, at);
        }
        let first: Vec<u32> = (0..400).map(|_| queue.pop(0).expect("a frame").0).collect();
        assert_eq!(first[..80], [1; 80]);
        let others = first.iter().filter(|which| **which == 0).count();
        assert!((3..10).contains(&others), "{others}");
    }

    #[test]
    fn some_of_a_flow_that_waits_too_long_are_late_until_it_recovers() {
        let mut queue = Queue::default();
        let mut late = 0;
        // 1000 frames a second come and 500 go.
        for tick in 0..2000u64 {
            let now = tick * MILLISECOND;
            queue.push(flow(1), 1500, 0, now);
            if tick % 2 == 0 {
                late += usize::from(queue.pop(now).expect("a frame").1);
            }
        }
        assert!((50..500).contains(&late), "{late}");
        assert_eq!(1000, queue.len());
        let now = 3_000 * MILLISECOND;
        while queue.pop(now).is_some() {}
        for tick in 0..500u64 {
            let now = now + tick * MILLISECOND;
            queue.push(flow(1), 1500, 0, now);
            assert_eq!(queue.pop(now), Some((0, false)));
        }
    }

    #[test]
    fn what_is_shed_is_of_the_longest_flow() {
        let mut queue = Queue::default();
        (0..5).for_each(|at| queue.push(flow(1), 1000, at, 0));
        (5..8).for_each(|at| queue.push(flow(2), 2000, at, 0));
        assert_eq!(queue.shed(), Some(5));
        assert_eq!(queue.shed(), Some(0));
        assert_eq!(drain(&mut queue, 0).len(), 6);
        assert_eq!(queue.shed(), None);
    }
}
