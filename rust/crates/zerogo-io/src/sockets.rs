//! The data sockets of a plane, and options of sockets.
//!
//! One per address family is there as long as the plane; *side sockets* come and go by number. Both threads use them: one
//! adds and removes, each sends, one receives.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use zerogo_core::endpoint::{MAIN_SOCKET, Place};

use crate::poll::Poll;

/// Side sockets at a time.
pub const SIDE_SOCKETS_LIMIT: usize = 64;
/// The number of the IPv4 socket in the set that is waited for; side sockets have their own, which have 32 bits.
pub const V4: u64 = 1 << 32;
/// The number of the IPv6 socket.
pub const V6: u64 = 2 << 32;

/// The data sockets.
#[derive(Debug)]
pub struct Sockets {
    v4: Option<OwnedFd>,
    v6: Option<OwnedFd>,
    side: RwLock<BTreeMap<u32, Arc<OwnedFd>>>,
    /// Whether trains are to be received.
    pub merges: AtomicBool,
    /// Waits for all of them.
    pub poll: Poll,
}

/// A socket that stays open while this is held.
pub enum Held<'a> {
    /// That of a family.
    Main(BorrowedFd<'a>),
    /// One of the others.
    Side(Arc<OwnedFd>),
}

impl AsRawFd for Held<'_> {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Main(socket) => socket.as_raw_fd(),
            Self::Side(socket) => socket.as_raw_fd(),
        }
    }
}

impl Sockets {
    /// Tell the families of some sockets.
    pub fn new(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let (mut v4, mut v6) = (None, None);
        for descriptor in descriptors {
            match option(&descriptor, libc::SOL_SOCKET, libc::SO_DOMAIN)? {
                libc::AF_INET => v4 = Some(descriptor),
                libc::AF_INET6 => v6 = Some(descriptor),
                _ => return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
            }
        }
        for (socket, number) in [(&v4, V4), (&v6, V6)] {
            if let Some(socket) = socket {
                poll.add(socket.as_raw_fd(), number)?;
            }
        }
        Ok(Self { v4, v6, side: RwLock::default(), merges: AtomicBool::new(false), poll })
    }

    /// Those of the families.
    pub fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    /// The socket that sends to a place.
    pub fn of_place(&self, place: &Place) -> Option<Held<'_>> {
        match place.socket {
            MAIN_SOCKET => self.of_family(place.remote.is_ipv6()),
            number => self.of_number(u64::from(number)),
        }
    }

    fn of_family(&self, is_ipv6: bool) -> Option<Held<'_>> {
        (if is_ipv6 { &self.v6 } else { &self.v4 }).as_ref().map(|socket| Held::Main(socket.as_fd()))
    }

    /// The socket of a number that `poll` told.
    pub fn of_number(&self, number: u64) -> Option<Held<'_>> {
        match number {
            V4 => self.of_family(false),
            V6 => self.of_family(true),
            side => {
                let sockets = self.side.read().unwrap_or_else(PoisonError::into_inner);
                sockets.get(&u32::try_from(side).ok()?).cloned().map(Held::Side)
            }
        }
    }

    /// Take over a side socket; it is closed at once where there are too many, or it is none.
    pub fn add_side(&self, number: u32, socket: OwnedFd) {
        self.remove_side(number);
        let mut sockets = self.side.write().unwrap_or_else(PoisonError::into_inner);
        if number == MAIN_SOCKET || sockets.len() >= SIDE_SOCKETS_LIMIT {
            return;
        }
        if self.merges.load(Ordering::Relaxed) {
            set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        }
        if self.poll.add(socket.as_raw_fd(), u64::from(number)).is_ok() {
            sockets.insert(number, Arc::new(socket));
        }
    }

    /// Close a side socket, once nobody uses it any more.
    pub fn remove_side(&self, number: u32) {
        let socket = self.side.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some(socket) = socket {
            self.poll.remove(socket.as_raw_fd());
        }
    }
}

/// The errno of the last system call.
pub fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Set an integer option of a socket; whether the kernel took it.
pub fn set_option(socket: &OwnedFd, level: i32, name: i32, value: i32) -> bool {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: passes a pointer to a local integer and its size; the kernel only reads it.
    unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) == 0 }
}

fn option(socket: &OwnedFd, level: i32, name: i32) -> io::Result<i32> {
    let (mut value, mut size) = (0i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: passes pointers to a local integer and to its size, which bounds what the kernel writes.
    let status = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) };
    if status == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
