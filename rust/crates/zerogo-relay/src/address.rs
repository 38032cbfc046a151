//! Socket addresses as the kernel writes and reads them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address in a place that the kernel has filled; None for other families.
pub fn read(place: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(place.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in; sockaddr_storage is larger and suitably aligned.
            let raw = unsafe { (&raw const *place).cast::<libc::sockaddr_in>().read() };
            Some((Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes()), u16::from_be(raw.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6; sockaddr_storage is larger and suitably aligned.
            let raw = unsafe { (&raw const *place).cast::<libc::sockaddr_in6>().read() };
            // One with a zone is of a link: an answer without the zone would go nowhere, so it is not anybody's.
            let is_plain = raw.sin6_scope_id == 0;
            is_plain.then(|| (Ipv6Addr::from(raw.sin6_addr.s6_addr), u16::from_be(raw.sin6_port)).into())
        }
        _ => None,
    }
}

/// Write an address; its length.
pub fn write(place: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
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
                sin6_scope_id: 0,
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in6 and at least as strictly aligned.
            unsafe { (&raw mut *place).cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}
