//! One session of a peer: seals and opens datagrams where they lie.
//!
//! One thread seals and another opens; a session is shared by both. Counters are taken, never given back: a datagram
//! that could not be sent has used its counter up.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::aead::{Cipher, KEY_BYTES, SessionCipher, Suite};
use crate::peer::PeerShared;
use crate::replay::{REJECT_AFTER_MESSAGES, ReplayWindow};
use crate::time::{Nanos, SECOND};
use crate::wire::{HEADER_BYTES, OVERHEAD_BYTES, SEAL_BYTES, TAG_BYTES, emit_forward_header, emit_header};

/// A session is used no longer.
pub const REJECT_AFTER: Nanos = 180 * SECOND;
/// Its initiator asks for a fresh one.
pub const REKEY_AFTER: Nanos = 120 * SECOND;
/// So many datagrams after which a fresh one is asked for.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;

/// What a session is made of.
pub struct SessionParts {
    /// Receiver index in datagrams to us.
    pub local_index: u32,
    /// Receiver index in datagrams to the peer.
    pub remote_index: u32,
    /// Key of what we send.
    pub send_key: Zeroizing<[u8; KEY_BYTES]>,
    /// Key of what we receive.
    pub receive_key: Zeroizing<[u8; KEY_BYTES]>,
    /// Cipher of both.
    pub suite: Suite,
    /// Whether we may send at once.
    pub is_initiator: bool,
}

const WAITING: u8 = 0;
const CONFIRMED: u8 = 1;
const GONE: u8 = 2;

/// Both directions of one session.
pub struct Session {
    /// Receiver index in datagrams to us.
    pub local_index: u32,
    /// Whether we began the handshake.
    pub is_initiator: bool,
    /// When it was added.
    pub added_at: Nanos,
    /// When it must not be used any more.
    pub expires_at: Nanos,
    /// Whose it is.
    pub owner: Arc<PeerShared>,
    remote_index: u32,
    sender: SessionCipher,
    receiver: SessionCipher,
    next_counter: AtomicU64,
    window: Mutex<ReplayWindow>,
    state: AtomicU8,
}

impl Session {
    /// A fresh session; a responder's waits for the first authentic datagram.
    pub fn new(parts: &SessionParts, owner: Arc<PeerShared>, now: Nanos) -> Self {
        Self {
            local_index: parts.local_index,
            is_initiator: parts.is_initiator,
            added_at: now,
            expires_at: now + REJECT_AFTER,
            owner,
            remote_index: parts.remote_index,
            sender: SessionCipher::new(parts.suite, &parts.send_key),
            receiver: SessionCipher::new(parts.suite, &parts.receive_key),
            next_counter: AtomicU64::new(0),
            window: Mutex::default(),
            state: AtomicU8::new(if parts.is_initiator { CONFIRMED } else { WAITING }),
        }
    }

    /// Counters used so far.
    pub fn sent(&self) -> u64 {
        self.next_counter.load(Ordering::Relaxed)
    }

    /// Take the place in the law of sessions that the first authentic datagram gives; true for that one only.
    pub fn confirm(&self) -> bool {
        self.state.load(Ordering::Relaxed) == WAITING
            && self.state.compare_exchange(WAITING, CONFIRMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Whether its first authentic datagram came, or none was needed.
    pub fn is_confirmed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CONFIRMED
    }

    /// Make an end of it, whoever still holds it.
    pub fn retire(&self) {
        self.state.store(GONE, Ordering::Release);
    }

    /// Whether it was retired.
    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::Acquire) == GONE
    }

    /// Which counters were seen; for the thread that opens.
    pub fn window(&self) -> MutexGuard<'_, ReplayWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seal the plaintext that lies in `slot` between room for header and tag; false if the counters are used up.
    pub fn seal(&self, slot: &mut [u8]) -> bool {
        let Some(counter) = self.take_counter() else {
            return false;
        };
        self.seal_from(HEADER_BYTES, slot, counter, &emit_header(self.remote_index, counter));
        true
    }

    /// Seal a FORWARD: its header takes the place of the first bytes of what is carried, and what lies from `sealed_at`
    /// on is sealed, up to room for the tag; false if the counters are used up.
    pub fn seal_forward(&self, slot: &mut [u8], sealed_at: usize) -> bool {
        let Some(counter) = self.take_counter() else {
            return false;
        };
        self.seal_from(sealed_at, slot, counter, &emit_forward_header(self.remote_index, counter, sealed_at));
        true
    }

    fn take_counter(&self) -> Option<u64> {
        let next = |counter| (counter < REJECT_AFTER_MESSAGES).then_some(counter + 1);
        self.next_counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
    }

    fn seal_from(&self, sealed_at: usize, slot: &mut [u8], counter: u64, header: &[u8; HEADER_BYTES]) {
        let (clear, rest) = slot.split_at_mut(sealed_at);
        clear[..HEADER_BYTES].copy_from_slice(header);
        let (plaintext, tag) = rest.split_at_mut(rest.len() - TAG_BYTES);
        tag.copy_from_slice(&self.sender.seal(counter, header, plaintext));
    }

    /// Open a datagram in place: its plaintext is then `datagram[16..len - 16]`. The caller asks and tells the window.
    pub fn open(&self, datagram: &mut [u8], counter: u64) -> bool {
        datagram.len() >= OVERHEAD_BYTES && self.open_from(HEADER_BYTES, datagram, counter)
    }

    /// Open in place what lies from `sealed_at` on, behind the header and what else is not sealed here. The caller asks
    /// and tells the window.
    pub fn open_from(&self, sealed_at: usize, datagram: &mut [u8], counter: u64) -> bool {
        let Some((clear, sealed)) = datagram.split_at_mut_checked(sealed_at) else {
            return false;
        };
        let Some(header) = clear.first_chunk::<HEADER_BYTES>() else {
            return false;
        };
        self.receiver.open(counter, header, sealed)
    }
}

/// Bytes of the plaintext of a datagram.
pub fn plaintext_bytes(datagram_bytes: usize) -> usize {
    datagram_bytes - SEAL_BYTES
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Session({:#x})", self.local_index)
    }
}

#[cfg(test)]
/// Tests, and what other tests need of them.
pub mod tests {
    use super::*;

    /// Both ends of a session.
    pub fn pair(suite: Suite) -> (Session, Session) {
        let parts = |at: u32, is_initiator| SessionParts {
            local_index: 100 + at,
            remote_index: 101 - at,
            send_key: [1 + at as u8; 32].into(),
            receive_key: [2 - at as u8; 32].into(),
            suite,
            is_initiator,
        };
        let one = Session::new(&parts(0, true), Arc::new(PeerShared::new(1, [1; 10])), 0);
        (one, Session::new(&parts(1, false), Arc::new(PeerShared::new(2, [2; 10])), 0))
    }

    #[test]
    fn what_is_sealed_opens_once_unchanged() {
        for suite in [Suite::ChaChaPoly, Suite::AesGcm] {
            let (one, two) = pair(suite);
            for (counter, length) in [4usize, 5, 64, 1400, 9000].into_iter().enumerate() {
                let mut slot = vec![0; length + SEAL_BYTES];
                slot[16..16 + length].fill(length as u8);
                assert!(one.seal(&mut slot));
                assert_eq!(slot[4..8], 101u32.to_be_bytes());
                let good = slot.clone();
                for bit in (0..8 * slot.len()).step_by(37) {
                    let mut bad = good.clone();
                    bad[bit / 8] ^= 1 << (bit % 8);
                    let claimed = u64::from_be_bytes(bad[8..16].try_into().expect("8 bytes"));
                    assert!(!two.open(&mut bad, claimed), "{bit}");
                }
                assert!(two.open(&mut slot, counter as u64));
                assert!(slot[16..16 + length].iter().all(|byte| *byte == length as u8));
            }
        }
    }

    #[test]
    fn counters_come_to_an_end() {
        let (one, _) = pair(Suite::ChaChaPoly);
        one.next_counter.store(REJECT_AFTER_MESSAGES - 1, Ordering::Relaxed);
        assert!(one.seal(&mut [0; OVERHEAD_BYTES]));
        assert!(!one.seal(&mut [0; OVERHEAD_BYTES]));
        assert_eq!(one.sent(), REJECT_AFTER_MESSAGES);
    }

    #[test]
    fn only_a_waiting_session_is_confirmed_and_only_once() {
        let (one, two) = pair(Suite::ChaChaPoly);
        assert!(!one.confirm());
        assert!(two.confirm());
        assert!(!two.confirm());
        two.retire();
        assert!(!two.confirm() && two.is_gone());
    }
}
