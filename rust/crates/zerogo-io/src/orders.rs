//! What the sending thread is told to do, by the agent and by the receiving thread.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use zerogo_core::ingress::Confirmations;
use zerogo_core::upcall::Bell;
use zerogo_core::verbs::Verb;

use crate::event::Event;

/// What the sending thread is to do.
pub enum Order {
    /// Of the plane.
    Verb(Verb),
    /// Take over a side socket.
    AddSideSocket(u32, OwnedFd),
    /// Close a side socket.
    RemoveSideSocket(u32),
}

/// Where more orders wait, those that can be done without are dropped.
const ROOM: usize = 1024;

/// The queue of the sending thread.
pub struct VerbQueue {
    waiting: Mutex<Vec<Order>>,
    /// Rung while orders wait.
    pub event: Event,
}

impl VerbQueue {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waiting: Mutex::default(), event: Event::new()? })
    }

    /// Have an order carried out, after those before it.
    pub fn push(&self, order: Order) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            self.event.ring();
        }
        waiting.push(order);
    }

    /// As `push`, where few wait; whether they did.
    pub fn push_if_room(&self, order: Order) -> bool {
        let has_room = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len() < ROOM;
        if has_room {
            self.push(order);
        }
        has_room
    }

    /// Take all orders.
    pub fn take(&self) -> Vec<Order> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.event.silence();
        std::mem::take(&mut *waiting)
    }
}

/// How the receiving thread reaches the sending one.
pub struct Post(pub Arc<VerbQueue>);

impl Confirmations for Post {
    fn post(&self, verb: Verb) {
        self.0.push(Order::Verb(verb));
    }

    fn post_if_room(&self, verb: Verb) {
        // A probe without an answer is one that the network lost.
        let _ = self.0.push_if_room(Order::Verb(verb));
    }
}
