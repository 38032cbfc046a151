//! What sealing and opening cost on one core, with the crate that was built in:
//!
//!     cargo run --release -p zerogo-core --example aead
//!     cargo run --release -p zerogo-core --example aead --no-default-features --features aws-lc

use std::time::Instant;

use zerogo_core::aead::{Cipher, SessionCipher, Suite};
use zerogo_core::wire::{HEADER_BYTES, TAG_BYTES};

const ROUNDS: usize = 7;
const SLOTS: usize = 40;
const TRAINS: usize = 500;

fn main() {
    for suite in [Suite::ChaChaPoly, Suite::AesGcm] {
        let cipher = SessionCipher::new(suite, &[7; 32]);
        for size in [64, 1400] {
            let (mut best_seal, mut best_open) = (f64::MAX, f64::MAX);
            for _ in 0..ROUNDS {
                let (seal, open) = measure(&cipher, size);
                (best_seal, best_open) = (best_seal.min(seal), best_open.min(open));
            }
            println!("{suite:?} {size} B: seal {best_seal:.0} ns, open {best_open:.0} ns");
        }
    }
}

/// Mean nanoseconds to seal and to open datagrams of one size that lie one after the other.
fn measure(cipher: &SessionCipher, size: usize) -> (f64, f64) {
    let header = [0x93; HEADER_BYTES];
    let mut train = vec![0u8; SLOTS * (size + TAG_BYTES)];
    let (mut seal, mut open) = (0u128, 0u128);
    for _ in 0..TRAINS {
        let started = Instant::now();
        for (counter, slot) in train.chunks_mut(size + TAG_BYTES).enumerate() {
            let (data, tag) = slot.split_at_mut(size);
            tag.copy_from_slice(&cipher.seal(counter as u64, &header, data));
        }
        seal += started.elapsed().as_nanos();
        let started = Instant::now();
        for (counter, slot) in train.chunks_mut(size + TAG_BYTES).enumerate() {
            assert!(cipher.open(counter as u64, &header, slot));
        }
        open += started.elapsed().as_nanos();
    }
    let count = (TRAINS * SLOTS) as f64;
    (seal as f64 / count, open as f64 / count)
}
