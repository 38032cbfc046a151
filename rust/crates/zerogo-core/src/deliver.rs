//! What was opened, on its way into the TAP: runs merged, frames guarded, checksums restored.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::checksum::{complete_partial, write_pseudo_sum};
use crate::counter::Counter;
use crate::endpoint::Endpoint;
use crate::gate::Direction;
use crate::ingress::{Confirmations, Ingress, Opened};
use crate::merge::{UDP_SEGMENTS_LIMIT, follows, merge};
use crate::outbox::DatagramSink;
use crate::packet::{ETHERNET_BYTES, UDP, be16, network_offset, transport_of};
use crate::peer::{PeerShared, bump};
use crate::shared::Shared;
use crate::time::{NEVER, Nanos, SECOND};
use crate::upcall::Upcall;
use crate::verbs::Verb;
use crate::vnet::{NEEDS_CHECKSUM, VNET_BYTES, Vnet};
use crate::wire::{
    CONTROL, ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, FRAGMENT, INNER_BYTES, KEEPALIVE, KIND_MASK, LAST,
    answer_to_probe,
};

const KEEPALIVE_AFTER: Nanos = 10 * SECOND;
const HEAD_BYTES: usize = VNET_BYTES + ETHERNET_BYTES;
const EINVAL: i32 = 22;
const EMSGSIZE: i32 = 90;
/// First byte of the inner header of an IP packet whose checksum was left partial.
const ELIDED_PARTIAL: u8 = ETHERNET_ELIDED | FLAG_PARTIAL;
const PIECES_LIMIT: usize = 129;

impl<C: Confirmations, S: DatagramSink> Ingress<C, S> {
    /// Deliver what was opened: runs merged, the others one by one.
    pub(crate) fn deliver_all(&self, data: &mut [u8], now: Nanos) {
        let mut rest = &self.opened[..];
        while let Some(first) = rest.first() {
            let mut length = run_length(rest);
            if length == 1 && self.shared.merges_udp {
                length = like_length(data, rest);
            }
            let (run, after) = rest.split_at(length);
            let peer = &self.sessions[first.session].session.owner;
            if length == 1 || !self.deliver_run(peer, data, run, now) {
                run.iter().for_each(|opened| self.deliver(peer, data, opened, now));
            }
            rest = after;
        }
    }

    /// Write a run as one super-frame; false where its frames must be delivered one by one.
    fn deliver_run(&self, peer: &PeerShared, data: &[u8], run: &[Opened], now: Nanos) -> bool {
        let kind = run[0].word[0] & KIND_MASK;
        let is_frame = kind == ETHERNET || kind == ETHERNET_ELIDED;
        if !is_frame || !self.shared.merges.load(Ordering::Relaxed) || run.len() >= PIECES_LIMIT {
            return false;
        }
        let mut frames: [Range<usize>; PIECES_LIMIT] = std::array::from_fn(|_| 0..0);
        for (frame, opened) in frames.iter_mut().zip(run) {
            *frame = opened.plaintext.start + INNER_BYTES..opened.plaintext.end;
        }
        let frames = &frames[..run.len()];
        let ethernet = (kind == ETHERNET_ELIDED).then(|| ethernet_addresses(&self.shared, peer));
        let is_trusted = run[0].word[0] & (FLAG_PARTIAL | FLAG_VERIFIED) != 0;
        let Some(head) = merge(data, frames, ethernet.as_ref(), is_trusted) else {
            return false;
        };
        if head.is_udp() && !self.shared.merges_udp {
            return false;
        }
        self.note_frames(peer, Some(&run[run.len() - 1].source), now);
        let frame = &head.bytes()[VNET_BYTES..];
        let refusal = self.shared.forbids(peer, Direction::In, frame, now);
        let refused = || self.refuses(peer, frame, ethernet.is_some(), now);
        if let Some(counter) = refusal.or_else(refused) {
            self.shared.receiving.add(counter, 1);
            return true;
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_LIMIT];
        pieces[0] = IoSlice::new(head.bytes());
        let mut bytes = (head.bytes().len() - VNET_BYTES) * run.len();
        for (piece, frame) in pieces[1..].iter_mut().zip(frames) {
            *piece = IoSlice::new(&data[frame.start + head.header_bytes..frame.end]);
            bytes += piece.len();
        }
        if !self.write_super(&pieces[..=run.len()], run.len()) {
            return false;
        }
        bump(&peer.bytes_in, bytes);
        true
    }

    /// Write a super-frame of `count` segments; false where the kernel will not have it and it is to be split.
    fn write_super(&self, pieces: &[IoSlice<'_>], count: usize) -> bool {
        let tally = &self.shared.receiving;
        match self.tap.write(pieces) {
            Ok(()) => {
                tally.add(Counter::TapFramesOut, count);
                tally.add(Counter::TapSuperFramesOut, 1);
            }
            Err(EINVAL | EMSGSIZE) => {
                tally.add(Counter::FallbackTapGsoWrite, 1);
                self.shared.merges.store(false, Ordering::Relaxed);
                return false;
            }
            Err(_) => tally.add(Counter::DroppedTapWrite, count),
        }
        true
    }

    /// Frames came; `source` is where the newest came from.
    fn note_frames(&self, peer: &PeerShared, source: Option<&Endpoint>, now: Nanos) {
        if peer.keepalive_at.load(Ordering::Relaxed) == NEVER {
            peer.keepalive_at.store(now + KEEPALIVE_AFTER, Ordering::Relaxed);
        }
        if let Some(source) = source {
            self.note_source(peer, source, now);
        }
    }

    /// One plaintext; what lies before it may be overwritten.
    fn deliver(&self, peer: &PeerShared, data: &mut [u8], opened: &Opened, now: Nanos) {
        let kind_and_flags = opened.word[0];
        let payload = opened.plaintext.start + INNER_BYTES..opened.plaintext.end;
        let newest = opened.is_newest.then_some(&opened.source);
        match kind_and_flags & KIND_MASK {
            CONTROL => {
                if let Some(answer) = answer_to_probe(&data[payload.clone()]) {
                    let verb = Verb::SendControl(peer.number, answer.to_vec(), Some(opened.source));
                    self.confirmations.post_if_room(verb);
                }
                let message = Upcall::ControlReceived(peer.number, opened.source, data[payload].to_vec());
                if !self.shared.upcalls.add(message) {
                    self.shared.receiving.add(Counter::DroppedUpcallQueue, 1);
                }
            }
            ETHERNET | ETHERNET_ELIDED => {
                self.note_frames(peer, newest, now);
                self.deliver_frame(peer, &mut data[payload.start - HEAD_BYTES..payload.end], kind_and_flags, now);
            }
            FRAGMENT => {
                self.note_frames(peer, newest, now);
                self.deliver_fragment(peer, &data[payload], now);
            }
            KEEPALIVE => {}
            _ => self.shared.receiving.add(Counter::DroppedMalformed, 1),
        }
    }

    fn deliver_fragment(&self, peer: &PeerShared, payload: &[u8], now: Nanos) {
        self.shared.receiving.add(Counter::FragmentsIn, 1);
        let mut reassembly = peer.reassembly.lock().unwrap_or_else(PoisonError::into_inner);
        match reassembly.add(payload, HEAD_BYTES, now) {
            Ok(Some((kind_and_flags, mut roomy)))
                if matches!(kind_and_flags & KIND_MASK, ETHERNET | ETHERNET_ELIDED) =>
            {
                self.deliver_frame(peer, &mut roomy, kind_and_flags, now);
            }
            Ok(_) => {}
            Err(_) => self.shared.receiving.add(Counter::DroppedMalformed, 1),
        }
    }

    /// Write one frame; it lies in `roomy` behind 24 bytes of room for virtio and Ethernet header.
    fn deliver_frame(&self, peer: &PeerShared, roomy: &mut [u8], kind_and_flags: u8, now: Nanos) {
        match self.ready_frame(peer, roomy, kind_and_flags, now) {
            Ok(frame) => {
                bump(&peer.bytes_in, frame.len() - VNET_BYTES);
                let is_written = self.tap.write(&[IoSlice::new(frame)]).is_ok();
                let counter = if is_written { Counter::TapFramesOut } else { Counter::DroppedTapWrite };
                self.shared.receiving.add(counter, 1);
            }
            Err(counter) => self.shared.receiving.add(counter, 1),
        }
    }

    /// The frame with its virtio header, or why it may not enter the TAP.
    fn ready_frame<'a>(
        &self,
        peer: &PeerShared,
        roomy: &'a mut [u8],
        kind_and_flags: u8,
        now: Nanos,
    ) -> Result<&'a [u8], Counter> {
        let is_elided = kind_and_flags & KIND_MASK == ETHERNET_ELIDED;
        let frame = if is_elided {
            let ethertype: [u8; 2] = match roomy.get(HEAD_BYTES).map(|first| first >> 4) {
                Some(4) => [0x08, 0x00],
                Some(6) => [0x86, 0xdd],
                _ => return Err(Counter::DroppedMalformed),
            };
            roomy[VNET_BYTES..HEAD_BYTES - 2].copy_from_slice(&ethernet_addresses(&self.shared, peer));
            roomy[HEAD_BYTES - 2..HEAD_BYTES].copy_from_slice(&ethertype);
            roomy
        } else {
            &mut roomy[ETHERNET_BYTES..]
        };
        admitted(self.shared.forbids(peer, Direction::In, &frame[VNET_BYTES..], now))?;
        admitted(self.refuses(peer, &frame[VNET_BYTES..], is_elided, now))?;
        frame[..VNET_BYTES].fill(0);
        if kind_and_flags & (FLAG_PARTIAL | FLAG_VERIFIED) != 0 {
            self.restore_checksum(frame, kind_and_flags)?;
        }
        Ok(frame)
    }

    /// Why the switch refuses a frame; of an elided header nothing can be wrong.
    fn refuses(&self, peer: &PeerShared, frame: &[u8], is_elided: bool, now: Nanos) -> Option<Counter> {
        let mut segment = self.shared.segment();
        if is_elided {
            segment.refuses_packet(peer.number, be16(frame, 12), &frame[ETHERNET_BYTES..])
        } else {
            segment.refuses(peer.number, frame, now)
        }
    }

    /// Rebuild the partial sum from headers that are read here.
    fn restore_checksum(&self, frame: &mut [u8], kind_and_flags: u8) -> Result<(), Counter> {
        let (vnet, packet) = frame.split_at_mut(VNET_BYTES);
        let is_partial = kind_and_flags & FLAG_PARTIAL != 0;
        let Some(transport) = network_offset(packet).and_then(|network| transport_of(packet, network)) else {
            return if is_partial { Err(Counter::DroppedMalformed) } else { Ok(()) };
        };
        let offset = transport.checksum_offset();
        if !is_partial && transport.protocol == UDP && be16(packet, transport.offset + offset) == 0 {
            return Ok(());
        }
        let network = network_offset(packet).ok_or(Counter::DroppedMalformed)?;
        write_pseudo_sum(packet, network, transport.offset, transport.protocol);
        if self.shared.checksum_elision {
            let (checksum_start, checksum_offset) = (transport.offset as u16, offset as u16);
            let head = Vnet { flags: NEEDS_CHECKSUM, checksum_start, checksum_offset, ..Vnet::default() };
            vnet.copy_from_slice(&head.emit());
        } else {
            complete_partial(packet, transport.offset, offset);
            self.shared.receiving.add(Counter::ChecksumsCompleted, 1);
        }
        Ok(())
    }
}

fn admitted(refusal: Option<Counter>) -> Result<(), Counter> {
    refusal.map_or(Ok(()), Err)
}

/// Destination and source of a frame whose Ethernet header was left out.
fn ethernet_addresses(shared: &Shared, peer: &PeerShared) -> [u8; 12] {
    let mut addresses = [0; 12];
    addresses[..6].copy_from_slice(&shared.own_mac);
    addresses[6..].copy_from_slice(&peer.mac());
    addresses
}

/// How many of `opened` from the first on are UDP packets of no run that the local kernel may be handed at once; it
/// gives them to their socket one by one.
fn like_length(data: &[u8], opened: &[Opened]) -> usize {
    let first = &opened[0];
    if first.word[0] != ELIDED_PARTIAL || first.word[2..] != [0, 0] {
        return 1;
    }
    let packet = |opened: &Opened| &data[opened.plaintext.start + INNER_BYTES..opened.plaintext.end];
    let mut length = 1;
    while let Some(next) = opened.get(length).filter(|_| length < UDP_SEGMENTS_LIMIT) {
        if next.word != first.word || next.session != first.session || !follows(packet(first), packet(next)) {
            break;
        }
        length += 1;
        if next.plaintext.len() < first.plaintext.len() {
            break;
        }
    }
    length
}

/// How many of `opened` from the first on are of one run, in order.
fn run_length(opened: &[Opened]) -> usize {
    let first = &opened[0];
    let [kind, band, run_id, position] = first.word;
    if run_id == 0 || position & LAST != 0 {
        return 1;
    }
    let mut length = 1;
    while let Some(next) = opened.get(length) {
        let at = next.word[3];
        let continues = next.word[..3] == [kind, band, run_id]
            && usize::from(at & !LAST) == usize::from(position) + length
            && next.session == first.session;
        if !continues {
            break;
        }
        length += 1;
        if at & LAST != 0 {
            break;
        }
    }
    length
}
