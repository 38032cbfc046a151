//! Token buckets: bytes of broadcast, datagrams of strangers.

use crate::time::{Nanos, SECOND};

/// Bytes that may be flooded to peers, per second and at once; every copy counts.
pub const OUTGOING_BYTES: u64 = 4_000_000;
/// Bytes to group addresses that one peer may send us, per second and at once.
pub const INCOMING_BYTES: u64 = 1_000_000;

/// A bucket that fills with `rate` units per second up to `burst`; starts full.
#[derive(Debug)]
pub struct StormBudget {
    rate: u64,
    burst: f64,
    level: f64,
    updated_at: Option<Nanos>,
}

impl StormBudget {
    /// A full bucket.
    pub fn new(rate: u64, burst: u64) -> Self {
        Self { rate, burst: burst as f64, level: burst as f64, updated_at: None }
    }

    /// Take `size` units out; false, and nothing taken, where they are not there.
    pub fn spend(&mut self, size: usize, now: Nanos) -> bool {
        let elapsed = self.updated_at.map_or(0, |before| now.saturating_sub(before));
        self.level = self.burst.min(self.level + elapsed as f64 * self.rate as f64 / SECOND as f64);
        self.updated_at = Some(self.updated_at.map_or(now, |before| before.max(now)));
        if size as f64 > self.level {
            return false;
        }
        self.level -= size as f64;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_full_and_fills_again() {
        let mut budget = StormBudget::new(10, 5);
        assert!(budget.spend(5, 0));
        assert!(!budget.spend(1, 0));
        assert!(budget.spend(1, SECOND / 10));
        assert!(!budget.spend(6, 100 * SECOND));
        assert!(budget.spend(5, 100 * SECOND));
    }
}
