# -*- test-case-name: zerogo.test.dataplane.test_tap -*-
"""The TAP: opening /dev/net/tun, and setting the interface up.

The interface lives as long as a descriptor of it is open: closing the plane removes it, and so does the end of the
process in whatever way. It is opened with a virtio header before each frame and without blocking; TUNSETSNDBUF is
never called (a bounded send buffer would leave the kernel's fast path), and the transmit queue is short, since each
of its places can hold 64 KB that no queue discipline sees.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen

from zerogo.dataplane.errors import TapNotOpened
from zerogo.dataplane.link import add_address, set_link
from zerogo.ids import MacAddress

DEVICE = "/dev/net/tun"
NAME_LIMIT = 15
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
QUEUE_FRAMES = 128
GSO_BYTES = 58_000
"""A super-frame of so much, cut and sealed, is one train of at most 64,400 bytes on a path of 1,472."""
_REQUEST = struct.Struct("16sH22x")


@frozen
class OpenedTap:
    """A TAP's descriptor (non-blocking, with virtio headers) and the name the kernel gave it."""

    fd: int
    name: str


@frozen(kw_only=True)
class TapSettings:
    """How the interface is to be."""

    mac: MacAddress
    mtu: int = 1500
    addresses: Sequence[str] = field(default=())
    """With prefix lengths: `10.1.2.3/24`."""


def open_tap(name: str) -> OpenedTap:
    """Make a TAP of that name (`zerogo%d` lets the kernel count); raises `TapNotOpened`."""
    if not 0 < len(name.encode()) <= NAME_LIMIT:
        raise TapNotOpened(f"{name!r} cannot name an interface: 1 to {NAME_LIMIT} bytes")
    try:
        descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TapNotOpened(_why_no_device(error)) from error
    try:
        answer = fcntl.ioctl(descriptor, TUNSETIFF, _REQUEST.pack(name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    except OSError as error:
        os.close(descriptor)
        raise TapNotOpened(_why_no_interface(name, error)) from error
    return OpenedTap(descriptor, _REQUEST.unpack(answer)[0].rstrip(b"\0").decode())


def _why_no_device(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to open {DEVICE}: run as root, or give the program CAP_NET_ADMIN"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{DEVICE} is missing: load the kernel module `tun`; in a container, pass the device in"
    return f"cannot open {DEVICE}: {error.strerror}"


def _why_no_interface(name: str, error: OSError) -> str:
    if error.errno == errno.EPERM:
        return f"no permission to make the interface {name}: run as root, or give the program CAP_NET_ADMIN"
    if error.errno == errno.EBUSY:
        return f"the interface {name} is in use by another program"
    if error.errno == errno.EINVAL:
        return f"an interface {name} exists and is no TAP with virtio headers; choose another name"
    return f"cannot make the interface {name}: {error.strerror}"


def configure_tap(name: str, settings: TapSettings) -> None:
    """Set address, MTU, queue and IP addresses, and bring the interface up; raises `TapNotOpened`."""
    index = _index_of(name)
    _refuse_router_advertisements(name)
    set_link(index, mac=settings.mac.raw, mtu=settings.mtu, queue_frames=QUEUE_FRAMES, gso_bytes=GSO_BYTES)
    for address in settings.addresses:
        add_address(index, address)


def _index_of(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise TapNotOpened(f"the interface {name} is gone") from error


def _refuse_router_advertisements(name: str) -> None:
    """No member may become another's default route by announcing itself as a router (RFC 6104)."""
    knob = Path(f"/proc/sys/net/ipv6/conf/{name}/accept_ra")
    try:
        knob.write_text("0")
    except OSError:
        # Without IPv6 there is no knob, and nothing to refuse.
        return
