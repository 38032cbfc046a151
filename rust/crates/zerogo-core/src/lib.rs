//! The pure part of ZeroGo's native data plane: packets, session AEAD, replay window, switch, merge and split of
//! super-frames.
//!
//! No sockets, no clock, no unsafe: frames and datagrams are handed in with the time, what is to be written goes to the
//! traits `TapSink` and `DatagramSink`. The wire is docs/PROTOCOL.md; the Python plane in `zerogo/dataplane` is the
//! reference that the conformance suite holds this one against.
//!
//! - `wire`, `vnet`, `packet`, `checksum`: layouts.
//! - `aead`, `replay`, `session`: sealing and opening; `door`: what is checked before.
//! - `endpoint`, `way`: places, channels, routes, and what goes around a datagram on its way there.
//! - `fdb`, `neighbor`, `source`, `storm`, `segment`: the switch; `prefix`: IP networks.
//! - `cut`, `merge`, `fragment`: super-frames and frames larger than a path.
//! - `subject`, `flowtable`, `gate`: what may pass to and from a peer; `decisions`: what was decided of that, counted.
//! - `flow`, `queue`, `backlog`: what waits to be sealed, and in which order.
//! - `peer`, `shared`, `outbox`, `egress`, `trip`, `verbs`, `ingress`, `deliver`, `upcall`: the plane's two directions.

#![forbid(unsafe_code)]

pub mod aead;
pub mod backlog;
pub mod checksum;
pub mod counter;
pub mod cut;
pub mod decisions;
mod deliver;
pub mod door;
pub mod egress;
pub mod endpoint;
pub mod fdb;
pub mod flow;
pub mod flowtable;
pub mod fragment;
pub mod gate;
pub mod ingress;
pub mod late;
pub mod merge;
pub mod neighbor;
pub mod outbox;
pub mod packet;
pub mod peer;
pub mod prefix;
pub mod queue;
pub mod replay;
pub mod segment;
pub mod session;
pub mod shared;
pub mod source;
pub mod storm;
pub mod subject;
pub mod time;
mod trip;
pub mod upcall;
pub mod verbs;
pub mod vnet;
pub mod way;
pub mod wire;
