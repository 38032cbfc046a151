//! Sending from the data sockets: trains cut by the kernel (UDP_SEGMENT, Linux 4.18), many in one system call.
//!
//! A kernel or a network card that cannot cut refuses with EIO or EINVAL: the train is then sent datagram by datagram,
//! so nothing is lost, and no further one is tried until a minute has passed.

use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use zerogo_core::counter::{Counter, Tally};
use zerogo_core::endpoint::{MAIN_SOCKET, Place};
use zerogo_core::outbox::{DatagramSink, Train};
use zerogo_core::shared::Shared;
use zerogo_core::time::{Nanos, SECOND};

use crate::event::wait;
use crate::sockets::Sockets;

const RETRY_AFTER: Nanos = 60 * SECOND;
const FULL_WAIT_MS: i32 = 5;
const BATCH: usize = 64;
const CONTROL_WORDS: usize = 4;

/// One message: where it lies, of which train it is, and the size the kernel cuts it in (0: it does not).
#[derive(Clone, Debug)]
struct Message {
    range: Range<usize>,
    train: usize,
    segment: u16,
}

impl Message {
    fn count(&self) -> usize {
        match usize::from(self.segment) {
            0 => 1,
            segment => self.range.len().div_ceil(segment),
        }
    }
}

/// Which thread sends, and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    /// The one that reads the TAP.
    Outward,
    /// The one that receives, and carries for others.
    Inward,
}

/// Sends for one thread of a plane.
pub struct Sender {
    sockets: Arc<Sockets>,
    shared: Arc<Shared>,
    thread: Thread,
    may_segment: bool,
    retry_at: Nanos,
    messages: Vec<Message>,
}

/// Try whether the kernel knows UDP_SEGMENT.
pub fn can_segment(sockets: &Sockets) -> bool {
    sockets.all().all(|socket| {
        [1400i32, 0].iter().all(|size| crate::sockets::set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, *size))
    })
}

impl Sender {
    /// `shared` says whether trains may be cut by the kernel.
    pub fn new(sockets: Arc<Sockets>, shared: Arc<Shared>, thread: Thread) -> Self {
        let may_segment = shared.segments.load(Ordering::Relaxed);
        Self { sockets, shared, thread, may_segment, retry_at: 0, messages: Vec::new() }
    }

    fn tally(&self) -> &Tally {
        match self.thread {
            Thread::Outward => &self.shared.sending,
            Thread::Inward => &self.shared.receiving,
        }
    }

    fn plan(&mut self, trains: &[Train], now: Nanos) {
        if self.may_segment && now >= self.retry_at {
            self.shared.segments.store(true, Ordering::Relaxed);
        }
        let segments = self.shared.segments.load(Ordering::Relaxed);
        self.messages.clear();
        for (at, train) in trains.iter().enumerate() {
            if train.count == 1 || segments {
                let segment = if train.count == 1 { 0 } else { train.segment as u16 };
                self.messages.push(Message { range: train.range.clone(), train: at, segment });
            } else {
                self.plan_apart(at, train);
            }
        }
    }

    fn plan_apart(&mut self, at: usize, train: &Train) {
        for start in train.range.clone().step_by(train.segment) {
            let end = train.range.end.min(start + train.segment);
            self.messages.push(Message { range: start..end, train: at, segment: 0 });
        }
    }

    /// Count a message that was sent.
    fn note_sent(&self, message: &Message) {
        let tally = self.tally();
        tally.add(Counter::UdpDatagramsOut, message.count());
        tally.add(Counter::UdpTrainsOut, usize::from(message.segment != 0));
    }

    /// A message was refused: plan it again where it was a train that need not be; else it is lost.
    fn note_refused(&mut self, message: &Message, trains: &[Train], errno: i32, now: Nanos) -> bool {
        let segment = usize::from(message.segment);
        if segment != 0 && matches!(errno, libc::EIO | libc::EINVAL | libc::EMSGSIZE) {
            if errno != libc::EMSGSIZE {
                self.tally().add(Counter::FallbackUdpGso, 1);
                self.shared.segments.store(false, Ordering::Relaxed);
                self.retry_at = now + RETRY_AFTER;
            }
            self.plan_apart(message.train, &trains[message.train]);
            return false;
        }
        self.tally().add(Counter::DroppedUdpSend, message.count());
        true
    }

    /// Send messages of one socket, as many as it takes at once: how many, or why not the first.
    fn transmit(&self, socket: RawFd, buffer: &[u8], trains: &[Train], messages: &[Message]) -> Result<usize, i32> {
        let count = messages.len().min(BATCH);
        let mut addresses: [libc::sockaddr_storage; BATCH];
        let mut vectors: [libc::iovec; BATCH];
        let mut controls = [[0u64; CONTROL_WORDS]; BATCH];
        let mut headers: [libc::mmsghdr; BATCH];
        // SAFETY: all three are plain data for which all zeros is a valid value.
        unsafe { (addresses, vectors, headers) = (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        for (at, message) in messages[..count].iter().enumerate() {
            let piece = &buffer[message.range.clone()];
            vectors[at] = libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
            let header = &mut headers[at].msg_hdr;
            header.msg_namelen = write_address(&mut addresses[at], trains[message.train].to.remote);
            header.msg_name = (&raw mut addresses[at]).cast();
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
            if message.segment != 0 {
                header.msg_control = controls[at].as_mut_ptr().cast();
                // SAFETY: CMSG_SPACE and CMSG_LEN only compute; 24 bytes are needed and `controls[at]` has 32, aligned
                // as cmsghdr wants, so CMSG_FIRSTHDR and CMSG_DATA point into it.
                unsafe {
                    header.msg_controllen = libc::CMSG_SPACE(2) as usize;
                    let control = libc::CMSG_FIRSTHDR(header);
                    (*control).cmsg_level = libc::SOL_UDP;
                    (*control).cmsg_type = libc::UDP_SEGMENT;
                    (*control).cmsg_len = libc::CMSG_LEN(2) as usize;
                    libc::CMSG_DATA(control).cast::<u16>().write_unaligned(message.segment);
                }
            }
        }
        // SAFETY: the first `count` headers point to addresses, vectors and controls above and to `buffer`, all of which
        // outlive the call; the kernel only reads what the vectors point to.
        let sent = unsafe { libc::sendmmsg(socket, headers.as_mut_ptr(), count as libc::c_uint, 0) };
        if sent > 0 { Ok(sent as usize) } else { Err(crate::sockets::last_errno()) }
    }

    fn transmit_patiently(
        &self,
        socket: RawFd,
        buffer: &[u8],
        trains: &[Train],
        run: &[Message],
    ) -> Result<usize, i32> {
        match self.transmit(socket, buffer, trains, run) {
            Err(libc::EAGAIN) => {
                // The card is behind: a short wait is back-pressure on the TAP, whose queue then drops.
                wait([socket], libc::POLLOUT, FULL_WAIT_MS);
                self.transmit(socket, buffer, trains, run)
            }
            Err(libc::EINTR) => self.transmit(socket, buffer, trains, run),
            result => result,
        }
    }
}

impl DatagramSink for Sender {
    fn send(&mut self, buffer: &[u8], trains: &[Train], now: Nanos, failed: &mut dyn FnMut(&Train, i32)) {
        self.plan(trains, now);
        let mut at = 0;
        while at < self.messages.len() {
            let to = trains[self.messages[at].train].to;
            let end = (at..self.messages.len())
                .find(|next| !is_same_socket(&trains[self.messages[*next].train].to, &to))
                .unwrap_or(self.messages.len());
            let result = match self.sockets.of_place(&to) {
                Some(socket) => self.transmit_patiently(socket.as_raw_fd(), buffer, trains, &self.messages[at..end]),
                None if to.socket == MAIN_SOCKET => Err(libc::EAFNOSUPPORT),
                None => {
                    let datagrams = self.messages[at..end].iter().map(Message::count).sum();
                    self.tally().add(Counter::DroppedNoEndpoint, datagrams);
                    at = end;
                    continue;
                }
            };
            match result {
                Ok(sent) => {
                    self.messages[at..at + sent].iter().for_each(|message| self.note_sent(message));
                    at += sent;
                }
                Err(errno) => {
                    let message = self.messages[at].clone();
                    if self.note_refused(&message, trains, errno, now) {
                        failed(&trains[message.train], errno);
                    }
                    at += 1;
                }
            }
        }
    }
}

fn is_same_socket(one: &Place, other: &Place) -> bool {
    one.socket == other.socket && one.remote.is_ipv6() == other.remote.is_ipv6()
}

/// Write an address as the kernel wants it; its length.
fn write_address(place: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in and at least as strictly aligned.
            unsafe { (&raw mut *place).cast::<libc::sockaddr_in>().write(raw) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in6 and at least as strictly aligned.
            unsafe { (&raw mut *place).cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}
