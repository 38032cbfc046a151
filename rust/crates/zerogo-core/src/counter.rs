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
    ForwardCarried,
    ForwardDelivered,
    TwinsOut,
    LateCopiesOut,
    CongestionMarked,
    DroppedUnknownIndex,
    DroppedUnauthentic,
    DroppedReplay,
    DroppedMalformed,
    DroppedForeignSource,
    DroppedUnknownDestination,
    DroppedQueue,
    DroppedStaged,
    DroppedExpiredSession,
    DroppedUpcallQueue,
    DroppedTapWrite,
    DroppedUdpSend,
    DroppedStorm,
    DroppedMac1,
    DroppedNoEndpoint,
    DroppedForwardInvalid,
    DroppedForwardRate,
    DroppedForwardNoWay,
    DroppedForwardTooLong,
    DroppedPolicyOut,
    DroppedPolicyIn,
    FallbackTapTso,
    FallbackTapUso,
    FallbackTapGsoWrite,
    FallbackUdpGso,
    FallbackUdpGro,
}

/// All counters, in order, by the names of `status --json`.
pub const NAMES: [&str; 45] = [
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
    "forward_carried",
    "forward_delivered",
    "twins_out",
    "late_copies_out",
    "congestion_marked",
    "dropped_unknown_index",
    "dropped_unauthentic",
    "dropped_replay",
    "dropped_malformed",
    "dropped_foreign_source",
    "dropped_unknown_destination",
    "dropped_queue",
    "dropped_staged",
    "dropped_expired_session",
    "dropped_upcall_queue",
    "dropped_tap_write",
    "dropped_udp_send",
    "dropped_storm",
    "dropped_mac1",
    "dropped_no_endpoint",
    "dropped_forward_invalid",
    "dropped_forward_rate",
    "dropped_forward_no_way",
    "dropped_forward_too_long",
    "dropped_policy_out",
    "dropped_policy_in",
    "fallback_tap_tso",
    "fallback_tap_uso",
    "fallback_tap_gso_write",
    "fallback_udp_gso",
    "fallback_udp_gro",
];

/// The counters of one thread, which alone adds to them; others may read.
#[derive(Debug)]
pub struct Tally([AtomicU64; NAMES.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

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
