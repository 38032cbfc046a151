//! Waking a thread that waits: eventfd, and poll.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use zerogo_core::upcall::Bell;

/// A descriptor that is readable once it was rung, until it is silenced.
#[derive(Debug)]
pub struct Event(OwnedFd);

impl Event {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else closes it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Its number.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Bell for Event {
    fn ring(&self) {
        let one = 1u64;
        // SAFETY: writes the 8 bytes of a local variable. It can only fail where the counter is full, and then the
        // descriptor is readable anyway.
        unsafe { libc::write(self.descriptor(), (&raw const one).cast(), 8) };
    }

    fn silence(&self) {
        let mut count = 0u64;
        // SAFETY: reads 8 bytes into a local variable. It fails only where nothing was rung.
        unsafe { libc::read(self.descriptor(), (&raw mut count).cast(), 8) };
    }
}

/// Wait until a descriptor is ready, at most `timeout_ms` (-1: for ever); which ones are, in the order given.
pub fn wait<const COUNT: usize>(descriptors: [RawFd; COUNT], events: i16, timeout_ms: i32) -> [bool; COUNT] {
    let mut waiting = descriptors.map(|fd| libc::pollfd { fd, events, revents: 0 });
    // SAFETY: `waiting` is an array of COUNT pollfd that outlives the call.
    let ready = unsafe { libc::poll(waiting.as_mut_ptr(), COUNT as libc::nfds_t, timeout_ms) };
    waiting.map(|entry| ready > 0 && entry.revents != 0)
}

/// Let others have the core, where there are any that want it.
pub fn give_way() {
    // SAFETY: takes no pointers.
    unsafe { libc::sched_yield() };
}
