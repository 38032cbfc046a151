"""What a filter must do, frame by frame: the source of `zerogo/test/vectors/filters.json`, for any implementation.

A scenario is a filter and steps: a frame, which way it goes, when, and whether it passes; or another filter. What is
right was written down by hand from section 13 of docs/PROTOCOL.md. `python -m zerogo.test.switch.scenarios` prints the
file.
"""

from __future__ import annotations

import ipaddress
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule

MACS = bytes.fromhex("027a00000002027a00000001")
TCP, UDP, ICMP, ICMPV6, SCTP, GRE, ESP = 6, 17, 1, 58, 132, 47, 50
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NONE, OPTIONS, MOBILITY = 0, 43, 44, 51, 59, 60, 135
US, THEM, OTHER = "10.77.0.1", "10.77.0.2", "192.168.7.9"
US6, THEM6 = "fd77::1", "fd77::2"

Step = dict[str, Any]


def ethernet(ethertype: int, payload: bytes, tags: bytes = b"") -> bytes:
    return MACS + tags + ethertype.to_bytes(2, "big") + payload


def ipv4(protocol: int, message: bytes, way: tuple[str, str], fragment: int = 0, options: bytes = b"") -> bytes:
    addresses = b"".join(ipaddress.ip_address(each).packed for each in way)
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(message), 1, fragment, 64, protocol, 0)
    return head + addresses + options + message


def ipv6(protocol: int, message: bytes, way: tuple[str, str]) -> bytes:
    addresses = b"".join(ipaddress.ip_address(each).packed for each in way)
    return struct.pack("!IHBB", 6 << 28, len(message), protocol, 64) + addresses + message


def ports(source: int, destination: int, more: int = 16) -> bytes:
    return struct.pack("!HH", source, destination) + bytes(more)


def echo(kind: int, identifier: int) -> bytes:
    return struct.pack("!BBHHH", kind, 0, 0, identifier, 1) + b"payload!"


def error(kind: int, quoted: bytes) -> bytes:
    return bytes([kind]) + bytes(7) + quoted


def extension(following: int, words: int = 0, third: int = 0) -> bytes:
    """An extension header of 8 bytes and `words` times 8 more."""
    return bytes([following, words, 0, third]) + bytes(4 + words * 8)


def frame4(protocol: int, message: bytes, way: tuple[str, str], fragment: int = 0) -> bytes:
    return ethernet(0x0800, ipv4(protocol, message, way, fragment))


def frame6(protocol: int, message: bytes, way: tuple[str, str]) -> bytes:
    return ethernet(0x86DD, ipv6(protocol, message, way))


OUT, IN = (US, THEM), (THEM, US)
OUT6, IN6 = (US6, THEM6), (THEM6, US6)


def out(frame: bytes, passes: bool, at: float = 0.0) -> Step:
    return {"way": "out", "at": at, "frame": frame.hex(), "passes": passes}


def came(frame: bytes, passes: bool, at: float = 0.0) -> Step:
    return {"way": "in", "at": at, "frame": frame.hex(), "passes": passes}


def _rows(rules: Sequence[PolicyRule]) -> list[list[Any]]:
    return [
        [rule.protocol, list(rule.ports) if rule.ports else None, [*rule.destinations], rule.allows] for rule in rules
    ]


def spelt(peer_filter: PeerFilter | None) -> dict[str, Any] | None:
    if peer_filter is None:
        return None
    return {"outbound": _rows(peer_filter.outbound), "inbound": _rows(peer_filter.inbound)}


def replaced(peer_filter: PeerFilter | None) -> Step:
    return {"filter": spelt(peer_filter)}


def scenario(name: str, peer_filter: PeerFilter | None, *steps: Step) -> dict[str, Any]:
    return {"name": name, "filter": spelt(peer_filter), "steps": steps}


def outbound(*rules: PolicyRule) -> PeerFilter:
    return PeerFilter(outbound=rules)


NOTHING = PeerFilter()
UDP_7 = outbound(PolicyRule(UDP, (7, 7)))
ALL_OUT = outbound(OPEN_RULE)
ARP = ethernet(0x0806, bytes(28))
LLDP = ethernet(0x88CC, bytes(20))
ASK, ANSWER = frame4(UDP, ports(4000, 7), OUT), frame4(UDP, ports(7, 4000), IN)


def _openness() -> Iterator[dict[str, Any]]:
    yield scenario("no filter", None, out(ASK, True), came(LLDP, True), came(b"", True), came(MACS, True))
    yield scenario(
        "nothing is allowed",
        NOTHING,
        out(ASK, False),
        came(ANSWER, False),
        out(LLDP, False),
        out(ARP, True),
        came(ARP, True),
        came(frame6(ICMPV6, bytes([135]) + bytes(23), IN6), True),
        out(frame6(ICMPV6, bytes([137]) + bytes(23), OUT6), True),
        out(frame6(ICMPV6, bytes([132]) + bytes(23), OUT6), False),
        out(frame6(ICMPV6, bytes([138]) + bytes(23), OUT6), False),
        out(frame4(ICMPV6, bytes([135]) + bytes(23), OUT), False),
    )
    yield scenario(
        "only an open rule lets other Ethernet types pass",
        PeerFilter((OPEN_RULE,), (PolicyRule(None, None, ("0.0.0.0/0", "::/0")),)),
        out(LLDP, True),
        came(LLDP, False),
        came(ANSWER, True),
    )
    denies = PeerFilter((PolicyRule(None, None, (), False), OPEN_RULE), (PolicyRule(0, None, (), False), OPEN_RULE))
    yield scenario("the first open rule decides", denies, out(LLDP, False), came(LLDP, True), out(ASK, False))
    tags = [bytes.fromhex("81000005"), bytes.fromhex("88a8000581000006")]
    yield scenario(
        "behind two tags, not behind three",
        UDP_7,
        *(out(ethernet(0x0800, ipv4(UDP, ports(1, 7), OUT), tag), True) for tag in tags),
        *(out(ethernet(0x0800, ipv4(UDP, ports(1, 8), OUT), tag), False) for tag in tags),
        out(ethernet(0x0800, ipv4(UDP, ports(2, 7), OUT), tags[0] + tags[1]), False),
        out(ethernet(0x0806, bytes(28), tags[0]), True),
        out(MACS + tags[0], False),
        out(MACS + b"\x08", False),
    )


def _rules() -> Iterator[dict[str, Any]]:
    yield scenario(
        "ports of TCP, UDP and SCTP",
        outbound(PolicyRule(None, (80, 90))),
        *(out(frame4(protocol, ports(1, 80), OUT), True) for protocol in (TCP, UDP, SCTP)),
        *(out(frame6(protocol, ports(1, 90), OUT6), True) for protocol in (TCP, UDP, SCTP)),
        *(out(frame4(protocol, ports(80, 91), OUT), False) for protocol in (TCP, UDP, SCTP)),
        *(out(frame4(protocol, ports(80, 85), OUT), False) for protocol in (GRE, 33, 136)),
        out(frame4(ICMP, echo(8, 85), OUT), False),
    )
    yield scenario(
        "the first rule that matches decides",
        outbound(PolicyRule(TCP, (22, 22), (), False), PolicyRule(TCP, None), PolicyRule(TCP, (22, 22))),
        out(frame4(TCP, ports(1, 22), OUT), False),
        out(frame4(TCP, ports(1, 23), OUT), True),
        out(frame4(UDP, ports(1, 23), OUT), False),
    )
    yield scenario(
        "destinations, by their family",
        outbound(PolicyRule(None, None, ("192.168.7.0/29", "fd77::/64"))),
        out(frame4(UDP, ports(1, 2), (US, "192.168.7.7")), True),
        out(frame4(UDP, ports(1, 2), (US, "192.168.7.8")), False),
        out(frame4(UDP, ports(1, 2), (US, "192.168.6.255")), False),
        out(frame6(UDP, ports(1, 2), (US6, "fd77::ffff")), True),
        out(frame6(UDP, ports(1, 2), (US6, "fd77:0:0:1::")), False),
        out(frame6(UDP, ports(1, 2), (US6, "::ffff:192.168.7.1")), False),
    )
    yield scenario(
        "a protocol that is none of the known",
        outbound(PolicyRule(GRE, None)),
        out(frame4(GRE, b"", OUT), True),
        came(frame4(GRE, b"x", IN), True),
        came(frame4(GRE, b"x", (OTHER, US)), False),
        out(frame4(ESP, b"", OUT), False),
    )


def _flows() -> Iterator[dict[str, Any]]:
    yield scenario(
        "answers pass, and nothing else does",
        UDP_7,
        came(ANSWER, False),
        out(ASK, True),
        came(ANSWER, True),
        came(frame4(UDP, ports(7, 4001), IN), False),
        came(frame4(UDP, ports(8, 4000), IN), False),
        came(frame4(TCP, ports(7, 4000), IN), False),
        came(frame4(UDP, ports(7, 4000), (OTHER, US)), False),
        came(frame4(UDP, ports(7, 4000), (THEM, OTHER)), False),
        came(frame4(UDP, ports(4000, 7), IN), False),
    )
    for protocol, seconds in ((UDP, 180.0), (TCP, 7440.0), (SCTP, 60.0)):
        ask, answer = frame4(protocol, ports(4000, 7), OUT), frame4(protocol, ports(7, 4000), IN)
        yield scenario(
            f"a flow of protocol {protocol} ends when it was idle",
            outbound(PolicyRule(protocol, None)),
            out(ask, True),
            came(answer, True, seconds - 1),
            came(answer, True, 2 * seconds - 2),
            came(answer, False, 3 * seconds),
            out(ask, True, 3 * seconds),
            came(answer, True, 3 * seconds),
        )
    yield scenario(
        "another filter ends what it does not allow",
        UDP_7,
        out(ASK, True),
        replaced(outbound(PolicyRule(UDP, (1, 9)))),
        came(ANSWER, True),
        replaced(PeerFilter((PolicyRule(UDP, (8, 9)),), (PolicyRule(UDP, (7, 7)),))),
        came(ANSWER, False),
        replaced(UDP_7),
        came(ANSWER, False),
        out(ASK, True),
        replaced(None),
        replaced(PeerFilter(inbound=(PolicyRule(UDP, (9, 9)),))),
        came(ANSWER, False),
        came(frame4(UDP, ports(1, 9), IN), True),
        out(frame4(UDP, ports(9, 1), OUT), True),
    )


def _icmp() -> Iterator[dict[str, Any]]:
    echoes = outbound(PolicyRule(ICMP, None), PolicyRule(ICMPV6, None))
    yield scenario(
        "echoes by their identifier",
        echoes,
        came(frame4(ICMP, echo(0, 5), IN), False),
        out(frame4(ICMP, echo(8, 5), OUT), True),
        came(frame4(ICMP, echo(0, 5), IN), True),
        came(frame4(ICMP, echo(0, 6), IN), False),
        came(frame4(ICMP, echo(8, 6), IN), False),
        out(frame6(ICMPV6, echo(128, 5), OUT6), True),
        came(frame6(ICMPV6, echo(129, 5), IN6), True),
        came(frame6(ICMPV6, echo(129, 6), IN6), False),
        came(frame6(ICMP, echo(0, 5), IN6), False),
        out(frame4(ICMP, echo(8, 7)[:5], OUT), False),
        out(frame4(ICMP, b"", OUT), False),
    )
    yield scenario(
        "other ICMP opens nothing",
        echoes,
        out(frame4(ICMP, bytes([13]) + bytes(19), OUT), True),
        came(frame4(ICMP, bytes([14]) + bytes(19), IN), False),
    )


def _errors() -> Iterator[dict[str, Any]]:
    asked, asked6 = ipv4(UDP, ports(4000, 7), OUT), ipv6(UDP, ports(4000, 7), OUT6)
    pinged = ipv4(ICMP, echo(8, 5), OUT)
    yield scenario(
        "errors about flows",
        outbound(PolicyRule(UDP, (7, 7)), PolicyRule(ICMP, None)),
        came(frame4(ICMP, error(3, asked), IN), False),
        out(ASK, True),
        out(frame6(UDP, ports(4000, 7), OUT6), True),
        out(frame4(ICMP, echo(8, 5), OUT), True),
        *(came(frame4(ICMP, error(kind, asked), (OTHER, US)), True) for kind in (3, 11, 12)),
        *(came(frame4(ICMP, error(kind, asked), IN), False) for kind in (4, 5, 13)),
        *(came(frame6(ICMPV6, error(kind, asked6), IN6), True) for kind in (1, 2, 3, 4)),
        came(frame6(ICMPV6, error(100, asked6), IN6), False),
        came(frame4(ICMP, error(3, pinged), IN), True),
        came(frame4(ICMP, error(3, asked[:24]), IN), True),
        came(frame4(ICMP, error(3, asked[:23]), IN), False),
        came(frame4(ICMP, error(3, b""), IN), False),
        came(frame4(ICMP, error(3, asked), (THEM, OTHER)), False),
        came(frame4(ICMP, error(3, ipv4(UDP, ports(4000, 7), OUT, fragment=2)), IN), False),
        came(frame4(ICMP, error(3, ipv4(UDP, ports(7, 4000), IN)), IN), False),
        came(frame4(ICMP, error(3, ipv4(ICMP, error(3, asked), OUT)), IN), False),
        out(frame4(ICMP, error(3, asked), OUT), True),
    )
    yield scenario(
        "an error keeps no flow alive",
        UDP_7,
        out(ASK, True),
        came(frame4(ICMP, error(3, asked), IN), True, 100.0),
        came(frame4(ICMP, error(3, asked), IN), True, 179.0),
        came(ANSWER, False, 180.0),
    )
    yield scenario(
        "an error of ours about what the peer sent",
        PeerFilter(inbound=(PolicyRule(UDP, (7, 7)),)),
        came(frame4(UDP, ports(4000, 7), IN), True),
        out(frame4(ICMP, error(3, ipv4(UDP, ports(4000, 7), IN)), OUT), True),
        out(frame4(ICMP, error(3, ipv4(UDP, ports(4001, 7), IN)), OUT), False),
    )


def _odd_headers() -> Iterator[dict[str, Any]]:
    more = 0x2000
    yield scenario(
        "fragments",
        UDP_7,
        out(frame4(UDP, ports(1, 7), OUT, more), True),
        out(frame4(UDP, ports(1, 8), OUT, more), False),
        out(frame4(UDP, ports(1, 7)[:3], OUT, more), False),
        out(frame4(UDP, bytes(8), OUT, more | 1), False),
        out(frame4(TCP, bytes(8), OUT, 1), False),
        out(frame4(UDP, bytes(8), OUT, more | 2), True),
        came(frame4(UDP, b"", IN, 0x1FFF), True),
    )
    piece = bytes([UDP, 0, 0, 1]) + bytes(4)
    yield scenario(
        "fragments of IPv6",
        UDP_7,
        out(frame6(FRAGMENT, piece + ports(1, 7), OUT6), True),
        out(frame6(FRAGMENT, piece + ports(1, 8), OUT6), False),
        out(frame6(FRAGMENT, piece, OUT6), False),
        out(frame6(FRAGMENT, bytes([UDP, 0, 0, 0x08]) + bytes(4) + ports(1, 7), OUT6), False),
        out(frame6(FRAGMENT, bytes([TCP, 0, 0, 0x10]) + bytes(4), OUT6), True),
        out(frame6(FRAGMENT, bytes([FRAGMENT, 0, 0, 1]) + bytes(4) + piece + ports(1, 7), OUT6), False),
        out(frame6(FRAGMENT, bytes([FRAGMENT, 0, 0, 1]) + bytes(4) + bytes([TCP, 0, 0, 0x10]) + bytes(4), OUT6), False),
        out(frame6(FRAGMENT, bytes([UDP, 0, 0, 0x10]) + bytes(3), OUT6), False),
    )
    wide = OPEN_RULE
    yield scenario(
        "extension headers",
        outbound(PolicyRule(UDP, (7, 7)), PolicyRule(NONE, None), PolicyRule(MOBILITY, None)),
        out(frame6(HOP_BY_HOP, extension(UDP) + ports(1, 7), OUT6), True),
        out(frame6(HOP_BY_HOP, extension(UDP) + ports(1, 8), OUT6), False),
        out(frame6(HOP_BY_HOP, extension(OPTIONS, 2) + extension(UDP) + ports(1, 7), OUT6), True),
        out(frame6(OPTIONS, extension(OPTIONS) * 7 + extension(UDP) + ports(1, 7), OUT6), True),
        out(frame6(OPTIONS, extension(OPTIONS) * 8 + extension(UDP) + ports(1, 7), OUT6), False),
        out(frame6(AUTHENTICATION, bytes([UDP, 4]) + bytes(22) + ports(1, 7), OUT6), True),
        out(frame6(AUTHENTICATION, bytes([UDP, 4]) + bytes(22) + ports(1, 8), OUT6), False),
        out(frame6(ROUTING, extension(UDP) + ports(1, 7), OUT6), True),
        out(frame6(ROUTING, extension(UDP, 0, 1) + ports(1, 7), OUT6), False),
        out(frame6(OPTIONS, extension(UDP, 255) + ports(1, 7), OUT6), True),
        out(frame6(OPTIONS, bytes([UDP, 255]) + bytes(6) + ports(1, 7, 300), OUT6), False),
        out(frame6(NONE, ports(1, 8), OUT6), True),
        out(frame6(MOBILITY, bytes([UDP, 0]) + bytes(6) + ports(1, 8), OUT6), True),
    )
    yield scenario(
        "headers that do not parse, though everything is allowed",
        PeerFilter((wide,), (wide,)),
        out(ASK[:13], False),
        out(ASK[:33], False),
        out(ASK[:37], False),
        out(ASK[:38], True),
        out(frame4(ESP, b"", OUT), True),
        out(ethernet(0x0800, b"\x65" + ipv4(UDP, ports(1, 7), OUT)[1:]), False),
        out(ethernet(0x0800, b"\x44" + ipv4(UDP, ports(1, 7), OUT)[1:]), False),
        out(ethernet(0x0800, b"\x4f" + ipv4(UDP, ports(1, 7), OUT)[1:]), False),
        out(ethernet(0x0800, ipv4(UDP, ports(1, 7), OUT, 0, bytes(40))), True),
        out(ethernet(0x86DD, ipv6(UDP, ports(1, 7), OUT6)[:39]), False),
        out(ethernet(0x86DD, b"\x45" + ipv6(UDP, ports(1, 7), OUT6)[1:]), False),
        came(frame6(ICMPV6, b"", IN6), False),
    )


def scenarios() -> list[dict[str, Any]]:
    """All of them, as the file holds them."""
    parts = (_openness(), _rules(), _flows(), _icmp(), _errors(), _odd_headers())
    return json.loads(json.dumps([each for part in parts for each in part]))  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(scenarios(), indent=1))
