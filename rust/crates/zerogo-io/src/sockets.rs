//! The data sockets of a plane, and options of sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The data sockets, at most one per address family.
#[derive(Debug, Default)]
pub struct Sockets {
    v4: Option<OwnedFd>,
    v6: Option<OwnedFd>,
}

impl Sockets {
    /// Tell the families of some sockets.
    pub fn new(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut sockets = Self::default();
        for descriptor in descriptors {
            match option(&descriptor, libc::SOL_SOCKET, libc::SO_DOMAIN)? {
                libc::AF_INET => sockets.v4 = Some(descriptor),
                libc::AF_INET6 => sockets.v6 = Some(descriptor),
                _ => return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
            }
        }
        Ok(sockets)
    }

    /// Both, where they are.
    pub fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    /// That of one family.
    pub fn of_family(&self, is_ipv6: bool) -> Option<BorrowedFd<'_>> {
        (if is_ipv6 { &self.v6 } else { &self.v4 }).as_ref().map(AsFd::as_fd)
    }

    /// The numbers of both, -1 where there is none.
    pub fn numbers(&self) -> [RawFd; 2] {
        // poll passes over negative descriptors.
        [&self.v4, &self.v6].map(|socket| socket.as_ref().map_or(-1, AsRawFd::as_raw_fd))
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
