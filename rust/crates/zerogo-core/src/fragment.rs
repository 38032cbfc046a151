//! Frames larger than the path: pieces, and their reassembly.
//!
//! Only authentic pieces get here; a peer has few frames open at a time, the oldest is given up first, and none is kept
//! longer than a second.

use crate::time::{Nanos, SECOND};
use crate::wire::{
    FRAGMENT, FRAGMENT_BYTES, INNER_BYTES, OVERHEAD_BYTES, RUN_LENGTH_LIMIT, emit_fragment_head, parse_fragment,
};

const FRAMES_LIMIT: usize = 4;
const TIMEOUT: Nanos = SECOND;
/// Bytes of the largest frame.
pub const REASSEMBLED_LIMIT: usize = 65535 + 22;

/// Hand the plaintexts of the datagrams, of up to `datagram_limit` bytes sealed, that carry a plaintext, inner header and
/// payload, to `send`.
pub fn split(inner: &[u8], payload: &[u8], frame_id: u16, datagram_limit: usize, mut send: impl FnMut([u8; 8], &[u8])) {
    let room = datagram_limit - OVERHEAD_BYTES - FRAGMENT_BYTES;
    let size = room.max(payload.len().div_ceil(RUN_LENGTH_LIMIT));
    let count = payload.len().div_ceil(size);
    for (position, piece) in payload.chunks(size).enumerate() {
        let fragment = emit_fragment_head(frame_id, position as u8, position + 1 == count, inner[0]);
        let mut head = [FRAGMENT, inner[1], 0, 0, 0, 0, 0, 0];
        head[INNER_BYTES..].copy_from_slice(&fragment);
        send(head, piece);
    }
}

#[derive(Debug)]
struct Frame {
    frame_id: u16,
    kind_and_flags: u8,
    started_at: Nanos,
    pieces: Vec<(u8, Vec<u8>)>,
    /// Pieces of the whole, once the last came.
    count: usize,
    size: usize,
}

/// Pieces of a frame contradict each other, or are none.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The open frames of one peer, oldest first.
#[derive(Debug, Default)]
pub struct Reassembly(Vec<Frame>);

impl Reassembly {
    /// Take the payload of a FRAGMENT datagram: kind and flags, and the frame behind `headroom` zeros, once it is whole.
    pub fn add(&mut self, payload: &[u8], headroom: usize, now: Nanos) -> Result<Option<(u8, Vec<u8>)>, Malformed> {
        let fragment = parse_fragment(payload).ok_or(Malformed)?;
        self.expire(now);
        let at = self.position_of(fragment.frame_id, fragment.kind_and_flags, now);
        let frame = &mut self.0[at];
        frame.size += fragment.piece.len();
        let is_odd = fragment.kind_and_flags != frame.kind_and_flags
            || frame.pieces.iter().any(|(position, _)| *position == fragment.position);
        let is_beyond = frame.count > 0 && (fragment.is_last || usize::from(fragment.position) >= frame.count);
        let has_later = fragment.is_last && frame.pieces.iter().any(|(position, _)| *position > fragment.position);
        if is_odd || is_beyond || has_later || frame.size > REASSEMBLED_LIMIT {
            self.0.remove(at);
            return Err(Malformed);
        }
        frame.pieces.push((fragment.position, fragment.piece.to_vec()));
        if fragment.is_last {
            frame.count = usize::from(fragment.position) + 1;
        }
        if frame.pieces.len() != frame.count {
            return Ok(None);
        }
        let mut frame = self.0.remove(at);
        frame.pieces.sort_by_key(|(position, _)| *position);
        let mut whole = vec![0; headroom];
        whole.reserve(frame.size);
        frame.pieces.iter().for_each(|(_, piece)| whole.extend_from_slice(piece));
        Ok(Some((frame.kind_and_flags, whole)))
    }

    fn position_of(&mut self, frame_id: u16, kind_and_flags: u8, now: Nanos) -> usize {
        if let Some(at) = self.0.iter().position(|frame| frame.frame_id == frame_id) {
            return at;
        }
        if self.0.len() >= FRAMES_LIMIT {
            self.0.remove(0);
        }
        self.0.push(Frame { frame_id, kind_and_flags, started_at: now, pieces: Vec::new(), count: 0, size: 0 });
        self.0.len() - 1
    }

    /// Give up the frames that did not become whole in time.
    pub fn expire(&mut self, now: Nanos) {
        self.0.retain(|frame| now.saturating_sub(frame.started_at) <= TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(length: usize, limit: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut all = Vec::new();
        split(&[0x12, 2, 0, 0], &payload, 7, limit, |head, piece| {
            assert!(head.len() + piece.len() + 32 <= limit);
            all.push([&head[INNER_BYTES..], piece].concat());
        });
        (payload, all)
    }

    #[test]
    fn pieces_in_any_order_make_the_frame_again() {
        for length in [1, 600, 601, 1500, 9000, 65_549] {
            let (payload, mut all) = pieces(length, 640);
            all.reverse();
            let mut reassembly = Reassembly::default();
            let (last, others) = all.split_last().expect("a piece");
            for piece in others {
                assert_eq!(reassembly.add(piece, 3, 0), Ok(None));
            }
            let (kind, whole) = reassembly.add(last, 3, 0).expect("right").expect("whole");
            assert_eq!((kind, &whole[3..]), (0x12, &payload[..]));
        }
    }

    #[test]
    fn contradictions_end_the_frame() {
        let (_, all) = pieces(1500, 640);
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.add(&all[0], 0, 0), Ok(None));
        assert_eq!(reassembly.add(&all[0], 0, 0), Err(Malformed));
        assert_eq!(reassembly.add(&all[2], 0, 0), Ok(None));
        let mut beyond = all[1].clone();
        beyond[2] = 9;
        assert_eq!(reassembly.add(&beyond, 0, 0), Err(Malformed));
        assert_eq!(reassembly.add(&[0, 1, 0x80, 1], 0, 0), Err(Malformed));
        assert!(reassembly.0.is_empty());
    }

    #[test]
    fn frames_are_bounded_in_number_time_and_size() {
        let mut reassembly = Reassembly::default();
        for frame_id in 0..100u8 {
            assert_eq!(reassembly.add(&[0, frame_id, 0, 1, 1], 0, 0), Ok(None));
            assert!(reassembly.0.len() <= FRAMES_LIMIT);
        }
        reassembly.expire(TIMEOUT + 1);
        assert!(reassembly.0.is_empty());
        let mut piece = vec![9; 40_000];
        piece[..4].copy_from_slice(&[0, 1, 0, 1]);
        assert_eq!(reassembly.add(&piece, 0, 0), Ok(None));
        piece[2] = 1;
        assert_eq!(reassembly.add(&piece, 0, 0), Err(Malformed));
    }
}
