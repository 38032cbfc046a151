//! Cutting a super-frame of the local kernel into complete frames that fit a path, in the buffer it was read into.
//!
//! The frame is read with one `readv` whose vectors are the places of the payloads in a train: what was last read tells
//! the header length and segment size to expect, so payloads land where they are sealed and only headers are written.
//! A frame of another shape is copied to its places first; it costs a copy, never a frame.
//!
//! TCP is cut at a size of our choice, whatever the kernel's segment size was; UDP at the kernel's, since there the
//! borders have a meaning.

use std::io::IoSliceMut;

use crate::checksum::{complete_partial, fold, word_sum, write_pseudo_sum};
use crate::packet::{TCP, Transport, be16, be32, put16};
use crate::vnet::VNET_BYTES;
use crate::way::WRAP_LIMIT;
use crate::wire::{HEADER_BYTES, INNER_BYTES, LAST, OVERHEAD_BYTES, RUN_LENGTH_LIMIT, TAG_BYTES};

/// Bytes of the largest frame a kernel hands out: an IP packet, Ethernet header, two VLAN tags.
pub const FRAME_LIMIT: usize = 65535 + 22;
/// Where the first slot begins; before it there is room for what is read but not sent.
pub const BASE: usize = 64;
/// Frames that one super-frame may become.
pub const SLOTS_LIMIT: usize = 160;
/// The places of one frame, and what is beyond them.
const VECTORS: usize = SLOTS_LIMIT + 1;
const HEADERS_LIMIT: usize = 142;
const BUFFER_BYTES: usize = BASE + FRAME_LIMIT + SLOTS_LIMIT * (OVERHEAD_BYTES + HEADERS_LIMIT + WRAP_LIMIT);
const PLAIN: usize = HEADER_BYTES + INNER_BYTES;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// What decides where everything is. Offsets count from the first header byte that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Room in a slot for what the way wants before a sealed datagram.
    pub before: usize,
    /// Room in a slot for what the way wants after a sealed datagram.
    pub after: usize,
    /// Bytes of the frame that are not sent: 14 of an elided Ethernet header, or none.
    pub lead: usize,
    /// Where the IP header is.
    pub network: usize,
    /// Where the TCP or UDP header is.
    pub transport: usize,
    /// Bytes of all headers that are sent.
    pub header_bytes: usize,
    /// Of each frame but the last.
    pub payload_bytes: usize,
    /// TCP or UDP.
    pub protocol: u8,
    /// Or else IPv6.
    pub is_ipv4: bool,
}

impl Shape {
    /// Bytes of a sealed datagram.
    pub fn datagram_bytes(&self) -> usize {
        OVERHEAD_BYTES + self.header_bytes + self.payload_bytes
    }

    /// Bytes of a sealed datagram and the room around it.
    pub fn slot_bytes(&self) -> usize {
        self.before + self.datagram_bytes() + self.after
    }

    /// Bytes of a slot that are no payload.
    pub fn gap_bytes(&self) -> usize {
        self.slot_bytes() - self.payload_bytes
    }

    /// Leave room in each slot.
    pub fn within(self, before: usize, after: usize) -> Self {
        Self { before, after, ..self }
    }

    /// How the frame with these headers is cut where each may have `payload_bytes`.
    pub fn new(frame: &[u8], lead: usize, network: usize, transport: &Transport, payload_bytes: usize) -> Self {
        Self {
            before: 0,
            after: 0,
            lead,
            network: network - lead,
            transport: transport.offset - lead,
            header_bytes: transport.headers_end - lead,
            payload_bytes,
            protocol: transport.protocol,
            is_ipv4: frame[network] >> 4 == 4,
        }
    }
}

/// Where what was read lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// In one piece: `Cutter::whole`.
    Whole,
    /// Its payload is in the places of the expected shape; only its headers are in one piece.
    Spread,
}

/// The inner header of the frames of a run, but for run id and position.
#[derive(Clone, Copy, Debug)]
pub struct RunHead {
    /// First byte.
    pub kind_and_flags: u8,
    /// Priority.
    pub band: u8,
    /// Whether transport checksums are left partial.
    pub elides: bool,
    /// Run ids of the first 128 frames and of the rest; 0 where there is no run.
    pub run_ids: [u8; 2],
}

/// The places of one super-frame: what is read from the TAP, and the trains made of it.
#[derive(Debug)]
pub struct Cutter {
    /// Slots from `BASE` on.
    pub buffer: Vec<u8>,
    shape: Shape,
}

/// Reads frames into the places that their headers will want, as far as that can be foreseen.
#[derive(Debug)]
pub struct Reader {
    shape: Shape,
    /// Whether super-frames are expected at all.
    is_bulk: bool,
    small_frames: u32,
    overflow: Vec<u8>,
}

const SMALL_FRAMES_LIMIT: u32 = 16;
const FORESEEN: Shape = Shape {
    before: 0,
    after: 0,
    lead: 14,
    network: 0,
    transport: 20,
    header_bytes: 52,
    payload_bytes: 1384,
    protocol: TCP,
    is_ipv4: true,
};

impl Default for Reader {
    fn default() -> Self {
        Self { shape: FORESEEN, is_bulk: false, small_frames: 0, overflow: vec![0; VNET_BYTES + FRAME_LIMIT + 1] }
    }
}

impl Reader {
    /// The next super-frame that is read will be of this shape.
    pub fn expect(&mut self, shape: Shape) {
        self.shape = shape;
        self.is_bulk = true;
    }

    /// Read one frame, with its virtio header, by one call of `read`; where it lies in the cutter, and its size.
    pub fn read(
        &mut self,
        cutter: &mut Cutter,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<(Reading, usize)> {
        cutter.shape = self.shape;
        let (first, places) = (cutter.first_place(), if self.is_bulk { cutter.places() } else { 1 });
        if places == 1 {
            let place = IoSliceMut::new(&mut cutter.buffer[first.clone()]);
            let size = read(&mut [place, IoSliceMut::new(&mut self.overflow)])?;
            return Ok((self.sort(cutter, places, size), size));
        }
        let mut vectors: [IoSliceMut<'_>; VECTORS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let (_, rest) = cutter.buffer.split_at_mut(first.start);
        let (place, mut rest) = rest.split_at_mut(first.len());
        vectors[0] = IoSliceMut::new(place);
        let gap = self.shape.gap_bytes();
        for vector in &mut vectors[1..places] {
            let (_, after) = rest.split_at_mut(gap);
            let (place, after) = after.split_at_mut(self.shape.payload_bytes);
            *vector = IoSliceMut::new(place);
            rest = after;
        }
        vectors[places] = IoSliceMut::new(&mut self.overflow);
        let size = read(&mut vectors[..=places])?;
        Ok((self.sort(cutter, places, size), size))
    }

    /// Where what was read into `places` and the overflow lies.
    fn sort(&mut self, cutter: &mut Cutter, places: usize, size: usize) -> Reading {
        let first = cutter.first_place();
        if size <= first.len() {
            self.small_frames += 1;
            self.is_bulk &= self.small_frames < SMALL_FRAMES_LIMIT;
            return Reading::Whole;
        }
        self.small_frames = 0;
        if places > 1 && size <= first.len() + (places - 1) * self.shape.payload_bytes {
            return Reading::Spread;
        }
        // Longer than any frame: its owner drops it.
        if size <= VNET_BYTES + FRAME_LIMIT {
            self.is_bulk = true;
            cutter.join(places, &self.overflow, size);
        }
        Reading::Whole
    }
}

impl Default for Cutter {
    fn default() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES], shape: FORESEEN }
    }
}

impl Cutter {
    fn first_place(&self) -> std::ops::Range<usize> {
        let headers = BASE + self.shape.before + PLAIN;
        headers - self.shape.lead - VNET_BYTES..headers + self.shape.header_bytes + self.shape.payload_bytes
    }

    fn places(&self) -> usize {
        let needed = (FRAME_LIMIT + VNET_BYTES).div_ceil(self.shape.payload_bytes);
        let fitting = (self.buffer.len() - BASE) / self.shape.slot_bytes();
        needed.min(fitting).min(SLOTS_LIMIT)
    }

    /// Make one piece of a frame, of `size` bytes with its virtio header, that was read spread.
    pub fn gather(&mut self, size: usize) -> &mut [u8] {
        self.join(self.places(), &[], size);
        self.whole(size)
    }

    /// Move what lies in `places`, and what is beyond them, together.
    fn join(&mut self, places: usize, overflow: &[u8], size: usize) {
        let first = self.first_place();
        let (payload, step) = (self.shape.payload_bytes, self.shape.slot_bytes());
        let mut end = first.end;
        for at in 1..places {
            let take = payload.min(first.start + size - end);
            // Each piece moves towards the beginning, so it never covers one that has yet to move.
            let from = first.end - payload + at * step;
            self.buffer.copy_within(from..from + take, end);
            end += take;
        }
        let take = first.start + size - end;
        self.buffer[end..end + take].copy_from_slice(&overflow[..take]);
    }

    /// A frame that was read whole, with its virtio header.
    pub fn whole(&mut self, size: usize) -> &mut [u8] {
        let start = self.first_place().start;
        &mut self.buffer[start..start + size]
    }

    /// Virtio header and headers of a frame that was read spread.
    pub fn head(&self) -> &[u8] {
        let first = self.first_place();
        &self.buffer[first.start..first.end - self.shape.payload_bytes]
    }

    /// As `head`, to be changed.
    pub fn head_mut(&mut self) -> &mut [u8] {
        let first = self.first_place();
        &mut self.buffer[first.start..first.end - self.shape.payload_bytes]
    }

    /// The shape that its places are for.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Put a frame (without virtio header) in the places of `shape`.
    ///
    /// The caller has seen to it that it needs no more than `SLOTS_LIMIT` slots.
    pub fn load(&mut self, shape: Shape, frame: &[u8]) {
        self.shape = shape;
        let headers = BASE + shape.before + PLAIN;
        let (head, payload) = frame[shape.lead..].split_at(shape.header_bytes);
        self.buffer[headers..headers + head.len()].copy_from_slice(head);
        for (at, piece) in payload.chunks(shape.payload_bytes).enumerate() {
            let from = headers + shape.header_bytes + at * shape.slot_bytes();
            self.buffer[from..from + piece.len()].copy_from_slice(piece);
        }
    }

    /// Write the headers of all frames of a super-frame whose payload, of `payload_bytes`, is in its places, and hand
    /// each slot, with room for header, tag and what goes around, to `seal`. Returns the number of slots; they lie from
    /// `BASE` on.
    pub fn cut(&mut self, payload_bytes: usize, head: RunHead, mut seal: impl FnMut(&mut [u8])) -> usize {
        let shape = self.shape;
        let count = payload_bytes.div_ceil(shape.payload_bytes);
        let mut template = Template::new(&shape, &self.buffer[BASE + shape.before + PLAIN..][..shape.header_bytes]);
        for index in 0..count {
            let is_last = index + 1 == count;
            let payload = shape.payload_bytes.min(payload_bytes - index * shape.payload_bytes);
            let run_id = head.run_ids[index / RUN_LENGTH_LIMIT];
            let ends_run = is_last || (index + 1) % RUN_LENGTH_LIMIT == 0;
            let position = (index % RUN_LENGTH_LIMIT) as u8 | if ends_run { LAST } else { 0 };
            let start = BASE + index * shape.slot_bytes();
            let slot = &mut self.buffer[start..start + shape.gap_bytes() + payload];
            let end = slot.len() - shape.after - TAG_BYTES;
            let plaintext = &mut slot[shape.before + HEADER_BYTES..end];
            let (inner, packet) = plaintext.split_at_mut(INNER_BYTES);
            inner.copy_from_slice(&[head.kind_and_flags, head.band, run_id, position]);
            packet[..shape.header_bytes].copy_from_slice(template.bytes());
            template.write(packet, index, payload, is_last);
            if !head.elides {
                write_pseudo_sum(packet, shape.network, shape.transport, shape.protocol);
                let offset = crate::packet::checksum_offset(shape.protocol);
                complete_partial(packet, shape.transport, offset);
            }
            seal(slot);
        }
        count
    }
}

/// The headers of a super-frame, and what changes from one of its frames to the next.
struct Template {
    shape: Shape,
    header: [u8; HEADERS_LIMIT],
    identification: u16,
    sequence: u32,
    flags: u8,
    /// Of the IPv4 header without length, identification and checksum.
    rest: u64,
}

impl Template {
    fn new(shape: &Shape, headers: &[u8]) -> Self {
        let mut header = [0; HEADERS_LIMIT];
        header[..headers.len()].copy_from_slice(headers);
        let (network, transport) = (shape.network, shape.transport);
        let mut template = Self { shape: *shape, header, identification: 0, sequence: 0, flags: 0, rest: 0 };
        if shape.is_ipv4 {
            template.identification = be16(&header, network + 4);
            for at in [network + 2, network + 4, network + 10] {
                put16(&mut template.header, at, 0);
            }
            template.rest = word_sum(&template.header[network..transport]);
        }
        if shape.protocol == TCP {
            template.sequence = be32(&header, transport + 4);
            template.flags = header[transport + 13];
        }
        template
    }

    fn bytes(&self) -> &[u8] {
        &self.header[..self.shape.header_bytes]
    }

    fn write(&mut self, packet: &mut [u8], index: usize, payload: usize, is_last: bool) {
        let (network, transport) = (self.shape.network, self.shape.transport);
        if self.shape.is_ipv4 {
            let length = (packet.len() - network) as u16;
            let identification = self.identification.wrapping_add(index as u16);
            put16(packet, network + 2, length);
            put16(packet, network + 4, identification);
            put16(packet, network + 10, !fold(self.rest + u64::from(length) + u64::from(identification)));
        } else {
            put16(packet, network + 4, (packet.len() - network - 40) as u16);
        }
        if self.shape.protocol == TCP {
            let sequence = self.sequence.wrapping_add((index * self.shape.payload_bytes) as u32);
            packet[transport + 4..transport + 8].copy_from_slice(&sequence.to_be_bytes());
            let not_here = if index == 0 { 0 } else { CWR } | if is_last { 0 } else { FIN | PSH };
            packet[transport + 13] = self.flags & !not_here;
        } else {
            put16(packet, transport + 4, (payload + 8) as u16);
        }
    }
}
