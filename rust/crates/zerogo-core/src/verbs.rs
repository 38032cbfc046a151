//! The verbs of the agent and the clock's tick, as the sending thread carries them out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::egress::{Outgoing, ask_rekey};
use crate::endpoint::{Endpoint, NodeId};
use crate::fdb::{Mac, PeerNumber};
use crate::gate::Filter;
use crate::outbox::DatagramSink;
use crate::peer::{Peer, PeerShared, Plan};
use crate::session::{Session, SessionParts};
use crate::source::Claims;
use crate::time::{NEVER, Nanos, SECOND};

/// After data without any answer for so long a session is asked for (WireGuard's Keepalive-Timeout and Rekey-Timeout).
const UNANSWERED: Nanos = 15 * SECOND;

/// What the agent, or the receiving thread, wants done.
pub enum Verb {
    /// Make a member known, or change it.
    SetPeer(PeerNumber, NodeId, Mac, Claims),
    /// Forget a member.
    RemovePeer(PeerNumber),
    /// Hold a peer's frames against a filter; `None` lets everything pass.
    SetFilter(PeerNumber, Option<Filter>),
    /// Count what filters decide, or do not.
    SetDecisionLog(bool),
    /// Install a fresh session.
    AddSession(PeerNumber, SessionParts),
    /// Erase a session.
    RetireSession(u32),
    /// Send a peer's datagrams so; `None` holds them back.
    SetPath(PeerNumber, Option<Box<Plan>>),
    /// Carry other pairs' datagrams up to this rate, bytes per second.
    SetForwarding(u64),
    /// Send as it is.
    SendDatagram(Endpoint, Vec<u8>),
    /// Seal and send a control message.
    SendControl(PeerNumber, Vec<u8>, Option<Endpoint>),
    /// The first authentic datagram came in on this session.
    Confirmed(PeerNumber, u32),
}

impl<S: DatagramSink> Outgoing<S> {
    /// Carry out one verb; those about peers and sessions that are gone are ignored.
    pub fn obey(&mut self, verb: Verb, now: Nanos) {
        match verb {
            Verb::SetPeer(number, node_id, mac, claims) => self.set_peer(number, node_id, mac, claims),
            Verb::RemovePeer(number) => self.remove_peer(number),
            Verb::SetFilter(number, filter) => self.set_filter(number, filter),
            Verb::SetDecisionLog(is_on) => self.shared.gate().set_decision_log(is_on),
            Verb::AddSession(number, parts) => self.add_session(number, &parts, now),
            Verb::RetireSession(local_index) => {
                if let Some(session) = self.shared.session(local_index) {
                    self.forget(&session);
                }
            }
            Verb::SetPath(number, plan) => {
                if let Some(peer) = self.peers.get_mut(&number) {
                    peer.set_plan(plan.map(|plan| *plan));
                    self.send_staged(number, now);
                }
            }
            Verb::SetForwarding(rate) => self.shared.forwarding.store(rate, Ordering::Relaxed),
            Verb::SendDatagram(to, datagram) => self.send_datagram(&to, &datagram, now),
            Verb::SendControl(number, payload, destination) => self.send_control(number, &payload, destination, now),
            Verb::Confirmed(number, local_index) => self.confirmed(number, local_index, now),
        }
    }

    fn set_peer(&mut self, number: PeerNumber, node_id: NodeId, mac: Mac, claims: Claims) {
        let shared = &self.shared;
        let peer = self.peers.entry(number).or_insert_with(|| {
            let known = Arc::new(PeerShared::new(number, node_id));
            shared.insert_peer(known.clone());
            Peer::new(known)
        });
        peer.shared.set_mac(&mac);
        shared.segment().set_member(number, mac, claims);
        self.derive_routes();
    }

    fn set_filter(&mut self, number: PeerNumber, filter: Option<Filter>) {
        let Some(peer) = self.peers.get(&number) else {
            return;
        };
        let is_filtered = filter.is_some();
        self.shared.gate().set_filter(number, filter);
        peer.shared.is_filtered.store(is_filtered, Ordering::Relaxed);
    }

    fn remove_peer(&mut self, number: PeerNumber) {
        self.set_filter(number, None);
        if let Some(peer) = self.peers.remove(&number) {
            peer.sessions().iter().for_each(|session| self.shared.remove_session(session));
        }
        self.shared.remove_peer(number);
        self.shared.segment().remove_member(number);
        self.derive_routes();
    }

    fn add_session(&mut self, number: PeerNumber, parts: &SessionParts, now: Nanos) {
        if !self.peers.contains_key(&number) {
            return;
        }
        if let Some(namesake) = self.shared.session(parts.local_index) {
            self.forget(&namesake);
        }
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        let session = Arc::new(Session::new(parts, peer.shared.clone(), now));
        peer.rekey_quiet_until = 0;
        peer.shared.unanswered_since.store(NEVER, Ordering::Relaxed);
        let fallen = peer.add_session(session.clone());
        // The responder may not send before it has heard us on this session.
        peer.owes_confirmation |= parts.is_initiator;
        fallen.iter().for_each(|gone| self.shared.remove_session(gone));
        self.shared.insert_session(session);
        if parts.is_initiator {
            self.send_staged(number, now);
        }
    }

    fn confirmed(&mut self, number: PeerNumber, local_index: u32, now: Nanos) {
        let Some(fallen) = self.peers.get_mut(&number).and_then(|peer| peer.confirm(local_index)) else {
            return;
        };
        fallen.iter().for_each(|gone| self.shared.remove_session(gone));
        self.send_staged(number, now);
    }

    fn forget(&mut self, session: &Arc<Session>) {
        self.shared.remove_session(session);
        if let Some(peer) = self.peers.get_mut(&session.owner.number) {
            peer.forget(session);
        }
    }

    /// Once a second: keepalives, rekeying, expiry.
    pub fn tick(&mut self, now: Nanos) {
        for session in self.shared.expired_sessions(now) {
            self.forget(&session);
        }
        let mut silent = Vec::new();
        for (number, peer) in &mut self.peers {
            let known = peer.shared.clone();
            if now >= known.keepalive_at.load(Ordering::Relaxed) {
                known.keepalive_at.store(NEVER, Ordering::Relaxed);
                silent.push(*number);
            }
            let unanswered_since = known.unanswered_since.load(Ordering::Relaxed);
            if unanswered_since != NEVER && now.saturating_sub(unanswered_since) >= UNANSWERED {
                known.unanswered_since.store(NEVER, Ordering::Relaxed);
                ask_rekey(&self.shared, peer, now);
            }
            let received = known.received_since_tick.swap(false, Ordering::Relaxed);
            let sent = known.sent_since_tick.swap(false, Ordering::Relaxed);
            let is_waiting = !peer.staged.is_empty() && peer.usable_session(now).is_none();
            if peer.is_rekey_due(sent, received, now) || is_waiting {
                ask_rekey(&self.shared, peer, now);
            }
            known.reassembly.lock().unwrap_or_else(std::sync::PoisonError::into_inner).expire(now);
        }
        silent.into_iter().for_each(|number| self.send_keepalive(number, now));
        self.flush(now);
    }
}
