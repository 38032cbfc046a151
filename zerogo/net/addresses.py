# -*- test-case-name: zerogo.test.net.test_addresses -*-
"""Which addresses of this machine peers should try, best first, and a watch that says when they change.

Never offered: loopback, link-local, tentative or failed ones, those of links that are down, those of our own TAP.
Interfaces through which the default route goes come first, then hardware, then virtual ones. Other tunnels and the
bridges of container and machine hosts are offered only where they carry the default route (so inside a container its
`eth0` is) or where there is nothing else: an address like 172.17.0.1 exists on many machines at once and each costs
peers a round of checks.

The default route is found by asking the kernel how it would send to a documentation address (RFC 5737, RFC 3849);
nothing is sent, and no routing table of a million lines is read.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import EnvironmentFault, ParseError
from zerogo.net import netlink
from zerogo.net.netlink import InterfaceAddress, Link, Route

ADDRESSES_LIMIT = 16
"""More addresses than this are not offered; each costs every peer a round of checks."""
DEBOUNCE_SECONDS = 0.02
"""A change of network makes a dozen notifications; they are read as one."""
PROBE_HOSTS = ("198.51.100.1", "2001:db8::1")
_ANSWER_BYTES = 65536
_REFUSED_SCOPE = 253
"""Scopes from here up are link, host and nowhere (rtnetlink.h)."""
_UNUSABLE = netlink.ADDRESS_DAD_FAILED | netlink.ADDRESS_TENTATIVE | netlink.ADDRESS_DEPRECATED
_HOST_BRIDGE = re.compile(r"(docker|br-[0-9a-f]{12}|virbr|lxcbr|lxdbr|cni|flannel|podman|vmnet|vboxnet)")
_TUNNEL_KINDS = ("tun", "wireguard", "ipip", "sit", "gre", "vxlan", "geneve", "ip6tnl")

_log = Logger(namespace="zerogo.net.addresses")


@frozen(kw_only=True)
class Interfaces:
    """What the kernel said of the interfaces of this machine (of this network namespace)."""

    links: Sequence[Link]
    addresses: Sequence[InterfaceAddress]
    default_routes: Sequence[Route]


def _rank(link: Link, defaults: Sequence[int | None]) -> int:
    """Lower is better; 3 and more are offered only where there is nothing else."""
    if link.index in defaults:
        return 0
    if link.kind in _TUNNEL_KINDS or _HOST_BRIDGE.match(link.name):
        return 3
    return 1 if link.kind == "" else 2


def _is_usable(link: Link, address: InterfaceAddress) -> bool:
    wanted = netlink.LINK_UP | netlink.LINK_RUNNING
    is_up = link.flags & wanted == wanted and not link.flags & netlink.LINK_LOOPBACK
    return is_up and address.scope < _REFUSED_SCOPE and not address.flags & _UNUSABLE


def choose_addresses(interfaces: Interfaces, ignored: Sequence[str] = ()) -> list[str]:
    """The addresses (text) that peers should try, best first, at most `ADDRESSES_LIMIT`.

    :param ignored: names of interfaces that are never offered (`*` and `?` match): those that lead into the mesh
        itself, and what the configuration says.
    """
    links = {link.index: link for link in interfaces.links if not any(fnmatchcase(link.name, name) for name in ignored)}
    defaults = [route.interface for route in interfaces.default_routes]
    ranked = [
        (_rank(links[address.index], defaults), address.host)
        for address in interfaces.addresses
        if address.index in links and _is_usable(links[address.index], address)
    ]
    ranked.sort(key=lambda pair: pair[0])
    best = [host for rank, host in ranked if rank < 3] or [host for _, host in ranked]
    return best[:ADDRESSES_LIMIT]


def _open_netlink(groups: int) -> socket.socket:
    try:
        found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        found.bind((0, groups))
    except OSError as error:
        raise EnvironmentFault(f"the kernel offers no rtnetlink: {error.strerror}") from error
    return found


def _ask(kernel: socket.socket, request: bytes, *, is_dump: bool) -> list[netlink.Message]:
    kernel.send(request)
    found: list[netlink.Message] = []
    while True:
        for message in netlink.parse_messages(kernel.recv(_ANSWER_BYTES)):
            if message.kind in (netlink.DONE, netlink.ERROR):
                return found
            found.append(message)
        if not is_dump:
            return found


def read_interfaces() -> Interfaces:
    """Ask the kernel; takes well under a millisecond. Raises `EnvironmentFault`."""
    with _open_netlink(0) as kernel:
        kernel.settimeout(1.0)
        try:
            links = _ask(kernel, netlink.dump_request(netlink.GET_LINK, 1), is_dump=True)
            addresses = _ask(kernel, netlink.dump_request(netlink.GET_ADDRESS, 2), is_dump=True)
            routes = [_ask(kernel, netlink.route_request(host, 3), is_dump=False) for host in PROBE_HOSTS]
            return Interfaces(
                links=[netlink.parse_link(message.body) for message in links],
                addresses=[found for message in addresses if (found := netlink.parse_address(message.body))],
                default_routes=[netlink.parse_route(message.body) for answer in routes for message in answer],
            )
        except (OSError, ParseError) as error:
            raise EnvironmentFault(f"the kernel's list of interfaces could not be read: {error}") from error


def main_address(interfaces: Interfaces) -> str | None:
    """The address that this machine sends from to the rest of the world: a best guess at how others reach it."""
    for route in interfaces.default_routes:
        if route.source is not None:
            return route.source
    return next(iter(choose_addresses(interfaces)), None)


@implementer(IReadDescriptor)
class AddressWatch:
    """Calls `on_change(hosts)` whenever `choose_addresses` has another answer, and once at `start`.

    :param ignored: names of interfaces that are never offered (`*` and `?` match).
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        clock: IReactorTime,
        on_change: Callable[[list[str]], object],
        *,
        ignored: Sequence[str] = (),
        read: Callable[[], Interfaces] = read_interfaces,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._on_change = on_change
        self._ignored = tuple(ignored)
        self._read = read
        self._socket: socket.socket | None = None
        self._due: IDelayedCall | None = None
        self._hosts: list[str] | None = None

    def start(self) -> None:
        """Subscribe, and tell what there is; raises `EnvironmentFault`."""
        self._socket = _open_netlink(netlink.ALL_GROUPS)
        self._socket.setblocking(False)
        self._reactor.addReader(self)
        self.look()

    def stop(self) -> None:
        """Watch no more."""
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._socket.close()
            self._socket = None

    def look(self) -> None:
        """Read the addresses, and tell if they are others than before."""
        self._due = None
        try:
            hosts = choose_addresses(self._read(), self._ignored)
        except EnvironmentFault as error:
            _log.warn("Addresses of this machine: {error}", error=str(error))
            return
        if hosts != self._hosts:
            self._hosts = hosts
            self._on_change(hosts)

    def notified(self) -> None:
        """Something changed; look once the flurry is over."""
        if self._due is None:
            self._due = self._clock.callLater(DEBOUNCE_SECONDS, self.look)

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def doRead(self) -> None:
        # What the notifications say is not read: the whole state is, once, and a lost one (ENOBUFS) costs nothing.
        for _ in range(64):
            try:
                if self._socket is None or not self._socket.recv(_ANSWER_BYTES):
                    break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    break
        self.notified()

    def connectionLost(self, reason: Failure) -> None:
        self.stop()

    def logPrefix(self) -> str:
        return "addresses"
