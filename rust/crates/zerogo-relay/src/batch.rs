//! Many datagrams in one system call, received and sent from the same memory.
//!
//! Each datagram has room for a ChannelData header before it, so a header is added, changed or left out without moving
//! the payload.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::RawFd;

use crate::address;
use crate::table::{CHANNEL_HEADER, End};

/// Datagrams of one system call.
pub const BATCH: usize = 64;
const DATAGRAM_BYTES: usize = 65536;
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// One datagram that goes on: which one came, and where its bytes lie.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    at: usize,
    start: usize,
    end: usize,
    /// Where it goes.
    pub to: End,
}

/// Memory for a batch, used as it is touched.
pub struct Batch {
    buffers: Vec<Vec<u8>>,
    arrivals: Vec<(usize, SocketAddr)>,
    outgoing: Vec<Outgoing>,
}

impl Batch {
    /// For `BATCH` datagrams of any size.
    pub fn new() -> Self {
        let buffers = (0..BATCH).map(|_| vec![0; CHANNEL_HEADER + DATAGRAM_BYTES]).collect();
        Self { buffers, arrivals: Vec::with_capacity(BATCH), outgoing: Vec::with_capacity(BATCH) }
    }

    /// Take what a socket has; how many came, 0 where there is nothing or an error of an earlier datagram.
    pub fn receive(&mut self, socket: RawFd) -> usize {
        let mut addresses: [libc::sockaddr_storage; BATCH];
        let mut vectors: [libc::iovec; BATCH];
        let mut headers: [libc::mmsghdr; BATCH];
        // SAFETY: all three are plain data for which all zeros is a valid value.
        unsafe { (addresses, vectors, headers) = (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        for (at, buffer) in self.buffers.iter_mut().enumerate() {
            let place = &mut buffer[CHANNEL_HEADER..];
            vectors[at] = libc::iovec { iov_base: place.as_mut_ptr().cast(), iov_len: place.len() };
            let header = &mut headers[at].msg_hdr;
            header.msg_name = (&raw mut addresses[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
        }
        self.arrivals.clear();
        self.outgoing.clear();
        let (limit, flags) = (BATCH as libc::c_uint, libc::MSG_DONTWAIT);
        // SAFETY: the headers point to addresses and vectors above and to our buffers, which are borrowed mutably and
        // outlive the call; lengths are those of what they point to.
        let count = unsafe { libc::recvmmsg(socket, headers.as_mut_ptr(), limit, flags, std::ptr::null_mut()) };
        for (header, place) in headers.iter().zip(&addresses).take(usize::try_from(count).unwrap_or(0)) {
            self.arrivals.push((header.msg_len as usize, address::read(place).unwrap_or(NOBODY)));
        }
        self.arrivals.len()
    }

    /// What came: number, bytes, source. Nobody's address has port 0.
    pub fn arrivals(&self) -> impl Iterator<Item = (usize, &[u8], SocketAddr)> {
        let datagrams = self.arrivals.iter().zip(&self.buffers).enumerate();
        datagrams.map(|(at, ((size, source), buffer))| (at, &buffer[CHANNEL_HEADER..CHANNEL_HEADER + size], *source))
    }

    /// Have bytes `start` to `end` of datagram `at` go on.
    pub fn forward(&mut self, at: usize, start: usize, end: usize, to: End) {
        let (mut start, end) = (CHANNEL_HEADER + start, CHANNEL_HEADER + end);
        if to.channel != 0 {
            let length = (end - start) as u16;
            start -= CHANNEL_HEADER;
            let header = &mut self.buffers[at][start..start + CHANNEL_HEADER];
            header[..2].copy_from_slice(&to.channel.to_be_bytes());
            header[2..].copy_from_slice(&length.to_be_bytes());
        }
        self.outgoing.push(Outgoing { at, start, end, to });
    }

    /// What is to go on, in rows that leave by one socket.
    pub fn rows(&self) -> impl Iterator<Item = &[Outgoing]> {
        self.outgoing.chunk_by(|one, next| one.to.socket == next.to.socket)
    }

    /// Send a row; how many the kernel did not take.
    pub fn send(&self, socket: RawFd, row: &[Outgoing]) -> usize {
        let mut addresses: [libc::sockaddr_storage; BATCH];
        let mut vectors: [libc::iovec; BATCH];
        let mut headers: [libc::mmsghdr; BATCH];
        // SAFETY: all three are plain data for which all zeros is a valid value.
        unsafe { (addresses, vectors, headers) = (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        for (at, outgoing) in row.iter().enumerate() {
            let piece = &self.buffers[outgoing.at][outgoing.start..outgoing.end];
            vectors[at] = libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
            let header = &mut headers[at].msg_hdr;
            header.msg_namelen = address::write(&mut addresses[at], outgoing.to.remote);
            header.msg_name = (&raw mut addresses[at]).cast();
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
        }
        let (mut at, mut lost) = (0, 0);
        while at < row.len() {
            let rest = &mut headers[at..row.len()];
            let count = rest.len() as libc::c_uint;
            // SAFETY: the headers point to addresses and vectors above and to our buffers, all of which outlive the
            // call; the kernel only reads what the vectors point to.
            let sent = unsafe { libc::sendmmsg(socket, rest.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
            // An error is that of the first one (too long, or an ICMP error of the past): the others have their turn.
            let refused = usize::from(sent <= 0);
            at += usize::try_from(sent).unwrap_or(0).max(refused);
            lost += refused;
        }
        lost
    }
}
