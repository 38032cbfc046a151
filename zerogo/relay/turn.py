# -*- test-case-name: zerogo.test.relay.test_turn -*-
"""From a relay's configuration to its TURN server: who may use it, for which peers, under which addresses."""

from __future__ import annotations

import ipaddress
import os
import time
from typing import Any

from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger

from zerogo.config.relay import RelayConfig
from zerogo.dataplane.native import relay_forwarder
from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress
from zerogo.net.addresses import choose_addresses, read_interfaces
from zerogo.net.listening import TURN_PROTOCOLS, server_context
from zerogo.net.relayed import outgoing_address
from zerogo.net.turn_forwarding import TALLY, NativeForwarding
from zerogo.net.turn_server import TurnDriver
from zerogo.policy.addresses import AddressRule, parse_address, special_range
from zerogo.stun.server import BindingResponder
from zerogo.turn.credentials import Authorities, Authority, StaticUsers, TimedUsers
from zerogo.turn.gate import PeerGate
from zerogo.turn.quota import Quota, make_bandwidth
from zerogo.turn.server import ServerSettings, TurnServer


class ForwardingMissing(EnvironmentFault):
    """The native core is wanted, and was not built."""

    code = "E-RELAY-NATIVE"

    def __init__(self) -> None:
        super().__init__("data-plane is native, but this installation has no native core; write auto or reference")


LOOPBACK = "127.0.0.1"

_log = Logger(namespace="zerogo.relay")


def make_forwarding(config: RelayConfig) -> NativeForwarding | None:
    """What forwards without the interpreter, where it is wanted and was built. Raises `ForwardingMissing`."""
    forwarder = None if config.data_plane == "reference" else relay_forwarder(TALLY)
    if forwarder is None and config.data_plane == "native":
        raise ForwardingMissing()
    return None if forwarder is None else NativeForwarding(forwarder)


def turn_server(
    config: RelayConfig, public: tuple[str, ...], binding: BindingResponder, forwarding: NativeForwarding | None
) -> TurnServer:
    """The core of a relay that `config` describes."""
    secrets = () if config.auth_secret is None else (config.auth_secret,)
    authorities: list[Authority] = [StaticUsers({each.user: each.password for each in config.credentials})]
    gate = PeerGate(rule=AddressRule(config.allow_peers), own_hosts=public, secrets=secrets, unix_time=time.time)
    settings = ServerSettings(
        realm=config.realm,
        authority=Authorities([*authorities, TimedUsers(secrets)]),
        gate=gate,
        quota=_quota(config),
        has_ipv4=any(":" not in host for host in public),
        has_ipv6=any(":" in host for host in public),
        alternates=config.alternate_server,
        permits_flows=forwarding is not None,
        make_bandwidth=make_bandwidth if forwarding is None else forwarding.bucket,
    )
    return TurnServer(settings, os.urandom, time.time, binding)


def turn_driver(
    config: RelayConfig,
    server: TurnServer,
    public: tuple[str, ...],
    reactor: Any,
    forwarding: NativeForwarding | None,
) -> TurnDriver:
    """The driver of the core."""
    return TurnDriver(server, reactor, public, (config.port_range.first, config.port_range.last), forwarding)


def public_addresses(config: RelayConfig) -> tuple[str, ...]:
    """What relayed addresses are on, one of each family at most. Allocations reach each other inside the relay under
    any address, so a machine that has none yet takes its loopback."""
    if config.public_ip:
        first = {":" in host: host for host in reversed(config.public_ip)}
        return tuple(first[is_ipv6] for is_ipv6 in sorted(first))
    found = [host for is_ipv6 in (False, True) if (host := outgoing_address(is_ipv6)) is not None]
    found = found or choose_addresses(read_interfaces())[:1] or [LOOPBACK]
    for host in found:
        what = special_range(parse_address(host))
        if what is not None:
            _log.warn(
                "relayed addresses are on {host} ({what}), which the internet does not reach; set public-ip",
                host=host,
                what=what,
            )
    return tuple(found)


def seen_address(config: RelayConfig, address: SocketAddress) -> SocketAddress:
    """A listener's address as clients see it: one that takes all of this machine's has the first public one."""
    if not ipaddress.ip_address(address.host).is_unspecified:
        return address
    host = next((host for host in config.public_ip if (":" in host) is address.is_ipv6), None)
    host = host or outgoing_address(address.is_ipv6) or address.host
    return SocketAddress(host, address.port)


def tls_context(config: RelayConfig) -> CertificateOptions | None:
    """What TLS listeners serve with; None where there are none. Raises `CertificateRefused`."""
    if not config.tls_listen or config.tls_certificate is None or config.tls_key is None:
        return None
    return server_context(config.tls_certificate, config.tls_key, TURN_PROTOCOLS)


def _quota(config: RelayConfig) -> Quota:
    quota = config.quota
    return Quota(
        allocations=quota.allocations,
        total_allocations=quota.total_allocations,
        permissions=quota.permissions,
        channels=quota.permissions,
        total_entries=quota.total_entries,
        bytes_per_second=1000.0 * quota.kilobytes_per_second,
    )
