//! Layout of a transport datagram (docs/PROTOCOL.md, section 4) and of a fragment (section 5.1).

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
/// Another pair's datagram, to be carried on.
pub const FORWARD: u8 = 5;

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
    /// STUN, told by its magic cookie.
    Stun,
}

/// Tell the family of an unsealed datagram; `None` for what is not ours.
pub fn classify_stranger(datagram: &[u8]) -> Option<Stranger> {
    match datagram.first()? {
        TYPE_INITIATION..=TYPE_COOKIE_REPLY => Some(Stranger::Handshake),
        0..=3 if datagram.len() >= 20 && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42] => Some(Stranger::Stun),
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
/// Where the node ids of a FORWARD payload begin: behind their count and the receiver's place among them.
pub const FORWARD_IDS: usize = 2;
/// Bytes before the datagram in the largest FORWARD payload.
pub const FORWARD_HEAD_LIMIT: usize = FORWARD_IDS + FORWARD_NODES_LIMIT * NODE_ID_BYTES;

/// The head of a FORWARD payload (docs/PROTOCOL.md, section 5.3); well-formed where it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward<'a> {
    /// The receiver's place among the nodes: from 1 up.
    pub position: usize,
    /// Source, carriers, destination; all distinct.
    pub nodes: &'a [[u8; NODE_ID_BYTES]],
    /// What is carried.
    pub datagram: &'a [u8],
}

impl Forward<'_> {
    /// Whether the receiver is the one it is for.
    pub fn is_for_us(&self) -> bool {
        self.position + 1 == self.nodes.len()
    }
}

/// Whether a datagram may be carried by members: one of ours, never STUN or what is from a relay.
pub fn is_carriable(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(TYPE_INITIATION..=TYPE_TRANSPORT))
}

/// Read the payload of a FORWARD; `None` where it is no right one, or carries what is none of ours.
pub fn parse_forward(payload: &[u8]) -> Option<Forward<'_>> {
    let (head, rest) = payload.split_at_checked(FORWARD_IDS)?;
    let (count, position) = (usize::from(head[0]), usize::from(head[1]));
    if !(FORWARD_NODES_MINIMUM..=FORWARD_NODES_LIMIT).contains(&count) || !(1..count).contains(&position) {
        return None;
    }
    let (ids, datagram) = rest.split_at_checked(count * NODE_ID_BYTES)?;
    let (nodes, _) = ids.as_chunks::<NODE_ID_BYTES>();
    let is_distinct = nodes.iter().enumerate().all(|(at, node)| !nodes[..at].contains(node));
    (is_distinct && is_carriable(datagram)).then_some(Forward { position, nodes, datagram })
}

/// The head of a FORWARD payload of at most four nodes: its bytes, and how many of them count.
pub fn emit_forward_head<'a>(
    position: usize,
    nodes: impl IntoIterator<Item = &'a [u8; NODE_ID_BYTES]>,
) -> ([u8; FORWARD_HEAD_LIMIT], usize) {
    let (mut head, mut count) = ([0; FORWARD_HEAD_LIMIT], 0);
    for node in nodes {
        let at = FORWARD_IDS + count * NODE_ID_BYTES;
        head[at..at + NODE_ID_BYTES].copy_from_slice(node);
        count += 1;
    }
    (head[0], head[1]) = (count as u8, position as u8);
    (head, FORWARD_IDS + count * NODE_ID_BYTES)
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
        assert_eq!(classify_stranger(&stun), None);
        stun[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        assert_eq!(classify_stranger(&stun), Some(Stranger::Stun));
        assert_eq!(classify_stranger(&stun[..19]), None);
        assert_eq!(classify_stranger(&[0x91]), Some(Stranger::Handshake));
        assert_eq!(classify_stranger(&[0x94]), None);
        assert_eq!(classify_stranger(&[]), None);
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
        for count in 3..=4 {
            for position in 1..count {
                let (head, length) = emit_forward_head(position, &nodes[..count]);
                let payload = [&head[..length], &[TYPE_TRANSPORT, 9]].concat();
                let forward = parse_forward(&payload).expect("a FORWARD");
                assert_eq!((forward.position, forward.nodes), (position, &nodes[..count]));
                assert_eq!((forward.datagram, forward.is_for_us()), (&[TYPE_TRANSPORT, 9][..], position + 1 == count));
                for cut in 0..=length {
                    assert_eq!(parse_forward(&payload[..cut]), None);
                }
            }
        }
        let (head, length) = emit_forward_head(1, &nodes[..3]);
        for (at, value) in [(0, 2), (0, 5), (1, 0), (1, 3), (2, 3), (22, 1)] {
            let mut payload = [&head[..length], &[TYPE_TRANSPORT, 9]].concat();
            payload[at..at + if at < 2 { 1 } else { 10 }].fill(value);
            assert_eq!(parse_forward(&payload), None, "{at} {value}");
        }
        for first in [0x8f, 0x94, 0, 0x40] {
            assert_eq!(parse_forward(&[&head[..length], &[first, 9]].concat()), None, "{first}");
        }
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
