//! Waiting for many descriptors that come and go while a thread waits: epoll.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

const EVENTS: usize = 16;

/// A set of descriptors, each with a number of its owner's choice.
#[derive(Debug)]
pub struct Poll(OwnedFd);

impl Poll {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else closes it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Wait for this descriptor too, until it is closed.
    pub fn add(&self, descriptor: RawFd, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        // SAFETY: passes a pointer to a local event, which the kernel only reads.
        let status = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Wait for a descriptor of the set, or leave it out for now; false where it is not in the set.
    pub fn set_awaited(&self, descriptor: RawFd, number: u64, is_awaited: bool) -> bool {
        let events = if is_awaited { libc::EPOLLIN as u32 } else { 0 };
        let mut event = libc::epoll_event { events, u64: number };
        // SAFETY: passes a pointer to a local event, which the kernel only reads.
        unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_MOD, descriptor, &raw mut event) == 0 }
    }

    /// Wait for this descriptor no more.
    pub fn remove(&self, descriptor: RawFd) {
        // SAFETY: no pointer is passed; it can only fail where the descriptor is not in the set.
        unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, descriptor, std::ptr::null_mut()) };
    }

    /// Wait until descriptors are readable, at most `timeout_ms` (-1: for ever); the numbers of some that are.
    pub fn wait(&self, timeout_ms: i32) -> impl Iterator<Item = u64> + use<> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: `events` has room for as many events as are asked for, and outlives the call.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, timeout_ms) };
        events.into_iter().take(usize::try_from(count).unwrap_or(0)).map(|event| event.u64)
    }
}
