//! What a plane counts. Order and names are those of `zerogo.dataplane.counter.Counter`.

use std::sync::atomic::{AtomicU64, Ordering};

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "the names say it; docs/ARCHITECTURE.md lists them")]
pub enum Counter {
    TapFramesIn,
    TapFramesOut,
    TapSuperFramesIn,
    TapSuperFramesOut,
    UdpDatagramsIn,
    UdpDatagramsOut,
    UdpTrainsIn,
    UdpTrainsOut,
    ChecksumsElided,
    ChecksumsCompleted,
    FragmentsIn,
    FragmentsOut,
    NeighborsAnswered,
    Flooded,
    DroppedUnknownIndex,
    DroppedUnauthentic,
    DroppedReplay,
    DroppedMalformed,
    DroppedForeignSource,
    DroppedUnknownDestination,
    DroppedStaged,
    DroppedExpiredSession,
    DroppedUpcallQueue,
    DroppedTapWrite,
    DroppedUdpSend,
    DroppedStorm,
    FallbackTapTso,
    FallbackTapUso,
    FallbackTapGsoWrite,
    FallbackUdpGso,
    FallbackUdpGro,
}

/// All counters, in order, by the names of `status --json`.
pub const NAMES: [&str; 31] = [
    "tap_frames_in",
    "tap_frames_out",
    "tap_super_frames_in",
    "tap_super_frames_out",
    "udp_datagrams_in",
    "udp_datagrams_out",
    "udp_trains_in",
    "udp_trains_out",
    "checksums_elided",
    "checksums_completed",
    "fragments_in",
    "fragments_out",
    "neighbors_answered",
    "flooded",
    "dropped_unknown_index",
    "dropped_unauthentic",
    "dropped_replay",
    "dropped_malformed",
    "dropped_foreign_source",
    "dropped_unknown_destination",
    "dropped_staged",
    "dropped_expired_session",
    "dropped_upcall_queue",
    "dropped_tap_write",
    "dropped_udp_send",
    "dropped_storm",
    "fallback_tap_tso",
    "fallback_tap_uso",
    "fallback_tap_gso_write",
    "fallback_udp_gso",
    "fallback_udp_gro",
];

/// The counters of one thread, which alone adds to them; others may read.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; NAMES.len()]);

impl Tally {
    /// Add `amount`.
    pub fn add(&self, counter: Counter, amount: usize) {
        // One writer, so a load and a store will do; a locked instruction would cost more than the packet's header.
        let cell = &self.0[counter as usize];
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount as u64), Ordering::Relaxed);
    }

    /// The value of one counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    /// All values in order.
    pub fn snapshot(&self) -> [u64; NAMES.len()] {
        std::array::from_fn(|at| self.0[at].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_agree() {
        assert_eq!(NAMES[Counter::TapFramesIn as usize], "tap_frames_in");
        assert_eq!(NAMES[Counter::DroppedReplay as usize], "dropped_replay");
        assert_eq!(NAMES[Counter::FallbackUdpGro as usize], "fallback_udp_gro");
        assert_eq!(Counter::FallbackUdpGro as usize + 1, NAMES.len());
    }
}
