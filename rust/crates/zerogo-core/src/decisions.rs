//! What filters decided, counted: flows that were opened and frames that were refused (docs/PROTOCOL.md, 13.3).
//!
//! Only what opens a flow, or is refused, comes here. Whoever tries all ports fills no memory: beyond `ROWS_OF_PEER` rows
//! of a peer, or `ROWS_LIMIT` in all, what is new counts in one row a direction.

use std::collections::BTreeMap;

use crate::fdb::PeerNumber;

/// In place of a protocol: frames that are not IP, or whose headers do not parse.
pub const UNREADABLE: u16 = 256;
/// In place of a protocol: what has no row of its own.
pub const REST: u16 = 257;
const ROWS_OF_PEER: usize = 64;
const ROWS_LIMIT: usize = 4096;

/// What was decided of one kind of traffic between us and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// With whom.
    pub peer: PeerNumber,
    /// Whether it was towards the peer.
    pub is_outbound: bool,
    /// IP protocol number, `UNREADABLE` or `REST`.
    pub protocol: u16,
    /// Destination port; 0 where the protocol has none.
    pub port: u16,
    /// Flows.
    pub opened: u64,
    /// Frames; a super-frame is one.
    pub refused: u64,
}

/// Whether outbound, protocol and port.
type Key = (bool, u16, u16);

/// Counts until they are taken.
#[derive(Debug, Default)]
pub struct Decisions {
    peers: BTreeMap<PeerNumber, BTreeMap<Key, (u64, u64)>>,
    rows: usize,
}

impl Decisions {
    /// One more flow was opened, or one more frame refused.
    pub fn add(&mut self, peer: PeerNumber, is_outbound: bool, (protocol, port): (u16, u16), is_opened: bool) {
        let rows = self.peers.entry(peer).or_default();
        let mut key = (is_outbound, protocol, port);
        if (rows.len() >= ROWS_OF_PEER || self.rows >= ROWS_LIMIT) && !rows.contains_key(&key) {
            key = (is_outbound, REST, 0);
        }
        let (opened, refused) = rows.entry(key).or_insert_with(|| {
            self.rows += 1;
            (0, 0)
        });
        *opened += u64::from(is_opened);
        *refused += u64::from(!is_opened);
    }

    /// All rows, in order, each as far as it was not taken before.
    pub fn take(&mut self) -> Vec<Decided> {
        self.rows = 0;
        let mut taken = Vec::new();
        for (peer, rows) in std::mem::take(&mut self.peers) {
            for ((is_outbound, protocol, port), (opened, refused)) in rows {
                taken.push(Decided { peer, is_outbound, protocol, port, opened, refused });
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_are_one_row_and_are_taken_once() {
        let mut decisions = Decisions::default();
        for is_opened in [true, false, false] {
            decisions.add(1, true, (6, 80), is_opened);
        }
        let row = Decided { peer: 1, is_outbound: true, protocol: 6, port: 80, opened: 1, refused: 2 };
        assert_eq!(decisions.take(), [row]);
        assert!(decisions.take().is_empty());
    }

    #[test]
    fn whoever_tries_all_ports_has_few_rows_and_nothing_is_lost() {
        let mut decisions = Decisions::default();
        for port in 0..1000 {
            decisions.add(1, false, (6, port), false);
        }
        let rows = decisions.take();
        assert_eq!(rows.len(), ROWS_OF_PEER + 1);
        assert_eq!((rows[ROWS_OF_PEER].protocol, rows[ROWS_OF_PEER].refused), (REST, 1000 - ROWS_OF_PEER as u64));
    }

    #[test]
    fn many_peers_fill_no_memory() {
        let mut decisions = Decisions::default();
        let peers = (ROWS_LIMIT / ROWS_OF_PEER + 10) as u64;
        for peer in 0..peers {
            for port in 0..ROWS_OF_PEER as u16 {
                decisions.add(peer, true, (6, port), true);
            }
        }
        let rows = decisions.take();
        assert_eq!(rows.len(), ROWS_LIMIT + 10);
        assert_eq!(rows.iter().map(|row| row.opened).sum::<u64>(), peers * ROWS_OF_PEER as u64);
        decisions.add(1, true, (6, 1), true);
        assert_eq!(decisions.take()[0].protocol, 6);
    }
}
