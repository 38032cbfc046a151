# -*- test-case-name: integration.netns.test_lab_nat -*-
"""What a NAT really does, seen from outside with plain sockets (the questions of RFC 5780, sections 4.3 and 4.4).

The lab does not take its own word for a NAT: the check `nat` and the self-test look at the addresses that packets come
from, and at who gets through to an inside socket.
"""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import time
from collections.abc import Iterator, Sequence

from attrs import frozen

from zerogo.lab.errors import LabMisuse
from zerogo.lab.laboratory import Lab
from zerogo.lab.namespaces import configure
from zerogo.lab.result import Address, Behaviour
from zerogo.lab.scenario import NatKind

_PORTS = (3478, 3479)
_PATIENCE_SECONDS = 0.4
"""How long something may take on top of the links' delays; silence is an answer here."""


@frozen
class _Observers:
    """Four sockets on the internet: two addresses with two ports each."""

    sockets: Sequence[socket.socket]

    def arrivals(self, cookie: bytes, seconds: float) -> list[Address | None]:
        """Where `cookie` came from, per observer."""
        return [_wait_for(observer, cookie, seconds) for observer in self.sockets]


def observe(lab: Lab, host: str) -> Behaviour:
    """Look at the NAT in front of `host` from a host of an open site; raises `LabMisuse` if there is none."""
    seconds = _PATIENCE_SECONDS + 2 * sum(site.up.delay + site.down.delay for site in lab.scenario.sites)
    seconds = min(seconds, 3.0)
    with _observers(lab, host) as observers:
        mapped, preserves = _observe_mapping(lab, host, observers, seconds)
        if not mapped:
            return Behaviour(mapping="blocked", filtering="blocked", hairpin=False, preserves_port=False, mapped=())
        filtering, hairpin = _observe_filtering(lab, host, observers, seconds)
    return Behaviour(
        mapping=_name_mapping(mapped), filtering=filtering, hairpin=hairpin, preserves_port=preserves, mapped=mapped
    )


@contextlib.contextmanager
def _observers(lab: Lab, host: str) -> Iterator[_Observers]:
    open_hosts = [
        other.name
        for site in lab.scenario.sites
        for other in site.hosts
        if site.nat is NatKind.OPEN and other.name != host
    ]
    if not open_hosts or not lab.scenario.family.has_ipv4:
        raise LabMisuse("looking at a NAT needs IPv4 and another host in an open site")
    watcher = lab.host(open_hosts[0])
    assert watcher.ipv4 is not None
    second = ipaddress.IPv4Interface(f"{watcher.ipv4.network[250]}/24")
    configure(watcher.namespace, [f"addr replace {second} dev eth0"])
    with contextlib.ExitStack() as stack:
        sockets = []
        for address in (watcher.ipv4, second):
            for port in _PORTS:
                observer = stack.enter_context(lab.socket(watcher.host.name, socket.AF_INET, socket.SOCK_DGRAM))
                observer.bind((str(address.ip), port))
                sockets.append(observer)
        yield _Observers(sockets)


def _observe_mapping(lab: Lab, host: str, observers: _Observers, seconds: float) -> tuple[tuple[Address, ...], bool]:
    with lab.socket(host, socket.AF_INET, socket.SOCK_DGRAM) as inside:
        inside.bind((lab.host(host).addresses[0], 0))
        for observer in observers.sockets:
            inside.sendto(b"mapping", observer.getsockname())
        mapped = observers.arrivals(b"mapping", seconds)
        whole = tuple(address for address in mapped if address is not None)
        return (whole if len(whole) == len(mapped) else ()), {port for _, port in whole} == {inside.getsockname()[1]}


def _name_mapping(mapped: Sequence[Address]) -> str:
    if len(dict.fromkeys(mapped)) == 1:
        return "endpoint-independent"
    if mapped[0] == mapped[1] and mapped[2] == mapped[3]:
        return "address-dependent"
    return "address-and-port-dependent"


def _observe_filtering(lab: Lab, host: str, observers: _Observers, seconds: float) -> tuple[str, bool]:
    with lab.socket(host, socket.AF_INET, socket.SOCK_DGRAM) as inside:
        inside.bind((lab.host(host).addresses[0], 0))
        first, same_address, other_address = observers.sockets[0], observers.sockets[1], observers.sockets[2]
        inside.sendto(b"filtering", first.getsockname())
        mapped = _wait_for(first, b"filtering", seconds)
        if mapped is None:
            return "blocked", False
        same_address.sendto(b"other port", mapped)
        by_port = _wait_for(inside, b"other port", seconds) is not None
        other_address.sendto(b"other address", mapped)
        by_stranger = _wait_for(inside, b"other address", seconds) is not None
        hairpin = _observe_hairpin(lab, host, inside, mapped)
    if by_stranger:
        return "endpoint-independent", hairpin
    return ("address-dependent" if by_port else "address-and-port-dependent"), hairpin


def _observe_hairpin(lab: Lab, host: str, inside: socket.socket, mapped: Address) -> bool:
    """Whether another socket of the same site gets through by the outside address."""
    with lab.socket(host, socket.AF_INET, socket.SOCK_DGRAM) as neighbour:
        neighbour.bind((lab.host(host).addresses[0], 0))
        neighbour.sendto(b"hairpin", mapped)
        return mapped[0] != lab.host(host).addresses[0] and _wait_for(inside, b"hairpin", 0.2) is not None


def _wait_for(receiver: socket.socket, cookie: bytes, seconds: float) -> Address | None:
    """Where the datagram `cookie` came from; None if it does not come in time. Others are thrown away."""
    deadline = time.monotonic() + seconds
    receiver.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(receiver, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            with contextlib.suppress(OSError):
                payload, address = receiver.recvfrom(2048)
                if payload == cookie:
                    return address[0], address[1]
    return None
