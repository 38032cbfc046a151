# -*- test-case-name: zerogo.test.lab.test_nat -*-
"""What a router does to packets, as nftables rules: one text per router, loaded at once. Pure.

The kinds differ in two places (RFC 4787): *mapping*, in postrouting, and *filtering*, in the forward hook. What makes
them true to life:

- New packets to the router itself from outside are dropped. Without this a peer's early probe is confirmed in
  conntrack and takes the port that our own mapping would have got, and the NAT looks symmetric where it is not.
- `masquerade` keeps a source's port and mapping for all destinations: Linux is endpoint-independent. A cone's second
  inside host has a port range of its own, because Linux would give the same outside port to both, for different
  destinations, and a cone has one owner per port. A port-restricted NAT has no such rule: Linux routers don't.
- `owners` says whose an outside port is. It is filled after translation, from conntrack's memory of the inside
  address, so it is right for every port that the kernel may have chosen. Cones let strangers in by it; hairpin (RFC
  4787 section 6) looks up the destination in it.
- `heard` holds (remote address, inside address, inside port): who may answer an address-restricted mapping.
- Sequential ports come from a map of numgen's values: `numgen ... offset` steps the wrong byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from zerogo.lab.scenario import NatKind

SEQUENTIAL_PORTS = 2000
"""Ports of a sequential NAT before it starts again."""
BLOCK_PORTS = 1024
"""Ports of each inside host of a port-block NAT."""
FIRST_PORT = 20000
"""Where the ranges of outer ports begin, of a router that was not rebooted."""
_TABLE_SIZE = 65535


@frozen(kw_only=True)
class Router:
    """What the rules of one router depend on."""

    nat: NatKind
    wan: str | None
    """The router's own IPv4 address outside; None without IPv4."""
    lan: str
    """The network inside, such as 192.168.1.0/24."""
    insides: Sequence[str] = ()
    """Addresses of the hosts inside, in a fixed order."""
    hairpin: bool = False
    udp_timeout: float = 30.0
    ipv6_firewall: bool = True
    generation: int = 0
    """Grows with each rebind: mappings made afterwards get other ports."""


def ruleset(router: Router) -> str:
    """The nftables rules that make a router what `router` says; they replace those loaded before."""
    lines = ["table ip lab", "delete table ip lab", "table ip6 lab", "delete table ip6 lab"]
    if router.wan is not None and router.nat is not NatKind.OPEN:
        lines += ["table ip lab {", *_tables(router), *_prerouting(router), *_postrouting(router), *_learning(router)]
        lines += [*_forwarding(router), *_input(router), "}"]
    lines += ["table ip6 lab {", *_ipv6(router), "}"]
    return "\n".join(lines) + "\n"


def conntrack_timeouts(router: Router) -> dict[str, str]:
    """The sysctls (path below /proc/sys, value) for how long mappings live."""
    base = "net/netfilter/nf_conntrack_udp_timeout"
    seconds = max(1, round(router.udp_timeout))
    return {base: str(seconds), f"{base}_stream": str(4 * seconds)}


def _is_cone(router: Router) -> bool:
    return router.nat in (NatKind.FULL_CONE, NatKind.ADDRESS_RESTRICTED)


def _needs_owners(router: Router) -> bool:
    return _is_cone(router) or router.hairpin


def _tables(router: Router) -> Iterator[str]:
    timeout = f"flags dynamic,timeout; timeout {4 * max(1, round(router.udp_timeout))}s; size {_TABLE_SIZE};"
    if _needs_owners(router):
        yield f"  map owners {{ type inet_service : ipv4_addr . inet_service; {timeout} }}"
    if router.nat is NatKind.ADDRESS_RESTRICTED:
        yield f"  set heard {{ type ipv4_addr . ipv4_addr . inet_service; {timeout} }}"


def _prerouting(router: Router) -> Iterator[str]:
    yield "  chain prerouting {"
    yield "    type nat hook prerouting priority dstnat; policy accept;"
    if _is_cone(router):
        yield '    iifname "wan0" meta l4proto udp dnat ip to udp dport map @owners'
    if router.hairpin:
        yield f'    iifname "lan0" ip daddr {router.wan} meta l4proto udp dnat ip to udp dport map @owners'
    yield "  }"


def _postrouting(router: Router) -> Iterator[str]:
    yield "  chain postrouting {"
    yield "    type nat hook postrouting priority srcnat; policy accept;"
    if router.hairpin:
        yield f"    ct status dnat ip saddr {router.lan} ip daddr {router.lan} snat to {router.wan}"
    yield from (f'    oifname "wan0" {rule}' for rule in _mapping(router))
    yield "  }"


def _mapping(router: Router) -> Iterator[str]:
    first = FIRST_PORT + 10_000 * (router.generation % 4)
    if router.nat is NatKind.SYMMETRIC_SEQUENTIAL:
        ports = ", ".join(f"{n}: {first + n}" for n in range(SEQUENTIAL_PORTS))
        yield f"meta l4proto udp snat ip to {router.wan} : numgen inc mod {SEQUENTIAL_PORTS} map {{ {ports} }}"
    elif router.nat is NatKind.SYMMETRIC_RANDOM:
        yield "masquerade random,fully-random"
    elif router.nat is NatKind.SYMMETRIC_PORT_BLOCK:
        for index, inside in enumerate(router.insides):
            low = first + BLOCK_PORTS * (index % 9)
            ports = f"{low}-{low + BLOCK_PORTS - 1}"
            yield f"ip saddr {inside} meta l4proto {{ tcp, udp }} masquerade to :{ports} random,fully-random"
    else:
        for index, inside in enumerate(router.insides):
            if router.generation or (_is_cone(router) and index):
                low = first + 1000 * (index % 10)
                yield f"ip saddr {inside} meta l4proto {{ tcp, udp }} masquerade to :{low}-{low + 999}"
    yield "masquerade"


def _learning(router: Router) -> Iterator[str]:
    if not _needs_owners(router):
        return
    owner = "update @owners { udp sport : ct original ip saddr . ct original proto-src }"
    yield "  chain learning {"
    yield "    type filter hook postrouting priority srcnat + 10; policy accept;"
    yield f'    oifname "wan0" meta l4proto udp {owner}'
    if router.hairpin:
        yield f'    oifname "lan0" ip saddr {router.wan} ct status snat meta l4proto udp {owner}'
    yield "  }"


def _forwarding(router: Router) -> Iterator[str]:
    yield "  chain forwarding {"
    yield "    type filter hook forward priority filter; policy accept;"
    if router.nat is NatKind.UDP_BLOCKED:
        yield "    meta l4proto udp drop"
    if router.nat is NatKind.ADDRESS_RESTRICTED:
        yield '    oifname "wan0" meta l4proto udp update @heard { ip daddr . ip saddr . udp sport }'
        yield '    iifname "wan0" ip saddr . ip daddr . udp dport @heard accept'
    if router.nat is NatKind.FULL_CONE:
        yield '    iifname "wan0" ct status dnat accept'
    yield '    iifname "wan0" ct state established,related accept'
    yield '    iifname "wan0" drop'
    yield "  }"


def _input(router: Router) -> Iterator[str]:
    yield "  chain inward {"
    yield "    type filter hook input priority filter; policy accept;"
    yield '    iifname "wan0" ct state new meta l4proto != icmp drop'
    yield f'    iifname "lan0" ip daddr {router.wan} meta l4proto udp drop'
    yield "  }"


def _ipv6(router: Router) -> Iterator[str]:
    yield "  chain forwarding {"
    yield "    type filter hook forward priority filter; policy accept;"
    if router.nat is NatKind.UDP_BLOCKED:
        yield "    meta l4proto udp drop"
    if router.ipv6_firewall:
        yield '    iifname "wan0" ct state established,related accept'
        yield '    iifname "wan0" meta l4proto != icmpv6 drop'
    yield "  }"
