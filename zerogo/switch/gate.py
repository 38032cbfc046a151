# -*- test-case-name: zerogo.test.switch.test_gate -*-
"""The filters of a plane's peers, and whether a frame passes: docs/PROTOCOL.md, section 13.

Stateful: what a rule lets one end open, the other end may answer. Frames of peers without a filter are not looked at.
Rules are looked through for the first frame of a flow only, and that is also when a decision is counted, where they
are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.policy.decisions import UNREADABLE, Decided, DecisionTable
from zerogo.policy.filter import PORT_MAX, PeerFilter, PolicyRule
from zerogo.switch.flows import FLOWS_LIMIT, Flow, FlowTable
from zerogo.switch.frame import Buffer
from zerogo.switch.headers import Packet, Reading, read_frame
from zerogo.switch.prefixes import PrefixSet


class _Rule:
    """A rule in the form that is quick to ask."""

    __slots__ = ("_high", "_low", "_prefixes", "_protocol", "allows", "is_open")

    def __init__(self, rule: PolicyRule) -> None:
        self._protocol = rule.protocol
        self._low, self._high = rule.ports or (-1, PORT_MAX)
        self._prefixes = PrefixSet(rule.destinations) if rule.destinations else None
        self.allows = rule.allows
        self.is_open = rule.is_open

    def matches(self, packet: Packet) -> bool:
        if self._protocol is not None and self._protocol != packet.protocol:
            return False
        if self._low >= 0 and not (packet.has_ports and self._low <= packet.destination_port <= self._high):
            return False
        return self._prefixes is None or packet.destination in self._prefixes


class _Direction:
    """The rules of one direction."""

    def __init__(self, rules: Sequence[PolicyRule]) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self.allows_ethernet = next((rule.allows for rule in self._rules if rule.is_open), False)
        """Whether frames that are not IP may pass."""

    def allows(self, packet: Packet) -> bool:
        return next((rule.allows for rule in self._rules if rule.matches(packet)), False)


class Gate:
    """All filters of a plane. Times are monotonic seconds."""

    def __init__(self, flows_limit: int = FLOWS_LIMIT) -> None:
        self._filters: dict[int, tuple[_Direction, _Direction]] = {}
        self.flows = FlowTable(flows_limit)
        """What was opened."""
        self.decisions: DecisionTable | None = None
        """What was decided; None: nobody wants to know."""

    def holds(self, peer: int) -> bool:
        """Whether frames of this peer have to be judged."""
        return peer in self._filters

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        """Judge a peer's frames by these rules from now on; flows that they do not allow end."""
        if peer_filter is None:
            self._filters.pop(peer, None)
            self.flows.end(peer, lambda packet, is_outbound: False)
            return
        directions = (_Direction(peer_filter.inbound), _Direction(peer_filter.outbound))
        self._filters[peer] = directions
        self.flows.end(peer, lambda packet, is_outbound: directions[is_outbound].allows(packet))

    def passes(self, peer: int, frame: Buffer, is_outbound: bool, now: float) -> bool:
        """Whether a frame to or from a peer passes; what that opens is kept.

        :param frame: from the destination MAC address on, at least all its headers.
        """
        directions = self._filters.get(peer)
        if directions is None:
            return True
        rules = directions[is_outbound]
        reading = read_frame(frame)
        if isinstance(reading, Reading):
            if reading is Reading.PASSES or (reading is Reading.NOT_IP and rules.allows_ethernet):
                return True
            return self._decide(peer, is_outbound, None)
        if not reading.is_of_flow:
            if self._is_about_flow(peer, reading, is_outbound, now) or rules.allows(reading):
                return True
            return self._decide(peer, is_outbound, reading)
        flow = Flow.of(peer, reading, is_outbound)
        if self.flows.touch(flow, now):
            return True
        if not rules.allows(reading):
            return self._decide(peer, is_outbound, reading)
        self.flows.open(flow, is_outbound, now)
        return self._decide(peer, is_outbound, reading, is_allowed=True)

    def _decide(self, peer: int, is_outbound: bool, packet: Packet | None, is_allowed: bool = False) -> bool:
        """What was decided, which is counted where that is wanted."""
        if self.decisions is not None:
            protocol = UNREADABLE if packet is None else packet.protocol
            port = packet.destination_port if packet is not None and packet.has_ports else 0
            self.decisions.add(Decided(peer, is_outbound, protocol, port, int(is_allowed), int(not is_allowed)))
        return is_allowed

    def _is_about_flow(self, peer: int, error: Packet, is_outbound: bool, now: float) -> bool:
        """Whether an ICMP error quotes a packet that went the other way in a flow."""
        quoted = error.quoted
        if quoted is None or quoted.source != error.destination:
            return False
        return self.flows.knows(Flow.of(peer, quoted, not is_outbound), now)
