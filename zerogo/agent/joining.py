# -*- test-case-name: zerogo.test.agent.test_joining -*-
"""Which network an agent is in: decided at start, from what is on disk and the join token it was given, if any.

A join token is good for joining once. After that the membership on disk counts: a token that stays in `agent.yaml` is
not used again, unless the controller turned this machine away meanwhile, and one of another network is an error,
because an agent serves one network.
"""

from __future__ import annotations

import ipaddress

from zerogo.agent.devices import Place
from zerogo.agent.record import Membership
from zerogo.control.netmap import NetworkMap
from zerogo.control.token import JoinToken
from zerogo.errors import LocalError
from zerogo.ids import MacAddress
from zerogo.noise.cookie import mac1_key
from zerogo.noise.identity import Identity


class NoNetwork(LocalError):
    """This machine is in no network: join one with `zerogo join TOKEN`."""

    code = "E-NO-NETWORK"


class OtherNetwork(LocalError):
    """This machine is in another network."""

    code = "E-OTHER-NETWORK"


def settle_membership(held: Membership | None, token: JoinToken | None) -> Membership:
    """The membership to start with; raises `NoNetwork` or `OtherNetwork`."""
    if token is None:
        if held is None:
            raise NoNetwork("this machine is in no network: join one with `zerogo join TOKEN`")
        return held
    if held is None:
        return Membership.of_token(token)
    if held.network != token.network:
        if not held.is_joined or held.refusal:
            return Membership.of_token(token)
        raise OtherNetwork(
            f"this machine is already in another network ({held.network}): leave it first with `zerogo leave`"
        )
    if not held.is_joined or held.refusal:
        return held.with_token(token)
    return held


def own_place(network_map: NetworkMap, identity: Identity, mtu: int | None) -> Place:
    """What this machine is in the network; `mtu` wins over the network's own."""
    record = network_map.member(identity.node_id)
    mac = MacAddress.for_node(network_map.network, identity.static_public)
    addresses = () if record is None else tuple(_with_prefix(one, network_map.prefixes) for one in record.addresses)
    return Place(
        node_id=identity.node_id,
        mac1_key=mac1_key(network_map.network, identity.static_public),
        mac=mac,
        mtu=mtu or network_map.mtu,
        addresses=addresses,
        is_bridge=record is not None and record.is_bridge,
    )


def _with_prefix(host: str, prefixes: tuple[str, ...]) -> str:
    address = ipaddress.ip_address(host)
    for prefix in prefixes:
        network = ipaddress.ip_network(prefix)
        if address in network:
            return f"{host}/{network.prefixlen}"
    return f"{host}/{address.max_prefixlen}"
