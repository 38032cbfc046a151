//! TAP, UDP and the two threads of ZeroGo's native data plane.
//!
//! Run to completion, no queue between: one thread reads the TAP, seals and sends, and carries out the agent's verbs;
//! the other receives, opens and writes to the TAP. What they decide is `zerogo_core`; here are the system calls. Each
//! unsafe block says why it may be there; all of them are around one call each.

#![deny(clippy::undocumented_unsafe_blocks)]

mod clock;
mod event;
mod orders;
mod plane;
mod poll;
mod receive;
mod send;
mod sockets;
mod tap;
mod threads;
mod work;

pub use plane::{Plane, PlaneOptions};
