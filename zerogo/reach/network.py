# -*- test-case-name: zerogo.test.reach.test_network -*-
"""What was found of this machine's network, and what follows from it: lines to read, a verdict, what could be changed.

The verdict is about direct connections: to whom they may be expected, and what stands in the way. Grades are those of
the exit status of `zerogo netcheck`.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator

from attrs import field, frozen

from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.ids import SocketAddress
from zerogo.portmap.lease import MappingProtocol
from zerogo.portmap.mapper import MapperStatus, Standing
from zerogo.reach.pair import describe_nat
from zerogo.reach.survey import Filtering, SurveyResult

SKEW_SECONDS = 30.0
"""A clock that is further off is worth a word: credentials of relays end by the clock."""
MTU_GOOD = 1380
"""Networks with less make frames be cut into more pieces than is usual."""


class Grade(enum.IntEnum):
    """How well members can be reached from here; the exit status."""

    DIRECT = 0
    RELAYED = 1
    """Only by relays, as far as can be told."""
    CUT_OFF = 2
    """Nothing was heard of anybody."""


class Greeting(enum.Enum):
    """Who answered at the controller's address."""

    GENUINE = enum.auto()
    """The controller of the join token, by its keys."""
    FOREIGN = enum.auto()
    """A controller, but with other keys."""
    INTERCEPTED = enum.auto()
    """Somebody else: a portal, or a proxy that does not let WebSockets through."""
    SILENT = enum.auto()


@frozen(kw_only=True)
class ControllerFacts:
    """One address of the controller."""

    address: str
    greeting: Greeting
    detail: str = ""
    rtt: float | None = None
    """Of the TCP connection, seconds."""
    skew: float | None = None
    """The controller's clock minus ours, seconds; known to a second."""


@frozen(kw_only=True)
class RelayFacts:
    """Round trips to one relay, seconds; None where it did not answer or has no such port."""

    name: str
    udp: float | None = None
    tcp: float | None = None
    tls: float | None = None

    @property
    def best(self) -> float | None:
        """The smallest."""
        return min((each for each in (self.udp, self.tcp, self.tls) if each is not None), default=None)


@frozen(kw_only=True)
class NetworkFacts:
    """All that was found."""

    hosts: tuple[str, ...] = ()
    """Addresses of this machine that members are told."""
    servers: int = 0
    """STUN servers that were asked; 0 where none is known."""
    own_servers: int = 0
    """Servers on this machine itself, which see nothing of the network and are not asked."""
    survey: SurveyResult = field(factory=SurveyResult)
    mapper: MapperStatus | None = None
    """None where no gateway was asked."""
    relays: tuple[RelayFacts, ...] = ()
    controllers: tuple[ControllerFacts, ...] = ()
    port: int = 9993
    """Of the agent's data socket."""

    @property
    def outer(self) -> SocketAddress | None:
        """Where servers see us, by IPv4."""
        return self._mapped(is_ipv6=False)

    @property
    def outer6(self) -> SocketAddress | None:
        """Where servers see us, by IPv6."""
        return self._mapped(is_ipv6=True)

    @property
    def has_udp(self) -> bool:
        """Whether any server answered by UDP."""
        return any(view.mapped is not None for view in self.survey.servers)

    @property
    def nat(self) -> NatBehaviour:
        """What the NAT does to IPv4."""
        return NatBehaviour(mapping=self.survey.mapping, ports=self.survey.ports, step=self.survey.step)

    @property
    def is_mapped(self) -> bool:
        """Whether the gateway maps a port, and does so for everybody outside."""
        return self.mapper is not None and self.mapper.outer is not None and not self.has_second_nat

    @property
    def has_second_nat(self) -> bool:
        """Whether the gateway's outer address is not the one that servers see."""
        inner = None if self.mapper is None else self.mapper.outer
        if inner is None:
            return False
        if self.outer is not None:
            return inner.host != self.outer.host
        return not ipaddress.ip_address(inner.host).is_global

    def _mapped(self, *, is_ipv6: bool) -> SocketAddress | None:
        found = [view.mapped for view in self.survey.servers if view.mapped is not None]
        return next((each for each in found if each.is_ipv6 is is_ipv6), None)


@frozen(kw_only=True)
class Verdict:
    """For a person."""

    grade: Grade
    sentences: tuple[str, ...]
    advice: tuple[str, ...] = ()


def judge(facts: NetworkFacts) -> Verdict:
    """What to expect, and what could be changed."""
    grade, *sentences = _expectation(facts)
    sentences += _remarks(facts)
    return Verdict(grade=grade, sentences=tuple(sentences), advice=tuple(_advice(facts, grade)))


def _expectation(facts: NetworkFacts) -> tuple[Grade, str]:
    is_heard = facts.has_udp or any(each.greeting is Greeting.GENUINE for each in facts.controllers)
    is_heard = is_heard or any(each.best is not None for each in facts.relays)
    if not facts.hosts:
        return Grade.CUT_OFF, "This machine has no address in any network."
    if any(each.greeting is Greeting.INTERCEPTED for each in facts.controllers) and not facts.has_udp:
        return Grade.CUT_OFF, "Somebody else answers in the controller's place: perhaps a portal wants a log-in first."
    if not facts.servers and not facts.controllers and facts.own_servers:
        return Grade.RELAYED, "The server is on this machine itself, and sees nothing of the network: name another one."
    if not facts.servers and not facts.controllers:
        return Grade.RELAYED, "No server is known, since this machine is in no network yet: only the gateway was asked."
    if not is_heard:
        return Grade.CUT_OFF, "Neither the controller nor any relay answers: this machine is cut off from them."
    if not facts.has_udp:
        return Grade.RELAYED, "No UDP gets through here: members are reached through relays, by TCP or TLS."
    if facts.survey.mapping is NatMapping.NONE:
        return Grade.DIRECT, "No NAT is in the way: direct connections may be expected to everybody."
    if facts.outer6 is not None and facts.outer is None:
        return Grade.DIRECT, "This machine is reached by IPv6: direct connections may be expected to all who have it."
    if facts.is_mapped:
        return Grade.DIRECT, "The gateway maps a port to this machine: direct connections may be expected to everybody."
    if facts.survey.mapping is not NatMapping.PER_DESTINATION:
        return Grade.DIRECT, "The NAT here is an easy one: direct connections may be expected to nearly everybody."
    if facts.survey.ports is PortPattern.SEQUENTIAL:
        return Grade.DIRECT, "The NAT here is a hard one that counts its ports: direct connections work by prediction."
    return (
        Grade.DIRECT if facts.outer6 is not None else Grade.RELAYED,
        "The NAT here is a hard one: members with an easy NAT are reached directly after a second or so, "
        "those with a hard one through relays.",
    )


def _remarks(facts: NetworkFacts) -> Iterator[str]:
    if facts.has_second_nat:
        yield "Behind the gateway there is another NAT: what the gateway maps is of use only in between."
    if facts.outer6 is not None and facts.outer is not None:
        yield "IPv6 works, so members that have it too are reached without any NAT."
    for controller in facts.controllers:
        if controller.greeting is Greeting.FOREIGN:
            yield f"At {controller.address} answers a controller that is not this network's."
        if controller.skew is not None and abs(controller.skew) > SKEW_SECONDS:
            word = "behind" if controller.skew > 0 else "ahead of"
            yield f"The clock here is {abs(controller.skew):.0f} s {word} the controller's."
    if facts.survey.mtu is not None and facts.survey.mtu < MTU_GOOD:
        yield f"Packets of more than {facts.survey.mtu} bytes do not get through; ZeroGo finds that out by itself."


def _advice(facts: NetworkFacts, grade: Grade) -> Iterator[str]:
    if any(each.greeting is Greeting.INTERCEPTED for each in facts.controllers):
        yield "Open a web page in a browser here and see whether the network wants a log-in."
    if facts.hosts and facts.servers and not facts.has_udp:
        yield f"Have the firewall let UDP out: from port {facts.port}, to any."
        yield (
            "Or set `listen-tcp: 443` at members that can be reached from outside, a port from 1024 on where a router "
            "maps ports: then no relay is needed for them."
        )
    is_behind_nat = facts.survey.mapping not in (NatMapping.NONE, NatMapping.UNKNOWN)
    if is_behind_nat and not facts.is_mapped and not facts.has_second_nat and facts.mapper is not None:
        is_urgent = facts.survey.mapping is NatMapping.PER_DESTINATION
        router = f"router {facts.mapper.gateway or ''}".rstrip()
        # Only where the NAT keeps our port do others learn of one that was forwarded by hand.
        keeps_port = facts.survey.ports is PortPattern.PRESERVED
        by_hand = f", or forward UDP port {facts.port} to this machine" if keeps_port else ""
        begin = "Switch on" if is_urgent else "To be reached by everybody, switch on"
        yield f"{begin} UPnP, NAT-PMP or PCP in the {router}{by_hand}."
    if grade is not Grade.CUT_OFF and facts.servers and not any(":" in host for host in facts.hosts):
        yield "Get IPv6 if you can: no NAT is in the way there."
    if any(each.skew is not None and abs(each.skew) > SKEW_SECONDS for each in facts.controllers):
        yield "Have both clocks set by the network (NTP)."


def report_lines(facts: NetworkFacts) -> list[tuple[str, str]]:
    """Names and values, in the order in which a person wants them."""
    survey = facts.survey
    answered = sum(view.mapped is not None for view in survey.servers)
    ipv6 = str(facts.outer6) if facts.outer6 is not None else _without_ipv6(facts)
    lines = [
        ("addresses", ", ".join(facts.hosts) or "none"),
        ("UDP", f"works, {answered} of {facts.servers} servers answer" if facts.has_udp else _without_udp(facts)),
        ("outer IPv4", str(facts.outer or "-")),
        ("outer IPv6", ipv6),
        ("NAT", _nat(facts)),
        ("lets in", survey.filtering.value if survey.filtering is not Filtering.UNKNOWN else "not known"),
        ("hairpin", {None: "not known", True: "works", False: "does not work"}[survey.hairpin]),
        ("path MTU", f"at least {survey.mtu} bytes to the first server" if survey.mtu else "not known"),
    ]
    lines += _gateway_lines(facts)
    lines += [(f"relay {relay.name}", _relay(relay)) for relay in facts.relays]
    lines += [("controller", _controller(each)) for each in facts.controllers]
    return lines


def _without_udp(facts: NetworkFacts) -> str:
    if facts.own_servers and not facts.servers:
        return "not known: a server on this machine sees nothing of the network"
    return "blocked, or no server is up" if facts.servers else "not known: no server was asked"


def _without_ipv6(facts: NetworkFacts) -> str:
    return "has an address, no server was reached by it" if any(":" in host for host in facts.hosts) else "none"


def _nat(facts: NetworkFacts) -> str:
    text = describe_nat(facts.nat)
    if facts.survey.varies_by_port is None:
        return text
    return text + (" (host and port)" if facts.survey.varies_by_port else " (host)")


def _gateway_lines(facts: NetworkFacts) -> Iterator[tuple[str, str]]:
    mapper = facts.mapper
    if mapper is None:
        return
    if mapper.gateway is None:
        yield "gateway", "none"
        return
    words = {Standing.PRESENT: "yes", Standing.ABSENT: "no", Standing.ASKED: "no answer yet"}
    found = [
        f"{protocol} {words.get(mapper.protocols[protocol].standing, mapper.protocols[protocol].reason)}"
        for protocol in MappingProtocol
        if protocol in mapper.protocols
    ]
    yield "gateway", f"{mapper.gateway}: {', '.join(found) or 'not asked'}"
    if mapper.outer is not None:
        yield "mapped", f"{mapper.outer} by {mapper.used}"


def ms(seconds: float | None) -> str:
    """`12.3 ms`; a dash for nothing."""
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _relay(relay: RelayFacts) -> str:
    if relay.best is None:
        return "does not answer"
    return f"UDP {ms(relay.udp)}, TCP {ms(relay.tcp)}, TLS {ms(relay.tls)}"


def _controller(facts: ControllerFacts) -> str:
    words = {
        Greeting.GENUINE: "genuine",
        Greeting.FOREIGN: "another controller answers",
        Greeting.INTERCEPTED: "somebody else answers",
        Greeting.SILENT: "does not answer",
    }
    text = f"{facts.address}: {words[facts.greeting]}"
    if facts.detail:
        text += f" ({facts.detail})"
    if facts.rtt is not None:
        text += f", {ms(facts.rtt)}"
    if facts.skew is not None:
        text += f", clock {facts.skew:+.0f} s"
    return text
