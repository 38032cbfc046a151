# -*- test-case-name: zerogo.test.mesh.test_candidates -*-
"""This node's own candidates, the same for all peers, and what its NAT was seen to do (RFC 4787 section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from zerogo.ice.candidate import Candidate
from zerogo.ice.nature import NatBehaviour, NatMapping, judge_ports
from zerogo.ids import SocketAddress
from zerogo.mesh.signal import CANDIDATES_LIMIT

HOSTS_LIMIT = 16
REFLEXIVE_LIMIT = 6


@define(eq=False)
class LocalCandidates:
    """Host addresses as they were set, and where STUN servers saw us; each verb says whether something changed."""

    _hosts: tuple[SocketAddress, ...] = field(default=(), init=False)
    _mapped: dict[SocketAddress, SocketAddress] = field(factory=dict, init=False)
    """By STUN server."""
    _order: tuple[SocketAddress, ...] = field(default=(), init=False)
    """Servers as they are asked."""
    _port_mapped: SocketAddress | None = field(default=None, init=False)
    """What the gateway maps to us."""
    _independent: dict[bool, bool] = field(factory=dict, init=False)
    """By family (is it IPv6?), whether all servers of it see the same address."""

    def set_hosts(self, addresses: Iterable[SocketAddress]) -> bool:
        """The host's own addresses with the port of the data socket, best first. What servers saw before is void."""
        hosts = tuple(dict.fromkeys(addresses))[:HOSTS_LIMIT]
        if hosts == self._hosts:
            return False
        self._hosts = hosts
        self.forget_reflexive()
        return True

    def has_family_of(self, address: SocketAddress) -> bool:
        """Whether the host has an address of that family, so that something sent there may be answered."""
        return self._base(address) is not None

    def set_port_mapped(self, outer: SocketAddress | None) -> bool:
        """What the gateway maps to our data socket for everybody; None where it maps nothing."""
        before, self._port_mapped = self._port_mapped, outer
        return before != outer

    def forget_reflexive(self) -> None:
        """What servers saw before is void."""
        self._mapped.clear()
        self._independent.clear()

    def reflexive_found(self, server: SocketAddress, mapped: SocketAddress) -> bool:
        """A STUN server saw us at `mapped`."""
        if self._mapped.get(server) == mapped:
            return False
        if server not in self._mapped and len(self._mapped) >= REFLEXIVE_LIMIT:
            return False
        self._mapped[server] = mapped
        return True

    def forget_servers(self, keep: Iterable[SocketAddress]) -> None:
        """Drop what servers saw that are not asked any more."""
        kept = self._order = tuple(keep)
        self._mapped = {server: mapped for server, mapped in self._mapped.items() if server in kept}

    def candidates(self) -> tuple[Candidate, ...]:
        """All, best first; one per address."""
        found = {address: Candidate.host(address, position=rank) for rank, address in enumerate(self._hosts)}
        outer = self._port_mapped
        if outer is not None and outer not in found and (base := self._base(outer)) is not None:
            found[outer] = Candidate.port_mapped(outer, base)
        for server, mapped in self._mapped.items():
            base = self._base(mapped)
            if mapped not in found and base is not None:
                found[mapped] = Candidate.server_reflexive(mapped, base, server)
        return tuple(found.values())[:CANDIDATES_LIMIT]

    def mapping_observed(self, *, is_ipv6: bool, is_endpoint_independent: bool) -> bool:
        """Two servers of a family were compared."""
        if self._independent.get(is_ipv6) is is_endpoint_independent:
            return False
        self._independent[is_ipv6] = is_endpoint_independent
        return True

    @property
    def nat(self) -> NatBehaviour:
        """What the NAT does to IPv4 where there is any, else to IPv6."""
        for is_ipv6 in (False, True):
            mapped = [each for _, each in sorted(self._mapped.items(), key=self._rank) if each.is_ipv6 == is_ipv6]
            if mapped:
                base = self._base(mapped[0])
                ports, step = judge_ports([each.port for each in mapped], base.port if base is not None else 0)
                return NatBehaviour(mapping=self._judge(mapped, is_ipv6), ports=ports, step=step)
        return NatBehaviour()

    def _rank(self, item: tuple[SocketAddress, SocketAddress]) -> int:
        """Servers in the order in which they are asked, which is that of the mappings."""
        return self._order.index(item[0]) if item[0] in self._order else len(self._order)

    def _judge(self, mapped: list[SocketAddress], is_ipv6: bool) -> NatMapping:
        if all(each in self._hosts for each in mapped):
            return NatMapping.NONE
        is_independent = self._independent.get(is_ipv6)
        if is_independent is None:
            return NatMapping.UNKNOWN
        return NatMapping.STABLE if is_independent else NatMapping.PER_DESTINATION

    def _base(self, mapped: SocketAddress) -> SocketAddress | None:
        return next((host for host in self._hosts if host.is_ipv6 == mapped.is_ipv6), None)
