//! The forwarding of a TURN relay (RFC 8656), without its decisions.
//!
//! One thread reads all UDP sockets of the relay. A datagram for which there is a *flow* goes on at once, with its
//! ChannelData header added, changed or removed; every other one is *raised* to the relay itself, which answers requests,
//! and adds flows for what it permits. Flows end by themselves, so that whoever decided looks at them again; a user's
//! bandwidth is a bucket that both draw from.
//!
//! - `table`: flows and buckets, no system calls.
//! - `batch`: many datagrams in one system call.
//! - `forwarder`: the thread.

#![deny(clippy::undocumented_unsafe_blocks)]

mod address;
mod batch;
mod forwarder;
mod poll;
mod table;

pub use forwarder::{Forwarder, Raised};
pub use table::{End, SocketKind, Tally};
