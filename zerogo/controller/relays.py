# -*- test-case-name: zerogo.test.controller.test_relays -*-
"""From the controller's configuration to the servers that members are told of, and to what lets them use these.

The relay on this machine and relays elsewhere are the same to members. One whose secret we do not have is named for
STUN only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from zerogo.config.controller import ControllerConfig, RelayEntry
from zerogo.control.relay_access import RelayAccess, RelaySecret
from zerogo.control.relays import RELAYS_LIMIT, RelayPlace, Servers
from zerogo.control.token import join_host_port
from zerogo.errors import EnvironmentFault
from zerogo.net.revoker import ToldRelay

LOCAL_NAME = "controller"
"""What the relay on this machine is called in network maps."""
THIS_MACHINE = "localhost"
"""Of both families: a relay may listen on one of them."""
STUN_LIMIT = 16


class RelaysRefused(EnvironmentFault):
    """The controller's relays are not told apart."""

    code = "E-CONTROLLER-RELAYS"


def servers(config: ControllerConfig) -> Servers:
    """What network maps name; raises `RelaysRefused`."""
    entries = list(_entries(config))
    _check(entries)
    stun = [place for entry in entries if entry.udp for place in _stun_places(entry)]
    return Servers(
        stun=(*stun, *config.stun_servers)[:STUN_LIMIT],
        relays=tuple(_place(entry) for entry in entries if entry.auth_secret is not None),
    )


def access(config: ControllerConfig, unix_time: Callable[[], float] = time.time) -> RelayAccess:
    """What makes credentials and grants for these relays."""
    secrets = [
        RelaySecret(entry.name, entry.auth_secret) for entry in _entries(config) if entry.auth_secret is not None
    ]
    return RelayAccess(secrets, unix_time)


def told_relays(config: ControllerConfig) -> tuple[ToldRelay, ...]:
    """Those that are told of removed members: the ones whose secret we have and that answer by UDP. The relay on this
    machine is asked on this machine, and so is one without a host."""
    return tuple(
        ToldRelay(entry.name, entry.host or THIS_MACHINE, entry.udp, entry.auth_secret)
        for entry in _entries(config)
        if entry.auth_secret is not None and entry.udp
    )


def _entries(config: ControllerConfig) -> Iterator[RelayEntry]:
    if config.relay_port:
        yield RelayEntry(
            name=LOCAL_NAME,
            auth_secret=config.relay_secret,
            udp=config.relay_port,
            tcp=config.relay_port,
            tls=config.relay_tls_port,
            tls_pin=config.relay_tls_pin,
        )
    yield from config.relays


def _check(entries: list[RelayEntry]) -> None:
    names = [entry.name for entry in entries]
    if "" in names:
        raise RelaysRefused("one of the relays has no name; give each a name of its own")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RelaysRefused(f"two relays are called {twice}; give each a name of its own")
    if len(entries) > RELAYS_LIMIT:
        raise RelaysRefused(f"there are {len(entries)} relays; a network has at most {RELAYS_LIMIT}")


def _stun_places(entry: RelayEntry) -> Iterator[str]:
    """Two ports of one relay: it takes both to see whether a NAT maps each destination to a port of its own."""
    for port in (entry.udp, entry.udp + 1):
        yield join_host_port(entry.host, port) if entry.host else f":{port}"


def _place(entry: RelayEntry) -> RelayPlace:
    return RelayPlace(
        name=entry.name, host=entry.host, udp=entry.udp, tcp=entry.tcp, tls=entry.tls, tls_pin=entry.tls_pin
    )
