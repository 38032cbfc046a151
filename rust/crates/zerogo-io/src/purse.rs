//! How much processor time a thread may spend on staying awake where it could sleep.

use zerogo_core::time::{Nanos, SECOND};

/// What a full purse holds.
const FULL: Nanos = 2 * SECOND;
/// Of so much time one part is added.
const PART: Nanos = 1000;

/// Begins full; a plane that nobody uses takes a thousandth of a core at most.
#[derive(Debug)]
pub struct Purse {
    left: Nanos,
    filled_at: Nanos,
}

impl Purse {
    /// A full one.
    pub fn new() -> Self {
        Self { left: FULL, filled_at: 0 }
    }

    /// Whether there is so much in it.
    pub fn has(&mut self, amount: Nanos, now: Nanos) -> bool {
        let parts = now.saturating_sub(self.filled_at) / PART;
        self.filled_at += parts * PART;
        self.left = (self.left + parts).min(FULL);
        self.left >= amount
    }

    /// Take something out.
    pub fn spend(&mut self, amount: Nanos) {
        self.left = self.left.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_is_in_it_and_a_thousandth_of_the_time() {
        let mut purse = Purse::new();
        assert!(purse.has(FULL, 5));
        assert!(!purse.has(FULL + 1, 5));
        purse.spend(FULL - 7);
        assert!(purse.has(7, 5));
        assert!(!purse.has(8, 999));
        // Asked at every nanosecond it earns what it would if asked once.
        assert!((1000..=9000).all(|now| purse.has(0, now)));
        assert!(purse.has(7 + 9, 9000));
        assert!(!purse.has(7 + 10, 9999));
        purse.spend(FULL);
        assert!(!purse.has(1, 9999));
        assert!(purse.has(FULL, FULL * PART + 9999));
        assert!(!purse.has(FULL + 1, FULL * PART * 3));
    }
}
