//! The ciphers of sessions, behind one small trait.
//!
//! The nonce is 4 zero bytes and the counter: little-endian for ChaChaPoly, big-endian for AESGCM (Noise, section 12).

#[cfg(all(feature = "aws-lc", not(feature = "ring")))]
use aws_lc_rs::aead;
#[cfg(feature = "ring")]
use ring::aead;

use aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::wire::{HEADER_BYTES, TAG_BYTES};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Number of a suite in handshakes (docs/PROTOCOL.md, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// ChaCha20-Poly1305.
    ChaChaPoly,
    /// AES-256-GCM.
    AesGcm,
}

impl Suite {
    /// The suite of that number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::ChaChaPoly),
            2 => Some(Self::AesGcm),
            _ => None,
        }
    }
}

/// One direction of a session.
pub trait Cipher: Send + Sync {
    /// Encrypt `data` in place and return its tag.
    fn seal(&self, counter: u64, associated: &[u8; HEADER_BYTES], data: &mut [u8]) -> [u8; TAG_BYTES];

    /// Check and decrypt `sealed`, data and tag, in place; false where it is not authentic (what it holds then is
    /// worthless).
    fn open(&self, counter: u64, associated: &[u8; HEADER_BYTES], sealed: &mut [u8]) -> bool;
}

/// A `Cipher` of the crate that was built in. Its key is overwritten when it is dropped: aws-lc-rs sees to it by itself.
pub struct SessionCipher {
    #[cfg(feature = "ring")]
    key: Box<zerogo_secret::Erased<LessSafeKey>>,
    #[cfg(all(feature = "aws-lc", not(feature = "ring")))]
    key: LessSafeKey,
    suite: Suite,
}

impl SessionCipher {
    /// The cipher of a key.
    pub fn new(suite: Suite, key: &[u8; KEY_BYTES]) -> Self {
        let algorithm = match suite {
            Suite::ChaChaPoly => &CHACHA20_POLY1305,
            Suite::AesGcm => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).expect("both algorithms take 32 bytes");
        let key = LessSafeKey::new(key);
        #[cfg(feature = "ring")]
        let key = Box::new(zerogo_secret::Erased::new(key));
        Self { key, suite }
    }

    fn nonce(&self, counter: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&match self.suite {
            Suite::ChaChaPoly => counter.to_le_bytes(),
            Suite::AesGcm => counter.to_be_bytes(),
        });
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Cipher for SessionCipher {
    fn seal(&self, counter: u64, associated: &[u8; HEADER_BYTES], data: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(counter), Aad::from(associated), data)
            .expect("a datagram is never as long as the cipher's limit");
        let mut bytes = [0; TAG_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    fn open(&self, counter: u64, associated: &[u8; HEADER_BYTES], sealed: &mut [u8]) -> bool {
        self.key.open_in_place(self.nonce(counter), Aad::from(associated), sealed).is_ok()
    }
}

impl std::fmt::Debug for SessionCipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SessionCipher({:?})", self.suite)
    }
}
