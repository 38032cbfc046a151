# -*- test-case-name: zerogo.test.dataplane.test_tap -*-
"""Setting up a network interface through rtnetlink: RFC 3549, `linux/rtnetlink.h`. Integers are in host byte order.

Written out here, since these few messages cost an agent nothing, where a netlink library costs it 10 MB.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct

from zerogo.dataplane.errors import TapNotOpened

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_NLMSG_ERROR = 2
_RTM_NEWLINK, _RTM_NEWADDR = 16, 20
_REQUEST_ACK = 0x1 | 0x4
_CREATE_REPLACE = 0x400 | 0x100
_IFF_UP = 0x1
_IFLA_ADDRESS, _IFLA_MTU, _IFLA_TXQLEN, _IFLA_GSO_MAX_SIZE = 1, 4, 13, 41
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD = 0x02


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)


def _request(kind: int, flags: int, body: bytes, what: str) -> None:
    """Send one message and wait for the kernel's word on it; raises `TapNotOpened` with `what` could not be done."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        netlink.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_ACK | flags, 1, 0) + body)
        reply = netlink.recv(65536)
    if _HEADER.unpack_from(reply)[1] != _NLMSG_ERROR:
        raise TapNotOpened(f"cannot {what}: the kernel's answer was not understood")
    code = -_ERROR.unpack_from(reply, _HEADER.size)[0]
    if code == errno.EPERM:
        raise TapNotOpened(f"cannot {what}: this needs root, or CAP_NET_ADMIN")
    if code:
        raise TapNotOpened(f"cannot {what}: {os.strerror(code)}")


def set_link(index: int, *, mac: bytes, mtu: int, queue_frames: int, gso_bytes: int) -> None:
    """Set address, MTU, length of the transmit queue (frames) and largest super-frame (bytes), and bring it up."""
    what = f"set up interface {index} (MTU {mtu})"
    body = _LINK.pack(0, 0, index, 0, 0)
    body += _attribute(_IFLA_ADDRESS, mac) + _attribute(_IFLA_MTU, _u32(mtu))
    body += _attribute(_IFLA_TXQLEN, _u32(queue_frames)) + _attribute(_IFLA_GSO_MAX_SIZE, _u32(gso_bytes))
    _request(_RTM_NEWLINK, 0, body, what)
    _request(_RTM_NEWLINK, 0, _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP), f"bring up interface {index}")


def _address_body(index: int, text: str) -> bytes:
    interface = ipaddress.ip_interface(text)
    packed = interface.ip.packed
    is_ipv6 = interface.version == 6
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    body = _ADDRESS.pack(family, interface.network.prefixlen, 0, 0, index)
    body += _attribute(_IFA_ADDRESS, packed) + _attribute(_IFA_LOCAL, packed)
    # The controller hands out each address once; waiting a second for duplicates would only delay the first packet.
    return body + (_attribute(_IFA_FLAGS, _u32(_IFA_F_NODAD)) if is_ipv6 else b"")


def add_address(index: int, text: str) -> None:
    """Give the interface an address, such as `10.1.2.3/24`; having it already is fine."""
    _request(_RTM_NEWADDR, _CREATE_REPLACE, _address_body(index, text), f"add the address {text}")
