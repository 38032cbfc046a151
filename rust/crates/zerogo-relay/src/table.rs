//! What may be forwarded where: flows, and the bandwidth of users.

use std::collections::HashMap;
use std::net::SocketAddr;

/// Flows at a time; a new one beyond it is not kept, and its datagrams are raised.
const FLOWS_LIMIT: usize = 1 << 18;
const CHANNEL_FIRST: u16 = 0x4000;
const CHANNEL_LAST: u16 = 0x7fff;
/// Bytes before the data of ChannelData.
pub const CHANNEL_HEADER: usize = 4;
const NANOS_PER_SECOND: f64 = 1e9;
/// A flow in use is decided again so long before its end, so that nothing has to wait or overtake.
const RENEW_BEFORE: Nanos = 1_000_000_000;

/// Monotonic nanoseconds.
pub type Nanos = u64;

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Clients send to it: STUN and ChannelData.
    Listener,
    /// A relayed address: peers send to it, as they like.
    Relayed,
}

/// One end of a flow: a socket of ours, the other side's address, and the channel (0: the payload alone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// The number of our socket.
    pub socket: u32,
    /// Where datagrams come from or go to.
    pub remote: SocketAddr,
    /// The number of the channel.
    pub channel: u16,
}

/// What to do with the datagrams of one end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Where they go.
    pub to: End,
    /// Those who pay for them: the user that sends and the one that receives; 0: nobody.
    pub buckets: [u32; 2],
    /// When this has to be decided again.
    pub expires_at: Nanos,
}

/// A flow, and when its owner is asked to decide again while it still carries.
#[derive(Clone, Copy, Debug)]
struct Held {
    flow: Flow,
    renew_at: Nanos,
}

/// A token bucket, in bytes.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled_at: Nanos,
}

impl Bucket {
    fn take(&mut self, amount: f64, now: Nanos) -> bool {
        let seconds = now.saturating_sub(self.filled_at) as f64 / NANOS_PER_SECOND;
        self.tokens = self.burst.min(self.tokens + seconds * self.rate);
        self.filled_at = self.filled_at.max(now);
        if self.tokens < amount {
            return false;
        }
        self.tokens -= amount;
        true
    }
}

/// What was done, in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams to peers.
    pub to_peers: u64,
    /// Their payload.
    pub bytes_to_peers: u64,
    /// Datagrams to clients.
    pub to_clients: u64,
    /// Their payload.
    pub bytes_to_clients: u64,
    /// Datagrams beyond a user's bandwidth.
    pub over_bandwidth: u64,
    /// Raised datagrams that nobody fetched in time.
    pub overflowed: u64,
    /// What the kernel refused to send.
    pub unsendable: u64,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These bytes of it go there.
    Forward {
        /// Where the payload begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// The end of the flow.
        to: End,
        /// Whether the flow's owner is to be asked about it again.
        renews: bool,
    },
    /// The relay has to look at it.
    Raise,
    /// It is gone.
    Drop,
}

/// Flows and buckets.
#[derive(Debug, Default)]
pub struct Table {
    flows: HashMap<End, Held>,
    buckets: HashMap<u32, Bucket>,
    /// Counts what `decide` did.
    pub tally: Tally,
}

impl Table {
    /// What becomes of a datagram that came to a socket.
    pub fn decide(&mut self, socket: u32, kind: SocketKind, source: SocketAddr, data: &[u8], now: Nanos) -> Verdict {
        let (channel, start, end) = match kind {
            SocketKind::Relayed => (0, 0, data.len()),
            SocketKind::Listener => match channel_data(data) {
                Some((channel, length)) => (channel, CHANNEL_HEADER, CHANNEL_HEADER + length),
                None => return Verdict::Raise,
            },
        };
        let from = End { socket, remote: source, channel };
        let Some(held) = self.flows.get_mut(&from) else {
            return Verdict::Raise;
        };
        let flow = held.flow;
        if flow.expires_at <= now {
            self.flows.remove(&from);
            return Verdict::Raise;
        }
        let renews = held.renew_at <= now;
        if renews {
            held.renew_at = flow.expires_at;
        }
        if !flow.buckets.iter().all(|bucket| self.take(*bucket, end - start, now)) {
            self.tally.over_bandwidth += 1;
            return Verdict::Drop;
        }
        let bytes = (end - start) as u64;
        if flow.to.channel == 0 {
            self.tally.to_peers += 1;
            self.tally.bytes_to_peers += bytes;
        } else {
            self.tally.to_clients += 1;
            self.tally.bytes_to_clients += bytes;
        }
        Verdict::Forward { start, end, to: flow.to, renews }
    }

    /// Forward what comes from an end; in place of what was done with it before.
    pub fn add_flow(&mut self, from: End, flow: Flow, now: Nanos) {
        let before = RENEW_BEFORE.min(flow.expires_at.saturating_sub(now) / 2);
        if self.flows.len() < FLOWS_LIMIT || self.flows.contains_key(&from) {
            self.flows.insert(from, Held { flow, renew_at: flow.expires_at - before });
        }
    }

    /// Forget all flows from and to a socket.
    pub fn forget_socket(&mut self, socket: u32) {
        self.flows.retain(|from, held| from.socket != socket && held.flow.to.socket != socket);
    }

    /// Forget all flows from and to a client.
    pub fn forget_remote(&mut self, socket: u32, remote: SocketAddr) {
        let is_one = |end: &End| end.socket == socket && end.remote == remote;
        self.flows.retain(|from, held| !is_one(from) && !is_one(&held.flow.to));
    }

    /// Forget flows whose time is over, so that they take no room.
    pub fn sweep(&mut self, now: Nanos) {
        self.flows.retain(|_, held| held.flow.expires_at > now);
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// A user's bandwidth: so many bytes a second, and as many at once. It is full.
    pub fn add_bucket(&mut self, number: u32, rate: f64, now: Nanos) {
        self.buckets.insert(number, Bucket { rate, burst: rate, tokens: rate, filled_at: now });
    }

    /// A user is gone.
    pub fn remove_bucket(&mut self, number: u32) {
        self.buckets.remove(&number);
    }

    /// Take from a user's bandwidth; false where there is not as much, or no such user. 0 is nobody's.
    pub fn take(&mut self, number: u32, amount: usize, now: Nanos) -> bool {
        number == 0 || self.buckets.get_mut(&number).is_some_and(|bucket| bucket.take(amount as f64, now))
    }
}

/// Channel and length of ChannelData that is whole; None for everything else.
fn channel_data(data: &[u8]) -> Option<(u16, usize)> {
    let (header, rest) = data.split_at_checked(CHANNEL_HEADER)?;
    let channel = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    ((CHANNEL_FIRST..=CHANNEL_LAST).contains(&channel) && length <= rest.len()).then_some((channel, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "192.0.2.1:5000";
    const PEER: &str = "8.8.8.8:7000";

    fn end(socket: u32, remote: &str, channel: u16) -> End {
        End { socket, remote: remote.parse().unwrap(), channel }
    }

    fn table() -> Table {
        let mut table = Table::default();
        table.add_bucket(7, 1000.0, 0);
        let (client, peer) = (end(1, CLIENT, 0x4001), end(2, PEER, 0));
        table.add_flow(client, Flow { to: peer, buckets: [7, 0], expires_at: 100 }, 40);
        table.add_flow(peer, Flow { to: client, buckets: [0, 7], expires_at: 100 }, 40);
        table
    }

    fn decide(table: &mut Table, socket: u32, kind: SocketKind, source: &str, data: &[u8]) -> Verdict {
        table.decide(socket, kind, source.parse().unwrap(), data, 50)
    }

    #[test]
    fn a_flow_carries_the_payload_both_ways() {
        let mut table = table();
        let out = decide(&mut table, 1, SocketKind::Listener, CLIENT, b"\x40\x01\0\x02hi\0\0");
        assert_eq!(out, Verdict::Forward { start: 4, end: 6, to: end(2, PEER, 0), renews: false });
        let back = decide(&mut table, 2, SocketKind::Relayed, PEER, b"@ back");
        assert_eq!(back, Verdict::Forward { start: 0, end: 6, to: end(1, CLIENT, 0x4001), renews: false });
        assert_eq!((table.tally.bytes_to_peers, table.tally.bytes_to_clients), (2, 6));
    }

    #[test]
    fn what_is_not_known_to_the_byte_is_raised() {
        let mut table = table();
        for data in [&b""[..], b"\x40\x01\0", b"\x40\x01\0\x03hi", b"\x40\x02\0\x02hi", b"\0\x01\0\0", b"\x93\x01\0\0"]
        {
            assert_eq!(decide(&mut table, 1, SocketKind::Listener, CLIENT, data), Verdict::Raise);
        }
        let whole = b"\x40\x01\0\x02hi";
        assert_eq!(decide(&mut table, 1, SocketKind::Listener, PEER, whole), Verdict::Raise);
        assert_eq!(decide(&mut table, 3, SocketKind::Listener, CLIENT, whole), Verdict::Raise);
        assert_eq!(decide(&mut table, 2, SocketKind::Relayed, CLIENT, whole), Verdict::Raise);
    }

    #[test]
    fn a_flow_in_use_is_asked_about_once_before_its_end_and_carries_on() {
        let (mut table, peer) = (table(), PEER.parse().unwrap());
        let mut renews = |now| match table.decide(2, SocketKind::Relayed, peer, b"x", now) {
            Verdict::Forward { renews, .. } => renews,
            _ => panic!("it does not carry"),
        };
        assert_eq!([69, 70, 71, 99].map(&mut renews), [false, true, false, false]);
    }

    #[test]
    fn a_flow_ends_by_itself_and_with_its_socket_and_its_client() {
        let (mut late, mut socket, mut remote) = (table(), table(), table());
        assert_eq!(late.decide(2, SocketKind::Relayed, PEER.parse().unwrap(), b"x", 100), Verdict::Raise);
        late.sweep(100);
        socket.forget_socket(2);
        remote.forget_remote(1, CLIENT.parse().unwrap());
        assert_eq!([late.flows(), socket.flows(), remote.flows()], [0, 0, 0]);
        let mut others = table();
        others.forget_remote(2, CLIENT.parse().unwrap());
        others.forget_socket(3);
        assert_eq!(others.flows(), 2);
    }

    #[test]
    fn bandwidth_is_one_users_in_both_directions_and_fills_again() {
        let mut table = table();
        let payload = [0u8; 600];
        assert_ne!(decide(&mut table, 2, SocketKind::Relayed, PEER, &payload), Verdict::Drop);
        assert!(!table.take(7, 600, 50));
        assert_eq!(decide(&mut table, 2, SocketKind::Relayed, PEER, &payload), Verdict::Drop);
        assert_eq!(table.tally.over_bandwidth, 1);
        assert!(table.take(7, 600, 250_000_000));
        table.remove_bucket(7);
        assert!(!table.take(7, 0, 250_000_000));
    }
}
