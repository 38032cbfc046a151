"""What any plane must do about filters, over real TAPs; a mixin of its own, beside the suite in `conformance`.

Each test asks the kernel to send something and waits for it, or for a counter: never for time to pass. That something
does not arrive is seen from the counter that says so.
"""

from __future__ import annotations

import socket

from zerogo.dataplane.interface import Counter
from zerogo.policy.decisions import DecisionTable
from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule
from zerogo.test.dataplane.kernel import End, connect, introduce
from zerogo.test.dataplane.planecase import MEGABYTE, PlaneCase

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
NOTHING = PeerFilter()
ECHO = (PolicyRule(ICMP, None), PolicyRule(ICMPV6, None))
PORT = 7


class PolicyConformance(PlaneCase):
    """Left is host 1, right is host 2; each is peer 1 to the other."""

    def filtered(self, left_rules: PeerFilter | None, right_rules: PeerFilter | None) -> list[End]:
        """Two planes with these filters, set before there is a session."""
        ends = self.open()
        introduce(ends)
        for end, rules in zip(ends, (left_rules, right_rules), strict=True):
            end.plane.set_filter(1, rules)
        connect(ends)
        return ends

    def is_pinged(self, source: End, target: End, family: int = 0) -> None:
        out = source.host.run("ping", "-c", "1", "-W", "5", target.host.addresses[family])
        self.assertIn(" 0% packet loss", out)

    def is_not_pinged(self, source: End, target: End, family: int = 0) -> None:
        before = source.plane.counters().plane[Counter.DROPPED_POLICY_OUT]
        command = f"ping -c 1 -W 0.2 {target.host.addresses[family]}; true"
        self.assertIn("100% packet loss", source.host.run("sh", "-c", command))
        self.counts(source, Counter.DROPPED_POLICY_OUT, before + 1)

    def is_dropped(self, source: End, target: End, counting: End, counter: Counter, port: int = PORT) -> None:
        """Datagrams from source to target, until one more is counted."""
        before = counting.plane.counters().plane[counter]
        sender = self.socket_in(source.host, socket.SOCK_DGRAM)

        def is_counted() -> bool:
            sender.sendto(b"forbidden", (target.host.addresses[0], port))
            return counting.plane.counters().plane[counter] > before

        self.wait(is_counted, f"{counter} to grow")

    def is_carried(self, sender: socket.socket, receiver: socket.socket, text: bytes) -> None:
        """A datagram between two sockets arrives; sent again until then, since a path may be young."""
        receiver.settimeout(0.2)
        for _ in range(25):
            sender.sendto(text, receiver.getsockname())
            try:
                while receiver.recv(2048) != text:
                    pass
            except TimeoutError:
                continue
            return
        raise AssertionError(f"{text!r} did not arrive")

    def test_without_rules_nothing_but_neighbour_discovery_passes(self) -> None:
        left, right = self.filtered(NOTHING, None)
        self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT)
        self.is_dropped(right, left, left, Counter.DROPPED_POLICY_IN)
        self.is_not_pinged(left, right)
        # Neither ARP nor ND is in the way: the kernel found its neighbours, or nothing would have been counted.
        self.assertEqual(0, right.plane.counters().plane[Counter.DROPPED_POLICY_IN])

    def test_either_end_alone_enforces(self) -> None:
        left, right = self.filtered(None, NOTHING)
        self.is_dropped(left, right, right, Counter.DROPPED_POLICY_IN)
        self.is_dropped(right, left, right, Counter.DROPPED_POLICY_OUT)
        self.assertEqual(0, left.plane.counters().plane[Counter.DROPPED_POLICY_OUT])

    def test_ping_is_answered_where_only_the_asker_may_open(self) -> None:
        rules = PeerFilter(outbound=ECHO)
        left, right = self.filtered(rules, rules.swapped)
        for family in (0, 1):
            self.is_pinged(left, right, family)
            self.is_not_pinged(right, left, family)

    def test_an_open_port_carries_a_stream_both_ways_and_no_other(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT + 1)),))
        left, right = self.filtered(rules, rules.swapped)
        asking = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40007))
        answering = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], PORT))
        self.is_carried(asking, answering, b"question")
        self.is_carried(answering, asking, b"answer")
        self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT, PORT + 2)
        self.is_dropped(right, left, right, Counter.DROPPED_POLICY_OUT, PORT)

    def test_super_frames_pass_by_one_rule(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(TCP, None),))
        left, right = self.filtered(rules, rules.swapped)
        for is_ipv6 in (False, True):
            self.transfer(left.host, right.host, 2 * MEGABYTE, is_ipv6)
        self.counts(right, Counter.TAP_SUPER_FRAMES_OUT, 1)

    def test_the_first_rule_that_matches_decides(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT), allows=False), OPEN_RULE))
        left, right = self.filtered(rules, None)
        self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT)
        self.is_pinged(left, right)

    def test_destinations_are_held(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(None, None, ("10.77.0.2/32", "fd77::/64")),))
        left, right = self.filtered(rules, None)
        self.is_pinged(left, right)
        self.is_pinged(left, right, 1)
        left.plane.set_filter(1, PeerFilter(outbound=(PolicyRule(None, None, ("10.78.0.0/16",)),)))
        self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT)

    def test_a_replaced_filter_ends_the_flows_that_it_does_not_allow(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT)),))
        left, right = self.filtered(rules, None)
        asking = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40007))
        answering = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], PORT))
        self.is_carried(asking, answering, b"question")
        left.plane.set_filter(1, PeerFilter(outbound=(PolicyRule(UDP, (1, 1000)),)))
        self.is_carried(answering, asking, b"the flow is still there")
        left.plane.set_filter(1, PeerFilter(outbound=ECHO))
        before = left.plane.counters().plane[Counter.DROPPED_POLICY_IN]

        def is_counted() -> bool:
            answering.sendto(b"the flow is over", asking.getsockname())
            return left.plane.counters().plane[Counter.DROPPED_POLICY_IN] > before

        self.wait(is_counted, "the answer to be dropped")
        left.plane.set_filter(1, None)
        self.is_carried(answering, asking, b"no filter, no loss")

    def test_what_was_decided_is_counted_where_that_is_wanted(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT)),))
        left, right = self.filtered(rules, None)
        asking = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40007))
        answering = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], PORT))
        self.is_carried(asking, answering, b"before anybody wants to know")
        self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT, PORT + 2)
        self.assertEqual([], left.plane.take_decisions())
        left.plane.set_decision_log(True)
        found = DecisionTable()

        def has(wanted: tuple[bool, int, int], opened: int, sender: socket.socket, to: tuple[str, int]) -> bool:
            sender.sendto(b"to be judged", to)
            for row in left.plane.take_decisions():
                found.add(row)
            rows = {row[1:4]: row for row in found.take()}
            for row in rows.values():
                found.add(row)
            return wanted in rows and (rows[wanted].opened, rows[wanted].refused > 0) == (opened, not opened)

        asking_too = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40008))
        ours, theirs = (left.host.addresses[0], PORT + 1), answering.getsockname()
        self.wait(lambda: has((False, UDP, PORT + 1), 0, answering, ours), "what was refused to be counted")
        self.wait(lambda: has((True, UDP, PORT), 1, asking_too, theirs), "the flow to be counted, once")
        left.plane.set_decision_log(False)

        def is_silent() -> bool:
            self.is_dropped(left, right, left, Counter.DROPPED_POLICY_OUT, PORT + 2)
            return left.plane.take_decisions() == []

        self.wait(is_silent, "nothing to be counted any more")

    def test_large_packets_pass_in_fragments_of_ip(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT)),))
        left, right = self.filtered(rules, rules.swapped)
        asking = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40007))
        answering = self.socket_in(right.host, socket.SOCK_DGRAM, (right.host.addresses[0], PORT))
        question = bytes(1900)
        self.is_carried(asking, answering, question)

    def test_an_error_about_a_flow_comes_back(self) -> None:
        rules = PeerFilter(outbound=(PolicyRule(UDP, (PORT, PORT)),))
        left, right = self.filtered(rules, rules.swapped)
        asking = self.socket_in(left.host, socket.SOCK_DGRAM, (left.host.addresses[0], 40007))
        asking.connect((right.host.addresses[0], PORT))
        asking.settimeout(0.2)
        for _ in range(25):
            try:
                asking.send(b"nobody listens there")
                asking.recv(100)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                return
        raise AssertionError("the port unreachable did not come back")
