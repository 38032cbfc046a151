//! Waiting for sockets that come and go (epoll), and waking a thread or a reactor (eventfd).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

const EVENTS: usize = 64;

/// A set of descriptors, each with a number of its owner's choice.
#[derive(Debug)]
pub struct Poll(OwnedFd);

impl Poll {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a descriptor that comes back is ours alone.
        unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }.map(Self)
    }

    /// Wait for this descriptor too, until it is closed.
    pub fn add(&self, descriptor: RawFd, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        // SAFETY: passes a pointer to a local event, which the kernel only reads.
        let status = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Wait for this descriptor no more.
    pub fn remove(&self, descriptor: RawFd) {
        // SAFETY: no pointer is passed; it can only fail where the descriptor is not in the set.
        unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, descriptor, std::ptr::null_mut()) };
    }

    /// Wait until descriptors are readable, at most `timeout_ms`; the numbers of some that are.
    pub fn wait(&self, timeout_ms: i32) -> impl Iterator<Item = u64> + use<> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: `events` has room for as many events as are asked for, and outlives the call.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, timeout_ms) };
        events.into_iter().take(usize::try_from(count).unwrap_or(0)).map(|event| event.u64)
    }
}

/// Readable from `raise` until `clear`.
#[derive(Debug)]
pub struct Event(OwnedFd);

impl Event {
    /// One that is not raised.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a descriptor that comes back is ours alone.
        unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }.map(Self)
    }

    /// Make it readable.
    pub fn raise(&self) {
        let one = 1u64;
        // SAFETY: passes a pointer to 8 readable bytes; where the counter is full, it is readable already.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Make it not readable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: passes a pointer to 8 writable bytes; where it is not raised, nothing is written.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsRawFd for Event {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// # Safety
///
/// `descriptor` must be the result of a call that makes one, and be nobody else's.
unsafe fn owned(descriptor: RawFd) -> io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller vouches for it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
