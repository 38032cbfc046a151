//! Monotonic time as the drivers hand it in. Nothing here reads a clock.

/// Nanoseconds of a monotonic clock.
pub type Nanos = u64;

/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// A time that does not come, and the mark of what never happened.
pub const NEVER: Nanos = Nanos::MAX;
