# -*- test-case-name: zerogo.test.lab.test_topology -*-
"""Which namespaces, addresses and routes a scenario becomes. Pure; `zerogo.lab.laboratory` makes it true.

Addresses outside look like public ones on purpose (5.0.0.0/8, 2a10:5a::/32): a node treats documentation and other
special-purpose ranges differently. No packet leaves the namespaces.

    site number n, generation g          IPv4                            IPv6
    router, towards the internet         5.10.n.(1+g)                    2a10:5a:n::(1+g)
    local network, open                  5.20.n.0/24                     2a10:5a:n:(1+g)::/64
    local network behind a NAT           192.168.n.0/24, or as given     2a10:5a:n:(1+g)::/64
    local network of a carrier           100.64.n.0/24                   2a10:5a:n:(1+g)::/64
    the router inside                    .1                              ::1
    router of a site behind, number k    .(200+k)                        ::(200+k)
    host number k (from 0)               .(10+k+40g)                     ::(10+k)

A generation is one change of address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from attrs import evolve, frozen

from zerogo.lab.nat import Router
from zerogo.lab.scenario import Host, NatKind, Scenario, Site

GENERATION_LIMIT = 5
_HOSTS_PER_GENERATION = 40


@frozen(kw_only=True)
class HostPlan:
    """A host as it will be built."""

    host: Host
    namespace: str
    site: str
    number: int
    """Counts the hosts of all sites, from 0; names their ports on bridges."""
    slot: int
    """Counts the hosts that a site has had, from 0."""
    ipv4: ipaddress.IPv4Interface | None
    ipv6: ipaddress.IPv6Interface | None
    generation: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own addresses in text, IPv4 first."""
        return tuple(str(interface.ip) for interface in (self.ipv4, self.ipv6) if interface is not None)


@frozen(kw_only=True)
class SitePlan:
    """A site's router as it will be built."""

    site: Site
    namespace: str
    number: int
    behind_slot: int
    """Counts the sites that are behind the same one, from 0."""
    wan4: str | None
    wan6: str | None
    lan4: ipaddress.IPv4Network | None
    lan6: ipaddress.IPv6Network | None
    generation: int = 0

    @property
    def gateway4(self) -> str | None:
        """The router's IPv4 address inside."""
        return str(self.lan4[1]) if self.lan4 is not None else None

    @property
    def gateway6(self) -> str | None:
        """The router's IPv6 address inside."""
        return str(self.lan6[1]) if self.lan6 is not None else None

    @property
    def routes(self) -> tuple[bytes, ...]:
        """What the internet sends to this router, as `Internet.set_route` takes it."""
        found = []
        if self.wan4 is not None:
            found.append(ipaddress.IPv4Address(self.wan4).packed)
        if self.lan4 is not None and self.site.nat is NatKind.OPEN:
            found.append(self.lan4.network_address.packed[:3])
        if self.wan6 is not None:
            found.append(ipaddress.IPv6Address(self.wan6).packed)
        if self.lan6 is not None:
            found.append(self.lan6.network_address.packed[:8])
        return tuple(found)

    def router(self, insides: Sequence[str], rebinds: int) -> Router:
        """What its rules depend on."""
        return Router(
            nat=self.site.nat,
            wan=self.wan4,
            lan=str(self.lan4),
            insides=insides,
            hairpin=self.site.hairpin,
            udp_timeout=self.site.udp_timeout,
            ipv6_firewall=self.site.ipv6_firewall,
            generation=rebinds,
        )


@frozen(kw_only=True)
class Plan:
    """Everything that will be built."""

    prefix: str
    sites: tuple[SitePlan, ...]
    hosts: tuple[HostPlan, ...]


def plan(scenario: Scenario, prefix: str) -> Plan:
    """Lay out a scenario; all namespaces are named `<prefix>-<site or host>`."""
    sites: dict[str, SitePlan] = {}
    carriers = [site.behind for site in scenario.sites if site.behind]
    ordered = sorted(scenario.sites, key=lambda site: _depth(site, scenario))
    slots: dict[str, int] = {}
    for site in ordered:
        number = scenario.sites.index(site) + 1
        slot = slots.get(site.behind, 0) if site.behind else 0
        if site.behind:
            slots[site.behind] = slot + 1
        blank = SitePlan(
            site=site,
            namespace=f"{prefix}-{site.name}",
            number=number,
            behind_slot=slot,
            wan4=None,
            wan6=None,
            lan4=_lan4(site, number, site.name in carriers) if scenario.family.has_ipv4 else None,
            lan6=None,
        )
        sites[site.name] = addressed(blank, scenario, sites)
    hosts: list[HostPlan] = []
    for site in scenario.sites:
        for slot, host in enumerate(site.hosts):
            hosts.append(plan_host(host, sites[site.name], slot, len(hosts), prefix))
    return Plan(prefix=prefix, sites=tuple(sites.values()), hosts=tuple(hosts))


def addressed(planned: SitePlan, scenario: Scenario, sites: dict[str, SitePlan]) -> SitePlan:
    """The site with the outside addresses (and the IPv6 network) of its generation."""
    step = planned.generation % GENERATION_LIMIT
    number, behind = planned.number, planned.site.behind
    wan4: str | None = f"5.10.{number}.{1 + step}"
    wan6: str | None = f"2a10:5a:{number:x}::{1 + step:x}"
    if behind is not None:
        outside = 200 + (planned.behind_slot + 10 * step) % 50
        lan4, lan6 = sites[behind].lan4, sites[behind].lan6
        wan4 = str(lan4[outside]) if lan4 is not None else None
        wan6 = str(lan6[outside]) if lan6 is not None else None
    lan6 = ipaddress.IPv6Network(f"2a10:5a:{number:x}:{1 + step:x}::/64")
    return evolve(
        planned,
        wan4=wan4 if scenario.family.has_ipv4 else None,
        wan6=wan6 if scenario.family.has_ipv6 else None,
        lan6=lan6 if scenario.family.has_ipv6 else None,
    )


def plan_host(host: Host, site: SitePlan, slot: int, number: int, prefix: str, generation: int = 0) -> HostPlan:
    """A host in a site, in the given slot of its network."""
    offset = 10 + (slot + _HOSTS_PER_GENERATION * (generation % 4)) % 180
    return HostPlan(
        host=host,
        namespace=f"{prefix}-{host.name}",
        site=site.site.name,
        number=number,
        slot=slot,
        generation=generation,
        ipv4=ipaddress.IPv4Interface(f"{site.lan4[offset]}/24") if site.lan4 is not None else None,
        ipv6=ipaddress.IPv6Interface(f"{site.lan6[10 + slot]}/64") if site.lan6 is not None else None,
    )


def _depth(site: Site, scenario: Scenario) -> int:
    depth, behind = 0, site.behind
    while behind is not None:
        depth += 1
        behind = next(other.behind for other in scenario.sites if other.name == behind)
    return depth


def _lan4(site: Site, number: int, is_carrier: bool) -> ipaddress.IPv4Network:
    if site.lan is not None:
        return site.lan
    if site.nat is NatKind.OPEN:
        return ipaddress.IPv4Network(f"5.20.{number}.0/24")
    return ipaddress.IPv4Network(f"100.64.{number}.0/24" if is_carrier else f"192.168.{number}.0/24")
