# -*- test-case-name: zerogo.test.net.test_name_server -*-
"""A small DNS server for the names of one network (RFC 1035), on this machine's own address in it, port 53.

It knows its zone and refuses all else, so it is never asked for the internet's names and cannot be turned into an open
resolver; it answers this machine only. An answer is no longer than 512 bytes, so nothing is ever cut short, and EDNS
(RFC 6891) is not needed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from twisted.internet import error, protocol
from twisted.names import dns

from zerogo.errors import EnvironmentFault
from zerogo.names.zone import Zone

PORT = 53
TTL_SECONDS = 20
ADDRESSES_LIMIT = 8
"""In one answer: the shortest that must always be possible is 512 bytes."""
QUERY_LIMIT = 512

ZoneNow = Callable[[], Zone]


class NamesRefused(EnvironmentFault):
    """The port for names cannot be had."""

    code = "E-NAMES"


def answer(data: bytes, zone: Zone) -> bytes | None:
    """The answer to a query; None where there is nothing to say to it."""
    query = dns.Message()
    try:
        query.fromStr(data)
    except Exception:
        return None
    if query.answer or len(query.queries) != 1:
        return None
    reply = dns.Message(id=query.id, answer=1, opCode=query.opCode, recDes=query.recDes, auth=True)
    reply.queries = query.queries
    if query.opCode != dns.OP_QUERY:
        reply.rCode, reply.auth = dns.ENOTIMP, False
        return reply.toStr()
    asked = query.queries[0]
    name = asked.name.name.decode("ascii", errors="replace").lower().rstrip(".")
    if asked.cls not in (dns.IN, dns.ANY) or not zone.owns(name):
        reply.rCode, reply.auth = dns.EREFUSED, False
        return reply.toStr()
    reply.answers = [dns.RRHeader(asked.name.name, *record) for record in _records(zone, name, asked.type)]
    if not reply.answers:
        reply.rCode = dns.OK if zone.exists(name) else dns.ENAME
        # How long the absence may be remembered (RFC 2308): a member may join in the next second.
        absence = dns.Record_SOA(zone.origin, f"nobody.{zone.origin}", 1, 60, 60, 60, minimum=1, ttl=1)
        reply.authority = [dns.RRHeader(zone.origin, dns.SOA, ttl=1, payload=absence, auth=True)]
    return reply.toStr()


def _records(zone: Zone, name: str, kind: int) -> list[tuple[int, int, int, Any, bool]]:
    found: list[tuple[int, Any]] = []
    if kind in (dns.A, dns.ALL_RECORDS):
        found += [(dns.A, dns.Record_A(address, TTL_SECONDS)) for address in zone.addresses(name, 4)]
    if kind in (dns.AAAA, dns.ALL_RECORDS):
        found += [(dns.AAAA, dns.Record_AAAA(address, TTL_SECONDS)) for address in zone.addresses(name, 6)]
    if kind in (dns.PTR, dns.ALL_RECORDS) and name in zone.pointers:
        found.append((dns.PTR, dns.Record_PTR(zone.pointers[name], TTL_SECONDS)))
    return [(number, dns.IN, TTL_SECONDS, payload, True) for number, payload in found[:ADDRESSES_LIMIT]]


class _Datagrams(protocol.DatagramProtocol):
    def __init__(self, host: str, zone: ZoneNow) -> None:
        self._host = host
        self._zone = zone

    def datagramReceived(self, data: bytes, source: tuple[str, int]) -> None:
        if ipaddress.ip_address(source[0].partition("%")[0]) != ipaddress.ip_address(self._host):
            return
        reply = answer(data, self._zone()) if len(data) <= QUERY_LIMIT else None
        if reply is not None and self.transport is not None:
            self.transport.write(reply, source)


class NameServer:
    """That of one zone, as it is at each query. `listen` may be called again with other addresses."""

    def __init__(self, reactor: Any, zone: ZoneNow, port: int = PORT) -> None:
        self._reactor = reactor
        self._zone = zone
        self._port = port
        self._ports: dict[str, Any] = {}

    @property
    def hosts(self) -> list[str]:
        """The addresses at which it answers."""
        return list(self._ports)

    def listen(self, hosts: list[str]) -> None:
        """Answer at these addresses of this machine and at no others. Raises `NamesRefused`."""
        for host in [one for one in self._ports if one not in hosts]:
            self._ports.pop(host).stopListening()
        for host in [one for one in hosts if one not in self._ports]:
            try:
                port = self._reactor.listenUDP(self._port, _Datagrams(host, self._zone), interface=host)
            except error.CannotListenError as fault:
                raise NamesRefused(f"UDP port {self._port} of {host} cannot be had: {fault.socketError}") from fault
            self._ports[host] = port

    def stop(self) -> None:
        """Answer no more."""
        self.listen([])
