//! Layout of a transport datagram (docs/PROTOCOL.md, section 4), of a fragment (section 5.1) and of FORWARD (section 5.4).

/// Bytes of the clear header, which is also the associated data.
pub const HEADER_BYTES: usize = 16;
/// Bytes of the inner header.
pub const INNER_BYTES: usize = 4;
/// Bytes of the tag.
pub const TAG_BYTES: usize = 16;
/// What sealing adds to a plaintext (inner header and payload).
pub const SEAL_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// What a datagram adds to its payload.
pub const OVERHEAD_BYTES: usize = SEAL_BYTES + INNER_BYTES;
/// First byte of a handshake initiation.
pub const TYPE_INITIATION: u8 = 0x90;
/// First byte of a handshake response.
pub const TYPE_RESPONSE: u8 = 0x91;
/// First byte of a cookie reply.
pub const TYPE_COOKIE_REPLY: u8 = 0x92;
/// First byte of a transport datagram.
pub const TYPE_TRANSPORT: u8 = 0x93;
/// First byte of a signal that a relay carries; nothing outside of a channel.
pub const TYPE_RELAYED_SIGNAL: u8 = 0x94;
/// First byte of another pair's datagram that is carried one hop further.
pub const TYPE_FORWARD: u8 = 0x98;
/// Bits of the inner header's first byte that hold the kind.
pub const KIND_MASK: u8 = 0x0f;
/// The transport checksum was left to be completed.
pub const FLAG_PARTIAL: u8 = 0x10;
/// The sender's kernel had verified the transport checksum.
pub const FLAG_VERIFIED: u8 = 0x20;
/// Position bit of the last of a run, or of the last piece of a frame.
pub const LAST: u8 = 0x80;
/// Positions of a run go from 0 to one less than this.
pub const RUN_LENGTH_LIMIT: usize = 128;
/// Priority band of what must go first.
pub const BAND_CONTROL: u8 = 0;
/// Priority band of what is late when it waits.
pub const BAND_REAL_TIME: u8 = 1;
/// Priority band of bulk data.
pub const BAND_BULK: u8 = 2;

/// Nothing; the payload is empty.
pub const KEEPALIVE: u8 = 0;
/// A complete Ethernet frame.
pub const ETHERNET: u8 = 1;
/// An IP packet between the two peers' own addresses, without its Ethernet header.
pub const ETHERNET_ELIDED: u8 = 2;
/// A piece of a frame that is larger than the path.
pub const FRAGMENT: u8 = 3;
/// A control message.
pub const CONTROL: u8 = 4;

/// The clear header: receiver index and counter, where `datagram` is long enough and of our type.
pub fn parse_header(datagram: &[u8]) -> Option<(u32, u64)> {
    if datagram.len() < OVERHEAD_BYTES || datagram[0] != TYPE_TRANSPORT {
        return None;
    }
    let index = u32::from_be_bytes(datagram[4..8].try_into().ok()?);
    let counter = u64::from_be_bytes(datagram[8..16].try_into().ok()?);
    Some((index, counter))
}

/// The 16 clear bytes of a datagram in lane 0.
pub fn emit_header(receiver_index: u32, counter: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = TYPE_TRANSPORT;
    header[4..8].copy_from_slice(&receiver_index.to_be_bytes());
    header[8..].copy_from_slice(&counter.to_be_bytes());
    header
}

/// What a datagram is that is not a sealed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// A handshake message or cookie reply.
    Handshake,
    /// STUN, told by its magic cookie, or a signal by a relay's channel.
    Check,
}

/// Tell the family of an unsealed datagram, which came by a relay's channel or not; `None` for what is not ours.
pub fn classify_stranger(datagram: &[u8], is_in_channel: bool) -> Option<Stranger> {
    match *datagram.first()? {
        TYPE_INITIATION..=TYPE_COOKIE_REPLY => Some(Stranger::Handshake),
        0..=3 if datagram.len() >= 20 && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42] => Some(Stranger::Check),
        TYPE_RELAYED_SIGNAL if is_in_channel => Some(Stranger::Check),
        _ => None,
    }
}

/// Head of a FRAGMENT payload: frame id, position, kind and flags of the frame.
pub const FRAGMENT_BYTES: usize = 4;

/// A piece of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Shared by all pieces of one frame.
    pub frame_id: u16,
    /// From 0 up.
    pub position: u8,
    /// Whether no further piece follows.
    pub is_last: bool,
    /// First byte of the inner header that the whole frame would have had.
    pub kind_and_flags: u8,
    /// At least one byte.
    pub piece: &'a [u8],
}

/// Read the payload of a FRAGMENT datagram.
pub fn parse_fragment(payload: &[u8]) -> Option<Fragment<'_>> {
    if payload.len() <= FRAGMENT_BYTES {
        return None;
    }
    Some(Fragment {
        frame_id: u16::from_be_bytes([payload[0], payload[1]]),
        position: payload[2] & !LAST,
        is_last: payload[2] & LAST != 0,
        kind_and_flags: payload[3],
        piece: &payload[FRAGMENT_BYTES..],
    })
}

/// The head of a FRAGMENT payload.
pub fn emit_fragment_head(frame_id: u16, position: u8, is_last: bool, kind_and_flags: u8) -> [u8; FRAGMENT_BYTES] {
    let [high, low] = frame_id.to_be_bytes();
    [high, low, position | if is_last { LAST } else { 0 }, kind_and_flags]
}

/// Type and id: a probe without its padding, and its answer.
pub const PROBE_BYTES: usize = 5;
const TYPE_PROBE: u8 = 1;
const TYPE_PROBE_ANSWER: u8 = 2;

/// The payload that answers a CONTROL payload; `None` where it is no probe. Never longer than the probe.
pub fn answer_to_probe(payload: &[u8]) -> Option<[u8; PROBE_BYTES]> {
    let mut answer = *payload.first_chunk::<PROBE_BYTES>().filter(|head| head[0] == TYPE_PROBE)?;
    answer[0] = TYPE_PROBE_ANSWER;
    Some(answer)
}

/// Bytes of a node id.
pub const NODE_ID_BYTES: usize = 10;
/// Nodes that a FORWARD names: source, carriers, destination.
pub const FORWARD_NODES_MINIMUM: usize = 3;
/// As above, with two carriers.
pub const FORWARD_NODES_LIMIT: usize = 4;
/// Behind the node ids of a FORWARD: the receiver's place among them with the band, and their count.
pub const FORWARD_END: usize = 2;
/// Bytes of the longest route.
pub const ROUTE_LIMIT: usize = FORWARD_NODES_LIMIT * NODE_ID_BYTES + FORWARD_END;
/// Bytes of the shortest datagram that is carried: what is sealed of it, its first 16 bytes and its last.
pub const CARRIED_MINIMUM: usize = HEADER_BYTES + TAG_BYTES;
const SEALED_MINIMUM: usize = TAG_BYTES + HEADER_BYTES + FORWARD_NODES_MINIMUM * NODE_ID_BYTES + FORWARD_END;
const POSITION_MASK: u8 = 0x0f;
const BAND_SHIFT: u8 = 4;
const BAND_MASK: u8 = 0x03;

/// The clear header of a FORWARD: receiver index, counter, and where its sealed part begins.
pub fn parse_forward_header(datagram: &[u8]) -> Option<(u32, u64, usize)> {
    let (header, rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    let sealed_at = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let clear = sealed_at.checked_sub(HEADER_BYTES)?;
    if header[0] != TYPE_FORWARD || clear + SEALED_MINIMUM + TAG_BYTES > rest.len() {
        return None;
    }
    let index = u32::from_be_bytes(header[4..8].try_into().ok()?);
    let counter = u64::from_be_bytes(header[8..].try_into().ok()?);
    Some((index, counter, sealed_at))
}

/// The 16 clear bytes of a FORWARD in lane 0.
pub fn emit_forward_header(receiver_index: u32, counter: u64, sealed_at: usize) -> [u8; HEADER_BYTES] {
    let mut header = emit_header(receiver_index, counter);
    header[0] = TYPE_FORWARD;
    header[2..4].copy_from_slice(&(sealed_at as u16).to_be_bytes());
    header
}

/// A FORWARD that was opened (docs/PROTOCOL.md, section 5.4); well-formed where it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward<'a> {
    /// The receiver's place among the nodes: from 1 up.
    pub position: usize,
    /// Priority of what is carried.
    pub band: u8,
    /// Source, carriers, destination; all distinct.
    pub nodes: &'a [[u8; NODE_ID_BYTES]],
    /// The first bytes of the datagram, in the place of which the header stands.
    pub first: &'a [u8; HEADER_BYTES],
    /// Bytes of the datagram.
    pub size: usize,
}

impl Forward<'_> {
    /// Whether the receiver is the one it is for.
    pub fn is_for_us(&self) -> bool {
        self.position + 1 == self.nodes.len()
    }
}

/// Whether a datagram may be carried by members: one of ours, never STUN or what is from a relay, never one that is
/// carried already.
pub fn is_carriable(datagram: &[u8]) -> bool {
    datagram.len() >= CARRIED_MINIMUM && is_type_carried(datagram[0])
}

fn is_type_carried(first: u8) -> bool {
    (TYPE_INITIATION..=TYPE_TRANSPORT).contains(&first)
}

/// Where the sealed part begins of a FORWARD that carries `size` bytes of that type. A sealed datagram proves itself by
/// its tag, so that only its ends are sealed again; of a handshake all is.
pub fn sealed_at(first: u8, size: usize) -> usize {
    if first == TYPE_TRANSPORT { size - TAG_BYTES } else { HEADER_BYTES }
}

/// Read a FORWARD that was opened, without its tag; `None` where it is no right one, or carries what is none of ours.
pub fn parse_forward(opened: &[u8], starts_at: usize) -> Option<Forward<'_>> {
    let (rest, [hop, count]) = opened.split_last_chunk::<FORWARD_END>()?;
    let (count, position) = (usize::from(*count), usize::from(hop & POSITION_MASK));
    if !(FORWARD_NODES_MINIMUM..=FORWARD_NODES_LIMIT).contains(&count) || !(1..count).contains(&position) {
        return None;
    }
    let (rest, ids) = rest.split_at_checked(rest.len().checked_sub(count * NODE_ID_BYTES)?)?;
    let (carried, first) = rest.split_last_chunk::<HEADER_BYTES>()?;
    let (nodes, _) = ids.as_chunks::<NODE_ID_BYTES>();
    let is_distinct = nodes.iter().enumerate().all(|(at, node)| !nodes[..at].contains(node));
    let size = carried.len();
    if !is_distinct || !is_type_carried(first[0]) || size < CARRIED_MINIMUM || starts_at != sealed_at(first[0], size) {
        return None;
    }
    Some(Forward { position, band: hop >> BAND_SHIFT & BAND_MASK, nodes, first, size })
}

/// Write the receiver's place and the band, which stand behind the ids.
fn hop_byte(position: usize, band: u8) -> u8 {
    position as u8 | (band & BAND_MASK) << BAND_SHIFT
}

/// The route of a FORWARD, at most four nodes: its bytes, and how many of them count.
pub fn emit_route<'a>(
    position: usize,
    band: u8,
    nodes: impl IntoIterator<Item = &'a [u8; NODE_ID_BYTES]>,
) -> ([u8; ROUTE_LIMIT], usize) {
    let (mut route, mut count) = ([0; ROUTE_LIMIT], 0);
    for node in nodes {
        route[count * NODE_ID_BYTES..][..NODE_ID_BYTES].copy_from_slice(node);
        count += 1;
    }
    let end = count * NODE_ID_BYTES;
    route[end..end + FORWARD_END].copy_from_slice(&[hop_byte(position, band), count as u8]);
    (route, end + FORWARD_END)
}

/// Name the next member of the route as the receiver, in an opened FORWARD without its tag.
pub fn pass_on(opened: &mut [u8]) {
    if let Some([hop, _]) = opened.last_chunk_mut::<FORWARD_END>() {
        *hop = hop_byte(usize::from(*hop & POSITION_MASK) + 1, *hop >> BAND_SHIFT);
    }
}

/// Bytes of the header of ChannelData (RFC 8656, section 12.4).
pub const CHANNEL_BYTES: usize = 4;
/// Channels of ours; an RFC 8656 client chooses from these.
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;

/// Channel and length of a ChannelData datagram; `None` where it is none, or cut short. Padding may follow.
pub fn parse_channel(datagram: &[u8]) -> Option<(u16, usize)> {
    let (head, rest) = datagram.split_at_checked(CHANNEL_BYTES)?;
    let channel = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    (CHANNELS.contains(&channel) && length <= rest.len()).then_some((channel, length))
}

/// The header of ChannelData.
pub fn emit_channel(channel: u16, length: usize) -> [u8; CHANNEL_BYTES] {
    let ([high, low], [long, short]) = (channel.to_be_bytes(), (length as u16).to_be_bytes());
    [high, low, long, short]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips() {
        let mut datagram = vec![0; OVERHEAD_BYTES];
        datagram[..16].copy_from_slice(&emit_header(0x0a0b_0c01, u64::MAX - 5));
        assert_eq!(parse_header(&datagram), Some((0x0a0b_0c01, u64::MAX - 5)));
    }

    #[test]
    fn short_datagrams_have_no_header() {
        let datagram = [TYPE_TRANSPORT; OVERHEAD_BYTES];
        for length in 0..OVERHEAD_BYTES {
            assert_eq!(parse_header(&datagram[..length]), None);
        }
        assert!(parse_header(&datagram).is_some());
    }

    #[test]
    fn strangers_are_told_apart() {
        let mut stun = [0u8; 20];
        for is_in_channel in [false, true] {
            stun[4..8].fill(0);
            assert_eq!(classify_stranger(&stun, is_in_channel), None);
            stun[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            assert_eq!(classify_stranger(&stun, is_in_channel), Some(Stranger::Check));
            assert_eq!(classify_stranger(&stun[..19], is_in_channel), None);
            assert_eq!(classify_stranger(&[0x91], is_in_channel), Some(Stranger::Handshake));
            assert_eq!(classify_stranger(&[0x95], is_in_channel), None);
            assert_eq!(classify_stranger(&[0x98], is_in_channel), None);
            assert_eq!(classify_stranger(&[], is_in_channel), None);
        }
        assert_eq!(classify_stranger(&[0x94], false), None);
        assert_eq!(classify_stranger(&[0x94], true), Some(Stranger::Check));
    }

    #[test]
    fn a_fragment_has_at_least_one_byte() {
        let head = emit_fragment_head(0x1234, 5, true, 0x12);
        assert_eq!(parse_fragment(&head), None);
        let payload = [&head[..], b"x"].concat();
        let fragment = parse_fragment(&payload).expect("a fragment");
        assert_eq!((fragment.frame_id, fragment.position, fragment.is_last), (0x1234, 5, true));
        assert_eq!((fragment.kind_and_flags, fragment.piece), (0x12, &b"x"[..]));
    }

    #[test]
    fn a_forward_names_three_or_four_nodes_and_carries_one_of_ours() {
        let nodes = [[1; 10], [2; 10], [3; 10], [4; 10]];
        let datagram: Vec<u8> = std::iter::once(TYPE_TRANSPORT).chain(1..40).collect();
        let opened = |datagram: &[u8], route: &[u8]| [&[9; 16], &datagram[16..], &datagram[..16], route].concat();
        for count in 3..=4 {
            for position in 1..count {
                let (route, length) = emit_route(position, 2, &nodes[..count]);
                let whole = opened(&datagram, &route[..length]);
                let forward = parse_forward(&whole, 24).expect("a FORWARD");
                assert_eq!((forward.position, forward.band, forward.nodes), (position, 2, &nodes[..count]));
                assert_eq!((&forward.first[..], forward.size), (&datagram[..16], 40));
                assert_eq!(forward.is_for_us(), position + 1 == count);
                for start in [16, 23, 25, 40] {
                    assert_eq!(parse_forward(&whole, start), None);
                }
                for cut in 1..whole.len() {
                    assert_eq!(parse_forward(&whole[cut..], 24), None);
                }
            }
        }
        let (route, length) = emit_route(1, 2, &nodes[..3]);
        for (at, value) in [(31, 2), (31, 5), (31, 0), (31, 255), (30, 0x20), (30, 0x23), (0, 3), (20, 1)] {
            let mut route = route;
            route[at..at + if at > 29 { 1 } else { 10 }].fill(value);
            assert_eq!(parse_forward(&opened(&datagram, &route[..length]), 24), None, "{at} {value}");
        }
        for first in [0x8f, TYPE_FORWARD, 0, 0x40, TYPE_COOKIE_REPLY] {
            let other = [&[first], &datagram[1..]].concat();
            assert_eq!(parse_forward(&opened(&other, &route[..length]), 24), None, "{first}");
            assert_eq!(parse_forward(&opened(&other, &route[..length]), 16).is_some(), first == TYPE_COOKIE_REPLY);
        }
    }

    #[test]
    fn a_forward_says_where_its_sealed_part_begins() {
        let datagram = [&emit_forward_header(0x0a0b_0c0d, 7, 300)[..], &[0; 364]].concat();
        assert_eq!(datagram[..8], [0x98, 0, 1, 44, 0x0a, 0x0b, 0x0c, 0x0d]);
        assert_eq!(parse_forward_header(&datagram), Some((0x0a0b_0c0d, 7, 300)));
        for length in 0..datagram.len() {
            assert_eq!(parse_forward_header(&datagram[..length]), None);
        }
        for start in [0, 15, 301, 0xffff] {
            let header = emit_forward_header(1, 2, start);
            assert_eq!(parse_forward_header(&[&header[..], &[0; 364]].concat()), None);
        }
        assert!(!is_carriable(&[TYPE_TRANSPORT; 31]) && is_carriable(&[TYPE_TRANSPORT; 32]));
        assert!(!is_carriable(&[TYPE_FORWARD; 80]) && !is_carriable(&[]));
    }

    #[test]
    fn channel_data_may_be_padded_and_not_cut_short() {
        let mut datagram = emit_channel(0x4abc, 5).to_vec();
        datagram.extend(b"12345");
        assert_eq!(parse_channel(&datagram), Some((0x4abc, 5)));
        for length in 0..datagram.len() {
            assert_eq!(parse_channel(&datagram[..length]), None);
        }
        datagram.extend([0; 3]);
        assert_eq!(parse_channel(&datagram), Some((0x4abc, 5)));
        datagram[0] = 0x50;
        assert_eq!(parse_channel(&datagram), None);
    }
}
