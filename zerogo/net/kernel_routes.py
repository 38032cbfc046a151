# -*- test-case-name: zerogo.test.net.test_kernel_routes -*-
"""Routes into the mesh, in a table of their own, and the rules that lead there (man 7 rtnetlink, man 8 ip-rule).

What the machine's own table knows better than by its default route wins, so a local network stays local. In order:

    number + 0   what carries the mark of sealed datagrams, and what goes to `outside`: the machine's own table
    number + 1   what carries the mark and found no way there: unreachable, never into the mesh
    number + 2   the machine's own table, its default routes left out
    number + 3   the table of the mesh

The number follows from the device's name: agents on one machine do not touch each other's. Routes go with their device,
also after kill -9; rules lead to an empty table then, and are removed at the next start. Only an exit that was to fail
closed leaves something behind that matters, on purpose: an unreachable default route.

Own code and not pyroute2, because importing that costs an idle agent 9 MB (docs/decisions).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attrs import frozen

from zerogo.errors import EnvironmentFault
from zerogo.routing.subnets import UNDERLAY_MARK

OUTSIDE_LIMIT = 64
"""Addresses that are kept out of the mesh."""
NUMBERS_FROM, NUMBERS_STEP, NUMBERS = 20_000, 8, 1000
DEFAULTS = ("0.0.0.0/0", "::/0")
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_NLMSG_ERROR = 2
_NEW_ROUTE, _DEL_ROUTE, _NEW_RULE, _DEL_RULE = 24, 25, 32, 33
_REQUEST_ACK = 0x1 | 0x4
_REPLACE, _EXCLUSIVE, _CREATE = 0x100, 0x200, 0x400
_MAIN_TABLE = 254
_PROTOCOL = 0x5A
"""Of routes, so that `ip route` shows whose they are."""
_UNICAST, _UNREACHABLE = 1, 7
_TO_TABLE, _TO_UNREACHABLE = 1, 7
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_FRA_DST, _FRA_PRIORITY, _FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE = 1, 6, 10, 14, 15
_LAST_RESORT = 4096
"""Metric of the unreachable default route: below every other one of the table."""
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class RoutesRefused(EnvironmentFault):
    """The kernel does not take a route."""

    code = "E-ROUTES"


@frozen
class MeshRoute:
    """A network and the segment address of the member that leads there; None: nothing leads there, and nothing may."""

    subnet: str
    gateway: str | None


class KernelRoutes:
    """Those of one device, by its name."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._number = NUMBERS_FROM + NUMBERS_STEP * (zlib.crc32(device.encode()) % NUMBERS)
        self._index = 0
        self._routes: dict[str, str | None] = {}
        self._outside: dict[str, None] = {}
        self._has_rules = False

    def use(self, routes: Sequence[MeshRoute], outside: Iterable[str]) -> list[str]:
        """Have these routes and no others, and keep the way to the addresses `outside` as it is. What the kernel did
        not take, each one sentence."""
        index = _index_of(self._device)
        if index != self._index:
            self._index, self._routes = index, {}
        wanted = {route.subnet: route.gateway for route in routes}
        complaints: list[str] = []
        kept = dict.fromkeys(list(outside)[:OUTSIDE_LIMIT]) if wanted else {}
        # First the exceptions and then what they are exceptions from, and the other way round when routes go.
        self._keep_outside({**self._outside, **kept}, complaints)
        if wanted and not self._has_rules:
            self._try(self._add_rules, complaints)
            self._has_rules = True
        for subnet in [one for one in self._routes if one not in wanted]:
            self._try(partial(self._remove, subnet), complaints)
            del self._routes[subnet]
        for subnet, gateway in wanted.items():
            is_there = subnet in self._routes and self._routes[subnet] == gateway
            if not is_there and self._try(partial(self._replace, subnet, gateway), complaints):
                self._routes[subnet] = gateway
        if not wanted and self._has_rules:
            self._remove_rules()
        self._keep_outside(kept, complaints)
        return complaints

    def clear(self) -> None:
        """Remove all of it, also what a process that was killed left behind."""
        for subnet in list(self._routes):
            self._quietly(partial(self._remove, subnet))
        for subnet in DEFAULTS:
            self._quietly(partial(self._remove_last_resort, subnet))
        self._routes = {}
        self._remove_rules()
        self._outside = {}

    def shut(self, subnets: Iterable[str]) -> None:
        """Let these default routes lead nowhere when the device is gone."""
        for subnet in subnets:
            body = self._route(subnet, _UNREACHABLE) + _attribute(_RTA_PRIORITY, _u32(_LAST_RESORT))
            _request(_NEW_ROUTE, _CREATE | _REPLACE, body)

    def open_up(self) -> None:
        """Undo `shut`."""
        for subnet in DEFAULTS:
            self._quietly(partial(self._remove_last_resort, subnet))

    # Routes

    def _route(self, subnet: str, kind: int) -> bytes:
        network = ipaddress.ip_network(subnet)
        family = _FAMILIES[network.version]
        body = _ROUTE.pack(family, network.prefixlen, 0, 0, 0, _PROTOCOL, 0, kind, 0)
        body += _attribute(_RTA_TABLE, _u32(self._number))
        return body + (_attribute(_RTA_DST, network.network_address.packed) if network.prefixlen else b"")

    def _replace(self, subnet: str, gateway: str | None) -> None:
        if gateway is None:
            body = self._route(subnet, _UNREACHABLE)
        else:
            body = self._route(subnet, _UNICAST) + _attribute(_RTA_OIF, _u32(self._index))
            body += _attribute(_RTA_GATEWAY, ipaddress.ip_address(gateway).packed)
        if subnet in self._routes and (self._routes[subnet] is None) != (gateway is None):
            self._quietly(partial(self._remove, subnet))
        _request(_NEW_ROUTE, _CREATE | _REPLACE, body)

    def _remove(self, subnet: str) -> None:
        kind = _UNREACHABLE if self._routes[subnet] is None else _UNICAST
        _request(_DEL_ROUTE, 0, self._route(subnet, kind))

    def _remove_last_resort(self, subnet: str) -> None:
        _request(_DEL_ROUTE, 0, self._route(subnet, _UNREACHABLE) + _attribute(_RTA_PRIORITY, _u32(_LAST_RESORT)))

    # Rules

    def _add_rules(self) -> None:
        number, mark = self._number, _attribute(_FRA_FWMARK, _u32(UNDERLAY_MARK))
        for family in _FAMILIES.values():
            try:
                _add_rule(_rule(family, number, _MAIN_TABLE) + mark)
            except RoutesRefused:
                if family == socket.AF_INET6 and not os.path.exists("/proc/sys/net/ipv6"):
                    continue
                raise
            _add_rule(_rule(family, number + 1, 0, _TO_UNREACHABLE) + mark)
            _add_rule(_rule(family, number + 2, _MAIN_TABLE) + _attribute(_FRA_SUPPRESS_PREFIXLEN, _u32(0)))
            _add_rule(_rule(family, number + 3, number))

    def _remove_rules(self) -> None:
        for family in _FAMILIES.values():
            for step in (3, 2, 1, 0):
                for _ in range(OUTSIDE_LIMIT * 2):
                    body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
                    body += _attribute(_FRA_PRIORITY, _u32(self._number + step))
                    if not self._quietly(partial(_request, _DEL_RULE, 0, body)):
                        break
        self._has_rules = False
        self._outside = {}

    def _keep_outside(self, hosts: dict[str, None], complaints: list[str]) -> None:
        for host in [one for one in hosts if one not in self._outside]:
            if self._try(partial(_add_rule, self._rule_to(host)), complaints):
                self._outside[host] = None
        for host in [one for one in self._outside if one not in hosts]:
            self._quietly(partial(_request, _DEL_RULE, 0, self._rule_to(host)))
            del self._outside[host]

    def _rule_to(self, host: str) -> bytes:
        address = ipaddress.ip_address(host)
        family = _FAMILIES[address.version]
        body = _rule(family, self._number, _MAIN_TABLE, length=address.max_prefixlen)
        return body + _attribute(_FRA_DST, address.packed)

    # How it went

    @staticmethod
    def _try(step: Callable[[], object], complaints: list[str]) -> bool:
        try:
            step()
        except RoutesRefused as error:
            complaints.append(str(error))
            return False
        return True

    @staticmethod
    def _quietly(step: Callable[[], object]) -> bool:
        try:
            step()
        except RoutesRefused:
            return False
        return True


def _index_of(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        raise RoutesRefused(f"there is no device {device}") from error


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)


def _rule(family: int, priority: int, table: int, action: int = _TO_TABLE, length: int = 0) -> bytes:
    body = _ROUTE.pack(family, length, 0, 0, 0, 0, 0, action, 0)
    body += _attribute(_FRA_PRIORITY, _u32(priority))
    return body + (_attribute(_FRA_TABLE, _u32(table)) if table else b"")


def _add_rule(body: bytes) -> None:
    _request(_NEW_RULE, _CREATE | _EXCLUSIVE, body)


def _request(kind: int, flags: int, body: bytes) -> None:
    """Send one message and wait for the kernel's word on it; raises `RoutesRefused`. Having it already is fine."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.bind((0, 0))
            kernel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_ACK | flags, 1, 0) + body)
            reply = kernel.recv(65536)
    except OSError as error:
        raise RoutesRefused(f"the kernel cannot be asked for routes: {error.strerror}") from error
    if _HEADER.unpack_from(reply)[1] != _NLMSG_ERROR:
        raise RoutesRefused("the kernel's answer about a route was not understood")
    code = -_ERROR.unpack_from(reply, _HEADER.size)[0]
    if code == errno.EPERM:
        raise RoutesRefused("routes cannot be changed: this needs root, or CAP_NET_ADMIN")
    if code and not (code == errno.EEXIST and kind == _NEW_RULE):
        raise RoutesRefused(f"the kernel does not take a route: {os.strerror(code)}")
