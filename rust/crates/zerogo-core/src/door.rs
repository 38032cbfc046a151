//! What is checked of an initiation before it costs anybody anything: its mac1 (docs/PROTOCOL.md, section 3.3).

use blake2::Blake2sMac;
use blake2::digest::consts::U16;
use blake2::digest::{KeyInit, Mac};

/// Bytes of mac1, and of mac2.
pub const MAC_BYTES: usize = 16;
/// Bytes of the key.
pub const MAC1_KEY_BYTES: usize = 32;

/// Tells who knows the receiver's public key and the network from who does not.
pub struct Door([u8; MAC1_KEY_BYTES]);

impl Door {
    /// The door of the node with this mac1 key.
    pub fn new(key: [u8; MAC1_KEY_BYTES]) -> Self {
        Self(key)
    }

    /// Whether mac1 of a handshake datagram is right.
    pub fn admits(&self, datagram: &[u8]) -> bool {
        let Some(covered) = datagram.len().checked_sub(2 * MAC_BYTES).filter(|covered| *covered > 0) else {
            return false;
        };
        let Ok(mut mac) = Blake2sMac::<U16>::new_from_slice(&self.0) else {
            return false;
        };
        mac.update(&datagram[..covered]);
        mac.verify_slice(&datagram[covered..covered + MAC_BYTES]).is_ok()
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Door")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_mac_passes() {
        let door = Door::new(std::array::from_fn(|at| at as u8));
        // hashlib.blake2s(bytes(range(40)), key=bytes(range(32)), digest_size=16)
        let mac1 = [0x53, 0x70, 0x61, 0x10, 0xe9, 0x19, 0xf8, 0x4d, 0xe7, 0xf8, 0xd6, 0xc7, 0xf0, 0xe7, 0xb8, 0x31];
        let mut datagram: Vec<u8> = (0..40).collect();
        datagram.extend(mac1);
        datagram.extend([0; MAC_BYTES]);
        assert!(door.admits(&datagram));
        for at in 0..56 {
            let mut bad = datagram.clone();
            bad[at] ^= 1;
            assert!(!door.admits(&bad), "{at}");
        }
        for length in 0..datagram.len() {
            assert!(!door.admits(&datagram[..length]), "{length}");
        }
    }
}
