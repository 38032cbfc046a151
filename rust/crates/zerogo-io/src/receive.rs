//! Receiving from a data socket: many datagrams, or trains that the kernel put together (UDP_GRO), in one system call.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;

use zerogo_core::ingress::HEADROOM;

const BATCH: usize = 32;
/// Trains are worked on while they are in the cache, so few are taken at a time.
const BULK_BATCH: usize = 2;
const BULK_BYTES: usize = 8192;
const DATAGRAM_BYTES: usize = 65536;
const CONTROL_WORDS: usize = 16;

/// What came in one place of the batch.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    size: usize,
    /// Bytes of each datagram but the last; 0 where it was cut short.
    segment: usize,
    source: SocketAddr,
}

/// Buffers for one batch.
pub struct Receiver {
    buffers: Vec<Vec<u8>>,
    arrivals: Vec<Arrival>,
    limit: usize,
}

impl Receiver {
    /// With memory for 32 trains, used as it is touched.
    pub fn new() -> Self {
        let buffers = (0..BATCH).map(|_| vec![0; HEADROOM + DATAGRAM_BYTES]).collect();
        Self { buffers, arrivals: Vec::with_capacity(BATCH), limit: BATCH }
    }

    /// Take what the socket has, up to a batch; whether there may be more. The errno where it fails.
    pub fn fill(&mut self, socket: RawFd) -> Result<bool, i32> {
        let limit = self.limit;
        let mut addresses: [libc::sockaddr_storage; BATCH];
        let mut vectors: [libc::iovec; BATCH];
        let mut controls = [[0u64; CONTROL_WORDS]; BATCH];
        let mut headers: [libc::mmsghdr; BATCH];
        // SAFETY: all three are plain data for which all zeros is a valid value.
        unsafe { (addresses, vectors, headers) = (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        for at in 0..limit {
            let place = &mut self.buffers[at][HEADROOM..];
            vectors[at] = libc::iovec { iov_base: place.as_mut_ptr().cast(), iov_len: place.len() };
            let header = &mut headers[at].msg_hdr;
            header.msg_name = (&raw mut addresses[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
            header.msg_control = controls[at].as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&controls[at]);
        }
        self.arrivals.clear();
        // SAFETY: the first `limit` headers point to addresses, vectors and controls above and to our buffers, which are
        // borrowed mutably and outlive the call; lengths are those of what they point to.
        let count = unsafe {
            libc::recvmmsg(
                socket,
                headers.as_mut_ptr(),
                limit as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            return Err(crate::sockets::last_errno());
        }
        let mut is_bulk = false;
        for (header, address) in headers.iter().zip(&addresses).take(count as usize) {
            let size = header.msg_len as usize;
            is_bulk |= size > BULK_BYTES;
            let source = read_address(address);
            let segment = match source {
                Some(_) if header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0 => train_segment(&header.msg_hdr, size),
                _ => 0,
            };
            let source = source.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            self.arrivals.push(Arrival { size, segment, source });
        }
        self.limit = if is_bulk { BULK_BATCH } else { BATCH };
        Ok(count as usize == limit)
    }

    /// What came, in order: headroom and datagrams, the size of each but the last (0: cut short), and the source.
    pub fn arrivals(&mut self) -> impl Iterator<Item = (&mut [u8], usize, SocketAddr)> {
        self.buffers
            .iter_mut()
            .zip(&self.arrivals)
            .map(|(buffer, arrival)| (&mut buffer[..HEADROOM + arrival.size], arrival.segment, arrival.source))
    }
}

/// Bytes of each datagram of a train, as the kernel tells in a control message; else there is one datagram.
fn train_segment(header: &libc::msghdr, size: usize) -> usize {
    // SAFETY: `header` is as recvmmsg left it: msg_control points to a live buffer of which msg_controllen bytes were
    // filled, which is what CMSG_FIRSTHDR and CMSG_NXTHDR walk; an int is read only where one was announced.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            let is_gro = (*control).cmsg_level == libc::SOL_UDP && (*control).cmsg_type == libc::UDP_GRO;
            if is_gro && (*control).cmsg_len >= libc::CMSG_LEN(4) as usize {
                let segment = libc::CMSG_DATA(control).cast::<i32>().read_unaligned();
                return usize::try_from(segment).unwrap_or(0).min(size);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    size
}

fn read_address(address: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(address.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in; sockaddr_storage is larger and suitably aligned.
            let raw = unsafe { (&raw const *address).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::from((ip, u16::from_be(raw.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6; sockaddr_storage is larger and suitably aligned.
            let raw = unsafe { (&raw const *address).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            Some(SocketAddr::from((ip, u16::from_be(raw.sin6_port))))
        }
        _ => None,
    }
}
