//! Which counters of a session have been seen: the sliding window of RFC 6479, 8192 bits in words of 64.
//!
//! It covers the greatest counter seen and the 8128 before it. `accepts` is a look that may come before the tag is
//! checked; only `commit`, after it, changes anything.

const WORD_BITS: u64 = 64;
const WORDS: usize = 128;
/// How far behind the greatest counter one may be; one word is given up so that whole words can be cleared.
pub const WINDOW: u64 = WORDS as u64 * WORD_BITS - WORD_BITS;
/// Counters from here on are neither sent nor taken.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// The counters seen on one receiving key.
#[derive(Debug)]
pub struct ReplayWindow {
    /// One more than the greatest counter seen; 0 before any.
    beyond: u64,
    words: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { beyond: 0, words: [0; WORDS] }
    }
}

impl ReplayWindow {
    /// Whether `counter` is new and not too old.
    pub fn accepts(&self, counter: u64) -> bool {
        if counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        if counter >= self.beyond {
            return true;
        }
        if counter + WINDOW < self.beyond - 1 {
            return false;
        }
        self.words[Self::word(counter)] >> (counter % WORD_BITS) & 1 == 0
    }

    /// Whether `counter` is greater than any seen.
    pub fn is_ahead(&self, counter: u64) -> bool {
        counter >= self.beyond && counter < REJECT_AFTER_MESSAGES
    }

    /// Mark `counter` as seen, once its datagram authenticated; false where `accepts` would say so.
    pub fn commit(&mut self, counter: u64) -> bool {
        if !self.accepts(counter) {
            return false;
        }
        if counter >= self.beyond {
            self.advance_to(counter);
        }
        self.words[Self::word(counter)] |= 1 << (counter % WORD_BITS);
        true
    }

    fn word(counter: u64) -> usize {
        (counter / WORD_BITS) as usize % WORDS
    }

    fn advance_to(&mut self, counter: u64) {
        let new = counter / WORD_BITS;
        // Before any counter the word of counter 0 is clear already, so there is nothing to clear up to it.
        let old = self.beyond.saturating_sub(1) / WORD_BITS;
        for word in new.saturating_sub((new - old).min(WORDS as u64)) + 1..=new {
            self.words[word as usize % WORDS] = 0;
        }
        if new - old >= WORDS as u64 {
            self.words = [0; WORDS];
        }
        self.beyond = counter + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_counter_is_taken_once() {
        let mut window = ReplayWindow::default();
        for counter in [0, 1, 5, 3, 64, 63, 8191, 8192, 100] {
            assert!(window.commit(counter), "{counter}");
            assert!(!window.accepts(counter), "{counter}");
        }
    }

    #[test]
    fn the_window_is_8128_wide() {
        let mut window = ReplayWindow::default();
        assert!(window.commit(20_000));
        assert!(window.accepts(20_000 - WINDOW));
        assert!(!window.accepts(20_000 - WINDOW - 1));
    }

    #[test]
    fn the_last_counters_are_refused() {
        let mut window = ReplayWindow::default();
        assert!(!window.commit(u64::MAX));
        assert!(!window.accepts(REJECT_AFTER_MESSAGES));
        assert!(window.commit(REJECT_AFTER_MESSAGES - 1));
        assert!(window.accepts(REJECT_AFTER_MESSAGES - 2));
    }

    #[test]
    fn it_agrees_with_a_set_of_all_counters() {
        let mut window = ReplayWindow::default();
        let (mut seen, mut greatest, mut state) = (HashSet::new(), 0u64, 1u64);
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let jump = (state >> 33) % 9000;
            let counter = if state >> 62 == 0 { greatest + jump % 300 } else { greatest.saturating_sub(jump) };
            let expected = counter + WINDOW >= greatest && !seen.contains(&counter);
            assert_eq!(window.commit(counter), expected, "{counter} after {greatest}");
            seen.insert(counter);
            greatest = greatest.max(counter);
        }
    }

    #[test]
    fn a_jump_over_the_whole_window_forgets_all() {
        let mut window = ReplayWindow::default();
        for counter in 0..9000 {
            assert!(window.commit(counter));
        }
        assert!(window.commit(1_000_000));
        for counter in 1_000_000 - WINDOW..1_000_000 {
            assert!(window.commit(counter), "{counter}");
        }
    }
}
